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

// -- numbers ----------------------------------------------------------------------------------------------------------

/** How decimals come: `string` exactly, `number` rounded as `/v1/meta` says and possibly beyond double precision. */
export type Mode = "string" | "number"
/** A plain decimal: no exponent, no thousands separator. */
export type Decimal<M extends Mode = "string"> = M extends "number" ? number : string

// -- what answers are made of -----------------------------------------------------------------------------------------

/** The aggressor's side. */
export type Side = "buy" | "sell"
export type Market = "spot" | "usdm" | "coinm"
export type Group = "row" | "order"
export type Pressure = "strong_sell" | "sell" | "balanced" | "buy" | "strong_buy"
/** `live` and `quiet` are sound; what of an answer may be doubted in the others, `/v1/meta` says in `states`. */
export type State = "connecting" | "warming" | "live" | "quiet" | "unverified" | "gap" | "stale" | "partial"
export type Source = "stream" | "backfill" | "journal" | "mixed"
/** First and last id, both included. */
export type Pair = [number, number]

/** What was asked: so many trades, or a span of time. */
export interface Requested {
  trades?: number
  from?: number
  to?: number
}

/** Which trade ids an answer stands on, and which of them are missing. Trust no number without `complete`. */
export interface Coverage {
  first_id: number | null
  last_id: number | null
  expected: number
  received: number
  invalid: number
  missing: Pair[]
  missing_total: number
  requested: Requested | null
  reaches_back: boolean
  complete: boolean
  state: State
  as_of: number | null
  position: string | null
  generation: number
  source: Source
  last_trade_age_ms: number | null
  lag_ms: number | null
  clock_offset_ms: number
}

/** Taker buys against taker sells of one span. Optional members are of futures, `window` of a span of time. */
export interface Flow<M extends Mode = "string"> {
  note: string
  source: string
  symbol: string
  venue: string
  market: Market
  pressure: Pressure | null
  cvd_quote: Decimal<M>
  delta_quote: Decimal<M>
  delta_base: Decimal<M>
  buy_trades: number
  sell_trades: number
  trades_scanned: number
  taker_buy_base: Decimal<M>
  taker_buy_quote: Decimal<M>
  taker_sell_base: Decimal<M>
  taker_sell_quote: Decimal<M>
  buy_sell_ratio: Decimal<M> | null
  buy_volume_share: Decimal<M> | null
  window_seconds: Decimal<M>
  last_price: Decimal<M> | null
  first_time: number | null
  last_time: number | null
  coverage: Coverage
  window?: string
  contract_size?: Decimal<M>
  taker_buy_contracts?: Decimal<M>
  taker_sell_contracts?: Decimal<M>
  delta_contracts?: Decimal<M>
  taker_buy_base_nq?: Decimal<M> | null
  taker_sell_base_nq?: Decimal<M> | null
  taker_buy_quote_nq?: Decimal<M> | null
  taker_sell_quote_nq?: Decimal<M> | null
  delta_base_nq?: Decimal<M> | null
  delta_quote_nq?: Decimal<M> | null
}

/** One large print; `first_id` to `levels` of orders only, the last two of futures only. */
export interface LargePrint<M extends Mode = "string"> {
  id: number
  qty: Decimal<M>
  side: Side
  time: number
  price: Decimal<M>
  notional_usd: Decimal<M>
  first_id?: number
  last_id?: number
  legs?: number
  vwap?: Decimal<M>
  levels?: number
  contracts?: Decimal<M>
  confidence?: "likely" | "possible"
}

/** Large prints among the last trades; counts and totals are before `limit`. `min_notional` is null where there is no
 * trade to take the `percentile` of. */
export interface Large<M extends Mode = "string"> {
  note: string
  source: string
  symbol: string
  venue: string
  market: Market
  group: Group
  min_notional: Decimal<M> | null
  trades_scanned: number
  window_seconds: Decimal<M>
  count: number
  buy_count: number
  sell_count: number
  buy_notional: Decimal<M>
  sell_notional: Decimal<M>
  net_notional: Decimal<M>
  largest: LargePrint<M>[]
  coverage: Coverage
  percentile?: Decimal<M>
}

export type Interval = "1s" | "5s" | "1m" | "5m" | "1h"
/** Where the CVD begins: at 00:00 UTC, or at the oldest trade that is held. */
export type AnchorRule = "session" | "oldest"

/** Where the CVD of bars begins. `complete`: the trades since then are all in it. */
export interface BarAnchor {
  rule: AnchorRule
  time: number | null
  complete: boolean
}

