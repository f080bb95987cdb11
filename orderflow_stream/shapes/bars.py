"""The shapes of bars: what `/v1/bars` answers, and the stream's `bar` event."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Struct

from orderflow_stream.shapes.answers import Coverage
from orderflow_stream.shapes.units import Base, Count, Millis, Price, Quote, TradeCount, TradeId, says
from orderflow_stream.shapes.words import FeedState, Generation, Note, OnMarket, Origin, Position, Symbol, Venue

__all__ = ["Bar", "BarAnchor", "BarEvent", "Bars", "IntervalName"]

IntervalName = Annotated[Literal["1s", "5s", "1m", "5m", "1h"], says("width of a bar")]


class BarAnchor(Struct, forbid_unknown_fields=True):
    """Where the CVD is 0."""

    rule: Annotated[
        Literal["session", "oldest"],
        says("session: 00:00 UTC of venue time; oldest: the oldest trade held, asked for or for want of the session"),
    ]
    time: Annotated[
        Millis | None,
        says("midnight, or the start of the minute of the oldest trade held; null where no trade is"),
    ]
    complete: Annotated[bool, says("no trade since the anchor is known to be missing, so the CVD is exact")]


class Bar(Struct, forbid_unknown_fields=True):
    """One fixed, aligned span of one instrument in which there was a trade."""

    start: Annotated[Millis, says("begin of the bar, inclusive; a multiple of the interval")]
    end: Annotated[Millis, says("end of the bar, exclusive")]
    open: Annotated[Price, says("price of the first trade, by id")]
    high: Annotated[Price, says("highest price")]
    low: Annotated[Price, says("lowest price")]
    close: Annotated[Price, says("price of the last trade, by id")]
    taker_buy_base: Annotated[Base, says("volume that takers bought")]
    taker_sell_base: Annotated[Base, says("volume that takers sold")]
    taker_buy_quote: Annotated[Quote, says("value that takers bought: the sum of price x quantity")]
    taker_sell_quote: Annotated[Quote, says("value that takers sold: the sum of price x quantity")]
    delta_base: Annotated[Base, says("taker buy less taker sell volume of the bar")]
    delta_quote: Annotated[Quote, says("taker buy less taker sell value of the bar")]
    cvd_base: Annotated[
        Base,
        says("sum of delta_base from the anchor to the end of the bar, the same at every interval; before the anchor "
             "it goes on backwards"),
    ]  # fmt: skip
    cvd_quote: Annotated[Quote, says("the same of delta_quote")]
    buy_trades: Annotated[TradeCount, says("trades whose taker bought")]
    sell_trades: Annotated[TradeCount, says("trades whose taker sold")]
    first_id: Annotated[TradeId, says("lowest id of a trade in the bar")]
    last_id: Annotated[
        TradeId,
        says("highest id of a trade in the bar; where venue times are out of order, ids of neighbouring bars overlap"),
    ]
    closed: Annotated[bool, says("venue time has reached the end")]
    complete: Annotated[
        bool,
        says("every trade of the bar is held, and the feed was known to be alive up to its end (of the open bar: up to "
             "as_of); false where that is not proven, as in the oldest bar held and, for a moment, in one just closed"),
    ]  # fmt: skip


class Bars(Struct, forbid_unknown_fields=True):
    """Bars of one instrument, ascending; intervals without a trade are not listed."""

    note: Note
    source: Origin
    symbol: Symbol
    venue: Venue
    market: OnMarket
    interval: IntervalName
    anchor: Annotated[BarAnchor, says("where the CVD is 0")]
    count: Annotated[Count, says("bars listed")]
    as_of: Annotated[Millis | None, says("venue time at which the feed was last known to be alive")]
    now: Annotated[Millis, says("venue time of this answer")]
    position: Position
    state: FeedState
    generation: Generation
    coverage: Annotated[
        Coverage,
        says("of the newest part of these bars, which the tape still holds; complete also says that every bar listed "
             "is whole up to as_of, reaches_back that they go back as far as asked (or as bars are kept)"),
    ]  # fmt: skip
    bars: Annotated[list[Bar], says("the newest of them, ascending, at most limit")]


class BarEvent(Struct, forbid_unknown_fields=True):
    """`bar`: the newest bars of one instrument. Bars further back change only by repair (`corrected`)."""

    symbol: Symbol
    venue: Venue
    market: OnMarket
    interval: IntervalName
    anchor: Annotated[BarAnchor, says("where the CVD is 0; another time than before: ask /v1/bars anew")]
    state: FeedState
    bars: Annotated[list[Bar], says("the last bars with a trade, ascending, at most 3, the open one last")]
