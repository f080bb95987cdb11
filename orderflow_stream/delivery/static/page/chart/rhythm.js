// Not more than so many paintings a second, whatever comes: at once after a pause, else when the time has come.

export class Rhythm {
  #act;
  #apart;
  #timer = 0;
  #last = Number.NEGATIVE_INFINITY;

  /** @param {() => void} act @param {() => number} apart ms from one to the next */
  constructor(act, apart) {
    this.#act = act;
    this.#apart = apart;
  }

  /** Something is there to be drawn. */
  ask() {
    if (this.#timer !== 0) return;
    const wait = this.#last + this.#apart() - performance.now();
    if (wait <= 0) this.#run();
    else this.#timer = setTimeout(() => this.#run(), wait);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = 0;
  }

  #run() {
    this.#timer = 0;
    this.#last = performance.now();
    this.#act();
  }
}