/** One interval, [start, end). `cvd_*` is at its end, since the anchor. */
export interface Bar<M extends Mode = "string"> {
  start: number
  end: number
  open: Decimal<M>
  high: Decimal<M>
  low: Decimal<M>
  close: Decimal<M>
  taker_buy_base: Decimal<M>
  taker_sell_base: Decimal<M>
  taker_buy_quote: Decimal<M>
  taker_sell_quote: Decimal<M>
  delta_base: Decimal<M>
  delta_quote: Decimal<M>
  cvd_base: Decimal<M>
  cvd_quote: Decimal<M>
  buy_trades: number
  sell_trades: number
  first_id: number
  last_id: number
  closed: boolean
  complete: boolean
}

/** The newest bars, ascending. Intervals without a trade are not listed. */
export interface Bars<M extends Mode = "string"> {
  note: string
  source: string
  symbol: string
  venue: string
  market: Market
  interval: Interval
  anchor: BarAnchor
  count: number
  as_of: number | null
  now: number
  position: string | null
  state: State
  generation: number
  coverage: Coverage
  bars: Bar<M>[]
}

/** One trade; `ts_event` is microseconds, the fills are null where the source does not tell them. */
export interface Trade<M extends Mode = "string"> {
  id: number
  price: Decimal<M>
  qty: Decimal<M>
  side: Side
  time: number
  ts_event: number
  first_fill: number | null
  last_fill: number | null
  nq?: Decimal<M> | null
  contracts?: Decimal<M>
}

/** A page of the tape. `first_id` and `last_id` are what is held in all, `missing` lacks on this page. */
export interface Trades<M extends Mode = "string"> {
  note: string
  source: string
  symbol: string
  venue: string
  market: Market
  count: number
  first_id: number | null
  last_id: number | null
  missing: Pair[]
  missing_total: number
  next_from_id: number | null
  state: State
  generation: number
  position: string | null
  trades: Trade<M>[]
}

export interface Gap {
  first: number
  last: number
  trades: number
  status: "open" | "repaired" | "lost"
  found: number
  closed: number | null
  source: string | null
  attempts: number | null
  next_attempt: number | null
}

/** Ranges of ids that were skipped, newest first. */
export interface Gaps {
  note: string
  source: string
  symbol: string
  venue: string
  market: Market
  count: number
  open: number
  repaired: number
  lost: number
  missing_total: number
  ready_in_s: number | null
  gaps: Gap[]
  position: string | null
}

export interface ScreenerRow<M extends Mode = "string"> {
  symbol: string
  venue: string
  market: Market
  base: string
  quote: string
  last_price: Decimal<M> | null
  last_time: number | null
  last_id: number | null
  trades: number
  delta_base: Decimal<M>
  delta_quote: Decimal<M>
  taker_buy_quote: Decimal<M>
  taker_sell_quote: Decimal<M>
  quote_volume: Decimal<M>
  buy_volume_share: Decimal<M> | null
  pressure: Pressure | null
  state: State
  missing: number
  reaches_back: boolean
}

/** Every streamed instrument over one window. */
export interface Screener<M extends Mode = "string"> {
  note: string
  source: string
  venue: string
  market: Market
  window: string
  sort: string
  order: "asc" | "desc"
  instruments: number
  count: number
  as_of: number
  position: string | null
  rows: ScreenerRow<M>[]
}

/** What a symbol of a futures venue is. */
export interface Contract {
  symbol: string
  kind: "spot" | "perpetual" | "delivery"
  pair: string
  base: string
  quote: string
  settle: string
  contract_size: number | null
  delivery_time: number | null
  status: string
}

/** Symbols that trade; `resting` are kept and do not trade now. `contracts` of futures only. */
export interface Symbols {
  count: number
  quote: string | null
  source: string
  venue: string
  refreshed: number
  stale: boolean
  symbols: string[]
  resting: Record<string, string>
  contracts?: Contract[]
}

/** Every parameter, threshold and rule in force. */
export interface Meta {
  note: string
  source: string
  service: string
  version: string
  endpoints: Record<string, string>
  description: string
  trading_symbols: number
  [more: string]: unknown
}

export interface Overlap<M extends Mode = "string"> {
  from: number
  to: number
  seconds: Decimal<M>
}

