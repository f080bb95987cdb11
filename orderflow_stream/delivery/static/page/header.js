// The head of the page: symbol, price, state, and what is pressed.

import { byId, mark, say } from "./dom.js";
import { arrow, clock, count, group, padded, sideOf } from "./format.js";
import { INTERVALS } from "./settings.js";
import { STATES } from "./states.js";

/** The window's title costs a message to another process: not oftener than one can read it. */
const TITLE_MS = 1000;

export class Header {
  /** @param {import("./store.js").Store} store @param {import("./settings.js").Settings} settings */
  constructor(store, settings) {
    this.store = store;
    this.settings = settings;
    this.price = null;
    this.side = "even";
    this.titledAt = 0;
    this.titledOf = "";
    this.pill = byId("state");
    [this.icon, this.word, this.number] = this.pill.children;
    for (const button of byId("intervals").children)
      button.addEventListener("click", () => settings.set({ interval: button.dataset.interval }));
  }

  /** What the viewer chose. */
  choices() {
    const { settings, store } = this;
    for (const [at, button] of [...byId("intervals").children].entries()) {
      mark(button, "aria-pressed", String(INTERVALS[at] === settings.interval));
      button.title = `bars of ${INTERVALS[at]} (${at + 1})`;
    }
    say(byId("symbol"), store.symbol || settings.symbol || "–");
    const info = store.barsInfo;
    const rule = info ? info.anchor.rule : settings.get("cvd");
    say(byId("anchor-name"), rule);
    say(byId("anchor-time"), info?.anchor.time ? `${clock(info.anchor.time).slice(0, 5)} UTC` : "");
    byId("anchor").title = info
      ? `CVD begins at ${clock(info.anchor.time ?? 0)} UTC, ${rule === "session" ? "the start of the session" : "the oldest trade held"}` +
        (rule !== settings.get("cvd") ? ": the session's start is not held" : "") +
        (info.anchor.complete ? "" : "; trades between are missing") +
        " (C)"
      : "where CVD begins (C)";
  }

  /** The newest price; painted: its age counts. */
  drawPrice() {
    const text = this.store.lastPrice();
    const node = byId("price");
    if (text === null) {
      say(byId("price-text"), "–");
      say(byId("price-arrow"), "");
      this.price = null;
      return;
    }
    if (this.price !== null && this.price !== text) this.side = sideOf(minus(text, this.price));
    if (this.price === null) this.side = "even";
    this.price = text;
    node.className = `price ${this.side}`;
    say(byId("price-arrow"), this.side === "even" ? "" : this.side === "buy" ? "▲" : "▼");
    say(byId("price-text"), group(padded(text, this.store.decimals().price)));
    node.dataset.exact = text;
    this.store.painted();
  }

  /** Another symbol: the arrow compares with nothing yet. */
  forget() {
    this.price = null;
    this.side = "even";
  }

  /** @param {ReturnType<typeof import("./states.js").verdict>} state @param {number} now */
  drawState(state, now) {
    const look = STATES[state.name];
    say(this.icon, look.icon);
    say(this.word, look.word);
    say(this.number, state.number);
    mark(this.pill, "data-state", state.name);
    mark(this.pill, "data-tone", look.tone);
    mark(this.pill, "title", state.reason);
    const repairs = this.store.repairs(now);
    byId("repaired").hidden = !repairs.length;
    if (repairs.length) {
      const trades = repairs.reduce((total, gap) => total + gap.trades, 0);
      say(byId("repaired-text"), `repaired ${repairs.length} · ${count(trades)} trade${trades === 1 ? "" : "s"}`);
    }
    const behind = this.store.behind(now);
    byId("behind").hidden = !behind;
    if (behind) say(byId("behind"), "behind: newest only");
    this.title(state, look);
  }

  title(state, look) {
    const name = this.store.symbol || "orderflow_stream";
    const price = this.store.lastPrice();
    let text = name;
    if (look.dead || state.name === "gap" || state.name === "partial") text = `${look.dead ? "⚠" : look.icon} ${look.word} ${name}`;
    else if (state.name !== "live" && state.name !== "quiet") text = `${look.word.toLowerCase()} · ${name}`;
    else if (price !== null) text = `${arrow(this.side === "sell" ? "-1" : this.side === "buy" ? "1" : "0").replace("◆", "")} ${group(padded(price, this.store.decimals().price))} ${name}`.trim();
    const of = `${state.name} ${name}`;
    if (document.title === text || (of === this.titledOf && performance.now() - this.titledAt < TITLE_MS)) return;
    document.title = text;
    this.titledAt = performance.now();
    this.titledOf = of;
  }

  /** @param {boolean} paused @param {number} fresh trades since */
  drawPause(paused, fresh) {
    byId("paused").hidden = !paused;
    say(byId("paused-new"), paused ? `+${count(fresh)} new` : "");
    const button = byId("pause");
    mark(button, "aria-pressed", String(paused));
    mark(button.querySelector("use"), "href", paused ? "#i-play" : "#i-pause");
    say(button.querySelector(".label"), paused ? "resume" : "pause");
  }

  /** @param {boolean} on */
  drawSound(on) {
    const button = byId("sound");
    mark(button, "aria-pressed", String(on));
    mark(button.querySelector("use"), "href", on ? "#i-sound" : "#i-muted");
    say(button.querySelector(".label"), on ? "sound on" : "sound off");
  }
}

/** The sign of a − b as a decimal text, without the difference. @param {string} a @param {string} b */
function minus(a, b) {
  const places = Math.max((a.split(".")[1] || "").length, (b.split(".")[1] || "").length);
  const whole = (text) => BigInt(padded(text, places).replace(".", ""));
  const difference = whole(a) - whole(b);
  return difference > 0n ? "1" : difference < 0n ? "-1" : "0";
}
