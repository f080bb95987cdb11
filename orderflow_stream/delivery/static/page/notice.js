// The line over the chart: what is wrong, why, and what can be done about it.

import { byId, mark, say } from "./dom.js";
import { count, span } from "./format.js";
import { PATIENCE_MS, STATES } from "./states.js";

/** @type {() => void} */
let act = () => {};

/** @param {() => void} retry @param {() => void} gaps */
export function prepare(retry, gaps) {
  byId("notice-do").addEventListener("click", () => act());
  actions.retry = retry;
  actions.gaps = gaps;
}

const actions = { retry: () => {}, gaps: () => {} };

/** @param {ReturnType<typeof import("./states.js").verdict>} state @param {import("./store.js").Store} store
 * @param {import("./feed.js").Stream} list @param {string} failed why the page has nothing to show, if so */
export function draw(state, store, list, failed, now) {
  const told = content(state, store, list, failed, now);
  const box = byId("notice");
  box.hidden = told === null;
  if (told === null) return;
  mark(box, "data-tone", STATES[state.name].tone);
  say(byId("notice-title"), told.title);
  say(byId("notice-text"), told.text);
  const button = byId("notice-do");
  button.hidden = !told.button;
  if (told.button) {
    say(button, told.button);
    act = actions[told.act];
  }
}

function content(state, store, list, failed, now) {
  if (failed) return { title: "Nothing to show.", text: sentence(failed), button: "Try again", act: "retry" };
  const missing = state.number.split(" ")[0];
  switch (state.name) {
    case "down": {
      const wait = list.retryAt - now;
      const when = wait > 0 ? `, next attempt in ${span(wait)}` : "; it is tried again by itself";
      return { title: "The daemon is not heard.", text: `${sentence(state.reason)}${when}. What is shown is old.`, button: "Retry now", act: "retry" };
    }
    case "stale":
      return { title: "Old numbers.", text: `${sentence(state.reason)}. The daemon tries to get the feed back by itself.` };
    case "connecting":
      if (now - state.since < PATIENCE_MS) return null;
      return { title: "No trade has come yet.", text: sentence(state.reason || "the daemon has no connection to the venue yet") };
    case "warming":
      return { title: "Warming up.", text: `${sentence(state.number ? `${state.number} are read` : "the recent past is being read")}: sums over longer windows are not whole yet.` };
    case "gap":
      return { title: `${trades(missing)} missing.`, text: "They are being read again; CVD after the band may still move.", button: "Gaps", act: "gaps" };
    case "partial":
      return { title: `${trades(missing)} lost.`, text: "The venue does not have them any more; CVD goes on without them.", button: "Gaps", act: "gaps" };
    case "empty":
      return { title: "No symbol is streamed.", text: `Name some in the configuration: venues.${store.meta?.venue || "binance"}.symbols.` };
    default:
      return null;
  }
}

/** With a capital. @param {string} text */
const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** @param {string} number */
const trades = (number) => (number === "1" ? "1 trade is" : `${number || "Some"} trades are`);

/** @param {import("./store.js").Store} store */
export function summary(store) {
  const told = store.flow && Object.entries(store.flow.windows)[0];
  if (!told) return "";
  const [name, window] = told;
  if (window.buy_volume_share === null) return `${store.symbol}: no trade within ${name}`;
  const delta = Number(window.delta_base);
  const buys = delta / (2 * Number(window.buy_volume_share) - 1);
  const size = Number.isFinite(buys) ? `, volume ${count(Math.abs(buys))}` : "";
  return `${store.symbol} ${store.lastPrice()}; last ${name}: buyers ${Math.round(window.buy_volume_share * 100)} percent${size}, delta ${Math.round(delta * 100) / 100} ${store.base()}`;
}
