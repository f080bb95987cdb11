"""The row of an aggregate trade, the same in Binance's frames and answers on every market; and what both halves need.

The wire's `m` (true = the buyer was the maker = the taker sold) goes no further than `to_trade`. Milliseconds and
microseconds are told apart by magnitude.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeGuard

from msgspec import Struct

from orderflow_stream.core.events import BUY, SELL, UNKNOWN_FILL, Trade
from orderflow_stream.core.units import parse_scaled
from orderflow_stream.venues.values import RowFault

MAX_INT: Final = 2**63 - 1

_FIRST_US: Final = 10**14  # below: milliseconds (10^14 ms is the year 5138); from here on microseconds
LAST_US: Final = 10**17

#: All that a decoder can raise: msgspec's errors and UnicodeError are ValueErrors, deep nesting is a RecursionError.
UNREADABLE: Final = (ValueError, RecursionError)


class Row(Struct, gc=False):
    a: int
    p: str
    q: str
    T: int
    m: bool
    f: int = UNKNOWN_FILL
    l: int = UNKNOWN_FILL  # noqa: E741 - the wire's own name


def is_int(value: object) -> TypeGuard[int]:
    """An integer of the wire: Python counts `True` as one, JSON does not."""
    return isinstance(value, int) and not isinstance(value, bool)


def microseconds(time: int) -> int:
    """A time of the wire in microseconds, whichever of the two units it came in."""
    return time * 1_000 if time < _FIRST_US else time


def to_trade(key: str, row: Row, ts_recv: int) -> Trade | RowFault:
    """The row as a trade, or the reason why it cannot be one."""
    id_ = row.a
    if not 0 <= id_ <= MAX_INT:
        return "id"
    time = row.T
    if time < _FIRST_US:
        time *= 1_000
    if not 0 < time <= LAST_US:
        return "time"
    first, last = row.f, row.l
    try:
        price = parse_scaled(row.p)
    except ValueError:
        return "price"
    try:
        qty = parse_scaled(row.q)
    except ValueError:
        return "quantity"
    if not price or not qty:
        if price == qty == 0 and first == last == UNKNOWN_FILL:  # marked invalid by the exchange, its id stands
            return Trade(key, id_, 0, 0, SELL if row.m else BUY, time, first, last, ts_recv)
        return "quantity" if price else "price"
    # Fills may be untold (-1, -1), never half told.
    if not UNKNOWN_FILL <= first <= last <= MAX_INT or (first == UNKNOWN_FILL and last != UNKNOWN_FILL):
        return "fills"
    return Trade(key, id_, price, qty, SELL if row.m else BUY, time, first, last, ts_recv)


def fault_of(answer: Mapping[str, Any]) -> tuple[int | None, str] | None:
    """Code and message of an error, documented flat (`code`, `msg`) and seen nested (`error: {…}`); None: no error."""
    error = answer.get("error")
    fault = error if isinstance(error, dict) else answer
    if error is None and "code" not in answer and "msg" not in answer:
        return None
    code, message = fault.get("code"), fault.get("msg", error)
    return (code if is_int(code) else None), str(message)[:200]
