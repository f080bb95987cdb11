"""What the contract says of bars, brute force over plain rows in exact decimals: the members of a bar as
`numbers=string` has them. Written from the contract alone."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from tests.reference.tapefile import EXACT, Row

DAY: Final = 86_400_000_000
WIDTHS: Final = {"1s": 1_000_000, "5s": 5_000_000, "1m": 60_000_000, "5m": 300_000_000, "1h": 3_600_000_000}


def plain(value: Decimal) -> str:
    """All digits, no exponent, no needless zeros, no negative zero."""
    if not value:
        return "0"
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def total(values: Sequence[Decimal]) -> Decimal:
    """Exactly."""
    found = Decimal(0)
    for value in values:
        found = EXACT.add(found, value)
    return found


def edge(rows: Sequence[Row], interval: str) -> int:
    """Where the oldest bar begins that the daemon lists, however much was held before: seconds for an hour, minutes for
    a day up to the newest, and only bars of which no part is older."""
    width = WIDTHS[interval]
    base, span = (1_000_000, 3_600_000_000) if width < 60_000_000 else (60_000_000, DAY)
    newest = max(row.ts_us for row in rows if row.valid)
    begin = newest // base * base - span + base
    return -(-begin // width) * width


def anchor(rows: Sequence[Row], now: int, rule: str, *, known_before: bool = False) -> dict[str, Any]:
    """Rule and time (µs) of the anchor; `known_before`: nothing older than the rows exists."""
    valid = [row for row in rows if row.valid]
    midnight = now // DAY * DAY
    if rule == "session" and (known_before or min(row.ts_us for row in valid) < midnight):
        return {"rule": "session", "time": midnight}
    oldest = min(row.ts_us for row in valid if row.ts_us >= edge(rows, "1m"))
    return {"rule": "oldest", "time": oldest // 60_000_000 * 60_000_000}


def bars(rows: Sequence[Row], interval: str, since: int) -> list[dict[str, Any]]:
    """Every bar with a trade that begins at or after the edge, ascending; CVD since `since` (µs), to its end."""
    width, begin = WIDTHS[interval], edge(rows, interval)
    valid = [row for row in rows if row.valid]
    by_start: dict[int, list[Row]] = {}
    for row in valid:
        by_start.setdefault(row.ts_us // width * width, []).append(row)
    found: list[dict[str, Any]] = []
    starts = sorted(start for start in by_start if start >= begin)
    if not starts:
        return []
    # CVD(t) is 0 at the anchor and grows by every delta; so it is known before the anchor too.
    cvd = _between(valid, since, starts[0] + width)
    for number, start in enumerate(starts):
        inside = by_start[start]
        sums = _sums(inside)
        delta = EXACT.subtract(sums[0], sums[1]), EXACT.subtract(sums[2], sums[3])
        if number:
            cvd = EXACT.add(cvd[0], delta[0]), EXACT.add(cvd[1], delta[1])
        buys = sum(row.side == "buy" for row in inside)
        first, last = min(inside, key=lambda row: row.id), max(inside, key=lambda row: row.id)
        found.append(
            {
                "start": start // 1000,
                "end": (start + width) // 1000,
                "open": plain(first.price),
                "high": plain(max(row.price for row in inside)),
                "low": plain(min(row.price for row in inside)),
                "close": plain(last.price),
                "taker_buy_base": plain(sums[0]),
                "taker_sell_base": plain(sums[1]),
                "taker_buy_quote": plain(sums[2]),
                "taker_sell_quote": plain(sums[3]),
                "delta_base": plain(delta[0]),
                "delta_quote": plain(delta[1]),
                "cvd_base": plain(cvd[0]),
                "cvd_quote": plain(cvd[1]),
                "buy_trades": buys,
                "sell_trades": len(inside) - buys,
                "first_id": first.id,
                "last_id": last.id,
            }
        )
    return found


def _delta(rows: Sequence[Row]) -> tuple[Decimal, Decimal]:
    sums = _sums(rows)
    return EXACT.subtract(sums[0], sums[1]), EXACT.subtract(sums[2], sums[3])


def _sums(rows: Sequence[Row]) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """Base bought and sold, quote bought and sold."""
    bought = [row for row in rows if row.side == "buy"]
    sold = [row for row in rows if row.side == "sell"]
    return (
        total([row.qty for row in bought]),
        total([row.qty for row in sold]),
        total([_notional(row) for row in bought]),
        total([_notional(row) for row in sold]),
    )


@lru_cache(maxsize=100_000)
def _notional(row: Row) -> Decimal:
    return row.notional


def _between(rows: Sequence[Row], since: int, until: int) -> tuple[Decimal, Decimal]:
    """The deltas from `since` to `until`, backwards where that is before."""
    low, high = min(since, until), max(since, until)
    base, quote = _delta([row for row in rows if low <= row.ts_us < high])
    return (base, quote) if since <= until else (-base, -quote)
