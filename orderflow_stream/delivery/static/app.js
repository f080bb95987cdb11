// The dashboard: one event stream, drawn at most ten times a second. It never looks more alive than the feed is.
"use strict";

const MOST_FLOWS = 40; // more symbols than this are watched as rows, once a second, instead of each change
const MOST_LARGE = 100;
const DRAW_MS = 100;

const byId = (id) => document.getElementById(id);
const symbols = new Map(); // symbol -> {data, state, cells}
const changed = new Set();
let windows = [];
let source = null;
let heartbeatMs = 2000;
let lastEvent = 0;
let opened = 0;
let feedLag = null;
let lastId = null;
let paused = false;
let closing = "";
let retryTimer = 0;
let failures = 0;
let largeWaiting = [];
let begun = false;

// One venue a page: `/?venue=binance-usdm`, else the daemon's default one.
const venue = new URLSearchParams(location.search).get("venue") || "";

// The key is kept for this tab alone. It goes into a header, never into a URL: a stream is opened by a ticket for it.
const KEY = "orderflow_stream.key";
const keyOf = () => sessionStorage.getItem(KEY) || "";
class KeyNeeded extends Error {}

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const exact = new Intl.NumberFormat("en", { maximumFractionDigits: 8, useGrouping: false });
const fine = new Intl.NumberFormat("en", { maximumSignificantDigits: 6 });

function size(value) {
  return Math.abs(value) >= 1000 ? whole.format(value) : fine.format(value);
}

function cell(row, className) {
  const made = document.createElement("td");
  made.className = className;
  row.append(made);
  return made;
}

function show(state, detail) {
  const pill = byId("state");
  if (pill.textContent !== state) {
    pill.textContent = state;
    pill.dataset.state = state;
    document.title = state === "live" ? "orderflow_stream" : `${state} – orderflow_stream`;
  }
  byId("detail").textContent = detail;
  byId("main").toggleAttribute("data-dead", state === "stale" || state === "down");
}

function head() {
  const line = byId("head");
  for (const name of windows) {
    for (const [title, text] of [["delta", `Δ quote ${name}`], ["share", `buy share ${name}`]]) {
      const made = document.createElement("th");
      made.scope = "col";
      made.className = "num";
      made.textContent = text;
      made.dataset.kind = title;
      line.append(made);
    }
  }
}

function entryOf(symbol) {
  let entry = symbols.get(symbol);
  if (entry) return entry;
  const row = document.createElement("tr");
  const title = document.createElement("th");
  title.scope = "row";
  title.textContent = symbol;
  row.append(title);
  const state = cell(row, "");
  const price = cell(row, "num");
  const spans = new Map();
  for (const name of windows) {
    const delta = cell(row, "num");
    const share = cell(row, "num");
    const text = document.createElement("span");
    const bar = document.createElement("span");
    bar.className = "share";
    bar.append(document.createElement("i"));
    share.append(text, bar);
    spans.set(name, { delta, text, bar });
  }
  entry = { symbol, row, price, spans, state, data: null, windows: {}, feed: "connecting", reason: "" };
  symbols.set(symbol, entry);
  const rows = byId("rows");
  const last = rows.lastElementChild;
  const after =
    last && last.firstChild.textContent > symbol
      ? [...rows.children].find((other) => other.firstChild.textContent > symbol)
      : null;
  rows.insertBefore(row, after);
  byId("empty").hidden = true;
  byId("count").textContent = String(symbols.size);
  return entry;
}

function take(symbol, data, spans, feed) {
  const entry = entryOf(symbol);
  entry.data = data;
  Object.assign(entry.windows, spans);
  entry.feed = feed;
  changed.add(entry);
}

function drawEntry(entry) {
  const price = entry.data && entry.data.last_price;
  entry.price.textContent = price === null || price === undefined ? "–" : exact.format(price);
  for (const [name, made] of entry.spans) {
    const span = entry.windows[name];
    if (!span) continue;
    const buys = span.delta_quote >= 0;
    const none = span.buy_volume_share === null;
    made.delta.textContent = none ? "–" : `${buys ? "▲ +" : "▼ −"}${size(Math.abs(span.delta_quote))}`;
    made.delta.className = none ? "num dim" : buys ? "num buy" : "num sell";
    made.text.textContent = none ? "–" : `${(span.buy_volume_share * 100).toFixed(1)} %`;
    made.bar.hidden = none;
    if (!none) made.bar.firstChild.style.width = `${span.buy_volume_share * 100}%`;
  }
  entry.state.textContent = entry.feed;
  entry.state.dataset.state = entry.feed;
  entry.state.title = entry.reason;
}

