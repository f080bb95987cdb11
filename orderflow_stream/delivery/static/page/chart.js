// The chart: price, CVD and delta on one time axis. Axes, scales, cross-hair and touch are the library's; the bars are
// painted here, only those in sight, so that an update costs the same whatever has been loaded.

import {
  CrosshairMode,
  LineSeries,
  createChart as createBase,
} from "../vendor/lightweight-charts-5.2.1/lightweight-charts.standalone.production.mjs";
import { arranged, located, silence } from "./chart/bands.js";
import { Bars } from "./chart/bars.js";
import { inks } from "./chart/colours.js";
import { listen } from "./chart/keys.js";
import { compact, decimals, moment, tick } from "./chart/labels.js";
import { marksOf } from "./chart/marks.js";
import { CVD, DELTA, PRICE, Pane } from "./chart/pane.js";
import { Rhythm } from "./chart/rhythm.js";

/** Paintings a second: at most, and where nobody looks. */
const APART = 84;
const APART_HIDDEN = 1000;
const RIGHT = 5;
const POINTED = 2500;
/** Waiting bars beyond which laying everything out anew is cheaper. */
const MOST_WAITING = 60;

/**
 * @typedef {{buy: string, sell: string, cvd: string, warn: string, grid: string, text: string, background: string}} Palette
 * @typedef {{palette?: Partial<Palette>, decimals?: {price?: number, base?: number, quote?: number},
 *   now?: () => number, unit?: "base"|"quote"}} Options `now` is the venue's time in ms (default: this machine's)
 */

/** @param {HTMLElement} container with a size of its own @param {Options} [options] */
export function createChart(container, options = {}) {
  return new Chart(container, options);
}

class Chart {
  #bars = new Bars();
  #waiting = new Map();
  #cursor = null;
  #listeners = new Set();
  #gaps = [];
  #frozen = false;
  #beat = 0;
  #pointer = 0;
  #over = new AbortController();
  #symbol = "";
  #walking = null;
  #stats = { received: 0, flushes: 0, laid: 0 };

