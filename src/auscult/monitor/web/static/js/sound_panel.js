// A stored sound with its picture.

import { h } from "./dom.js";
import { Picture } from "./picture.js";
import { Player } from "./player.js";

export class SoundPanel {
  /**
   * @param {object} parts `title`, `note`, `sound`, `spectrogram` (or null), and as of `Picture` `range` and `marked`
   */
  constructor({ title, note, sound, spectrogram, range, marked = null }) {
    this.player = new Player(sound, title);
    const picture =
      spectrogram && new Picture(spectrogram, { range, marked, label: `Spectrogram: ${title}` });
    if (picture) this.player.add(picture);
    this.element = h(
      "section",
      { class: `card sound-panel ${sound.role}` },
      h("h2", {}, title, h("small", {}, ` ${note}`)),
      picture?.canvas ?? h("p", { class: "note" }, "There is no spectrogram of it."),
      this.player.audio,
      this.player.problem,
    );
  }

  close() {
    this.player.close();
  }
}
