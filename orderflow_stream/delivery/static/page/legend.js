// The exact numbers of the bar under the cross-hair; of the newest one where there is none.

import { byId, say } from "./dom.js";
import { count, group, sideOf, signed, stamp } from "./format.js";

/** Exact sum of two decimal texts. @param {string} a @param {string} b */
export function add(a, b) {
  const places = Math.max((a.split(".")[1] || "").length, (b.split(".")[1] || "").length);
  const whole = (text) => {
    const [head, tail = ""] = text.split(".");
    return BigInt(head + tail.padEnd(places, "0"));
  };
  const digits = whole(a) + whole(b);
  const text = (digits < 0n ? -digits : digits).toString().padStart(places + 1, "0");
  const cut = text.length - places;
  return (digits < 0n ? "-" : "") + text.slice(0, cut) + (places ? `.${text.slice(cut)}` : "");
}

export class Legend {
  /** @param {import("./store.js").Store} store @param {import("./settings.js").Settings} settings */
  constructor(store, settings) {
    this.store = store;
    this.settings = settings;
    this.under = null;
  }

  /** @param {any} bar under the cross-hair, or null */
  point(bar) {
    this.under = bar;
  }

  draw() {
    const { store, settings } = this;
    const bar = this.under || store.bars[store.bars.length - 1] || null;
    const unit = settings.get("unit") === "quote" ? "quote" : "base";
    const asset = unit === "quote" ? store.quote() : store.base();
    const day = new Date().toISOString().slice(0, 10);
    say(byId("l-time"), bar ? stamp(bar.start).replace(`${day} `, "") : "–");
    for (const name of ["open", "high", "low", "close"]) put(`l-${name}`, bar && bar[name], group);
    put("l-volume", bar && add(bar[`taker_buy_${unit}`], bar[`taker_sell_${unit}`]), group);
    put("l-delta", bar && bar[`delta_${unit}`], signed);
    put("l-cvd", bar && bar[`cvd_${unit}`], signed);
    byId("l-delta-box").className = bar ? sideOf(bar[`delta_${unit}`]) : "";
    say(byId("l-trades"), bar ? count(bar.buy_trades + bar.sell_trades) : "–");
    const notes = [asset];
    if (bar && !bar.closed) notes.push("open");
    if (bar && !bar.complete) notes.push("not whole");
    say(byId("l-note"), notes.filter(Boolean).join(" · "));
  }
}

function put(id, text, how) {
  const node = byId(id);
  say(node, text === null || text === undefined ? "–" : how(text));
  node.dataset.exact = text ?? "";
}
