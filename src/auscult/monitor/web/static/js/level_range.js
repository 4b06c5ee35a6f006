// Which levels the colours stand for. The range follows the sound slowly and in steps, so that a colour means the
// same level across a picture.

import { bytes } from "./api.js";

/** Shares of the values below the range and below its end. */
const [LOW_SHARE, HIGH_SHARE] = [0.02, 0.998];
/** Limits of a range are multiples of this, dB, and a range is at least so long. */
const [STEP, SHORTEST] = [5, 30];
/** Share by which the range follows one second of sound that needs a smaller one. */
const FOLLOW = 0.03;

/** Return the levels, dB, below which two shares of the values of a picture are. */
function quantiles(values, low, high) {
  const counts = new Uint32Array(256);
  for (const value of values) counts[value] += 1;
  const at = (share) => {
    let sum = 0;
    let value = 0;
    while (value < 255 && sum + counts[value] < share * values.length) {
      sum += counts[value];
      value += 1;
    }
    return low + (value / 255) * (high - low);
  };
  return [at(LOW_SHARE), at(HIGH_SHARE)];
}

function rounded([low, high]) {
  const top = Math.ceil(high / STEP) * STEP;
  return [Math.min(Math.floor(low / STEP) * STEP, top - SHORTEST), top];
}

/** Return one range, dB, for several pictures, so that they can be compared. */
export function commonRange(pictures) {
  const limits = pictures.map((picture) => quantiles(bytes(picture.data), picture.low, picture.high));
  return rounded([Math.min(...limits.map(([low]) => low)), Math.max(...limits.map(([, high]) => high))]);
}

/** The range of a live picture. */
export class LevelRange {
  constructor() {
    this.tracked = null;
    this.shown = null;
  }

  /** Follow the next values and return whether the range has changed. */
  follow(values, low, high) {
    const [least, most] = quantiles(values, low, high);
    if (this.tracked === null) this.tracked = [least, most];
    else {
      const [before, after] = this.tracked;
      this.tracked = [
        least < before ? least : before + FOLLOW * (least - before),
        most > after ? most : after + FOLLOW * (most - after),
      ];
    }
    const wanted = rounded(this.tracked);
    const fits = this.shown && wanted.every((limit, index) => Math.abs(limit - this.shown[index]) <= STEP);
    const covered = fits && wanted[1] <= this.shown[1] && wanted[0] >= this.shown[0];
    if (covered) return false;
    this.shown = wanted;
    return true;
  }

  /** Return the place of a level in the range, 0 to 1. */
  share(level) {
    return Math.min(1, Math.max(0, (level - this.shown[0]) / (this.shown[1] - this.shown[0])));
  }
}
