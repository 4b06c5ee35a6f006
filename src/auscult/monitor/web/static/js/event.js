// One event: its sound to play, what stands out in it, and the nearest normal sound to compare.

import { get } from "./api.js";
import { h, setText } from "./dom.js";
import { duration, full, moment, NONE, number } from "./format.js";
import { EventSounds } from "./event_sounds.js";
import { icon } from "./icons.js";
import { describeRegion } from "./regions.js";
import { eventAddress, eventsAddress, machineAddress } from "./router.js";

const TITLES = { alarm: "Alarm", sensor: "Sensor fault", state: "Change of state", drift: "Slow change" };
const MOST = 1000;

export function open(main, route, app) {
  return new EventView(main, route.id, app.live);
}

class EventView {
  constructor(main, id, live) {
    [this.main, this.id, this.live] = [main, id, live];
    this.neighbours = {};
    this.keys = [
      ["p", "Play or stop the sound of the event", () => this.sounds?.own?.player.toggle()],
      ["j", "Play or stop the window that was judged", () => this.sounds?.window?.play()],
      ["n", "Play or stop the nearest normal sound", () => this.sounds?.other?.player.toggle()],
      ["m", "Explanation on or off", () => this.sounds?.window?.toggleMap()],
      ["ArrowLeft", "Previous event", () => this.go("previous")],
      ["ArrowRight", "Next event", () => this.go("next")],
    ];
    this.refresh = this.refresh.bind(this);
    for (const name of ["change", "missed"]) live.addEventListener(name, this.refresh);
    this.load();
  }

  close() {
    this.closed = true;
    for (const name of ["change", "missed"]) this.live.removeEventListener(name, this.refresh);
    this.sounds?.close();
  }

  async load() {
    try {
      const event = await get(`api/events/${this.id}`);
      if (this.closed) return;
      this.sounds?.close();
      this.main.replaceChildren();
      this.build(event);
      await Promise.all([this.sounds.load(), this.loadNeighbours(event)]);
    } catch (error) {
      const text =
        error.status === 404
          ? `There is no event with the number ${this.id}.`
          : `The event could not be read: ${error.message}`;
      if (!this.closed) this.main.append(h("p", { class: "problem" }, text));
    }
  }

  /** Follow an event that lasts. What it sounded like is complete when it has ended. */
  async refresh() {
    if (this.event?.end !== null || this.refreshing) return;
    this.refreshing = true;
    try {
      const event = await get(`api/events/${this.id}`);
      const playing = [...this.main.querySelectorAll("audio")].some((audio) => !audio.paused);
      if (this.closed) return;
      if (event.end !== null && !playing) await this.load();
      else this.describe(event);
    } catch {
      // What is shown is of then; that the connection is lost is shown elsewhere.
    } finally {
      this.refreshing = false;
    }
  }

  build(event) {
    this.lasts = h("b");
    this.about = h("aside");
    this.links = h("nav", { class: "neighbours", "aria-label": "Events of this machine" });
    this.sounds = new EventSounds(event);
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
          this.lasts,
        ),
        this.links,
      ),
      h(
        "div",
        { class: "event-grid" },
        this.sounds.element,
        this.about,
      ),
    );
    this.describe(event);
  }

  /** Show what is known in words, which changes while the event lasts. */
  describe(event) {
    this.event = event;
    setText(this.lasts, event.end === null ? "lasts" : `lasted ${duration(event.end - event.start)}`);
    const parts = [this.facts(event), this.reasons(event), this.notes(event)];
    this.about.replaceChildren(...parts.filter(Boolean));
  }

  facts(event) {
    const facts = [
      ["Start", full(event.start)],
      ["End", event.end === null ? "it lasts" : full(event.end)],
      ["Peak score", event.peak === null ? NONE : `${number(event.peak)} at ${moment(event.peak_time)}`],
      ["Threshold", number(event.threshold)],
      ["Alarm rule", event.state === "probation" ? "on probation, not verified yet" : event.state || NONE],
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
    // Recordings without a name are called <recording 5>.
    const name = nearest?.replace(/^<(.*)>$/, "$1");
    const compared = name ? h("p", { class: "note" }, `Nearest normal recording: ${name}`) : null;
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
