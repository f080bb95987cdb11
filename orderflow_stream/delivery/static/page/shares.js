// Who traded more in each window: a bar of buyers and sellers, and the delta.

import { byId, make, say } from "./dom.js";
import { arrow, compactSigned, percent, sideOf, signed } from "./format.js";

export class Shares {
  /** @param {import("./store.js").Store} store @param {import("./settings.js").Settings} settings */
  constructor(store, settings) {
    this.store = store;
    this.settings = settings;
    this.lines = new Map();
  }

  /** @param {string[]} windows */
  prepare(windows) {
    this.lines.clear();
    byId("shares").replaceChildren(
      ...windows.map((name) => {
        const item = make("li");
        const bar = make("span", "bar2 none");
        const bought = make("i");
        bar.append(bought, make("i"));
        bar.setAttribute("role", "img");
        const delta = make("span", "delta", "–");
        item.append(make("span", "name", name), bar, delta);
        this.lines.set(name, { item, bar, bought, delta });
        return item;
      }),
    );
  }

  draw() {
    const unit = this.settings.get("unit") === "quote" ? "delta_quote" : "delta_base";
    const asset = unit === "delta_quote" ? this.store.quote() : this.store.base();
    say(byId("shares-unit"), asset && `in ${asset}`);
    for (const [name, line] of this.lines) {
      const told = this.store.flow?.windows[name];
      const none = !told || told.buy_volume_share === null;
      line.bar.classList.toggle("none", none);
      const exact = none ? "0" : told[unit];
      line.bought.style.width = none ? "0" : `${Number(told.buy_volume_share) * 100}%`;
      say(line.delta, none ? "–" : `${arrow(exact)} ${compactSigned(exact)}`);
      line.delta.className = `delta ${none ? "dim" : sideOf(exact)}`;
      line.delta.dataset.exact = none ? "" : exact;
      line.bar.dataset.exact = none ? "" : told.buy_volume_share;
      line.item.title = none ? `no trade within ${name}` : `${name}: delta ${signed(exact)} ${asset}, buyers ${percent(told.buy_volume_share)}, ${told.trades} trades`;
      line.bar.setAttribute("aria-label", none ? "no trade" : `buyers ${percent(told.buy_volume_share)}`);
    }
  }
}