function drawLarge() {
  const body = byId("large");
  for (const print of largeWaiting) {
    const row = document.createElement("tr");
    const side = print.side === "buy" ? "buy" : "sell";
    const fields = [
      [new Date(print.time).toISOString().slice(11, 23) + (print.late ? " late" : ""), ""],
      [print.symbol, ""],
      [side === "buy" ? "▲ buy" : "▼ sell", side],
      [exact.format(print.price), "num"],
      [exact.format(print.qty), "num"],
      [size(print.notional_usd), `num ${side}`],
      [print.levels === undefined ? "" : String(print.levels), "num"],
    ];
    for (const [text, className] of fields) cell(row, className).textContent = text;
    body.prepend(row);
  }
  largeWaiting = [];
  while (body.children.length > MOST_LARGE) body.lastChild.remove();
  byId("no-large").hidden = body.children.length > 0;
}

function draw() {
  if (!paused && !document.hidden) {
    for (const entry of changed) drawEntry(entry);
    changed.clear();
    if (largeWaiting.length) drawLarge();
  }
  if (largeWaiting.length > MOST_LARGE) largeWaiting = largeWaiting.slice(-MOST_LARGE);
}

function judge() {
  const now = Date.now();
  byId("clock").textContent = `${new Date(now).toISOString().slice(11, 19)} UTC`;
  if (!source) return;
  const since = now - (lastEvent || opened);
  if (closing) {
    show("down", closing);
  } else if (lastEvent && since > 2.5 * heartbeatMs) {
    show("stale", `nothing from the daemon for ${(since / 1000).toFixed(1)} s`);
  } else if (source.readyState !== EventSource.OPEN) {
    show("connecting", `for ${(since / 1000).toFixed(1)} s`);
  } else {
    const feeds = [...symbols.values()].map((entry) => entry.feed);
    const bad = feeds.filter((feed) => feed === "stale" || feed === "connecting").length;
    const holes = feeds.filter((feed) => feed === "gap" || feed === "partial").length;
    const lag = feedLag === null ? "" : `venue to daemon ${feedLag} ms`;
    if (feeds.length && bad === feeds.length) show("stale", "the daemon has no live feed from the venue");
    else if (bad) show("partial", `${bad} of ${feeds.length} symbols have no live feed`);
    else if (holes) show("gap", `${holes} of ${feeds.length} symbols miss trades`);
    else if (feeds.length && feeds.every((feed) => feed === "warming")) show("warming", "the recent past is still being read");
    else show(paused ? "paused" : "live", lag);
  }
}

function on(name, act) {
  source.addEventListener(name, (event) => {
    lastEvent = Date.now();
    if (event.lastEventId) lastId = event.lastEventId;
    if (name !== "busy" && name !== "bye" && name !== "slow") closing = "";
    act(JSON.parse(event.data));
  });
}

async function connect() {
  clearTimeout(retryTimer);
  if (source) source.close();
  let ticket = "";
  if (keyOf()) {
    try {
      ticket = (await get("/v1/ticket", "POST")).ticket;
    } catch (error) {
      if (error instanceof KeyNeeded) askForKey(error.message);
      else again();
      return;
    }
  }
  opened = Date.now();
  lastEvent = 0;
  const few = symbols.size <= MOST_FLOWS;
  const query = new URLSearchParams({ symbols: "*", topics: few ? "flow,large" : "watch,large", group: "order" });
  if (!few) query.set("window", windows.includes("5m") ? "5m" : windows[0]);
  if (venue) query.set("venue", venue);
  if (lastId) query.set("last_event_id", lastId);
  if (ticket) query.set("ticket", ticket);
  source = new EventSource(`/v1/stream?${query}`);
  on("hello", (hello) => {
    failures = 0;
    heartbeatMs = hello.heartbeat_ms;
  });
  on("flow", (flow) => take(flow.symbol, flow, flow.windows, flow.coverage.state));
  on("watch", (rows) => {
    for (const row of rows) take(row.symbol, row, { [query.get("window")]: row }, row.state);
  });
  on("large", (print) => largeWaiting.push(print));
  on("state", (change) => {
    const entry = entryOf(change.symbol);
    entry.feed = change.state;
    entry.reason = change.reason;
    changed.add(entry);
  });
  on("heartbeat", (beat) => {
    feedLag = beat.lag_ms;
  });
  on("gap", () => {});
  on("corrected", () => {});
  on("busy", () => {
    closing = "the daemon has no room for another stream; it is asked again";
  });
  on("bye", (bye) => {
    closing = `the daemon ended the stream: ${bye.reason}`;
  });
  on("slow", () => {
    closing = "this page could not keep up; it connects again";
  });
  source.onerror = () => {
    // EventSource gives up for good on any status but 200: begin anew
    if (source.readyState === EventSource.CLOSED) again();
  };
}

