// The gaps of the selected symbol: where they lie in time, and what their repair has changed.

const SOON_MS = 150;
const MOST_GAPS = 30;

export class Gaps {
  /** @param {any} parts the store, and what a change of it has to be told to; `questions` asks, `bars` asks for bars */
  constructor(parts) {
    Object.assign(this, parts);
    this.timers = {};
    /** @type {Map<string, {from_ms: number, to_ms: number}>} by the ids of a gap */
    this.places = new Map();
  }

  /** Another symbol. */
  reset() {
    this.places.clear();
    this.chart()?.setGaps([]);
  }

  /** Several events about the same gap make one question. */
  soon() {
    clearTimeout(this.timers.soon);
    this.timers.soon = setTimeout(() => this.load(), SOON_MS);
  }

  /** Trades have come in where some were missing: what was shown of them is other now. */
  corrected() {
    this.soon();
    clearTimeout(this.timers.corrected);
    this.timers.corrected = setTimeout(() => this.bars(), SOON_MS);
  }

  load() {
    if (!this.store.symbol) return;
    this.questions.once("gaps", async () => {
      const { store } = this;
      const symbol = store.symbol;
      const answer = await this.api.get("/v1/gaps", { symbol });
      const gaps = answer.gaps.slice(0, MOST_GAPS);
      for (const gap of gaps) await this.place(symbol, gap);
      if (symbol !== store.symbol) return;
      store.gaps = gaps;
      this.chart()?.setGaps(gaps);
      this.dialogs.gapsChanged();
      this.painter.dirty("state");
    });
  }

  /** Where a gap lies in time: between the trades before and after it, as far as they are held.
   * @param {string} symbol @param {import("./store.js").Gap} gap */
  async place(symbol, gap) {
    const key = `${gap.first}-${gap.last}`;
    let found = this.places.get(key);
    if (!found) {
      const at = async (id) => {
        const page = await this.api.get("/v1/trades", { symbol, from_id: id, limit: 1 });
        return page.trades[0] && page.trades[0].id === id ? page.trades[0].time : null;
      };
      const [before, after] = await Promise.all([at(gap.first - 1), at(gap.last + 1)]);
      found = { from_ms: before ?? gap.found, to_ms: after ?? gap.found };
      if (before !== null && after !== null) this.places.set(key, found);
    }
    Object.assign(gap, found);
  }
}
