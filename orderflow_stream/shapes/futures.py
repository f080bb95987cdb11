"""The shapes of answers that futures venues and several venues together have: those of `answers`, and more.

They stand beside those (and not instead), so that what a spot client is promised stays as narrow as it was.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Struct, UnsetType

from orderflow_stream.core.events import Kind
from orderflow_stream.shapes import answers
from orderflow_stream.shapes.service import Repairs, VenueNotReady, VenueReady, VenuesFailure, VenuesReady
from orderflow_stream.shapes.units import (
    Base,
    ContractCount,
    Count,
    Millis,
    Price,
    Quote,
    Ratio,
    Seconds,
    Side,
    TradeCount,
    Usd,
    says,
)
from orderflow_stream.shapes.words import FeedState, Note, OnMarket, Origin, Position, Symbol, Venue

__all__ = [
    "Combined",
    "CombinedTotals",
    "Contract",
    "FuturesFlow",
    "FuturesLarge",
    "FuturesLargePrint",
    "FuturesSymbols",
    "FuturesTrade",
    "FuturesTrades",
    "Liquidation",
    "LiquidationSums",
    "Liquidations",
    "Overlap",
    "Repairs",
    "SpotPerp",
    "Totals",
    "VenueNotReady",
    "VenueReady",
    "VenuesFailure",
    "VenuesReady",
]

_NQ = "without RPI trades; null where the venue did not tell it for every row of the span"
_SIZE = "what a contract is worth in the quote asset; of inverse contracts only"

ContractSize = Annotated[Quote | UnsetType, says(_SIZE)]
Filled = Annotated[
    ContractCount | UnsetType, says("contracts of it that were traded so far; of inverse contracts only")
]
Contracts = Annotated[ContractCount | UnsetType, says("number of contracts; of inverse contracts only")]
Parts = Annotated[list[str], says("the venues whose parts are added up")]


class FuturesFlow(answers.Flow):
    """Taker buys against taker sells of a futures contract."""

    contract_size: ContractSize = UNSET
    taker_buy_contracts: Annotated[
        ContractCount | UnsetType, says("contracts that takers bought; of inverse contracts only")
    ] = UNSET
    taker_sell_contracts: Annotated[
        ContractCount | UnsetType, says("contracts that takers sold; of inverse contracts only")
    ] = UNSET
    delta_contracts: Annotated[
        ContractCount | UnsetType, says("contracts bought less sold; of inverse contracts only")
    ] = UNSET
    taker_buy_base_nq: Annotated[Base | UnsetType | None, says(f"taker_buy_base {_NQ}")] = UNSET
    taker_sell_base_nq: Annotated[Base | UnsetType | None, says(f"taker_sell_base {_NQ}")] = UNSET
    taker_buy_quote_nq: Annotated[Quote | UnsetType | None, says(f"taker_buy_quote {_NQ}")] = UNSET
    taker_sell_quote_nq: Annotated[Quote | UnsetType | None, says(f"taker_sell_quote {_NQ}")] = UNSET
    delta_base_nq: Annotated[Base | UnsetType | None, says(f"delta_base {_NQ}")] = UNSET
    delta_quote_nq: Annotated[Quote | UnsetType | None, says(f"delta_quote {_NQ}")] = UNSET


class FuturesLargePrint(answers.LargePrint):
    """One large print of a futures contract."""

    contracts: Contracts = UNSET
    confidence: Annotated[
        Literal["likely", "possible"] | UnsetType,
        says("whether the rows are one taker order: likely where all have one time and chained fills; orders only"),
    ] = UNSET


class FuturesLarge(answers.Large, kw_only=True):
    """Large prints among the last trades of a futures contract."""

    largest: Annotated[  # type: ignore[assignment]  # each is one of those of spot, with more
        list[FuturesLargePrint],
        says("the largest of them, by exact notional and then id, descending; at most limit"),
    ]


class FuturesTrade(answers.Trade):
    """One row of a futures tape; `qty` is in the base asset."""

    nq: Annotated[
        Base | UnsetType | None,
        says("of this quantity, what is no RPI trade; null where the venue did not tell; USD-M only"),
    ] = UNSET
    contracts: Contracts = UNSET


class FuturesTrades(answers.Trades):
    """A page of a futures tape, ascending by id."""

    trades: Annotated[  # type: ignore[assignment]  # each is one of those of spot, with more
        list[FuturesTrade], says("the trades; ids that carry none are not listed")
    ]


class Contract(Struct, forbid_unknown_fields=True):
    """What a symbol of a futures venue is."""

    symbol: Symbol
    kind: Annotated[Kind, says("perpetual, or delivery: ends at delivery_time")]
    pair: Annotated[str, says("what it is on, such as BTCUSD")]
    base: Annotated[str, says("base asset, such as BTC")]
    quote: Annotated[str, says("quote asset, such as USD")]
    settle: Annotated[str, says("asset in which margin and profit are paid")]
    contract_size: Annotated[
        Quote | None, says("what a contract is worth in the quote asset; null where quantities are in the base asset")
    ]
    delivery_time: Annotated[Millis | None, says("when it ends; null where it does not")]
    status: Annotated[str, says("the venue's own word, such as TRADING")]


class FuturesSymbols(answers.Symbols):
    """Symbols of a futures venue that trade, and what each is."""

    contracts: Annotated[list[Contract], says("what each of symbols is, in the same order")]


class Overlap(Struct, rename={"from_": "from"}, forbid_unknown_fields=True):
    """The time that all parts speak of."""

    from_: Annotated[Millis, says("its begin: the latest first trade of the parts")]
    to: Annotated[Millis, says("its end: the earliest last trade of the parts")]
    seconds: Annotated[Seconds, says("its length, 1 decimal")]


class Totals(Struct, forbid_unknown_fields=True):
    """Parts of one coin added up in USD."""

    venues: Parts
    taker_buy_usd: Annotated[Usd, says("value that takers bought")]
    taker_sell_usd: Annotated[Usd, says("value that takers sold")]
    delta_usd: Annotated[Usd, says("taker buy less taker sell value")]
    cvd_usd: Annotated[Usd, says("cumulative volume delta over the span; the same as delta_usd")]
    buy_volume_share: Annotated[
        Ratio | None, says("taker buy value over all value, 4 decimals; null where nothing traded")
    ]
    buy_trades: Annotated[TradeCount, says("trades whose taker bought")]
    sell_trades: Annotated[TradeCount, says("trades whose taker sold")]
    complete: Annotated[bool, says("whether every part is")]
    state: Annotated[FeedState, says("the worst state of feed of the parts")]
    as_of: Annotated[Millis | None, says("the oldest as_of of the parts: all is claimed up to here")]


class CombinedTotals(Totals):
    """All parts of one coin added up in USD."""

    overlap: Annotated[Overlap | None, says("the time that all parts speak of; null where there is none")]


class SpotPerp(Struct, forbid_unknown_fields=True):
    """Spot against perpetuals."""

    spot: Annotated[Totals, says("the parts of spot venues")]
    perp: Annotated[Totals, says("the parts of perpetuals")]
    share_difference: Annotated[
        Ratio | None, says("spot's buy_volume_share less the perpetuals'; null where one has none")
    ]
    overlap: Annotated[Overlap | None, says("the time that all parts speak of; null where there is none")]


class Combined(Struct, forbid_unknown_fields=True):
    """One coin on several venues at one instant."""

    note: Note
    coin: Annotated[str, says("the coin, such as BTC")]
    quote: Annotated[str | None, says("quote asset of the parts; null where they have several")]
    venues: Annotated[list[str], says("the venues that were asked for")]
    parts: Annotated[list[FuturesFlow], says("the flow on each venue, in the order of venues")]
    combined: Annotated[CombinedTotals, says("the parts added up")]
    spot_perp: Annotated[
        SpotPerp | None, says("spot against perpetuals; null where the parts are not both of spot and of perpetuals")
    ]


class Liquidation(Struct, forbid_unknown_fields=True):
    """One liquidation order that the venue told of."""

    symbol: Symbol
    venue: Venue
    side: Annotated[Side, says("the side of the order: sell closes a long position")]
    position: Annotated[Literal["long", "short"], says("the position that was closed by force")]
    price: Annotated[Price, says("price of the order")]
    avg_price: Annotated[Price, says("average price of what was traded so far; 0 where nothing was")]
    qty: Annotated[Base | None, says("quantity of the order; null where it has no price to tell it in the base asset")]
    filled: Annotated[Base | None, says("quantity of it that was traded so far; null likewise")]
    notional: Annotated[Quote, says("value of what was traded so far, at avg_price")]
    time: Annotated[Millis, says("venue time")]
    status: Annotated[str, says("the venue's own word, such as FILLED")]
    contracts: Contracts = UNSET
    filled_contracts: Filled = UNSET


class LiquidationSums(Struct, forbid_unknown_fields=True):
    """Liquidations in one quote asset."""

    buy_count: Annotated[Count, says("orders that bought: shorts were closed")]
    sell_count: Annotated[Count, says("orders that sold: longs were closed")]
    buy_notional: Annotated[Quote, says("sum of those that bought")]
    sell_notional: Annotated[Quote, says("sum of those that sold")]


class Liquidations(Struct, forbid_unknown_fields=True):
    """A sample of what was liquidated, newest first; counts and sums are of the sample, before `limit`."""

    note: Note
    source: Origin
    venue: Venue
    market: OnMarket
    symbol: Annotated[str | None, says("the one symbol that was asked for; null for several")]
    quote: Annotated[str | None, says("quote asset of all of them; null where there are several, or none")]
    sample: Annotated[str, says("which orders the venue tells of")]
    complete: Annotated[Literal[False], says("never: it is a sample")]
    listening_since: Annotated[
        Millis | None, says("since when it is listened to without a break; null where it is not listened to now")
    ]
    count: Annotated[Count, says("orders of the sample")]
    buy_count: Annotated[Count, says("orders that bought: shorts were closed")]
    sell_count: Annotated[Count, says("orders that sold: longs were closed")]
    buy_notional: Annotated[Quote | None, says("sum of those that bought; null where quote is, see by_quote")]
    sell_notional: Annotated[Quote | None, says("sum of those that sold; null where quote is, see by_quote")]
    by_quote: Annotated[dict[str, LiquidationSums], says("the same by quote asset")]
    position: Position
    liquidations: Annotated[list[Liquidation], says("the orders, newest first; at most limit")]
