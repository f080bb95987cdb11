// The chart's colours: those of the page's palette and what is mixed from them.

/** The page's palette where none is given: dark, blue buys, orange sells. */
export const DARK = Object.freeze({
  buy: "#648FFF",
  sell: "#FE6100",
  cvd: "#B8A1FF",
  warn: "#FFB000",
  grid: "#1B2130",
  text: "#C9D1E0",
  background: "#0B0E14",
});

/** `#RGB` or `#RRGGBB` as three numbers. */
export function channels(colour) {
  const short = /^#([0-9a-f])([0-9a-f])([0-9a-f])$/i.exec(colour);
  const hex = short ? `#${short[1]}${short[1]}${short[2]}${short[2]}${short[3]}${short[3]}` : colour;
  const found = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(hex);
  if (!found) throw new RangeError(`palette: ${colour} is not #RGB or #RRGGBB`);
  return [1, 2, 3].map((at) => Number.parseInt(found[at], 16));
}

/** The colour at an opacity from 0 to 1. */
export function faded(colour, alpha) {
  const [r, g, b] = channels(colour);
  return `rgba(${r}, ${g}, ${b}, ${alpha})`;
}

/** So much of the one over the other, opaque: what the library paints labels with must be. */
export function mixed(colour, under, part) {
  const below = channels(under);
  const parts = channels(colour).map((value, at) => Math.round(value * part + below[at] * (1 - part)));
  return `#${parts.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
}

/** Everything that is painted with, from a palette; what it lacks is that of DARK. */
export function inks(palette) {
  const all = { ...DARK, ...palette };
  for (const name of Object.keys(DARK)) channels(all[name]);
  return {
    ...all,
    buyBody: faded(all.buy, 0.28),
    buyOpen: faded(all.buy, 0.14),
    sellOpen: faded(all.sell, 0.32),
    buyMark: faded(all.buy, 0.38),
    sellMark: faded(all.sell, 0.38),
    faint: faded(all.text, 0.62),
    open: faded(all.text, 0.06),
    veil: faded(all.background, 0.6),
    band: faded(all.warn, 0.1),
    whole: faded(all.warn, 0.05),
    hatch: faded(all.warn, 0.6),
    label: faded(all.background, 0.82),
    dead: faded(all.text, 0.45),
    stale: mixed(all.text, all.background, 0.4),
  };
}
