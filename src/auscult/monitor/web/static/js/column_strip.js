// The last columns of a live spectrogram: levels, and the same as an image. Each column is at its number modulo
// the length, so that adding columns moves nothing.

import { heat } from "./colours.js";

/** Levels are stored in tenths of a dB. */
const TENTHS = 10;
const NONE = -32768;

export class ColumnStrip {
  constructor(rows, length, range) {
    this.rows = rows;
    this.length = length;
    this.range = range;
    this.levels = new Int16Array(rows * length).fill(NONE);
    this.canvas = document.createElement("canvas");
    [this.canvas.width, this.canvas.height] = [length, rows];
    this.context = this.canvas.getContext("2d", { willReadFrequently: false });
  }

  /** Remove columns `from` to before `to`. */
  clear(from, to) {
    for (let number = Math.max(from, to - this.length); number < to; number += 1) {
      const column = number % this.length;
      this.levels.fill(NONE, column * this.rows, (column + 1) * this.rows);
      this.context.clearRect(column, 0, 1, this.rows);
    }
  }

  /** Add row-major values as the columns that begin with a number. */
  write(values, columns, first, low, high) {
    for (let column = 0; column < columns; column += 1) {
      const start = ((first + column) % this.length) * this.rows;
      for (let row = 0; row < this.rows; row += 1) {
        this.levels[start + row] = Math.round(
          TENTHS * (low + (values[row * columns + column] / 255) * (high - low)),
        );
      }
    }
    this.paint(first, columns);
  }

  /** Paint all columns again, since the range has changed. */
  repaint() {
    this.paint(0, this.length);
  }

  paint(first, columns) {
    const pixels = new ImageData(columns, this.rows);
    for (let column = 0; column < columns; column += 1) {
      const start = ((first + column) % this.length) * this.rows;
      for (let row = 0; row < this.rows; row += 1) {
        const level = this.levels[start + row];
        if (level === NONE) continue;
        const [red, green, blue] = heat[Math.round(255 * this.range.share(level / TENTHS))];
        const target = 4 * ((this.rows - 1 - row) * columns + column);
        pixels.data[target] = red;
        pixels.data[target + 1] = green;
        pixels.data[target + 2] = blue;
        pixels.data[target + 3] = 255;
      }
    }
    const offset = first % this.length;
    this.context.putImageData(pixels, offset, 0);
    this.context.putImageData(pixels, offset - this.length, 0);
  }

  /** Draw the columns from a number to before another into a rectangle; numbers may have fractions. */
  draw(context, from, to, last, area) {
    const scale = area.width / (to - from);
    let first = Math.max(0, Math.floor(from), last - this.length + 1);
    const until = Math.min(last + 1, Math.ceil(to));
    context.imageSmoothingEnabled = false;
    while (first < until) {
      const offset = first % this.length;
      const count = Math.min(this.length - offset, until - first);
      context.drawImage(
        this.canvas,
        offset,
        0,
        count,
        this.rows,
        area.left + (first - from) * scale,
        area.top,
        count * scale,
        area.height,
      );
      first += count;
    }
  }
}
