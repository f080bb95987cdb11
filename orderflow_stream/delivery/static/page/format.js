// Decimals stay text from the wire to the screen: what is shown as exact never was a float.

const MINUS = "−";

/** Whether a decimal text is below zero. @param {string} text */
export const negative = (text) => text.startsWith("-");

/** Whether a decimal text is zero. @param {string} text */
export const zero = (text) => !/[1-9]/.test(text);

/** Thousands separated, nothing rounded: "-60351.18" is "−60,351.18". @param {string|null|undefined} text */
export function group(text) {
  if (text === null || text === undefined) return "–";
  const [whole, fraction] = (negative(text) ? text.slice(1) : text).split(".");
  const parted = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return (negative(text) ? MINUS : "") + parted + (fraction === undefined ? "" : `.${fraction}`);
}

/** With its sign, always. @param {string|null|undefined} text */
export function signed(text) {
  if (text === null || text === undefined) return "–";
  return negative(text) || zero(text) ? group(text) : `+${group(text)}`;
}

/** Rounded half to even at so many places, as the daemon does it, and as text again. @param {string} text */
export function round(text, places) {
  const below = negative(text);
  const [whole, fraction = ""] = (below ? text.slice(1) : text).split(".");
  if (fraction.length <= places) return text;
  let digits = BigInt(whole + fraction.slice(0, places));
  const rest = fraction.slice(places);
  const half = `5${"0".repeat(rest.length - 1)}`;
  if (rest > half || (rest === half && digits % 2n === 1n)) digits += 1n;
  const padded = digits.toString().padStart(places + 1, "0");
  const cut = padded.length - places;
  const made = places ? `${padded.slice(0, cut)}.${padded.slice(cut)}` : padded;
  return below && !zero(made) ? `-${made}` : made;
}

/** At exactly so many places where it has fewer: prices of one symbol stand under each other. @param {string} text */
export function padded(text, places) {
  const [whole, fraction = ""] = text.split(".");
  return places > fraction.length ? `${whole}.${fraction.padEnd(places, "0")}` : text;
}

/** How many places a decimal text has. @param {string} text */
export const placesOf = (text) => (text.split(".")[1] || "").length;

const STEPS = [
  [1e12, "T"],
  [1e9, "B"],
  [1e6, "M"],
  [1e3, "k"],
];

/** Short, for a glance: "21.4k", "638k", "−8.1M", "0.0042". The exact number stands in the title beside it. */
export function compact(text) {
  if (text === null || text === undefined) return "–";
  const value = Number(text);
  const size = Math.abs(value);
  const sign = value < 0 ? MINUS : "";
  for (const [unit, letter] of STEPS) {
    // 999,600 would be "1000k"
    if (size >= unit * (unit === 1e3 ? 0.99995 : 0.9995)) return `${sign}${trim(size / unit, 0)}${letter}`;
  }
  return sign + trim(size, 1);
}

function trim(size, places) {
  if (size === 0) return "0";
  if (size >= 100) return size.toFixed(places).replace(/\.0$/, "");
  if (size >= 1) return size.toFixed(size >= 10 ? 1 : 2).replace(/\.?0+$/, "");
  return size.toPrecision(2).replace(/e.*$/, "").replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");
}

/** Short with its sign. @param {string|null|undefined} text */
export function compactSigned(text) {
  const made = compact(text);
  return made === "–" || made.startsWith(MINUS) || zero(String(text)) ? made : `+${made}`;
}

/** "▲", "▼" or "◆": never the colour alone. @param {string} text */
export const arrow = (text) => (zero(text) ? "◆" : negative(text) ? "▼" : "▲");

/** The class of a side. @param {string} text */
export const sideOf = (text) => (zero(text) ? "even" : negative(text) ? "sell" : "buy");

/** A share as "62.2 %". @param {string|null|undefined} text */
export const percent = (text) => (text === null || text === undefined ? "–" : `${(Number(text) * 100).toFixed(1)} %`);

/** UTC time of day. @param {number} ms */
export const clock = (ms, fraction = false) => new Date(ms).toISOString().slice(11, fraction ? 23 : 19);

/** UTC date and time. @param {number} ms */
export const stamp = (ms) => new Date(ms).toISOString().slice(0, 19).replace("T", " ");

/** A span of time in words for a pill: "0.4 s", "48 s", "12 min", "3 h". @param {number} ms */
export function span(ms) {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 100) return `${Math.floor(seconds)} s`;
  if (seconds < 6000) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h`;
}

/** A whole number with separators. @param {number} value */
export const count = (value) => group(String(Math.round(value)));
