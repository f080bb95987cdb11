"""What enters the engine and what comes out of it: two closed unions of plain values.

In: `Trade`, `Refill`, `FeedUp`, `FeedDown`, `Probe`, `Restarted`, `Forget`. Out (the engine *returns* them, nothing
is called back): `LargePrint`, `GapFound`, `Corrected`, `StateChanged`, `LateTrades`. Beside the tapes and with no part
in them, in and out: `Liquidation`, and in: `LiquidationFeed`. All times are microseconds since the epoch, prices and
quantities integers at 10^-8, notionals at 10^-16.
"""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

from orderflow_stream.core.units import DECIMALS, INVERSE_DECIMALS

BUY: Final = 1
SELL: Final = -1

SideName = Literal["buy", "sell"]

#: The id of a fill that the source does not tell (an archive with empty columns).
UNKNOWN_FILL: Final = -1
#: The quantity without RPI trades, where a row does not tell it.
UNTOLD: Final = -1

State = Literal["connecting", "warming", "live", "quiet", "unverified", "gap", "stale", "partial"]
Source = Literal["stream", "backfill", "journal", "mixed"]
Range = tuple[int, int]


def side_name(side: int) -> SideName:
    """`BUY` or `SELL` (also a signed quantity) as the word of the API."""
    return "buy" if side > 0 else "sell"


Kind = Literal["spot", "perpetual", "delivery"]


class Instrument(Struct, frozen=True, omit_defaults=True):
    """One symbol on one venue. `key` (`binance:BTCUSDT`) names it everywhere inside; `symbol` is the venue's name.

    Where `contract` is not 0 the contract is *inverse*: quantities count contracts, each worth `contract` (10^-8) of
    the quote asset, whatever the price; what that is in the base asset, the price of each trade tells.
    """

    venue: str
    symbol: str
    base: str
    quote: str
    market: Literal["spot", "usdm", "coinm"] = "spot"
    trading: bool = True
    tick: int = 0  # smallest price step at 10^-8, 0 where the venue states none
    step: int = 0  # smallest quantity step at 10^-8
    status: str = "TRADING"  # the venue's own word; empty where it lists the symbol no longer
    contract: int = 0  # what one contract of an inverse contract is worth in the quote asset, at 10^-8
    kind: Kind = "spot"
    pair: str = ""  # the venue's name of what the contract is on; several contracts may be on one
    settle: str = ""  # the asset in which margin and profit are paid
    delivery: int = 0  # when it is delivered, µs; 0 where it never is
    row_span: int = 0  # µs over which the venue merges fills of several orders into one row; 0: a row is of one order
    rpi: bool = False  # the venue tells of each row how much of it is no RPI trade (`Trade.nq`)

    @property
    def key(self) -> str:
        return f"{self.venue}:{self.symbol}"

    @property
    def inverse(self) -> bool:
        """Whether quantities are contracts of a fixed worth in the quote asset."""
        return self.contract != 0

    @property
    def base_decimals(self) -> int:
        """The decimals of base volumes in `Sums`: 8, of an inverse contract 24."""
        return INVERSE_DECIMALS if self.contract else DECIMALS

    def worth(self, price: int, qty: int) -> int:
        """The notional (10^-16, in the quote asset) of `qty` at `price`, exactly."""
        return qty * self.contract if self.contract else price * qty

    def contracts(self, quote: int) -> int:
        """How many contracts (10^-8) a notional (10^-16) of an inverse contract is, exactly; else `ValueError`."""
        if not self.contract:
            raise ValueError(f"{self.key} is not traded in contracts")
        return quote // self.contract


class Trade(Struct, gc=False):
    """One print. `side` is the aggressor's, `BUY` or `SELL`; `price` and `qty` are both 0 on a row that the venue
    marked invalid (it counts for id continuity and for nothing else); `first_id`/`last_id` are the fills it covers.
    `nq` is how much of `qty` is no RPI trade, `UNTOLD` where the venue does not say."""

    instrument: str
    id: int
    price: int
    qty: int
    side: int
    ts_event: int
    first_id: int
    last_id: int
    ts_recv: int
    nq: int = UNTOLD


