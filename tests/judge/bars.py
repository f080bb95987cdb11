"""Bars by brute force over plain rows, at any moment: what each is, whether it is over, what may be claimed of it.

Whole numbers of 10^-60 until the one rounding; nothing is taken from another interval, nor from the product.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import accumulate
from typing import Any, Final

from tests.judge.oracle import Contract
from tests.reference.spans import FIAT
from tests.reference.tapefile import EXACT, Row

WIDTHS: Final = {"1s": 1_000_000, "5s": 5_000_000, "1m": 60_000_000, "5m": 300_000_000, "1h": 3_600_000_000}
ANCHORS: Final = ("session", "oldest")
MINUTE: Final = 60_000_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
#: Places of the whole numbers that volumes are added up in.
_FINE: Final = 60


class Ledger:
    """Rows (valid ones count), from the oldest on; `first_of_all`: nothing older exists."""

    def __init__(self, contract: Contract, rows: Sequence[Row], *, first_of_all: bool) -> None:
        self.contract = contract
        self.first_of_all = first_of_all
        self.rows = sorted((row for row in rows if row.valid), key=lambda row: (row.ts_us, row.id))
        self.times = [row.ts_us for row in self.rows]
        signs = [1 if row.side == "buy" else -1 for row in self.rows]
        base = [sign * contract.volume(row) for sign, row in zip(signs, self.rows, strict=True)]
        quote = [sign * contract.worth(row) for sign, row in zip(signs, self.rows, strict=True)]
        self._base, self._quote = [0, *accumulate(base)], [0, *accumulate(quote)]
        self._bars: dict[tuple[str, int, bool], dict[str, Any]] = {}
        self._starts: dict[str, list[int]] = {}

    def edge(self, interval: str) -> int:
        """Where the oldest bar begins that is listed: seconds are kept for an hour, minutes for a day."""
        width = WIDTHS[interval]
        step, span = (1_000_000, HOUR) if width < MINUTE else (MINUTE, DAY)
        begin = self.times[-1] // step * step - span + step
        return -(-begin // width) * width

    def anchor(self, rule: str, now: int) -> tuple[str, int]:
        """The rule that holds, and its time (µs), at `now` (µs)."""
        midnight = now // DAY * DAY
        if rule == "session" and (self.first_of_all or self.times[0] < midnight):
            return "session", midnight
        held = self.times[bisect_left(self.times, self.edge("1m"))]
        return "oldest", held // MINUTE * MINUTE

    def starts(self, interval: str) -> list[int]:
        """Of all bars with a trade, ascending."""
        found = self._starts.get(interval)
        if found is None:
            width, edge = WIDTHS[interval], self.edge(interval)
            found = self._starts[interval] = sorted({ts // width * width for ts in self.times if ts >= edge})
        return found

    def bar(self, interval: str, start: int, since: int, exact: bool) -> dict[str, Any]:
        """One, with the CVD since `since` (µs) at its end; without what is claimed of it."""
        known = self._bars.get((interval, start, exact))
        if known is None:
            known = self._bars[interval, start, exact] = self._bar(interval, start, exact)
        high, zero = bisect_left(self.times, start + WIDTHS[interval]), bisect_left(self.times, since)
        based, quoted = self._places(exact)
        return known | {
            "cvd_base": shown(_rounded(self._base[high] - self._base[zero], based), exact),
            "cvd_quote": shown(_rounded(self._quote[high] - self._quote[zero], quoted), exact),
        }

    def _places(self, exact: bool) -> tuple[int, int]:
        """Of base volumes and of quote values."""
        fiat = self.contract.quote in FIAT
        return (16 if exact and self.contract.size else 8), (16 if exact else 2 if fiat else 8)

    def _bar(self, interval: str, start: int, exact: bool) -> dict[str, Any]:
        """Without its CVD."""
        low, high = bisect_left(self.times, start), bisect_left(self.times, start + WIDTHS[interval])
        inside = sorted(self.rows[low:high])  # by id: a row begins with it
        bought = [row for row in inside if row.side == "buy"]
        sold = [row for row in inside if row.side == "sell"]
        volume, worth = self.contract.volume, self.contract.worth
        base = sum(map(volume, bought)), sum(map(volume, sold))
        quote = sum(map(worth, bought)), sum(map(worth, sold))
        prices = [row.price for row in inside]
        names = ("taker_buy", "taker_sell", "delta")
        bases, quotes = (*base, base[0] - base[1]), (*quote, quote[0] - quote[1])
        based, quoted = self._places(exact)
        return {
            "start": start // 1000,
            "end": (start + WIDTHS[interval]) // 1000,
            "open": shown(prices[0], exact),
            "high": shown(max(prices), exact),
            "low": shown(min(prices), exact),
            "close": shown(prices[-1], exact),
            **{f"{name}_base": shown(_rounded(value, based), exact) for name, value in zip(names, bases, strict=True)},
            **{f"{name}_quote": shown(_rounded(one, quoted), exact) for name, one in zip(names, quotes, strict=True)},
            "buy_trades": len(bought),
            "sell_trades": len(sold),
            "first_id": inside[0].id,
            "last_id": inside[-1].id,
        }


def shown(value: Decimal, exact: bool) -> Decimal | str:
    """A number as it stands, or as the string that spells it: no exponent, no needless zeros, no negative zero."""
    if not exact:
        return value
    if not value:
        return "0"
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _rounded(value: int, places: int) -> Decimal:
    """Half to even."""
    unit = 10 ** (_FINE - places)
    whole, rest = divmod(value, unit)
    whole += rest * 2 > unit or (rest * 2 == unit and whole % 2)
    return EXACT.scaleb(Decimal(whole), -places)


def judge_list(ledger: Ledger, data: Mapping[str, Any], interval: str, rule: str, *, exact: bool) -> int:
    """A `/v1/bars` answer of all bars: every one is there, every digit right, `closed` by the venue's time. What is
    claimed to be complete is judged by `complete`. Gives how many values were compared."""
    contract = ledger.contract
    assert {name: data[name] for name in contract.about} == contract.about
    assert data["interval"] == interval
    bars = data["bars"]
    assert data["count"] == len(bars)
    if not ledger.rows:
        assert not bars
        return 0
    anchored = ledger.anchor(rule, data["now"] * 1000)
    assert (data["anchor"]["rule"], data["anchor"]["time"] * 1000) == anchored, (data["anchor"], anchored)
    starts = ledger.starts(interval)
    assert [bar["start"] * 1000 for bar in bars] == starts
    for start, bar in zip(starts, bars, strict=True):
        expected = ledger.bar(interval, start, anchored[1], exact)
        claims = {"closed": data["now"] >= bar["end"], "complete": bar["complete"]}
        assert bar == expected | claims, differences(bar, expected | claims)
        assert type(bar["complete"]) is bool
    return 20 * len(bars)


def differences(found: Mapping[str, Any], expected: Mapping[str, Any]) -> str:
    """For a person."""
    names = [name for name in {**found, **expected} if found.get(name) != expected.get(name)]
    return "; ".join(f"{name}: expected {expected.get(name)}, found {found.get(name)}" for name in names)


def judge_complete(
    ledger: Ledger,
    data: Mapping[str, Any],
    *,
    missing: Sequence[Sequence[int]],
    truth: Sequence[Row],
    healthy: bool,
) -> None:
    """What is claimed to be complete, exactly: `ledger` has what is held, `missing` are the holes in it, `truth` is all
    that the exchange has had for longer than an answer takes. `healthy`: nothing may be withheld either."""
    bars = data["bars"]
    lacking = [row for row in truth if row.valid]
    ids = {row.id for row in ledger.rows}
    real = sorted(row.ts_us for row in lacking if row.id not in ids)
    groups = _overlapping(bars)
    for number, bar in enumerate(bars):
        over, proven = data["now"] >= bar["end"], (data["as_of"] or -1) >= bar["end"]
        gone = bisect_left(real, bar["end"] * 1000) - bisect_left(real, bar["start"] * 1000)
        assert not (bar["complete"] and gone), (bar, f"{gone} trades are not in it")
        if bar["complete"]:
            assert proven or not over, (bar, data["as_of"])
        if not healthy:
            assert not bar["complete"] or over or data["state"] in {"live", "quiet"}, bar
            continue
        group = groups[number]
        if not missing:
            expected = (group > 0 or ledger.first_of_all) and (proven or not over)
            assert bar["complete"] is expected, (number, len(bars), bar, data["as_of"], data["now"])
            continue
        inside = [one for one, other in zip(bars, groups, strict=True) if other == group]
        before = [one["last_id"] for one, other in zip(bars, groups, strict=True) if other == group - 1]
        after = [one["first_id"] for one, other in zip(bars, groups, strict=True) if other == group + 1]
        low = max(before, default=min(one["first_id"] for one in inside))
        high = min(after, default=max(one["last_id"] for one in inside))
        doubtful = any(first <= high and last >= low for first, last in missing)
        expected = (group > 0 or ledger.first_of_all) and not doubtful and (proven or not over)
        assert bar["complete"] is expected, (number, len(bars), bar, missing, data["as_of"], data["now"])
    anchor = data["anchor"]
    if anchor["complete"]:
        # Up to what is known of the feed. The oldest may begin within the minute: what is older than all that was ever
        # held is none of it.
        begin = max(anchor["time"] * 1000, ledger.times[0] if anchor["rule"] == "oldest" else 0)
        assert not any(begin <= ts < data["as_of"] * 1000 for ts in real), (anchor, data["as_of"], real)
    elif healthy:
        assert missing or anchor["time"] is None, anchor


def _overlapping(bars: Sequence[Mapping[str, Any]]) -> list[int]:
    """Of each bar a number, the same where ids overlap because times are out of their order: what is missing among them
    may belong to any of them."""
    lowest = list(accumulate((bar["first_id"] for bar in reversed(bars)), min))[::-1]
    highest = accumulate((bar["last_id"] for bar in bars), max)
    cuts = [below < above for below, above in zip(highest, lowest[1:], strict=False)]
    return [0, *accumulate(map(int, cuts))]


def upto(rows: Sequence[Row], last_id: int, without: Sequence[Sequence[int]] = ()) -> list[Row]:
    """The rows up to that id, but for ranges."""
    ids = [row.id for row in rows]
    held = rows[: bisect_right(ids, last_id)]
    return [row for row in held if not any(first <= row.id <= last for first, last in without)]
