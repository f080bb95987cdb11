"""Exact sums over a span of trades, split by aggressor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Self

from msgspec import Struct, field

from orderflow_stream.core.events import UNTOLD
from orderflow_stream.core.units import DECIMALS, INVERSE_DECIMALS, divide_half_even

#: A notional (10^-16) over a price (10^-8) is at 10^-8; this much more makes it one at 10^-24.
_FINER: Final = 10 ** (INVERSE_DECIMALS - DECIMALS)


def inverse_base(quote: int, price: int) -> int:
    """What a notional (10^-16) is in the base asset, at 10^-24, ties to even. The price must be positive."""
    return divide_half_even(quote * _FINER, price)


class Sums(Struct):
    """Counts, base volume (10^-8) and quote volume (10^-16) of taker buys and taker sells.

    Of inverse contracts the quote volume is what the contracts are worth (exact, as always), and the base volume the
    sum over the trades of that worth divided by their price, each rounded half to even at 10^-24.
    """

    buy_trades: int = 0
    sell_trades: int = 0
    buy_base: int = 0
    sell_base: int = 0
    buy_quote: int = 0
    sell_quote: int = 0

    @classmethod
    def of(cls, rows: Iterable[tuple[int, int]], contract: int = 0) -> Self:
        """The sums of `(price, signed quantity)` pairs; a negative quantity is a taker sell.

        `contract` is that of the instrument (10^-8): not 0 where quantities are inverse contracts.
        """
        if contract:
            return cls._of_contracts(rows, contract)
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

    @classmethod
    def _of_contracts(cls, rows: Iterable[tuple[int, int]], contract: int) -> Self:
        buy_trades = sell_trades = buy_base = sell_base = bought = sold = 0
        for price, qty in rows:
            if qty > 0:
                buy_trades += 1
                bought += qty
                buy_base += inverse_base(qty * contract, price)
            else:
                sell_trades += 1
                sold -= qty
                sell_base += inverse_base(-qty * contract, price)
        return cls(buy_trades, sell_trades, buy_base, sell_base, bought * contract, sold * contract)

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


class NqSums(Struct):
    """The same without RPI trades: of rows that say how much of them is none, and how many do not.

    A row that is nothing but RPI trades is no trade here.
    """

    sums: Sums = field(default_factory=Sums)
    untold: int = 0

    @classmethod
    def of(cls, rows: Iterable[tuple[int, int, int]], contract: int = 0) -> Self:
        """Of `(price, signed quantity, nq)`."""
        told: list[tuple[int, int]] = []
        untold = 0
        for price, qty, nq in rows:
            if nq > 0:
                told.append((price, nq if qty > 0 else -nq))
            elif nq == UNTOLD:
                untold += 1
        return cls(Sums.of(told, contract), untold)

    @property
    def told(self) -> Sums | None:
        """The sums, None where some of the rows do not tell."""
        return None if self.untold else self.sums

    def __add__(self, other: NqSums) -> NqSums:
        return NqSums(self.sums + other.sums, self.untold + other.untold)

    def __sub__(self, other: NqSums) -> NqSums:
        return NqSums(self.sums - other.sums, self.untold - other.untold)
