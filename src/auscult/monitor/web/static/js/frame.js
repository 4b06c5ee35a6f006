// What surrounds every view: navigation, connection, clock, theme, and the health of the monitor itself.

import { h, setText } from "./dom.js";
import { clock, duration, full, offset } from "./format.js";
import { icon } from "./icons.js";

const THEMES = [
  ["system", "Auto"],
  ["light", "Light"],
  ["dark", "Dark"],
];

export class Frame {
  constructor(live) {
    this.live = live;
    this.title = "auscult";
    const by = (id) => document.getElementById(id);
    [this.connection, this.clock, this.theme] = ["connection", "clock", "theme"].map(by);
    [this.banner, this.health, this.simulation] = ["banner", "monitor-health", "simulation"].map(by);
    live.addEventListener("status", () => this.update());
    live.addEventListener("connection", () => this.update());
    setInterval(() => this.update(), 1000);
    this.theme.addEventListener("click", () => this.nextTheme());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.themeChanged());
    this.labelTheme();
    this.update();
  }

  /** Say on every view that nothing of it is about a real machine, if so. */
  setSimulation(simulation) {
    this.simulation.hidden = !simulation;
  }

  /** Mark the page in the navigation and in the title of the window. */
  setPage(page, title) {
    this.title = title;
    for (const link of document.querySelectorAll("nav [data-page]")) {
      if (link.dataset.page === page) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    this.update();
  }

  update() {
    const { live } = this;
    const since = live.received === null ? "" : ` since ${clock(live.received / 1000)}`;
    const length = live.received === null ? "" : ` (${duration((Date.now() - live.received) / 1000)})`;
    const waiting = live.received === null && !live.lost;
    setText(this.connection, live.lost ? "no connection" : waiting ? "connecting" : "live");
    this.connection.dataset.state = live.lost ? "lost" : waiting ? "waiting" : "live";
    document.body.classList.toggle("lost", live.lost);
    this.banner.hidden = !live.lost;
    if (live.lost) {
      if (!this.banner.firstChild) {
        this.length = h("span", { "aria-hidden": "true" });
        this.bannerText = h("b");
        this.banner.append(
          icon("nodata"),
          this.bannerText,
          this.length,
          h("span", {}, "Values are from then, not from now."),
        );
      }
      setText(this.bannerText, `No connection to the monitor${since}`);
      setText(this.length, length);
    }
    const now = Date.now() / 1000;
    setText(this.clock, `${clock(now)} ${offset(now)}`);
    this.clock.title = full(now);
    this.updateHealth();
    const alarms = [...live.machines.values()].filter((machine) => machine.alarm).length;
    const prefix = live.lost ? "no connection · " : alarms ? `(${alarms}) ` : "";
    const title = `${prefix}${this.title} · auscult`;
    if (document.title !== title) document.title = title;
  }

  updateHealth() {
    const lines = this.live.health.map((entry) => `${entry.condition ?? entry.kind}: ${entry.detail}`);
    const text = lines.join("\n");
    if (text === this.healthText) return;
    this.healthText = text;
    this.health.hidden = lines.length === 0;
    this.health.replaceChildren(...lines.map((line) => h("li", {}, icon("sensor"), line)));
  }

  nextTheme() {
    const names = THEMES.map(([name]) => name);
    const theme = names[(names.indexOf(this.chosenTheme()) + 1) % names.length];
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    try {
      localStorage.setItem("auscult.theme", theme);
    } catch {
      // Without storage the choice lasts as long as the page.
    }
    this.themeChanged();
  }

  themeChanged() {
    this.labelTheme();
    document.dispatchEvent(new Event("themechange"));
  }

  chosenTheme() {
    return document.documentElement.dataset.theme ?? "system";
  }

  labelTheme() {
    const [, label] = THEMES.find(([name]) => name === this.chosenTheme());
    setText(this.theme, label);
    this.theme.setAttribute("aria-label", `Colours: ${label}. Change`);
    this.theme.title = "Colours: automatic, light or dark";
  }
}
