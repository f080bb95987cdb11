"""Large prints among the rows held: the search over the columns of a tape, and the answer it makes.

Doubles only sort out what cannot reach the threshold: each survivor is judged exactly. A double carries a product of
any two 64-bit columns (or of a quantity and a contract size) without overflow, and a sum of fewer than 10^6 of them
to better than the slack that the floor leaves.
"""

from __future__ import annotations

import heapq
from itertools import accumulate
from typing import Final, Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from orderflow_stream.analytics.orders import adjoins, notional, print_of
from orderflow_stream.core.book import Book
from orderflow_stream.core.coverage import Coverage
from orderflow_stream.core.events import BUY, SELL, UNKNOWN_FILL, Instrument, LargePrint
from orderflow_stream.core.tape import Chunk, Row, Tape

#: A sum in doubles may be this share of itself too small.
_SLACK: Final = 1e-9

Ints = NDArray[np.int64]
Part = tuple[Chunk, int]


class LargeView(Struct, frozen=True):
    """Large prints among the last trades; totals (10^-16) are of all that qualify, `prints` the largest of them.

    `min_notional` is None where it was to be a percentile of nothing."""

    group: Literal["row", "order"]
    min_notional: int | None
    trades_scanned: int
    first_time: int | None
    last_time: int | None
    count: int
    buy_count: int
    sell_count: int
    buy_notional: int
    sell_notional: int
    prints: tuple[LargePrint, ...]
    coverage: Coverage


def scan(
    book: Book,
    *,
    min_notional: int,
    now: int,
    trades: int = 5_000,
    limit: int = 100,
    group: Literal["row", "order"] = "row",
    since_id: int | None = None,
    percentile: int | None = None,
) -> LargeView:
    """The prints of at least `min_notional` (10^-16) among the last `trades` trades held.

    With `percentile` (thousandths of one per cent) the threshold is that percentile of the notionals of all rows, or
    orders, among those trades: the least of them that so many are not above (nearest rank). `since_id` leaves only
    those with a larger id. Ordered by exact notional, then id, descending. An order is what of it lies among those
    trades.
    """
    tape, instrument = book.tape, book.instrument
    sums, oldest = tape.last_sums(trades)
    newest = tape.newest() if oldest is not None else None
    coverage = book.coverage(oldest.id if oldest is not None else None, now, trades=trades)
    runs: list[list[Row]] = []
    least = min_notional if percentile is None else None
    if oldest is not None:
        first = oldest.id
        parts = _parts(tape, first if group == "row" else _anchor(tape, oldest, instrument.row_span))
        if percentile is not None:
            sizes = row_sizes(parts, instrument) if group == "row" else order_sizes(parts, instrument, first)
            least = nearest_rank(sizes, percentile)
        found = min_notional if least is None else least
        runs = large_rows(parts, found, instrument) if group == "row" else large_orders(parts, found, instrument, first)
    contract, span = instrument.contract, instrument.row_span
    prints = [
        print_of(instrument.key, rows, group, contract=contract, span=span)
        for rows in runs
        if since_id is None or rows[-1].id > since_id
    ]
    sides = {side: [found for found in prints if found.side == side] for side in (BUY, SELL)}
    return LargeView(
        group=group,
        min_notional=least,
        trades_scanned=sums.trades,
        first_time=None if oldest is None else oldest.ts_event,
        last_time=None if newest is None else newest.ts_event,
        count=len(prints),
        buy_count=len(sides[BUY]),
        sell_count=len(sides[SELL]),
        buy_notional=sum(found.notional for found in sides[BUY]),
        sell_notional=sum(found.notional for found in sides[SELL]),
        prints=tuple(heapq.nlargest(limit, prints, key=_by_size)),
        coverage=coverage,
    )


def orders_of(tape: Tape, least: int, instrument: Instrument) -> list[list[Row]]:
    """All orders held that reach `least` (10^-16), oldest first."""
    return large_orders(_parts(tape, -1), least, instrument)


def _by_size(found: LargePrint) -> tuple[int, int]:
    return found.notional, found.id


def _parts(tape: Tape, first: int) -> list[Part]:
    """The chunks from the trade with id `first` on, and the row in each where they begin."""
    index, row = tape.place_after_id(first - 1)
    return [(chunk, row if i == 0 else 0) for i, chunk in enumerate(tape.chunks[index:]) if len(chunk)]


def _anchor(tape: Tape, oldest: Row, span: int) -> int:
    """The id from which on the rows around `oldest` are divided into groups as they were live: where its run begins."""
    first = oldest
    if span:
        for row in tape.rows_before(oldest.id):
            if not adjoins(row, first, span):
                break
            first = row
    return first.id


def _sizes(price: Ints, qty: Ints, contract: int) -> NDArray[np.float64]:
    """Notionals at 10^-16, as doubles. (The smallest 64-bit number has no absolute value; no quantity is that.)"""
    size = np.abs(qty).astype(np.float64)
    size *= float(contract) if contract else price.astype(np.float64)
    return size


