"""What surrounds the numbers, as typed answers: gaps, the screener, symbols, liquidations, readiness.

As in `orderflow_stream.client.answers`: decimals are `Decimal`, times milliseconds since the epoch.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from msgspec import Struct

from orderflow_stream.client.answers import Market, Pressure, Side
from orderflow_stream.core.events import Kind, State


class Gap(Struct, frozen=True, kw_only=True):
    """Ids `first` to `last` were skipped. `repaired`: read again and in the sums; `lost`: the venue has them no more;
    `attempts`: questions to the venue so far, None where it is repaired; `next_attempt`: when it is next."""

    first: int
    last: int
    trades: int
    status: Literal["open", "repaired", "lost"]
    found: int
    closed: int | None
    source: str | None
    attempts: int | None
    next_attempt: int | None


class Gaps(Struct, frozen=True, kw_only=True):
    """Ranges of ids that were skipped, newest first. `missing_total` ids are missing now; `ready_in_s`: seconds until
    all that is open will have been asked for, 0 where nothing is, None where nobody can tell."""

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


class ScreenerRow(Struct, frozen=True, kw_only=True):
    """One instrument over the screener's window; `missing` ids lack in it."""

    symbol: str
    venue: str
    market: Market
    base: str
    quote: str
    last_price: Decimal | None
    last_time: int | None
    last_id: int | None
    trades: int
    delta_base: Decimal
    delta_quote: Decimal
    taker_buy_quote: Decimal
    taker_sell_quote: Decimal
    quote_volume: Decimal
    buy_volume_share: Decimal | None
    pressure: Pressure | None
    state: State
    missing: int
    reaches_back: bool


class Screener(Struct, frozen=True, kw_only=True):
    """Every streamed instrument over one window; `instruments` of them are streamed, `count` are listed."""

    note: str
    source: str
    venue: str
    market: Market
    window: str
    sort: str
    order: Literal["asc", "desc"]
    instruments: int
    count: int
    as_of: int
    position: str | None
    rows: list[ScreenerRow]


class Contract(Struct, frozen=True, kw_only=True):
    """What a symbol of a futures venue is; `contract_size` in the quote asset, None where quantities are in base."""

    symbol: str
    kind: Kind
    pair: str
    base: str
    quote: str
    settle: str
    contract_size: Decimal | None
    delivery_time: int | None
    status: str


class Symbols(Struct, frozen=True, kw_only=True):
    """Symbols that trade; `resting`: those that are kept and do not trade now, with the venue's word for it; `stale`:
    the venue did not answer when the list was due. `contracts` only of futures venues."""

    count: int
    quote: str | None
    source: str
    venue: str
    refreshed: int
    stale: bool
    symbols: list[str]
    resting: dict[str, str]
    contracts: list[Contract] | None = None


class Liquidation(Struct, frozen=True, kw_only=True):
    """One liquidation order. `side` is the order's: `sell` closes a `long` position."""

    symbol: str
    venue: str
    side: Side
    position: Literal["long", "short"]
    price: Decimal
    avg_price: Decimal
    qty: Decimal | None
    filled: Decimal | None
    notional: Decimal
    time: int
    status: str
    contracts: Decimal | None = None
    filled_contracts: Decimal | None = None


class LiquidationSums(Struct, frozen=True, kw_only=True):
    """Liquidations in one quote asset."""

    buy_count: int
    sell_count: int
    buy_notional: Decimal
    sell_notional: Decimal


class Liquidations(Struct, frozen=True, kw_only=True):
    """A sample of what was liquidated, newest first: never complete, since the venue tells at most one a second and
    symbol."""

    note: str
    source: str
    venue: str
    market: Market
    symbol: str | None
    quote: str | None
    sample: str
    complete: Literal[False]
    listening_since: int | None
    count: int
    buy_count: int
    sell_count: int
    buy_notional: Decimal | None
    sell_notional: Decimal | None
    by_quote: dict[str, LiquidationSums]
    position: str | None
    liquidations: list[Liquidation]


class Alive(Struct, frozen=True, kw_only=True):
    """`closing`: the daemon drains and will end."""

    status: Literal["ok", "closing"]
    version: str


class JournalState(Struct, frozen=True, kw_only=True):
    """Whether what happens is written to the journal, and why not."""

    state: Literal["off", "ok", "slow", "failed"]
    reason: str | None


class NotReady(Struct, frozen=True, kw_only=True):
    """One instrument that is not ready, since when (ms), and why. `venue` where the daemon has several."""

    symbol: str
    state: State
    since: int
    reason: str
    missing_total: int
    venue: str | None = None


class Repairs(Struct, frozen=True, kw_only=True):
    """What is being read again: `trades` that `symbols` lack, in so many `calls`; None: nobody can tell how long."""

    symbols: int
    calls: int
    trades: int
    seconds_left: float | None


class VenueReady(Struct, frozen=True, kw_only=True):
    """One venue's instruments by state."""

    instruments: int
    states: dict[str, int]
    not_ready_total: int
    repair: Repairs | None = None


class Ready(Struct, frozen=True, kw_only=True):
    """Whether start-up is over and the feeds are live; with `strict`, whether every instrument is warm and complete.
    `reasons` are sentences; `not_ready` lists the first hundred instruments."""

    ready: bool
    strict: bool
    reasons: list[str]
    instruments: int
    states: dict[str, int]
    journal: JournalState
    not_ready_total: int
    not_ready: list[NotReady]
    repair: Repairs | None = None
    venues: dict[str, VenueReady] | None = None
