// A score against its threshold: a bar with a mark for the threshold, at the same place for all machines.

import { h, setAttribute, setText } from "./dom.js";
import { number } from "./format.js";
import { judgedScore, scoreText } from "./status.js";

/** Where the threshold is, as a share of the length. */
const MARK = 2 / 3;
/** Units below the threshold at the left end; a unit is its distance from the level at which alarms end. */
const UNITS = 6;

/** Return the place of a value on the bar, as a share of its length, not limited to the bar. */
export function place(value, machine) {
  const distance = machine.threshold - (machine.release ?? machine.threshold);
  const unit = distance > 0 ? distance : Math.abs(machine.threshold) / 4 || 1;
  return MARK * (1 + (value - machine.threshold) / (UNITS * unit));
}

/** What the bar means, for people who do not know it. */
export function scoreLegend() {
  const sample = h(
    "span",
    { class: "track", "aria-hidden": "true" },
    h("span", { class: "fill" }),
    h("span", { class: "over" }),
    h("span", { class: "tick" }),
    h("span", { class: "mark" }),
  );
  sample.style.setProperty("--mark", `${100 * MARK}%`);
  const part = (name, text) => h("span", { class: `part ${name}` }, text);
  return h(
    "p",
    { class: "score-legend" },
    h("span", {}, "Score bar:", sample),
    part("fill", "sustained score, which the alarm rule judges"),
    part("mark", "alarm threshold"),
    part("over", "above it"),
    part("tick", "score of the last window"),
    h("span", {}, "figures: sustained score / threshold"),
  );
}

/** The bar, with the numbers next to it unless `bare`. */
export class ScoreBar {
  constructor(bare = false) {
    this.fill = h("span", { class: "fill" });
    this.over = h("span", { class: "over" });
    this.tick = h("span", { class: "tick" });
    this.track = h(
      "span",
      { class: "track", role: "meter" },
      this.fill,
      this.over,
      this.tick,
      h("span", { class: "mark" }),
    );
    this.track.style.setProperty("--mark", `${100 * MARK}%`);
    this.text = bare ? null : h("span", { class: "figures" });
    this.element = h("span", { class: "score-bar" }, this.track, this.text);
  }

  update(machine, stale) {
    const value = judgedScore(machine);
    const judged = value !== null && machine.threshold !== null;
    this.element.classList.toggle("stale", stale);
    this.element.classList.toggle("empty", !judged);
    if (this.text) {
      setText(this.text, scoreText(machine));
      this.text.title = "sustained score / alarm threshold";
    }
    setAttribute(
      this.track,
      "aria-label",
      stale ? "last score, not present" : "score against alarm threshold",
    );
    if (!judged) {
      for (const name of ["aria-valuenow", "aria-valuetext"]) this.track.removeAttribute(name);
      return;
    }
    const share = place(value, machine);
    const inside = Math.min(1, Math.max(0.01, share));
    this.fill.style.width = `${100 * Math.min(inside, MARK)}%`;
    this.over.style.width = `${100 * Math.max(0, inside - MARK)}%`;
    this.tick.hidden = machine.score === null;
    if (machine.score !== null)
      this.tick.style.left = `${100 * Math.min(0.995, Math.max(0, place(machine.score, machine)))}%`;
    setAttribute(this.track, "aria-valuemin", 0);
    setAttribute(this.track, "aria-valuemax", 100);
    setAttribute(this.track, "aria-valuenow", Math.round(100 * inside));
    const relation = value > machine.threshold ? "above" : "below";
    setAttribute(
      this.track,
      "aria-valuetext",
      `${number(value)}, ${relation} the threshold ${number(machine.threshold)}`,
    );
  }
}
