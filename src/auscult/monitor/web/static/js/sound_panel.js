// A stored sound: to play, with its picture, in which a click plays from there.

import { h } from "./dom.js";
import { moment } from "./format.js";
import { Picture } from "./picture.js";

export class SoundPanel {
  /**
   * @param {object} parts `title`, `sound`, `spectrogram` (or null), `range` in dB, and for an explanation `map` and
   *   `regions`
   */
  constructor({ title, sound, spectrogram, range, map = null, regions = [] }) {
    this.others = []; // panels that stop when this one plays
    this.audio = h("audio", {
      controls: true,
      preload: "auto",
      src: `api/sounds/${sound.id}`,
      "aria-label": title,
    });
    this.audio.addEventListener("play", () => {
      for (const other of this.others) other.audio.pause();
      this.follow();
    });
    this.audio.addEventListener("timeupdate", () => this.mark());
    this.problem = h(
      "p",
      { class: "problem", role: "alert", hidden: true },
      "The sound could not be loaded.",
    );
    this.audio.addEventListener("error", () => {
      this.problem.hidden = false;
    });
    this.picture = spectrogram && new Picture(spectrogram, range, `Spectrogram: ${title}`);
    if (this.picture && map) this.picture.explain(map, regions);
    this.picture?.canvas.addEventListener("click", (event) => this.seek(event));
    const when = sound.role === "normal" ? "" : `${moment(sound.start)}, `;
    this.element = h(
      "section",
      { class: `card sound-panel ${sound.role}` },
      h("h2", {}, title, h("small", {}, ` ${when}${sound.seconds.toFixed(0)} s`)),
      this.picture?.canvas ?? h("p", { class: "note" }, "There is no spectrogram of it."),
      map && this.picture ? this.mapControl() : null,
      this.audio,
      this.problem,
    );
  }

  close() {
    this.audio.pause();
    this.picture?.close();
  }

  mapControl() {
    this.overlay = h("input", { type: "checkbox", id: "overlay" });
    this.overlay.checked = true;
    this.overlay.addEventListener("change", () => this.picture.setMap(this.overlay.checked));
    return h(
      "p",
      { class: "legend" },
      this.overlay,
      h(
        "label",
        { for: "overlay" },
        "Explanation over the spectrogram. Numbers as in the list; dashed: the window that was judged.",
      ),
    );
  }

  toggle() {
    if (this.audio.paused) this.audio.play();
    else this.audio.pause();
  }

  toggleMap() {
    if (!this.overlay) return;
    this.overlay.checked = !this.overlay.checked;
    this.picture.setMap(this.overlay.checked);
  }

  seek(event) {
    this.audio.currentTime = this.picture.secondsAt(event.offsetX);
    this.audio.play();
  }

  mark() {
    this.picture?.play(this.audio.currentTime);
  }

  /** Move the line in the picture while the sound plays. */
  follow() {
    this.mark();
    if (!this.audio.paused && !this.audio.ended) requestAnimationFrame(() => this.follow());
  }
}
