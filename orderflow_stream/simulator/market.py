"""A seeded market that looks like one; pure: the same seed and start give the same trades, time is an argument.

Arrivals cluster: an order is either spontaneous (Poisson) or set off by an earlier one, soon after (a branching form
of a Hawkes process; A. G. Hawkes, D. Oakes, J. Appl. Prob. 11, 1974), and rarely one sets off a cascade. Prices walk
on the symbol's tick grid and are pulled back to where they began; sides persist; sizes are log-normal. About one
order in six walks several price levels: consecutive rows with one time and side and chained fill ids. Now and then
an order is large, in one row or only as a sum of rows.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from orderflow_stream.core.units import DECIMALS, SCALE, parse_scaled
from orderflow_stream.simulator.listing import DEFAULT_LISTINGS, QUOTE_USD, Listing
from orderflow_stream.venues.binance_archive import ArchiveRow

_OFFSPRING: Final = 0.6  # orders that one order sets off, on average
_CASCADE_ODDS: Final = 1 / 4000
_CASCADE_SIZE: Final = (30, 150)
_ROWS_PER_ORDER: Final = 1.27  # of the level distribution below
_CRITICALITY: Final = _OFFSPRING + _CASCADE_ODDS * sum(_CASCADE_SIZE) / 2
_EXP_OFFSPRING: Final = math.exp(-_OFFSPRING)

_VOLATILITY: Final = 6e-5  # relative, per square root of a second
_PULL_S: Final = 7200.0
_ORDINARY_USD: Final = 95_000.0  # an order above this is large by intent, not by the tail of a distribution
_LARGE_USD: Final = 100_000.0
_LEG_USD: Final = 90_000.0

_PRICE_FLOOR: Final = 5  # ticks: a walk may not reach zero


class Forced(NamedTuple):
    """A liquidation: the forced order of `symbol` at `ts` (µs). `side` +1 buys (a short is closed), -1 sells; `price`
    is its limit, `avg_price` what it was filled at; decimal text."""

    ts: int
    symbol: str
    side: int
    price: str
    avg_price: str
    qty: str


class Order(NamedTuple):
    """One taker order: its rows in book order, all with time `ts` (µs). A row that the exchange marked invalid
    (`p = q = 0`, `f = l = -1`) comes as an order of its own. On futures it is what leaves together at `ts`."""

    ts: int
    symbol: str
    rows: tuple[ArchiveRow, ...]
    forced: tuple[Forced, ...] = ()


def scaled_text(value: int) -> str:
    """An integer at 10^-8 with all eight decimals, as the exchange writes it."""
    return f"{value // SCALE}.{value % SCALE:0{DECIMALS}d}"


class Walk:
    """One symbol's walk."""

    def __init__(self, listing: Listing, seed: int, start: int, large_every: int) -> None:
        self.listing = listing
        self.random = random.Random(f"{seed}:{listing.symbol}")
        self.tick = parse_scaled(listing.tick)
        self.step = parse_scaled(listing.step)
        if self.tick <= 0 or self.step <= 0:
            raise ValueError(f"{listing.symbol}: tick and step must be above 0")
        self.mid = self.anchor = max(parse_scaled(listing.price) / self.tick, 2.0 * _PRICE_FLOOR)
        self.unit_usd = QUOTE_USD.get(listing.quote, 1.0)
        # Where the quote is no dollar, "100,000 of the quote" is out of reach of any order.
        self.large_odds = 1 / large_every if large_every and self.unit_usd == 1.0 else 0.0
        self.id = self.random.randrange(10**6, 3 * 10**9)
        self.fill = self.id * 2
        self.side = 1
        self.now = start

    def order(self, ts: int) -> tuple[ArchiveRow, ...]:
        """The next order, as rows."""
        self.step_to(ts)
        rows = []
        for ticks, lots, first, last in self.legs(ts):
            self.id += 1
            rows.append(
                ArchiveRow(
                    self.id, scaled_text(ticks * self.tick), scaled_text(lots * self.step), first, last, ts, "us",
                    self.side < 0,
                )
            )  # fmt: skip
        return tuple(rows)

    def step_to(self, ts: int) -> None:
        """Let time pass: the price moves, the side may turn."""
        elapsed = (ts - self.now) / 1e6
        self.now = ts
        self.wander(elapsed)
        if self.random.random() > 0.72:
            self.side = 1 if self.random.random() < 0.5 else -1

    def wander(self, elapsed: float) -> None:
        """Move the price by `elapsed` seconds."""
        draw = self.random
        self.mid *= math.exp(draw.gauss(0.0, _VOLATILITY * math.sqrt(min(elapsed, 60.0))))
        self.mid += (self.anchor - self.mid) * min(1.0, elapsed / _PULL_S)
        self.mid = max(self.mid, 2.0 * _PRICE_FLOOR)

    def invalid(self, ts: int) -> tuple[ArchiveRow, ...]:
        """A row of the audit of 2022: the id stays, the trade is void."""
        self.id += 1
        return (ArchiveRow(self.id, "0", "0", -1, -1, ts, "us", False),)

    def _ordinary(self) -> list[float]:
        """Dollars per level."""
        draw = self.random
        total = min(draw.lognormvariate(5.2, 1.7) + 6.0, _ORDINARY_USD)
        if draw.random() > 0.16:
            return [total]
        levels = 2
        while draw.random() < 0.3 and levels < 40:
            levels += 1
        if draw.random() < 0.005:
            levels += draw.randrange(10, 80)
        return self._split(total + 6.0 * levels, levels)

    def _large(self) -> list[float]:
        draw = self.random
        size = _LARGE_USD * (1.01 + draw.expovariate(1.5))
        if draw.random() < 0.5:
            return [size]
        # Large as an order only: every row stays clear of the threshold.
        return [min(leg, _LEG_USD) for leg in self._split(size * 1.2, math.ceil(size / 45_000) + 2)]

    def _split(self, total: float, levels: int) -> list[float]:
        shares = [0.6 + self.random.random() for _ in range(levels)]
        unit = total / sum(shares)
        return [share * unit for share in shares]

    def legs(self, ts: int) -> list[tuple[int, int, int, int]]:
        """The next order: price in ticks, lots, first and last fill of every level it takes."""
        draw = self.random
        dollars = self._large() if draw.random() < self.large_odds else self._ordinary()
        half_spread = self.mid * 1e-5
        ticks = max(_PRICE_FLOOR, round(self.mid + self.side * half_spread))
        levels = []
        for usd in dollars:
            lots = self.lots(usd, ticks * self.tick)
            first = self.fill + 1
            self.fill += 1 + int(draw.expovariate(0.8))
            levels.append((ticks, lots, first, self.fill))
            ticks += self.side * (1 + int(draw.expovariate(1.0) * self.mid * 4e-6))
            ticks = max(_PRICE_FLOOR, ticks)
        if len(levels) > 1:  # a sweep leaves half of its way behind it
            self.mid += (ticks - self.mid) * 0.5
        return levels

    def lots(self, usd: float, price: int) -> int:
        """Lots worth so many dollars at a price (10^-8)."""
        return max(1, math.ceil(usd / self.unit_usd / (price / SCALE) / (self.step / SCALE)))


