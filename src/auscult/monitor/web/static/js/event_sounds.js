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
    for (const panel of [this.own, this.window, this.other]) panel?.close();
  }

  async load() {
    const { event, stored } = this;
    const picture = (role) => stored[role] && optional(`api/events/${event.id}/spectrogram`, { role });
    const [map, sound, peak, normal] = await Promise.all([
      event.has_map ? optional(`api/events/${event.id}/map`) : null,
      ...["event", "peak", "normal"].map(picture),
    ]);
    if (this.closed) return;
    const pictures = [sound, peak, normal].filter(Boolean);
    const range = pictures.length ? commonRange(pictures) : null;
    const span = sound && map ? windowIn(sound, map) : null;
    const regions = event.explanation?.regions ?? [];
    if (stored.event) {
      const note = `${moment(stored.event.start)}, ${length(stored.event)}`;
      const parts = { sound: stored.event, spectrogram: sound, range, marked: span };
      this.own = new SoundPanel({ title: "Sound of the event", note, ...parts });
    }
    if (this.own && span) {
      this.window = new WindowPanel({ spectrogram: sound, span, range, map, regions, sound: this.own });
    } else if (peak && map) {
      const parts = { spectrogram: peak, span: [0, peak.seconds], range, map, regions };
      this.window = new WindowPanel({ ...parts, stored: stored.peak });
    }
    if (stored.normal) {
      const parts = { sound: stored.normal, spectrogram: normal, range };
      this.other = new SoundPanel({ title: "Nearest normal sound", note: length(stored.normal), ...parts });
    }
    const panels = [this.own, this.window, this.other].filter(Boolean);
    const players = [...new Set(panels.map((panel) => panel.player))];
    for (const player of players) player.others = players.filter((other) => other !== player);
    this.show(panels);
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
