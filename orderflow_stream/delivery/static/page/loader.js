// What is asked of the daemon, and when: the start, another symbol, what a repair has changed, the tape's threshold.

import { byId, make } from "./dom.js";
import { KeyNeeded } from "./feed.js";
import { Gaps } from "./gaps.js";
import { Questions } from "./questions.js";
import { Sparks } from "./sparks.js";

const BARS = 1000;
const MOST_LARGE = 300;
/** Multiples of the tape's threshold from which an order is marked in the chart. */
const MARKED = { "1s": 1, "5s": 2, "1m": 4, "5m": 8, "1h": 16 };
const TAPE_MS = 1000;
/** With a key each question counts against a plan. */
const TAPE_KEY_MS = 10_000;
const EMPTY_MS = 5000;

export class Loader {
  /** @param {any} parts of the page */
  constructor(parts) {
    Object.assign(this, parts);
    /** Why there is nothing to show; "" where there is. */
    this.failed = "";
    this.begun = false;
    this.failures = 0;
    this.timers = {};
    this.questions = new Questions((kind, error) => this.complain(kind, error));
    this.gaps = new Gaps({ ...parts, questions: this.questions, bars: () => this.loadBars() });
    this.sparks = new Sparks({ ...parts, questions: this.questions });
    this.turn = 0;
    this.tapeAt = 0;
    this.tapeOf = "";
    setInterval(() => this.tick(), 250);
  }

  // -- the start ----------------------------------------------------------------------------------------------------

  async begin() {
    const turn = ++this.turn;
    clearTimeout(this.timers.begin);
    const { api, settings, store } = this;
    api.venue = settings.get("venue");
    try {
      const whole = await api.get("/v1/meta", { venue: "" }); // which venues there are
      const meta = api.venue ? await api.get("/v1/meta") : whole;
      if (turn !== this.turn) return;
      store.meta = meta;
      this.venues = { names: whole.venues, usual: whole.venue };
      this.windows = Object.keys(meta.flow.windows);
      const answer = await api.get("/v1/screener", { sort: "symbol", limit: 5000, window: this.window(), numbers: "string" });
      if (turn !== this.turn) return;
      store.rows.clear();
      store.takeRows(answer.rows);
    } catch (error) {
      if (turn !== this.turn || error instanceof KeyNeeded) return;
      this.failures += 1;
      this.failed = `${error.message}; it is tried again by itself`;
      this.begun = false;
      this.timers.begin = setTimeout(() => this.begin(), Math.min(10_000, 1000 * 2 ** this.failures) * (0.5 + Math.random()));
      this.painter.dirty("state");
      return;
    }
    this.failed = "";
    this.failures = 0;
    this.begun = true;
    this.fillChoices();
    this.shares.prepare(this.windows);
    if (store.rows.size) this.openList();
    else this.timers.begin = setTimeout(() => this.begin(), EMPTY_MS); // no stream of no symbol: until there is one
    store.symbol = "";
    this.watchlist.arrange();
    this.chosen();
    this.chooseFirst();
    this.painter.dirty("chrome", "list", "shares", "state", "footer");
  }

  /** Nothing more is asked until `begin`. */
  halt() {
    this.turn += 1;
    this.begun = false;
    this.questions.forget();
  }

  fillChoices() {
    const { meta } = this.store;
    byId("window").replaceChildren(...this.windows.map((name) => new Option(name, name)));
    const box = byId("venues");
    const { names, usual } = this.venues;
    box.hidden = names.length < 2;
    box.replaceChildren(
      ...names.map((name) => {
        const link = make("a", "", name);
        link.href = name === usual ? "/" : `/?venue=${encodeURIComponent(name)}`;
        if (name === meta.venue) link.setAttribute("aria-current", "page");
        return link;
      }),
    );
    byId("venue-name").textContent = `${meta.venue} · ${meta.market}`;
  }

  /** The window of the watchlist. */
  window() {
    const wanted = this.settings.get("window");
    if (!this.windows) return wanted;
    if (this.windows.includes(wanted)) return wanted;
    return this.windows.includes("5m") ? "5m" : this.windows[0];
  }

  openList() {
    this.listWindow = this.window();
    this.list.open({ symbols: "*", topics: "watch,large", group: "order", window: this.listWindow, numbers: "string" });
  }

  /** Where nobody chose a symbol: the first there is. */
  chooseFirst() {
    this.watchlist.arrange();
    const { settings, store } = this;
    if (settings.symbol || !store.rows.size) return;
    const first = [...store.rows.values()].reduce((most, row) => (Number(row.quote_volume) > Number(most.quote_volume) && row.quote === most.quote ? row : most));
    settings.set({ symbol: store.rows.has("BTCUSDT") ? "BTCUSDT" : first.symbol });
  }

