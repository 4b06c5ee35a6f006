// All machines at a glance: counts of states that filter, a table that sorts, and the last events.

import { get } from "./api.js";
import { h, setText } from "./dom.js";
import { EventTable } from "./event_table.js";
import { icon } from "./icons.js";
import { byName, MachineRow, SORTS } from "./machine_row.js";
import { scoreLegend } from "./score_bar.js";
import { KINDS, statusOf } from "./status.js";

/** Milliseconds between changes of the order while it follows values that change each second. */
const ORDER_PAUSE = 5000;
const LAST_EVENTS = 12;

export function open(main, _route, app) {
  return new Overview(main, app);
}

class Overview {
  constructor(main, app) {
    this.live = app.live;
    this.rows = new Map();
    this.only = null; // kind of state that is shown
    this.sort = { column: "state", reverse: false };
    this.ordered = 0;
    this.build(main);
    this.update = this.update.bind(this);
    this.reload = this.reload.bind(this);
    this.live.addEventListener("status", this.update);
    this.live.addEventListener("connection", this.update);
    for (const name of ["change", "missed"]) this.live.addEventListener(name, this.reload);
    this.keys = [
      ["/", "Filter machines", () => this.filter.focus()],
      ["j", "Next machine", () => this.step(1)],
      ["k", "Previous machine", () => this.step(-1)],
    ];
    this.update();
    this.reload();
  }

  close() {
    this.live.removeEventListener("status", this.update);
    this.live.removeEventListener("connection", this.update);
    for (const name of ["change", "missed"]) this.live.removeEventListener(name, this.reload);
  }

  build(main) {
    this.counts = h("div", {
      class: "counts",
      role: "group",
      "aria-label": "Show only machines in one state",
    });
    this.filter = h("input", {
      type: "search",
      placeholder: "Filter by name",
      "aria-label": "Filter by name",
    });
    this.filter.addEventListener("input", () => this.arrange(true));
    this.sorting = h(
      "select",
      { "aria-label": "Sort by", class: "narrow-only" },
      SORTS.filter(({ compare }) => compare).map(({ column, title }) =>
        h("option", { value: column }, `by ${title.toLowerCase()}`),
      ),
    );
    this.sorting.addEventListener("change", () => this.sortBy(this.sorting.value, false));
    this.heads = SORTS.map(({ column, title, compare }) => {
      const button =
        compare && h("button", { type: "button", on: { click: () => this.sortBy(column) } }, title);
      return h("th", { scope: "col", class: column, data: { column } }, button || title);
    });
    this.body = h("tbody");
    this.empty = h("p", { class: "note", hidden: true });
    this.events = new EventTable({ caption: "Last events", withMachine: true });
    main.append(
      h("h1", { class: "unseen" }, "Machines"),
      h("div", { class: "toolbar" }, this.counts, this.sorting, this.filter),
      h("table", { class: "machines" }, h("thead", {}, h("tr", {}, this.heads)), this.body),
      this.empty,
      scoreLegend(),
      h(
        "section",
        { class: "last-events" },
        h("h2", {}, "Last events"),
        this.events.element,
        h("p", {}, h("a", { href: "#/events" }, "All events")),
      ),
    );
  }

  sortBy(column, toggle = true) {
    const reverse = toggle && this.sort.column === column && !this.sort.reverse;
    this.sort = { column, reverse };
    this.arrange(true);
  }

  update() {
    const { live } = this;
    for (const machine of live.machines.values()) {
      let row = this.rows.get(machine.id);
      if (!row) {
        row = new MachineRow(machine);
        this.rows.set(machine.id, row);
        this.ordered = 0;
      }
      row.update(machine, statusOf(machine, live.lost), live.lost);
    }
    for (const [id, row] of this.rows) {
      if (!live.machines.has(id)) {
        row.element.remove();
        this.rows.delete(id);
      }
    }
    this.updateCounts();
    this.arrange();
  }

  updateCounts() {
    const numbers = {};
    for (const { status } of this.rows.values()) numbers[status.kind] = (numbers[status.kind] ?? 0) + 1;
    const kinds = Object.keys(KINDS).filter((kind) => numbers[kind] || kind === this.only);
    const text = kinds.map((kind) => `${kind}${numbers[kind]}`).join() + this.only;
    if (text === this.countsText) return;
    this.countsText = text;
    const focused = this.counts.contains(document.activeElement) ? document.activeElement.dataset.kind : null;
    const buttons = kinds.map((kind) =>
      h(
        "button",
        {
          type: "button",
          class: "count",
          "aria-pressed": String(kind === this.only),
          data: { kind },
          on: { click: () => this.showOnly(kind === this.only ? null : kind) },
        },
        icon(kind),
        h("b", {}, String(numbers[kind] ?? 0)),
        ` ${KINDS[kind]}`,
      ),
    );
    this.counts.replaceChildren(...buttons);
    buttons.find((button) => button.dataset.kind === focused)?.focus();
  }

  showOnly(kind) {
    this.only = kind;
    this.updateCounts();
    this.arrange(true);
  }

  /** Put the rows into order and hide those that are filtered out. */
  arrange(now = false) {
    const text = this.filter.value.trim().toLowerCase();
    let visible = 0;
    for (const row of this.rows.values()) {
      const hidden = (this.only && row.status.kind !== this.only) || !row.name.toLowerCase().includes(text);
      row.element.hidden = Boolean(hidden);
      visible += hidden ? 0 : 1;
    }
    const none = this.rows.size
      ? "No machine matches."
      : this.live.time === null
        ? "Waiting for the monitor …"
        : "No machines.";
    setText(this.empty, visible ? "" : none);
    this.empty.hidden = visible > 0;
    if (!now && this.sort.column !== "state" && Date.now() - this.ordered < ORDER_PAUSE) return;
    this.ordered = Date.now();
    const { compare } = SORTS.find(({ column }) => column === this.sort.column);
    const sign = this.sort.reverse ? -1 : 1;
    const rows = [...this.rows.values()].sort((a, b) => sign * compare(a, b) || byName(a, b));
    if (rows.some((row, index) => this.body.children[index] !== row.element)) {
      const focused = document.activeElement;
      this.body.append(...rows.map((row) => row.element));
      if (this.body.contains(focused)) focused.focus({ preventScroll: true });
    }
    for (const head of this.heads) {
      if (head.dataset.column === this.sort.column)
        head.setAttribute("aria-sort", this.sort.reverse ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    this.sorting.value = this.sort.column;
  }

  step(by) {
    const links = [...this.body.querySelectorAll("tr:not([hidden]) a.name")];
    const index = links.indexOf(document.activeElement);
    links[Math.min(links.length - 1, Math.max(0, index + by))]?.focus();
  }

  async reload() {
    if (this.loading) return;
    this.loading = true;
    try {
      this.events.show((await get("api/events", { limit: LAST_EVENTS })).events);
    } catch (error) {
      this.events.fail(error.message);
    }
    this.loading = false;
  }
}
