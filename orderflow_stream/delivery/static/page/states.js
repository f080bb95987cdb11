// The one vocabulary of states: the daemon's words, and two of the page's own (`down`, `key`). What is known of the
// page's own line counts before what was last heard of the feed.

import { count, span } from "./format.js";

/** word -> what it looks like. `dead`: what is shown is old. */
export const STATES = {
  connecting: { icon: "◌", word: "CONNECTING", tone: "calm", dead: false },
  warming: { icon: "◔", word: "WARMING", tone: "calm", dead: false },
  live: { icon: "●", word: "LIVE", tone: "good", dead: false },
  quiet: { icon: "○", word: "QUIET", tone: "calm", dead: false },
  unverified: { icon: "◐", word: "UNVERIFIED", tone: "warn", dead: false },
  gap: { icon: "▨", word: "GAP", tone: "warn", dead: false },
  partial: { icon: "◧", word: "PARTIAL", tone: "warn", dead: false },
  stale: { icon: "⚠", word: "STALE", tone: "bad", dead: true },
  down: { icon: "✕", word: "DOWN", tone: "bad", dead: true },
  key: { icon: "⚿", word: "KEY NEEDED", tone: "bad", dead: true },
  empty: { icon: "◌", word: "NO SYMBOLS", tone: "calm", dead: false },
};

/** Explained in the help, in this order. */
export const MEANINGS = {
  connecting: "no connection has carried this symbol yet; the reason is told after ten seconds",
  warming: "connected; the recent past is still being read",
  live: "trades arrive; the number is the age of a trade when it is drawn here",
  quiet: "connected and proven whole, no trade for longer than usual",
  unverified: "connected again, not yet proven that nothing was missed",
  gap: "trade ids are missing and are being read again; CVD after the band is dashed",
  partial: "trade ids are missing for good: CVD goes on without them",
  stale: "the feed is down or silent where trades are known to exist: what is shown is old",
  down: "this page does not hear the daemon: what is shown is old",
};

/** An interval after which the daemon's heartbeat is late. */
const LATE = 2.5;
/** How long another symbol's stream may take. */
const SWITCH_MS = 1500;
/** Connecting takes this long before we say why. */
export const PATIENCE_MS = 10_000;
/** How long a repair stays in the header. */
export const REPAIRED_MS = 60_000;
/** How long `behind` stays after the daemon skipped a state for us. */
export const BEHIND_MS = 10_000;

/** How the page's own line to the daemon is: null where it is well.
 * @param {import("./feed.js").Stream} line @param {number} now */
export function lineState(line, now) {
  if (line.needsKey) return { name: "key", since: line.since, reason: "this daemon asks for a key" };
  if (line.phase === "down") return { name: "down", since: line.lastEvent || line.since, reason: line.reason };
  if (line.phase === "connecting" || line.phase === "idle") {
    if (line.lastEvent) return { name: "down", since: line.lastEvent, reason: line.reason || "connecting again" };
    return { name: "connecting", since: line.since, reason: line.reason || "the daemon has not opened the stream yet" };
  }
  if (now - line.lastEvent > LATE * line.heartbeatMs)
    return { name: "down", since: line.lastEvent, reason: "nothing comes from the daemon" };
  return null;
}

/** The same of the selected symbol's stream, which is opened anew with each symbol: meanwhile the list's tells enough.
 * @param {import("./feed.js").Stream} detail @param {number} now */
function detailState(detail, now) {
  const state = detail.wanted ? lineState(detail, now) : null;
  return state?.name === "connecting" && now - state.since < SWITCH_MS ? null : state;
}

/** The state to be shown for the selected symbol.
 * @param {import("./store.js").Store} store @param {import("./feed.js").Stream} list the watchlist's stream
 * @param {import("./feed.js").Stream} detail the selected symbol's stream @param {number} now
 * @returns {{name: string, number: string, since: number, reason: string, dead: boolean}} */
export function verdict(store, list, detail, now) {
  if (store.meta && !store.rows.size && !list.wanted && !list.needsKey && !store.symbol)
    return made("empty", "", { since: 0, reason: "no symbol is streamed" });
  // What was read by REST is no life: only an open stream is.
  const own = lineState(list, now) || detailState(detail, now);
  if (own) return made(own.name, span(now - own.since), own);
  const feed = store.feedOf(store.symbol);
  const there = store.venueNow(now);
  const row = store.rows.get(store.symbol);
  const last = store.lastTime();
  const since = feed.since || store.began;
  switch (feed.state) {
    case "live": {
      const age = store.paintAge();
      return made("live", age === null ? "" : `${Math.round(age)} ms`, { since, reason: feed.reason });
    }
    case "quiet":
      return made("quiet", last === null ? "no trade yet" : `no trade ${span(there - last)}`, { since, reason: feed.reason });
    case "warming":
      return made("warming", store.warmth(), { since, reason: feed.reason || "the recent past is being read" });
    case "gap":
    case "partial": {
      const missing = feed.state === "gap" ? store.openMissing(row) : store.lostMissing(row);
      return made(feed.state, missing ? `${count(missing)} ${feed.state === "gap" ? "missing" : "lost"}` : "", { since, reason: feed.reason });
    }
    case "stale":
      return made("stale", span(there - (last || since)), { since: last || since, reason: feed.reason || "the feed is down" });
    default:
      return made(feed.state, span(there - since), { since, reason: feed.reason });
  }
}

function made(name, number, { since, reason }) {
  return { name, number, since, reason: reason || "", dead: STATES[name].dead };
}