/** Parts of one coin added up in USD. `state` is the worst of the parts', `as_of` the oldest. */
export interface Totals<M extends Mode = "string"> {
  venues: string[]
  taker_buy_usd: Decimal<M>
  taker_sell_usd: Decimal<M>
  delta_usd: Decimal<M>
  cvd_usd: Decimal<M>
  buy_volume_share: Decimal<M> | null
  buy_trades: number
  sell_trades: number
  complete: boolean
  state: State
  as_of: number | null
}

export interface CombinedTotals<M extends Mode = "string"> extends Totals<M> {
  overlap: Overlap<M> | null
}

export interface SpotPerp<M extends Mode = "string"> {
  spot: Totals<M>
  perp: Totals<M>
  share_difference: Decimal<M> | null
  overlap: Overlap<M> | null
}

/** One coin on several venues at one instant. */
export interface Combined<M extends Mode = "string"> {
  note: string
  coin: string
  quote: string | null
  venues: string[]
  parts: Flow<M>[]
  combined: CombinedTotals<M>
  spot_perp: SpotPerp<M> | null
}

/** One liquidation order that the venue told of. `side` is the order's: `sell` closes a `long` position. */
export interface Liquidation<M extends Mode = "string"> {
  symbol: string
  venue: string
  side: Side
  position: "long" | "short"
  price: Decimal<M>
  avg_price: Decimal<M>
  qty: Decimal<M> | null
  filled: Decimal<M> | null
  notional: Decimal<M>
  time: number
  status: string
  contracts?: Decimal<M>
  filled_contracts?: Decimal<M>
}

export interface LiquidationSums<M extends Mode = "string"> {
  buy_count: number
  sell_count: number
  buy_notional: Decimal<M>
  sell_notional: Decimal<M>
}

/** A sample of what was liquidated, newest first; counts and sums are of the sample. */
export interface Liquidations<M extends Mode = "string"> {
  note: string
  source: string
  venue: string
  market: Market
  symbol: string | null
  quote: string | null
  sample: string
  complete: false
  listening_since: number | null
  count: number
  buy_count: number
  sell_count: number
  buy_notional: Decimal<M> | null
  sell_notional: Decimal<M> | null
  by_quote: Record<string, LiquidationSums<M>>
  position: string | null
  liquidations: Liquidation<M>[]
}

export interface JournalState {
  state: "off" | "ok" | "slow" | "failed"
  reason: string | null
}

export interface NotReady {
  symbol: string
  state: State
  since: number
  reason: string
  missing_total: number
  venue?: string
}

/** What is being read again; `seconds_left` null: nobody can tell. */
export interface Repairs {
  symbols: number
  calls: number
  trades: number
  seconds_left: number | null
}

export interface VenueReady {
  instruments: number
  states: Record<string, number>
  not_ready_total: number
  repair?: Repairs
}

export interface Ready {
  ready: boolean
  strict: boolean
  reasons: string[]
  instruments: number
  states: Record<string, number>
  journal: JournalState
  not_ready_total: number
  not_ready: NotReady[]
  repair?: Repairs
  venues?: Record<string, VenueReady>
}

// -- what the stream tells --------------------------------------------------------------------------------------------

/** First on every connection. `recovered`: nothing that was logged since `resumed_from` is missing. */
export interface Hello {
  epoch: string
  seq: number
  recovered: boolean
  resumed_from: string | null
  server_time: number
  heartbeat_ms: number
}

/** One window in short. */
export interface WindowSums<M extends Mode = "string"> {
  delta_base: Decimal<M>
  delta_quote: Decimal<M>
  taker_buy_quote: Decimal<M>
  taker_sell_quote: Decimal<M>
  buy_volume_share: Decimal<M> | null
  trades: number
}

/** The newest state; `skipped` states before it were told to nobody. */
export interface FlowEvent<M extends Mode = "string"> extends Flow<M> {
  windows: Record<string, WindowSums<M>>
  skipped: number
}

/** The last bars of a symbol, the open one last. */
export interface BarEvent<M extends Mode = "string"> {
  symbol: string
  venue: string
  market: Market
  interval: Interval
  anchor: BarAnchor
  state: State
  bars: Bar<M>[]
}

/** One large print; `late`: told after a repair or a restart. */
export interface LargeEvent<M extends Mode = "string"> extends LargePrint<M> {
  symbol: string
  group: Group
  late: boolean
}

export interface TradeEvent<M extends Mode = "string"> extends Trade<M> {
  symbol: string
  late: boolean
}

/** Ids that were skipped; they are being read again. */
export interface GapEvent {
  symbol: string
  first: number
  last: number
  trades: number
  time: number
}

