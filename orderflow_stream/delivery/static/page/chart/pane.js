// One pane: what is painted on it and in which order, and which values its axis must hold.

import { bands, labels, veil } from "./bands.js";
import { Frame } from "./frame.js";
import { paintMarks } from "./marks.js";
import { candles, caption, closes, cvd, deltas, openColumn } from "./paint.js";

export const PRICE = "price";
export const CVD = "cvd";
export const DELTA = "delta";

export class Pane {
  /** @param {string} kind @param series that carries the scale and the last value @param chart whose `shown`, `ink` … */
  constructor(kind, series, chart) {
    this.kind = kind;
    this.series = series;
    this.chart = chart;
    this.painted = 0;
    /** What was in sight at the last painting. */
    this.seen = { bands: 0, marks: 0 };
    this.range = null;
    const renderer = { draw: (target) => target.useBitmapCoordinateSpace((scope) => this.#paint(scope)) };
    this.views = [{ zOrder: () => "normal", renderer: () => renderer }];
  }

  attached({ requestUpdate }) {
    this.request = requestUpdate;
  }

  detached() {
    this.request = () => {};
  }

  request = () => {};

  paneViews() {
    return this.views;
  }

  /** Lowest and highest value in sight, for the library's scale. */
  autoscale() {
    const { bars } = this.chart.shown;
    const scale = this.chart.base.timeScale();
    const seen = scale.getVisibleLogicalRange();
    this.range = null;
    if (seen === null || bars.items.length === 0) return null;
    const from = bars.firstFrom(bars.origin + Math.floor(seen.from) * bars.step);
    const to = bars.firstFrom(bars.origin + (Math.ceil(seen.to) + 1) * bars.step);
    this.range = this.#extent(bars.items, from, to);
    if (this.range === null) return null;
    let [low, high] = this.range;
    if (low === high) {
      const room = Math.abs(low) * 1e-4 || 1;
      [low, high] = [low - room, high + room];
    }
    this.range = [low, high];
    return { priceRange: { minValue: low, maxValue: high } };
  }

  #extent(items, from, to) {
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    const line = this.line;
    for (let place = from; place < to; place += 1) {
      const item = items[place];
      const least = this.kind === PRICE ? (line ? item.close : item.low) : this.kind === CVD ? item.cvd : Math.min(0, item.delta);
      const most = this.kind === PRICE ? (line ? item.close : item.high) : this.kind === CVD ? item.cvd : Math.max(0, item.delta);
      if (least < low) low = least;
      if (most > high) high = most;
    }
    return low <= high ? [low, high] : null;
  }

  /** Whether the price is a line: a second is too short for a candle to say much. */
  get line() {
    return this.chart.shown.bars.step < 5_000;
  }

  #paint(scope) {
    const { shown, ink, base } = this.chart;
    const frame = new Frame(scope, base.timeScale(), this.series, shown.bars, this.range);
    this.painted += 1;
    if (!frame.ready) return;
    openColumn(frame, ink);
    const seen = bands(frame, ink, shown.gaps);
    if (frame.scaled) this.#values(frame, seen);
    if (shown.jump !== null) {
      frame.context.fillStyle = ink.faint;
      frame.context.fillRect(Math.round(frame.x(shown.jump)), 0, Math.max(1, Math.floor(frame.ratio)), frame.height);
    }
    if (shown.dead !== null) {
      veil(frame, ink, shown.dead, this.chart.now(), this.kind === PRICE ? this.chart.silence : null);
    }
    if (this.kind === PRICE) labels(frame, ink, seen);
  }

  #values(frame, seen) {
    const { shown, ink, unit } = this.chart;
    if (this.kind === PRICE) {
      (this.line ? closes : candles)(frame, ink);
      this.seen = { bands: seen.length, marks: paintMarks(frame, ink, shown.marks, shown.largest) };
    } else if (this.kind === CVD) {
      cvd(frame, ink, shown.holes);
      caption(frame, ink, `CVD (${unit}) ${shown.anchor}`);
    } else {
      deltas(frame, ink);
      caption(frame, ink, `Δ per bar (${unit})`);
    }
  }
}
