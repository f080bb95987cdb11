// What stands on the axes. Times are UTC everywhere: the venue's day begins there, and so does the session's CVD.

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (number) => String(number).padStart(2, "0");

/** `14:05` or, with seconds, `14:05:03`. @param {number} ms */
export function clock(ms, seconds = true) {
  const at = new Date(ms);
  const minutes = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
  return seconds ? `${minutes}:${two(at.getUTCSeconds())}` : minutes;
}

/** `22 Nov`. @param {number} ms */
export function day(ms) {
  const at = new Date(ms);
  return `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]}`;
}

/** The label under the cross-hair. @param {number} seconds @param {number} step of the bars, ms */
export function moment(seconds, step) {
  return `${day(seconds * 1000)} ${clock(seconds * 1000, step < 60_000)} UTC`;
}

/** A mark of the time axis; `type` is TickMarkType: 0 year, 1 month, 2 day, 3 time, 4 time with seconds. */
export function tick(seconds, type) {
  const at = new Date(seconds * 1000);
  if (type === 0) return String(at.getUTCFullYear());
  if (type === 1) return MONTHS[at.getUTCMonth()];
  if (type === 2) return day(seconds * 1000);
  return clock(seconds * 1000, type === 4);
}

/** A volume for an axis: `+1.24k`, `−318`, `0.52`; never for a figure that is read. */
export function compact(value, signed = true) {
  const size = Math.abs(value);
  const sign = value < 0 ? "−" : signed && value > 0 ? "+" : "";
  for (const [unit, suffix] of [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]]) {
    if (size >= unit) return `${sign}${places(size / unit)}${suffix}`;
  }
  return size === 0 ? "0" : `${sign}${places(size)}`;
}

function places(size) {
  if (size >= 100) return size.toFixed(0);
  if (size >= 10) return size.toFixed(1);
  if (size >= 1) return size.toFixed(2);
  return size.toPrecision(2).replace(/e-(\d+)$/, "e−$1");
}

/** How long ago: `8 s`, `3 m 20 s`, `2 h 5 m`. @param {number} ms */
export function span(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} m`;
}

/** The most decimals that any of these exact strings needs. */
export function decimals(strings) {
  let most = 0;
  for (const each of strings) {
    const point = String(each).indexOf(".");
    if (point >= 0) most = Math.max(most, String(each).replace(/0+$/, "").length - point - 1);
  }
  return most;
}

/** Whole numbers with thousands apart: `1,214`. */
export function count(number) {
  return Number(number).toLocaleString("en-US");
}
