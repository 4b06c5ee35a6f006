// The colours of the theme for canvases, read again when it changes.

import { colour } from "./dom.js";

const NAMES = {
  text: "--muted",
  ink: "--ink",
  rule: "--rule",
  card: "--card",
  nodata: "--nodata",
  hatch: "--hatch",
  score: "--score",
  band: "--band",
  persistent: "--persistent",
  threshold: "--threshold",
  alarm: "--alarm",
  alarmBand: "--alarm-band",
};
let known = null;
document.addEventListener("themechange", () => {
  known = null;
});

/** Return the colours by name. */
export function palette() {
  known ??= Object.fromEntries(Object.entries(NAMES).map(([name, property]) => [name, colour(property)]));
  return known;
}
