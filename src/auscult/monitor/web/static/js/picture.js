// The picture of a stored sound: its spectrogram, an explanation over it, regions, and where it is played.

import { bytes } from "./api.js";
import { drawFrequencies, drawTimes, heightOf, plotArea } from "./axes.js";
import { grey, heat, image } from "./colours.js";
import { h, prepare, watchSize } from "./dom.js";
import { palette } from "./palette.js";

/** Values of an explanation, standard deviations, from which it is painted, and at which it is opaque. */
const [FAINT, STRONG] = [2, 10];
const OVERLAY = [255, 96, 32];

function canvasOf(pixels) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [pixels.width, pixels.height];
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return canvas;
}

/** Return a canvas with a spectrogram, in colour or in grey; `range` is [low, high] in dB for all pictures. */
function painted(spectrogram, range, table) {
  const { rows, columns, low, high } = spectrogram;
  const paint = (value) => {
    const level = low + (value / 255) * (high - low);
    const share = (level - range[0]) / (range[1] - range[0] || 1);
    return [...table[Math.round(255 * Math.min(1, Math.max(0, share)))], 255];
  };
  return canvasOf(image(bytes(spectrogram.data), rows, columns, paint));
}

function paintedMap(map) {
  const paint = (value) => {
    const deviation = map.low + (value / 255) * (map.high - map.low);
    const share = Math.min(1, Math.max(0, (deviation - FAINT) / (STRONG - FAINT)));
    return [...OVERLAY, share > 0 ? 70 + 170 * share : 0];
  };
  return canvasOf(image(bytes(map.data), map.rows, map.columns, paint));
}

export class Picture {
  /**
   * @param {object} spectrogram as the monitor sends it
   * @param {object} options `range`: lowest and highest level, dB; `label` for screen readers; `span`: the part that
   *   is shown, seconds from the start, by default all of it; `marked`: a part that is marked
   */
  constructor(spectrogram, { range, label, span = [0, spectrogram.seconds], marked = null }) {
    this.spectrogram = spectrogram;
    this.range = range;
    [this.span, this.marked] = [span, marked];
    this.map = null;
    this.regions = [];
    this.showMap = false;
    this.played = null; // seconds from the start of the sound
    this.canvas = h("canvas", { class: "picture", role: "img", "aria-label": label });
    this.draw = this.draw.bind(this);
    this.unwatch = watchSize(this.canvas, this.draw);
    this.images = { colour: painted(spectrogram, range, heat), grey: null };
  }

  close() {
    this.unwatch();
  }

  /** Add an explanation and the regions in it; their times count from its start. */
  explain(map, regions) {
    this.map = map;
    this.mapImage = paintedMap(map);
    this.regions = regions;
    this.showMap = true;
    this.images.grey ??= painted(this.spectrogram, this.range, grey);
    this.draw();
  }

  setMap(shown) {
    this.showMap = shown && this.map !== null;
    this.draw();
  }

  play(seconds) {
    this.played = seconds;
    this.draw();
  }

  /** Return the seconds from the start of the sound of a place on the canvas. */
  secondsAt(x) {
    const area = plotArea(this.canvas.clientWidth, this.canvas.clientHeight);
    const share = Math.min(1, Math.max(0, (x - area.left) / area.width));
    return this.span[0] + share * (this.span[1] - this.span[0]);
  }

  draw() {
    if (!this.canvas.isConnected) return;
    const { context, width, height } = prepare(this.canvas);
    const area = plotArea(width, height);
    const colours = palette();
    const { seconds, frequencies, columns, rows } = this.spectrogram;
    const [from, to] = this.span;
    const x = (time) => area.left + ((time - from) / (to - from)) * area.width;
    context.save();
    context.beginPath();
    context.rect(area.left, area.top, area.width, area.height);
    context.clip();
    context.imageSmoothingEnabled = columns * ((to - from) / seconds) > area.width;
    const image = this.showMap ? this.images.grey : this.images.colour;
    context.drawImage(image, 0, 0, columns, rows, x(0), area.top, x(seconds) - x(0), area.height);
    if (this.map) this.drawMap(context, area, x);
    if (this.marked) this.drawMarked(context, area, x(this.marked[0]), x(this.marked[1]));
    if (this.played !== null) {
      context.fillStyle = "#fff";
      context.fillRect(x(this.played) - 1, area.top, 2, area.height);
      context.fillStyle = "#000";
      context.fillRect(x(this.played) + 1, area.top, 1, area.height);
    }
    context.restore();
    drawFrequencies(context, area, frequencies, colours);
    drawTimes(context, area, 0, to - from, colours, true);
  }

  drawMap(context, area, x) {
    const offset = this.map.start - this.spectrogram.start;
    const [left, right] = [x(offset), x(offset + this.map.seconds)];
    context.imageSmoothingEnabled = false;
    if (this.showMap) context.drawImage(this.mapImage, left, area.top, right - left, area.height);
    const taken = new Map(); // numbers of boxes with the same corner stand side by side
    this.regions.forEach((region, index) => {
      const [start, end] = [x(offset + region.start), x(offset + region.end)];
      const [top, bottom] = [region.high_hz, region.low_hz].map((hertz) =>
        heightOf(hertz, this.spectrogram.frequencies, area),
      );
      const label = Math.max(start, area.left + 1);
      const corner = `${Math.round(label / 20)} ${Math.round(top / 20)}`;
      const shift = taken.get(corner) ?? 0;
      taken.set(corner, shift + 1);
      this.drawBox(context, start, top, Math.max(4, end - start), Math.max(4, bottom - top));
      this.drawNumber(context, label + 18 * shift, Math.max(top - 18, area.top), index + 1);
    });
  }

  /** Mark a part, such as the window that was judged. */
  drawMarked(context, area, left, right) {
    for (const [style, shift] of [
      ["rgb(0 0 0 / 60%)", 1],
      ["#fff", 0],
    ]) {
      context.strokeStyle = style;
      context.lineWidth = 1.5;
      context.setLineDash([5, 4]);
      context.strokeRect(left + shift + 0.5, area.top + 1 + shift, right - left - 1, area.height - 2 - shift);
    }
    context.setLineDash([]);
    context.lineWidth = 1;
  }

  drawBox(context, left, top, width, height) {
    context.lineWidth = 3;
    context.strokeStyle = "rgb(0 0 0 / 70%)";
    context.strokeRect(left, top, width, height);
    context.lineWidth = 1.5;
    context.strokeStyle = "#fff";
    context.strokeRect(left, top, width, height);
    context.lineWidth = 1;
  }

  drawNumber(context, left, top, number) {
    context.font = "bold 11px system-ui, sans-serif";
    context.fillStyle = "#000";
    context.fillRect(left - 1, top - 1, 17, 18);
    context.fillStyle = "#fff";
    context.fillRect(left, top, 15, 16);
    context.fillStyle = "#000";
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(String(number), left + 7.5, top + 8.5);
  }
}
