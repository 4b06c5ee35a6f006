// One machine: what it sounds like now, its score over time, how far its alarm rule is verified, and its health.

import { get } from "./api.js";
import { h, setText } from "./dom.js";
import { EventTable } from "./event_table.js";
import { FaultPanel } from "./fault_panel.js";
import { HealthPanel } from "./health_panel.js";
import { icon, StateLabel } from "./icons.js";
import { LiveSpectrogram } from "./live_spectrogram.js";
import { byName } from "./machine_row.js";
import { NowPanel } from "./now_panel.js";
import { RulePanel } from "./rule_panel.js";
import { eventsAddress, machineAddress } from "./router.js";
import { statusOf } from "./status.js";
import { Timeline } from "./timeline.js";
import { TrendPanel } from "./trend_panel.js";

const LAST_EVENTS = 10;

export function open(main, route, app) {
  return new MachineView(main, route.id, app);
}

class MachineView {
  constructor(main, id, app) {
    [this.id, this.live, this.main] = [id, app.live, main];
    this.label = new StateLabel("large");
    this.name = h("h1");
    this.about = h("p", { class: "about" });
    this.now = new NowPanel();
    this.rule = new RulePanel();
    this.health = new HealthPanel(id);
    this.trend = new TrendPanel(id);
    this.faults = app.info.simulation ? new FaultPanel(id, app.info.severity) : null;
    this.events = new EventTable({ caption: "Last events of this machine", withMachine: false });
    this.spectrogram = new LiveSpectrogram(app.live);
    this.timeline = new Timeline(id, app.live);
    this.build(main);
    this.keys = [
      ["l", "Follow the present", () => this.timeline.setRange(this.timeline.span, null)],
      ["+", "Zoom in", () => this.timeline.zoom(0.5)],
      ["-", "Zoom out", () => this.timeline.zoom(2)],
      ["ArrowLeft", "Earlier", () => this.timeline.move(-0.25)],
      ["ArrowRight", "Later", () => this.timeline.move(0.25)],
      ["]", "Next machine", () => this.step(1)],
      ["[", "Previous machine", () => this.step(-1)],
    ];
    this.update = this.update.bind(this);
    this.reload = this.reload.bind(this);
    this.changed = (event) => event.detail.machine === id && this.reload();
    this.live.addEventListener("status", this.update);
    this.live.addEventListener("connection", this.update);
    this.live.addEventListener("change", this.changed);
    this.live.addEventListener("missed", this.reload);
    this.update();
    this.reload();
    this.readFrequencies();
  }

  close() {
    this.live.removeEventListener("status", this.update);
    this.live.removeEventListener("connection", this.update);
    this.live.removeEventListener("change", this.changed);
    this.live.removeEventListener("missed", this.reload);
    this.spectrogram.close();
    this.timeline.close();
    this.trend.close();
  }

  build(main) {
    const section = (className, title, ...children) =>
      h("section", { class: `card ${className}` }, h("h2", {}, title), ...children);
    this.missing = h("p", { class: "problem", hidden: true });
    this.notices = h("ul", { class: "notices", "aria-label": "Notices about the model", hidden: true });
    main.append(
      h(
        "header",
        { class: "page-head" },
        h("p", { class: "back" }, h("a", { href: "#/" }, "Machines")),
        this.name,
        this.label.element,
        this.about,
      ),
      this.missing,
      this.notices,
      h(
        "div",
        { class: "machine-grid" },
        section("sound", "Sound now", this.spectrogram.element),
        section("now", "Now", this.now.element),
        section("history", "Score", this.timeline.element),
        section("rule", "Alarm rule", this.rule.element),
        this.faults ? section("faults", "Simulation", this.faults.element) : null,
        section(
          "machine-events",
          "Events",
          this.events.element,
          h("p", {}, h("a", { href: eventsAddress(this.id) }, "All events of this machine")),
        ),
        section("trend", "Trend", this.trend.element),
        section("health", "Health", this.health.element),
      ),
    );
  }

  update() {
    const machine = this.live.machines.get(this.id);
    this.missing.hidden = Boolean(machine) || this.live.time === null;
    setText(this.missing, `No machine with the number ${this.id} is monitored.`);
    if (!machine) return;
    const status = statusOf(machine, this.live.lost);
    this.main.dataset.kind = status.kind;
    setText(this.name, machine.name);
    document.title = document.title.replace("Machine ·", `${machine.name} ·`);
    setText(
      this.about,
      [machine.source, machine.model && `model ${machine.model.slice(0, 12)}`].filter(Boolean).join(" · "),
    );
    this.label.update(status);
    this.showNotices(machine.notices.map(({ message }) => message));
    this.now.update(machine, status, this.live);
    this.rule.update(machine);
    this.health.update(machine);
    this.trend.update(machine);
    this.faults?.update(machine);
  }

  showNotices(messages) {
    const text = messages.join("\n");
    if (text === this.noticeText) return;
    this.noticeText = text;
    this.notices.hidden = messages.length === 0;
    this.notices.replaceChildren(
      ...messages.map((message) => h("li", {}, icon("sensor"), h("span", {}, message))),
    );
  }

  async reload() {
    try {
      this.events.show((await get("api/events", { machine: this.id, limit: LAST_EVENTS })).events);
    } catch (error) {
      this.events.fail(error.message);
    }
    this.health.reload();
  }

  async readFrequencies() {
    try {
      this.spectrogram.frequencies = (await get(`api/machines/${this.id}`)).spectrogram?.frequencies ?? null;
    } catch {
      // Without them the picture has no axis; that the machine is missing is shown elsewhere.
    }
  }

  step(by) {
    const numbers = [...this.live.machines.values()].sort(byName).map(({ id }) => id);
    const next = numbers[(numbers.indexOf(this.id) + by + numbers.length) % numbers.length];
    if (next !== undefined) location.hash = machineAddress(next);
  }
}
