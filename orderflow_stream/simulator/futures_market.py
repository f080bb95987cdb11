"""The synthetic market of the futures: what a spot market draws, told the way the futures exchange tells it.

Fills of one price and side that follow one another within 100 ms are one row, of whichever orders, and everything of a
symbol within 100 ms leaves together at the end of them (whether the exchange's 100 ms begin at a fill or lie on a grid
is not documented: here they lie on a grid). A row's time is its first fill's. Now and then fills are left out
(insurance fund, deleveraging), so that fill ids have holes where trade ids have none. On USD-M some of a row is RPI.
Prices may follow a leader (a spot market) with a basis that wanders for a perpetual and shrinks to nothing until a
delivery. Where the price moves fast, some of the orders that move it are forced.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from orderflow_stream.core.units import DECIMALS, SCALE
from orderflow_stream.simulator.contract_info import places
from orderflow_stream.simulator.contracts import Contract
from orderflow_stream.simulator.exchange import Exchange
from orderflow_stream.simulator.listing import Listing
from orderflow_stream.simulator.market import Forced, Order, SyntheticMarket, Walk, scaled_text
from orderflow_stream.venues.binance_archive import ArchiveRow

#: What leads the price of a contract: the price of (base, quote) at a time (µs), None where there is none.
Leader = Callable[[str, str, int], float | None]

BATCH_US: Final = 100_000
_RPI_ODDS: Final = 0.09  # a fill has RPI in it
_ALL_RPI_ODDS: Final = 0.3  # … and is all RPI
_LEFT_OUT_ODDS: Final = 1 / 300
_BASIS: Final = 3e-4
_BASIS_PERIOD_US: Final = 900e6
_CARRY: Final = 0.07  # a year
_YEAR_US: Final = 365.25 * 86_400e6
#: A move so large within so long is fast: about three times what five calm seconds do.
_FAST: Final = 4e-4
_FAST_US: Final = 5_000_000
_FORCED_ODDS: Final = 0.15


def grid_text(value: int, decimals: int) -> str:
    """An integer at 10^-8 with so many decimals, as futures write it: `28145.10`, `0.050`, `12`."""
    text = scaled_text(value)
    return text[: len(text) - DECIMALS + decimals] if decimals else text[: -DECIMALS - 1]


class _Row:
    """A row that is being merged: lots and fills of one price and side."""

    __slots__ = ("first", "last", "lots", "rpi", "ts")

    def __init__(self, ts: int, first: int, last: int, lots: int, rpi: int) -> None:
        self.ts = ts
        self.first = first
        self.last = last
        self.lots = lots
        self.rpi = rpi


class ContractWalk(Walk):
    """One contract's walk; `close` tells what happened since the last close."""

    def __init__(self, listing: Listing, seed: int, start: int, large_every: int, leader: Leader | None) -> None:
        super().__init__(listing, seed, start, large_every)
        self._contract = listing if isinstance(listing, Contract) else None
        self._leader = leader
        # Of its own, so that the walk is the same whatever is drawn beside it.
        self._beside = random.Random(f"{seed}:{listing.symbol}:futures")
        self._phase = self._beside.random() * math.tau
        self._price_places = max(places(listing.tick), len(listing.tick.partition(".")[2]))
        self._qty_places = len(listing.step.partition(".")[2])
        self._worth = self._contract.contract_size if self._contract is not None else 0
        self._rows: list[tuple[int, bool, _Row]] = []
        self._forced: list[Forced] = []
        self._lead = 1.0
        self._mark = (start, self.mid)

    def add(self, ts: int) -> None:
        """The next order, merged into what waits."""
        self.step_to(ts)
        if self._beside.random() < _LEFT_OUT_ODDS:
            self.fill += self._beside.randint(1, 4)
        legs = self.legs(ts)
        sells = self.side < 0
        total = notional = 0
        for ticks, lots, first, last in legs:
            total += lots
            notional += ticks * lots
            rpi = self._rpi(lots)
            if self._rows:
                at, sold, row = self._rows[-1]
                if at == ticks and sold == sells:
                    row.last, row.lots, row.rpi = last, row.lots + lots, row.rpi + rpi
                    continue
            self._rows.append((ticks, sells, _Row(ts, first, last, lots, rpi)))
        self._force(ts, total, notional, legs[-1][0])

    def _rpi(self, lots: int) -> int:
        draw = self._beside
        if self._worth or draw.random() > _RPI_ODDS:
            return 0
        return lots if draw.random() < _ALL_RPI_ODDS else draw.randint(0, lots)

    def _force(self, ts: int, lots: int, notional: int, furthest: int) -> None:
        since, mark = self._mark
        if ts - since > _FAST_US:
            self._mark = (ts, self.mid)
            return
        if (self.mid / mark - 1) * self.side < _FAST or self._beside.random() > _FORCED_ODDS:
            return
        limit = furthest + self.side * max(1, round(furthest * 0.004))
        self._forced.append(
            Forced(ts, self.listing.symbol, self.side, self._price(max(1, limit)),
                   self._price(round(notional / lots)), self._qty(lots))
        )  # fmt: skip

    def close(self) -> tuple[tuple[ArchiveRow, ...], tuple[Forced, ...]]:
        """The rows since the last close, their ids following those before, and the orders that were forced."""
        rows = []
        for ticks, sells, row in self._rows:
            self.id += 1
            nq = "" if self._worth else self._qty(row.lots - row.rpi)
            rows.append(
                ArchiveRow(
                    self.id, self._price(ticks), self._qty(row.lots), row.first, row.last, row.ts - row.ts % 1000, "ms",
                    sells, nq,
                )
            )  # fmt: skip
        forced = tuple(self._forced)
        self._rows, self._forced = [], []
        return tuple(rows), forced

    def _price(self, ticks: int) -> str:
        return grid_text(ticks * self.tick, self._price_places)

    def _qty(self, lots: int) -> str:
        return grid_text(lots * self.step, self._qty_places)

    def lots(self, usd: float, price: int) -> int:
        """Contracts are worth the same at any price."""
        return max(1, math.ceil(usd / self._worth)) if self._worth else super().lots(usd, price)

    def wander(self, elapsed: float) -> None:
        """Follow the leader, else walk as spot does."""
        now = self.now
        price = self._leader(self.listing.base, self.listing.quote, now) if self._leader is not None else None
        if price is None:
            super().wander(elapsed)
            return
        delivery = self._contract.delivery if self._contract is not None else 0
        if delivery:
            basis = _CARRY * max(0, delivery - now) / _YEAR_US
        else:
            basis = _BASIS * math.sin(math.tau * now / _BASIS_PERIOD_US + self._phase)
        self.mid = max(price * (1 + basis) * SCALE / self.tick, 10.0)


