// What opens over the page: help, gaps, bars as a table, the view, the notice.

import { byId, colour, line, make, say } from "./dom.js";
import { count, group, signed, stamp } from "./format.js";
import { MEANINGS, STATES } from "./states.js";

/** Bars of the table: the newest ones. */
const MOST_BARS = 120;
const LOOKS = { open: ["▨ open", "warn"], repaired: ["⟲ repaired", "good"], lost: ["◧ lost", "bad"] };

export class Dialogs {
  /** @param {import("./store.js").Store} store @param {import("./settings.js").Settings} settings */
  constructor(store, settings) {
    this.store = store;
    this.settings = settings;
    for (const dialog of document.querySelectorAll("dialog"))
      dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    byId("state-list").replaceChildren(
      ...Object.entries(MEANINGS).flatMap(([name, meaning]) => {
        const term = make("dt", "", `${STATES[name].icon} ${STATES[name].word}`);
        term.dataset.tone = STATES[name].tone;
        return [term, make("dd", "", meaning)];
      }),
    );
    for (const name of ["theme", "palette", "rate", "unit"])
      byId(`v-${name}`).addEventListener("change", () => settings.set({ [name]: byId(`v-${name}`).value }));
    byId("gaps-copy").addEventListener("click", () => this.copy());
  }

  /** @param {"help"|"gaps"|"table"|"view"|"about"} name */
  open(name) {
    if (name === "gaps") this.drawGaps();
    if (name === "table") this.drawTable();
    if (name === "view") for (const each of ["theme", "palette", "rate", "unit"]) byId(`v-${each}`).value = this.settings.get(each);
    if (name === "about") say(byId("version"), this.store.meta?.version || "");
    const dialog = byId(`d-${name}`);
    if (!dialog.open) dialog.showModal();
  }

  /** The gaps have changed: a list that is open follows. */
  gapsChanged() {
    if (byId("d-gaps").open) this.drawGaps();
  }

  drawGaps() {
    const { gaps, symbol } = this.store;
    say(byId("d-gaps-title"), `Gaps of ${symbol}`);
    const sum = (status) => gaps.filter((gap) => gap.status === status).length;
    say(
      byId("gaps-said"),
      gaps.length
        ? `${sum("open")} open, ${sum("repaired")} repaired, ${sum("lost")} lost; ${count(gaps.reduce((all, gap) => all + gap.trades, 0))} trades in all`
        : "no trade was ever skipped as long as the daemon remembers",
    );
    byId("gaps-rows").replaceChildren(
      ...gaps.map((gap) => {
        const [word, tone] = LOOKS[gap.status];
        const row = line([
          [word, ""],
          [gap.first === gap.last ? String(gap.first) : `${gap.first}–${gap.last}`, "num"],
          [count(gap.trades), "num"],
          [stamp(gap.found), ""],
          [gap.closed === null ? "–" : stamp(gap.closed), ""],
          [gap.source || "–", ""],
          [gap.attempts === null || gap.attempts === undefined ? "–" : `${gap.attempts}×`, "num"],
        ]);
        row.firstChild.dataset.tone = tone;
        return row;
      }),
    );
  }

  async copy() {
    const { gaps, symbol, flow } = this.store;
    const text = JSON.stringify({ symbol, venue: flow?.venue, at: new Date().toISOString(), gaps, coverage: flow?.coverage }, null, 1);
    try {
      await navigator.clipboard.writeText(text);
      say(byId("gaps-said"), "copied");
    } catch {
      say(byId("gaps-said"), "the browser did not allow it: the same stands at /v1/gaps");
    }
  }

  drawTable() {
    const { bars, symbol, barsInfo } = this.store;
    say(byId("d-table-title"), `${symbol}, ${this.settings.interval} bars, newest first`);
    say(
      byId("table-said"),
      barsInfo?.anchor.time
        ? `the newest ${Math.min(bars.length, MOST_BARS)} of ${bars.length}; volumes in ${this.store.base()}, CVD since ${stamp(barsInfo.anchor.time)} UTC (${barsInfo.anchor.rule})`
        : "no bar yet",
    );
    byId("table-rows").replaceChildren(
      ...bars
        .slice(-MOST_BARS)
        .reverse()
        .map((bar) =>
          line([
            [stamp(bar.start), ""],
            ...["open", "high", "low", "close", "taker_buy_base", "taker_sell_base"].map((name) => [group(bar[name]), "num"]),
            [signed(bar.delta_base), "num"],
            [signed(bar.cvd_base), "num"],
            [bar.complete ? "yes" : bar.closed ? "no" : "open", ""],
          ]),
        ),
    );
  }
}

/** The colours that the chart draws with, as the style sheet has them now. */
export function palette() {
  const read = { buy: "--buy", sell: "--sell", cvd: "--cvd", warn: "--warn", grid: "--grid", text: "--dim", background: "--back" };
  return Object.fromEntries(Object.entries(read).map(([name, variable]) => [name, colour(variable)]));
}
