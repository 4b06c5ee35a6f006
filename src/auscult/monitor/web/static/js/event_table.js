// A table of events, the last one first.

import { h } from "./dom.js";
import { duration, full, moment, NONE, number } from "./format.js";
import { icon } from "./icons.js";
import { eventAddress, machineAddress } from "./router.js";

const ICONS = { alarm: "alarm", sensor: "sensor", state: "unjudged", drift: "starting" };

/** What an event was, in a few words. */
export function summary(event) {
  const { explanation } = event;
  if (event.kind === "alarm") {
    const kinds = [...new Set((explanation?.regions ?? []).map((region) => region.kind))];
    const probation = event.state === "probation" ? ["on probation"] : [];
    return [...kinds, ...probation].join(", ") || "no part stands out";
  }
  return explanation?.text || explanation?.detail || event.state || NONE;
}

export class EventTable {
  constructor({ caption, withMachine }) {
    this.withMachine = withMachine;
    this.body = h("tbody");
    this.note = h("p", { class: "note" }, "Loading …");
    const heads = [
      "Event",
      "Start",
      "Lasted",
      ...(withMachine ? ["Machine"] : []),
      "Peak / threshold",
      "What",
    ];
    this.table = h(
      "table",
      { class: "events", hidden: true },
      h("caption", { class: "unseen" }, caption),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          heads.map((text) => h("th", { scope: "col" }, text)),
        ),
      ),
      this.body,
    );
    this.element = h("div", { class: "event-table" }, this.table, this.note);
  }

  show(events, { append = false } = {}) {
    const rows = events.map((event) => this.row(event));
    if (append) this.body.append(...rows);
    else this.body.replaceChildren(...rows);
    const none = this.body.children.length === 0;
    this.table.hidden = none;
    this.note.hidden = !none;
    this.note.textContent = "No events.";
  }

  fail(message) {
    this.note.hidden = false;
    this.note.textContent = `Events could not be read: ${message}`;
  }

  row(event) {
    const lasted = event.end === null ? h("b", {}, "lasts") : duration(event.end - event.start);
    const peak = event.peak === null ? NONE : `${number(event.peak)} / ${number(event.threshold)}`;
    return h(
      "tr",
      { data: { event: event.id, kind: event.kind } },
      h(
        "td",
        { class: "kind" },
        h("a", { href: eventAddress(event.id) }, icon(ICONS[event.kind] ?? "unjudged"), event.kind),
      ),
      h("td", { class: "start", title: full(event.start) }, moment(event.start)),
      h("td", { class: "lasted" }, lasted),
      this.withMachine
        ? h("td", { class: "machine" }, h("a", { href: machineAddress(event.machine) }, event.name))
        : null,
      h("td", { class: "peak" }, peak),
      h("td", { class: "what" }, summary(event)),
    );
  }
}
