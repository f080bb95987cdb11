// Every symbol: what is traded, by whom, and whether it can be believed. Sorted, searched, and walked through by keys.

import { byId, make, mark, say } from "./dom.js";
import { arrow, compactSigned, group, padded, percent, placesOf, sideOf, signed } from "./format.js";
import { spark } from "./spark.js";
import { STATES } from "./states.js";

const PRESSURE = { strong_sell: "▼▼", sell: "▼", balanced: "◆", buy: "▲", strong_buy: "▲▲" };
const ORDER = {
  symbol: () => 0,
  delta: (row) => -Math.abs(Number(row.delta_quote)),
  volume: (row) => -Number(row.quote_volume),
  share: (row) => -(row.buy_volume_share ?? -1),
  last: (row) => -(row.last_time ?? 0),
  state: (row) => -["live", "quiet", "warming", "unverified", "partial", "gap", "connecting", "stale"].indexOf(row.state),
};

export class Watchlist {
  /** @param {import("./store.js").Store} store @param {import("./settings.js").Settings} settings
   * @param {(symbol: string) => void} choose */
  constructor(store, settings, choose) {
    this.store = store;
    this.settings = settings;
    this.choose = choose;
    this.box = byId("rows");
    /** @type {Map<string, any>} */
    this.lines = new Map();
    this.shown = [];
    this.needle = "";
    /** @type {Map<string, number[]>} */
    this.sparks = new Map();
    this.changed = new Set();
    this.inks = 0;
    this.visible = new Set();
    this.seer = new IntersectionObserver((seen) => {
      for (const one of seen) {
        if (one.isIntersecting) this.visible.add(one.target.dataset.symbol);
        else this.visible.delete(one.target.dataset.symbol);
        if (one.isIntersecting) this.changed.add(one.target.dataset.symbol);
      }
    });
    this.box.addEventListener("click", (event) => {
      const line = event.target.closest(".row");
      if (line) this.choose(line.dataset.symbol);
    });
    this.box.addEventListener("keydown", (event) => this.key(event));
    const filter = byId("filter");
    filter.addEventListener("input", () => this.search(filter.value));
    filter.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && this.shown.length) {
        this.choose(this.shown[0]);
        this.leaveSearch();
      } else if (event.key === "Escape") this.leaveSearch();
      else if (event.key === "ArrowDown") this.box.focus();
      else return;
      event.preventDefault();
    });
    byId("sort").addEventListener("change", () => settings.set({ sort: byId("sort").value }));
  }

  /** Open the search with a first letter. @param {string} letter */
  find(letter) {
    const filter = byId("filter");
    filter.focus();
    filter.value = letter;
    this.search(letter);
  }

  leaveSearch() {
    const filter = byId("filter");
    filter.value = "";
    filter.blur();
    this.search("");
  }

  /** @param {string} text */
  search(text) {
    this.needle = text.trim().toUpperCase();
    this.arrange();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const at = this.shown.indexOf(this.store.symbol);
    const to = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: this.shown.length - 1, PageDown: at + 10, PageUp: at - 10 }[event.key];
    if (to === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    this.step(Math.min(Math.max(to, 0), this.shown.length - 1));
  }

  /** Choose what stands there. @param {number} at */
  step(at) {
    if (this.shown[at] !== undefined) this.choose(this.shown[at]);
  }

  /** @param {1|-1} by */
  next(by) {
    const all = this.shown.length;
    if (all) this.step((this.shown.indexOf(this.store.symbol) + by + all) % all);
  }

  /** Which rows there are, and in what order. */
  arrange() {
    const sort = this.settings.get("sort");
    const rank = ORDER[sort] || ORDER.symbol;
    const wanted = [...this.store.rows.values()].filter((row) => row.symbol.includes(this.needle));
    const names = (a, b) => (a.symbol < b.symbol ? -1 : 1);
    wanted.sort((a, b) => rank(a) - rank(b) || names(a, b));
    if (this.needle) wanted.sort((a, b) => Number(b.symbol.startsWith(this.needle)) - Number(a.symbol.startsWith(this.needle)));
    const order = wanted.map((row) => row.symbol);
    if (order.join() !== this.shown.join()) {
      this.shown = order;
      const had = document.activeElement === this.box ? this.box.scrollTop : null;
      this.box.replaceChildren(...order.map((symbol) => this.lineOf(symbol).row));
      if (had !== null) this.box.scrollTop = had;
    }
    for (const symbol of this.lines.keys()) if (!this.store.rows.has(symbol)) this.drop(symbol);
    const none = byId("none");
    none.hidden = order.length > 0 || !this.store.meta;
    say(none, this.store.rows.size ? `no streamed symbol has ${this.needle} in its name` : "no symbol is streamed");
    say(byId("count"), this.needle ? `${order.length} of ${this.store.rows.size}` : String(this.store.rows.size || ""));
    byId("sort").value = sort;
  }

  drop(symbol) {
    const line = this.lines.get(symbol);
    this.seer.unobserve(line.row);
    this.lines.delete(symbol);
    this.visible.delete(symbol);
    this.sparks.delete(symbol);
  }

  lineOf(symbol) {
    const known = this.lines.get(symbol);
    if (known) return known;
    const row = make("div", "row");
    row.id = `row-${symbol}`;
    row.dataset.symbol = symbol;
    row.setAttribute("role", "option");
    const state = make("span", "mark");
    const last = make("span", "last", "–");
    const under = make("span", "under");
    const delta = make("span", "delta");
    const canvas = /** @type {HTMLCanvasElement} */ (make("canvas"));
    canvas.setAttribute("aria-hidden", "true");
    const share = make("span", "share");
    const press = make("span", "press");
    const words = make("span", "unseen"); // what the signs mean
    for (const sign of [state, press]) sign.setAttribute("aria-hidden", "true");
    under.append(delta, canvas, share, press);
    row.append(state, make("span", "name", symbol), last, under, words);
    const line = { row, state, last, delta, canvas, share, press, words, places: 0 };
    this.lines.set(symbol, line);
    this.changed.add(symbol);
    this.seer.observe(row);
    return line;
  }

  /** The colours, or the size of things, are others now. */
  recolour() {
    this.inks += 1;
    this.touch(this.store.rows.keys());
  }

  /** @param {Iterable<string>} symbols whose rows are other than they were */
  touch(symbols) {
    for (const symbol of symbols) this.changed.add(symbol);
  }

  /** @param {string} symbol @param {number[]} values */
  takeSpark(symbol, values) {
    this.sparks.set(symbol, values);
    this.changed.add(symbol);
  }

  /** Draw what has changed. @param {boolean} lineDead the page's own line is down */
  draw(lineDead) {
    for (const symbol of this.changed) {
      const row = this.store.rows.get(symbol);
      const line = this.lines.get(symbol);
      if (!row || !line) continue;
      this.drawLine(line, row, lineDead);
    }
    this.changed.clear();
    if (this.marked !== this.store.symbol || this.lines.size !== this.markedOf) {
      this.marked = this.store.symbol;
      this.markedOf = this.lines.size;
      for (const [symbol, line] of this.lines) mark(line.row, "aria-selected", String(symbol === this.store.symbol));
    }
    mark(this.box, "aria-activedescendant", this.lines.has(this.store.symbol) ? `row-${this.store.symbol}` : null);
  }

  drawLine(line, row, lineDead) {
    const unit = this.settings.get("unit") === "quote" ? "quote" : "base";
    const exact = unit === "quote" ? row.delta_quote : row.delta_base;
    const look = STATES[row.state];
    const none = row.buy_volume_share === null;
    say(line.state, look.icon);
    mark(line.state, "data-tone", look.tone);
    mark(line.row, "data-dead", look.dead || lineDead ? "" : null);
    if (row.last_price !== null) line.places = Math.max(line.places, placesOf(row.last_price));
    say(line.last, row.last_price === null ? "–" : group(padded(row.last_price, line.places)));
    line.last.dataset.exact = row.last_price ?? "";
    say(line.delta, none ? "–" : `${arrow(exact)} ${compactSigned(exact)}`);
    line.delta.className = `delta ${none ? "" : sideOf(exact)}`;
    line.delta.dataset.exact = exact;
    say(line.share, percent(row.buy_volume_share));
    line.share.dataset.exact = row.buy_volume_share ?? "";
    say(line.press, row.pressure ? PRESSURE[row.pressure] : "");
    line.press.className = `press ${row.pressure?.endsWith("buy") ? "buy" : row.pressure?.endsWith("sell") ? "sell" : "dim"}`;
    const reason = this.store.feedOf(row.symbol).reason;
    const words = [
      row.symbol,
      look.word.toLowerCase() + (reason ? ` (${reason})` : ""),
      `last ${group(row.last_price)}`,
      none ? "no trade" : `delta ${signed(exact)} ${unit === "quote" ? row.quote : row.base}`,
      none ? "" : `buy share ${percent(row.buy_volume_share)}`,
      row.pressure ? row.pressure.replace("_", " ") : "",
    ];
    mark(line.row, "title", words.filter(Boolean).join(", "));
    say(line.words, [words[1], words[5]].filter(Boolean).join(", "));
    const values = this.sparks.get(row.symbol);
    const drawn = `${look.dead || lineDead} ${this.inks}`;
    if (!values || !this.visible.has(row.symbol) || (line.values === values && line.inked === drawn)) return;
    line.values = values;
    line.inked = drawn;
    spark(line.canvas, values, look.dead || lineDead);
  }

  /** The selected row is in sight. */
  reveal() {
    this.lines.get(this.store.symbol)?.row.scrollIntoView({ block: "nearest", inline: "center" });
  }
}
