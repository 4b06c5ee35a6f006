// What the state of a machine is called, and how urgent it is. The one place that decides when values count as
// present: without a connection or without samples a machine is never "normal".

import { duration, moment, number } from "./format.js";

/** Seconds without a sample after which there is no data. */
export const NO_DATA_SECONDS = 15;

/** Kinds of states, the most urgent first, with the word that summaries use. */
export const KINDS = {
  alarm: "alarm",
  error: "error",
  sensor: "sensor fault",
  nodata: "no data",
  stale: "unknown",
  unjudged: "not judged",
  starting: "starting",
  off: "off",
  ended: "ended",
  normal: "normal",
};
/** Kinds in which nothing arrives of a machine that can be judged. */
const SILENT = ["nodata", "error", "ended", "sensor"];
const RANKS = Object.fromEntries(Object.keys(KINDS).map((kind, rank) => [kind, rank]));

/**
 * Return the status of a machine.
 *
 * @param {object} machine as the monitor sends it
 * @param {boolean} lost whether there is no connection to the monitor
 * @returns {{kind: string, word: string, detail: string, rank: number, silent: boolean}} silent: whether its
 *   values are not of now
 */
export function statusOf(machine, lost) {
  const now = present(machine);
  const silent = SILENT.includes(now.kind);
  const status = machine.alarm ? alarmed(machine, silent ? now : null) : now;
  const rank = RANKS[status.kind];
  if (!lost) return { ...status, rank, silent };
  return { kind: "stale", word: "unknown", detail: `last: ${status.word}`, rank, silent };
}

/** An alarm that lasts stays one when no data arrive any more, which is said with it. */
function alarmed(machine, trouble) {
  const since = machine.open_event ? `since ${moment(machine.open_event.start)}` : "";
  if (!trouble) return { kind: "alarm", word: "alarm", detail: since };
  return {
    kind: "alarm",
    word: `alarm, ${trouble.word}`,
    detail: [since, trouble.detail].filter(Boolean).join("; "),
  };
}

/** What is said of a machine without an alarm. */
function present(machine) {
  const { state, condition, policy } = machine;
  if (machine.error) return { kind: "error", word: "error", detail: machine.error };
  if (machine.ended)
    return { kind: "ended", word: "ended", detail: `its source ended at ${moment(machine.time)}` };
  if (machine.age === null && machine.time === null && !condition) {
    return { kind: "nodata", word: machine.no_data, detail: "nothing has arrived" };
  }
  if (condition) return { kind: "sensor", word: condition.kind, detail: condition.detail };
  if (machine.age === null || machine.age > NO_DATA_SECONDS) {
    const since = machine.time === null ? "" : ` since ${moment(machine.time)}`;
    const length = machine.age === null ? "" : `for ${duration(machine.age)}`;
    return { kind: "nodata", word: `${machine.no_data}${since}`, detail: length };
  }
  if (state === "off") return { kind: "off", word: "off", detail: "the machine is not running" };
  if (state === "starting" || state === "stopping")
    return { kind: "starting", word: state, detail: "not judged" };
  if (state === null)
    return { kind: "nodata", word: "no score yet", detail: "the first window is not complete" };
  if (machine.score === null) return { kind: "unjudged", word: "running", detail: "no score yet" };
  if (!policy) return { kind: "unjudged", word: "scores only", detail: "no alarm rule" };
  if (!policy.raised) return { kind: "unjudged", word: "not armed", detail: "alarm rule refused" };
  return { kind: "normal", word: "normal", detail: "" };
}

/** The alarm rule in a few words. */
export function ruleOf(machine) {
  const policy = machine.policy;
  if (!policy) return "none";
  if (policy.state === "armed") return `armed, ${policy.budget}`;
  if (policy.state === "refused") return policy.raised ? "more alarms than promised" : "refused";
  return `probation, ${duration(policy.missing_seconds)} missing`;
}

/** The value that the alarm rule compares with its threshold; the score as long as there is none. */
export function judgedScore(machine) {
  return machine.persistent ?? machine.score;
}

/** "1.234 of 2.345" */
export function scoreText(machine) {
  const value = judgedScore(machine);
  if (value === null) return "no score";
  const score = number(value);
  return machine.threshold === null ? score : `${score} / ${number(machine.threshold)}`;
}
