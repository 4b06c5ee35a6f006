// The score of a machine over time, from a minute to years. It follows the present until the user moves it.

import { h, setText } from "./dom.js";
import { between, duration, full, moment, number } from "./format.js";
import { eventAddress } from "./router.js";
import { TimelineChart } from "./timeline_chart.js";
import { readTimeline } from "./timeline_data.js";

const SPANS = [
  ["1 min", 60],
  ["10 min", 600],
  ["1 h", 3600],
  ["8 h", 28800],
  ["1 d", 86400],
  ["1 week", 604800],
  ["4 weeks", 2419200],
];
const [SHORTEST, LONGEST] = [10, 10 * 366 * 86400];
const START = 600;
/** Milliseconds of rest after a page was scrolled in which the wheel does not zoom. */
const SCROLL_REST = 500;
/** Recordings have times of their own if these differ by more seconds from the clock while sound arrives. */
const OTHER_TIME = 60;

let scrolled = 0;
addEventListener(
  "wheel",
  (event) => {
    if (!event.target.closest?.(".timeline .u-over")) scrolled = Date.now();
  },
  { passive: true },
);

export class Timeline {
  constructor(machine, live) {
    [this.machine, this.live] = [machine, live];
    this.span = START;
    this.end = null; // null while it follows
    this.data = null;
    this.build();
    this.tick = setInterval(() => this.follow(), 1000);
    this.load();
  }

  close() {
    clearInterval(this.tick);
    this.chart.close();
  }

  build() {
    const button = (text, label, action, more = {}) =>
      h(
        "button",
        { type: "button", "aria-label": label, title: label, ...more, on: { click: action } },
        text,
      );
    this.spans = SPANS.map(([text, seconds]) =>
      button(text, `Show ${text}`, () => this.setRange(seconds, this.end), { data: { seconds } }),
    );
    this.now = button("Follow", "Follow the present", () => this.setRange(this.span, null), {
      class: "follow",
    });
    const tools = [
      button("−", "Zoom out", () => this.zoom(2)),
      button("+", "Zoom in", () => this.zoom(0.5)),
      button("‹", "Earlier", () => this.move(-0.5)),
      button("›", "Later", () => this.move(0.5)),
    ];
    this.frame = h("div", {
      class: "chart",
      tabindex: 0,
      role: "group",
      "aria-label": "Score timeline. Arrow keys move, plus and minus zoom, L follows the present.",
    });
    this.readout = h("p", { class: "readout" });
    this.title = h("p", { class: "range" });
    this.stale = h("p", { class: "problem" });
    const key = (name, text) => h("span", { class: `key ${name}` }, text);
    this.element = h(
      "div",
      { class: "timeline" },
      h(
        "div",
        { class: "toolbar" },
        h("div", { class: "group", role: "group", "aria-label": "Length of time" }, this.spans),
        h("div", { class: "group" }, tools),
        this.now,
      ),
      this.frame,
      h(
        "div",
        { class: "under" },
        h(
          "p",
          { class: "keys-of-lines" },
          key("persistent", "sustained score"),
          key("score", "score"),
          key("threshold", "alarm threshold"),
          key("gap", "no data"),
          key("alarm", "alarm"),
        ),
        this.readout,
        this.stale,
        this.title,
      ),
    );
    this.chart = new TimelineChart(this.frame, {
      select: (since, until) => this.setRange(until - since, until),
      hover: (index) => this.read(index),
      open: (event) => {
        location.hash = eventAddress(event.id);
      },
    });
    this.frame.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.frame.addEventListener("dblclick", () => this.setRange(START, null));
    this.frame.addEventListener("keydown", (event) => this.key(event));
  }

  /** The time at the right edge while it follows. */
  present() {
    const machine = this.live.machines.get(this.machine);
    const { now } = this.live;
    if (!machine || machine.time === null) return now;
    const replayed =
      machine.ended ||
      (machine.age !== null && machine.age < OTHER_TIME && Math.abs(now - machine.time) > OTHER_TIME);
    return replayed ? machine.time : now;
  }

