// Alarms and lost connections are read aloud by screen readers.

import { moment, number } from "./format.js";

export class AlarmAnnouncer {
  constructor(live) {
    this.live = live;
    this.alarms = null; // numbers of the machines with an alarm
    this.region = document.getElementById("alarms");
    live.addEventListener("status", () => this.update());
  }

  update() {
    const machines = [...this.live.machines.values()];
    const before = this.alarms;
    this.alarms = new Set(machines.filter((machine) => machine.alarm).map((machine) => machine.id));
    const lines = [];
    for (const machine of machines) {
      const [was, is] = [before?.has(machine.id) ?? false, this.alarms.has(machine.id)];
      if (is && !was)
        lines.push(
          `Alarm: ${machine.name}, score ${number(machine.persistent)}, threshold ${number(machine.threshold)}`,
        );
      if (was && !is) lines.push(`Alarm of ${machine.name} has ended at ${moment(machine.time)}`);
    }
    if (lines.length) this.region.textContent = lines.join(". ");
  }
}
