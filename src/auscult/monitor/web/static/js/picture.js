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
   * @param {number[]} range lowest and highest level, dB
   * @param {string} label for screen readers
   */
  constructor(spectrogram, range, label) {
    this.spectrogram = spectrogram;
    this.range = range;
    this.map = null;
    this.regions = [];
    this.showMap = false;
    this.played = null; // seconds from the start
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

  /** Return the seconds of a place on the canvas. */
  secondsAt(x) {
    const area = plotArea(this.canvas.clientWidth, this.canvas.clientHeight);
    return Math.min(1, Math.max(0, (x - area.left) / area.width)) * this.spectrogram.seconds;
  }

  draw() {
    if (!this.canvas.isConnected) return;
    const { context, width, height } = prepare(this.canvas);
    const area = plotArea(width, height);
    const colours = palette();
    const { seconds, frequencies } = this.spectrogram;
    const x = (time) => area.left + (time / seconds) * area.width;
    context.drawImage(
      this.showMap ? this.images.grey : this.images.colour,
      area.left,
      area.top,
      area.width,
      area.height,
    );
    if (this.map) this.drawMap(context, area, x);
    drawFrequencies(context, area, frequencies, colours);
    drawTimes(context, area, 0, seconds, colours, true);
    if (this.played !== null) {
      context.fillStyle = "#fff";
      context.fillRect(x(this.played) - 1, area.top, 2, area.height);
      context.fillStyle = "#000";
      context.fillRect(x(this.played) + 1, area.top, 1, area.height);
    }
  }

  drawMap(context, area, x) {
    const offset = this.map.start - this.spectrogram.start;
    context.save();
    context.beginPath();
    context.rect(area.left, area.top, area.width, area.height);
    context.clip();
    if (this.showMap)
      context.drawImage(
        this.mapImage,
        x(offset),
        area.top,
        x(offset + this.map.seconds) - x(offset),
        area.height,
      );
    this.drawWindow(context, area, x(offset), x(offset + this.map.seconds));
    this.regions.forEach((region, index) => this.drawRegion(context, area, x, offset, region, index + 1));
    context.restore();
  }

  /** Mark the window that was explained. */
  drawWindow(context, area, left, right) {
    for (const [style, shift] of [
      ["rgb(0 0 0 / 60%)", 1],
      ["#fff", 0],
    ]) {
      context.strokeStyle = style;
      context.setLineDash([5, 4]);
      context.strokeRect(left + shift + 0.5, area.top + 0.5 + shift, right - left - 1, area.height - 1);
    }
    context.setLineDash([]);
  }

  drawRegion(context, area, x, offset, region, number) {
    const [left, right] = [x(offset + region.start), x(offset + region.end)];
    const [top, bottom] = [region.high_hz, region.low_hz].map((hertz) =>
      heightOf(hertz, this.spectrogram.frequencies, area),
    );
    const [boxWidth, boxHeight] = [Math.max(4, right - left), Math.max(4, bottom - top)];
    context.lineWidth = 3;
    context.strokeStyle = "rgb(0 0 0 / 70%)";
    context.strokeRect(left, top, boxWidth, boxHeight);
    context.lineWidth = 1.5;
    context.strokeStyle = "#fff";
    context.strokeRect(left, top, boxWidth, boxHeight);
    context.font = "bold 11px system-ui, sans-serif";
    const y = Math.min(Math.max(top, area.top), area.top + area.height - 16);
    context.fillStyle = "#fff";
    context.fillRect(left, y, 15, 16);
    context.fillStyle = "#000";
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(String(number), left + 7.5, y + 8.5);
    context.lineWidth = 1;
  }
}
