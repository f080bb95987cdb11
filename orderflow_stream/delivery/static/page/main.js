// The dashboard: what comes from the daemon goes into the store, and is drawn from there, each part at its own pace.

import { Dialogs, palette } from "./dialogs.js";
import { byId, make, say } from "./dom.js";
import { Api, Stream } from "./feed.js";
import { count, span } from "./format.js";
import { Header } from "./header.js";
import { listen } from "./keys.js";
import { Legend } from "./legend.js";
import { Loader } from "./loader.js";
import * as notice from "./notice.js";
import { Painter } from "./painter.js";
import { ANCHORS, PALETTES, RATES, Settings } from "./settings.js";
import { Shares } from "./shares.js";
import { Sound } from "./sound.js";
import { verdict } from "./states.js";
import { Store } from "./store.js";
import { Tape } from "./tape.js";
import { Watchlist } from "./watchlist.js";

const SUMMARY_MS = 15_000;
/** A hidden page keeps the stream of its symbol so long: there are few connections for all pages together. */
const HIDDEN_MS = 60_000;

const api = new Api();
const settings = new Settings();
const store = new Store();
const painter = new Painter();
const header = new Header(store, settings);
const legend = new Legend(store, settings);
const shares = new Shares(store, settings);
const dialogs = new Dialogs(store, settings);
const sound = new Sound();
/** @type {any} the chart, once its module is here */
let chart = null;
let unit = settings.get("unit");
let paused = false;
let dead = false;
let hiddenSince = 0;
let summarised = 0;

const judged = () => painter.dirty("state");
const list = new Stream(
  api,
  {
    hello: (hello, again) => {
      store.told(hello.server_time);
      if (again) loader.listAgain();
    },
    watch(rows) {
      const before = store.rows.size;
      store.takeRows(rows);
      watchlist.touch(rows.map((row) => row.symbol));
      if (store.rows.size !== before) loader.chooseFirst();
      painter.dirty("list");
    },
    large(print) {
      const known = store.takePrints([print]);
      if (!known.length) return;
      if (print.symbol === store.symbol) {
        loader.showMarks();
        if (!print.late) sound.print(print.side, Number(print.notional_usd) / (tape.threshold() || 1));
      }
      painter.dirty("tape");
    },
    state(change) {
      store.takeState(change);
      watchlist.touch([change.symbol]);
      painter.dirty("list", "state");
      if (change.symbol === store.symbol) loader.stateChanged(change);
    },
    gap: (gap) => gap.symbol === store.symbol && loader.gaps.soon(),
    corrected: (told) => told.symbol === store.symbol && loader.gaps.corrected(),
    heartbeat(beat) {
      store.takeBeat(beat);
      painter.dirty("state", "footer");
    },
    slow: () => {
      store.behindAt = Date.now();
    },
  },
  judged,
);
const detail = new Stream(
  api,
  {
    hello: (hello, again) => {
      store.told(hello.server_time);
      if (again) loader.symbolAgain();
    },
    flow(flow) {
      if (flow.symbol !== store.symbol) return;
      const before = store.feedOf(flow.symbol).state;
      const first = store.flow === null;
      store.takeFlow(flow);
      painter.dirty("price", "shares");
      if (first || before !== flow.coverage.state) painter.dirty("state"); // what goes on changing has its own clock
    },
    bar(event) {
      if (event.symbol !== store.symbol || event.interval !== settings.interval) return;
      if (!store.mergeBars(event)) {
        loader.loadBars();
        return;
      }
      if (store.trim()) loader.showBars();
      else chart?.updateBars(event.bars);
      painter.dirty("legend");
    },
    heartbeat: (beat) => store.told(beat.server_time),
  },
  judged,
);
const watchlist = new Watchlist(store, settings, (symbol) => settings.set({ symbol }));
const tape = new Tape(store, settings, (ms) => chart?.jumpTo(ms));
const loader = new Loader({ api, store, settings, list, detail, watchlist, tape, shares, painter, header, dialogs, chart: () => chart });

api.onKey = (message) => {
  api.key = "";
  list.keyNeeded();
  detail.close();
  loader.halt();
  byId("key-form").hidden = false;
  say(byId("key-told"), message);
  painter.dirty("state");
};

// -- drawing ----------------------------------------------------------------------------------------------------------

painter.add("price", 80, () => header.drawPrice(), { hurry: true });
painter.add("shares", 240, () => shares.draw());
painter.add("legend", 160, () => legend.draw());
painter.add("list", 250, () => watchlist.draw(dead && store.rows.size > 0 && list.phase !== "open"));
painter.add("tape", 120, () => tape.draw());
painter.add("footer", 500, drawFooter);
painter.add("state", 200, drawState, { steady: true });
painter.add("chrome", 0, drawChrome, { steady: true, hurry: true });

function drawState() {
  const now = Date.now();
  const state = verdict(store, list, detail, now);
  header.drawState(state, now);
  header.drawPause(paused, store.pausedId === null ? 0 : Math.max(0, store.newestId() - store.pausedId));
  notice.draw(state, store, list, loader.failed, now);
  document.body.toggleAttribute("data-dead", state.dead);
  document.body.toggleAttribute("data-waiting", !store.bars.length);
  if (state.dead !== dead) {
    dead = state.dead;
    if (dead && list.hellos) sound.alarm();
    chart?.setDead(dead ? (state.name === "down" ? store.venueNow(state.since) : state.since) : null);
    watchlist.touch(store.rows.keys());
    painter.dirty("list");
  }
}

