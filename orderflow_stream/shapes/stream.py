"""The shapes of what `/v1/stream` sends: the `data` of every event, by the event's name."""

from __future__ import annotations

from typing import Annotated, Final, Literal, NamedTuple

from msgspec import Struct

from orderflow_stream.shapes import answers, bars, futures
from orderflow_stream.shapes.units import (
    Base,
    Count,
    Ids,
    Millis,
    Quote,
    Span,
    TradeCount,
    TradeId,
    says,
)
from orderflow_stream.shapes.words import BuyShare, FeedState, Symbol

Late = Annotated[bool, says("it did not come live, but was read later: after a gap, or for what a restart had missed")]


class Hello(Struct, forbid_unknown_fields=True):
    """The first event of every stream: where it begins, and whether it goes on from where the client was."""

    epoch: Annotated[str, says("names the event log; another one after it was lost")]
    seq: Annotated[Count, says("number of the newest event of the log")]
    recovered: Annotated[
        bool, says("true: everything since resumed_from follows; false: what was missed is not here, read it of REST")
    ]
    resumed_from: Annotated[str | None, says("the id that was resumed from; null where nothing was")]
    server_time: Annotated[Millis, says("venue time as the daemon knows it")]
    heartbeat_ms: Annotated[Span, says("time between heartbeats; the stream is dead when 2.5 of them lack")]


class WindowSums(Struct, forbid_unknown_fields=True):
    """One configured window in short."""

    delta_base: Annotated[Base, says("taker buy less taker sell volume")]
    delta_quote: Annotated[Quote, says("taker buy less taker sell value")]
    taker_buy_quote: Annotated[Quote, says("value that takers bought")]
    taker_sell_quote: Annotated[Quote, says("value that takers sold")]
    buy_volume_share: BuyShare
    trades: Annotated[TradeCount, says("trades of the window")]


Windows = Annotated[dict[str, WindowSums], says("every configured window in short, by name")]
Skipped = Annotated[Count, says("versions of this instrument's flow since the last one sent, which were not")]


class FlowEvent(answers.Flow, kw_only=True):
    """`flow`: the state of one instrument, as of `/v1/flow`; the newest only."""

    windows: Windows
    skipped: Skipped


class FuturesFlowEvent(futures.FuturesFlow, kw_only=True):
    """`flow` of a futures contract."""

    windows: Windows
    skipped: Skipped


class LargeEvent(answers.LargePrint, kw_only=True):
    """`large`: one large print as of `/v1/large`; each id once, none is left out."""

    symbol: Symbol
    group: Annotated[Literal["row", "order"], says("a row of the tape, or a whole taker order")]
    late: Late


class FuturesLargeEvent(futures.FuturesLargePrint, kw_only=True):
    """`large` of a futures contract."""

    symbol: Symbol
    group: Annotated[Literal["row", "order"], says("a row of the tape, or a group that is probably one taker order")]
    late: Late


class TradeEvent(answers.Trade, kw_only=True):
    """`trade`: one trade as of `/v1/trades`; none is left out."""

    symbol: Symbol
    late: Late


class FuturesTradeEvent(futures.FuturesTrade, kw_only=True):
    """`trade` of a futures contract."""

    symbol: Symbol
    late: Late


class GapEvent(Struct, forbid_unknown_fields=True):
    """`gap`: ids were skipped; sums that span them are incomplete until `corrected`."""

    symbol: Symbol
    first: Annotated[TradeId, says("first id of the range")]
    last: Annotated[TradeId, says("last id of the range")]
    trades: Annotated[TradeCount, says("ids in it")]
    time: Annotated[Millis, says("when it was found")]


class CorrectedEvent(Struct, forbid_unknown_fields=True):
    """`corrected`: ids of a gap came in, or never will."""

    symbol: Symbol
    filled: Annotated[list[Ids], says("ranges that are here now, at most 100 of them")]
    lost: Annotated[list[Ids], says("ranges that the venue has no more, at most 100 of them")]
    missing: Annotated[list[Ids], says("ranges of the newest 5,000 trades that still lack, at most 100 of them")]
    time: Annotated[Millis, says("when it happened")]
    coverage: Annotated[answers.Coverage, says("of the newest 5,000 trades")]


class StateEvent(Struct, forbid_unknown_fields=True):
    """`state`: the feed of one instrument has another state."""

    symbol: Symbol
    state: FeedState
    since: Annotated[Millis, says("since when")]
    reason: Annotated[str, says("why, for a person")]


class Heartbeat(Struct, forbid_unknown_fields=True):
    """`heartbeat`: the stream is alive; it says nothing of a feed but the newest id."""

    server_time: Annotated[Millis, says("venue time as the daemon knows it")]
    lag_ms: Annotated[Span | None, says("receipt less venue time of the trade that came last; null before the first")]
    symbols: Annotated[
        dict[str, TradeId | None], says("newest trade id of each instrument of the stream; null before the first")
    ]


class Bye(Struct, forbid_unknown_fields=True):
    """`bye`: the daemon ends the stream; come back after `retry`, with the id."""

    reason: Annotated[
        str,
        says(
            "shutdown: the daemon ends; failed: it ends for a fault; restart: what a process before this one told "
            "cannot be gone on from; age: a stream lasts only so long; settings: they have changed; expired, revoked: "
            "the key is no more"
        ),
    ]


class Slow(Struct, forbid_unknown_fields=True):
    """`slow`: the client does not keep up and is ended; it resumes by the id."""

    reason: Annotated[
        str,
        says(
            "bytes, age: too much waits for the client, or for too long; stall: nothing was taken; behind: the machine "
            "is too slow for all its streams"
        ),
    ]


class Busy(Struct, forbid_unknown_fields=True):
    """`busy`: the only event of a stream that there is no room for; come back after `retry`."""

    reason: Annotated[Literal["over_capacity"], says("over_capacity")]


class Event(NamedTuple):
    """Of one event: what its `data` may be, what it is, and whether it says when to come back (`retry:`)."""

    shapes: tuple[object, ...]
    meaning: str
    retry: bool = False


#: Every event there is, in the order of a stream's life.
EVENTS: Final[dict[str, Event]] = {
    "hello": Event((Hello,), "the first event: where the stream begins, and whether nothing was missed", True),
    "flow": Event((FlowEvent, FuturesFlowEvent), "topic flow: the newest state of one instrument, at most 10 a second"),
    "watch": Event((list[answers.ScreenerRow],), "topic watch: the screener's rows that have changed, once a second"),
    "bar": Event((bars.BarEvent,), "topic bar: the last bars of one instrument, at most 10 a second"),
    "large": Event((LargeEvent, FuturesLargeEvent), "topic large: one large print; none is left out"),
    "trade": Event((TradeEvent, FuturesTradeEvent), "topic trade: one trade; none is left out"),
    "liquidation": Event((futures.Liquidation,), "topic liquidation: one liquidation order that the venue told of"),
    "gap": Event((GapEvent,), "with every topic: trade ids were skipped"),
    "corrected": Event((CorrectedEvent,), "with every topic: what became of a gap"),
    "state": Event((StateEvent,), "with every topic: the feed of an instrument has another state"),
    "heartbeat": Event((Heartbeat,), "every heartbeat_ms: the stream is alive"),
    "bye": Event((Bye,), "the last event: the daemon ends the stream", True),
    "slow": Event((Slow,), "the last event: the client does not keep up", True),
    "busy": Event((Busy,), "the only event: there is no room", True),
}
