// One event: its sound to play, what stands out in it, and the nearest normal sound to compare.

import { get } from "./api.js";
import { h } from "./dom.js";
import { duration, full, moment, NONE, number } from "./format.js";
import { icon } from "./icons.js";
import { commonRange } from "./level_range.js";
import { describeRegion } from "./regions.js";
import { eventAddress, eventsAddress, machineAddress } from "./router.js";
import { SoundPanel } from "./sound_panel.js";

const TITLES = { alarm: "Alarm", sensor: "Sensor fault", state: "Change of state", drift: "Slow change" };
const MOST = 1000;

export function open(main, route) {
  return new EventView(main, route.id);
}

/** Return an answer, or null if the monitor has none. */
async function optional(path, query) {
  try {
    return await get(path, query);
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

class EventView {
  constructor(main, id) {
    [this.main, this.id] = [main, id];
    this.panels = [];
    this.neighbours = {};
    this.keys = [
      ["p", "Play or stop the sound of the event", () => this.panels[0]?.toggle()],
      ["n", "Play or stop the nearest normal sound", () => this.panels[1]?.toggle()],
      ["m", "Explanation on or off", () => this.panels[0]?.toggleMap()],
      ["ArrowLeft", "Previous event", () => this.go("previous")],
      ["ArrowRight", "Next event", () => this.go("next")],
    ];
    this.load();
  }

  close() {
    this.closed = true;
    for (const panel of this.panels) panel.close();
  }

  async load() {
    try {
      const event = await get(`api/events/${this.id}`);
      if (this.closed) return;
      this.build(event);
      await Promise.all([this.loadPictures(event), this.loadNeighbours(event)]);
    } catch (error) {
      const text =
        error.status === 404
          ? `There is no event with the number ${this.id}.`
          : `The event could not be read: ${error.message}`;
      if (!this.closed) this.main.append(h("p", { class: "problem" }, text));
    }
  }

  build(event) {
    this.links = h("nav", { class: "neighbours", "aria-label": "Events of this machine" });
    this.sounds = h("div", { class: "sounds" }, h("p", { class: "loading" }, "Loading the sound …"));
    const title = TITLES[event.kind] ?? event.kind;
    document.title = `${title} of ${event.name} · auscult`;
    this.main.append(
      h(
        "header",
        { class: "page-head" },
        h(
          "p",
          { class: "back" },
          h("a", { href: machineAddress(event.machine) }, event.name),
          " · ",
          h("a", { href: eventsAddress(event.machine) }, "events"),
        ),
        h("h1", {}, `${title}, ${moment(event.start)}`),
        h(
          "span",
          { class: "status large", data: { kind: event.kind === "alarm" ? "alarm" : "sensor" } },
          icon(event.kind === "alarm" ? "alarm" : "sensor"),
          h("b", {}, event.end === null ? "lasts" : `lasted ${duration(event.end - event.start)}`),
        ),
        this.links,
      ),
      h(
        "div",
        { class: "event-grid" },
        this.sounds,
        h("aside", {}, this.facts(event), this.reasons(event), this.notes(event)),
      ),
    );
  }

  facts(event) {
    const facts = [
      ["Start", full(event.start)],
      ["End", event.end === null ? "it lasts" : full(event.end)],
      [
        "Highest persistent score",
        event.peak === null ? NONE : `${number(event.peak)} at ${moment(event.peak_time)}`,
      ],
      ["Threshold", number(event.threshold)],
      [
        "Alarm rule",
        event.state === "probation" ? "on probation: its budget is not verified yet" : event.state || NONE,
      ],
      ["Model", event.model ? event.model.slice(0, 12) : NONE],
      ["Event", String(event.id)],
    ];
    return h(
      "section",
      { class: "card" },
      h("h2", {}, "Facts"),
      h(
        "dl",
        {},
        facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
      ),
    );
  }

  reasons(event) {
    const { regions = [], nearest, text, detail } = event.explanation ?? {};
    if (event.kind !== "alarm")
      return text || detail
        ? h("section", { class: "card" }, h("h2", {}, "What happened"), h("p", {}, text ?? detail))
        : null;
    const items = regions.map((region) => h("li", {}, describeRegion(region)));
    const none = h(
      "p",
      { class: "note" },
      "No part of the window exceeds by itself what normal recordings show; the score comes from many small deviations.",
    );
    const compared = nearest ? h("p", { class: "note" }, `Nearest normal recording: ${nearest}`) : null;
    return h(
      "section",
      { class: "card reasons" },
      h("h2", {}, "What stands out"),
      items.length ? h("ol", {}, items) : none,
      compared,
    );
  }

  notes(event) {
    if (!event.feedback?.length) return null;
    const items = event.feedback.map((note) =>
      h(
        "li",
        {},
        h("b", {}, note.verdict ?? "note"),
        ` ${note.text} `,
        h("small", {}, `${note.author}, ${moment(note.time)}`),
      ),
    );
    return h("section", { class: "card" }, h("h2", {}, "Notes"), h("ul", { class: "notes" }, items));
  }

  async loadPictures(event) {
    const [map, sound, normal] = await Promise.all([
      event.has_map ? optional(`api/events/${event.id}/map`) : null,
      optional(`api/events/${event.id}/spectrogram`, { role: "event" }),
      optional(`api/events/${event.id}/spectrogram`, { role: "normal" }),
    ]);
    if (this.closed) return;
    const sounds = Object.fromEntries((event.sounds ?? []).map((entry) => [entry.role, entry]));
    const range = sound || normal ? commonRange([sound, normal].filter(Boolean)) : null;
    const regions = event.explanation?.regions ?? [];
    const panels = [
      sounds.event &&
        new SoundPanel({
          title: "Sound of the event",
          sound: sounds.event,
          spectrogram: sound,
          range,
          map,
          regions,
        }),
      sounds.normal &&
        new SoundPanel({ title: "Nearest normal sound", sound: sounds.normal, spectrogram: normal, range }),
    ].filter(Boolean);
    this.panels = panels;
    for (const panel of panels) panel.others = panels.filter((other) => other !== panel);
    const waiting =
      event.end === null
        ? "The sound is stored a few seconds after the start of an event: open it again then."
        : "No sound of this event is stored.";
    this.sounds.replaceChildren(
      ...(panels.length ? panels.map((panel) => panel.element) : [h("p", { class: "note" }, waiting)]),
    );
  }

  async loadNeighbours(event) {
    const [before, after] = await Promise.all([
      get("api/events", { machine: event.machine, before: event.id, limit: 1 }),
      get("api/events", { machine: event.machine, since: event.start, limit: MOST }),
    ]);
    if (this.closed) return;
    const next = after.events.filter(({ id }) => id > event.id).at(-1);
    this.neighbours = { previous: before.events[0], next };
    const link = (name, text) =>
      this.neighbours[name]
        ? h("a", { href: eventAddress(this.neighbours[name].id) }, text)
        : h("span", { class: "none" }, text);
    this.links.replaceChildren(link("previous", "‹ Previous"), link("next", "Next ›"));
  }

  go(name) {
    if (this.neighbours[name]) location.hash = eventAddress(this.neighbours[name].id);
  }
}