/** Ids that came in (`filled`) or never will (`lost`), and what is still missing. */
export interface CorrectedEvent {
  symbol: string
  filled: Pair[]
  lost: Pair[]
  missing: Pair[]
  time: number
  coverage: Coverage
}

export interface StateEvent {
  symbol: string
  state: State
  since: number
  reason: string
}

export interface Heartbeat {
  server_time: number
  lag_ms: number | null
  symbols: Record<string, number | null>
}

/** Why the daemon ends this connection. The stream goes on by itself. */
export interface Bye {
  reason: string
}

/** This client did not keep up, and was cut off. The stream goes on by itself. */
export interface Slow {
  reason: string
}

/** There is no room for this client now. The stream tries again by itself. */
export interface Busy {
  reason: "over_capacity"
}

/** What was told between two positions is not to be had any more. Of this client, not of the daemon. */
export interface LossEvent {
  from: string
  to: string
}

/** The data of every event by its name. */
export interface Events<M extends Mode = "string"> {
  hello: Hello
  flow: FlowEvent<M>
  bar: BarEvent<M>
  watch: ScreenerRow<M>[]
  large: LargeEvent<M>
  trade: TradeEvent<M>
  liquidation: Liquidation<M>
  gap: GapEvent
  corrected: CorrectedEvent
  state: StateEvent
  heartbeat: Heartbeat
  slow: Slow
  bye: Bye
  busy: Busy
  lost: LossEvent
}

/** One event: `if (event.type === "large") event.data.price`. `id` is the position to resume from. */
export type StreamEvent<M extends Mode = "string"> = {
  [K in keyof Events<M>]: { type: K; id: string; data: Events<M>[K] }
}[keyof Events<M>]

// -- what can be asked ------------------------------------------------------------------------------------------------

/** Of every request. */
export interface RequestOptions {
  signal?: AbortSignal
}
export interface FlowOptions extends RequestOptions {
  trades?: number
  window?: string
  fresh?: boolean
  after?: string
  wait?: number
  venue?: string
}
export interface FlowsOptions extends RequestOptions {
  trades?: number
  window?: string
  fresh?: boolean
  venue?: string
}
export interface CombinedOptions extends RequestOptions {
  venues: readonly string[]
  quote?: string
  trades?: number
  window?: string
  fresh?: boolean
}
export interface LargeOptions extends RequestOptions {
  min_notional?: number | string
  percentile?: number | string
  trades?: number
  limit?: number
  group?: Group
  since_id?: number
  fresh?: boolean
  venue?: string
}
export interface BarsOptions extends RequestOptions {
  interval?: Interval
  limit?: number
  anchor?: AnchorRule
  venue?: string
}
export interface TradesOptions extends RequestOptions {
  from_id?: number
  limit?: number
  venue?: string
}
export interface GapsOptions extends RequestOptions {
  venue?: string
}
export interface ScreenerOptions extends RequestOptions {
  window?: string
  sort?: string
  order?: "asc" | "desc"
  limit?: number
  quote?: string
  venue?: string
}
export interface LiquidationsOptions extends RequestOptions {
  symbols?: readonly string[] | string
  symbol?: string
  since?: number
  limit?: number
  venue?: string
}
export interface SymbolsOptions extends RequestOptions {
  quote?: string
  venue?: string
}
export interface MetaOptions extends RequestOptions {
  venue?: string
}
export interface ReadyOptions extends RequestOptions {
  strict?: boolean
}
export type Topic = "flow" | "bar" | "watch" | "large" | "trade" | "liquidation"

export interface StreamOptions extends RequestOptions {
  /** Symbols and patterns (`*USDT`, `*`). */
  symbols: readonly string[] | string
  topics?: readonly Topic[] | Topic
  window?: string
  trades?: number
  min_notional?: number | string
  group?: Group
  interval?: Interval
  anchor?: AnchorRule
  venue?: string
  /** Go on from here: the `id` of an event of an earlier stream of the same options. */
  last_event_id?: string
  /** What to do where something was missed for good: `throw` a `Lost` (default), or tell it by a `lost` event. */
  on_loss?: "throw" | "event"
  /** Also try until it succeeds where the daemon cannot be reached at the first attempt. */
  wait_for_daemon?: boolean
  /** Told before each new attempt: why, and in how many ms it is. */
  on_retry?: (why: Error | null, wait_ms: number) => void
}

