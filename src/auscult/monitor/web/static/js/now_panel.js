// The present values of a machine.

import { h, setText } from "./dom.js";
import { duration, moment, NONE, number } from "./format.js";
import { eventAddress } from "./router.js";
import { ScoreBar } from "./score_bar.js";
import { judgedScore } from "./status.js";

export class NowPanel {
  constructor() {
    this.score = h("b", { class: "figure" });
    this.relation = h("span", { class: "relation" });
    this.bar = new ScoreBar(true);
    this.values = Object.fromEntries(
      ["Window score", "Alarm threshold", "Last score", "Scoring speed", "Not scored", "Alarms today"].map(
        (name) => [name, h("dd")],
      ),
    );
    this.alarm = h("p", { class: "open-alarm", hidden: true });
    this.element = h(
      "div",
      { class: "now-panel" },
      h("p", { class: "headline" }, this.score, this.relation),
      this.bar.element,
      this.alarm,
      h(
        "dl",
        {},
        Object.entries(this.values).map(([name, value]) => [h("dt", {}, name), value]),
      ),
    );
  }

  update(machine, status, live) {
    const value = judgedScore(machine);
    const stale = live.lost || status.silent;
    this.element.classList.toggle("stale", stale);
    setText(this.score, number(value));
    setText(this.relation, this.relationOf(machine, value, stale));
    this.bar.update(machine, stale);
    const ago = machine.time === null ? "" : ` (${duration(Math.max(0, live.now - machine.time))} ago)`;
    const factor = machine.real_time_factor;
    const values = {
      "Window score": number(machine.score),
      "Alarm threshold": machine.threshold === null ? "none" : number(machine.threshold),
      "Last score": `${moment(machine.time)}${stale || live.now - machine.time > 20 ? ago : ""}`,
      "Scoring speed": factor === null || factor === undefined ? NONE : `${number(factor, 2)} × real time`,
      "Not scored":
        machine.skipped_seconds >= 1 ? `${duration(machine.skipped_seconds)}, no time for it` : "nothing",
      "Alarms today": String(machine.alarms_today),
    };
    for (const [name, text] of Object.entries(values)) setText(this.values[name], text);
    const event = machine.open_event;
    const text = event ? `Alarm since ${moment(event.start)}` : "";
    this.alarm.hidden = !event;
    if (text === this.alarmText) return;
    this.alarmText = text;
    this.alarm.replaceChildren(event ? h("a", { href: eventAddress(event.id) }, text) : "");
  }

  relationOf(machine, value, stale) {
    if (value === null) return machine.state === "running" ? "no score that counts yet" : "no score";
    if (stale) return "last sustained score, not present";
    if (machine.threshold === null) return "score, without a threshold";
    const name = machine.persistent === null ? "score" : "sustained score";
    return `${name}, ${value > machine.threshold ? "above" : "below"} the threshold`;
  }
}
