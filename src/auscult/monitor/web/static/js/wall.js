// All machines as tiles that fill a screen on the wall.

import { h, setText } from "./dom.js";
import { moment } from "./format.js";
import { StateLabel } from "./icons.js";
import { byName } from "./machine_row.js";
import { machineAddress } from "./router.js";
import { ScoreBar } from "./score_bar.js";
import { scoreText, statusOf } from "./status.js";

/** Width of a tile relative to its height. */
const SHAPE = 1.7;

export function open(main, _route, app) {
  return new Wall(main, app.live);
}

/** Return the number of columns for which tiles of about the wanted shape are largest. */
export function columnsFor(count, width, height) {
  let best = [1, 0];
  for (let columns = 1; columns <= count; columns += 1) {
    const tileHeight = Math.min(height / Math.ceil(count / columns), width / columns / SHAPE);
    if (tileHeight > best[1]) best = [columns, tileHeight];
  }
  return best[0];
}

class Wall {
  constructor(main, live) {
    this.live = live;
    this.keys = [["f", "Full screen", () => this.fullScreen()]];
    this.tiles = new Map();
    this.grid = h("div", { class: "wall", role: "list", "aria-label": "Machines" });
    main.append(h("h1", { class: "unseen" }, "Wall"), this.grid);
    this.update = this.update.bind(this);
    live.addEventListener("status", this.update);
    live.addEventListener("connection", this.update);
    this.sizes = new ResizeObserver(() => this.arrange());
    this.sizes.observe(this.grid);
    this.update();
  }

  close() {
    this.live.removeEventListener("status", this.update);
    this.live.removeEventListener("connection", this.update);
    this.sizes.disconnect();
  }

  fullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else document.documentElement.requestFullscreen?.();
  }

  update() {
    const { live } = this;
    const machines = [...live.machines.values()].sort(byName);
    const numbers = machines.map(({ id }) => id).join();
    if (numbers !== this.numbers) {
      this.numbers = numbers;
      this.tiles = new Map(machines.map((machine) => [machine.id, new Tile(machine)]));
      this.grid.replaceChildren(...[...this.tiles.values()].map((tile) => tile.element));
      this.arrange();
    }
    for (const machine of machines) this.tiles.get(machine.id).update(machine, live);
  }

  arrange() {
    const { clientWidth, clientHeight } = this.grid;
    if (!this.tiles.size || !clientWidth) return;
    const columns = columnsFor(this.tiles.size, clientWidth, clientHeight);
    this.grid.style.setProperty("--columns", columns);
    this.grid.style.setProperty("--rows", Math.ceil(this.tiles.size / columns));
  }
}

class Tile {
  constructor(machine) {
    this.label = new StateLabel();
    this.bar = new ScoreBar(true);
    this.score = h("span", { class: "figures" });
    this.more = h("span", { class: "more" });
    this.element = h(
      "div",
      { class: "tile", role: "listitem" },
      h("a", { class: "name", href: machineAddress(machine.id) }, machine.name),
      this.label.element,
      this.bar.element,
      h("span", { class: "line" }, this.score, this.more),
    );
    this.element.style.setProperty("--characters", machine.name.length);
  }

  update(machine, live) {
    const status = statusOf(machine, live.lost);
    this.element.dataset.kind = status.kind;
    this.label.update(status);
    const stale = live.lost || status.silent;
    this.bar.update(machine, stale);
    setText(this.score, scoreText(machine));
    setText(this.more, this.remark(machine));
  }

  remark(machine) {
    if (machine.alarms_today) return `${machine.alarms_today} today`;
    if (machine.policy?.state === "probation") return "probation";
    return machine.last_event ? `last ${moment(machine.last_event.start)}` : "";
  }
}
