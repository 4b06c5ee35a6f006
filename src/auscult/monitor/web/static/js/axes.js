// Axes of pictures of sound: frequency by the rows of mel bands, and time.

import { clock, NONE } from "./format.js";

const HERTZ = [20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000];
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600];
/** Pixels left of and below a picture for its axes, and on the other sides. */
export const MARGIN = { left: 48, bottom: 22, top: 6, right: 8 };

/** Return the inside of the axes of a canvas. */
export function plotArea(width, height) {
  return {
    left: MARGIN.left,
    top: MARGIN.top,
    width: Math.max(1, width - MARGIN.left - MARGIN.right),
    height: Math.max(1, height - MARGIN.top - MARGIN.bottom),
  };
}

/** Return the row of a frequency, with a fraction; row 0 is centred at 0.5. */
export function rowOf(frequency, frequencies) {
  const last = frequencies.length - 1;
  if (frequency <= frequencies[0]) return 0.5 * (frequency / Math.max(frequencies[0], 1e-9));
  if (frequency >= frequencies[last])
    return (
      last + 0.5 + (frequency - frequencies[last]) / Math.max(frequencies[last] - frequencies[last - 1], 1e-9)
    );
  let low = 0;
  let high = last;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (frequencies[middle] <= frequency) low = middle;
    else high = middle;
  }
  return low + 0.5 + (frequency - frequencies[low]) / (frequencies[high] - frequencies[low]);
}

/** Return the vertical place of a frequency, limited to the area. */
export function heightOf(frequency, frequencies, area) {
  const share = Math.min(1, Math.max(0, rowOf(frequency, frequencies) / frequencies.length));
  return area.top + area.height * (1 - share);
}

/** Draw the frequencies left of the area. */
export function drawFrequencies(context, area, frequencies, colours) {
  context.save();
  context.font = "11px system-ui, sans-serif";
  context.fillStyle = colours.text;
  context.strokeStyle = colours.rule;
  context.textAlign = "right";
  context.textBaseline = "middle";
  let last = Infinity;
  for (const hertz of HERTZ) {
    if (hertz < frequencies[0] / 2 || hertz > frequencies[frequencies.length - 1]) continue;
    const y = Math.round(heightOf(hertz, frequencies, area)) + 0.5;
    if (last - y < 14 || y > area.top + area.height - 2) continue;
    last = y;
    context.beginPath();
    context.moveTo(area.left - 4, y);
    context.lineTo(area.left, y);
    context.stroke();
    context.fillText(hertz < 1000 ? String(hertz) : `${hertz / 1000}k`, area.left - 6, y);
  }
  context.textAlign = "left";
  context.textBaseline = "alphabetic";
  context.fillText("Hz", 4, area.top + area.height + 15);
  context.restore();
}

/**
 * Draw times below the area.
 *
 * @param {number} start seconds at the left edge
 * @param {number} span seconds of the width
 * @param {boolean} relative whether times count from 0 and are shown as seconds, not as the time of day
 */
export function drawTimes(context, area, start, span, colours, relative = false) {
  const widest = relative ? 44 : 66;
  const step = STEPS.find((seconds) => (seconds / span) * area.width >= widest) ?? 600;
  context.save();
  context.font = "11px system-ui, sans-serif";
  context.fillStyle = colours.text;
  context.strokeStyle = colours.rule;
  context.textBaseline = "top";
  const bottom = area.top + area.height;
  for (let index = Math.ceil(start / step); index * step <= start + span; index += 1) {
    const x = area.left + ((index * step - start) / span) * area.width;
    context.beginPath();
    context.moveTo(x, bottom);
    context.lineTo(x, bottom + 4);
    context.stroke();
    const text = relative ? `${Number((index * step).toFixed(2))} s` : clock(index * step);
    const half = context.measureText(text).width / 2;
    if (x - half > area.left - 14 && x + half <= area.left + area.width + MARGIN.right)
      context.fillText(text, x - half, bottom + 6);
  }
  context.restore();
}

/** Fill a rectangle with lines that mean "no data". */
export function hatch(context, left, top, width, height, colours) {
  if (width <= 0 || height <= 0) return;
  context.save();
  context.beginPath();
  context.rect(left, top, width, height);
  context.clip();
  context.fillStyle = colours.nodata;
  context.fillRect(left, top, width, height);
  context.strokeStyle = colours.hatch;
  context.lineWidth = 1;
  context.beginPath();
  const first = Math.floor((left - height) / 8) * 8;
  for (let x = first; x < left + width; x += 8) {
    context.moveTo(x, top + height);
    context.lineTo(x + height, top);
  }
  context.stroke();
  context.restore();
}

/** Write a text on a plate in the middle of a rectangle, if it fits. */
export function plate(context, text, left, top, width, height, colours) {
  context.save();
  context.font = "12px system-ui, sans-serif";
  const needed = context.measureText(text).width + 12;
  if (needed < width - 4 && text !== NONE) {
    const [x, y] = [left + width / 2, top + height / 2];
    context.fillStyle = colours.card;
    context.fillRect(x - needed / 2, y - 10, needed, 20);
    context.fillStyle = colours.text;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(text, x, y + 0.5);
  }
  context.restore();
}
