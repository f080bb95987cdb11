// What is not known, drawn where it is not known: holes in the tape as bands over their time, and a dead feed as a
// veil that grows from the last good time.

import { clock, count, span } from "./labels.js";

/** @typedef {{first: number, last: number, trades: number, status: "open"|"repaired"|"lost", from_ms: number, to_ms: number}} Gap */

const NARROWEST = 8;
const STRIPE = 7;

/** The holes in the order of time, and what they do to the CVD (see paint.js `cvd`). */
export function arranged(gaps) {
  const known = gaps.filter((gap) => Number.isFinite(gap.from_ms));
  const list = [...known].sort((a, b) => a.from_ms - b.from_ms);
  const open = list.filter((gap) => gap.status === "open").map((gap) => gap.from_ms);
  return {
    list,
    holes: {
      open: Math.min(Number.POSITIVE_INFINITY, ...open),
      lost: list.filter((gap) => gap.status === "lost").map((gap) => gap.from_ms),
    },
  };
}

/** What is written at a hole. */
export function told(gap) {
  const trades = Number(gap.trades ?? gap.last - gap.first + 1);
  const word = gap.status === "lost" ? "lost" : gap.status === "repaired" ? "repaired" : "missing";
  return `${count(trades)} ${trades === 1 ? "trade" : "trades"} ${word}`;
}

/** Paint the bands under the bars; returns those in sight, for their labels. */
export function bands(frame, ink, gaps) {
  const seen = [];
  for (const gap of gaps) {
    const end = Number.isFinite(gap.to_ms) ? gap.to_ms : gap.from_ms;
    let left = frame.x(gap.from_ms);
    let right = frame.x(end);
    const least = (gap.status === "repaired" ? 2 : NARROWEST) * frame.ratio;
    if (right - left < least) {
      const middle = (left + right) / 2;
      [left, right] = [middle - least / 2, middle + least / 2];
    }
    if (right < 0 || left > frame.width) continue;
    [left, right] = [Math.round(left), Math.round(right)];
    seen.push({ gap, left, right });
    if (gap.status === "repaired") {
      frame.context.fillStyle = ink.hatch;
      frame.context.fillRect(left, 0, right - left, Math.round(3 * frame.down));
      frame.context.fillStyle = ink.whole;
      frame.context.fillRect(left, 0, right - left, frame.height);
      continue;
    }
    frame.context.fillStyle = ink.band;
    frame.context.fillRect(left, 0, right - left, frame.height);
    hatch(frame, left, right, ink.hatch);
    frame.context.fillStyle = ink.warn;
    const edge = Math.max(1, Math.floor(frame.ratio));
    frame.context.fillRect(left, 0, edge, frame.height);
    frame.context.fillRect(right - edge, 0, edge, frame.height);
  }
  return seen;
}

/** Their labels over the bars, each in the first row where it covers no other. */
export function labels(frame, ink, seen) {
  const { context, ratio } = frame;
  const size = 11 * ratio;
  const ends = [];
  context.font = `600 ${size}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  context.textAlign = "left";
  for (const { gap, left, right } of seen) {
    const text = `${gap.status === "repaired" ? "⟲" : "⚠"} ${told(gap)}`;
    if (gap.status === "repaired" && right - left < 60 * ratio) continue; // the mark is enough for what is whole again
    const width = context.measureText(text).width + 10 * ratio;
    const x = Math.min(Math.max(2 * ratio, (left + right - width) / 2), frame.width - width - 2 * ratio);
    let row = ends.findIndex((end) => end < x);
    if (row < 0) row = ends.length;
    if (row > 4) continue;
    ends[row] = x + width;
    const y = (24 + row * 20) * frame.down;
    context.fillStyle = ink.label;
    context.fillRect(x, y, width, 18 * frame.down);
    context.fillStyle = ink.warn;
    context.fillText(text, x + 5 * ratio, y + 9 * frame.down);
  }
}

/** The veil over everything and the stripes from the last good time on. @param {string|null} label in the first pane */
export function veil(frame, ink, since, now, label) {
  const { context, ratio } = frame;
  context.fillStyle = ink.veil;
  context.fillRect(0, 0, frame.width, frame.height);
  const left = Math.round(Math.max(0, frame.x(since)));
  const right = Math.min(frame.width, Math.max(Math.round(frame.x(now)), left + Math.round(NARROWEST * ratio)));
  if (left < frame.width) {
    hatch(frame, left, right, ink.dead);
    context.fillStyle = ink.dead;
    context.fillRect(left, 0, Math.max(1, Math.floor(ratio)), frame.height);
  }
  if (label === null) return;
  context.font = `600 ${12 * ratio}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  context.textAlign = "left";
  const width = context.measureText(label).width + 16 * ratio;
  const x = Math.max(4 * ratio, Math.min((left + right - width) / 2, frame.width - width - 4 * ratio));
  const y = frame.height / 2;
  context.fillStyle = ink.label;
  context.fillRect(x, y - 13 * frame.down, width, 26 * frame.down);
  context.strokeStyle = ink.dead;
  context.lineWidth = ratio;
  context.strokeRect(x, y - 13 * frame.down, width, 26 * frame.down);
  context.fillStyle = ink.text;
  context.fillText(label, x + 8 * ratio, y);
}

/** The words on the veil. */
export function silence(since, now) {
  return `no data since ${clock(since)} UTC (${span(now - since)})`;
}

function hatch(frame, left, right, colour) {
  const { context, ratio, height } = frame;
  const from = Math.max(0, left);
  const to = Math.min(frame.width, right);
  if (to <= from) return;
  context.save();
  context.beginPath();
  context.rect(from, 0, to - from, height);
  context.clip();
  context.beginPath();
  // Stripes keep their place on the pane, so neighbouring bands and panes line up.
  const apart = STRIPE * ratio;
  for (let x = Math.floor((from - height) / apart) * apart; x < to; x += apart) {
    context.moveTo(x, height);
    context.lineTo(x + height, 0);
  }
  context.strokeStyle = colour;
  context.lineWidth = 1.4 * ratio;
  context.stroke();
  context.restore();
}

/**
 * Holes with their time. Where only their ids are known, the bars tell: a hole lies behind the last bar that ends
 * before it and ahead of the first that begins after it; inside one bar it may be anywhere in that bar.
 */
export function located(gaps, bars) {
  return gaps.map((gap) => {
    if (Number.isFinite(gap.from_ms)) return gap;
    const { items } = bars;
    let low = 0;
    let high = items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (items[middle].raw.last_id < gap.first) low = middle + 1;
      else high = middle;
    }
    const before = items[low - 1];
    const at = items[low];
    if (at === undefined) return before === undefined ? gap : { ...gap, from_ms: before.end, to_ms: before.end };
    if (at.raw.first_id < gap.first) return { ...gap, from_ms: at.start, to_ms: at.end };
    return before === undefined ? gap : { ...gap, from_ms: before.end, to_ms: at.start };
  });
}
