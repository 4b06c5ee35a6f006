// How far the alarm rule of a machine is verified, and what is still missing.

import { h, setText } from "./dom.js";
import { duration } from "./format.js";

const STATES = { armed: "armed", probation: "on probation" };
const METHODS = {
  conformal: "threshold from the highest normal scores",
  tail: "threshold estimated from the highest normal scores",
};

export class RulePanel {
  constructor() {
    this.state = h("b");
    this.budget = h("span");
    this.progress = h("progress", {
      max: 1,
      "aria-label": "Normal running observed, of what the budget needs",
    });
    this.amount = h("p", { class: "note" });
    this.text = h("p");
    this.element = h(
      "div",
      { class: "rule-panel" },
      h("p", { class: "headline" }, this.state, this.budget),
      this.progress,
      this.amount,
      this.text,
    );
  }

  update(machine) {
    const policy = machine.policy;
    this.progress.hidden = !policy || policy.state === "refused";
    if (!policy) {
      setText(this.state, "none");
      setText(this.budget, "");
      setText(this.amount, "");
      setText(
        this.text,
        "There are scores and no alarms. An alarm rule comes from normal running: auscult calibrate.",
      );
      return;
    }
    const refused = policy.raised ? "more alarms than promised" : "refused: there are no alarms";
    setText(this.state, STATES[policy.state] ?? refused);
    setText(
      this.budget,
      ` at most ${policy.budget} false alarms; ${METHODS[policy.method] ?? policy.method}`,
    );
    const needed = policy.observed_seconds + policy.missing_seconds;
    this.progress.value = needed > 0 ? policy.observed_seconds / needed : 1;
    setText(
      this.amount,
      `${duration(policy.observed_seconds)} of ${duration(needed)} of normal running observed`,
    );
    setText(this.text, policy.text);
  }
}
