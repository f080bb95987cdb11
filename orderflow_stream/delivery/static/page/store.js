// What the page knows, without any of how it looks.

import { REPAIRED_MS, BEHIND_MS } from "./states.js";
import { placesOf } from "./format.js";

/** Prints that the tape keeps. */
const MOST_PRINTS = 300;
/** Bars that are held, and how many of them stay when these are reached. */
const MOST_BARS = 1500;
const KEPT_BARS = 1000;
/** Ages and clock readings that a figure is taken over. */
const READINGS = 15;
/** A heartbeat that took so much longer than the quickest one: this client is behind. */
const LATE_MS = 1000;

/**
 * @typedef {{symbol: string, venue: string, base: string, quote: string, last_price: string|null, last_time: number|null,
 *   delta_base: string, delta_quote: string, quote_volume: string, buy_volume_share: string|null, pressure: string|null,
 *   state: string, missing: number, trades: number}} Row of /v1/screener, with numbers=string
 * @typedef {{id: number, price: string, side: "buy"|"sell", time: number, notional_usd: string, legs?: number,
 *   symbol?: string, late?: boolean, vwap?: string, qty: string, levels?: number}} Print
 * @typedef {{first: number, last: number, trades: number, status: "open"|"repaired"|"lost", found: number,
 *   closed: number|null, source: string|null, from_ms?: number, to_ms?: number}} Gap
 */

export class Store {
  constructor() {
    this.began = Date.now();
    this.meta = null;
    /** @type {Map<string, Row>} */
    this.rows = new Map();
    /** @type {Map<string, {state: string, since: number, reason: string}>} */
    this.feeds = new Map();
    /** @type {Map<string, number|null>} newest trade id by symbol, of the last heartbeat */
    this.ids = new Map();
    this.clocks = [];
    this.rate = null;
    this.beatAt = 0;
    this.reset("");
  }

  /** Another symbol. @param {string} symbol */
  reset(symbol) {
    this.symbol = symbol;
    this.flow = null;
    this.bars = [];
    this.barsInfo = null;
    this.places = { price: 0, base: 0, quote: 2 };
    /** @type {Map<string, Print>} */
    this.prints = new Map();
    this.large = null;
    /** @type {Gap[]} */
    this.gaps = [];
    this.reach = null;
    this.ages = [];
    this.behindAt = 0;
    this.late = 0;
    this.pausedId = null;
  }

  // -- clocks -------------------------------------------------------------------------------------------------------

  /** The daemon's clock as told by an event: the reading with the least way counts. @param {number} serverTime */
  told(serverTime) {
    this.clocks.push(Date.now() - serverTime);
    if (this.clocks.length > READINGS) this.clocks.shift();
    // What the daemon said a while ago comes to our ears only now: this page, or the way to it, is too slow.
    this.late = Date.now() - serverTime - Math.min(...this.clocks);
    if (this.late > LATE_MS) this.behindAt = Date.now();
  }

  /** Venue time. @param {number} now of this machine's clock */
  venueNow(now) {
    const own = this.clocks.length ? Math.min(...this.clocks) : 0;
    return now - own + (this.flow?.coverage.clock_offset_ms || 0);
  }

  /** A state that came with a new trade was drawn just now. */
  painted() {
    if (!this.flow || this.flow.drawn || this.flow.last_time === null) return;
    this.flow.drawn = true;
    if (!this.flow.fresh) return;
    this.ages.push(Math.max(0, this.venueNow(Date.now()) - this.flow.last_time));
    if (this.ages.length > READINGS) this.ages.shift();
  }

  /** How old a trade is when it is drawn: the median of the last ones. */
  paintAge() {
    if (!this.ages.length) return null;
    return [...this.ages].sort((a, b) => a - b)[this.ages.length >> 1];
  }

  // -- taking in ----------------------------------------------------------------------------------------------------

  /** @param {Row[]} rows */
  takeRows(rows) {
    for (const row of rows) {
      this.rows.set(row.symbol, row);
      const known = this.feeds.get(row.symbol);
      if (!known || known.state !== row.state) this.feeds.set(row.symbol, { state: row.state, since: 0, reason: "" });
    }
  }

  takeState({ symbol, state, since, reason }) {
    this.feeds.set(symbol, { state, since, reason });
    const row = this.rows.get(symbol);
    if (row) row.state = state;
  }

  takeFlow(flow) {
    flow.fresh = this.flow !== null && flow.coverage.last_id !== this.flow.coverage.last_id;
    this.flow = flow;
    const state = flow.coverage.state;
    if (this.feeds.get(flow.symbol)?.state !== state)
      this.feeds.set(flow.symbol, { state, since: this.venueNow(Date.now()), reason: "" });
  }

  takeBars(answer) {
    this.barsInfo = answer;
    this.bars = answer.bars;
    for (const bar of this.bars.slice(-200)) {
      this.see(bar.close, bar.delta_base);
      this.see(bar.high, bar.delta_base);
    }
  }

