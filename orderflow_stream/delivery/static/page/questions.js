// One question of a kind at a time; asked again afterwards where it was wanted meanwhile, later where it failed.

import { KeyNeeded } from "./feed.js";

export class Questions {
  /** @param {(kind: string, error: any) => void} complain */
  constructor(complain) {
    this.complain = complain;
    this.asking = {};
  }

  /** Nobody waits for what was asked before. */
  forget() {
    this.asking = {};
  }

  /** @param {string} kind @param {() => Promise<void>} ask */
  async once(kind, ask) {
    const { asking } = this;
    if (asking[kind]) {
      asking[kind] = "again";
      return;
    }
    asking[kind] = "now";
    try {
      await ask();
    } catch (error) {
      if (!(error instanceof KeyNeeded)) this.complain(kind, error);
    }
    const again = asking[kind] === "again";
    delete asking[kind];
    if (again && asking === this.asking) this.once(kind, ask);
  }
}
