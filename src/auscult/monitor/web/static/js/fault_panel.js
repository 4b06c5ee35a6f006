// Faults on demand of a simulated machine.

import { post } from "./api.js";
import { h, setText } from "./dom.js";

export class FaultPanel {
  /**
   * @param {number} machine its number
   * @param {number} severity of a fault for which none is chosen, from 0 to 1
   */
  constructor(machine, severity) {
    this.machine = machine;
    this.fault = h("select", { id: "fault" });
    this.present = h("p", { class: "headline" });
    this.severity = h("input", { id: "severity", type: "range", min: 0, max: 1, step: 0.05, value: severity });
    this.amount = h("output", { for: "severity" });
    this.answer = h("p", { class: "note", role: "status" });
    const start = h("button", { type: "submit", class: "main" }, "Start fault");
    this.end = h("button", { type: "button", on: { click: () => this.send(null) } }, "End fault");
    this.severity.addEventListener("input", () => this.label());
    this.element = h(
      "form",
      { class: "fault-panel", on: { submit: (event) => this.submit(event) } },
      this.present,
      h(
        "p",
        { class: "note" },
        "This machine is simulated. A fault sounds at once. At full severity an alarm follows within a minute; " +
          "a fault of low severity may stay below the threshold.",
      ),
      h("p", {}, h("label", { for: "fault" }, "Fault"), this.fault),
      h("p", { class: "severity" }, h("label", { for: "severity" }, "Severity"), this.severity, this.amount),
      h("p", { class: "buttons" }, start, this.end),
      this.answer,
    );
    this.label();
  }

  /** Show the present fault, whoever set it; the controls follow when it becomes another one. */
  update({ simulation }) {
    if (!simulation) return;
    const { faults, fault } = simulation;
    if (this.fault.options.length !== faults.length) {
      this.fault.replaceChildren(...faults.map((name) => h("option", { value: name }, name)));
    }
    const text = fault
      ? `Fault: ${fault.name}, severity ${Math.round(100 * fault.severity)} %`
      : "No fault now.";
    if (text === this.present.textContent) return;
    setText(this.present, text);
    setText(this.answer, "");
    this.end.disabled = !fault;
    if (!fault) return;
    this.fault.value = fault.name;
    this.severity.value = fault.severity;
    this.label();
  }

  label() {
    setText(this.amount, `${Math.round(100 * Number(this.severity.value))} %`);
  }

  submit(event) {
    event.preventDefault();
    this.send(this.fault.value);
  }

  async send(fault) {
    const severity = Number(this.severity.value);
    try {
      await post(`api/machines/${this.machine}/fault`, { fault, severity });
      setText(this.answer, fault ? "The fault begins." : "The fault ends.");
    } catch (error) {
      setText(this.answer, `The fault could not be set: ${error.message}`);
    }
  }
}
