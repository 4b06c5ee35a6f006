// Conditions of the sensor and the way to it, the present one and those before.

import { get } from "./api.js";
import { h, setText } from "./dom.js";
import { duration, full, moment } from "./format.js";
import { icon } from "./icons.js";

const LIMIT = 8;

export class HealthPanel {
  constructor(machine) {
    this.machine = machine;
    this.present = h("p", { class: "headline" });
    this.list = h("ul", { class: "conditions", "aria-label": "Conditions before" });
    this.note = h("p", { class: "note" });
    this.element = h("div", {}, this.present, this.list, this.note);
  }

  update(machine) {
    const { condition, error } = machine;
    const text = error ?? (condition ? `${condition.kind}: ${condition.detail}` : "The sensor is good.");
    if (text === this.text) return;
    this.text = text;
    this.present.replaceChildren(
      error || condition ? icon(error ? "error" : "sensor") : "",
      h("b", {}, text),
    );
    this.reload();
  }

  async reload() {
    try {
      const conditions = await get(`api/machines/${this.machine}/health`, { limit: LIMIT });
      this.list.replaceChildren(...conditions.map((condition) => this.line(condition)));
      setText(this.note, conditions.length ? "" : "No fault of the sensor was recorded.");
    } catch (error) {
      setText(this.note, `Health could not be read: ${error.message}`);
    }
  }

  line({ condition, start, end, detail }) {
    const length = end === null ? "lasts" : `for ${duration(end - start)}`;
    return h(
      "li",
      { title: full(start) },
      `${moment(start)}, ${length}: ${condition}`,
      detail ? h("small", {}, ` ${detail}`) : null,
    );
  }
}
