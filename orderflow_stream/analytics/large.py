"""Large prints as they happen: trades, or whole taker orders, of at least a stated notional.

`LargeTracker` follows the live tape: it returns a large row at once and a large order when it is closed, by the next
trade that is not part of it or 25 ms after the receipt of its last row (later by the span over which the venue merges
rows, where it does). It keeps the large orders of 24 h, which outlive the tape. `scan` answers for the last N trades
of the tape, by row or by order, at any threshold.

Where rows are merged, a repair may divide a run of them otherwise than it was told: the orders that are new by it are
told as late, and of two with one id the later one stands. (On spot a repair only joins, and each id is told once.)
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Final, Literal

from orderflow_stream.analytics import orders
from orderflow_stream.analytics.orders import adjoins, next_fill
from orderflow_stream.analytics.prints import LargeView, orders_of, scan
from orderflow_stream.core.book import Analytic, Book
from orderflow_stream.core.events import BUY, SELL, UNKNOWN_FILL, LargePrint, Trade
from orderflow_stream.core.refill import row as row_of
from orderflow_stream.core.tape import Row

__all__ = ["CLOSE_AFTER", "RING_MOST", "RING_SPAN", "LargeTracker", "LargeView", "scan"]

#: An order that was last added to this long ago (µs of receipt) is closed.
CLOSE_AFTER: Final = 25_000
#: Large orders are kept this long (µs of venue time).
RING_SPAN: Final = 86_400_000_000
#: ... and at most this many of them: a threshold set far too low must not eat the machine.
RING_MOST: Final = 20_000

#: What is known of the open order beside its rows: it is in `large_count`; it has come by a repair.
_COUNTED: Final = 1
_LATE: Final = 2


class LargeTracker:
    """Follows one book: large rows at once, large orders when they close, and the ring of large orders of 24 h."""

    __slots__ = (
        "_contract",
        "_first_fill_next",
        "_key",
        "_marks",
        "_notional",
        "_pending",
        "_recv",
        "_reported",
        "_rows",
        "_side",
        "_span",
        "_ts",
        "book",
        "ring",
        "threshold",
    )

    def __init__(self, book: Book, threshold: int, pending: dict[Analytic, None]) -> None:
        self.book = book
        self.threshold = threshold
        self.ring: list[LargePrint] = []  # ascending ids
        self._key = book.instrument.key
        self._contract = book.instrument.contract
        self._span = book.instrument.row_span
        self._pending = pending
        self._rows: list[Trade] = []  # of the open order
        self._side = 0
        self._ts = -1  # of its first row
        self._first_fill_next = 0
        self._notional = 0
        self._recv = 0
        self._reported = 0  # the open order's rows that a report has told of already
        self._marks = 0

    def set_threshold(self, threshold: int) -> None:
        """Another threshold from now on; nothing is reported because of it. The ring keeps what reaches it, and of a
        lower one it gets what the tape still holds."""
        lowered = threshold < self.threshold
        self.threshold = threshold
        kept = {found.id: found for found in self.ring if found.notional >= threshold}
        if lowered:
            mine = self._rows[-1].id if self._rows else -1  # the open order is told when it is closed
            for order in orders_of(self.book.tape, threshold, self.book.instrument):
                if order[-1].id != mine and order[-1].id not in kept:
                    kept[order[-1].id] = self._print(order)
        self.ring = [kept[id_] for id_ in sorted(kept)][-RING_MOST:]
        if self._notional < threshold:
            self._pending.pop(self, None)
        elif self._reported < len(self._rows):
            self._pending[self] = None

    @property
    def due(self) -> int | None:
        """When the open order is closed by time, if it is large and not reported yet."""
        return self._recv + CLOSE_AFTER + self._span if self in self._pending else None

    def on_trade(self, trade: Trade) -> tuple[LargePrint, ...] | None:
        """A live trade; the large row it is, and the large order it closes."""
        worth = trade.qty * (self._contract or trade.price)
        rows = self._rows
        if (
            trade.ts_event == self._ts
            and trade.side == self._side
            and rows
            and trade.id == rows[-1].id + 1
            and trade.first_id == self._first_fill_next
        ) or (self._span and self._joins(trade)):
            rows.append(trade)
            self._notional += worth
            closed = None
        else:
            closed = self._close() if self._notional >= self.threshold else None
            self._rows = [trade]
            self._notional = worth
            self._reported = self._marks = 0
            self._ts = trade.ts_event
            self._side = trade.side
        self._first_fill_next = trade.last_id + 1 if trade.last_id != UNKNOWN_FILL else UNKNOWN_FILL
        self._recv = trade.ts_recv
        if self._notional < self.threshold:
            return closed
        self._pending[self] = None
        if worth < self.threshold:
            return closed
        row = self._print([row_of(trade)], "row")
        return (row,) if closed is None else (*closed, row)

    def _joins(self, trade: Trade) -> bool:
        """Whether a row is of the open group, where rows are merged."""
        return (
            0 <= trade.ts_event - self._ts < self._span
            and trade.side == self._side
            and bool(self._rows)
            and trade.id == self._rows[-1].id + 1
        )

    def advance(self, now: int) -> tuple[LargePrint, ...] | None:
        """Close the open order if its last row was received long enough ago. One that comes later still joins it."""
        return self._close() if now - self._recv >= CLOSE_AFTER + self._span else None

    def _close(self) -> tuple[LargePrint, ...] | None:
        """Report the open order as far as it has come, unless that was told already."""
        self._pending.pop(self, None)
        rows = self._rows
        if len(rows) == self._reported:
            return None
        again = bool(self._reported)
        found = self._print([row_of(trade) for trade in rows], late=again or bool(self._marks & _LATE))
        if again:  # the rest of an order that was closed too early: the whole replaces the part
            self._drop(found.first_id, found.id)
        if not self._marks & _COUNTED:
            self._marks |= _COUNTED
            self.book.large_count[found.side] += 1
        self._reported = len(rows)
        self._keep(found)
        return (found,)

    def on_splice(self, rows: list[Row], late: bool) -> tuple[LargePrint, ...]:
        """Trades were put into the tape: regroup the orders around them, report the new large ones where `late`."""
        around = self._around(rows)
        found: list[LargePrint] = []
        # The first and the last row of the order that was open.
        mine_from, mine = (self._rows[0].id, self._rows[-1].id) if self._rows else (0, -1)
        if self._rows and mine < around[0].id and self._notional >= self.threshold:
            found += self._close() or ()  # the tape goes on without it
        untold = self._reported < len(self._rows)
        parts = self._drop(around[0].id, around[-1].id)
        newest = self.book.tape.chunks[-1].ids[-1]
        oldest = self.book.tape.chunks[0].ids[0]
        for order in orders.group(around, self._span):
            first, last = order[0].id, order[-1].id
            told = [part for part in parts if first <= part.id <= last]
            holds_mine = first <= mine and mine_from <= last  # of a run, new rows may divide it
            if last == newest:
                wait = (late and not any(part.id == last for part in told)) or (holds_mine and untold)
                self._reopen(order, told, wait=wait, late=late and not holds_mine)
                if wait:  # it is open: reported when it is closed, like any other
                    for part in told:
                        self._keep(part)
                    continue
            if told and told[0].first_id < first == oldest:
                for part in told:  # the tape has let go of its beginning: what was told of it is more than is left
                    self._keep(part)
                continue
            if orders.notional(order, self._contract) < self.threshold:
                continue
            whole = self._print(order, late=late)
            self._keep(whole)
            if (late or (holds_mine and untold)) and not any(part.id == last for part in told):
                found.append(whole)
                if not told:
                    self.book.large_count[whole.side] += 1
        if late:
            found += [
                self._print([row], "row", late=True)
                for row in rows
                if orders.notional((row,), self._contract) >= self.threshold
            ]
        return tuple(found)

    def _around(self, rows: list[Row]) -> list[Row]:
        """The spliced rows and all between them, with the whole of the orders (of the runs, where rows are merged) at
        both ends."""
        tape = self.book.tape
        before: list[Row] = []
        edge = rows[0]
        for row in tape.rows_before(rows[0].id):
            if not adjoins(row, edge, self._span):
                break
            before.append(row)
            edge = row
        around = before[::-1]
        last_id = rows[-1].id
        for row in tape.rows_from(*tape.place_after_id(rows[0].id - 1)):
            if row.id > last_id and not adjoins(around[-1], row, self._span):
                # the order after the last spliced row may have been a part of one with it: it is whole by now
                break
            around.append(row)
        return around

    def _reopen(self, order: list[Row], told: list[LargePrint], *, wait: bool, late: bool) -> None:
        """The newest order of the tape is the open one, as if its rows had come live.

        `told` are the parts of it reported so far; with `wait` the whole is still to be reported, else it is told.
        """
        first, last = order[0], order[-1]
        recv = self._recv if self._rows else last.ts_event
        self._rows = [_trade(self._key, row, recv) for row in order]
        self._side = BUY if last.qty > 0 else SELL
        self._ts = first.ts_event
        self._first_fill_next = next_fill(last.last_id)
        self._notional = orders.notional(order, self._contract)
        self._recv = recv
        large = self._notional >= self.threshold
        told_rows = sum(max(0, min(part.last_id, last.id) - max(part.first_id, first.id) + 1) for part in told)
        self._reported = len(order) if large and not wait else told_rows
        self._marks = (_COUNTED if told else 0) | (_LATE if late else 0)
        if large and wait:
            self._pending[self] = None
        else:
            self._pending.pop(self, None)

    def dump(self) -> tuple[list[LargePrint], bool]:
        """The ring, and whether the newest order is large and still to be told; for `load`."""
        return self.ring[:], self in self._pending

    def load(self, known: list[LargePrint], untold: bool) -> None:
        """The tape was put together anew: the ring follows from it and from the orders `known` (as reported, in that
        order), by the threshold of now. With `untold` the newest order, if large, is still to be reported, as late."""
        self.on_reset()
        for found in known:
            self._drop(found.first_id, found.id)
            self._keep(found)
        told, self.ring = self.ring, []
        rows = list(self.book.tape.last_rows(1))
        if not rows:
            self.ring = [one for one in told if one.notional >= self.threshold]
            return
        newest = rows[-1].id
        by_id = {one.id: one for one in told}
        found_now: list[LargePrint] = []
        for order in orders_of(self.book.tape, self.threshold, self.book.instrument):
            whole = self._print(order)
            old = by_id.get(whole.id)
            found_now.append(old if old is not None and old.first_id <= whole.first_id else whole)
        open_order = orders.group(self._around(rows), self._span)[-1]
        parts = [one for one in told if open_order[0].id <= one.first_id and one.id <= newest]
        wait = untold and not any(one.id == newest for one in parts)
        if wait and found_now and found_now[-1].id == newest:
            found_now[-1:] = parts
        ids = {one.id for one in found_now}
        held = self.book.tape.has([end for one in told for end in (one.first_id, one.id)])
        began = [one for one in told if one.id not in ids and not {one.first_id, one.id} <= held]  # gone, or in part
        kept = sorted((one for one in (*began, *found_now) if one.notional >= self.threshold), key=_print_id)
        edge = kept[-1].ts_event - RING_SPAN if kept else 0
        self.ring = [one for one in kept[-RING_MOST:] if one.ts_event > edge]
        self._reopen(open_order, parts, wait=wait, late=True)

    def on_reset(self) -> None:
        """The ids begin anew: the open order is over, the ring of the old ids is gone."""
        self._contract, self._span = self.book.instrument.contract, self.book.instrument.row_span
        self._rows, self._notional, self._reported, self._marks, self._ts = [], 0, 0, 0, -1
        self._pending.pop(self, None)
        self.ring.clear()

    def _print(self, rows: list[Row], how: Literal["row", "order"] = "order", *, late: bool = False) -> LargePrint:
        return orders.print_of(self._key, rows, how, late=late, contract=self._contract, span=self._span)

    def _keep(self, found: LargePrint) -> None:
        ring = self.ring
        ring.insert(bisect_right(ring, found.id, key=_print_id), found)
        edge = ring[-1].ts_event - RING_SPAN
        while ring[0].ts_event <= edge or len(ring) > RING_MOST:
            ring.pop(0)

    def _drop(self, first: int, last: int) -> list[LargePrint]:
        """Take the prints of orders that end in `first`..`last` out of the ring."""
        span = slice(bisect_left(self.ring, first, key=_print_id), bisect_right(self.ring, last, key=_print_id))
        gone = self.ring[span]
        del self.ring[span]
        return gone


def _print_id(found: LargePrint) -> int:
    return found.id


def _trade(key: str, row: Row, recv: int) -> Trade:
    side = BUY if row.qty > 0 else SELL
    return Trade(key, row.id, row.price, abs(row.qty), side, row.ts_event, row.first_id, row.last_id, recv)
