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
/** How decimals come: `string` exactly, `number` rounded as `/v1/meta` says and possibly beyond double precision. */
export type Mode = "string" | "number";
/** A plain decimal: no exponent, no thousands separator. */
export type Decimal<M extends Mode = "string"> = M extends "number" ? number : string;
/** The aggressor's side. */
export type Side = "buy" | "sell";
export type Market = "spot" | "usdm" | "coinm";
export type Group = "row" | "order";
export type Pressure = "strong_sell" | "sell" | "balanced" | "buy" | "strong_buy";
/** `live` and `quiet` are sound; what of an answer may be doubted in the others, `/v1/meta` says in `states`. */
export type State = "connecting" | "warming" | "live" | "quiet" | "unverified" | "gap" | "stale" | "partial";
export type Source = "stream" | "backfill" | "journal" | "mixed";
/** First and last id, both included. */
export type Pair = [number, number];
/** What was asked: so many trades, or a span of time. */
export interface Requested {
    trades?: number;
    from?: number;
    to?: number;
}
/** Which trade ids an answer stands on, and which of them are missing. Trust no number without `complete`. */
export interface Coverage {
    first_id: number | null;
    last_id: number | null;
    expected: number;
    received: number;
    invalid: number;
    missing: Pair[];
    missing_total: number;
    requested: Requested | null;
    reaches_back: boolean;
    complete: boolean;
    state: State;
    as_of: number | null;
    position: string | null;
    generation: number;
    source: Source;
    last_trade_age_ms: number | null;
    lag_ms: number | null;
    clock_offset_ms: number;
}
/** Taker buys against taker sells of one span. Optional members are of futures, `window` of a span of time. */
export interface Flow<M extends Mode = "string"> {
    note: string;
    source: string;
    symbol: string;
    venue: string;
    market: Market;
    pressure: Pressure | null;
    cvd_quote: Decimal<M>;
    delta_quote: Decimal<M>;
    delta_base: Decimal<M>;
    buy_trades: number;
    sell_trades: number;
    trades_scanned: number;
    taker_buy_base: Decimal<M>;
    taker_buy_quote: Decimal<M>;
    taker_sell_base: Decimal<M>;
    taker_sell_quote: Decimal<M>;
    buy_sell_ratio: Decimal<M> | null;
    buy_volume_share: Decimal<M> | null;
    window_seconds: Decimal<M>;
    last_price: Decimal<M> | null;
    first_time: number | null;
    last_time: number | null;
    coverage: Coverage;
    window?: string;
    contract_size?: Decimal<M>;
    taker_buy_contracts?: Decimal<M>;
    taker_sell_contracts?: Decimal<M>;
    delta_contracts?: Decimal<M>;
    taker_buy_base_nq?: Decimal<M> | null;
    taker_sell_base_nq?: Decimal<M> | null;
    taker_buy_quote_nq?: Decimal<M> | null;
    taker_sell_quote_nq?: Decimal<M> | null;
    delta_base_nq?: Decimal<M> | null;
    delta_quote_nq?: Decimal<M> | null;
}
/** One large print; `first_id` to `levels` of orders only, the last two of futures only. */
export interface LargePrint<M extends Mode = "string"> {
    id: number;
    qty: Decimal<M>;
    side: Side;
    time: number;
    price: Decimal<M>;
    notional_usd: Decimal<M>;
    first_id?: number;
    last_id?: number;
    legs?: number;
    vwap?: Decimal<M>;
    levels?: number;
    contracts?: Decimal<M>;
    confidence?: "likely" | "possible";
}
/** Large prints among the last trades; counts and totals are before `limit`. `min_notional` is null where there is no
 * trade to take the `percentile` of. */
