// Plays a stored sound, and shows in pictures where it is played; a click on one plays from there.

import { h } from "./dom.js";

export class Player {
  /** @param {object} sound with its number; @param {string} label for screen readers */
  constructor(sound, label) {
    this.others = []; // players that stop when this one plays
    this.pictures = [];
    this.until = null; // seconds at which it stops
    this.audio = h("audio", {
      controls: true,
      preload: "auto",
      src: `api/sounds/${sound.id}`,
      "aria-label": label,
    });
    this.problem = h("p", { class: "problem", role: "alert", hidden: true }, "The sound cannot be loaded.");
    this.audio.addEventListener("play", () => {
      for (const other of this.others) other.audio.pause();
      this.follow();
    });
    this.audio.addEventListener("pause", () => {
      this.until = null;
    });
    this.audio.addEventListener("timeupdate", () => this.mark());
    this.audio.addEventListener("error", () => {
      this.problem.hidden = false;
    });
  }

  close() {
    this.audio.pause();
    for (const picture of this.pictures) picture.close();
  }

  /** Show in a picture of this sound where it is played, and play from a click on it. */
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