  /** The newest bars of a `bar` event, merged by their start. False where they do not fit to those that are here: CVD
   * begins elsewhere now, or bars between were missed. @param {{bars: any[], anchor: {time: number|null}}} event */
  mergeBars(event) {
    if (!this.barsInfo) return true; // they are being asked for
    if (event.anchor.time !== this.barsInfo.anchor.time) return false;
    const newest = this.bars[this.bars.length - 1];
    if (newest && event.bars.length > 2 && event.bars[0].start > newest.start) return false;
    for (const bar of event.bars) {
      this.see(bar.close, bar.delta_base);
      let at = this.bars.length;
      while (at > 0 && this.bars[at - 1].start > bar.start) at -= 1;
      if (at > 0 && this.bars[at - 1].start === bar.start) this.bars[at - 1] = bar;
      else this.bars.splice(at, 0, bar);
    }
    return true;
  }

  /** So many bars that the oldest must go: a page that is open for days is no larger than one of an hour. */
  trim() {
    if (this.bars.length <= MOST_BARS) return false;
    this.bars.splice(0, this.bars.length - KEPT_BARS);
    return true;
  }

  /** @param {Print[]} prints @returns {Print[]} those that are new */
  takePrints(prints) {
    const added = [];
    for (const print of prints) {
      const key = `${print.symbol}:${print.id}`;
      if (!this.prints.has(key)) {
        this.prints.set(key, print);
        added.push(print);
      }
    }
    if (this.prints.size > MOST_PRINTS) {
      const oldest = [...this.prints.entries()].sort((a, b) => a[1].time - b[1].time || a[1].id - b[1].id);
      for (const [key] of oldest.slice(0, this.prints.size - MOST_PRINTS)) this.prints.delete(key);
    }
    return added;
  }

  takeBeat(beat) {
    const now = performance.now();
    this.told(beat.server_time);
    let trades = 0;
    for (const [symbol, id] of Object.entries(beat.symbols)) {
      const before = this.ids.get(symbol);
      if (before !== null && before !== undefined && id !== null && id > before) trades += id - before;
      this.ids.set(symbol, id);
    }
    if (this.beatAt) this.rate = (trades * 1000) / (now - this.beatAt);
    this.beatAt = now;
  }

  // -- questions ----------------------------------------------------------------------------------------------------

  /** @param {string} symbol */
  feedOf(symbol) {
    return this.feeds.get(symbol) || { state: "connecting", since: 0, reason: "" };
  }

  /** Venue time of the newest trade of the selected symbol (ms). */
  lastTime() {
    return this.flow?.last_time ?? this.rows.get(this.symbol)?.last_time ?? null;
  }

  /** The price to be shown. */
  lastPrice() {
    return this.flow?.last_price ?? this.rows.get(this.symbol)?.last_price ?? null;
  }

  quote() {
    return this.rows.get(this.symbol)?.quote || "";
  }

  base() {
    return this.rows.get(this.symbol)?.base || "";
  }

  /** The newest trade's id of the selected symbol, as far as anything has told; null where nothing has. */
  newestId() {
    const told = this.ids.get(this.symbol) ?? null;
    const drawn = this.flow?.coverage.last_id ?? null;
    return told === null || drawn === null ? (told ?? drawn) : Math.max(told, drawn);
  }

  /** Whether the quote asset is worth a dollar, so that notionals may be called so. @param {string} [symbol] */
  inDollars(symbol = this.symbol) {
    return this.meta?.usd_like.includes(this.rows.get(symbol)?.quote) ?? false;
  }

  openMissing(row) {
    const open = sum(this.gaps, "open");
    return open || this.flow?.coverage.missing_total || row?.missing || 0;
  }

  lostMissing(row) {
    return sum(this.gaps, "lost") || this.flow?.coverage.missing_total || row?.missing || 0;
  }

  /** Holes that were filled within the last minute, by the venue's clock. @param {number} now */
  repairs(now) {
    const there = this.venueNow(now);
    return this.gaps.filter((gap) => gap.status === "repaired" && gap.closed !== null && there - gap.closed < REPAIRED_MS);
  }

  behind(now) {
    return this.behindAt > 0 && now - this.behindAt < BEHIND_MS;
  }

  /** "37 of 60 min" of the longest window while the past is read. */
  warmth() {
    if (!this.reach) return "";
    return `${Math.min(this.reach.held, this.reach.whole)} of ${this.reach.whole} min`;
  }

  /** Places of prices and of quantities, as the market writes them. */
  decimals() {
    if (!this.bars.length && this.lastPrice()) this.see(this.lastPrice(), "0");
    return this.places;
  }

  see(price, base) {
    this.places.price = Math.max(this.places.price, placesOf(price));
    this.places.base = Math.min(8, Math.max(this.places.base, placesOf(base)));
  }
}

function sum(gaps, status) {
  return gaps.filter((gap) => gap.status === status).reduce((total, gap) => total + gap.trades, 0);
}
