// The spectrogram of the last seconds, which scrolls. It is made of the features that the detector gets.

import { bytes } from "./api.js";
import { drawFrequencies, drawTimes, hatch, plate, plotArea } from "./axes.js";
import { heat } from "./colours.js";
import { ColumnStrip } from "./column_strip.js";
import { h, prepare, setText, watchSize } from "./dom.js";
import { clock, whole } from "./format.js";
import { LevelRange } from "./level_range.js";
import { palette } from "./palette.js";

/** Seconds that are shown: about two pixels for each column, between these limits. */
const [SHORTEST, LONGEST] = [15, 60];
/** Seconds without a new column after which the picture goes on without data. */
const PATIENCE = 3;
/** A start that differs by so few columns from the end before is a rounding error. */
const TOLERANCE = 2;

export class LiveSpectrogram {
  /** @param {number[]|null} frequencies centres of the rows, Hz */
  constructor(live, frequencies) {
    this.live = live;
    this.frequencies = frequencies;
    this.canvas = h("canvas", { class: "spectrogram", role: "img", "aria-label": "Live spectrogram" });
    this.scale = h("canvas", { class: "scale", "aria-hidden": "true" });
    this.levels = h("span");
    this.element = h(
      "div",
      { class: "live-spectrogram" },
      this.canvas,
      h("p", { class: "legend" }, "quiet", this.scale, "loud", this.levels),
    );
    this.range = new LevelRange();
    this.strip = null; // the last columns
    this.head = null; // number of the last column
    this.position = 0; // number of the column at the right edge, with a fraction
    this.arrived = 0;
    this.interval = 1;
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.draw = this.draw.bind(this);
    this.onFrames = (event) => this.push(event.detail);
    live.addEventListener("frames", this.onFrames);
    this.unwatch = watchSize(this.canvas, this.draw);
    this.animate();
  }

  close() {
    this.live.removeEventListener("frames", this.onFrames);
    this.unwatch();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.timer);
  }

  push(frames) {
    const { rows, columns, step, low, high } = frames;
    if (!columns) return;
    if (this.strip?.rows !== rows || this.step !== step) this.restart(rows, step);
    const values = bytes(frames.data);
    const changed = this.range.follow(values, low, high);
    if (changed) this.strip.repaint();
    let first = Math.round(frames.time / step) - columns + 1;
    if (this.head !== null && Math.abs(first - this.head - 1) <= TOLERANCE) first = this.head + 1;
    if (this.head !== null && first <= this.head)
      this.restart(rows, step); // the clock was set back
    else if (this.head !== null) this.strip.clear(this.head + 1, first);
    this.strip.write(values, columns, first, low, high);
    const now = performance.now() / 1000;
    if (this.head === null || (first - this.position) * step > LONGEST) this.position = first;
    else this.interval = Math.min(2, Math.max(0.2, 0.8 * this.interval + 0.2 * (now - this.arrived)));
    [this.head, this.arrived, this.time] = [first + columns - 1, now, frames.time];
    this.speed = Math.max(0, this.head - this.position) / this.interval;
    if (changed) setText(this.levels, `${whole(this.range.shown[0])} to ${whole(this.range.shown[1])} dB`);
  }

  restart(rows, step) {
    this.step = step;
    this.strip = new ColumnStrip(rows, Math.ceil((2 * LONGEST) / step), this.range);
    this.head = null;
  }

  /** Move on: smoothly towards the last column, and on into "no data" if none follows. */
  animate() {
    const now = performance.now() / 1000;
    const passed = Math.min(1, now - (this.drawn ?? now));
    this.drawn = now;
    if (this.head !== null) {
      const waiting = now - this.arrived - PATIENCE;
      if (waiting > 0) this.position = Math.max(this.position + passed / this.step, this.head);
      else if (this.still.matches) this.position = this.head;
      else this.position = Math.min(this.head, this.position + passed * this.speed);
    }
    if (!document.hidden) this.draw();
    const next = () => this.animate();
    if (this.still.matches) this.timer = setTimeout(next, 500);
    else this.frame = requestAnimationFrame(next);
  }

  draw() {
    if (!this.canvas.isConnected) return;
    const { context, width, height } = prepare(this.canvas);
    const colours = palette();
    const area = plotArea(width, height);
    const span = Math.min(LONGEST, Math.max(SHORTEST, (area.width / 2) * (this.step ?? 0.032)));
    hatch(context, area.left, area.top, area.width, area.height, colours);
    if (this.head === null) {
      plate(
        context,
        this.live.lost ? "no connection" : "waiting for sound",
        area.left,
        area.top,
        area.width,
        area.height,
        colours,
      );
    } else {
      this.drawStrip(context, area, span);
      const end = this.position * this.step;
      drawTimes(context, area, end - span, span, colours);
      const empty = ((this.position - this.head) / (span / this.step)) * area.width;
      if (empty > 1)
        plate(
          context,
          `no data since ${clock(this.time)}`,
          area.left + area.width - Math.min(empty, area.width),
          area.top,
          Math.min(empty, area.width),
          area.height,
          colours,
        );
    }
    if (this.frequencies) drawFrequencies(context, area, this.frequencies, colours);
    context.strokeStyle = colours.rule;
    context.strokeRect(area.left - 0.5, area.top - 0.5, area.width + 1, area.height + 1);
    this.drawScale();
  }

  drawStrip(context, area, span) {
    context.save();
    context.beginPath();
    context.rect(area.left, area.top, area.width, area.height);
    context.clip();
    this.strip.draw(context, this.position + 1 - span / this.step, this.position + 1, this.head, area);
    context.restore();
  }

  drawScale() {
    const { context, width, height } = prepare(this.scale);
    for (let x = 0; x < width; x += 1) {
      context.fillStyle = `rgb(${heat[Math.round((255 * x) / Math.max(1, width - 1))].join()})`;
      context.fillRect(x, 0, 1, height);
    }
  }
}
