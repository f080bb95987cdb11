// One place that draws: each part when it has something new, at its own pace, inside an animation frame. A frame costs
// more than what is drawn in it, so parts that can wait a moment wait for the next one that cannot.

/** How long a part that is no hurry waits for a frame of another. */
const SLACK_MS = 130;
const HIDDEN_MS = 1000;

export class Painter {
  constructor() {
    /** @type {Map<string, {every: number, draw: () => void, hurry: boolean, steady: boolean, dirty: boolean,
     *   since: number, drawn: number}>} */
    this.jobs = new Map();
    this.slowest = 0;
    this.frame = 0;
    this.timer = 0;
    this.planned = Infinity;
    this.frozen = false;
    this.draws = 0;
    this.frames = 0;
    document.addEventListener("visibilitychange", () => this.plan());
  }

  /** @param {string} name @param {number} every least ms between two drawings @param {() => void} draw
   * @param {{hurry?: boolean, steady?: boolean}} [how] `hurry`: at once where its pace allows; `steady`: at its own pace
   * whatever the viewer chose, and while paused */
  add(name, every, draw, { hurry = false, steady = false } = {}) {
    this.jobs.set(name, { every, draw, hurry, steady, dirty: false, since: 0, drawn: -Infinity });
  }

  /** Something new for these. @param {...string} names */
  dirty(...names) {
    const now = performance.now();
    for (const name of names) {
      const job = this.jobs.get(name);
      if (job.dirty) continue;
      job.dirty = true;
      job.since = now;
    }
    this.plan();
  }

  /** The viewer's pace (ms, 0: live) and whether the picture is frozen. */
  pace(slowest, frozen) {
    this.slowest = slowest;
    this.frozen = frozen;
    this.plan();
  }

  /** When a job may be drawn, at the earliest. */
  from(job) {
    if (!job.dirty || (this.frozen && !job.steady)) return Infinity;
    return job.drawn + Math.max(job.every, job.steady ? 0 : this.slowest, document.hidden ? HIDDEN_MS : 0);
  }

  /** When it must be. */
  until(job) {
    return Math.max(this.from(job), job.hurry ? 0 : job.since + SLACK_MS);
  }

  plan() {
    if (this.frame) return; // what is due is drawn with it
    const now = performance.now();
    let next = Infinity;
    for (const job of this.jobs.values()) next = Math.min(next, this.until(job));
    if (next === Infinity || (this.timer && Math.abs(next - this.planned) < 2)) return;
    clearTimeout(this.timer);
    this.timer = 0;
    this.planned = next;
    // A hidden page gets no frames: there a timer draws, once a second.
    if (document.hidden) this.timer = setTimeout(() => this.flush(), Math.max(250, next - now));
    else if (next > now + 2) this.timer = setTimeout(() => this.ask(), next - now);
    else this.ask();
  }

  ask() {
    this.timer = 0;
    if (document.hidden) this.flush();
    else if (!this.frame) {
      this.frame = requestAnimationFrame(() => {
        this.frame = 0;
        this.flush();
      });
    }
  }

  flush() {
    this.timer = 0;
    this.frames += 1;
    const now = performance.now();
    for (const job of this.jobs.values()) {
      if (this.from(job) > now + 2) continue;
      job.dirty = false;
      job.drawn = now;
      job.draw();
      this.draws += 1;
    }
    this.plan();
  }
}