function drawFooter() {
  const last = store.lastTime();
  say(byId("f-symbols"), `${store.rows.size} symbol${store.rows.size === 1 ? "" : "s"}`);
  say(byId("f-rate"), store.rate === null || dead ? "" : `${count(store.rate)} trades/s`);
  say(byId("f-last"), last === null ? "" : `last trade ${span(store.venueNow(Date.now()) - last)} ago`);
}

/** What the viewer chose: colours, buttons, links. */
function drawChrome() {
  const page = document.documentElement;
  const look = [settings.get("theme"), settings.get("palette")].join();
  if (page.dataset.look !== look) {
    page.dataset.look = look;
    page.dataset.theme = settings.get("theme");
    page.dataset.palette = settings.get("palette");
    recolour();
  }
  document.body.toggleAttribute("data-kiosk", settings.get("kiosk") === "1");
  if (unit !== settings.get("unit")) {
    unit = settings.get("unit");
    chart?.setUnit(unit);
  }
  header.choices();
  tape.choices();
  byId("window").value = loader.window();
  byId("bars-json").href = loader.barsUrl();
}

function recolour() {
  chart?.setPalette(palette());
  watchlist.recolour();
  painter.dirty("list");
}

// -- what the viewer does ---------------------------------------------------------------------------------------------

function pause() {
  paused = !paused;
  store.pausedId = paused ? store.newestId() : null;
  document.body.toggleAttribute("data-paused", paused);
  chart?.setFrozen(paused);
  painter.pace(RATES[settings.get("rate")], paused);
  painter.dirty("state");
}

function mute() {
  header.drawSound(sound.toggle());
}

function useKey() {
  const key = byId("key").value.trim();
  if (!key) return;
  api.key = key;
  byId("key").value = "";
  byId("key-form").hidden = true;
  loader.begin();
}

settings.listeners.add(() => {
  painter.pace(RATES[settings.get("rate")], paused);
  watchlist.arrange();
  watchlist.touch(store.rows.keys());
  loader.chosen();
  painter.dirty("chrome", "list", "tape", "shares", "legend", "price", "state");
});
byId("pause").addEventListener("click", pause);
byId("sound").addEventListener("click", mute);
byId("anchor").addEventListener("click", () => settings.next("cvd", ANCHORS));
byId("window").addEventListener("change", () => settings.set({ window: byId("window").value }));
for (const [id, name] of [["help", "help"], ["view", "view"], ["about", "about"], ["table", "table"], ["repaired", "gaps"]])
  byId(id).addEventListener("click", () => dialogs.open(name));
byId("v-help").addEventListener("click", () => {
  byId("d-view").close();
  dialogs.open("help");
});
byId("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address says what is shown
  byId("main").focus();
});
byId("key-use").addEventListener("click", useKey);
byId("key").addEventListener("keydown", (event) => event.key === "Enter" && useKey());
notice.prepare(() => loader.retry(), () => dialogs.open("gaps"));
listen(
  {
    " ": pause,
    m: mute,
    c: () => settings.next("cvd", ANCHORS),
    p: () => settings.next("palette", PALETTES),
    g: () => dialogs.open("gaps"),
    "?": () => dialogs.open("help"),
    "/": () => watchlist.find(""),
    ",": () => watchlist.next(-1),
    ".": () => watchlist.next(1),
    Escape: () => watchlist.search(""),
  },
  (interval) => settings.set({ interval }),
  (letter) => watchlist.find(letter),
);
addEventListener("resize", () => {
  watchlist.recolour();
  painter.dirty("list");
});
matchMedia("(prefers-color-scheme: light)").addEventListener("change", recolour);
document.addEventListener("visibilitychange", () => {
  hiddenSince = document.hidden ? Date.now() : 0;
  if (!document.hidden) loader.symbolSeen();
});

setInterval(() => {
  list.watch();
  detail.watch();
  if (hiddenSince && Date.now() - hiddenSince > HIDDEN_MS) detail.close();
  if (byId("v-summary").checked && Date.now() - summarised > SUMMARY_MS) {
    summarised = Date.now();
    say(byId("summary"), notice.summary(store));
  }
  painter.dirty("state", "footer");
}, 500);

// -- the chart, which may come later than the numbers -----------------------------------------------------------------

async function drawChart() {
  try {
    const { createChart } = await import("./chart.js");
    chart = createChart(byId("chart"), {
      palette: palette(),
      decimals: store.decimals(),
      unit: settings.get("unit"),
      now: () => store.venueNow(Date.now()),
    });
  } catch (error) {
    byId("chart").replaceChildren(make("p", "dim", `The chart could not be drawn (${error.message}); the numbers are in the table.`));
    return;
  }
  chart.onCursor((bar) => {
    legend.point(bar);
    legend.draw(); // the hand waits for it, whatever is paused
  });
  chart.setFrozen(paused);
  loader.showBars();
}

/** For the console, and for the tests: what the page knows. */
Object.assign(window, { orderflow: { api, store, settings, list, detail, painter, sound, loader, chart: () => chart } });
painter.pace(RATES[settings.get("rate")], paused);
painter.dirty("chrome", "state", "footer");
loader.begin();
drawChart();
