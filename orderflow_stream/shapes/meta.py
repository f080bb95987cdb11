"""The shape of `/v1/meta`: every parameter, threshold and rule in force."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Struct, UnsetType

from orderflow_stream.core.events import Kind
from orderflow_stream.shapes.service import JournalState
from orderflow_stream.shapes.units import (
    Count,
    Millis,
    Plain,
    Pressure,
    Span,
    TradeCount,
    WholeSeconds,
    says,
    unit,
)
from orderflow_stream.shapes.words import OnMarket, Venue

Rule = Annotated[str, says("the rule in words, for a person")]
Places = Annotated[int, unit("decimals")]
Threshold = Annotated[float, unit("quote")]
Weight = Annotated[int, unit("request weight")]


class Bounds(Struct, forbid_unknown_fields=True):
    """How many may be asked for."""

    max: Annotated[Count, says("at most")]
    default: Annotated[Count, says("where it is left out")]


class TradesBounds(Struct, forbid_unknown_fields=True):
    """How many trades may be asked for."""

    min: Annotated[TradeCount, says("at least")]
    max: Annotated[TradeCount, says("at most")]
    default: Annotated[TradeCount, says("where it is left out")]


class PressureRule(Struct, forbid_unknown_fields=True):
    """How the word for the pressure is found."""

    by: Rule
    balanced_below: Annotated[Plain, says("imbalance below which it is balanced")]
    strong_from: Annotated[Plain, says("imbalance from which it is strong_buy or strong_sell")]
    words: Annotated[list[Pressure], says("the words, from the most sold to the most bought")]


class FlowRules(Struct, forbid_unknown_fields=True):
    """Of `/v1/flow`."""

    windows: Annotated[dict[str, WholeSeconds], says("the configured windows: name and length")]
    window_rule: Rule
    trades: Annotated[TradesBounds, says("of the parameter trades")]
    pressure: Annotated[PressureRule, says("how the word for the pressure is found")]
    buy_sell_ratio: Rule
    buy_volume_share: Rule


class LargeRules(Struct, forbid_unknown_fields=True):
    """Of `/v1/large` and the stream's `large`."""

    min_notional: Annotated[Threshold, says("threshold of the stream, and of /v1/large where none is given")]
    by_quote: Annotated[dict[str, Threshold], says("another threshold for symbols of this quote asset")]
    by_symbol: Annotated[dict[str, Threshold], says("another threshold for this symbol")]
    order_rule: Rule
    order_closes_after_ms: Annotated[Span, says("silence after which a taker order counts as over")]
    limit: Annotated[Bounds, says("of the parameter limit")]


class IntervalRule(Struct, forbid_unknown_fields=True):
    """Of one interval of bars."""

    seconds: Annotated[WholeSeconds, says("width of a bar")]
    kept_for_s: Annotated[WholeSeconds, says("how far back from the newest trade such bars are kept")]


class BarRules(Struct, forbid_unknown_fields=True):
    """Of `/v1/bars` and the stream's `bar`."""

    intervals: Annotated[dict[str, IntervalRule], says("by the name of the interval")]
    limit: Annotated[Bounds, says("of the parameter limit")]
    bar_rule: Rule
    anchors: Annotated[dict[str, str], says("where the CVD is 0, by the rule asked for")]
    cvd_rule: Rule
    closed_when: Rule
    complete_when: Rule


class QuotePlaces(Struct, forbid_unknown_fields=True):
    """Decimals of values in a quote asset."""

    fiat: Annotated[Places, says("where the asset is in the list `fiat`")]
    other: Annotated[Places, says("of any other asset")]


class Rounding(Struct, forbid_unknown_fields=True):
    """How decimals are rounded."""

    rule: Rule
    base: Rule
    quote: Annotated[QuotePlaces, says("of values in the quote asset")]
    buy_sell_ratio: Annotated[Places, says("of buy_sell_ratio")]
    buy_volume_share: Annotated[Places, says("of buy_volume_share")]
    window_seconds: Annotated[Places, says("of window_seconds")]
    vwap: Annotated[Places, says("of vwap")]
    scale: Annotated[Count, says("parts of one that prices and quantities are counted in: 10^8")]


class Limits(Struct, forbid_unknown_fields=True):
    """What one answer may ask of the daemon."""

    symbols_per_answer: Annotated[Count, says("symbols in one answer")]
    rest_reads_per_answer: Annotated[Count, says("symbols that are read of REST for one answer")]
    on_demand: Rule
    wait_seconds: Annotated[WholeSeconds, says("longest wait of a long poll")]


class RowRule(Struct, forbid_unknown_fields=True):
    """What a row of the venue's tape is."""

    span_ms: Annotated[Span | None, says("time over which the venue merges fills; 0: it does not; null: not told yet")]
    rule: Rule