export interface Options<M extends Mode> {
  /** Where the daemon asks for one (`orderflow-stream key new`). Sent as a header, never in a URL. */
  key?: string
  /** How decimals come; `string` (exact) unless told otherwise. */
  numbers?: M
  /** Milliseconds for one answer, 15000 unless told otherwise. Streams have none but their heartbeats. */
  timeout_ms?: number
  fetch?: typeof fetch
}

// -- errors -----------------------------------------------------------------------------------------------------------

/** Codes of the API, and three of this client: `unreachable`, `timeout`, `bad_answer`. */
export type Code =
  | "missing_parameter"
  | "bad_parameter"
  | "unknown_parameter"
  | "conflicting_parameters"
  | "unauthorized"
  | "forbidden"
  | "unknown_symbol"
  | "not_found"
  | "method_not_allowed"
  | "rate_limited"
  | "bad_configuration"
  | "internal_error"
  | "not_ready"
  | "upstream_failed"
  | "upstream_busy"
  | "over_capacity"
  | "unreachable"
  | "timeout"
  | "bad_answer"

/** A request that failed. `message` is for a person, `code` and `param` are for a program. */
export class OrderFlowError extends Error {
  override name = "OrderFlowError"
  readonly code: Code
  /** The parameter at fault. */
  readonly param: string | null
  /** Of HTTP; 0 where no answer came. */
  readonly status: number
  /** Seconds after which it may succeed; null where waiting does not help, or nobody can tell. */
  readonly retryAfter: number | null

  constructor(
    message: string,
    code: Code,
    status = 0,
    param: string | null = null,
    retryAfter: number | null = null,
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.param = param
    this.status = status
    this.retryAfter = retryAfter
  }

  /** Whether the same request may succeed later. */
  get temporary(): boolean {
    return this.status === 429 || this.status >= 500 || this.code === "unreachable" || this.code === "timeout"
  }
}

/** The stream could not go on where it was: what was told after `from` and before `to` is missing. */
export class Lost extends Error {
  override name = "Lost"
  readonly from: string
  readonly to: string

  constructor(from: string, to: string) {
    super(`what was told after ${from} is not to be had any more: read the state anew (flow, large), then stream on`)
    this.from = from
    this.to = to
  }
}

// -- the client -------------------------------------------------------------------------------------------------------

type Value = string | number | boolean | readonly string[] | undefined
type Query = RequestOptions & { [name: string]: Value | AbortSignal }

/** One daemon. `url` is where it listens; in a page that the daemon serves, `""`. */
export class OrderFlow<M extends Mode = "string"> {
  readonly #base: string
  readonly #headers: Record<string, string>
  readonly #numbers: Mode
  readonly #timeout: number
  readonly #fetch: typeof fetch

