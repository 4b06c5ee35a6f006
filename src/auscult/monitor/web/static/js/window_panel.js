// The window of an event that was judged, with its explanation over the spectrogram.

import { h } from "./dom.js";
import { Picture } from "./picture.js";

export class WindowPanel {
  /**
   * @param {object} spectrogram of the sound of the event
   * @param {number[]} span start and end of the window in it, seconds
   * @param {number[]} range levels, dB
   * @param {object} map the explanation
   * @param {object[]} regions what stands out in it
   * @param {object} sound the panel that plays the sound
   */
  constructor({ spectrogram, span, range, map, regions, sound }) {
    const label = "Spectrogram of the window that was judged, with its explanation";
    this.picture = new Picture(spectrogram, { range, span, label });
    this.picture.explain(map, regions);
    sound.add(this.picture);
    this.overlay = h("input", { type: "checkbox", id: "overlay" });
    this.overlay.checked = true;
    this.overlay.addEventListener("change", () => this.picture.setMap(this.overlay.checked));
    const play = h(
      "button",
      { type: "button", on: { click: () => sound.playFrom(...span) } },
      "Play the window",
    );
    const title = h(
      "h2",
      {},
      "Window that was judged",
      h("small", {}, ` ${(span[1] - span[0]).toFixed(1)} s`),
    );
    const choice = h(
      "span",
      {},
      this.overlay,
      h("label", { for: "overlay" }, "Deviation from normal, in orange"),
    );
    this.element = h(
      "section",
      { class: "card sound-panel window" },
      title,
      this.picture.canvas,
      h("p", { class: "panel-tools" }, play, choice),
    );
  }

  toggleMap() {
    this.overlay.checked = !this.overlay.checked;
    this.picture.setMap(this.overlay.checked);
  }
}