  // -- what is chosen -----------------------------------------------------------------------------------------------

  /** The settings have changed. */
  chosen() {
    const { settings, store } = this;
    if (!this.begun) return;
    if (this.api.venue !== settings.get("venue")) {
      this.list.close();
      this.detail.close();
      store.rows.clear();
      store.feeds.clear();
      this.switchTo("");
      this.begin();
      return;
    }
    if (this.list.wanted && this.window() !== this.listWindow) {
      this.openList();
      this.loadRows();
    }
    if (settings.symbol && settings.symbol !== store.symbol) this.switchTo(settings.symbol);
    const view = `${store.symbol} ${settings.interval} ${settings.get("cvd")}`;
    if (view !== this.view) {
      this.view = view;
      if (store.symbol) this.loadSymbol();
    }
    if (this.tapeOf !== this.tapeKey()) this.loadTape();
  }

  switchTo(symbol) {
    this.store.reset(symbol);
    this.header.forget();
    this.view = "";
    this.tapeOf = "";
    this.gaps.reset();
    this.chart()?.setLarge([]);
    this.marked = "";
    this.watchlist.reveal();
    this.painter.dirty("chrome", "price", "shares", "tape", "legend", "list", "state");
  }

  loadSymbol() {
    const { settings, store } = this;
    this.openDetail();
    this.loadBars();
    this.gaps.load();
    this.loadReach();
    if (store.feedOf(store.symbol).state === "connecting") this.why();
  }

  openDetail() {
    const { settings, store } = this;
    if (document.hidden && !this.detail.wanted) return; // symbolSeen opens it
    this.detail.open({
      symbols: store.symbol,
      topics: "flow,bar",
      window: this.windows[0],
      interval: settings.interval,
      anchor: settings.get("cvd"),
      numbers: "string",
    });
  }

  /** The page is looked at again. */
  symbolSeen() {
    if (!this.begun || !this.store.symbol || this.detail.wanted) return;
    this.loadSymbol();
  }

  /** @returns {Record<string, string|number>} */
  barsQuery(limit = BARS) {
    return { symbol: this.store.symbol, interval: this.settings.interval, limit, anchor: this.settings.get("cvd"), numbers: "string" };
  }

  barsUrl() {
    const query = new URLSearchParams(Object.entries(this.barsQuery()).map(([name, value]) => [name, String(value)]));
    if (this.api.venue) query.set("venue", this.api.venue);
    return `/v1/bars?${query}`;
  }

  // -- questions; an answer counts only while it is still wanted -----------------------------------------------------

  /** A question that failed is asked again later; only the first of all is the page's own. */
  complain(kind, error) {
    if (kind === "bars" && error.status === 404) {
      this.failed = error.message;
      this.detail.close();
      this.painter.dirty("state");
    } else if (kind === "bars" || kind === "gaps") {
      const wait = Math.max(2000, (error.retryAfter || 0) * 1000);
      clearTimeout(this.timers[kind]);
      this.timers[kind] = setTimeout(() => (kind === "bars" ? this.loadBars() : this.gaps.load()), wait);
    } else if (kind === "tape") this.tapeAt = Date.now() + 1000 * (error.retryAfter || 5);
  }

  loadBars() {
    this.questions.once("bars", async () => {
      const { store, settings } = this;
      const view = this.view;
      const answer = await this.api.get("/v1/bars", this.barsQuery());
      if (view !== this.view) return;
      this.failed = "";
      store.takeBars(answer);
      this.showBars();
      this.painter.dirty("legend", "chrome", "price", "state");
    });
  }

  loadRows() {
    this.questions.once("rows", async () => {
      const answer = await this.api.get("/v1/screener", { sort: "symbol", limit: 5000, window: this.window(), numbers: "string" });
      if (answer.window !== this.window()) return;
      this.store.takeRows(answer.rows);
      this.watchlist.arrange();
      this.watchlist.touch(this.store.rows.keys());
      this.painter.dirty("list");
    });
  }

  tapeKey() {
    return `${this.store.symbol} ${this.settings.get("tape")}`;
  }

