"""Taker orders rebuilt from rows.

On Binance spot one taker order that walks k price levels is k consecutive rows with the same time (microseconds), the
same side and chained fill ids (each row's first fill follows the last fill of the row before). A source that does not
tell fill ids leaves the other three conditions.

Where the venue merges the fills of several orders into one row over a span of time (futures: price and side over
100 ms), an order cannot be rebuilt. A group is then consecutive ids of one side within that span of its first row,
and says how far it may be believed to be one order: `likely` where all its rows have one time and chained fills.

`span` (µs) is `Instrument.row_span`, `contract` (10^-8) is `Instrument.contract`; both are 0 on spot.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal

from orderflow_stream.core.events import BUY, SELL, UNKNOWN_FILL, LargePrint
from orderflow_stream.core.sums import inverse_base
from orderflow_stream.core.tape import Row


def continues(earlier: Row, row: Row) -> bool:
    """Whether `row` belongs to the same taker order as the row before it, where a row is of one order."""
    return (
        row.ts_event == earlier.ts_event
        and row.id == earlier.id + 1
        and (row.qty > 0) == (earlier.qty > 0)
        and row.first_id == next_fill(earlier.last_id)
    )


def adjoins(earlier: Row, row: Row, span: int = 0) -> bool:
    """Whether the two may be of one group: where they are not, a group begins with `row` whatever came before.

    Without a span of merging that is the whole rule. With one, rows that adjoin make a run, which `group` divides.
    """
    if not span:
        return continues(earlier, row)
    return (
        -span < row.ts_event - earlier.ts_event < span
        and row.id == earlier.id + 1
        and (row.qty > 0) == (earlier.qty > 0)
    )


def next_fill(last_id: int) -> int:
    """The fill that the next row of an order begins with; unknown where the last one is."""
    return UNKNOWN_FILL if last_id == UNKNOWN_FILL else last_id + 1


def group(rows: Iterable[Row], span: int = 0) -> list[list[Row]]:
    """Rows (ascending ids) as orders, each a list of its rows.

    With a `span` the division depends on where it begins: the first row should not adjoin one that was left out.
    """
    orders: list[list[Row]] = []
    earlier: Row | None = None
    for row in rows:
        if (
            earlier is not None
            and adjoins(earlier, row, span)
            and (not span or 0 <= row.ts_event - orders[-1][0].ts_event < span)
        ):
            orders[-1].append(row)
        else:
            orders.append([row])
        earlier = row
    return orders


def confidence(rows: Sequence[Row]) -> Literal["likely", "possible"]:
    """How far a group of merged rows may be believed to be one order."""
    together = all(
        one.ts_event == two.ts_event and one.last_id != UNKNOWN_FILL and two.first_id == one.last_id + 1
        for one, two in pairwise(rows)
    )
    return "likely" if together else "possible"


def print_of(
    instrument: str,
    rows: list[Row],
    how: Literal["row", "order"] = "order",
    *,
    late: bool = False,
    contract: int = 0,
    span: int = 0,
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
        notional=notional(rows, contract),
        ts_event=last.ts_event,
        first_id=rows[0].id,
        last_id=last.id,
        legs=len(rows),
        levels=len({row.price for row in rows}),
        late=late,
        confidence=confidence(rows) if span and how == "order" else "",
        base=base(rows, contract) if contract else 0,
    )


def notional(rows: Iterable[Row], contract: int = 0) -> int:
    """Exact, at 10^-16."""
    if contract:
        return sum(abs(row.qty) for row in rows) * contract
    return sum(row.price * abs(row.qty) for row in rows)


def base(rows: Iterable[Row], contract: int) -> int:
    """The base volume of rows whose `qty` counts contracts, at 10^-24: each row's is rounded half to even."""
    return sum(inverse_base(abs(row.qty) * contract, row.price) for row in rows)
