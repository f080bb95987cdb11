"""Several instruments of one coin as one: exact sums in USD, and spot against perpetual. Pure: no I/O, no clock.

All of it is integers: USD at 10^-16, as notionals are; base volumes at the finest scale that a part may have, so that
parts of contracts and parts of coins can be added. Rounding is the encoder's.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from msgspec import Struct

from orderflow_stream.analytics.flow import Flow
from orderflow_stream.core.events import Instrument, State
from orderflow_stream.core.units import INVERSE_DECIMALS

#: Quote assets of which one unit counts as one USD.
USD_LIKE: Final = frozenset({"USD", "USDT", "USDC", "FDUSD", "TUSD", "DAI", "USD1", "U", "BUSD", "USDP"})

#: States from the best to the worst; a whole is as good as the worst of its parts.
RANKS: Final[tuple[State, ...]] = (
    "live",
    "quiet",
    "unverified",  # nothing is known to be missing
    "warming",  # the past is missing, and comes
    "gap",  # something inside is missing, and comes
    "partial",  # it does not come
    "stale",  # what is new is missing
    "connecting",  # there may be nothing at all
)
_RANK: Final = {state: rank for rank, state in enumerate(RANKS)}
#: States in which nothing is known beyond `as_of`: what has been traded since may not have come.
_UNHEARD: Final = frozenset({"unverified", "stale", "connecting"})

Times = tuple[int, int]


class Part(Struct, frozen=True):
    """One instrument and its flow over the span."""

    instrument: Instrument
    flow: Flow


class Totals(Struct, frozen=True):
    """The sum of some parts: USD at 10^-16, base at 10^-24, times in µs.

    `state` is the worst of the parts', `as_of` the oldest (None where one has none), `complete` whether all are.
    `overlap` is the time that every part speaks of, None where there is none.
    """

    buy_usd: int
    sell_usd: int
    buy_base: int
    sell_base: int
    buy_trades: int
    sell_trades: int
    complete: bool
    state: State
    as_of: int | None
    overlap: Times | None
    venues: tuple[str, ...]

    @property
    def share(self) -> Fraction | None:
        """Taker buys among all base volume; None where nothing traded."""
        total = self.buy_base + self.sell_base
        return Fraction(self.buy_base, total) if total else None


class SpotPerp(Struct, frozen=True):
    """Spot and perpetuals over one span. `difference` is spot's buy share less the perpetuals' (None where either has
    not traded), `overlap` the time that both speak of."""

    spot: Totals
    perp: Totals
    difference: Fraction | None
    overlap: Times | None


def total(parts: Sequence[Part]) -> Totals:
    """The sum of at least one part."""
    if not parts:
        raise ValueError("nothing to add up")
    buy_base = sell_base = 0
    for part in parts:
        finer = 10 ** (INVERSE_DECIMALS - part.instrument.base_decimals)
        buy_base += part.flow.sums.buy_base * finer
        sell_base += part.flow.sums.sell_base * finer
    coverages = [part.flow.coverage for part in parts]
    times = [coverage.as_of for coverage in coverages if coverage.as_of is not None]
    return Totals(
        buy_usd=sum(part.flow.sums.buy_quote for part in parts),
        sell_usd=sum(part.flow.sums.sell_quote for part in parts),
        buy_base=buy_base,
        sell_base=sell_base,
        buy_trades=sum(part.flow.sums.buy_trades for part in parts),
        sell_trades=sum(part.flow.sums.sell_trades for part in parts),
        complete=all(coverage.complete for coverage in coverages),
        state=max((coverage.state for coverage in coverages), key=_RANK.__getitem__),
        as_of=min(times) if len(times) == len(parts) else None,
        overlap=common([spoken_of(part.flow) for part in parts]),
        venues=tuple(dict.fromkeys(part.instrument.venue for part in parts)),
    )


def spot_against_perp(parts: Sequence[Part]) -> SpotPerp | None:
    """The spot parts against the perpetuals; None where one of the two lacks. Contracts that are delivered are
    neither."""
    spot = [part for part in parts if part.instrument.kind == "spot"]
    perp = [part for part in parts if part.instrument.kind == "perpetual"]
    if not spot or not perp:
        return None
    one, other = total(spot), total(perp)
    difference = None if one.share is None or other.share is None else one.share - other.share
    return SpotPerp(one, other, difference, common([one.overlap, other.overlap]))


def spoken_of(flow: Flow) -> Times | None:
    """The time that a flow speaks of: the window, as far back as the tape goes and no later than the feed was last
    known to be whole; of N trades, from the first of them to the last."""
    coverage = flow.coverage
    begin, end = flow.first_time, flow.last_time
    if coverage.requested_to is not None:
        begin, end = coverage.requested_from if coverage.reaches_back else begin, coverage.requested_to
        if coverage.state in _UNHEARD:
            end = None if coverage.as_of is None else min(end, coverage.as_of)
    return None if begin is None or end is None else (begin, end)


def common(times: Sequence[Times | None]) -> Times | None:
    """What all of these times have in common."""
    known = [one for one in times if one is not None]
    if not known or len(known) < len(times):
        return None
    begin, end = max(begin for begin, _ in known), min(end for _, end in known)
    return (begin, end) if begin < end else None