  constructor(url: string, options: Options<M> = {}) {
    if (!/^(https?:\/\/[^/]|\/|$)/.test(url) || /[?#]/.test(url)) {
      throw new TypeError(`${JSON.stringify(url)} is no address of a daemon; write http://host:port`)
    }
    this.#base = url.replace(/\/+$/, "")
    this.#headers = options.key === undefined ? {} : { "X-API-Key": options.key }
    this.#numbers = options.numbers ?? "string"
    this.#timeout = options.timeout_ms ?? 15_000
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init))
  }

  /** Taker buys against taker sells over the last `trades` (1000) or a `window`. `after` and `wait`: long poll. */
  flow(symbol: string, options: FlowOptions = {}): Promise<Flow<M>> {
    return this.#get("/v1/flow", { symbol, ...options, numbers: this.#numbers }, (options.wait ?? 0) * 1_000)
  }

  /** The same of several symbols or patterns, at one instant. */
  flows(symbols: readonly string[] | string, options: FlowsOptions = {}): Promise<Flow<M>[]> {
    return this.#get("/v1/flow", { symbols, ...options, numbers: this.#numbers })
  }

  /** One coin on several venues, and its sum in USD. */
  combined(coin: string, options: CombinedOptions): Promise<Combined<M>> {
    return this.#get("/v1/flow", { coin, ...options, numbers: this.#numbers })
  }

  /** The large prints among the last trades, by row or by taker order. */
  large(symbol: string, options: LargeOptions = {}): Promise<Large<M>> {
    return this.#get("/v1/large", { symbol, ...options, numbers: this.#numbers })
  }

  /** The newest bars with their CVD. */
  bars(symbol: string, options: BarsOptions = {}): Promise<Bars<M>> {
    return this.#get("/v1/bars", { symbol, ...options, numbers: this.#numbers })
  }

  /** The tape, ascending. */
  trades(symbol: string, options: TradesOptions = {}): Promise<Trades<M>> {
    return this.#get("/v1/trades", { symbol, ...options, numbers: this.#numbers })
  }

  /** Which ids were missing, and what became of them. */
  gaps(symbol: string, options: GapsOptions = {}): Promise<Gaps> {
    return this.#get("/v1/gaps", { symbol, ...options })
  }

  /** Every streamed symbol over one window. */
  screener(options: ScreenerOptions = {}): Promise<Screener<M>> {
    return this.#get("/v1/screener", { ...options, numbers: this.#numbers })
  }

  /** A sample of liquidation orders, where a venue that is on tells of them. */
  liquidations(options: LiquidationsOptions = {}): Promise<Liquidations<M>> {
    return this.#get("/v1/liquidations", { ...options, numbers: this.#numbers })
  }

  /** What can be asked for. */
  symbols(options: SymbolsOptions = {}): Promise<Symbols> {
    return this.#get("/v1/symbols", { ...options })
  }

  /** Every parameter, threshold and rule in force. */
  meta(options: MetaOptions = {}): Promise<Meta> {
    return this.#get("/v1/meta", { ...options })
  }

  /** Whether the feeds are live (`strict`: every symbol warm and complete). Not ready is an answer, not an error. */
  async ready(options: ReadyOptions = {}): Promise<Ready> {
    return this.#get("/readyz", { ...options }, 0, true)
  }

  /** Live events: iterate over it, or `on(…)` and `run()`. It resumes by itself and loses nothing unsaid. */
  stream(options: StreamOptions): Stream<M> {
    const { signal, last_event_id, on_loss, wait_for_daemon, on_retry, ...filter } = options
    const query: Query = { ...filter, numbers: this.#numbers }
    return new Stream<M>(
      (position, cancel) => {
        const asked = position === null ? query : { ...query, last_event_id: position }
        return this.#ask("/v1/stream", asked, cancel, "text/event-stream")
      },
      { signal, last_event_id, on_loss, wait_for_daemon, on_retry },
    )
  }

  async #get<T>(path: string, query: Query, extra_ms = 0, unready = false): Promise<T> {
    const { signal, ...parameters } = query
    const limit = new AbortController()
    const late = () => limit.abort(new OrderFlowError(`no answer within ${this.#timeout} ms`, "timeout"))
    const timer = setTimeout(late, this.#timeout + extra_ms)
    const given_up = () => limit.abort(signal?.reason)
    if (signal?.aborted) given_up()
    signal?.addEventListener("abort", given_up)
    try {
      const response = await this.#ask(path, parameters, limit.signal, "application/json")
      const body = await envelope(response)
      if (unready && response.status === 503 && body?.data) return body.data as T
      if (!response.ok) throw refusal(response, body)
      if (body?.data === undefined) throw strange(response)
      return body.data as T
    } catch (error) {
      throw limit.signal.aborted ? limit.signal.reason : error
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener("abort", given_up)
    }
  }

  async #ask(path: string, query: Record<string, unknown>, signal: AbortSignal, accept: string): Promise<Response> {
    const parameters = new URLSearchParams()
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) parameters.set(name, Array.isArray(value) ? value.join(",") : String(value))
    }
    const url = `${this.#base}${path}?${parameters}`
    try {
      return await this.#fetch(url, { headers: { Accept: accept, ...this.#headers }, cache: "no-store", signal })
    } catch (error) {
      if (signal.aborted) throw signal.reason
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
      const why = cause instanceof Error ? cause.message || cause.name : String(cause)
      const message = `no daemon at ${this.#base || "this page's address"} (${why}); start one: orderflow-stream serve`
      throw new OrderFlowError(message, "unreachable", 0, null, null, error)
    }
  }
}

interface Envelope {
  data?: unknown
  message?: string
  error?: { code: Code; param: string | null }
}

async function envelope(response: Response): Promise<Envelope | null> {
  const text = await response.text()
  try {
    const body: unknown = JSON.parse(text)
    return typeof body === "object" ? (body as Envelope) : null
  } catch {
    return null // a proxy's page, or a body cut off: the caller says so
  }
}

function refusal(response: Response, body: Envelope | null): OrderFlowError {
  if (!body?.error) return strange(response)
  const { code, param } = body.error
  return new OrderFlowError(body.message ?? code, code, response.status, param, retryAfter(response))
}

function strange(response: Response): OrderFlowError {
  const message = `${response.url} answers ${response.status} and not as an orderflow-stream daemon does`
  return new OrderFlowError(message, "bad_answer", response.status, null, retryAfter(response))
}

