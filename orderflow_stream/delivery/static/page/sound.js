// Tones for large orders: higher buys, lower sells, louder the larger, and never more than a few a second.

const MOST_A_SECOND = 8;
const PITCH = { buy: [660, 880], sell: [330, 220] };

export class Sound {
  constructor() {
    this.on = false;
    /** @type {AudioContext|null} */
    this.context = null;
    this.played = [];
    this.count = 0;
  }

  /** On or off; on is only ever by a hand on the page, as browsers ask. */
  toggle() {
    this.on = !this.on;
    if (this.on && !this.context && typeof AudioContext !== "undefined") this.context = new AudioContext();
    if (this.on) this.context?.resume();
    return this.on;
  }

  /** @param {"buy"|"sell"} side @param {number} times the threshold */
  print(side, times) {
    const now = performance.now();
    this.played = this.played.filter((at) => now - at < 1000);
    if (!this.on || this.played.length >= MOST_A_SECOND) return;
    this.played.push(now);
    const gain = Math.min(0.3, 0.05 + 0.05 * Math.log2(Math.max(1, times)));
    this.tone(PITCH[side][times >= 4 ? 1 : 0], gain, 0.12);
  }

  /** The feed has died: unlike any order. */
  alarm() {
    if (!this.on) return;
    for (const [at, pitch] of [440, 415, 392].entries()) this.tone(pitch, 0.2, 0.18, at * 0.2);
  }

  tone(pitch, gain, length, after = 0) {
    this.count += 1;
    if (!this.context) return;
    const begin = this.context.currentTime + after;
    const voice = this.context.createOscillator();
    const volume = this.context.createGain();
    voice.frequency.value = pitch;
    volume.gain.setValueAtTime(gain, begin);
    volume.gain.exponentialRampToValueAtTime(0.001, begin + length);
    voice.connect(volume).connect(this.context.destination);
    voice.start(begin);
    voice.stop(begin + length);
  }
}
