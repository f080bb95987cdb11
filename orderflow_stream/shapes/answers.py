"""The shapes of answers, for OpenAPI (and for the tests, which hold every real answer against them).

A decimal is a JSON number, or with `numbers=string` a string. Times are milliseconds since the epoch unless named
otherwise.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from orderflow_stream.core.events import Source, State

Number = Annotated[float | str, Meta(description="plain decimal; with numbers=string exact, as a string")]
Millis = Annotated[int, Meta(description="milliseconds since the epoch")]
Pair = tuple[int, int]
Side = Annotated[Literal["buy", "sell"], Meta(description="the aggressor's side")]
Market = Literal["spot", "usdm", "coinm"]
Pressure = Literal["strong_sell", "sell", "balanced", "buy", "strong_buy"]


class Coverage(Struct, forbid_unknown_fields=True):
    """Which trade ids an answer stands on, and which of them are missing."""

    first_id: int | None
    last_id: int | None
    expected: int
    received: int
    invalid: int
    missing: list[Pair]
    missing_total: int
    requested: dict[Literal["trades", "from", "to"], int] | None
    reaches_back: bool
    complete: bool
    state: State
    as_of: Millis | None
    position: str | None
    generation: int
    source: Source
    last_trade_age_ms: int | None
    lag_ms: int | None
    clock_offset_ms: int


class Flow(Struct, forbid_unknown_fields=True):
    """Taker buys against taker sells of one span."""

    note: str
    source: str
    symbol: str
    venue: str
    market: Market
    pressure: Pressure | None
    cvd_quote: Number
    delta_quote: Number
    delta_base: Number
    buy_trades: int
    sell_trades: int
    trades_scanned: int
    taker_buy_base: Number
    taker_buy_quote: Number
    taker_sell_base: Number
    taker_sell_quote: Number
    buy_sell_ratio: Number | None
    buy_volume_share: Number | None
    window_seconds: Number
    last_price: Number | None
    first_time: Millis | None
    last_time: Millis | None
    coverage: Coverage
    window: str | UnsetType = UNSET


class LargePrint(Struct, forbid_unknown_fields=True):
    """One large print; the last five are there for orders only."""

    id: int
    qty: Number
    side: Side
    time: Millis
    price: Number
    notional_usd: Number
    first_id: int | UnsetType = UNSET
    last_id: int | UnsetType = UNSET
    legs: int | UnsetType = UNSET
    vwap: Number | UnsetType = UNSET
    levels: int | UnsetType = UNSET


class Large(Struct, forbid_unknown_fields=True):
    """Large prints among the last trades; counts and totals are before `limit`."""

    note: str
    source: str
    symbol: str
    venue: str
    market: Market
    group: Literal["row", "order"]
    min_notional: Number
    trades_scanned: int
    window_seconds: Number
    count: int
    buy_count: int
    sell_count: int
    buy_notional: Number
    sell_notional: Number
    net_notional: Number
    largest: list[LargePrint]
    coverage: Coverage


class Trade(Struct, forbid_unknown_fields=True):
    """One trade; `ts_event` is microseconds, the fills are null where the source does not tell them."""

    id: int
    price: Number
    qty: Number
    side: Side
    time: Millis
    ts_event: int
    first_fill: int | None
    last_fill: int | None


class Trades(Struct, forbid_unknown_fields=True):
    """A page of the tape. `first_id`/`last_id` are what is held in all, `missing` lacks on this page."""

    note: str
    source: str
    symbol: str
    venue: str
    market: Market
    count: int
    first_id: int | None
    last_id: int | None
    missing: list[Pair]
    missing_total: int
    next_from_id: int | None
    state: State
    generation: int
    position: str | None
    trades: list[Trade]


class Gap(Struct, forbid_unknown_fields=True):
    """`attempts`: questions to the venue so far, null where it is closed by repair; `next_attempt`: when it is next."""

    first: int
    last: int
    trades: int
    status: Literal["open", "repaired", "lost"]
    found: Millis
    closed: Millis | None
    source: str | None
    attempts: int | None
    next_attempt: Millis | None


class Gaps(Struct, forbid_unknown_fields=True):
    """Ranges of ids that were skipped, newest first; the counts are of the ranges listed. `ready_in_s`: seconds until
    all that is open will have been asked for, 0 where nothing is, null where nobody can tell."""

    note: str
    source: str
    symbol: str
    venue: str
    market: Market
    count: int
    open: int
    repaired: int
    lost: int
    missing_total: int
    ready_in_s: float | None
    gaps: list[Gap]
    position: str | None


class ScreenerRow(Struct, forbid_unknown_fields=True):
    symbol: str
    venue: str
    market: Market
    base: str
    quote: str
    last_price: Number | None
    last_time: Millis | None
    last_id: int | None
    trades: int
    delta_base: Number
    delta_quote: Number
    taker_buy_quote: Number
    taker_sell_quote: Number
    quote_volume: Number
    buy_volume_share: Number | None
    pressure: Pressure | None
    state: State
    missing: int
    reaches_back: bool


class Screener(Struct, forbid_unknown_fields=True):
    """Every streamed instrument over one window."""

    note: str
    source: str
    venue: str
    market: Market
    window: str
    sort: str
    order: Literal["asc", "desc"]
    instruments: int
    count: int
    as_of: Millis
    position: str | None
    rows: list[ScreenerRow]


class Symbols(Struct, forbid_unknown_fields=True):
    """Symbols that trade; `stale`: the venue did not answer when the list was due for a refresh. `resting`: those that
    are kept and do not trade now, with the venue's word for it (empty where it lists them no longer)."""

    count: int
    quote: str | None
    source: str
    venue: str
    refreshed: Millis
    stale: bool
    symbols: list[str]
    resting: dict[str, str]


class SpecMeta(Struct):
    """What is in force; further members describe windows, thresholds, rounding, states and limits."""

    note: str
    source: str
    service: str
    version: str
    endpoints: dict[str, str]
    description: str
    trading_symbols: int


class Ticket(Struct, forbid_unknown_fields=True):
    """Seconds in both: until the ticket is void, and until the cookie is that it sets."""

    ticket: str
    expires_in: int
    cookie_expires_in: int


class Reloaded(Struct, forbid_unknown_fields=True):
    """Dotted keys of the configuration: in force with a new value, and in force only after a restart."""

    changed: list[str]
    restart: list[str]


class Alive(Struct, forbid_unknown_fields=True):
    status: Literal["ok", "closing"]
    version: str


class JournalState(Struct, forbid_unknown_fields=True):
    """Whether what happens is written to the journal (`off`: none is configured), and why not."""

    state: Literal["off", "ok", "slow", "failed"]
    reason: str | None


class NotReady(Struct, forbid_unknown_fields=True):
    symbol: str
    state: State
    since: Millis
    reason: str
    missing_total: int


class Ready(Struct, forbid_unknown_fields=True):
    ready: bool
    strict: bool
    reasons: list[str]
    instruments: int
    states: dict[str, int]
    journal: JournalState
    not_ready_total: int
    not_ready: list[NotReady]


class AnswerMeta(Struct, forbid_unknown_fields=True):
    timestamp: str
    request_id: str


class ErrorBody(Struct, forbid_unknown_fields=True):
    """`code` is one of a fixed list; `param` names the parameter at fault."""

    code: str
    param: str | None


class Failure(Struct, forbid_unknown_fields=True):
    """The envelope of every failure."""

    data: Ready | None
    meta: AnswerMeta
    status: Literal["error"]
    message: str
    error: ErrorBody
    success: bool
