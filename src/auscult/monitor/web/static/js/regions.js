// A region of an explanation in words.

import { hertz, hertzRange } from "./format.js";

const MOST_TIMES = 5;

function moments(region) {
  if (region.kind === "steady band" || region.kind === "tone") return "all the time";
  if (region.times?.length) {
    const named = region.times
      .slice(0, MOST_TIMES)
      .map((time) => time.toFixed(2))
      .join(", ");
    const more = region.times.length > MOST_TIMES ? ` and ${region.times.length - MOST_TIMES} more` : "";
    return `at ${named} s${more} of the window`;
  }
  return `from ${region.start.toFixed(2)} to ${region.end.toFixed(2)} s of the window`;
}

/** "steady band at 1.20–1.45 kHz, all the time: 12 × the limit of normal recordings, 64 % of the deviation" */
export function describeRegion(region) {
  const place = region.hertz ? hertz(region.hertz) : hertzRange(region.low_hz, region.high_hz);
  const parts = [];
  if (region.multiple) parts.push(`${region.multiple.toFixed(1)} × the limit of normal recordings`);
  if (region.level_db !== null && region.level_db !== undefined)
    parts.push(`${Math.round(region.level_db)} dB against the nearest normal`.replace("-", "−"));
  parts.push(`${Math.round(100 * region.share)} % of the deviation`);
  return `${region.kind} at ${place}, ${moments(region)}: ${parts.join(", ")}`;
}
