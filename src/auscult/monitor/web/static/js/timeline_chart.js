// The chart of a timeline: uPlot draws lines and axes; gaps and events are drawn around them.

import { hatch, plate } from "./axes.js";
import { palette } from "./palette.js";
import { gapText } from "./timeline_data.js";

const DAY = 86400;
/** Labels of the time axis in 24 hours: smallest step, label, and what is below it when year or day change. */
export const TIMES = [
  [365 * DAY, "{YYYY}", null, null, null, null, null, null, 1],
  [28 * DAY, "{MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [DAY, "{D} {MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", "\n{D} {MMM} {YYYY}", null, "\n{D} {MMM}", null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", "\n{D} {MMM} {YYYY}", null, "\n{D} {MMM}", null, null, null, 1],
  [0.001, "{HH}:{mm}:{ss}.{fff}", "\n{D} {MMM} {YYYY}", null, "\n{D} {MMM}", null, null, null, 1],
];
const FONT = "11px system-ui, sans-serif";
const EMPTY = [[], [], [], [], [], []];

/** The range of the scores: all values and the threshold, with a margin. */
function scoreRange(_chart, low, high) {
  if (low === null || high === null) return [0, 1];
  const margin = 0.08 * (high - low || Math.abs(high) || 1);
  return [low - margin, high + margin];
}

export class TimelineChart {
  /**
   * @param {HTMLElement} parent where it is put
   * @param {object} listeners `select(since, until)`, `hover(index|null)` and `open(event)`
   */
  constructor(parent, listeners) {
    this.parent = parent;
    this.listeners = listeners;
    this.data = { columns: EMPTY, gaps: [], events: [] };
    this.range = [0, 1];
    this.build();
    this.sizes = new ResizeObserver(() => this.chart.setSize(this.size()));
    this.sizes.observe(parent);
    this.rebuild = () => {
      this.chart.destroy();
      this.build();
      this.show(this.data, this.range);
    };
    document.addEventListener("themechange", this.rebuild);
  }

  close() {
    this.sizes.disconnect();
    document.removeEventListener("themechange", this.rebuild);
    this.chart.destroy();
  }

  size() {
    return { width: Math.max(200, this.parent.clientWidth), height: Math.max(160, this.parent.clientHeight) };
  }

  build() {
    const colours = palette();
    const axis = {
      stroke: colours.text,
      font: FONT,
      grid: { stroke: colours.rule, width: 1 },
      ticks: { stroke: colours.rule, width: 1, size: 4 },
    };
    const line = (label, stroke, width, more = {}) => ({
      label,
      stroke,
      width,
      points: { show: false },
      spanGaps: false,
      ...more,
    });
    this.chart = new window.uPlot(
      {
        ...this.size(),
        ms: 1e-3,
        padding: [14, 18, 0, 0],
        legend: { show: false },
        cursor: { drag: { x: true, y: false, setScale: false, dist: 5 }, points: { show: false }, y: false },
        scales: { x: { time: true }, y: { range: scoreRange } },
        axes: [
          { ...axis, values: TIMES, space: 64 },
          {
            ...axis,
            size: 48,
            values: (_chart, values) =>
              values.map((value) => String(Number(value.toPrecision(6))).replace("-", "−")),
          },
        ],
        series: [
          {},
          line("lowest", "transparent", 0),
          line("highest", "transparent", 0),
          line("score", colours.score, 1),
          line("persistent", colours.persistent, 2),
          line("threshold", colours.threshold, 1.5, { dash: [7, 4] }),
        ],
        bands: [{ series: [2, 1], fill: colours.band }],
        hooks: {
          drawClear: [() => this.drawBehind()],
          draw: [() => this.drawMarks()],
          setSelect: [() => this.selected()],
          setCursor: [() => this.listeners.hover(this.chart.cursor.idx ?? null)],
        },
      },
      this.data.columns,
      this.parent,
    );
    this.chart.over.addEventListener("click", (event) => this.clicked(event));
  }

  /** Show data in a range of time. */
  show(data, range) {
    [this.data, this.range] = [data, range];
    this.chart.batch(() => {
      this.chart.setData(data.columns, false);
      this.chart.setScale("x", { min: range[0], max: range[1] });
    });
    this.chart.redraw();
  }

  selected() {
    const { left, width } = this.chart.select;
    if (width < 5) return;
    const [since, until] = [left, left + width].map((place) => this.chart.posToVal(place, "x"));
    this.chart.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    this.listeners.select(since, until);
  }

  /** The events near a place, for a click on their mark. */
  clicked(event) {
    const x = event.offsetX;
    const near = this.data.events.find(({ start, end }) => {
      const [left, right] = [start, end ?? this.range[1]].map((time) => this.chart.valToPos(time, "x"));
      return x >= left - 6 && x <= right + 6;
    });
    if (near && this.chart.select.width < 5) this.listeners.open(near);
  }

  /** Call a function with a context in CSS pixels, limited to the inside of the axes. */
  inside(draw) {
    const scale = this.chart.pxRatio ?? window.devicePixelRatio;
    const { ctx, bbox } = this.chart;
    const box = {
      left: bbox.left / scale,
      top: bbox.top / scale,
      width: bbox.width / scale,
      height: bbox.height / scale,
    };
    ctx.save();
    ctx.scale(scale, scale);
    ctx.beginPath();
    ctx.rect(box.left, box.top - 14, box.width, box.height + 14);
    ctx.clip();
    draw(ctx, box, (time) => box.left + this.chart.valToPos(time, "x"));
    ctx.restore();
  }

  drawBehind() {
    const colours = palette();
    this.inside((context, box, x) => {
      for (const gap of this.data.gaps) {
        const left = Math.max(box.left, x(gap.start));
        const width = Math.min(box.left + box.width, x(gap.end)) - left;
        hatch(context, left, box.top, width, box.height, colours);
      }
      for (const event of this.data.events) {
        const left = Math.max(box.left, x(event.start));
        const right = Math.min(box.left + box.width, x(event.end ?? this.range[1]));
        context.fillStyle = event.kind === "alarm" ? colours.alarmBand : colours.nodata;
        if (right >= left) context.fillRect(left, box.top, Math.max(1.5, right - left), box.height);
      }
    });
  }

  drawMarks() {
    const colours = palette();
    this.inside((context, box, x) => {
      for (const gap of this.data.gaps) {
        const left = Math.max(box.left, x(gap.start));
        const width = Math.min(box.left + box.width, x(gap.end)) - left;
        plate(context, gapText(gap.reason), left, box.top, width, box.height, colours);
      }
      for (const event of this.data.events) {
        const left = Math.max(box.left + 5, x(event.start));
        if (left > box.left + box.width || x(event.end ?? this.range[1]) < box.left) continue;
        context.fillStyle = event.kind === "alarm" ? colours.alarm : colours.text;
        context.beginPath();
        context.moveTo(left - 6, box.top - 12);
        context.lineTo(left + 6, box.top - 12);
        context.lineTo(left, box.top - 2);
        context.fill();
      }
    });
  }
}
