// A stored sound: to play, with its picture, in which a click plays from there.

import { h } from "./dom.js";
import { Picture } from "./picture.js";

export class SoundPanel {
  /**
   * @param {object} parts `title`, `note`, `sound`, `spectrogram` (or null), and as of `Picture` `range` and `marked`
   */
  constructor({ title, note, sound, spectrogram, range, marked = null }) {
    this.others = []; // panels that stop when this one plays
    this.pictures = [];
    this.until = null; // seconds at which it stops
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
    this.audio.addEventListener("pause", () => {
      this.until = null;
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
    const picture =
      spectrogram && new Picture(spectrogram, { range, marked, label: `Spectrogram: ${title}` });
    if (picture) this.add(picture);
    this.element = h(
      "section",
      { class: `card sound-panel ${sound.role}` },
      h("h2", {}, title, h("small", {}, ` ${note}`)),
      picture?.canvas ?? h("p", { class: "note" }, "There is no spectrogram of it."),
      this.audio,
      this.problem,
    );
  }

  close() {
    this.audio.pause();
    for (const picture of this.pictures) picture.close();
  }

  /** Show in a picture where this sound is played, and play from a click on it. */
  add(picture) {
    this.pictures.push(picture);
    picture.canvas.addEventListener("click", (event) => this.playFrom(picture.secondsAt(event.offsetX)));
  }

  /** Play from a time, to a time if one is given. */
  playFrom(start, end = null) {
    this.audio.currentTime = start;
    this.audio.play();
    this.until = end;
  }

  toggle() {
    if (this.audio.paused) this.audio.play();
    else this.audio.pause();
  }

  mark() {
    const { currentTime } = this.audio;
    for (const picture of this.pictures) picture.play(currentTime);
    if (this.until !== null && currentTime >= this.until) this.audio.pause();
  }

  /** Move the line in the pictures while the sound plays. */
  follow() {
    this.mark();
    if (!this.audio.paused && !this.audio.ended) requestAnimationFrame(() => this.follow());
  }
}
