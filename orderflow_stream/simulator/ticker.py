"""The 24 h ticker, from minute buckets: exact sums, and nothing to pay for a trade that left long ago."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

from orderflow_stream.core.units import DECIMALS, NOTIONAL_DECIMALS, divide_half_even, parse_scaled
from orderflow_stream.venues.binance_archive import ArchiveRow

_MINUTE_US: Final = 60_000_000
_MINUTES: Final = 24 * 60


class _Minute:
    __slots__ = ("count", "first", "high", "last", "low", "notional", "open", "qty", "start")

    def __init__(self, start: int, price: int, first: int) -> None:
        self.start = start
        self.open = self.high = self.low = price
        self.qty = self.notional = self.count = 0
        self.first = self.last = first


class DayStats:
    """Rolling statistics of one symbol over the last 24 h of its own time, in whole minutes."""

    __slots__ = ("_close", "_last_qty", "_minutes", "_newest")

    def __init__(self) -> None:
        self._minutes: deque[_Minute] = deque()
        self._close = 0
        self._last_qty = 0
        self._newest = 0

    def add(self, row: ArchiveRow) -> None:
        """Count a row; one with no volume, or beyond eight decimals, is not in the ticker."""
        try:
            price, qty = parse_scaled(row.price), parse_scaled(row.qty)
        except ValueError:
            return
        if not price or not qty:
            return
        start = row.ts - row.ts % _MINUTE_US
        if not self._minutes or start > self._minutes[-1].start:
            self._minutes.append(_Minute(start, price, row.first if row.first >= 0 else row.id))
            horizon = start - _MINUTES * _MINUTE_US
            while self._minutes[0].start <= horizon:
                self._minutes.popleft()
        minute = self._minutes[-1]  # a row from before the newest minute counts with it: the ticker is no tape
        minute.high = max(minute.high, price)
        minute.low = min(minute.low, price)
        minute.qty += qty
        minute.notional += price * qty
        minute.count += row.last - row.first + 1
        minute.last = row.last if row.last >= 0 else row.id
        self._close, self._last_qty, self._newest = price, qty, max(self._newest, row.ts)

    def render(self, symbol: str, now: int, mini: bool) -> dict[str, Any]:
        """One object of `/api/v3/ticker/24hr` at `now` (µs); all zeros where nothing traded for a day."""
        horizon = now - _MINUTES * _MINUTE_US
        held = [minute for minute in self._minutes if minute.start + _MINUTE_US > horizon]
        qty = sum(minute.qty for minute in held)
        notional = sum(minute.notional for minute in held)
        opened = held[0].open if held else 0
        close = self._close if held else 0
        change = close - opened
        average = divide_half_even(notional, qty) if qty else 0
        answer: dict[str, Any] = {"symbol": symbol}
        if not mini:
            percent = divide_half_even(change * 100_000, opened) if opened else 0
            answer |= {
                "priceChange": _eight(change),
                "priceChangePercent": f"{'-' if percent < 0 else ''}{abs(percent) // 1000}.{abs(percent) % 1000:03d}",
                "weightedAvgPrice": _eight(average),
                "prevClosePrice": _eight(opened),
                "lastPrice": _eight(close),
                "lastQty": _eight(self._last_qty if held else 0),
                "bidPrice": _eight(close),
                "bidQty": _eight(self._last_qty if held else 0),
                "askPrice": _eight(close),
                "askQty": _eight(self._last_qty if held else 0),
            }
        answer |= {
            "openPrice": _eight(opened),
            "highPrice": _eight(max((minute.high for minute in held), default=0)),
            "lowPrice": _eight(min((minute.low for minute in held), default=0)),
        }
        if mini:
            answer["lastPrice"] = _eight(close)
        answer |= {
            "volume": _eight(qty),
            "quoteVolume": _eight(divide_half_even(notional, 10 ** (NOTIONAL_DECIMALS - DECIMALS))),
            "openTime": horizon // 1000,
            "closeTime": now // 1000,
            "firstId": held[0].first if held else -1,
            "lastId": held[-1].last if held else -1,
            "count": sum(minute.count for minute in held),
        }
        return answer


def _eight(value: int) -> str:
    sign = "-" if value < 0 else ""
    whole, fraction = divmod(abs(value), 10**DECIMALS)
    return f"{sign}{whole}.{fraction:0{DECIMALS}d}"
