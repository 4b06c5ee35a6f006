// How the sound of a machine has changed over days, in words and as a line.

import { get } from "./api.js";
import { h } from "./dom.js";
import { palette } from "./palette.js";
import { TIMES } from "./timeline_chart.js";

export class TrendPanel {
  constructor(machine) {
    this.machine = machine;
    this.text = h("div");
    this.frame = h("div", { class: "trend-chart", hidden: true });
    this.key = h(
      "p",
      { class: "note", hidden: true },
      "Solid: score of each hour. Dashed: its slow baseline.",
    );
    this.element = h("div", {}, this.text, this.frame, this.key);
    this.chart = null;
    this.sizes = new ResizeObserver(() => this.chart?.setSize(this.size()));
    this.sizes.observe(this.frame);
    this.rebuild = () => this.series && this.draw(this.series);
    document.addEventListener("themechange", this.rebuild);
    this.write(null);
  }

  close() {
    this.sizes.disconnect();
    document.removeEventListener("themechange", this.rebuild);
    this.chart?.destroy();
  }

  /** Show the trend in words, and read the line to it when the words change. */
  update(machine) {
    const sentences = machine.trend?.text ?? null;
    const text = sentences && sentences.join("\n");
    if (text === this.shown) return;
    this.shown = text;
    this.write(sentences);
    this.load();
  }

  write(sentences) {
    const none = sentences ? "No slow change." : "There is no trend yet.";
    if (sentences?.length) this.text.replaceChildren(...sentences.map((sentence) => h("p", {}, sentence)));
    else this.text.replaceChildren(h("p", { class: "note" }, none));
  }

  async load() {
    let trend;
    try {
      trend = await get(`api/machines/${this.machine}/trend`);
    } catch {
      return; // the status says what is known in words
    }
    if (trend.series?.time?.length > 1) {
      this.series = trend.series;
      this.frame.hidden = this.key.hidden = false;
      this.draw(trend.series);
    }
  }

  size() {
    return { width: Math.max(200, this.frame.clientWidth), height: 140 };
  }

  draw({ time, score, baseline }) {
    const colours = palette();
    const axis = {
      stroke: colours.text,
      font: "11px system-ui, sans-serif",
      grid: { stroke: colours.rule, width: 1 },
      ticks: { show: false },
    };
    this.chart?.destroy();
    this.chart = new window.uPlot(
      {
        ...this.size(),
        ms: 1e-3,
        legend: { show: false },
        cursor: { show: false },
        axes: [
          { ...axis, values: TIMES, space: 64 },
          { ...axis, size: 48 },
        ],
        series: [
          {},
          { stroke: colours.score, width: 1, points: { show: false } },
          { stroke: colours.persistent, width: 2, dash: [6, 4], points: { show: false } },
        ],
      },
      [time, score, baseline],
      this.frame,
    );
  }
}