class Continuity(Struct, forbid_unknown_fields=True):
    """How a gap is known."""

    by: Annotated[Literal["id"], says("what continuity is judged by")]
    fills_chained: Annotated[bool, says("whether fill ids chain from row to row")]
    rule: Rule


class OrderRule(Struct, forbid_unknown_fields=True):
    """What a taker order is."""

    rebuilt: Annotated[bool, says("whether a taker order can be rebuilt from its rows")]
    rule: Rule
    confidence: Annotated[
        dict[Literal["likely", "possible"], str] | None,
        says("what the words of confidence mean; null where orders are rebuilt"),
    ]
    closes_after_ms: Annotated[Span, says("silence after which a taker order counts as over")]


class Says(Struct, forbid_unknown_fields=True):
    """A rule."""

    rule: Rule


class UnitsRule(Struct, forbid_unknown_fields=True):
    """What quantities are counted in."""

    venue_counts: Annotated[str, says("what the venue counts: contracts, or the base asset")]
    rule: Rule


class CoinRule(Struct, forbid_unknown_fields=True):
    """What `coin=` stands for."""

    default_quote: Annotated[str, says("quote asset where quote= is left out")]


class RestCosts(Struct, forbid_unknown_fields=True):
    """What reading costs of the venue's limits."""

    lookback_s: Annotated[
        WholeSeconds | None, says("how far back the venue tells of trades; null: as far as is worth asking")
    ]
    trades_weight: Annotated[Weight | None, says("cost of a page of 1,000 trades; null where it is not told")]
    weight_limit: Annotated[Weight | None, says("what may be spent in a minute; null where it is not told")]
    weight_pool: Annotated[str | None, says("venues of one pool share the limit; null where it is not told")]
    rule: Rule


class LiquidationRule(Struct, forbid_unknown_fields=True):
    """What is told of liquidations."""

    sample: Annotated[str, says("which orders the venue tells of")]
    rule: Rule
    kept_hours: Annotated[int, unit("h"), says("how long they are kept")]
    listening_since: Annotated[Millis | None, says("since when it is listened to without a break; null: it is not")]


class Semantics(Struct, forbid_unknown_fields=True):
    """What the rows and numbers of one venue mean."""

    row: Annotated[RowRule, says("what a row of its tape is")]
    continuity: Annotated[Continuity, says("how a gap is known")]
    order: Annotated[OrderRule, says("what a taker order is")]
    nq: Annotated[Says | None, says("what nq is; null where the venue does not tell it")]
    units: Annotated[UnitsRule, says("what quantities are counted in")]
    kinds: Annotated[list[Kind], says("the kinds of instrument it has")]
    roll: Annotated[Says | None, says("what happens when a contract is delivered; null where none is")]
    coin: Annotated[CoinRule, says("what coin= stands for")]
    id_restart: Annotated[Says, says("what happens when the venue restarts its ids")]
    rest: Annotated[RestCosts, says("what reading costs of its limits")]
    liquidations: Annotated[LiquidationRule | None, says("what is told of liquidations; null where nothing is")]


class SpecMeta(Struct, forbid_unknown_fields=True):
    """Every parameter, threshold and rule in force, of one venue."""

    note: Rule
    source: Annotated[str, says("where the data comes from")]
    service: Annotated[str, says("name of this program")]
    version: Annotated[str, says("of this program")]
    endpoints: Annotated[dict[str, str], says("every route with its method, and what it is for")]
    description: Annotated[str, says("what this program does")]
    trading_symbols: Annotated[Count, says("symbols of the venue that trade")]
    symbols_refreshed: Annotated[Millis | None, says("when the venue told its symbols; null where it has not yet")]
    symbols_stale: Annotated[bool, says("whether the venue did not answer when the list was due for a refresh")]
    streamed_symbols: Annotated[Count, says("instruments that are streamed, not only read on demand")]
    venue: Venue
    market: OnMarket
    flow: Annotated[FlowRules, says("of /v1/flow")]
    large: Annotated[LargeRules, says("of /v1/large and the stream's large")]
    bars: Annotated[BarRules, says("of /v1/bars and the stream's bar")]
    rounding: Annotated[Rounding, says("how decimals are rounded")]
    fiat: Annotated[list[str], says("quote assets whose values are rounded to cents: fiat and stablecoins")]
    usd_like: Annotated[list[str], says("quote assets that are added up as USD")]
    states: Annotated[dict[str, str], says("every state of a feed, and what it means")]
    complete_when: Rule
    limits: Annotated[Limits, says("what one answer may ask of the daemon")]
    settings: Annotated[
        dict[str, dict[str, Any]], says("values in force, by table and key of the configuration (see the README)")
    ]
    journal: Annotated[JournalState, says("whether what happens is written down")]
    venues: Annotated[list[str] | UnsetType, says("the venues that are on; only without venue=")] = UNSET
    semantics: Annotated[Semantics | UnsetType, says("what the venue's rows and numbers mean; only with venue=")] = (
        UNSET
    )
