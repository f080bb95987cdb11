"""The shapes of answers that futures venues and several venues together have: those of `answers`, and more.

They stand beside those (and not instead), so that what a spot client is promised stays as narrow as it was.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from orderflow_stream.core.events import Kind, State
from orderflow_stream.shapes import answers
from orderflow_stream.shapes.answers import Market, Millis, Number, Side

Contracts = Annotated[float | str | UnsetType, Meta(description="number of contracts; of inverse contracts only")]
Nq = Annotated[
    float | str | UnsetType | None,
    Meta(description="without RPI trades; where the venue tells it, null where it did not for every row of the span"),
]


class FuturesFlow(answers.Flow):
    """Taker buys against taker sells of a futures contract."""

    contract_size: Contracts = UNSET
    taker_buy_contracts: Contracts = UNSET
    taker_sell_contracts: Contracts = UNSET
    delta_contracts: Contracts = UNSET
    taker_buy_base_nq: Nq = UNSET
    taker_sell_base_nq: Nq = UNSET
    taker_buy_quote_nq: Nq = UNSET
    taker_sell_quote_nq: Nq = UNSET
    delta_base_nq: Nq = UNSET
    delta_quote_nq: Nq = UNSET


class FuturesLargePrint(answers.LargePrint):
    """One large print. `confidence`: whether the rows of an order are likely one taker order; orders only."""

    contracts: Contracts = UNSET
    confidence: Literal["likely", "possible"] | UnsetType = UNSET


class FuturesLarge(answers.Large):
    """Large prints among the last trades of a futures contract."""

    largest: list[FuturesLargePrint]  # type: ignore[assignment]  # each is one of those of spot, with more


class FuturesTrade(answers.Trade):
    """One row of a futures tape; `qty` is in the base asset. `nq`: of this quantity, what is no RPI trade."""

    nq: Nq = UNSET
    contracts: Contracts = UNSET


class FuturesTrades(answers.Trades):
    """A page of a futures tape."""

    trades: list[FuturesTrade]  # type: ignore[assignment]  # each is one of those of spot, with more


class Contract(Struct, forbid_unknown_fields=True):
    """What a symbol of a futures venue is. `contract_size` is in the quote asset, null where quantities are in the base
    asset; `settle` is the asset in which margin and profit are paid."""

    symbol: str
    kind: Kind
    pair: str
    base: str
    quote: str
    settle: str
    contract_size: float | None
    delivery_time: Millis | None
    status: str


class FuturesSymbols(answers.Symbols):
    """Symbols of a futures venue that trade, and what each is."""

    contracts: list[Contract]


class Overlap(Struct, rename={"from_": "from"}, forbid_unknown_fields=True):
    """The time that all parts speak of."""

    from_: Millis
    to: Millis
    seconds: Number


class Totals(Struct, forbid_unknown_fields=True):
    """Parts of one coin added up in USD. `state` is the worst of the parts', `as_of` the oldest."""

    venues: list[str]
    taker_buy_usd: Number
    taker_sell_usd: Number
    delta_usd: Number
    cvd_usd: Number
    buy_volume_share: Number | None
    buy_trades: int
    sell_trades: int
    complete: bool
    state: State
    as_of: Millis | None


class CombinedTotals(Totals):
    """All parts of one coin added up in USD."""

    overlap: Overlap | None


class SpotPerp(Struct, forbid_unknown_fields=True):
    """Spot against perpetuals; `share_difference` is spot's buy_volume_share less the perpetuals'."""

    spot: Totals
    perp: Totals
    share_difference: Number | None
    overlap: Overlap | None


class Combined(Struct, forbid_unknown_fields=True):
    """One coin on several venues at one instant. `quote` is null where the parts have several; `spot_perp` where they
    are not both of spot and of perpetuals."""

    note: str
    coin: str
    quote: str | None
    venues: list[str]
    parts: list[FuturesFlow]
    combined: CombinedTotals
    spot_perp: SpotPerp | None


class Liquidation(Struct, forbid_unknown_fields=True):
    """One liquidation order that the venue told of. `side` is the order's: `sell` closes a `long` position. `filled`
    was traded so far, for `notional`, at `avg_price`."""

    symbol: str
    venue: str
    side: Side
    position: Literal["long", "short"]
    price: Number
    avg_price: Number
    qty: Number | None
    filled: Number | None
    notional: Number
    time: Millis
    status: str
    contracts: Contracts = UNSET
    filled_contracts: Contracts = UNSET


class LiquidationSums(Struct, forbid_unknown_fields=True):
    """Liquidations in one quote asset."""

    buy_count: int
    sell_count: int
    buy_notional: Number
    sell_notional: Number


class Liquidations(Struct, forbid_unknown_fields=True):
    """A sample of what was liquidated, newest first; counts and sums are of the sample, before `limit`.

    `listening_since`: since when it is listened to without a break; null where it is not listened to now. The notionals
    are null where they are of several quote assets (see `by_quote`).
    """

    note: str
    source: str
    venue: str
    market: Market
    symbol: str | None
    quote: str | None
    sample: str
    complete: Literal[False]
    listening_since: Millis | None
    count: int
    buy_count: int
    sell_count: int
    buy_notional: Number | None
    sell_notional: Number | None
    by_quote: dict[str, LiquidationSums]
    position: str | None
    liquidations: list[Liquidation]


class Repairs(Struct, forbid_unknown_fields=True):
    """What is being read again: the `trades` that `symbols` lack, in so many `calls` of REST. `seconds_left` until all
    of it will have been asked for; null where REST does not answer, so that nobody can tell."""

    symbols: int
    calls: int
    trades: int
    seconds_left: float | None


class VenueReady(Struct, forbid_unknown_fields=True):
    """One venue's instruments by state."""

    instruments: int
    states: dict[str, int]
    not_ready_total: int
    repair: Repairs | UnsetType = UNSET


class VenueNotReady(answers.NotReady):
    venue: str | UnsetType = UNSET


class VenuesReady(answers.Ready):
    """Where more than one venue is on (`venues`, and `venue` of each that is not ready), and as long as trades are
    missing that are asked for (`repair`)."""

    not_ready: list[VenueNotReady]  # type: ignore[assignment]  # each is one of those of one venue, with more
    repair: Repairs | UnsetType = UNSET
    venues: dict[str, VenueReady] | UnsetType = UNSET


class VenuesFailure(answers.Failure):
    """The envelope of a daemon with several venues that is not ready."""

    data: VenuesReady | None
