// A shape for each kind of state, so that it reads without colour.

import { svg } from "./dom.js";

const LINE = {
  fill: "none",
  stroke: "currentColor",
  "stroke-width": 1.6,
  "stroke-linecap": "round",
  "stroke-linejoin": "round",
};
const FILL = { fill: "currentColor" };
const CUT = {
  fill: "none",
  stroke: "var(--cut)",
  "stroke-width": 1.8,
  "stroke-linecap": "round",
  "stroke-linejoin": "round",
};

const SHAPES = {
  alarm: () => [
    svg("path", { d: "M8 1.2 15.4 14.4H.6Z", ...FILL }),
    svg("path", { d: "M8 6v4M8 12.2v.1", ...CUT }),
  ],
  error: () => [
    svg("rect", { x: 1.5, y: 1.5, width: 13, height: 13, ...FILL }),
    svg("path", { d: "m5 5 6 6m0-6-6 6", ...CUT }),
  ],
  sensor: () => [
    svg("path", { d: "M8 1 15 8 8 15 1 8Z", ...LINE }),
    svg("path", { d: "M8 5v3.6M8 11v.1", ...LINE }),
  ],
  nodata: () => [
    svg("circle", { cx: 8, cy: 8, r: 6.4, ...LINE, "stroke-dasharray": "2.4 2.6" }),
    svg("path", { d: "m4.5 11.5 7-7", ...LINE }),
  ],
  stale: () => [
    svg("circle", { cx: 8, cy: 8, r: 6.4, ...LINE, "stroke-dasharray": "2.4 2.6" }),
    svg("path", { d: "M6.2 6.3a1.9 1.9 0 1 1 2.6 1.8c-.6.3-.8.6-.8 1.2M8 11.6v.1", ...LINE }),
  ],
  unjudged: () => [svg("circle", { cx: 8, cy: 8, r: 6.2, ...LINE }), svg("path", { d: "M5 8h6", ...LINE })],
  starting: () => [
    svg("circle", { cx: 8, cy: 8, r: 6.2, ...LINE }),
    svg("path", { d: "M8 1.8a6.2 6.2 0 0 1 0 12.4Z", ...FILL }),
  ],
  off: () => [svg("circle", { cx: 8, cy: 8, r: 6.2, ...LINE })],
  ended: () => [svg("rect", { x: 2.5, y: 2.5, width: 11, height: 11, ...LINE })],
  normal: () => [
    svg("circle", { cx: 8, cy: 8, r: 7, ...FILL }),
    svg("path", { d: "m4.8 8.2 2.3 2.4 4.2-5", ...CUT }),
  ],
};

/** Return the icon of a kind of state; its meaning is in the text next to it. */
export function icon(kind) {
  return svg(
    "svg",
    { class: `icon kind-${kind}`, viewBox: "0 0 16 16", "aria-hidden": "true" },
    SHAPES[kind](),
  );
}

/** A label of a state: icon, word and detail, which changes only where it differs. */
export class StateLabel {
  constructor(className = "") {
    this.kind = null;
    this.word = document.createElement("b");
    this.detail = document.createElement("small");
    this.text = document.createElement("span");
    this.text.append(this.word, " ", this.detail);
    this.element = document.createElement("span");
    this.element.className = `status ${className}`;
    this.element.append(icon("stale"), this.text);
  }

  update(status) {
    if (status.kind !== this.kind) {
      this.element.firstChild.replaceWith(icon(status.kind));
      this.element.dataset.kind = status.kind;
      this.kind = status.kind;
    }
    if (this.word.textContent !== status.word) this.word.textContent = status.word;
    if (this.detail.textContent !== status.detail) {
      this.detail.textContent = status.detail;
      this.element.title = status.detail;
    }
  }
}
