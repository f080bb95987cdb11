// The bars of one symbol at one interval, by start, in order. What came is kept as it came (`raw`: exact strings);
// the numbers beside it are for drawing only.

/** Length of each interval in ms. */
export const STEPS = Object.freeze({ "1s": 1_000, "5s": 5_000, "1m": 60_000, "5m": 300_000, "1h": 3_600_000 });
/** More bars than this are not kept: the oldest leave, some hundreds at a time. */
export const MOST_BARS = 5_000;
/** More points in time than this are not laid out (a quiet symbol at 1s has few bars over a long time). */
export const MOST_POINTS = 12_000;
const SLACK = 500;
const MOST_BLANKS = 60;

/**
 * @typedef {{raw: object, start: number, end: number, at: number, open: number, high: number, low: number,
 *   close: number, delta: number, cvd: number, closed: boolean}} Item `at`: whole intervals since the first bar.
 * @typedef {{kind: "none"|"tail"|"past"|"rebuild", added: Item[]}} Change tail: the last bar changed or some were
 *   added behind it; past: one before it changed; rebuild: the axis itself is another.
 */

export class Bars {
  constructor() {
    this.clear("1m");
  }

  /** @param {string} interval one of STEPS */
  clear(interval) {
    if (!Object.hasOwn(STEPS, interval)) throw new RangeError(`no interval ${interval}: one of ${Object.keys(STEPS).join(", ")}`);
    this.interval = interval;
    this.step = STEPS[interval];
    this.unit = "base";
    this.origin = 0;
    /** @type {Item[]} */
    this.items = [];
    /** @type {Map<number, Item>} */
    this.byStart = new Map();
    this.foreign = 0;
  }

  get last() {
    return this.items.at(-1);
  }

  /** Replace everything. @param {"base"|"quote"} unit in which delta and CVD are drawn */
  set(interval, bars, unit = "base") {
    this.clear(interval);
    this.unit = unit;
    this.merge(bars);
  }

  /** Delta and CVD in the other unit. */
  turn(unit) {
    this.unit = unit;
    for (const item of this.items) Object.assign(item, this.#numbers(item.raw));
  }

  /**
   * Take bars in by their start: newer versions replace, missing ones go in where they belong.
   * @returns {Change}
   */
  merge(bars) {
    const change = { kind: "none", added: [] };
    const worse = (kind) => {
      const order = ["none", "tail", "past", "rebuild"];
      if (order.indexOf(kind) > order.indexOf(change.kind)) change.kind = kind;
    };
    for (const raw of [...bars].sort((a, b) => a.start - b.start)) {
      if (raw.end - raw.start !== this.step || raw.start % this.step !== 0) {
        this.foreign += 1; // of another interval: a late event of what was shown before
        continue;
      }
      const old = this.byStart.get(raw.start);
      if (old !== undefined) {
        if (same(old.raw, raw)) continue;
        Object.assign(old, this.#numbers(raw), { raw });
        worse(old === this.last ? "tail" : "past");
        continue;
      }
      const last = this.last;
      const item = { start: raw.start, end: raw.end, at: 0, ...this.#numbers(raw), raw };
      if (last === undefined) this.origin = raw.start;
      item.at = (raw.start - this.origin) / this.step;
      this.byStart.set(raw.start, item);
      if (last === undefined || raw.start > last.start) {
        worse(last === undefined || item.at - last.at > MOST_BLANKS ? "rebuild" : "tail");
        this.items.push(item);
        change.added.push(item);
      } else {
        this.items.splice(this.firstFrom(raw.start), 0, item);
        worse("rebuild");
      }
    }
    if (this.#trim()) worse("rebuild");
    return change;
  }

  /** The place of the first bar that starts at or after this time. */
  firstFrom(ms) {
    let low = 0;
    let high = this.items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.items[middle].start < ms) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The bar that a moment is in, if it has one. */
  of(ms) {
    return this.byStart.get(Math.floor(ms / this.step) * this.step);
  }

  #numbers(raw) {
    return {
      open: Number(raw.open),
      high: Number(raw.high),
      low: Number(raw.low),
      close: Number(raw.close),
      delta: Number(raw[`delta_${this.unit}`]),
      cvd: Number(raw[`cvd_${this.unit}`]),
      closed: raw.closed === true,
    };
  }

  #trim() {
    const before = this.items.length;
    if (before > MOST_BARS + SLACK) this.items.splice(0, before - MOST_BARS);
    const last = this.last;
    if (last !== undefined && (last.start - this.items[0].start) / this.step >= MOST_POINTS) {
      this.items.splice(0, this.firstFrom(last.start - (MOST_POINTS - 1) * this.step));
    }
    const first = this.items[0];
    if (first === undefined || (first.start === this.origin && this.items.length === before)) return false;
    this.origin = first.start;
    this.byStart.clear();
    for (const item of this.items) {
      item.at = (item.start - this.origin) / this.step;
      this.byStart.set(item.start, item);
    }
    return true;
  }
}

function same(a, b) {
  return (
    a.last_id === b.last_id &&
    a.first_id === b.first_id &&
    a.closed === b.closed &&
    a.complete === b.complete &&
    a.buy_trades === b.buy_trades &&
    a.sell_trades === b.sell_trades &&
    a.cvd_base === b.cvd_base &&
    a.cvd_quote === b.cvd_quote
  );
}
