// What a timeline shows of one machine between two times, with lines that break wherever there is no data.

import { get } from "./api.js";

const POINTS = 1200;
const EVENTS = 300;
/** Seconds between points beyond which there is no data, at least; points of each resolution are so far apart. */
const APART = { sample: 5, minute: 150, hour: 9000 };

/** Return columns for a chart: time, lowest, highest, score, persistent, threshold. */
function columnsOf(scores, limit) {
  const names = ["time", "lowest", "highest", "score", "persistent", "threshold"];
  const columns = names.map(() => []);
  scores.time.forEach((time, index) => {
    const before = index > 0 ? scores.time[index - 1] : null;
    if (before !== null && time - before > limit) {
      columns[0].push((time + before) / 2);
      columns.slice(1).forEach((column) => column.push(null));
    }
    names.forEach((name, column) => columns[column].push(scores[name][index] ?? null));
  });
  return columns;
}

/** Return spans without points that no gap explains. */
function missing(scores, gaps, since, until, limit) {
  const spans = [];
  const times = scores.time.filter((time) => time <= until);
  const edges = [since, ...times, until];
  for (let index = 1; index < edges.length; index += 1) {
    const [start, end] = [edges[index - 1], edges[index]];
    if (end - start > limit) spans.push({ start, end, reason: "" });
  }
  return spans.flatMap((span) => without(span, gaps)).filter(({ start, end }) => end - start > limit / 2);
}

/** Return what remains of a span without the gaps in it. */
function without(span, gaps) {
  let parts = [span];
  for (const gap of gaps) {
    parts = parts.flatMap((part) => {
      if (gap.end <= part.start || gap.start >= part.end) return [part];
      return [
        { ...part, end: Math.min(part.end, gap.start) },
        { ...part, start: Math.max(part.start, gap.end) },
      ].filter(({ start, end }) => end > start);
    });
  }
  return parts;
}

/** Whether a gap means that the machine was not judged although there was sound. */
export function isUnjudged(reason) {
  return reason.startsWith("machine ") || reason === "settling";
}

/** What is written on a gap. */
export function gapText(reason) {
  if (!reason) return "no data";
  return `${isUnjudged(reason) ? "not judged" : "no data"}: ${reason}`;
}

/**
 * Read scores, gaps and events.
 *
 * @returns {Promise<{columns: Array, gaps: Array, events: Array, until: number}>} `until`: the end of what is known
 */
export async function readTimeline(machine, since, until, now) {
  const span = { since: since.toFixed(3), until: until.toFixed(3) };
  const [scores, stored, { events }] = await Promise.all([
    get(`api/machines/${machine}/scores`, { ...span, points: POINTS }),
    get(`api/machines/${machine}/gaps`, span),
    get("api/events", { ...span, machine, limit: EVENTS }),
  ]);
  const end = Math.min(until, now);
  const gaps = stored.map((gap) => ({ ...gap, end: gap.end ?? end })).sort((a, b) => a.start - b.start);
  const limit = Math.max(APART[scores.resolution] ?? 5, (3 * (until - since)) / POINTS);
  return {
    columns: columnsOf(scores, limit),
    gaps: [...missing(scores, gaps, since, end, limit), ...gaps],
    events: events.filter((event) => event.kind === "alarm" || event.kind === "sensor"),
    until: end,
  };
}