class FeedUp(Struct, frozen=True):
    """The streams of these instruments are subscribed on an open connection."""

    instruments: tuple[str, ...]
    ts: int
    connection: int


class FeedDown(Struct, frozen=True):
    """A connection that carried these instruments is gone (or was never had); `reason` is for a person."""

    instruments: tuple[str, ...]
    ts: int
    connection: int
    reason: str


class Refill(Struct, frozen=True):
    """Trades read from REST (or a journal), any order, overlaps allowed.

    `lost` are id ranges proven not to exist there any more (REST answered with an id beyond them and not with them),
    `origin` says that nothing older than the oldest trade here exists, `warm` that the first warm-up is complete,
    `repair` that this answers a `GapFound` (its large prints are then emitted as late; a warm-up's never are).
    """

    instrument: str
    trades: tuple[Trade, ...]
    ts: int
    lost: tuple[Range, ...] = ()
    origin: bool = False
    warm: bool = False
    repair: bool = False
    source: Source = "backfill"


class Probe(Struct, frozen=True):
    """REST was asked for the newest id: `newest_id` (None where the symbol has never traded) at venue time `ts`.

    `silent`: the stream had been silent, and has not brought that id though it had the time to.
    """

    instrument: str
    newest_id: int | None
    ts: int
    silent: bool = False


class Restarted(Struct, frozen=True):
    """The venue began its ids anew for this instrument (confirmed by REST): a new generation begins, empty."""

    instrument: str
    ts: int


class Forget(Struct, frozen=True):
    """Ids below `before` are given up: what lies there is not worth reading any more. The tape begins anew, cold."""

    instrument: str
    before: int
    ts: int


class Liquidation(Struct, frozen=True):
    """A liquidation order that the venue told of: a sample of those there are, never all of them.

    `side` is that of the order: `SELL` closes a long. `qty` was ordered, `filled` of it traded so far, at `avg_price`
    on average; `status` is the venue's own word. It has no part in tape, sums and states.
    """

    instrument: str
    side: int
    price: int
    avg_price: int
    qty: int
    filled: int
    ts_event: int
    ts_recv: int
    status: str = ""


class LiquidationFeed(Struct, frozen=True):
    """The stream of a venue's liquidations came up on a connection, or went down with it (`reason`, for a person)."""

    venue: str
    up: bool
    ts: int
    reason: str = ""
    connection: int = 0


#: What happens to tapes; and all that the engine takes.
Event = Trade | Refill | FeedUp | FeedDown | Probe | Restarted | Forget
AnyEvent = Event | Liquidation | LiquidationFeed


class LargePrint(Struct, frozen=True, omit_defaults=True):
    """A large print, by `row` or by `order`. An order stands under the id, price and time of its last row.

    `confidence` is only said of orders of a venue that merges rows (`Instrument.row_span`), and `base` (10^-24) only
    of inverse contracts, whose `qty` counts contracts.
    """

    instrument: str
    group: Literal["row", "order"]
    id: int
    side: int
    price: int
    qty: int
    notional: int
    ts_event: int
    first_id: int
    last_id: int
    legs: int
    levels: int
    late: bool = False
    confidence: Literal["", "likely", "possible"] = ""
    base: int = 0


class GapFound(Struct, frozen=True):
    """Ids `first`..`last` (inclusive) were skipped; found at `ts`."""

    instrument: str
    first: int
    last: int
    ts: int


class Corrected(Struct, frozen=True):
    """Missing ids came in, or were proven lost: `filled` and `lost` ranges, both of them outside any first warm-up."""

    instrument: str
    filled: tuple[Range, ...]
    lost: tuple[Range, ...]
    ts: int


class LateTrades(Struct, frozen=True):
    """Trades that a repair spliced into the tape, by id; never those of a first warm-up."""

    instrument: str
    trades: tuple[Trade, ...]


class StateChanged(Struct, frozen=True):
    """The feed state of an instrument is now `state`, since venue time `since`; `reason` is for a person."""

    instrument: str
    state: State
    since: int
    reason: str


#: What comes of that; and all that the engine returns.
Update = LargePrint | GapFound | Corrected | LateTrades | StateChanged
AnyUpdate = Update | Liquidation
