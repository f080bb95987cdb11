// What the viewer has chosen. The address says all of it, so that a link or a wall display restores the view; taste
// (colours, rate, unit) is also kept for the next visit.

export const INTERVALS = ["1s", "5s", "1m", "5m", "1h"];
export const ANCHORS = ["session", "oldest"];
export const PALETTES = ["safe", "classic", "reversed"];
export const THEMES = ["auto", "dark", "light"];
export const RATES = { live: 0, "1s": 1000, "5s": 5000 };
export const SORTS = ["symbol", "delta", "volume", "share", "last", "state"];
const KEPT = "orderflow_stream.view";

/** name -> [default, whether a text is allowed, whether it is taste and kept] */
const FIELDS = {
  venue: ["", (text) => /^[\w.-]{0,40}$/.test(text), false],
  cvd: ["session", (text) => ANCHORS.includes(text), false],
  window: ["", (text) => /^\w{0,8}$/.test(text), false],
  sort: ["symbol", (text) => SORTS.includes(text), false],
  tape: ["p99", (text) => /^(p(95|99|99\.9)|[1-9]\d{0,11}(\.\d{1,8})?|0\.\d{1,8})$/.test(text), false],
  from: ["symbol", (text) => text === "symbol" || text === "all", false],
  unit: ["base", (text) => text === "base" || text === "quote", true],
  theme: ["auto", (text) => THEMES.includes(text), true],
  palette: ["safe", (text) => PALETTES.includes(text), true],
  rate: ["live", (text) => text in RATES, true],
  kiosk: ["", (text) => text === "1" || text === "", false],
};

export class Settings {
  constructor() {
    this.symbol = "";
    this.interval = "1m";
    /** @type {Record<string, string>} */
    this.chosen = {};
    this.kept = recall();
    this.listeners = new Set();
    this.read();
    addEventListener("hashchange", () => {
      const before = this.hash();
      this.read();
      if (this.hash() !== before) this.tell();
    });
  }

  /** @param {string} name */
  get(name) {
    return this.chosen[name] ?? this.kept[name] ?? FIELDS[name][0];
  }

  /** Take the address: what it does not say, or says wrongly, is the default. */
  read() {
    const [path, query = ""] = location.hash.slice(1).split("?");
    const [symbol = "", interval = ""] = path.split("/").slice(1);
    this.symbol = decode(symbol).toUpperCase().slice(0, 64);
    this.interval = INTERVALS.includes(interval) ? interval : "1m";
    this.chosen = {};
    const search = new URLSearchParams(location.search);
    for (const from of [search, new URLSearchParams(query)]) {
      for (const name of Object.keys(FIELDS)) {
        const text = from.get(name);
        if (text !== null && FIELDS[name][1](text)) this.chosen[name] = text;
      }
    }
  }

  /** @param {Record<string, string>} changes of fields, `symbol` and `interval` too */
  set(changes) {
    for (const [name, text] of Object.entries(changes)) {
      if (name === "symbol" || name === "interval") this[name] = text;
      else {
        this.chosen[name] = text;
        if (FIELDS[name][2]) this.kept[name] = text;
      }
    }
    remember(this.kept);
    history.replaceState(null, "", `${location.pathname}${location.search}#${this.hash()}`);
    this.tell();
  }

  /** The next of a list of choices. @param {string} name @param {string[]} choices */
  next(name, choices) {
    const text = choices[(choices.indexOf(this.get(name)) + 1) % choices.length];
    this.set({ [name]: text });
    return text;
  }

  hash() {
    const query = new URLSearchParams();
    for (const [name, text] of Object.entries(this.chosen)) if (text !== FIELDS[name][0]) query.set(name, text);
    const said = query.toString();
    return `/${encodeURIComponent(this.symbol)}/${this.interval}${said ? `?${said}` : ""}`;
  }

  tell() {
    for (const listener of this.listeners) listener();
  }
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return ""; // a half-typed escape
  }
}

function recall() {
  try {
    const found = JSON.parse(localStorage.getItem(KEPT) || "{}");
    return Object.fromEntries(Object.entries(found).filter(([name, text]) => FIELDS[name]?.[2] && FIELDS[name][1](String(text))));
  } catch {
    return {}; // storage is off, or another version's
  }
}

function remember(kept) {
  try {
    if (Object.keys(kept).length) localStorage.setItem(KEPT, JSON.stringify(kept));
  } catch {
    // storage is off: the address still says it all
  }
}
