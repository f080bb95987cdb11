// The daemon as the page hears it: answers, and streams that come back by themselves.

/** The key is kept for this tab alone. It goes into a header, never into a URL: a stream is opened by a ticket for it. */
const KEY = "orderflow_stream.key";
const REQUEST_MS = 15_000;
/** Silence after which a stream that seems open is opened anew (a connection may be gone without a word). */
const ABANDONED_MS = 12_000;

export class KeyNeeded extends Error {}

export class Refused extends Error {
  /** @param {number} status @param {{message: string, error: {code: string, param: string|null}|null}} body */
  constructor(status, body, retryAfter) {
    super(body.message);
    this.status = status;
    this.code = body.error?.code || "";
    this.retryAfter = retryAfter;
  }
}

export class Api {
  constructor() {
    /** @type {(message: string) => void} */
    this.onKey = () => {};
    this.venue = "";
  }

  get key() {
    return sessionStorage.getItem(KEY) || "";
  }

  set key(text) {
    if (text) sessionStorage.setItem(KEY, text);
    else sessionStorage.removeItem(KEY);
  }

  /** `data` of an answer; of /readyz also where it is a 503. @param {string} path
   * @param {Record<string, string|number>} [params] */
  async get(path, params = {}, method = "GET") {
    const query = new URLSearchParams(Object.entries(params).map(([name, value]) => [name, String(value)]));
    if (this.venue && path.startsWith("/v1/") && path !== "/v1/ticket" && !query.has("venue")) query.set("venue", this.venue);
    if (!query.get("venue")) query.delete("venue"); // asked of no venue at all
    const key = this.key;
    const asked = query.size ? `${path}?${query}` : path;
    // No header could carry what is not ASCII, and no key is anything else.
    const headers = /^[!-~]+$/.test(key) ? { "X-API-Key": key } : {};
    const response = await fetch(asked, { method, headers, signal: AbortSignal.timeout(REQUEST_MS) });
    const body = await response.json();
    if (response.status === 401 || (response.status === 403 && key)) {
      this.onKey(body.message);
      throw new KeyNeeded(body.message);
    }
    if (!body.success && !(path === "/readyz" && body.data))
      throw new Refused(response.status, body, Number(response.headers.get("Retry-After")) || 0);
    return body.data;
  }
}

/** One event stream. `phase`: idle (not wanted), connecting, open, down (it will be tried again at `retryAt`). */
export class Stream {
  /** @param {Api} api @param {Record<string, (data: any) => void>} handlers by event; `hello` gets (hello, again)
   * @param {() => void} changed */
  constructor(api, handlers, changed) {
    this.api = api;
    this.handlers = handlers;
    this.changed = changed;
    /** @type {EventSource|null} */
    this.source = null;
    this.wanted = false;
    this.params = {};
    this.phase = "idle";
    this.since = Date.now();
    this.lastEvent = 0;
    this.lastId = null;
    this.heartbeatMs = 2000;
    this.reason = "";
    this.needsKey = false;
    this.failures = 0;
    this.retryAt = 0;
    this.timer = 0;
    this.hellos = 0;
    this.turn = 0;
  }

  /** Open it with this filter; nothing where it is open with that one. @param {Record<string, string>} params */
  open(params) {
    if (this.wanted && JSON.stringify(params) === JSON.stringify(this.params)) return;
    this.wanted = true;
    this.params = params;
    this.lastId = null; // a position holds for the filter it was told under
    this.lastEvent = 0;
    this.reason = "";
    this.hellos = 0;
    this.connect();
  }

  close() {
    this.wanted = false;
    this.needsKey = false;
    this.turn += 1;
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
    this.enter("idle", "");
    this.lastEvent = 0;
  }

  /** The key that was used is none. */
  keyNeeded() {
    this.close();
    this.params = {};
    this.needsKey = true;
  }

  /** At once, whatever was planned. */
  async connect() {
    if (!this.wanted) return;
    const turn = ++this.turn;
    clearTimeout(this.timer);
    this.retryAt = 0;
    this.needsKey = false;
    this.source?.close();
    this.source = null;
    this.enter("connecting", this.reason);
    let ticket = "";
    if (this.api.key) {
      try {
        ticket = (await this.api.get("/v1/ticket", {}, "POST")).ticket;
      } catch (error) {
        if (turn !== this.turn || this.needsKey) return;
        this.again(error.message);
        return;
      }
      if (turn !== this.turn) return; // closed, or opened for something else, meanwhile
    }
    const query = new URLSearchParams(this.params);
    if (this.api.venue) query.set("venue", this.api.venue);
    if (this.lastId) query.set("last_event_id", this.lastId);
    if (ticket) query.set("ticket", ticket);
    this.listen(new EventSource(`/v1/stream?${query}`));
  }

  /** @param {EventSource} source */
  listen(source) {
    this.source = source;
    for (const name of Object.keys({ ...OWN, ...this.handlers })) {
      source.addEventListener(name, (event) => {
        if (this.source !== source) return;
        this.lastEvent = Date.now();
        if (event.lastEventId) this.lastId = event.lastEventId;
        const data = JSON.parse(event.data);
        OWN[name]?.(this, data);
        if (name in ENDS) this.enter("down", ENDS[name](data));
        else if (this.phase !== "open") this.enter("open", "");
        if (name === "hello") {
          this.hellos += 1;
          this.handlers.hello?.(data, this.hellos > 1);
        } else this.handlers[name]?.(data);
      });
    }
    source.onerror = () => {
      if (this.source !== source) return;
      // It gives up for good on any status but 200: begin anew.
      if (source.readyState === EventSource.CLOSED) this.again("the daemon refused the stream");
      else if (this.phase === "open" || !this.reason) this.enter("down", "the daemon does not answer");
    };
  }

  /** Later each time, and never all pages at once. @param {string} why */
  again(why) {
    this.failures += 1;
    const wait = (0.3 + 0.7 * Math.random()) * Math.min(15_000, 500 * 2 ** this.failures);
    this.source?.close();
    this.source = null;
    this.retryAt = Date.now() + wait;
    this.enter("down", why);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.connect(), wait);
  }

  /** From time to time: a stream without any sign of life, heartbeats included, is not waited for. */
  watch() {
    const silent = Date.now() - Math.max(this.lastEvent, this.since);
    const patience = Math.max(ABANDONED_MS, 5 * this.heartbeatMs);
    if (this.wanted && this.source && !this.retryAt && silent > patience) this.again("nothing came from the daemon");
    else if (this.wanted && this.source?.readyState === EventSource.CLOSED) this.again("the stream was closed");
  }

  /** @param {string} phase @param {string} reason */
  enter(phase, reason) {
    if (phase !== this.phase) this.since = Date.now();
    this.phase = phase;
    this.reason = reason;
    this.changed();
  }
}

/** What the stream itself keeps of an event. @type {Record<string, (stream: Stream, data: any) => void>} */
const OWN = {
  hello(stream, hello) {
    stream.failures = 0;
    stream.heartbeatMs = hello.heartbeat_ms;
  },
  heartbeat() {},
  busy() {},
  bye() {},
  slow() {},
};

/** After these the daemon ends the stream, and the engine comes back by itself. */
const ENDS = {
  busy: () => "the daemon has no room for another stream; it is asked again",
  bye: (data) => `the daemon ended the stream: ${data.reason}`,
  slow: () => "this page could not keep up; it connects again",
};
