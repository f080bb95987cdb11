"""The shapes of market data: what `/v1/flow`, `/v1/large`, `/v1/trades`, `/v1/gaps`, `/v1/screener` and `/v1/symbols`
answer. Those of the service itself are in `service` and `meta`; all can be had from here."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Struct, UnsetType

from orderflow_stream.shapes.meta import SpecMeta
from orderflow_stream.shapes.service import (
    Alive,
    AnswerMeta,
    ErrorBody,
    Failure,
    JournalState,
    NotReady,
    Ready,
    Reloaded,
    Ticket,
)
from orderflow_stream.shapes.units import (
    Base,
    Count,
    FillId,
    Ids,
    Market,
    Micros,
    Millis,
    Number,
    Percent,
    PlainSeconds,
    Pressure,
    Price,
    Quote,
    Ratio,
    Seconds,
    Side,
    Source,
    Span,
    TradeCount,
    TradeId,
    says,
)
from orderflow_stream.shapes.words import (
    BuyShare,
    FeedState,
    Generation,
    LastPrice,
    NetPressure,
    Note,
    OnMarket,
    Origin,
    Position,
    Symbol,
    Venue,
)

__all__ = [
    "Alive",
    "AnswerMeta",
    "Coverage",
    "ErrorBody",
    "Failure",
    "Flow",
    "Gap",
    "Gaps",
    "JournalState",
    "Large",
    "LargePrint",
    "Market",
    "NotReady",
    "Number",
    "Pressure",
    "Ready",
    "Reloaded",
    "Requested",
    "Screener",
    "ScreenerRow",
    "SpecMeta",
    "Symbols",
    "Ticket",
    "Trade",
    "Trades",
]


class Requested(Struct, rename={"from_": "from"}, forbid_unknown_fields=True):
    """What was asked for: `trades`, or the span `from` to `to`."""

    trades: Annotated[TradeCount | UnsetType, says("how many of the last trades")] = UNSET
    from_: Annotated[Millis | UnsetType, says("begin of the span of venue time, exclusive")] = UNSET
    to: Annotated[Millis | UnsetType, says("end of the span of venue time, inclusive")] = UNSET


class Coverage(Struct, forbid_unknown_fields=True):
    """Which trade ids an answer stands on, and which of them are missing: `expected` = `last_id` - `first_id` + 1 =
    `received` + `missing_total`."""

    first_id: Annotated[TradeId | None, says("first id that the answer stands on; null where it stands on none")]
    last_id: Annotated[TradeId | None, says("last id that the answer stands on; null where it stands on none")]
    expected: Annotated[TradeCount, says("ids from first_id to last_id")]
    received: Annotated[TradeCount, says("those of them that are held")]
    invalid: Annotated[TradeCount, says("those of received that carry no trade (the venue says so)")]
    missing: Annotated[list[Ids], says("ranges of ids that are missing, at most 100 of them")]
    missing_total: Annotated[TradeCount, says("ids that are missing, of all ranges")]
    requested: Annotated[Requested | None, says("what was asked for; null where the answer has no such bound")]
    reaches_back: Annotated[
        bool, says("whether the answer goes back as far as asked, or the venue has proven that nothing older exists")
    ]
    complete: Annotated[
        bool, says("nothing is missing, reaches_back is true and state is live or quiet; true up to as_of")
    ]
    state: FeedState
    as_of: Annotated[
        Millis | None,
        says("venue time at which the feed was last known to be alive; completeness is claimed up to here"),
    ]
    position: Position
    generation: Generation
    source: Annotated[Source, says("where the trades came from: the stream, REST (backfill), the journal, or a mix")]
    last_trade_age_ms: Annotated[Span | None, says("age of the newest trade by the venue's clock")]
    lag_ms: Annotated[Span | None, says("receipt less venue time of the newest trade, as it came")]
    clock_offset_ms: Annotated[Span, says("the venue's clock less this machine's")]


class Flow(Struct, forbid_unknown_fields=True):
    """Taker buys against taker sells of one span of one instrument."""

    note: Note
    source: Origin
    symbol: Symbol
    venue: Venue
    market: OnMarket
    pressure: NetPressure
    cvd_quote: Annotated[Quote, says("cumulative volume delta over the span; the same as delta_quote")]
    delta_quote: Annotated[Quote, says("taker buy less taker sell value; above 0 is net aggressive buying")]
    delta_base: Annotated[Base, says("taker buy less taker sell volume")]
    buy_trades: Annotated[TradeCount, says("trades whose taker bought")]
    sell_trades: Annotated[TradeCount, says("trades whose taker sold")]
    trades_scanned: Annotated[TradeCount, says("trades of the span; buy_trades + sell_trades")]
    taker_buy_base: Annotated[Base, says("volume that takers bought")]
    taker_buy_quote: Annotated[Quote, says("value that takers bought: the sum of price x quantity")]
    taker_sell_base: Annotated[Base, says("volume that takers sold")]
    taker_sell_quote: Annotated[Quote, says("value that takers sold: the sum of price x quantity")]
    buy_sell_ratio: Annotated[
        Ratio | None, says("taker buy base over taker sell base, 4 decimals; null where nothing was sold")
    ]
    buy_volume_share: BuyShare
    window_seconds: Annotated[Seconds, says("time from the first to the last trade of the span, 1 decimal")]
    last_price: LastPrice
    first_time: Annotated[Millis | None, says("venue time of the first trade of the span; null where there is none")]
    last_time: Annotated[Millis | None, says("venue time of the last trade of the span; null where there is none")]
    coverage: Annotated[Coverage, says("which trade ids this stands on")]
    window: Annotated[str | UnsetType, says("name of the window, such as 5m; only where window= was asked")] = UNSET


class LargePrint(Struct, forbid_unknown_fields=True):
    """One large print: a row of the tape, or with `group=order` a whole taker order, which alone has the last five
    members."""

    id: Annotated[TradeId, says("its trade id; of an order that of its last row")]
    qty: Annotated[Base, says("quantity")]
    side: Annotated[Side, says("the aggressor's side")]
    time: Annotated[Millis, says("venue time; of an order that of its last row")]
    price: Annotated[Price, says("price; of an order that of its last row")]
    notional_usd: Annotated[Quote, says("price x quantity, in the quote asset (in USD where that is a dollar)")]
    first_id: Annotated[TradeId | UnsetType, says("first row of the order")] = UNSET
    last_id: Annotated[TradeId | UnsetType, says("last row of the order")] = UNSET
    legs: Annotated[TradeCount | UnsetType, says("rows of the order")] = UNSET
    vwap: Annotated[Price | UnsetType, says("volume-weighted average price of the order, 8 decimals")] = UNSET
    levels: Annotated[Count | UnsetType, says("different prices that the order walked")] = UNSET


class Large(Struct, kw_only=True, forbid_unknown_fields=True):
    """Large prints among the last trades; counts and totals are before `limit`."""

    note: Note
    source: Origin
    symbol: Symbol
    venue: Venue
    market: OnMarket
    group: Annotated[Literal["row", "order"], says("what a print is: a row of the tape, or a whole taker order")]
    min_notional: Annotated[Quote | None, says("least notional of a print; null where it is a percentile of nothing")]
    percentile: Annotated[
        Percent | UnsetType,
        says("only where percentile= was asked: of all rows or orders scanned, by notional (nearest rank)"),
    ] = UNSET
    trades_scanned: Annotated[TradeCount, says("trades that were looked through")]
    window_seconds: Annotated[Seconds, says("time from the first to the last of them, 1 decimal")]
    count: Annotated[Count, says("prints found")]
    buy_count: Annotated[Count, says("prints whose taker bought")]
    sell_count: Annotated[Count, says("prints whose taker sold")]
    buy_notional: Annotated[Quote, says("sum of those bought")]
    sell_notional: Annotated[Quote, says("sum of those sold")]
    net_notional: Annotated[Quote, says("buy_notional less sell_notional")]
    largest: Annotated[
        list[LargePrint], says("the largest of them, by exact notional and then id, descending; at most limit")
    ]
    coverage: Annotated[Coverage, says("which trade ids this stands on")]


class Trade(Struct, forbid_unknown_fields=True):
    """One trade, as the venue aggregates it: what one taker order traded at one price."""

    id: Annotated[TradeId, says("the venue's id; ids are consecutive")]
    price: Annotated[Price, says("price")]
    qty: Annotated[Base, says("quantity")]
    side: Annotated[Side, says("the aggressor's side")]
    time: Annotated[Millis, says("venue time")]
    ts_event: Annotated[Micros, says("the same, finer")]
    first_fill: Annotated[FillId | None, says("its first single fill; null where the source does not tell")]
    last_fill: Annotated[FillId | None, says("its last single fill; null where the source does not tell")]


class Trades(Struct, forbid_unknown_fields=True):
    """A page of the tape, ascending by id."""

    note: Note
    source: Origin
    symbol: Symbol
    venue: Venue
    market: OnMarket
    count: Annotated[TradeCount, says("trades on this page")]
    first_id: Annotated[TradeId | None, says("oldest id that is held in all; null where nothing is")]
    last_id: Annotated[TradeId | None, says("newest id that is held in all; null where nothing is")]
    missing: Annotated[list[Ids], says("ranges of ids that lack on this page, at most 100 of them")]
    missing_total: Annotated[TradeCount, says("ids that lack on this page, of all ranges")]
    next_from_id: Annotated[TradeId | None, says("from_id of the next page; null where nothing was ever held")]
    state: FeedState
    generation: Generation
    position: Position
    trades: Annotated[list[Trade], says("the trades; ids that carry none are not listed")]


class Gap(Struct, forbid_unknown_fields=True):
    """A range of ids that the stream skipped, and what became of it."""

    first: Annotated[TradeId, says("first id of the range")]
    last: Annotated[TradeId, says("last id of the range")]
    trades: Annotated[TradeCount, says("ids in it")]
    status: Annotated[
        Literal["open", "repaired", "lost"],
        says("open: being asked for; repaired: read again, in all sums; lost: the venue has them no more"),
    ]
    found: Annotated[Millis, says("when it was found")]
    closed: Annotated[Millis | None, says("when it was repaired or lost; null while it is open")]
    source: Annotated[str | None, says("what filled it: stream (the other connection), backfill (REST), journal")]
    attempts: Annotated[Count | None, says("questions to the venue so far; null where it is repaired")]
    next_attempt: Annotated[Millis | None, says("when it is asked for next; null where that is not planned")]


class Gaps(Struct, forbid_unknown_fields=True):
    """Ranges of ids that were skipped, newest first; the counts are of the ranges listed."""

    note: Note
    source: Origin
    symbol: Symbol
    venue: Venue
    market: OnMarket
    count: Annotated[Count, says("ranges listed")]
    open: Annotated[Count, says("those that are being asked for")]
    repaired: Annotated[Count, says("those that were read again")]
    lost: Annotated[Count, says("those that the venue has no more")]
    missing_total: Annotated[TradeCount, says("ids that are missing right now")]
    ready_in_s: Annotated[
        PlainSeconds | None,
        says("until all that is open will have been asked for; 0 where nothing is, null where nobody can tell"),
    ]
    gaps: Annotated[list[Gap], says("the ranges, newest first")]
    position: Position


class ScreenerRow(Struct, forbid_unknown_fields=True):
    """One instrument over the window; whole where its state is live or quiet, missing is 0 and reaches_back is true."""

    symbol: Symbol
    venue: Venue
    market: OnMarket
    base: Annotated[str, says("base asset, such as BTC")]
    quote: Annotated[str, says("quote asset, such as USDT")]
    last_price: LastPrice
    last_time: Annotated[Millis | None, says("venue time of the newest trade held; null before the first")]
    last_id: Annotated[TradeId | None, says("id of the newest trade held; null before the first")]
    trades: Annotated[TradeCount, says("trades of the window")]
    delta_base: Annotated[Base, says("taker buy less taker sell volume")]
    delta_quote: Annotated[Quote, says("taker buy less taker sell value")]
    taker_buy_quote: Annotated[Quote, says("value that takers bought")]
    taker_sell_quote: Annotated[Quote, says("value that takers sold")]
    quote_volume: Annotated[Quote, says("all value traded")]
    buy_volume_share: BuyShare
    pressure: NetPressure
    state: FeedState
    missing: Annotated[TradeCount, says("ids of the window that are missing")]
    reaches_back: Annotated[bool, says("whether the tape goes back over the whole window")]


class Screener(Struct, forbid_unknown_fields=True):
    """Every streamed instrument over one window, at one instant."""

    note: Note
    source: Origin
    venue: Venue
    market: OnMarket
    window: Annotated[str, says("name of the window, such as 5m")]
    sort: Annotated[str, says("member that the rows are ordered by")]
    order: Annotated[Literal["asc", "desc"], says("direction")]
    instruments: Annotated[Count, says("instruments in all, before limit")]
    count: Annotated[Count, says("rows listed")]
    as_of: Annotated[Millis, says("the instant of all rows")]
    position: Position
    rows: Annotated[list[ScreenerRow], says("one row an instrument")]


class Symbols(Struct, forbid_unknown_fields=True):
    """Symbols of a venue that trade, and those that are kept and rest."""

    count: Annotated[Count, says("symbols listed")]
    quote: Annotated[str | None, says("quote asset that was asked for; null for all")]
    source: Origin
    venue: Venue
    refreshed: Annotated[Millis, says("when the venue told this list")]
    stale: Annotated[bool, says("whether the venue did not answer when the list was due for a refresh")]
    symbols: Annotated[list[str], says("symbols that trade, in alphabetical order")]
    resting: Annotated[
        dict[str, str],
        says("symbols that are kept and do not trade now, with the venue's word for it (empty: listed no longer)"),
    ]
