"""Exact sums over a span of trades, split by aggressor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from msgspec import Struct


class Sums(Struct):
    """Counts, base volume (10^-8) and quote volume (10^-16) of taker buys and taker sells."""

    buy_trades: int = 0
    sell_trades: int = 0
    buy_base: int = 0
    sell_base: int = 0
    buy_quote: int = 0
    sell_quote: int = 0

    @classmethod
    def of(cls, rows: Iterable[tuple[int, int]]) -> Self:
        """The sums of `(price, signed quantity)` pairs; a negative quantity is a taker sell."""
        buy_trades = sell_trades = buy_base = sell_base = buy_quote = sell_quote = 0
        for price, qty in rows:
            if qty > 0:
                buy_trades += 1
                buy_base += qty
                buy_quote += price * qty
            else:
                sell_trades += 1
                sell_base -= qty
                sell_quote -= price * qty
        return cls(buy_trades, sell_trades, buy_base, sell_base, buy_quote, sell_quote)

    @property
    def trades(self) -> int:
        return self.buy_trades + self.sell_trades

    @property
    def delta_base(self) -> int:
        return self.buy_base - self.sell_base

    @property
    def delta_quote(self) -> int:
        return self.buy_quote - self.sell_quote

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.buy_trades + other.buy_trades,
            self.sell_trades + other.sell_trades,
            self.buy_base + other.buy_base,
            self.sell_base + other.sell_base,
            self.buy_quote + other.buy_quote,
            self.sell_quote + other.sell_quote,
        )

    def __sub__(self, other: Sums) -> Sums:
        return Sums(
            self.buy_trades - other.buy_trades,
            self.sell_trades - other.sell_trades,
            self.buy_base - other.buy_base,
            self.sell_base - other.sell_base,
            self.buy_quote - other.buy_quote,
            self.sell_quote - other.sell_quote,
        )