export interface Large<M extends Mode = "string"> {
    note: string;
    source: string;
    symbol: string;
    venue: string;
    market: Market;
    group: Group;
    min_notional: Decimal<M> | null;
    trades_scanned: number;
    window_seconds: Decimal<M>;
    count: number;
    buy_count: number;
    sell_count: number;
    buy_notional: Decimal<M>;
    sell_notional: Decimal<M>;
    net_notional: Decimal<M>;
    largest: LargePrint<M>[];
    coverage: Coverage;
    percentile?: Decimal<M>;
}
export type Interval = "1s" | "5s" | "1m" | "5m" | "1h";
/** Where the CVD begins: at 00:00 UTC, or at the oldest trade that is held. */
export type AnchorRule = "session" | "oldest";
/** Where the CVD of bars begins. `complete`: the trades since then are all in it. */
export interface BarAnchor {
    rule: AnchorRule;
    time: number | null;
    complete: boolean;
}
/** One interval, [start, end). `cvd_*` is at its end, since the anchor. */
export interface Bar<M extends Mode = "string"> {
    start: number;
    end: number;
    open: Decimal<M>;
    high: Decimal<M>;
    low: Decimal<M>;
    close: Decimal<M>;
    taker_buy_base: Decimal<M>;
    taker_sell_base: Decimal<M>;
    taker_buy_quote: Decimal<M>;
    taker_sell_quote: Decimal<M>;
    delta_base: Decimal<M>;
    delta_quote: Decimal<M>;
    cvd_base: Decimal<M>;
    cvd_quote: Decimal<M>;
    buy_trades: number;
    sell_trades: number;
    first_id: number;
    last_id: number;
    closed: boolean;
    complete: boolean;
}
/** The newest bars, ascending. Intervals without a trade are not listed. */
export interface Bars<M extends Mode = "string"> {
    note: string;
    source: string;
    symbol: string;
    venue: string;
    market: Market;
    interval: Interval;
    anchor: BarAnchor;
    count: number;
    as_of: number | null;
    now: number;
    position: string | null;
    state: State;
    generation: number;
    coverage: Coverage;
    bars: Bar<M>[];
}
/** One trade; `ts_event` is microseconds, the fills are null where the source does not tell them. */
export interface Trade<M extends Mode = "string"> {
    id: number;
    price: Decimal<M>;
    qty: Decimal<M>;
    side: Side;
    time: number;
    ts_event: number;
    first_fill: number | null;
    last_fill: number | null;
    nq?: Decimal<M> | null;
    contracts?: Decimal<M>;
}
/** A page of the tape. `first_id` and `last_id` are what is held in all, `missing` lacks on this page. */
export interface Trades<M extends Mode = "string"> {
    note: string;
    source: string;
    symbol: string;
    venue: string;
    market: Market;
    count: number;
    first_id: number | null;
    last_id: number | null;
    missing: Pair[];
    missing_total: number;
    next_from_id: number | null;
    state: State;
    generation: number;
    position: string | null;
    trades: Trade<M>[];
}
export interface Gap {
    first: number;
    last: number;
    trades: number;
    status: "open" | "repaired" | "lost";
    found: number;
    closed: number | null;
    source: string | null;
    attempts: number | null;
    next_attempt: number | null;
}
/** Ranges of ids that were skipped, newest first. */
export interface Gaps {
    note: string;
    source: string;
    symbol: string;
    venue: string;
    market: Market;
    count: number;
    open: number;
    repaired: number;
    lost: number;
    missing_total: number;
    ready_in_s: number | null;
    gaps: Gap[];
    position: string | null;
}
export interface ScreenerRow<M extends Mode = "string"> {
    symbol: string;
    venue: string;
    market: Market;
    base: string;
    quote: string;
    last_price: Decimal<M> | null;
    last_time: number | null;
    last_id: number | null;
    trades: number;
    delta_base: Decimal<M>;
    delta_quote: Decimal<M>;
    taker_buy_quote: Decimal<M>;
    taker_sell_quote: Decimal<M>;
    quote_volume: Decimal<M>;
    buy_volume_share: Decimal<M> | null;
    pressure: Pressure | null;
    state: State;
    missing: number;
    reaches_back: boolean;
}
/** Every streamed instrument over one window. */
export interface Screener<M extends Mode = "string"> {
    note: string;
    source: string;
    venue: string;
    market: Market;
    window: string;
    sort: string;
    order: "asc" | "desc";
    instruments: number;
    count: number;
    as_of: number;
    position: string | null;
    rows: ScreenerRow<M>[];
}
/** What a symbol of a futures venue is. */
export interface Contract {
    symbol: string;
    kind: "spot" | "perpetual" | "delivery";
    pair: string;
    base: string;
    quote: string;
    settle: string;
    contract_size: number | null;
    delivery_time: number | null;
    status: string;
}
/** Symbols that trade; `resting` are kept and do not trade now. `contracts` of futures only. */
export interface Symbols {
    count: number;
    quote: string | null;
    source: string;
    venue: string;
    refreshed: number;
    stale: boolean;
    symbols: string[];
    resting: Record<string, string>;
    contracts?: Contract[];
}
/** Every parameter, threshold and rule in force. */
export interface Meta {
    note: string;
    source: string;
    service: string;
    version: string;
    endpoints: Record<string, string>;
    description: string;
    trading_symbols: number;
    [more: string]: unknown;
}
export interface Overlap<M extends Mode = "string"> {
    from: number;
    to: number;
    seconds: Decimal<M>;
}
/** Parts of one coin added up in USD. `state` is the worst of the parts', `as_of` the oldest. */
export interface Totals<M extends Mode = "string"> {
    venues: string[];
    taker_buy_usd: Decimal<M>;
    taker_sell_usd: Decimal<M>;
    delta_usd: Decimal<M>;
    cvd_usd: Decimal<M>;
    buy_volume_share: Decimal<M> | null;
    buy_trades: number;
    sell_trades: number;
    complete: boolean;
    state: State;
    as_of: number | null;
}
export interface CombinedTotals<M extends Mode = "string"> extends Totals<M> {
    overlap: Overlap<M> | null;
}
export interface SpotPerp<M extends Mode = "string"> {
    spot: Totals<M>;
    perp: Totals<M>;
    share_difference: Decimal<M> | null;
    overlap: Overlap<M> | null;
}
/** One coin on several venues at one instant. */
export interface Combined<M extends Mode = "string"> {
    note: string;
    coin: string;
    quote: string | null;
    venues: string[];
    parts: Flow<M>[];
    combined: CombinedTotals<M>;
    spot_perp: SpotPerp<M> | null;
}
/** One liquidation order that the venue told of. `side` is the order's: `sell` closes a `long` position. */
export interface Liquidation<M extends Mode = "string"> {
    symbol: string;
    venue: string;
    side: Side;
    position: "long" | "short";
    price: Decimal<M>;
    avg_price: Decimal<M>;
    qty: Decimal<M> | null;
    filled: Decimal<M> | null;
    notional: Decimal<M>;
    time: number;
    status: string;
    contracts?: Decimal<M>;
    filled_contracts?: Decimal<M>;
}
export interface LiquidationSums<M extends Mode = "string"> {
    buy_count: number;
    sell_count: number;
    buy_notional: Decimal<M>;
    sell_notional: Decimal<M>;
}
/** A sample of what was liquidated, newest first; counts and sums are of the sample. */
export interface Liquidations<M extends Mode = "string"> {
    note: string;
    source: string;
    venue: string;
    market: Market;
    symbol: string | null;
    quote: string | null;
    sample: string;
    complete: false;
    listening_since: number | null;
    count: number;
    buy_count: number;
    sell_count: number;
    buy_notional: Decimal<M> | null;
    sell_notional: Decimal<M> | null;
    by_quote: Record<string, LiquidationSums<M>>;
    position: string | null;
    liquidations: Liquidation<M>[];
}
export interface JournalState {
    state: "off" | "ok" | "slow" | "failed";
    reason: string | null;
}
export interface NotReady {
    symbol: string;
    state: State;
    since: number;
    reason: string;
    missing_total: number;
    venue?: string;
}
/** What is being read again; `seconds_left` null: nobody can tell. */
export interface Repairs {
    symbols: number;
    calls: number;
    trades: number;
    seconds_left: number | null;
}
export interface VenueReady {
    instruments: number;
    states: Record<string, number>;
    not_ready_total: number;
    repair?: Repairs;
}
export interface Ready {
    ready: boolean;
    strict: boolean;
    reasons: string[];
    instruments: number;
    states: Record<string, number>;
    journal: JournalState;
    not_ready_total: number;
    not_ready: NotReady[];
    repair?: Repairs;
    venues?: Record<string, VenueReady>;
}
/** First on every connection. `recovered`: nothing that was logged since `resumed_from` is missing. */
export interface Hello {
    epoch: string;
    seq: number;
    recovered: boolean;
    resumed_from: string | null;
    server_time: number;
    heartbeat_ms: number;
}
/** One window in short. */
export interface WindowSums<M extends Mode = "string"> {
    delta_base: Decimal<M>;
    delta_quote: Decimal<M>;
    taker_buy_quote: Decimal<M>;
    taker_sell_quote: Decimal<M>;
    buy_volume_share: Decimal<M> | null;
    trades: number;
}
/** The newest state; `skipped` states before it were told to nobody. */
export interface FlowEvent<M extends Mode = "string"> extends Flow<M> {
    windows: Record<string, WindowSums<M>>;
    skipped: number;
}
/** The last bars of a symbol, the open one last. */
export interface BarEvent<M extends Mode = "string"> {
    symbol: string;
    venue: string;
    market: Market;
    interval: Interval;
    anchor: BarAnchor;
    state: State;
    bars: Bar<M>[];
}
/** One large print; `late`: told after a repair or a restart. */
export interface LargeEvent<M extends Mode = "string"> extends LargePrint<M> {
    symbol: string;
    group: Group;
    late: boolean;
}
export interface TradeEvent<M extends Mode = "string"> extends Trade<M> {
    symbol: string;
    late: boolean;
}
/** Ids that were skipped; they are being read again. */
export interface GapEvent {
    symbol: string;
    first: number;
    last: number;
    trades: number;
    time: number;
}
/** Ids that came in (`filled`) or never will (`lost`), and what is still missing. */
export interface CorrectedEvent {
    symbol: string;
    filled: Pair[];
    lost: Pair[];
    missing: Pair[];
    time: number;
    coverage: Coverage;
}
export interface StateEvent {
    symbol: string;
    state: State;
    since: number;
    reason: string;
}
export interface Heartbeat {
    server_time: number;
    lag_ms: number | null;
    symbols: Record<string, number | null>;
}
/** Why the daemon ends this connection. The stream goes on by itself. */
export interface Bye {
    reason: string;
}
/** This client did not keep up, and was cut off. The stream goes on by itself. */
export interface Slow {
    reason: string;
}
/** There is no room for this client now. The stream tries again by itself. */
export interface Busy {
    reason: "over_capacity";
}
/** What was told between two positions is not to be had any more. Of this client, not of the daemon. */
export interface LossEvent {
    from: string;
    to: string;
}
/** The data of every event by its name. */
export interface Events<M extends Mode = "string"> {
    hello: Hello;
    flow: FlowEvent<M>;
    bar: BarEvent<M>;
    watch: ScreenerRow<M>[];
    large: LargeEvent<M>;
    trade: TradeEvent<M>;
    liquidation: Liquidation<M>;
    gap: GapEvent;
    corrected: CorrectedEvent;
    state: StateEvent;
    heartbeat: Heartbeat;
    slow: Slow;
    bye: Bye;
    busy: Busy;
    lost: LossEvent;
}
/** One event: `if (event.type === "large") event.data.price`. `id` is the position to resume from. */
export type StreamEvent<M extends Mode = "string"> = {
    [K in keyof Events<M>]: {
        type: K;
        id: string;
        data: Events<M>[K];
    };
}[keyof Events<M>];
/** Of every request. */
export interface RequestOptions {
    signal?: AbortSignal;
}
export interface FlowOptions extends RequestOptions {
    trades?: number;
    window?: string;
    fresh?: boolean;
    after?: string;
    wait?: number;
    venue?: string;
}
export interface FlowsOptions extends RequestOptions {
    trades?: number;
    window?: string;
    fresh?: boolean;
    venue?: string;
}
export interface CombinedOptions extends RequestOptions {
    venues: readonly string[];
    quote?: string;
    trades?: number;
    window?: string;
    fresh?: boolean;
}
export interface LargeOptions extends RequestOptions {
    min_notional?: number | string;
    percentile?: number | string;
    trades?: number;
    limit?: number;
    group?: Group;
    since_id?: number;
    fresh?: boolean;
    venue?: string;
}
export interface BarsOptions extends RequestOptions {
    interval?: Interval;
    limit?: number;
    anchor?: AnchorRule;
    venue?: string;
}
export interface TradesOptions extends RequestOptions {
    from_id?: number;
    limit?: number;
    venue?: string;
}
export interface GapsOptions extends RequestOptions {
    venue?: string;
}
export interface ScreenerOptions extends RequestOptions {
    window?: string;
    sort?: string;
    order?: "asc" | "desc";
    limit?: number;
    quote?: string;
    venue?: string;
}
export interface LiquidationsOptions extends RequestOptions {
    symbols?: readonly string[] | string;
    symbol?: string;
    since?: number;
    limit?: number;
    venue?: string;
}
export interface SymbolsOptions extends RequestOptions {
    quote?: string;
    venue?: string;
}
export interface MetaOptions extends RequestOptions {
    venue?: string;
}
export interface ReadyOptions extends RequestOptions {
    strict?: boolean;
}
export type Topic = "flow" | "bar" | "watch" | "large" | "trade" | "liquidation";
export interface StreamOptions extends RequestOptions {
    /** Symbols and patterns (`*USDT`, `*`). */
    symbols: readonly string[] | string;
    topics?: readonly Topic[] | Topic;
    window?: string;
    trades?: number;
    min_notional?: number | string;
    group?: Group;
    interval?: Interval;
    anchor?: AnchorRule;
    venue?: string;
    /** Go on from here: the `id` of an event of an earlier stream of the same options. */
    last_event_id?: string;
    /** What to do where something was missed for good: `throw` a `Lost` (default), or tell it by a `lost` event. */
    on_loss?: "throw" | "event";
    /** Also try until it succeeds where the daemon cannot be reached at the first attempt. */
    wait_for_daemon?: boolean;
    /** Told before each new attempt: why, and in how many ms it is. */
    on_retry?: (why: Error | null, wait_ms: number) => void;
}
export interface Options<M extends Mode> {
    /** Where the daemon asks for one (`orderflow-stream key new`). Sent as a header, never in a URL. */
    key?: string;
    /** How decimals come; `string` (exact) unless told otherwise. */
    numbers?: M;
    /** Milliseconds for one answer, 15000 unless told otherwise. Streams have none but their heartbeats. */
    timeout_ms?: number;
    fetch?: typeof fetch;
}
/** Codes of the API, and three of this client: `unreachable`, `timeout`, `bad_answer`. */
export type Code = "missing_parameter" | "bad_parameter" | "unknown_parameter" | "conflicting_parameters" | "unauthorized" | "forbidden" | "unknown_symbol" | "not_found" | "method_not_allowed" | "rate_limited" | "bad_configuration" | "internal_error" | "not_ready" | "upstream_failed" | "upstream_busy" | "over_capacity" | "unreachable" | "timeout" | "bad_answer";
/** A request that failed. `message` is for a person, `code` and `param` are for a program. */
export declare class OrderFlowError extends Error {
    name: string;
    readonly code: Code;
    /** The parameter at fault. */
    readonly param: string | null;
    /** Of HTTP; 0 where no answer came. */
    readonly status: number;
    /** Seconds after which it may succeed; null where waiting does not help, or nobody can tell. */
    readonly retryAfter: number | null;
    constructor(message: string, code: Code, status?: number, param?: string | null, retryAfter?: number | null, cause?: unknown);
    /** Whether the same request may succeed later. */
    get temporary(): boolean;
}
/** The stream could not go on where it was: what was told after `from` and before `to` is missing. */
export declare class Lost extends Error {
    name: string;
    readonly from: string;
    readonly to: string;
    constructor(from: string, to: string);
}
/** One daemon. `url` is where it listens; in a page that the daemon serves, `""`. */
export declare class OrderFlow<M extends Mode = "string"> {
    #private;
    constructor(url: string, options?: Options<M>);
    /** Taker buys against taker sells over the last `trades` (1000) or a `window`. `after` and `wait`: long poll. */
    flow(symbol: string, options?: FlowOptions): Promise<Flow<M>>;
    /** The same of several symbols or patterns, at one instant. */
    flows(symbols: readonly string[] | string, options?: FlowsOptions): Promise<Flow<M>[]>;
    /** One coin on several venues, and its sum in USD. */
    combined(coin: string, options: CombinedOptions): Promise<Combined<M>>;
    /** The large prints among the last trades, by row or by taker order. */
    large(symbol: string, options?: LargeOptions): Promise<Large<M>>;
    /** The newest bars with their CVD. */
    bars(symbol: string, options?: BarsOptions): Promise<Bars<M>>;
    /** The tape, ascending. */
    trades(symbol: string, options?: TradesOptions): Promise<Trades<M>>;
    /** Which ids were missing, and what became of them. */
    gaps(symbol: string, options?: GapsOptions): Promise<Gaps>;
    /** Every streamed symbol over one window. */
    screener(options?: ScreenerOptions): Promise<Screener<M>>;
    /** A sample of liquidation orders, where a venue that is on tells of them. */
    liquidations(options?: LiquidationsOptions): Promise<Liquidations<M>>;
    /** What can be asked for. */
    symbols(options?: SymbolsOptions): Promise<Symbols>;
    /** Every parameter, threshold and rule in force. */
    meta(options?: MetaOptions): Promise<Meta>;
    /** Whether the feeds are live (`strict`: every symbol warm and complete). Not ready is an answer, not an error. */
    ready(options?: ReadyOptions): Promise<Ready>;
    /** Live events: iterate over it, or `on(…)` and `run()`. It resumes by itself and loses nothing unsaid. */
    stream(options: StreamOptions): Stream<M>;
}
type Open = (position: string | null, signal: AbortSignal) => Promise<Response>;
type StreamSettings = {
    [K in "signal" | "last_event_id" | "on_loss" | "wait_for_daemon" | "on_retry"]: StreamOptions[K] | undefined;
};
type Handler<T> = (data: T, id: string) => unknown;
/**
 * One stream, over as many connections as it takes; each goes on where the one before ended. It reads no faster than
 * it is consumed: whoever is too slow is disconnected by the daemon (`slow`) and resumes by itself.
 */
export declare class Stream<M extends Mode = "string"> implements AsyncIterable<StreamEvent<M>> {
    #private;
    /** Not to be called: `OrderFlow.stream` does. */
    constructor(open: Open, settings: StreamSettings);
    /** The id of the newest event that was handed over: where another stream could go on. */
    get lastEventId(): string | null;
    /** Call `handler` for every event of that name, once `run` is. */
    on<K extends keyof Events<M>>(type: K, handler: Handler<Events<M>[K]>): this;
    /** Read until `close`, calling the handlers, each awaited; rejects where iterating would throw. */
    run(): Promise<void>;
    /** End it. Iterating ends, `run` resolves. */
    close(): void;
    [Symbol.asyncIterator](): AsyncGenerator<StreamEvent<M>, void, undefined>;
}
/** One block of an event stream: an event where `data` is not null. */
export interface Block {
    type: string;
    id: string;
    data: string | null;
    retry: number | null;
}
/** Server-sent events from bytes in pieces of any size, by the rules of the HTML standard. */
export declare class Parser {
    #private;
    /** The blocks that these bytes complete. */
    push(bytes: Uint8Array): Block[];
}
export {};
