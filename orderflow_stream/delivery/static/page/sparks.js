// The CVD lines of the watchlist: asked for one at a time, of rows that are in sight, and again when they are old.

const BARS = 60;
const FRESH_MS = 60_000;
/** With a key each question counts against a plan: so many symbols have a line, and no more. */
const MOST_WITH_KEY = 60;

export class Sparks {
  /** @param {any} parts `api`, `questions`, `watchlist`, `painter` */
  constructor(parts) {
    Object.assign(this, parts);
    /** @type {Map<string, number>} */
    this.asked = new Map();
  }

  /** One at most: that of the row which has waited longest. @param {number} now */
  load(now) {
    if (document.hidden || (this.api.key && this.asked.size > MOST_WITH_KEY)) return;
    const due = [...this.watchlist.visible].filter((symbol) => now - (this.asked.get(symbol) || 0) > FRESH_MS);
    if (!due.length) return;
    due.sort((a, b) => (this.asked.get(a) || 0) - (this.asked.get(b) || 0));
    const symbol = due[0];
    const first = !this.asked.has(symbol);
    const asking = this.questions.once("spark", async () => {
      this.asked.set(symbol, now);
      const answer = await this.api.get("/v1/bars", { symbol, interval: "1m", limit: BARS, anchor: "session" });
      this.watchlist.takeSpark(symbol, answer.bars.map((bar) => bar.cvd_quote));
      this.painter.dirty("list");
    });
    if (first) asking.then(() => this.asked.has(symbol) && this.load(Date.now())); // the first time as fast as they come
  }
}
