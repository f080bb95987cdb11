"""What is measured, as typed answers: flow, large prints, bars, the tape.

The same members as `orderflow_stream.shapes` has, but decimals are `Decimal` and exact (the client asks for
`numbers=string`), and what only some venues tell is None elsewhere. Times are milliseconds since the epoch in venue
time, quantities are in the base asset, notionals in the quote asset. Members that a newer daemon adds are passed over.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from msgspec import Struct

from orderflow_stream.core.events import Source, State

Market = Literal["spot", "usdm", "coinm"]
Pressure = Literal["strong_sell", "sell", "balanced", "buy", "strong_buy"]
Side = Literal["buy", "sell"]
Group = Literal["row", "order"]


class Coverage(Struct, frozen=True, kw_only=True):
    """Which trade ids an answer stands on, and which are missing.

    `expected` = `last_id` - `first_id` + 1 = `received` + `missing_total`; `missing` lists the first hundred ranges
    (both ends inside). `complete`: nothing is missing, the answer goes back as far as was asked (`reaches_back`) and
    the feed was known to be alive up to `as_of`. `position` is what `flow(after=…)` and a stream's `position=` take.
    """

    first_id: int | None
    last_id: int | None
    expected: int
    received: int
    invalid: int
    missing: list[tuple[int, int]]
    missing_total: int
    requested: dict[Literal["trades", "from", "to"], int] | None
    reaches_back: bool
    complete: bool
    state: State
    as_of: int | None
    position: str | None
    generation: int
    source: Source
    last_trade_age_ms: int | None
    lag_ms: int | None
    clock_offset_ms: int


class Flow(Struct, frozen=True, kw_only=True):
    """Taker buys against taker sells of one span: `window`, or (None) the last `trades_scanned` trades.

    `delta_*` is buy less sell; `cvd_quote` is the same with the span's start as its origin. `buy_volume_share` is 0 to
    1. Price, share, ratio and pressure are None where nothing was traded. `*_contracts` and `contract_size` (worth in
    the quote asset) are of inverse contracts, `*_nq` without RPI trades, where the venue tells that of every row.
    """

    note: str
    source: str
    symbol: str
    venue: str
    market: Market
    pressure: Pressure | None
    cvd_quote: Decimal
    delta_quote: Decimal
    delta_base: Decimal
    buy_trades: int
    sell_trades: int
    trades_scanned: int
    taker_buy_base: Decimal
    taker_buy_quote: Decimal
    taker_sell_base: Decimal
    taker_sell_quote: Decimal
    buy_sell_ratio: Decimal | None
    buy_volume_share: Decimal | None
    window_seconds: Decimal
    last_price: Decimal | None
    first_time: int | None
    last_time: int | None
    coverage: Coverage
    window: str | None = None
    contract_size: Decimal | None = None
    taker_buy_contracts: Decimal | None = None
    taker_sell_contracts: Decimal | None = None
    delta_contracts: Decimal | None = None
    taker_buy_base_nq: Decimal | None = None
    taker_sell_base_nq: Decimal | None = None
    taker_buy_quote_nq: Decimal | None = None
    taker_sell_quote_nq: Decimal | None = None
    delta_base_nq: Decimal | None = None
    delta_quote_nq: Decimal | None = None


class LargePrint(Struct, frozen=True, kw_only=True):
    """One large print. `id` is that of its (last) row; `notional_usd` is in the quote asset, whatever that is. Of an
    order (`group="order"`) also its first and last row, the rows (`legs`), price levels and average price."""

    id: int
    qty: Decimal
    side: Side
    time: int
    price: Decimal
    notional_usd: Decimal
    first_id: int | None = None
    last_id: int | None = None
    legs: int | None = None
    vwap: Decimal | None = None
    levels: int | None = None
    contracts: Decimal | None = None
    confidence: Literal["likely", "possible"] | None = None


class Large(Struct, frozen=True, kw_only=True):
    """Large prints among the last trades, the largest first. Counts and sums are of all of them, `largest` is cut at
    `limit`. With `percentile`, `min_notional` is the threshold that it came to, None where no trade is held."""

    note: str
    source: str
    symbol: str
    venue: str
    market: Market
    group: Group
    min_notional: Decimal | None
    trades_scanned: int
    window_seconds: Decimal
    count: int
    buy_count: int
    sell_count: int
    buy_notional: Decimal
    sell_notional: Decimal
    net_notional: Decimal
    largest: list[LargePrint]
    coverage: Coverage
    percentile: Decimal | None = None


class Trade(Struct, frozen=True, kw_only=True):
    """One trade of the tape. `ts_event` is `time` in microseconds; the fills are None where the source has none."""

    id: int
    price: Decimal
    qty: Decimal
    side: Side
    time: int
    ts_event: int
    first_fill: int | None
    last_fill: int | None
    nq: Decimal | None = None
    contracts: Decimal | None = None


class Trades(Struct, frozen=True, kw_only=True):
    """A page of the tape, ascending. `first_id` and `last_id` are what is held in all; `missing` lacks on this page;
    ask for `from_id=next_from_id` to go on."""

    note: str
    source: str
    symbol: str
    venue: str
    market: Market
    count: int
    first_id: int | None
    last_id: int | None
    missing: list[tuple[int, int]]
    missing_total: int
    next_from_id: int | None
    state: State
    generation: int
    position: str | None
    trades: list[Trade]


class Anchor(Struct, frozen=True, kw_only=True):
    """Where CVD begins: `rule` says how it was chosen, `time` (ms) when that is, `complete` whether every trade since
    is in it."""

    rule: Literal["session", "oldest"]
    time: int | None
    complete: bool


class Bar(Struct, frozen=True, kw_only=True):
    """One bar over [start, end) (ms). `cvd_*` is the CVD at its end since the anchor. `closed`: its end has passed;
    `complete`: no trade of it is known to be missing and the feed was alive throughout."""

    start: int
    end: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    taker_buy_base: Decimal
    taker_sell_base: Decimal
    taker_buy_quote: Decimal
    taker_sell_quote: Decimal
    delta_base: Decimal
    delta_quote: Decimal
    cvd_base: Decimal
    cvd_quote: Decimal
    buy_trades: int
    sell_trades: int
    first_id: int
    last_id: int
    closed: bool
    complete: bool


class Bars(Struct, frozen=True, kw_only=True):
    """The newest bars, ascending. Spans without a trade are not listed. `as_of` and `now` are ms of venue time."""

    note: str
    source: str
    symbol: str
    venue: str
    market: Market
    interval: str
    anchor: Anchor
    count: int
    as_of: int | None
    now: int
    position: str | None
    state: State
    generation: int
    coverage: Coverage
    bars: list[Bar]


class Overlap(Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """The time that all parts speak of."""

    from_: int
    to: int
    seconds: Decimal


class Totals(Struct, frozen=True, kw_only=True):
    """Parts of one coin added up in USD. `state` is the worst of the parts', `as_of` the oldest."""

    venues: list[str]
    taker_buy_usd: Decimal
    taker_sell_usd: Decimal
    delta_usd: Decimal
    cvd_usd: Decimal
    buy_volume_share: Decimal | None
    buy_trades: int
    sell_trades: int
    complete: bool
    state: State
    as_of: int | None


class CombinedTotals(Totals, frozen=True, kw_only=True):
    """All parts of one coin added up in USD."""

    overlap: Overlap | None


class SpotPerp(Struct, frozen=True, kw_only=True):
    """Spot against perpetuals; `share_difference` is spot's buy_volume_share less the perpetuals'."""

    spot: Totals
    perp: Totals
    share_difference: Decimal | None
    overlap: Overlap | None


class Combined(Struct, frozen=True, kw_only=True):
    """One coin on several venues at one instant."""

    note: str
    coin: str
    quote: str | None
    venues: list[str]
    parts: list[Flow]
    combined: CombinedTotals
    spot_perp: SpotPerp | None
