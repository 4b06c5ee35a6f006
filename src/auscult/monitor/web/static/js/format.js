// Numbers, times and durations as text. Times are local, with the offset from UTC where they stand alone.

const two = (value) => String(value).padStart(2, "0");
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const UNITS = [
  ["d", 86400],
  ["h", 3600],
  ["min", 60],
  ["s", 1],
];

export const NONE = "–";

/** A number with four significant digits and a true minus sign. */
export function number(value, digits = 4) {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  const size = Math.abs(value);
  const text =
    size >= 1e6 || (size > 0 && size < 1e-3)
      ? value.toExponential(2)
      : value.toFixed(Math.max(0, digits - 1 - Math.max(0, Math.floor(Math.log10(size || 1)))));
  return text.replace("-", "−");
}

/** A whole number with a true minus sign. */
export function whole(value) {
  return String(Math.round(value)).replace("-", "−");
}

/** A duration in its largest unit: "41 h", "16.1 d". */
export function duration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return NONE;
  for (const [unit, size] of UNITS) {
    if (seconds >= 2 * size || unit === "s") {
      const value = seconds / size;
      return `${value >= 10 || unit === "s" ? Math.round(value) : value.toFixed(1)} ${unit}`;
    }
  }
  return NONE;
}

/** "14:32:07" */
export function clock(time) {
  const date = new Date(time * 1000);
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** "28 Nov", with the year if it is not the present one. */
export function day(time) {
  const date = new Date(time * 1000);
  const year = date.getFullYear() === new Date().getFullYear() ? "" : ` ${date.getFullYear()}`;
  return `${date.getDate()} ${MONTHS[date.getMonth()]}${year}`;
}

/** The clock time, with the day unless it is today, and the offset if a clock shows it twice. */
export function moment(time) {
  if (time === null || time === undefined) return NONE;
  const today = new Date(time * 1000).toDateString() === new Date().toDateString();
  const text = today ? clock(time) : `${day(time)} ${clock(time)}`;
  return isTwice(time) ? `${text} ${offset(time)}` : text;
}

/** Two times that follow each other, with offsets if these differ. */
export function between(start, end) {
  const texts = [start, end].map((time) => [moment(time), offset(time)]);
  const changes = texts[0][1] !== texts[1][1];
  const parts = texts.map(([text, zone]) => (changes && !text.endsWith(zone) ? `${text} ${zone}` : text));
  return parts.join(" to ");
}

/** Whether clocks show the same time an hour before or after, or half an hour, because they are set back. */
function isTwice(time) {
  const shown = (at) => at + 60 * minutesAt(at);
  return [-3600, -1800, 1800, 3600].some((step) => shown(time + step) === shown(time));
}

/** Minutes by which local time is ahead of UTC. */
function minutesAt(time) {
  return -new Date(time * 1000).getTimezoneOffset();
}

/** "UTC+01:00" at a time. */
export function offset(time) {
  const minutes = minutesAt(time);
  const size = Math.abs(minutes);
  return `UTC${minutes < 0 ? "−" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/** "2026-11-28 14:32:07 UTC+01:00" */
export function full(time) {
  if (time === null || time === undefined) return NONE;
  const date = new Date(time * 1000);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock(time)} ${offset(time)}`;
}

/** A frequency with its unit. */
export function hertz(value) {
  return value < 1000 ? `${Math.round(value)} Hz` : `${(value / 1000).toFixed(value < 10000 ? 2 : 1)} kHz`;
}

/** A range of frequencies in one unit. */
export function hertzRange(low, high) {
  if (high < 1000) return `${Math.round(low)}–${Math.round(high)} Hz`;
  return `${(low / 1000).toFixed(2)}–${(high / 1000).toFixed(2)} kHz`;
}

/** "1 alarm", "3 alarms" */
export function count(value, noun) {
  return `${value} ${noun}${value === 1 ? "" : "s"}`;
}
