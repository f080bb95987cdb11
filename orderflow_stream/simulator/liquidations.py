"""Forced orders as the exchange tells them: a sample, at most one of a symbol in a second, the largest of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

import msgspec
import orjson

from orderflow_stream.core.units import parse_scaled

#: The stream of all symbols of both futures markets.
ALL: Final = "!forceOrder@arr"

Side = Literal["BUY", "SELL"]


class Liquidation(msgspec.Struct, frozen=True):
    """One forced order. `side` is the order's: SELL closes a long. Prices and quantities are decimal text: `price` is
    the order's, `avg_price` what it was filled at on average; `qty` the order's, `last` of the last fill, `filled` of
    all. `product` is 1 for USD-M, 2 for COIN-M; `ts` in µs."""

    symbol: str
    side: Side
    price: str
    qty: str
    avg_price: str
    last: str
    filled: str
    ts: int
    status: str
    pair: str
    product: int

    @property
    def streams(self) -> tuple[str, str]:
        """The names that carry it."""
        return (ALL, f"{self.symbol.lower()}@forceOrder")

    def event(self, published: int) -> bytes:
        """The bare event, times in ms."""
        order = {"s": self.symbol, "S": self.side, "o": "LIMIT", "f": "IOC", "q": self.qty, "p": self.price,
                 "ap": self.avg_price, "X": self.status, "l": self.last, "z": self.filled,
                 "T": self.ts // 1000}  # fmt: skip
        return orjson.dumps(
            {"e": "forceOrder", "E": published // 1000, "o": order, "ps": self.pair, "st": self.product}
        )


class Sampler:
    """Decides which are told. `wait(symbol, µs)` is asked to call `tell(symbol)` so much later."""

    def __init__(self, send: Callable[[Liquidation], None], wait: Callable[[str, int], None], window: int) -> None:
        self._send = send
        self._wait = wait
        self._window = window
        self._held: dict[str, Liquidation] = {}

    def offer(self, one: Liquidation) -> None:
        """A forced order happened. The first of a symbol opens its window; the largest is told when it closes."""
        if not self._window:
            self._send(one)
            return
        held = self._held.get(one.symbol)
        if held is None:
            self._held[one.symbol] = one
            self._wait(one.symbol, self._window)
        elif parse_scaled(one.qty) > parse_scaled(held.qty):
            self._held[one.symbol] = one

    def tell(self, symbol: str) -> None:
        """The window of a symbol is over."""
        one = self._held.pop(symbol, None)
        if one is not None:
            self._send(one)

    def flush(self) -> None:
        """Every window is over."""
        for symbol in list(self._held):
            self.tell(symbol)