class FuturesMarket(SyntheticMarket):
    """A `SyntheticMarket` of contracts. `rate` is fills a second over all symbols together (rows are fewer, since they
    are merged); `leader` is what prices follow."""

    def __init__(
        self,
        seed: int = 7,
        listings: Sequence[Listing] = (),
        *,
        rate: float = 60.0,
        large_every: int = 600,
        leader: Leader | None = None,
    ) -> None:
        super().__init__(seed, listings, rate=rate, large_every=large_every, invalid_every=0)
        self._leader = leader

    def orders(self, start: int, history_until: int = 0) -> Iterator[Order]:
        """What leaves together, every 100 ms, in time order, without end: `ts` is when it leaves."""
        del history_until  # of invalid rows; futures have none
        walks = [ContractWalk(each, self.seed, start, self._large_every, self._leader) for each in self.listings]
        waiting: dict[int, ContractWalk] = {}
        leaves = 0
        for index, ts in self.arrivals(start):
            if ts >= leaves:
                for walk in waiting.values():
                    rows, forced = walk.close()
                    yield Order(leaves, walk.listing.symbol, rows, forced)
                waiting.clear()
                leaves = ts - ts % BATCH_US + BATCH_US
            walk = waiting[index] = walks[index]
            walk.add(ts)


class SpotLeader:
    """Prices of a spot exchange's tapes: of (base, quote), where dollars are tether."""

    def __init__(self, exchange: Exchange) -> None:
        self._tapes = {(tape.listing.base, tape.listing.quote): tape for tape in exchange.tapes.values()}

    def __call__(self, base: str, quote: str, ts: int) -> float | None:
        tape = self._tapes.get((base, quote))
        if tape is None and quote in ("USD", "USDC"):
            tape = self._tapes.get((base, "USDT"))
        if tape is None or not len(tape):
            return None
        price = tape.price_at(ts)
        return None if price is None else float(price)
