// The sounds of an event: its own, the window that was judged, and the nearest normal one.

import { get } from "./api.js";
import { h } from "./dom.js";
import { moment } from "./format.js";
import { commonRange } from "./level_range.js";
import { SoundPanel } from "./sound_panel.js";
import { WindowPanel } from "./window_panel.js";

/** Return an answer, or null if the monitor has none. */
async function optional(path, query) {
  try {
    return await get(path, query);
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

/** Return the part of a sound that an explanation is of, seconds from its start, or null if it is not in it. */
function windowIn(sound, map) {
  const start = map.start - sound.start;
  const inside = [Math.max(0, start), Math.min(sound.seconds, start + map.seconds)];
  return inside[1] - inside[0] > 0.5 * map.seconds ? inside : null;
}

const length = ({ seconds }) => `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;

export class EventSounds {
  constructor(event) {
    this.event = event;
    this.stored = Object.fromEntries((event.sounds ?? []).map((sound) => [sound.role, sound]));
    [this.own, this.window, this.other] = [null, null, null];
    this.element = h("div", { class: "sounds" }, h("p", { class: "loading" }, "Loading …"));
  }

  close() {
    this.closed = true;
    this.own?.close();
    this.other?.close();
  }

  async load() {
    const { event, stored } = this;
    const picture = (role) => stored[role] && optional(`api/events/${event.id}/spectrogram`, { role });
    const [map, sound, normal] = await Promise.all([
      event.has_map ? optional(`api/events/${event.id}/map`) : null,
      picture("event"),
      picture("normal"),
    ]);
    if (this.closed) return;
    const pictures = [sound, normal].filter(Boolean);
    const range = pictures.length ? commonRange(pictures) : null;
    const span = sound && map ? windowIn(sound, map) : null;
    if (stored.event) {
      const note = `${moment(stored.event.start)}, ${length(stored.event)}`;
      const parts = { sound: stored.event, spectrogram: sound, range, marked: span };
      this.own = new SoundPanel({ title: "Sound of the event", note, ...parts });
    }
    if (this.own && span) {
      const regions = event.explanation?.regions ?? [];
      this.window = new WindowPanel({ spectrogram: sound, span, range, map, regions, sound: this.own });
    }
    if (stored.normal) {
      const parts = { sound: stored.normal, spectrogram: normal, range };
      this.other = new SoundPanel({ title: "Nearest normal sound", note: length(stored.normal), ...parts });
    }
    const playing = [this.own, this.other].filter(Boolean);
    for (const panel of playing) panel.others = playing.filter((other) => other !== panel);
    this.show([this.own, this.window, this.other].filter(Boolean));
  }

  show(panels) {
    const none =
      this.event.end === null
        ? "The sound is stored some seconds after the start of an event: open it again then."
        : "No sound of this event is stored.";
    const note = this.event.kind === "alarm" ? [h("p", { class: "note" }, none)] : [];
    this.element.replaceChildren(...(panels.length ? panels.map(({ element }) => element) : note));
  }
}