def large_rows(parts: list[Part], least: int, instrument: Instrument) -> list[list[Row]]:
    """Rows that reach `least`, each as a list of its own."""
    floor = least * (1 - _SLACK)
    contract = instrument.contract
    found: list[list[Row]] = []
    for chunk, start in parts:
        price, qty = (np.frombuffer(column, np.int64)[start:] for column in (chunk.price, chunk.qty))
        for i in np.flatnonzero(_sizes(price, qty, contract) >= floor).tolist():
            rows = [chunk.row(start + i)]
            if notional(rows, contract) >= least:
                found.append(rows)
    return found


def large_orders(parts: list[Part], least: int, instrument: Instrument, since: int = -1) -> list[list[Row]]:
    """Orders that reach `least` with their rows from id `since` on."""
    if not parts:
        return []
    floor = least * (1 - _SLACK)
    columns = _columns(parts)
    sizes = _sizes(columns[2], columns[3], instrument.contract)
    starts = _starts(columns, instrument.row_span, since, sizes, floor)
    totals = np.add.reduceat(sizes, starts)
    ends = np.append(starts[1:], len(sizes))
    found: list[list[Row]] = []
    for i in np.flatnonzero(totals >= floor).tolist():
        part = slice(int(starts[i]), int(ends[i]))
        ids, ts, price, qty, first, last = (column[part].tolist() for column in columns)
        rows = [Row(*values) for values in zip(ids, price, qty, ts, first, last, strict=True)]
        if notional(rows, instrument.contract) >= least:
            found.append(rows)
    return found


def _columns(parts: list[Part]) -> tuple[Ints, Ints, Ints, Ints, Ints, Ints]:
    """Id, time, price, quantity, first and last fill of all rows."""
    ids, ts, price, qty, first, last = (
        np.concatenate([np.frombuffer(getattr(chunk, name), np.int64)[start:] for chunk, start in parts])
        for name in ("ids", "ts", "price", "qty", "first", "last")
    )
    return ids, ts, price, qty, first, last


def _starts(
    columns: tuple[Ints, Ints, Ints, Ints, Ints, Ints], span: int, since: int, sizes: NDArray[np.float64], floor: float
) -> Ints:
    """Where orders begin. Of merged rows, runs that do not reach `floor` as a whole are left undivided."""
    ids, ts, _, qty, first, last = columns
    joined = (ids[1:] == ids[:-1] + 1) & ((qty[1:] > 0) == (qty[:-1] > 0))
    if span:
        joined &= np.abs(ts[1:] - ts[:-1]) < span
    else:
        joined &= ts[1:] == ts[:-1]
        joined &= first[1:] == np.where(last[:-1] == UNKNOWN_FILL, UNKNOWN_FILL, last[:-1] + 1)
    starts: Ints = np.flatnonzero(np.concatenate(([True], ~joined)))
    if span:
        large = np.flatnonzero(np.add.reduceat(sizes, starts) >= floor)
        starts = _divide(ts, starts, large, span)
        skipped = int(np.searchsorted(ids, since))
        if skipped:  # an order that begins before counts with what is inside
            starts = np.concatenate(([skipped], starts[starts > skipped]))
    return starts


def row_sizes(parts: list[Part], instrument: Instrument) -> list[int]:
    """The exact notionals (10^-16) of all rows."""
    contract = instrument.contract
    sizes: list[int] = []
    for chunk, start in parts:
        pairs = zip(chunk.price[start:], chunk.qty[start:], strict=True)
        sizes += [abs(qty) * (contract or price) for price, qty in pairs]
    return sizes


def order_sizes(parts: list[Part], instrument: Instrument, since: int = -1) -> list[int]:
    """The exact notionals (10^-16) of all orders, with their rows from id `since` on."""
    columns = _columns(parts)
    doubles = _sizes(columns[2], columns[3], instrument.contract)
    starts = _starts(columns, instrument.row_span, since, doubles, 0.0).tolist()
    sums = [0, *accumulate(row_sizes(parts, instrument))]
    return [sums[end] - sums[begin] for begin, end in zip(starts, [*starts[1:], len(doubles)], strict=True)]


def nearest_rank(sizes: list[int], percentile: int) -> int:
    """The least of `sizes` (at least one) that `percentile` thousandths of one per cent of them are not above."""
    return sorted(sizes)[max(0, -(-percentile * len(sizes) // 100_000) - 1)]


def _divide(ts: Ints, starts: Ints, which: Ints, span: int) -> Ints:
    """Divide some of the runs that begin at `starts` where a row is not within `span` of its group's first."""
    ends = np.append(starts[1:], len(ts))
    more: list[int] = []
    for i in which.tolist():
        begin = int(starts[i])
        times = ts[begin : int(ends[i])].tolist()
        first = times[0]
        for at, time in enumerate(times, begin):
            if not 0 <= time - first < span:
                more.append(at)
                first = time
    return np.union1d(starts, np.array(more, np.int64)) if more else starts
