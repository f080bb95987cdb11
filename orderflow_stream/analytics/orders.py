"""Taker orders rebuilt from rows.

On Binance spot one taker order that walks k price levels is k consecutive rows with the same time (microseconds), the
same side and chained fill ids (each row's first fill follows the last fill of the row before). A source that does not
tell fill ids leaves the other three conditions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from orderflow_stream.core.events import BUY, SELL, UNKNOWN_FILL, LargePrint
from orderflow_stream.core.tape import Row


def continues(earlier: Row, row: Row) -> bool:
    """Whether `row` belongs to the same taker order as the row before it."""
    return (
        row.ts_event == earlier.ts_event
        and row.id == earlier.id + 1
        and (row.qty > 0) == (earlier.qty > 0)
        and row.first_id == next_fill(earlier.last_id)
    )


def next_fill(last_id: int) -> int:
    """The fill that the next row of an order begins with; unknown where the last one is."""
    return UNKNOWN_FILL if last_id == UNKNOWN_FILL else last_id + 1


def group(rows: Iterable[Row]) -> list[list[Row]]:
    """Rows (ascending ids) as orders, each a list of its rows."""
    orders: list[list[Row]] = []
    earlier: Row | None = None
    for row in rows:
        if earlier is not None and continues(earlier, row):
            orders[-1].append(row)
        else:
            orders.append([row])
        earlier = row
    return orders


def print_of(
    instrument: str, rows: list[Row], how: Literal["row", "order"] = "order", *, late: bool = False
) -> LargePrint:
    """An order (or one row) as a print. It stands under the id, price and time of its last row."""
    last = rows[-1]
    return LargePrint(
        instrument=instrument,
        group=how,
        id=last.id,
        side=BUY if last.qty > 0 else SELL,
        price=last.price,
        qty=sum(abs(row.qty) for row in rows),
        notional=notional(rows),
        ts_event=last.ts_event,
        first_id=rows[0].id,
        last_id=last.id,
        legs=len(rows),
        levels=len({row.price for row in rows}),
        late=late,
    )


def notional(rows: Iterable[Row]) -> int:
    """Exact, at 10^-16."""
    return sum(row.price * abs(row.qty) for row in rows)
