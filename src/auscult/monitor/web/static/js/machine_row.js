// The row of a machine in the overview.

import { h, setText } from "./dom.js";
import { moment } from "./format.js";
import { StateLabel } from "./icons.js";
import { eventAddress, machineAddress } from "./router.js";
import { place, ScoreBar } from "./score_bar.js";
import { judgedScore, ruleOf } from "./status.js";

function nearness(machine) {
  const value = judgedScore(machine);
  return value === null ? -Infinity : machine.threshold === null ? -1e9 : place(value, machine);
}

const names = new Intl.Collator(undefined, { numeric: true });

/** The order of names, with numbers in them by value. */
export function byName(a, b) {
  return names.compare(a.name, b.name);
}

const RULES = ["refused", null, "probation", "armed"];

/** Columns; those with `compare` sort. The first order is the useful one: the most urgent first. */
export const SORTS = [
  { column: "state", title: "State", compare: (a, b) => a.status.rank - b.status.rank },
  { column: "name", title: "Machine", compare: byName },
  {
    column: "score",
    title: "Score / threshold",
    compare: (a, b) => nearness(b.machine) - nearness(a.machine),
  },
  {
    column: "rule",
    title: "Alarm rule",
    compare: (a, b) =>
      RULES.indexOf(a.machine.policy?.state ?? null) - RULES.indexOf(b.machine.policy?.state ?? null),
  },
  {
    column: "today",
    title: "Alarms today",
    compare: (a, b) => b.machine.alarms_today - a.machine.alarms_today,
  },
  {
    column: "last",
    title: "Last event",
    compare: (a, b) => (b.machine.last_event?.start ?? 0) - (a.machine.last_event?.start ?? 0),
  },
  { column: "health", title: "Health" },
];

/** What is wrong or remarkable about the monitoring of a machine, besides its state. */
export function healthOf(machine) {
  const parts = [];
  if (machine.condition) parts.push(machine.condition.kind);
  if (machine.skipped_seconds >= 1) parts.push(`${Math.round(machine.skipped_seconds)} s skipped`);
  const notices = machine.notices.length;
  if (notices) parts.push(notices === 1 ? "1 notice" : `${notices} notices`);
  return parts.join("; ");
}

export class MachineRow {
  constructor(machine) {
    this.name = machine.name;
    this.label = new StateLabel();
    this.bar = new ScoreBar();
    this.rule = h("td", { class: "rule" });
    this.today = h("td", { class: "today" });
    this.last = h("td", { class: "last" });
    this.health = h("td", { class: "health" });
    this.link = h("a", { class: "name", href: machineAddress(machine.id) }, machine.name);
    this.element = h(
      "tr",
      { data: { machine: machine.id } },
      h("td", { class: "state" }, this.label.element),
      h("th", { class: "name", scope: "row" }, this.link),
      h("td", { class: "score" }, this.bar.element),
      this.rule,
      this.today,
      this.last,
      this.health,
    );
  }

  update(machine, status, lost) {
    [this.machine, this.status] = [machine, status];
    this.element.dataset.kind = status.kind;
    this.label.update(status);
    const stale = lost || status.silent;
    this.bar.update(machine, stale);
    setText(this.rule, ruleOf(machine));
    setText(this.today, String(machine.alarms_today));
    this.element.classList.toggle("alarmed-today", machine.alarms_today > 0);
    setText(this.health, healthOf(machine) || "good");
    this.health.title = machine.notices.map(({ message }) => message).join("\n");
    this.health.classList.toggle("plain", !healthOf(machine));
    const event = machine.last_event;
    const text = event ? `${event.kind}, ${moment(event.start)}` : "none";
    if (text === this.lastText) return;
    this.lastText = text;
    this.last.classList.toggle("none", !event);
    this.last.replaceChildren(event ? h("a", { href: eventAddress(event.id) }, text) : text);
  }
}
