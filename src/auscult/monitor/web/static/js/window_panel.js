// The window of an event that was judged, with its explanation over the spectrogram.

import { h } from "./dom.js";
import { Picture } from "./picture.js";
import { Player } from "./player.js";

export class WindowPanel {
  /**
   * @param {object} parts `spectrogram` of the sound that contains the window, `span` of the window in it in seconds,
   *   `range` of levels in dB, `map`, `regions` in it, and either the `sound` panel that plays it, or the `stored`
   *   sound if it is one of its own
   */
  constructor({ spectrogram, span, range, map, regions, sound = null, stored = null }) {
    const label = "Spectrogram of the window that was judged, with its explanation";
    this.picture = new Picture(spectrogram, { range, span, label });
    this.picture.explain(map, regions);
    this.player = sound?.player ?? new Player(stored, "Window that was judged");
    this.player.add(this.picture);
    this.overlay = h("input", { type: "checkbox", id: "overlay" });
    this.overlay.checked = true;
    this.overlay.addEventListener("change", () => this.picture.setMap(this.overlay.checked));
    this.span = span;
    const play = h("button", { type: "button", on: { click: () => this.play() } }, "Play the window");
    this.element = h(
      "section",
      { class: "card sound-panel window" },
      h("h2", {}, "Window that was judged", h("small", {}, ` ${(span[1] - span[0]).toFixed(1)} s`)),
      this.picture.canvas,
      h("p", { class: "panel-tools" }, sound ? play : this.player.audio, this.choice()),
      sound ? null : this.player.problem,
    );
  }

  close() {
    this.player.close();
  }

  choice() {
    return h("span", {}, this.overlay, h("label", { for: "overlay" }, "Deviation from normal, in orange"));
  }

  /** Play or stop the window. */
  play() {
    if (this.player.audio.paused) this.player.playFrom(...this.span);
    else this.player.audio.pause();
  }

  toggleMap() {
    this.overlay.checked = !this.overlay.checked;
    this.picture.setMap(this.overlay.checked);
  }
}