  constructor(container, options) {
    this.container = container;
    this.now = options.now ?? Date.now;
    this.unit = options.unit ?? "base";
    this.decimals = options.decimals ?? {};
    this.ink = inks(options.palette);
    /** What the panes paint: see chart/pane.js. */
    this.shown = { bars: this.#bars, gaps: [], holes: arranged([]).holes, marks: [], largest: 1, dead: null, jump: null, anchor: "" };
    const still = window.matchMedia("(prefers-reduced-motion: reduce)");
    this.base = createBase(container, {
      autoSize: true,
      layout: this.#look().layout,
      localization: { locale: "en-GB", timeFormatter: (time) => moment(time, this.#bars.step) },
      rightPriceScale: { minimumWidth: 72, scaleMargins: { top: 0.08, bottom: 0.06 } },
      timeScale: { timeVisible: true, rightOffset: RIGHT, minBarSpacing: 0.15, barSpacing: 8, tickMarkFormatter: tick },
      crosshair: { mode: CrosshairMode.Normal },
      handleScroll: { vertTouchDrag: false },
      kineticScroll: { touch: !still.matches, mouse: false },
    });
    this.base.applyOptions(this.#look());
    still.addEventListener(
      "change",
      () => this.base.applyOptions({ kineticScroll: { touch: !still.matches } }),
      { signal: this.#over.signal },
    );
    this.panes = [PRICE, CVD, DELTA].map((kind, index) => {
      const series = this.base.addSeries(LineSeries, this.#style(kind), index);
      const pane = new Pane(kind, series, this);
      this.base.panes()[index].attachPrimitive(pane);
      this.base.panes()[index].setStretchFactor([6, 2, 1.4][index]);
      series.applyOptions({ autoscaleInfoProvider: () => pane.autoscale() });
      if (kind !== PRICE) series.priceScale().applyOptions({ scaleMargins: { top: 0.24, bottom: 0.08 } }); // the caption
      return pane;
    });
    this.base.subscribeCrosshairMove((param) => this.#point(param));
    this.rhythm = new Rhythm(() => this.#flush(), () => (document.hidden ? APART_HIDDEN : APART));
    this.#furnish();
  }

  /** Show these bars instead of what was shown; the place is kept where symbol and interval stay. */
  setBars({ symbol, interval, bars, anchor, decimals: given }) {
    const same = symbol === this.#symbol && interval === this.#bars.interval;
    const place = same ? this.visible() : null;
    this.#symbol = symbol;
    this.#waiting.clear();
    this.rhythm.stop();
    this.#bars.set(interval, bars, this.unit);
    this.shown.anchor = typeof anchor === "string" ? anchor : told(anchor);
    const strings = this.#bars.items.flatMap(({ raw }) => [raw.open, raw.high, raw.low, raw.close]);
    this.precision = given?.price ?? this.decimals.price ?? decimals(strings);
    const format = { type: "price", precision: this.precision, minMove: 10 ** -this.precision };
    this.panes[0].series.applyOptions({ priceFormat: format });
    this.base.timeScale().applyOptions({ secondsVisible: this.#bars.step < 60_000 });
    this.container.setAttribute("aria-label", `${symbol}, ${interval}: price, CVD and delta`);
    if (!same) {
      this.shown.marks = [];
      this.#gaps = [];
      this.shown.jump = null;
    }
    this.#lay();
    if (place !== null && !place.atEnd) this.#see(place);
    else if (!same) this.#begin();
    this.#tell(null);
  }

  /** The newest bars of a `bar` event; drawn at once or with the next painting. */
  updateBars(bars) {
    for (const bar of bars) this.#waiting.set(bar.start, bar);
    this.#stats.received += bars.length;
    if (!this.#frozen && this.#bars.last !== undefined) this.rhythm.ask();
  }

  /** All holes of the symbol, as in /v1/gaps, with the venue time they span. */
  setGaps(gaps) {
    this.#gaps = gaps;
    this.#arrange();
    this.#redraw();
  }

  /** All large prints to be marked, rows or orders of /v1/large. */
  setLarge(prints) {
    this.shown.marks = marksOf(prints);
    this.shown.largest = this.shown.marks.reduce((most, mark) => Math.max(most, mark.size), 0);
    this.#redraw();
  }

  /** The feed is dead since then (ms of venue time); null: it lives. */
  setDead(sinceMs) {
    const was = this.shown.dead;
    this.shown.dead = sinceMs;
    clearInterval(this.#beat);
    if (sinceMs !== null) {
      this.#beat = setInterval(() => this.#breathe(), 1000);
      this.#breathe();
    } else if (was !== null && this.visible()?.atEnd) {
      this.end();
    }
    if ((was === null) !== (sinceMs === null)) this.#dress();
    this.#redraw();
  }

  /** Called with the bar under the cross-hair exactly as it came, or null. Returns what ends it. */
  onCursor(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Bring a moment into the middle and mark it for a while; false where no bar is that old or that new. */
  jumpTo(ms) {
    const { items, step, origin } = this.#bars;
    const scale = this.base.timeScale();
    const range = scale.getVisibleLogicalRange();
    if (range === null || items.length === 0 || ms < origin || ms >= this.#bars.last.end) return false;
    const at = Math.floor((ms - origin) / step);
    const half = (range.to - range.from) / 2;
    scale.setVisibleLogicalRange({ from: at - half, to: at + half });
    this.shown.jump = ms;
    clearTimeout(this.#pointer);
    this.#pointer = setTimeout(() => {
      this.shown.jump = null;
      this.#redraw();
    }, POINTED);
    this.#redraw();
    return true;
  }

  setPalette(palette) {
    this.ink = inks(palette);
    this.base.applyOptions(this.#look());
    this.#dress();
    this.#mark();
  }

  /** CVD and delta in the base or the quote asset. */
  setUnit(unit) {
    this.unit = unit;
    this.#bars.turn(unit);
    this.#lay();
  }

  /** Frozen: bars wait, and are drawn when it ends. The view can still be moved. */
  setFrozen(frozen) {
    this.#frozen = frozen;
    if (!frozen && this.#waiting.size > 0) this.rhythm.ask();
  }

  /** The time in sight: `{from, to}` in ms and whether the newest bar is in it; null without bars. */
  visible() {
    const range = this.base.timeScale().getVisibleLogicalRange();
    const { last, origin, step } = this.#bars;
    if (range === null || last === undefined) return null;
    const ms = (at) => Math.round(origin + (at + 0.5) * step);
    return { from: ms(range.from), to: ms(range.to), atEnd: range.to >= last.at };
  }

  /** Go to the newest bar. */
  end() {
    this.base.timeScale().scrollToPosition(RIGHT, false);
  }

  /** The first look at a market: its newest bars, as wide as there is room where they are few. */
  #begin() {
    const { last } = this.#bars;
    const scale = this.base.timeScale();
    const width = scale.width();
    if (last !== undefined && width > 0) {
      const least = width < 500 ? 6 : 8;
      scale.applyOptions({ barSpacing: Math.min(12, Math.max(least, width / (last.at + 1 + RIGHT))) });
    }
    this.end();
  }

  stats() {
    const { items, foreign } = this.#bars;
    const painted = this.panes.map((pane) => pane.painted);
    return { ...this.#stats, bars: items.length, foreign, waiting: this.#waiting.size, painted, ...this.panes[0].seen };
  }

  destroy() {
    this.#over.abort();
    this.rhythm.stop();
    clearInterval(this.#beat);
    clearTimeout(this.#pointer);
    this.#listeners.clear();
    this.base.remove();
    for (const name of ["tabindex", "role", "aria-label", "aria-roledescription"]) this.container.removeAttribute(name);
  }

  /** Everything that has waited, as little of it as changes anything. */
  #flush() {
    if (this.#waiting.size === 0 || this.#frozen) return this.#repaint();
    const many = this.#waiting.size > MOST_WAITING;
    const change = this.#bars.merge(this.#waiting.values());
    this.#waiting.clear();
    this.#stats.flushes += 1;
    if (change.kind === "none") return this.#repaint();
    this.#arrange();
    if (many || change.kind === "rebuild") this.#lay();
    else this.#extend(change);
    if (this.#cursor !== null) this.#tell(this.#bars.byStart.get(this.#cursor.start)?.raw ?? null);
  }

  /** The live path: the axis gets what is new, the panes their last value; no more. */
  #extend(change) {
    const last = this.#bars.last;
    const before = change.added.length > 0 ? this.#held : undefined;
    for (const pane of this.panes) {
      if (pane.kind === PRICE && before !== undefined) this.#stretch(before, last);
      pane.series.update(this.#point_of(pane.kind, last));
      if (before !== undefined) pane.series.update({ time: before / 1000 }, true); // only the last keeps a value
    }
    this.#held = last.start;
    if (change.kind === "past") this.#mark();
  }

  /** Every interval has its place on the axis, also those without a trade. */
  #stretch(from, last) {
    for (let ms = from + this.#bars.step; ms < last.start; ms += this.#bars.step) {
      this.panes[0].series.update({ time: ms / 1000 });
    }
  }

  #held = 0;
  #dirty = false;

  /** Lay the axis out anew, and all that hangs on it. */
  #lay() {
    const { origin, step, last } = this.#bars;
    this.#stats.laid += 1;
    const points = [];
    if (last !== undefined) {
      for (let ms = origin; ms < last.start; ms += step) points.push({ time: ms / 1000 });
      this.#held = last.start;
    }
    for (const pane of this.panes) {
      const own = last === undefined ? [] : [this.#point_of(pane.kind, last)];
      pane.series.setData(pane.kind === PRICE ? [...points, ...own] : own);
    }
    this.#arrange();
    this.#mark();
  }

  #point_of(kind, item) {
    const time = item.start / 1000;
    const { ink } = this;
    const dead = this.shown.dead !== null;
    if (kind === CVD) return { time, value: item.cvd, color: dead ? ink.stale : ink.cvd };
    const up = kind === PRICE ? item.close >= item.open : item.delta >= 0;
    return { time, value: kind === PRICE ? item.close : item.delta, color: dead ? ink.stale : up ? ink.buy : ink.sell };
  }

  #arrange() {
    const { list, holes } = arranged(located(this.#gaps, this.#bars));
    this.shown.gaps = list;
    this.shown.holes = holes;
  }

  /** Paint again soon, though no bar changed. */
  #redraw() {
    this.#dirty = true;
    this.rhythm.ask();
  }

  #repaint() {
    if (this.#dirty) this.#mark();
  }

  #mark() {
    this.#dirty = false;
    this.panes[0].request();
  }

  /** While the feed is dead: the stripes grow, and the view makes room for them where it shows the end. */
  #breathe() {
    const { last, step } = this.#bars;
    const scale = this.base.timeScale();
    const range = scale.getVisibleLogicalRange();
    if (last !== undefined && range !== null && range.to >= last.at) {
      const wanted = Math.min(0.4 * (range.to - range.from), (this.now() - last.end) / step + 2);
      if (scale.scrollPosition() < wanted) scale.scrollToPosition(wanted, false);
    }
    this.#redraw();
  }

  /** What is written on the veil. */
  get silence() {
    return silence(this.shown.dead, this.now());
  }

  #see(place) {
    const { origin, step } = this.#bars;
    const at = (ms) => (ms - origin) / step - 0.5;
    this.base.timeScale().setVisibleLogicalRange({ from: at(place.from), to: at(place.to) });
  }

  #point(param) {
    const ms = typeof param.time === "number" ? param.time * 1000 : Number.NaN;
    if (param.sourceEvent !== undefined) this.#walking = null;
    this.#tell(this.#bars.byStart.get(ms)?.raw ?? null);
  }

  #tell(bar) {
    if (bar === this.#cursor) return;
    this.#cursor = bar;
    for (const listener of this.#listeners) listener(bar);
  }

  /** Move the cross-hair by so many bars. */
  #walk(by) {
    const { items } = this.#bars;
    if (items.length === 0) return;
    const place = this.#walking === null ? items.length - 1 : this.#bars.firstFrom(this.#walking) + by;
    const item = items[Math.min(Math.max(place, 0), items.length - 1)];
    this.#walking = item.start;
    const scale = this.base.timeScale();
    const range = scale.getVisibleLogicalRange();
    if (range !== null && (item.at < range.from + 1 || item.at > range.to - 1)) {
      const half = (range.to - range.from) / 2;
      scale.setVisibleLogicalRange({ from: item.at - half, to: item.at + half });
    }
    this.base.setCrosshairPosition(item.close, item.start / 1000, this.panes[0].series);
    this.#tell(item.raw);
  }

  #leave() {
    this.#walking = null;
    this.base.clearCrosshairPosition();
    this.#tell(null);
  }

  #furnish() {
    const { container } = this;
    container.tabIndex = 0;
    container.setAttribute("role", "group");
    container.setAttribute("aria-roledescription", "chart");
    for (const table of container.querySelectorAll("table")) table.setAttribute("role", "presentation");
    const timeScale = this.base.timeScale();
    const start = () => {
      const range = timeScale.getVisibleLogicalRange();
      if (range !== null) timeScale.setVisibleLogicalRange({ from: -1, to: range.to - range.from - 1 });
    };
    const can = { timeScale, start, end: () => this.end(), walk: (by) => this.#walk(by), leave: () => this.#leave() };
    listen(container, can, this.#over.signal);
  }

  #look() {
    const { ink } = this;
    const line = { color: ink.faint, labelBackgroundColor: ink.grid };
    return {
      layout: {
        background: { type: "solid", color: ink.background },
        textColor: ink.text,
        fontSize: 11,
        fontFamily: "system-ui, sans-serif",
        attributionLogo: false, // it brings a <style> element, which the policy forbids: the page names its makers
        panes: { separatorColor: ink.grid, separatorHoverColor: ink.open, enableResize: true },
      },
      grid: { vertLines: { visible: false }, horzLines: { color: ink.grid } },
      rightPriceScale: { borderColor: ink.grid },
      timeScale: { borderColor: ink.grid },
      crosshair: { vertLine: line, horzLine: line },
    };
  }

  #style(kind) {
    return {
      lineVisible: false,
      crosshairMarkerVisible: false,
      pointMarkersVisible: false,
      lastValueVisible: true,
      priceLineVisible: kind === PRICE,
      priceLineStyle: 1,
      ...(kind === PRICE ? {} : { priceFormat: { type: "custom", formatter: (value) => compact(value), minMove: 1e-8 } }),
    };
  }

  /** The last values in their colours, which the state and the palette decide. */
  #dress() {
    const { last } = this.#bars;
    if (last !== undefined) for (const pane of this.panes) pane.series.update(this.#point_of(pane.kind, last));
  }
}

/** Where the CVD begins, in words. */
function told(anchor) {
  if (!anchor?.time) return "";
  const since = moment(anchor.time / 1000, 60_000);
  return anchor.rule === "session" ? `since ${since}` : `since ${since}, the oldest trade held`;
}