function retryAfter(response: Response): number | null {
  const seconds = Number(response.headers.get("Retry-After") ?? NaN)
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : null
}

// -- the stream -------------------------------------------------------------------------------------------------------

/** Milliseconds before another attempt where the daemon has said nothing of it; attempts that fail wait longer. */
const RETRY = 2_000
const LEAST_RETRY = 100
const MOST_RETRY = 30_000
/** Milliseconds for the answer of the daemon, up to the first event. */
const OPENING = 10_000
/** A heartbeat is late after so many of its intervals. */
const LATE = 2.5
/** Characters of one line. */
const LONGEST = 1 << 24

type Open = (position: string | null, signal: AbortSignal) => Promise<Response>
type StreamSettings = {
  [K in "signal" | "last_event_id" | "on_loss" | "wait_for_daemon" | "on_retry"]: StreamOptions[K] | undefined
}
type Handler<T> = (data: T, id: string) => unknown

/**
 * One stream, over as many connections as it takes; each goes on where the one before ended. It reads no faster than
 * it is consumed: whoever is too slow is disconnected by the daemon (`slow`) and resumes by itself.
 */
export class Stream<M extends Mode = "string"> implements AsyncIterable<StreamEvent<M>> {
  readonly #open: Open
  readonly #settings: StreamSettings
  readonly #over = new AbortController()
  readonly #handlers = new Map<string, Handler<never>[]>()
  #position: string | null
  #used = false
  #reached = false
  #retry = RETRY
  #failures = 0
  #watch = OPENING

  /** Not to be called: `OrderFlow.stream` does. */
  constructor(open: Open, settings: StreamSettings) {
    this.#open = open
    this.#settings = settings
    this.#position = settings.last_event_id ?? null
  }

  /** The id of the newest event that was handed over: where another stream could go on. */
  get lastEventId(): string | null {
    return this.#position
  }

  /** Call `handler` for every event of that name, once `run` is. */
  on<K extends keyof Events<M>>(type: K, handler: Handler<Events<M>[K]>): this {
    this.#handlers.set(type, [...(this.#handlers.get(type) ?? []), handler as Handler<never>])
    return this
  }

