// The large orders, newest first. A row is one taker order, however many rows of the tape it walked through.

import { byId, make, mark, say } from "./dom.js";
import { clock, compact, group, padded, placesOf } from "./format.js";

/** Rows that are shown. */
const MOST_ROWS = 120;
/** Multiples of the threshold from which a row is tinted, and stands out. */
export const LEVELS = [4, 16];

export class Tape {
  /** @param {import("./store.js").Store} store @param {import("./settings.js").Settings} settings
   * @param {(ms: number) => void} jump */
  constructor(store, settings, jump) {
    this.store = store;
    this.settings = settings;
    this.list = byId("tape");
    /** @type {Map<string, HTMLElement>} */
    this.lines = new Map();
    this.at = null;
    this.drawnOf = "";
    this.list.addEventListener("click", (event) => {
      const line = event.target.closest("li");
      if (line) this.go(line, jump);
    });
    this.list.addEventListener("keydown", (event) => {
      const lines = [...this.list.children];
      const at = lines.indexOf(this.at);
      const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: lines.length - 1 }[event.key];
      if (to !== undefined && lines.length) {
        this.point(lines[Math.min(Math.max(to, 0), lines.length - 1)]);
        event.preventDefault();
      } else if (event.key === "Enter" && this.at) this.go(this.at, jump);
    });
    this.list.addEventListener("blur", () => this.point(null));
    const select = byId("tape-threshold");
    const number = byId("tape-number");
    select.addEventListener("change", () => {
      if (select.value !== "number") settings.set({ tape: select.value });
      else {
        number.value = this.store.large ? this.store.large.min_notional.split(".")[0] : "100000";
        number.hidden = false;
        number.select();
        number.focus();
      }
    });
    number.addEventListener("change", () => {
      const text = number.value.trim().replace(/[,_ ]/g, "").replace(/k$/i, "000").replace(/m$/i, "000000");
      const fine = /^(0|[1-9]\d{0,11})(\.\d{1,8})?$/.test(text) && Number(text) > 0;
      mark(number, "aria-invalid", fine ? null : "true");
      if (fine) settings.set({ tape: text });
    });
    byId("tape-scope").addEventListener("change", () => settings.set({ from: byId("tape-scope").value }));
  }

  go(line, jump) {
    this.point(line);
    if (line.dataset.symbol === this.store.symbol) jump(Number(line.dataset.time));
  }

  point(line) {
    this.at?.classList.remove("at");
    this.at = line;
    line?.classList.add("at");
    line?.scrollIntoView({ block: "nearest" });
  }

  choices() {
    const wanted = this.settings.get("tape");
    const percentile = wanted.startsWith("p");
    byId("tape-threshold").value = percentile ? wanted : "number";
    const number = byId("tape-number");
    number.hidden = percentile;
    if (!percentile && document.activeElement !== number) number.value = wanted;
    byId("tape-scope").value = this.settings.get("from");
  }

  /** The least notional of a row's tints. */
  threshold() {
    return Number(this.store.large?.min_notional ?? 0);
  }

  draw() {
    const { store } = this;
    const all = this.settings.get("from") === "all";
    const of = `${all}:${store.symbol}:${this.settings.get("tape")}`;
    if (of !== this.drawnOf) {
      this.drawnOf = of;
      this.lines.clear();
      this.list.replaceChildren();
      this.at = null;
    }
    const wanted = [...store.prints.entries()]
      .filter(([, print]) => all || print.symbol === store.symbol)
      .sort(([, a], [, b]) => b.time - a.time || b.id - a.id)
      .slice(0, MOST_ROWS);
    const keys = new Set(wanted.map(([key]) => key));
    for (const [key, line] of this.lines) {
      if (keys.has(key)) continue;
      line.remove();
      this.lines.delete(key);
    }
    const first = this.lines.size === 0;
    let before = null;
    for (const [key, print] of [...wanted].reverse()) {
      let line = this.lines.get(key);
      if (!line) {
        line = this.line(print, all);
        if (!first) line.classList.add("new");
        this.lines.set(key, line);
        this.list.insertBefore(line, before);
      }
      mark(line, "data-level", String(this.level(print)));
      before = line;
    }
    byId("no-prints").hidden = wanted.length > 0;
    this.drawHead();
  }

  drawHead() {
    const large = this.store.large?.min_notional ? this.store.large : null;
    const wanted = this.settings.get("tape");
    const unit = this.store.inDollars() ? "$" : "";
    const asset = unit ? "" : ` ${this.store.quote()}`;
    const listed = large ? large.largest.length : 0;
    const how = wanted.startsWith("p") ? `, ${wanted}` : listed < large?.count ? `, largest ${listed} of ${large.count}` : "";
    say(byId("tape-from"), large ? `≥ ${unit}${compact(large.min_notional)}${asset}${how}` : "");
    byId("tape-from").dataset.exact = large ? large.min_notional : "";
    byId("tape-title").title = large
      ? `${this.what()} of at least ${group(large.min_notional)} ${this.store.quote()}` +
        (wanted.startsWith("p") ? `: the ${wanted.slice(1)}th percentile among the last ${large.trades_scanned} trades` : "") +
        `; ${large.count} of them${this.settings.get("from") === "all" ? ", and those of the other symbols from the configured size on" : ""}, tinted from ${LEVELS[0]}× and ${LEVELS[1]}×`
      : "";
    say(byId("no-prints"), this.store.large ? "none among the trades held" : "none yet");
  }

  /** What a row stands for: where a venue does not tell which rows are one order, those that come together. */
  what() {
    const told = this.store.meta?.semantics;
    return told && !told.order.rebuilt ? `rows of one side within ${told.row.span_ms} ms` : "taker orders";
  }

  level(print) {
    const least = this.threshold() || 1;
    const size = Number(print.notional_usd) / least;
    return size >= LEVELS[1] ? 3 : size >= LEVELS[0] ? 2 : 1;
  }

  line(print, all) {
    const line = make("li");
    const legs = print.legs ?? 1;
    const unit = this.store.inDollars(print.symbol) ? "$" : "";
    const places = all ? placesOf(print.price) : this.store.decimals().price;
    line.append(
      make("span", `glyph ${print.side}`, print.side === "buy" ? "▲" : "▼"),
      make("span", "at-price", (all ? `${this.store.rows.get(print.symbol)?.base ?? print.symbol} ` : "") + group(padded(print.price, places))),
      make("span", "legs", legs > 1 && !all ? `×${legs}` : ""),
      make("span", "size", unit + compact(print.notional_usd)),
    );
    const time = make("time", "", clock(print.time));
    time.setAttribute("datetime", new Date(print.time).toISOString());
    line.append(time);
    line.dataset.side = print.side;
    line.dataset.id = String(print.id);
    line.dataset.symbol = print.symbol || "";
    line.dataset.time = String(print.time);
    line.dataset.exact = print.notional_usd;
    line.title =
      `${print.symbol}: ${print.side} ${group(print.qty)} at ${group(print.vwap ?? print.price)}${legs > 1 ? ` on average, ${legs} rows` : ""}, ` +
      `${group(print.notional_usd)}; trade ${print.id}, ${clock(print.time, true)} UTC${print.late ? "; told late, after a repair" : ""}`;
    return line;
  }
}