  /** Seconds [since, until] that are shown. */
  range() {
    const until = this.end ?? this.present();
    return [until - this.span, until];
  }

  setRange(span, end) {
    this.span = Math.min(LONGEST, Math.max(SHORTEST, span));
    this.end = end !== null && end >= this.present() ? null : end;
    this.redraw();
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.load(), 120);
  }

  /** Zoom around a place, by default the right edge while it follows and otherwise the middle. */
  zoom(factor, share = this.end === null ? 1 : 0.5) {
    const [since] = this.range();
    const span = Math.min(LONGEST, Math.max(SHORTEST, this.span * factor));
    const kept = since + share * this.span;
    this.setRange(span, this.end === null && share === 1 ? null : kept + (1 - share) * span);
  }

  move(share) {
    const [, until] = this.range();
    this.setRange(this.span, until + share * this.span);
  }

  wheel(event) {
    if (Date.now() - scrolled < SCROLL_REST) {
      scrolled = Date.now(); // the page is being scrolled, and the chart came under the pointer
      return;
    }
    event.preventDefault();
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      this.move(0.1 * Math.sign(event.deltaX || event.deltaY));
      return;
    }
    const over = this.chart.chart.over.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - over.left) / over.width));
    this.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.end === null && share > 0.9 ? 1 : share);
  }

  key(event) {
    const actions = {
      ArrowLeft: () => this.move(-0.25),
      ArrowRight: () => this.move(0.25),
      Home: () => this.setRange(START, null),
    };
    if (event.ctrlKey || event.metaKey || event.altKey || !actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  }

  follow() {
    if (this.end === null) this.redraw();
    if (this.live.lost) return;
    const pause = Math.min(60, Math.max(2, this.span / 300)) * 1000;
    if (this.end === null && Date.now() - (this.loaded ?? 0) > pause) this.load();
  }

  async load() {
    if (this.loading) {
      this.again = true;
      return;
    }
    [this.loading, this.again] = [true, false];
    const [since, until] = this.range();
    const margin = 0.02 * this.span;
    try {
      this.data = await readTimeline(this.machine, since - margin, until + margin, this.present());
      this.problem = null;
    } catch (error) {
      this.problem = error.message;
    }
    this.loaded = Date.now();
    this.loading = false;
    if (this.element.isConnected) this.redraw();
    if (this.again) this.load();
  }

  redraw() {
    const range = this.range();
    if (this.data) this.chart.show(this.live.lost ? this.withoutPresent(range[1]) : this.data, range);
    for (const button of this.spans)
      button.setAttribute("aria-pressed", String(Number(button.dataset.seconds) === Math.round(this.span)));
    this.now.setAttribute("aria-pressed", String(this.end === null));
    setText(this.now, this.end === null ? "Following" : "Follow");
    const text = `${between(...range)} (${duration(this.span)})`;
    const problem = this.live.lost ? "no connection" : this.problem;
    setText(this.stale, problem ? `not up to date: ${problem}` : "");
    setText(this.title, text);
    this.title.title = `${full(range[0])} to ${full(range[1])}`;
  }

  /** Return the data with a gap from the end of what is known to a time. */
  withoutPresent(until) {
    const gap = { start: this.data.until, end: until, reason: "no connection" };
    return until > gap.start ? { ...this.data, gaps: [...this.data.gaps, gap] } : this.data;
  }

  read(index) {
    const [time, low, high, score, persistent, threshold] =
      index === null || !this.data ? [] : this.data.columns.map((column) => column[index]);
    if (score === null || score === undefined) {
      setText(this.readout, "");
      return;
    }
    const spread = high > low ? ` (${number(low)} to ${number(high)})` : "";
    setText(
      this.readout,
      `${moment(time)}: score ${number(score)}${spread}, persistent ${number(persistent)}, threshold ${number(threshold)}`,
    );
  }
}