class SyntheticMarket:
    """The generator. `rate` is trades (rows) a second over all symbols together, shared out by `Listing.weight`.

    `large_every`: one order in so many of a dollar-quoted symbol is worth 100,000 or more (0: never);
    `invalid_every`: one order in so many *of the history* is followed by an invalid row (0: never).
    """

    def __init__(
        self,
        seed: int = 7,
        listings: Sequence[Listing] = DEFAULT_LISTINGS,
        *,
        rate: float = 60.0,
        large_every: int = 600,
        invalid_every: int = 20_000,
    ) -> None:
        if not listings:
            raise ValueError("listings must name at least one symbol")
        if not rate > 0 or not math.isfinite(rate):
            raise ValueError(f"rate must be above 0 trades a second, not {rate}")
        self.seed = seed
        self.listings = tuple(listings)
        self.rate = rate
        self._large_every = large_every
        self._invalid_every = invalid_every

    def orders(self, start: int, history_until: int = 0) -> Iterator[Order]:
        """Every order from `start` (µs) on, in time order, without end; invalid rows only before `history_until`."""
        draw = random.Random(self.seed)
        symbols = [Walk(listing, self.seed, start, self._large_every) for listing in self.listings]
        for index, ts in self.arrivals(start, draw):
            symbol = symbols[index]
            yield Order(ts, symbol.listing.symbol, symbol.order(ts))
            if ts < history_until and self._invalid_every and draw.random() * self._invalid_every < 1:
                yield Order(ts, symbol.listing.symbol, symbol.invalid(ts))

    def arrivals(self, start: int, draw: random.Random | None = None) -> Iterator[tuple[int, int]]:
        """When which symbol (by index) has its next order: (index, µs), in time order, without end."""
        draw = draw or random.Random(self.seed)
        last = [start] * len(self.listings)
        total = sum(listing.weight for listing in self.listings)
        spontaneous = self.rate / _ROWS_PER_ORDER * (1 - _CRITICALITY) / total
        means_us = [1e6 / (spontaneous * max(listing.weight, 1e-9)) for listing in self.listings]
        # (time, symbol, spontaneous): a spontaneous order also draws the next spontaneous one.
        queue = [(start + int(draw.expovariate(1 / mean)) + 1, i, True) for i, mean in enumerate(means_us)]
        heapq.heapify(queue)
        while True:
            due, index, is_spontaneous = queue[0]
            ts = max(due, last[index] + 1)
            if is_spontaneous:
                heapq.heapreplace(queue, (ts + int(draw.expovariate(1 / means_us[index])) + 1, index, True))
            else:
                heapq.heappop(queue)
            if ts > due and queue and queue[0][0] < ts:
                # Pushed back by its own symbol's last order: let the others go first, so that time never steps back.
                heapq.heappush(queue, (ts, index, False))
                continue
            for delay in self._set_off(draw):
                heapq.heappush(queue, (ts + delay, index, False))
            last[index] = ts
            yield index, ts

    @staticmethod
    def _set_off(draw: random.Random) -> list[int]:
        """Delays (µs) of the orders that one order sets off."""
        delays = []
        product = draw.random()
        while product > _EXP_OFFSPRING:  # Knuth's Poisson
            delays.append(1 + int(draw.expovariate(1.0) * (50_000 if draw.random() < 0.7 else 3_000_000)))
            product *= draw.random()
        if draw.random() < _CASCADE_ODDS:
            delays += [1 + int(draw.random() * 300_000) for _ in range(draw.randint(*_CASCADE_SIZE))]
        return delays