  loadTape() {
    const wanted = this.settings.get("tape");
    const { store } = this;
    if (!store.symbol) return;
    if (this.tapeOf !== this.tapeKey()) {
      this.tapeOf = this.tapeKey();
      store.prints.clear();
      store.large = null;
    }
    this.tapeAt = Date.now() + (this.api.key ? TAPE_KEY_MS : TAPE_MS);
    this.questions.once("tape", async () => {
      const of = this.tapeOf;
      const size = wanted.startsWith("p") ? { percentile: wanted.slice(1) } : { min_notional: wanted };
      const answer = await this.api.get("/v1/large", { symbol: store.symbol, group: "order", limit: MOST_LARGE, numbers: "string", ...size });
      if (of !== this.tapeOf) return;
      this.tapeId = store.ids.get(store.symbol);
      store.large = answer;
      store.takePrints(answer.largest.map((print) => ({ ...print, symbol: answer.symbol })));
      const least = Number(answer.min_notional);
      for (const [key, print] of store.prints) if (print.symbol === answer.symbol && Number(print.notional_usd) < least) store.prints.delete(key);
      this.showMarks();
      this.painter.dirty("tape");
    });
  }

  /** All that the chart has to show, anew. */
  showBars() {
    const { store } = this;
    const chart = this.chart();
    if (!chart || !store.barsInfo) return;
    const { symbol, interval, anchor } = store.barsInfo;
    chart.setBars({ symbol, interval, bars: store.bars, anchor, decimals: store.decimals() });
    chart.setGaps(store.gaps);
    this.marked = "";
    this.showMarks();
  }

  /** The large orders in the chart, where there are others than before. */
  showMarks() {
    const marks = this.marks();
    const now = marks.map((print) => print.id).join();
    if (now === this.marked) return;
    this.marked = now;
    this.chart()?.setLarge(marks);
  }

  /** The prints of the selected symbol, for the chart: the longer its bars, the larger they must be, or all of the
   * tape would lie on the last two. */
  marks() {
    const { symbol, prints } = this.store;
    const least = this.tape.threshold() * MARKED[this.settings.interval];
    return [...prints.values()].filter((print) => print.symbol === symbol && Number(print.notional_usd) >= least);
  }

  /** How far back the longest window is held, while it is not whole. */
  loadReach() {
    const { store } = this;
    if (!store.symbol) return;
    this.questions.once("reach", async () => {
      const windows = this.store.meta.flow.windows;
      const longest = this.windows.reduce((most, name) => (windows[name] > windows[most] ? name : most));
      const symbol = store.symbol;
      const answer = await this.api.get("/v1/flow", { symbol, window: longest, numbers: "string" });
      if (symbol !== store.symbol) return;
      const { coverage, first_time: first } = answer;
      const whole = Math.round(windows[longest] / 60);
      const held = coverage.reaches_back ? whole : first === null ? 0 : Math.floor((store.venueNow(Date.now()) - first) / 60_000);
      store.reach = { held: Math.max(0, held), whole };
      this.painter.dirty("state");
    });
  }

  /** Why nothing has come yet. */
  why() {
    this.questions.once("why", async () => {
      const { store } = this;
      const ready = await this.api.get("/readyz");
      const own = ready.not_ready.find((one) => one.symbol === store.symbol && (!one.venue || one.venue === store.meta.venue));
      const known = store.feeds.get(store.symbol);
      if (own && known && known.state === own.state) Object.assign(known, { since: own.since, reason: own.reason });
      this.painter.dirty("state");
    });
  }

  // -- from time to time --------------------------------------------------------------------------------------------

  tick() {
    if (!this.begun || this.list.phase !== "open") return;
    const now = Date.now();
    const { store } = this;
    if (!document.hidden && store.symbol && now > this.tapeAt && (store.ids.get(store.symbol) !== this.tapeId || !store.large)) this.loadTape();
    const state = store.feedOf(store.symbol).state;
    if (now - (this.slowAt || 0) < 1000) return;
    this.slowAt = now;
    if (state === "warming") this.loadReach();
    if (state === "connecting" && store.symbol) this.why();
    if (state === "gap" && !store.gaps.some((gap) => gap.status === "open")) this.gaps.soon();
    this.sparks.load(now);
  }

  // -- the line came back -------------------------------------------------------------------------------------------

  /** The list's stream began anew. */
  listAgain() {
    this.loadRows();
    this.gaps.load();
    this.tapeAt = 0;
  }

  /** The symbol's stream began anew: between, bars were missed. */
  symbolAgain() {
    this.loadBars();
    this.gaps.load();
  }

  stateChanged(change) {
    if (change.state === "warming") this.loadReach();
    this.gaps.soon();
  }


  /** By hand. */
  retry() {
    if (!this.begun) {
      this.begin();
      return;
    }
    this.list.connect();
    this.detail.connect();
  }
}
