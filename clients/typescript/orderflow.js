/**
 * Client of an orderflow_stream daemon, for browsers and Node 20 or newer. One file, no dependencies.
 *
 *     const api = new OrderFlow("http://127.0.0.1:8080")
 *     const flow = await api.flow("BTCUSDT", { window: "5m" })
 *     for await (const event of api.stream({ symbols: ["BTCUSDT"], topics: ["large"] })) console.log(event)
 *
 * Options and answers have the names that the API has (`min_notional`, `taker_buy_base`): its documentation, `/docs` of
 * the daemon, is theirs too. Times are milliseconds since the epoch unless named otherwise.
 */
/** A request that failed. `message` is for a person, `code` and `param` are for a program. */
export class OrderFlowError extends Error {
    name = "OrderFlowError";
    code;
    /** The parameter at fault. */
    param;
    /** Of HTTP; 0 where no answer came. */
    status;
    /** Seconds after which it may succeed; null where waiting does not help, or nobody can tell. */
    retryAfter;
    constructor(message, code, status = 0, param = null, retryAfter = null, cause) {
        super(message, cause === undefined ? undefined : { cause });
        this.code = code;
        this.param = param;
        this.status = status;
        this.retryAfter = retryAfter;
    }
    /** Whether the same request may succeed later. */
    get temporary() {
        return this.status === 429 || this.status >= 500 || this.code === "unreachable" || this.code === "timeout";
    }
}
/** The stream could not go on where it was: what was told after `from` and before `to` is missing. */
export class Lost extends Error {
    name = "Lost";
    from;
    to;
    constructor(from, to) {
        super(`what was told after ${from} is not to be had any more: read the state anew (flow, large), then stream on`);
        this.from = from;
        this.to = to;
    }
}
/** One daemon. `url` is where it listens; in a page that the daemon serves, `""`. */
export class OrderFlow {
    #base;
    #headers;
    #numbers;
    #timeout;
    #fetch;
    constructor(url, options = {}) {
        if (!/^(https?:\/\/[^/]|\/|$)/.test(url) || /[?#]/.test(url)) {
            throw new TypeError(`${JSON.stringify(url)} is no address of a daemon; write http://host:port`);
        }
        this.#base = url.replace(/\/+$/, "");
        this.#headers = options.key === undefined ? {} : { "X-API-Key": options.key };
        this.#numbers = options.numbers ?? "string";
        this.#timeout = options.timeout_ms ?? 15_000;
        this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
    }
    /** Taker buys against taker sells over the last `trades` (1000) or a `window`. `after` and `wait`: long poll. */
    flow(symbol, options = {}) {
        return this.#get("/v1/flow", { symbol, ...options, numbers: this.#numbers }, (options.wait ?? 0) * 1_000);
    }
    /** The same of several symbols or patterns, at one instant. */
    flows(symbols, options = {}) {
        return this.#get("/v1/flow", { symbols, ...options, numbers: this.#numbers });
    }
    /** One coin on several venues, and its sum in USD. */
    combined(coin, options) {
        return this.#get("/v1/flow", { coin, ...options, numbers: this.#numbers });
    }
    /** The large prints among the last trades, by row or by taker order. */
    large(symbol, options = {}) {
        return this.#get("/v1/large", { symbol, ...options, numbers: this.#numbers });
    }
    /** The newest bars with their CVD. */
    bars(symbol, options = {}) {
        return this.#get("/v1/bars", { symbol, ...options, numbers: this.#numbers });
    }
    /** The tape, ascending. */
    trades(symbol, options = {}) {
        return this.#get("/v1/trades", { symbol, ...options, numbers: this.#numbers });
    }
    /** Which ids were missing, and what became of them. */
    gaps(symbol, options = {}) {
        return this.#get("/v1/gaps", { symbol, ...options });
    }
    /** Every streamed symbol over one window. */
    screener(options = {}) {
        return this.#get("/v1/screener", { ...options, numbers: this.#numbers });
    }
    /** A sample of liquidation orders, where a venue that is on tells of them. */
    liquidations(options = {}) {
        return this.#get("/v1/liquidations", { ...options, numbers: this.#numbers });
    }
    /** What can be asked for. */
    symbols(options = {}) {
        return this.#get("/v1/symbols", { ...options });
    }
    /** Every parameter, threshold and rule in force. */
    meta(options = {}) {
        return this.#get("/v1/meta", { ...options });
    }
    /** Whether the feeds are live (`strict`: every symbol warm and complete). Not ready is an answer, not an error. */
    async ready(options = {}) {
        return this.#get("/readyz", { ...options }, 0, true);
    }
    /** Live events: iterate over it, or `on(…)` and `run()`. It resumes by itself and loses nothing unsaid. */
    stream(options) {
        const { signal, last_event_id, on_loss, wait_for_daemon, on_retry, ...filter } = options;
        const query = { ...filter, numbers: this.#numbers };
        return new Stream((position, cancel) => {
            const asked = position === null ? query : { ...query, last_event_id: position };
            return this.#ask("/v1/stream", asked, cancel, "text/event-stream");
        }, { signal, last_event_id, on_loss, wait_for_daemon, on_retry });
    }
    async #get(path, query, extra_ms = 0, unready = false) {
        const { signal, ...parameters } = query;
        const limit = new AbortController();
        const late = () => limit.abort(new OrderFlowError(`no answer within ${this.#timeout} ms`, "timeout"));
        const timer = setTimeout(late, this.#timeout + extra_ms);
        const given_up = () => limit.abort(signal?.reason);
        if (signal?.aborted)
            given_up();
        signal?.addEventListener("abort", given_up);
        try {
            const response = await this.#ask(path, parameters, limit.signal, "application/json");
            const body = await envelope(response);
            if (unready && response.status === 503 && body?.data)
                return body.data;
            if (!response.ok)
                throw refusal(response, body);
            if (body?.data === undefined)
                throw strange(response);
            return body.data;
        }
        catch (error) {
            throw limit.signal.aborted ? limit.signal.reason : error;
        }
        finally {
            clearTimeout(timer);
            signal?.removeEventListener("abort", given_up);
        }
    }
    async #ask(path, query, signal, accept) {
        const parameters = new URLSearchParams();
        for (const [name, value] of Object.entries(query)) {
            if (value !== undefined)
                parameters.set(name, Array.isArray(value) ? value.join(",") : String(value));
        }
        const url = `${this.#base}${path}?${parameters}`;
        try {
            return await this.#fetch(url, { headers: { Accept: accept, ...this.#headers }, cache: "no-store", signal });
        }
        catch (error) {
            if (signal.aborted)
                throw signal.reason;
            const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
            const why = cause instanceof Error ? cause.message || cause.name : String(cause);
            const message = `no daemon at ${this.#base || "this page's address"} (${why}); start one: orderflow-stream serve`;
            throw new OrderFlowError(message, "unreachable", 0, null, null, error);
        }
    }
}
async function envelope(response) {
    const text = await response.text();
    try {
        const body = JSON.parse(text);
        return typeof body === "object" ? body : null;
    }
    catch {
        return null; // a proxy's page, or a body cut off: the caller says so
    }
}
function refusal(response, body) {
    if (!body?.error)
        return strange(response);
    const { code, param } = body.error;
    return new OrderFlowError(body.message ?? code, code, response.status, param, retryAfter(response));
}
function strange(response) {
    const message = `${response.url} answers ${response.status} and not as an orderflow-stream daemon does`;
    return new OrderFlowError(message, "bad_answer", response.status, null, retryAfter(response));
}
function retryAfter(response) {
    const seconds = Number(response.headers.get("Retry-After") ?? NaN);
    return Number.isFinite(seconds) && seconds >= 0 ? seconds : null;
}
// -- the stream -------------------------------------------------------------------------------------------------------
/** Milliseconds before another attempt where the daemon has said nothing of it; attempts that fail wait longer. */
const RETRY = 2_000;
const LEAST_RETRY = 100;
const MOST_RETRY = 30_000;
/** Milliseconds for the answer of the daemon, up to the first event. */
const OPENING = 10_000;
/** A heartbeat is late after so many of its intervals. */
const LATE = 2.5;
/** Characters of one line. */
const LONGEST = 1 << 24;
/**
 * One stream, over as many connections as it takes; each goes on where the one before ended. It reads no faster than
 * it is consumed: whoever is too slow is disconnected by the daemon (`slow`) and resumes by itself.
 */
export class Stream {
    #open;
    #settings;
    #over = new AbortController();
    #handlers = new Map();
    #position;
    #used = false;
    #reached = false;
    #retry = RETRY;
    #failures = 0;
    #watch = OPENING;
    /** Not to be called: `OrderFlow.stream` does. */
    constructor(open, settings) {
        this.#open = open;
        this.#settings = settings;
        this.#position = settings.last_event_id ?? null;
    }
    /** The id of the newest event that was handed over: where another stream could go on. */
    get lastEventId() {
        return this.#position;
    }
    /** Call `handler` for every event of that name, once `run` is. */
    on(type, handler) {
        this.#handlers.set(type, [...(this.#handlers.get(type) ?? []), handler]);
        return this;
    }
    /** Read until `close`, calling the handlers, each awaited; rejects where iterating would throw. */
    async run() {
        for await (const event of this) {
            for (const handler of this.#handlers.get(event.type) ?? [])
                await handler(event.data, event.id);
        }
    }
    /** End it. Iterating ends, `run` resolves. */
    close() {
        this.#over.abort();
    }
    async *[Symbol.asyncIterator]() {
        if (this.#used)
            throw new Error("a stream is read once; ask for another, with last_event_id to go on");
        this.#used = true;
        const { signal, wait_for_daemon, on_retry } = this.#settings;
        const close = () => this.close();
        if (signal?.aborted)
            close();
        signal?.addEventListener("abort", close);
        try {
            while (!this.#over.signal.aborted) {
                let why = null;
                try {
                    yield* this.#connection();
                }
                catch (error) {
                    if (this.#over.signal.aborted)
                        return;
                    if (!(error instanceof OrderFlowError && error.temporary))
                        throw error;
                    if (!this.#reached && wait_for_daemon !== true)
                        throw error;
                    why = error;
                }
                if (this.#over.signal.aborted)
                    return;
                const wait = this.#wait(why);
                on_retry?.(why, wait);
                await pause(wait, this.#over.signal);
            }
        }
        finally {
            signal?.removeEventListener("abort", close);
            this.close();
        }
    }
    /** One connection to its end. */
    async *#connection() {
        const cut = new AbortController();
        const end = () => cut.abort();
        this.#over.signal.addEventListener("abort", end);
        this.#watch = OPENING;
        try {
            const response = await this.#timely(cut, () => this.#open(this.#position, cut.signal));
            if (response.status !== 200) {
                if (response.status === 204) {
                    throw new OrderFlowError("the daemon has no stream for this client any more", "unauthorized", 204);
                }
                throw refusal(response, await this.#timely(cut, () => envelope(response)));
            }
            if (!response.body || !/^text\/event-stream\b/i.test(response.headers.get("Content-Type") ?? "")) {
                throw strange(response);
            }
            const resuming = this.#position;
            const parser = new Parser();
            const reader = response.body.getReader();
            for (;;) {
                const { done, value } = await this.#timely(cut, () => reader.read());
                if (done)
                    return; // a proper end: `bye`, `slow` or `busy` have said why
                for (const block of parser.push(value)) {
                    if (block.retry !== null)
                        this.#retry = block.retry;
                    if (block.data !== null)
                        yield* this.#told(block, block.data, resuming);
                }
            }
        }
        finally {
            this.#over.signal.removeEventListener("abort", end);
            cut.abort();
        }
    }
    *#told(block, text, resuming) {
        let data;
        try {
            data = JSON.parse(text);
        }
        catch {
            throw new OrderFlowError(`an event ${JSON.stringify(block.type)} that is no JSON`, "bad_answer", 200);
        }
        if (block.type === "hello") {
            const hello = data;
            this.#reached = true;
            this.#failures = 0;
            this.#watch = LATE * hello.heartbeat_ms;
            if (resuming !== null && !hello.recovered) {
                if (this.#settings.on_loss !== "event")
                    throw new Lost(resuming, block.id);
                yield { type: "lost", id: block.id, data: { from: resuming, to: block.id } };
            }
        }
        this.#position = block.id || this.#position;
        yield { type: block.type, id: block.id, data };
    }
    /** `work` of the connection, which is cut where that is not done in time. */
    async #timely(cut, work) {
        const late = () => cut.abort(new OrderFlowError(`nothing was heard for ${this.#watch} ms`, "timeout"));
        const timer = setTimeout(late, this.#watch);
        try {
            return await work();
        }
        catch (error) {
            if (cut.signal.reason instanceof OrderFlowError)
                throw cut.signal.reason;
            if (error instanceof OrderFlowError)
                throw error;
            const words = error instanceof Error ? error.message : String(error); // every engine has its own for a lost peer
            throw new OrderFlowError(`the connection is lost (${words})`, "unreachable", 0, null, null, error);
        }
        finally {
            clearTimeout(timer);
        }
    }
    /** Milliseconds until the next attempt: as the daemon asks, longer after failures, and never all clients at once. */
    #wait(why) {
        if (why !== null)
            this.#failures += 1;
        const asked = why instanceof OrderFlowError ? (why.retryAfter ?? 0) * 1_000 : 0;
        const grown = this.#retry * 1.5 ** Math.max(0, this.#failures - 1);
        return Math.max(asked, this.#retry, Math.min(grown, MOST_RETRY), LEAST_RETRY) * (1 + 0.2 * Math.random());
    }
}
function pause(ms, signal) {
    return new Promise((done) => {
        const finish = () => {
            clearTimeout(timer);
            signal.removeEventListener("abort", finish);
            done();
        };
        const timer = setTimeout(finish, ms);
        signal.addEventListener("abort", finish);
        if (signal.aborted)
            finish();
    });
}
/** Server-sent events from bytes in pieces of any size, by the rules of the HTML standard. */
export class Parser {
    #decoder = new TextDecoder("utf-8"); // takes the byte order mark away, and holds back half a character
    #rest = "";
    #type = "";
    #id = "";
    #data = [];
    #retry = null;
    #after_cr = false;
    /** The blocks that these bytes complete. */
    push(bytes) {
        let text = this.#decoder.decode(bytes, { stream: true });
        if (!text)
            return [];
        if (this.#after_cr && text.startsWith("\n"))
            text = text.slice(1); // CR LF that came in two pieces
        this.#after_cr = text === "" ? false : text.endsWith("\r");
        const lines = (this.#rest + text).split(/\r\n|\r|\n/);
        this.#rest = lines.pop() ?? "";
        if (this.#rest.length > LONGEST)
            throw new OrderFlowError("an endless line, and no event stream", "bad_answer", 200);
        return lines.map((line) => this.#line(line)).filter((block) => block !== null);
    }
    #line(line) {
        if (line === "")
            return this.#block();
        const colon = line.indexOf(":");
        if (colon === 0)
            return null; // a comment
        const field = colon < 0 ? line : line.slice(0, colon);
        const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
        if (field === "event")
            this.#type = value;
        else if (field === "data")
            this.#data.push(value);
        else if (field === "id" && !value.includes("\0"))
            this.#id = value;
        else if (field === "retry" && /^[0-9]+$/.test(value))
            this.#retry = Number(value);
        return null;
    }
    #block() {
        const data = this.#data.length ? this.#data.join("\n") : null;
        const block = { type: this.#type || "message", id: this.#id, data, retry: this.#retry };
        this.#type = "";
        this.#data = [];
        this.#retry = null;
        return data === null && block.retry === null ? null : block;
    }
}