// Later each time, and never all pages at once.
function again() {
  failures += 1;
  const wait = Math.random() * Math.min(30000, 1000 * 2 ** failures);
  closing = `no stream; next attempt in ${(wait / 1000).toFixed(0)} s`;
  retryTimer = setTimeout(keyOf() ? connect : begin, wait);
}

function askForKey(message) {
  sessionStorage.removeItem(KEY);
  byId("key-form").hidden = false;
  byId("key-told").textContent = message;
  if (source) source.close();
  source = null;
  show("down", "a key is needed");
}

function useKey() {
  const key = byId("key").value.trim();
  if (!key) return;
  sessionStorage.setItem(KEY, key);
  byId("key").value = "";
  byId("key-form").hidden = true;
  closing = "";
  show("connecting", "");
  begin();
}

async function get(path, method = "GET") {
  const key = keyOf();
  // No header could carry what is not ASCII, and no key is anything else.
  const response = await fetch(path, { method, headers: /^[!-~]+$/.test(key) ? { "X-API-Key": key } : {} });
  const body = await response.json();
  if (response.status === 401 || (response.status === 403 && key)) throw new KeyNeeded(body.message);
  if (!body.success) throw new Error(body.message);
  return body.data;
}

// Where there are several venues: which one this is, and the way to the others.
function venuesOf(meta) {
  if (meta.venues.length < 2) return;
  for (const name of meta.venues) {
    const link = document.createElement("a");
    link.textContent = name;
    link.href = name === meta.venue ? "/" : `/?venue=${encodeURIComponent(name)}`;
    if (name === (venue || meta.venue)) link.setAttribute("aria-current", "page");
    byId("venues").append(link);
  }
}

function sayOrders(order, row) {
  if (!order.rebuilt) byId("orders").textContent = `rows of one side within ${row.span_ms} ms, at the configured threshold`;
}

async function begin() {
  try {
    if (begun) {
      await get("/v1/meta");
      connect();
      return;
    }
    const meta = await get("/v1/meta");
    windows = Object.keys(meta.flow.windows);
    const name = windows.includes("5m") ? "5m" : windows[0];
    const of = venue ? `&venue=${encodeURIComponent(venue)}` : "";
    const screener = await get(`/v1/screener?sort=symbol&limit=5000&window=${encodeURIComponent(name)}${of}`);
    const { order, row } = venue ? (await get(`/v1/meta?venue=${encodeURIComponent(venue)}`)).semantics : {};
    if (screener.instruments > MOST_FLOWS) windows = [name];
    head();
    venuesOf(meta);
    if (order) sayOrders(order, row);
    begun = true;
    for (const row of screener.rows) take(row.symbol, row, { [name]: row }, row.state);
    const listed = screener.rows.length;
    byId("empty").textContent = listed ? "" : `no symbol is streamed: see venues.${venue || meta.venue}.symbols in the configuration`;
    connect();
  } catch (error) {
    if (error instanceof KeyNeeded) {
      askForKey(error.message);
      return;
    }
    show("down", `${error.message}; asked again in 3 s`);
    setTimeout(begin, 3000);
  }
}

function pause() {
  paused = !paused;
  byId("pause").setAttribute("aria-pressed", String(paused));
  byId("pause").textContent = paused ? "Resume" : "Pause";
  judge();
}

byId("pause").addEventListener("click", pause);
byId("key-use").addEventListener("click", useKey);
byId("key").addEventListener("keydown", (event) => {
  if (event.key === "Enter") useKey();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== " " || event.ctrlKey || event.altKey || event.metaKey || event.target.closest("button, a, input")) return;
  event.preventDefault();
  pause();
});
setInterval(() => requestAnimationFrame(draw), DRAW_MS);
setInterval(judge, 500);
begin();
