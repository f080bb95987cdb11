"""Which rows an answer stands on, their exact sums, and the one rounding."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import wraps
from itertools import islice, pairwise
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

from tests.reference.tapefile import EXACT, Row

#: Quote assets whose values carry 2 decimals.
FIAT = frozenset({"USDT", "USDC", "FDUSD", "TUSD", "DAI", "USD1", "U", "USD", "EUR", "TRY", "BRL"})

NIL = Decimal(0)

_Rest = ParamSpec("_Rest")
_Found = TypeVar("_Found")
_KEPT = 24


def kept(
    walk: Callable[Concatenate[Sequence[Row], _Rest], _Found],
) -> Callable[Concatenate[Sequence[Row], _Rest], _Found]:
    """A walk of rows, done once for the very same rows (the objects, not what they are equal to): one tape is asked the
    same by many questions. What it gives is not to be changed."""
    found: dict[Hashable, tuple[list[Row], _Found]] = {}

    @wraps(walk)
    def look(rows: Sequence[Row], /, *args: _Rest.args, **kwargs: _Rest.kwargs) -> _Found:
        key = tuple(map(id, rows)), args, tuple(sorted(kwargs.items()))
        entry = found.get(key)
        if entry is None:
            # The rows are held as long as their ids stand for them.
            entry = found[key] = list(rows), walk(rows, *args, **kwargs)
            if len(found) > _KEPT:
                del found[next(iter(found))]
        return entry[1]

    return look


def rounded(value: Decimal | Fraction, places: int) -> Decimal:
    """`value` at `places` decimals, half to even, from its exact value: one rounding, whatever came before."""
    return EXACT.scaleb(Decimal(round(Fraction(value) * 10**places)), -places)


def to_units(value: Decimal, places: int = 8) -> int:
    """`value` in units of 10^-places; ValueError where it is not a whole number of them."""
    scaled = Fraction(value) * 10**places
    if scaled.denominator != 1:
        raise ValueError(f"{value} is finer than 10^-{places}")
    return int(scaled.numerator)


@kept
def scan(rows: Sequence[Row], *, trades: int | None = None, window: tuple[int, int] | None = None) -> list[Row]:
    """The valid rows an answer is about: the newest `trades` of them across holes, or, for `window=(now, width)` in
    µs, those with now - width < T <= now."""
    if (trades is None) == (window is None):
        raise ValueError("trades or window, one of them")
    if window is not None:
        now, width = window
        return [row for row in rows if now - width < row.ts_us <= now and row.valid]
    return list(islice((row for row in reversed(rows) if row.valid), trades))[::-1]


@kept
def missing(rows: Sequence[Row]) -> list[list[int]]:
    """The id ranges [first, last] between the first and the last row that no row holds; invalid rows hold theirs."""
    return [[before.id + 1, after.id - 1] for before, after in pairwise(rows) if after.id != before.id + 1]


def coverage(
    rows: Sequence[Row], *, trades: int | None = None, window: tuple[int, int] | None = None
) -> dict[str, Any]:
    """The ids an answer stands on: `first_id last_id expected received invalid missing missing_total`, all ranges.

    From the oldest scanned trade to the newest id held. By time, or where fewer trades are held than asked, also the
    ids before it that are in doubt: a hole between it and the trade held before it (if any) may hold trades of the
    span, older than the oldest scanned one, and an answer that leaves them out has to say so. `trades=N` with N held
    asks for the last N *held*, across holes: there only holes inside count."""
    if window is not None:
        rows = [row for row in rows if row.ts_us <= window[0]]
    lacking = missing(rows)
    chosen = scan(rows, trades=trades, window=window)
    begin = chosen[0].id if chosen else None
    if window is not None or len(chosen) < (trades or 0):
        older = [row.id for row in rows if row.valid and (begin is None or row.id < begin)]
        doubtful = [
            hole[0] for hole in lacking if (not older or hole[0] > older[-1]) and (begin is None or hole[0] < begin)
        ]
        begin = min(doubtful, default=begin)
    if begin is None:
        ids: dict[str, Any] = {"first_id": None, "last_id": None, "expected": 0, "received": 0, "invalid": 0}
        return {**ids, "missing": [], "missing_total": 0}
    held = [row for row in rows if row.id >= begin]
    holes = [hole for hole in lacking if hole[0] >= begin]
    return {
        "first_id": begin,
        "last_id": held[-1].id,
        "expected": held[-1].id - begin + 1,
        "received": len(held),
        "invalid": sum(not row.valid for row in held),
        "missing": holes,
        "missing_total": sum(last - first + 1 for first, last in holes),
    }


class Sums(NamedTuple):
    """Exact sums of valid rows by the taker's side."""

    buy_trades: int
    sell_trades: int
    buy_base: Decimal
    sell_base: Decimal
    buy_quote: Decimal
    sell_quote: Decimal


@kept
def sums(rows: Sequence[Row]) -> Sums:
    """The sums of `rows`, every digit."""
    valid = [row for row in rows if row.valid]
    buys = [row for row in valid if row.side == "buy"]
    sells = [row for row in valid if row.side == "sell"]
    with localcontext(EXACT):
        return Sums(
            buy_trades=len(buys),
            sell_trades=len(sells),
            buy_base=sum((row.qty for row in buys), NIL),
            sell_base=sum((row.qty for row in sells), NIL),
            buy_quote=sum((row.notional for row in buys), NIL),
            sell_quote=sum((row.notional for row in sells), NIL),
        )
