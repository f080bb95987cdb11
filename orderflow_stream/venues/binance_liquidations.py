"""Binance's stream of liquidation orders, `!forceOrder@arr`: a sample, at most one of each symbol a second.

Since 2026-06-30 the stream carries the orders of both futures markets on both hosts; `st` tells them apart (on the
event, in older captures nowhere: then the host is the market's own). An order of the other market is
`Rejected("market")`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from orderflow_stream.core.events import BUY, SELL, Instrument, Liquidation
from orderflow_stream.core.units import parse_scaled
from orderflow_stream.venues.binance_rows import LAST_US, UNREADABLE, is_int, microseconds
from orderflow_stream.venues.binance_stream import BinanceFrames, Fields, first_fault, with_path
from orderflow_stream.venues.codec import LIQUIDATIONS
from orderflow_stream.venues.values import Reason, Rejected, Reply


class _Order(Struct, gc=False):
    s: str
    S: Literal["BUY", "SELL"]
    q: str
    p: str
    T: int
    ap: str = "0"
    z: str = "0"
    X: str = ""
    st: Any = None


class _Forced(Struct, gc=False):
    e: Literal["forceOrder"]
    o: _Order
    st: Any = None


class _Combined(Struct, gc=False):
    data: _Forced


_combined = msgspec.json.Decoder(_Combined).decode
_bare = msgspec.json.Decoder(_Forced).decode

_FIELDS: Final[Fields] = (
    ("p", str, "price"), ("q", str, "quantity"), ("T", int, "time"), ("ap", str, "price"), ("z", str, "quantity"),
)  # fmt: skip


class BinanceLiquidations(BinanceFrames):
    """The codec of that stream, for one market. Stateless."""

    def __init__(self, name: str, st: int, url: str, fallbacks: tuple[str, ...], path: str) -> None:
        """`st`: the exchange's number of the market; `path`: what the paths of its streams begin with."""
        self.name = name
        self.stream_url_default = url
        self.stream_fallbacks = fallbacks
        self._st = st
        self._path = path

    def stream_name(self, symbol: str) -> str:
        """The name as it is: case matters in this one."""
        return symbol

    def stream_url(self, base: str, symbols: Sequence[str]) -> str:
        """The URL of a combined stream that carries liquidations from the start."""
        return super().stream_url(with_path(base, self._path), symbols)

    def watch(self, instruments: Iterable[Instrument]) -> None:
        """Nothing: the stream is the whole market's."""

    def unwatch(self, symbols: Iterable[str]) -> None:
        """Nothing: the stream is the whole market's."""

    def decode(self, frame: bytes | str, ts_recv: int) -> Liquidation | Reply:
        """One frame as what it says. Never raises."""
        try:
            event = _combined(frame).data
        except UNREADABLE:
            try:
                event = _bare(frame)
            except UNREADABLE:
                return self._explain(frame)
        order = event.o
        if self._foreign(event.st, order.st):
            return Rejected("market", order.s)
        liquidation = self._liquidation(order, ts_recv)
        return liquidation if isinstance(liquidation, Liquidation) else Rejected(liquidation, order.s)

    def _foreign(self, *numbers: object) -> bool:
        return any(is_int(number) and number != self._st for number in numbers)

    def _liquidation(self, order: _Order, ts_recv: int) -> Liquidation | Reason:
        time = microseconds(order.T)
        if not 0 < time <= LAST_US:
            return "time"
        try:
            price, average = parse_scaled(order.p), parse_scaled(order.ap)
        except ValueError:
            return "price"
        try:
            qty, filled = parse_scaled(order.q), parse_scaled(order.z)
        except ValueError:
            return "quantity"
        if not price and not average:
            return "price"
        if not qty:
            return "quantity"
        side = SELL if order.S == "SELL" else BUY
        key = f"{self.name}:{order.s}"
        return Liquidation(key, side, price, average, qty, filled, time, ts_recv, order.X)

    def _explain_event(self, event: dict[str, Any]) -> Rejected:
        order = event.get("o")
        inner = order if isinstance(order, dict) else event
        symbol = inner.get("s")
        symbol = symbol if isinstance(symbol, str) else None
        if event["e"] != "forceOrder":
            return Rejected("event", symbol)
        if symbol is None:
            return Rejected("symbol" if isinstance(order, dict) else "shape")
        if self._foreign(event.get("st"), inner.get("st")):
            return Rejected("market", symbol)
        if inner.get("S") not in ("BUY", "SELL"):
            return Rejected("side", symbol)
        return Rejected(first_fault({"ap": "0", "z": "0"} | inner, _FIELDS, "shape"), symbol)


__all__ = ["LIQUIDATIONS", "BinanceLiquidations"]
