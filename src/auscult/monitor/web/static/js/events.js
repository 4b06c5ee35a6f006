// The list of all events, by machine and kind.

import { get } from "./api.js";
import { h } from "./dom.js";
import { EventTable } from "./event_table.js";

const PAGE = 50;
const KINDS = [
  ["", "all kinds"],
  ["alarm", "alarms"],
  ["sensor", "sensor faults"],
  ["drift", "slow changes"],
  ["state", "changes of state"],
];

export function open(main, route, app) {
  return new Events(main, route, app.live);
}

class Events {
  constructor(main, route, live) {
    this.live = live;
    this.keys = [];
    this.query = Object.fromEntries(
      ["machine", "kind", "lasting"].map((name) => [name, route.values.get(name) || null]),
    );
    this.machine = h("select", { "aria-label": "Machine" });
    this.kind = h(
      "select",
      { "aria-label": "Kind" },
      KINDS.map(([value, text]) => h("option", { value }, text)),
    );
    this.kind.value = this.query.kind ?? "";
    this.lasting = h("input", { type: "checkbox", id: "lasting" });
    this.lasting.checked = this.query.lasting !== null;
    this.table = new EventTable({ caption: "Events", withMachine: true });
    this.more = h(
      "button",
      { type: "button", hidden: true, on: { click: () => this.load(true) } },
      "Earlier events",
    );
    for (const field of [this.machine, this.kind, this.lasting])
      field.addEventListener("change", () => this.change());
    main.append(
      h("h1", {}, "Events"),
      h(
        "div",
        { class: "toolbar" },
        this.machine,
        this.kind,
        h("span", { class: "check" }, this.lasting, h("label", { for: "lasting" }, "only those that last")),
      ),
      this.table.element,
      this.more,
    );
    this.fillMachines = this.fillMachines.bind(this);
    this.refresh = () => this.load();
    live.addEventListener("status", this.fillMachines);
    for (const name of ["change", "missed"]) live.addEventListener(name, this.refresh);
    this.fillMachines();
    this.load();
  }

  close() {
    this.live.removeEventListener("status", this.fillMachines);
    for (const name of ["change", "missed"]) this.live.removeEventListener(name, this.refresh);
  }

  fillMachines() {
    const machines = [...this.live.machines.values()].map(({ id, name }) => [String(id), name]);
    const text = JSON.stringify(machines);
    if (text === this.machinesText) return;
    this.machinesText = text;
    const options = [["", "all machines"], ...machines].map(([value, name]) => h("option", { value }, name));
    this.machine.replaceChildren(...options);
    this.machine.value = this.query.machine ?? "";
  }

  /** The choice is a part of the address, so that it can be linked and survives going back. */
  change() {
    const values = new URLSearchParams();
    if (this.machine.value) values.set("machine", this.machine.value);
    if (this.kind.value) values.set("kind", this.kind.value);
    if (this.lasting.checked) values.set("lasting", "true");
    location.hash = values.size ? `#/events?${values}` : "#/events";
  }

  async load(append = false) {
    if (!append && this.paged) return; // reading earlier pages: the list must not jump back
    try {
      const { events } = await get("api/events", {
        ...this.query,
        before: append ? this.last : null,
        limit: PAGE,
      });
      this.paged ||= append;
      this.last = events.at(-1)?.id;
      this.table.show(events, { append });
      this.more.hidden = events.length < PAGE;
    } catch (error) {
      this.table.fail(error.message);
    }
  }
}