  /** Read until `close`, calling the handlers, each awaited; rejects where iterating would throw. */
  async run(): Promise<void> {
    for await (const event of this) {
      for (const handler of this.#handlers.get(event.type) ?? []) await handler(event.data as never, event.id)
    }
  }

  /** End it. Iterating ends, `run` resolves. */
  close(): void {
    this.#over.abort()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<StreamEvent<M>, void, undefined> {
    if (this.#used) throw new Error("a stream is read once; ask for another, with last_event_id to go on")
    this.#used = true
    const { signal, wait_for_daemon, on_retry } = this.#settings
    const close = () => this.close()
    if (signal?.aborted) close()
    signal?.addEventListener("abort", close)
    try {
      while (!this.#over.signal.aborted) {
        let why: Error | null = null
        try {
          yield* this.#connection()
        } catch (error) {
          if (this.#over.signal.aborted) return
          if (!(error instanceof OrderFlowError && error.temporary)) throw error
          if (!this.#reached && wait_for_daemon !== true) throw error
          why = error
        }
        if (this.#over.signal.aborted) return
        const wait = this.#wait(why)
        on_retry?.(why, wait)
        await pause(wait, this.#over.signal)
      }
    } finally {
      signal?.removeEventListener("abort", close)
      this.close()
    }
  }

  /** One connection to its end. */
  async *#connection(): AsyncGenerator<StreamEvent<M>, void, undefined> {
    const cut = new AbortController()
    const end = () => cut.abort()
    this.#over.signal.addEventListener("abort", end)
    this.#watch = OPENING
    try {
      const response = await this.#timely(cut, () => this.#open(this.#position, cut.signal))
      if (response.status !== 200) {
        if (response.status === 204) {
          throw new OrderFlowError("the daemon has no stream for this client any more", "unauthorized", 204)
        }
        throw refusal(response, await this.#timely(cut, () => envelope(response)))
      }
      if (!response.body || !/^text\/event-stream\b/i.test(response.headers.get("Content-Type") ?? "")) {
        throw strange(response)
      }
      const resuming = this.#position
      const parser = new Parser()
      const reader = response.body.getReader()
      for (;;) {
        const { done, value } = await this.#timely(cut, () => reader.read())
        if (done) return // a proper end: `bye`, `slow` or `busy` have said why
        for (const block of parser.push(value)) {
          if (block.retry !== null) this.#retry = block.retry
          if (block.data !== null) yield* this.#told(block, block.data, resuming)
        }
      }
    } finally {
      this.#over.signal.removeEventListener("abort", end)
      cut.abort()
    }
  }

  *#told(block: Block, text: string, resuming: string | null): Generator<StreamEvent<M>, void, undefined> {
    let data: unknown
    try {
      data = JSON.parse(text)
    } catch {
      throw new OrderFlowError(`an event ${JSON.stringify(block.type)} that is no JSON`, "bad_answer", 200)
    }
    if (block.type === "hello") {
      const hello = data as Hello
      this.#reached = true
      this.#failures = 0
      this.#watch = LATE * hello.heartbeat_ms
      if (resuming !== null && !hello.recovered) {
        if (this.#settings.on_loss !== "event") throw new Lost(resuming, block.id)
        yield { type: "lost", id: block.id, data: { from: resuming, to: block.id } }
      }
    }
    this.#position = block.id || this.#position
    yield { type: block.type, id: block.id, data } as StreamEvent<M>
  }

  /** `work` of the connection, which is cut where that is not done in time. */
  async #timely<T>(cut: AbortController, work: () => Promise<T>): Promise<T> {
    const late = () => cut.abort(new OrderFlowError(`nothing was heard for ${this.#watch} ms`, "timeout"))
    const timer = setTimeout(late, this.#watch)
    try {
      return await work()
    } catch (error) {
      if (cut.signal.reason instanceof OrderFlowError) throw cut.signal.reason
      if (error instanceof OrderFlowError) throw error
      const words = error instanceof Error ? error.message : String(error) // every engine has its own for a lost peer
      throw new OrderFlowError(`the connection is lost (${words})`, "unreachable", 0, null, null, error)
    } finally {
      clearTimeout(timer)
    }
  }

  /** Milliseconds until the next attempt: as the daemon asks, longer after failures, and never all clients at once. */
  #wait(why: Error | null): number {
    if (why !== null) this.#failures += 1
    const asked = why instanceof OrderFlowError ? (why.retryAfter ?? 0) * 1_000 : 0
    const grown = this.#retry * 1.5 ** Math.max(0, this.#failures - 1)
    return Math.max(asked, this.#retry, Math.min(grown, MOST_RETRY), LEAST_RETRY) * (1 + 0.2 * Math.random())
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const finish = () => {
      clearTimeout(timer)
      signal.removeEventListener("abort", finish)
      done()
    }
    const timer = setTimeout(finish, ms)
    signal.addEventListener("abort", finish)
    if (signal.aborted) finish()
  })
}

/** One block of an event stream: an event where `data` is not null. */
export interface Block {
  type: string
  id: string
  data: string | null
  retry: number | null
}

/** Server-sent events from bytes in pieces of any size, by the rules of the HTML standard. */
export class Parser {
  readonly #decoder = new TextDecoder("utf-8") // takes the byte order mark away, and holds back half a character
  #rest = ""
  #type = ""
  #id = ""
  #data: string[] = []
  #retry: number | null = null
  #after_cr = false

  /** The blocks that these bytes complete. */
  push(bytes: Uint8Array): Block[] {
    let text = this.#decoder.decode(bytes, { stream: true })
    if (!text) return []
    if (this.#after_cr && text.startsWith("\n")) text = text.slice(1) // CR LF that came in two pieces
    this.#after_cr = text === "" ? false : text.endsWith("\r")
    const lines = (this.#rest + text).split(/\r\n|\r|\n/)
    this.#rest = lines.pop() ?? ""
    if (this.#rest.length > LONGEST) throw new OrderFlowError("an endless line, and no event stream", "bad_answer", 200)
    return lines.map((line) => this.#line(line)).filter((block) => block !== null)
  }

  #line(line: string): Block | null {
    if (line === "") return this.#block()
    const colon = line.indexOf(":")
    if (colon === 0) return null // a comment
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1)
    if (field === "event") this.#type = value
    else if (field === "data") this.#data.push(value)
    else if (field === "id" && !value.includes("\0")) this.#id = value
    else if (field === "retry" && /^[0-9]+$/.test(value)) this.#retry = Number(value)
    return null
  }

  #block(): Block | null {
    const data = this.#data.length ? this.#data.join("\n") : null
    const block = { type: this.#type || "message", id: this.#id, data, retry: this.#retry }
    this.#type = ""
    this.#data = []
    this.#retry = null
    return data === null && block.retry === null ? null : block
  }
}
