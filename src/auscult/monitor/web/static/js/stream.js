// The live connection: what the monitor sends about once a second, and whether it still does.

import { get } from "./api.js";

/** Without a message for so long, milliseconds, the connection counts as lost. */
const SILENCE = 5000;
const RETRY = [1000, 2000, 4000, 8000];

/**
 * Events: "status" (new values), "change", "frames" (with `detail`), "connection" when it is lost or back,
 * and "missed" when it is back, so that there may have been changes.
 */
export class Live extends EventTarget {
  constructor() {
    super();
    this.machines = new Map(); // status by number of the machine
    this.health = [];
    this.time = null; // of the monitor, at the last status
    this.lost = false;
    this.received = null; // Date.now() of the last message
    this.machine = null; // whose frames are sent
    this.source = null;
    this.failures = 0;
    setInterval(() => this.check(), 1000);
  }

  /** The present time of the monitor, seconds. */
  get now() {
    return this.time === null ? Date.now() / 1000 : this.time + (Date.now() - this.received) / 1000;
  }

  /** Connect, or connect again for the frames of another machine (or of none). */
  open(machine = null) {
    if (this.source && this.machine === machine && this.source.readyState !== EventSource.CLOSED) return;
    this.machine = machine;
    this.connect();
  }

  connect() {
    clearTimeout(this.retry);
    if (this.source) this.source.close();
    const source = new EventSource(
      this.machine === null ? "api/stream" : `api/stream?machine=${this.machine}`,
    );
    this.source = source;
    this.opened = Date.now();
    const listen = (name, handle) =>
      source.addEventListener(name, (event) => source === this.source && handle(JSON.parse(event.data)));
    listen("status", (status) => this.update(status));
    listen("update", (changes) => this.update(this.merged(changes)));
    for (const name of ["change", "frames"]) {
      listen(name, (detail) => this.dispatchEvent(new CustomEvent(name, { detail })));
    }
    source.addEventListener("error", () => {
      if (source !== this.source) return;
      this.setLost(true);
      if (source.readyState === EventSource.CLOSED) this.later();
    });
  }

  update(status) {
    this.received = Date.now();
    this.time = status.time;
    this.machines = new Map(status.machines.map((machine) => [machine.id, machine]));
    this.health = status.health;
    this.failures = 0;
    this.setLost(false);
    this.dispatchEvent(new Event("status"));
  }

  /** Return the states of all machines from those before and what has changed since. */
  merged({ time, health = this.health, machines }) {
    const all = new Map(this.machines);
    for (const changes of machines) all.set(changes.id, { ...all.get(changes.id), ...changes });
    return { time, health, machines: [...all.values()] };
  }

  check() {
    if (!this.source || Date.now() - Math.max(this.received ?? 0, this.opened) <= SILENCE) return;
    this.setLost(true);
    this.later();
  }

  /** Try again after a while; a request before it shows whether a token is wanted. */
  later() {
    this.source?.close();
    this.source = null;
    const pause = RETRY[Math.min(this.failures, RETRY.length - 1)];
    this.failures += 1;
    this.retry = setTimeout(async () => {
      try {
        await get("api/info");
        this.connect();
      } catch (error) {
        if (error.status !== 401) this.later();
      }
    }, pause);
  }

  setLost(lost) {
    if (this.lost === lost) return;
    this.lost = lost;
    this.dispatchEvent(new Event("connection"));
    if (!lost) this.dispatchEvent(new Event("missed"));
  }
}
