"""A rolling span of venue time over a tape, kept incrementally.

A window stores no trades: it is a cursor at the first trade inside `(now - W, now]`, with the tape's running sums
ahead of it. A new trade costs a window nothing; ageing moves the cursor forward over the trades that left. When rows
move under the cursor (a splice, an eviction), it is found again by bisection.
"""

from __future__ import annotations

from bisect import bisect_right

from orderflow_stream.core.sums import NqSums, Sums
from orderflow_stream.core.tape import Chunk, Row, Tape
from orderflow_stream.core.wide import WideTape


class Window:
    """`(now - span, now]` over one tape, `span` in microseconds."""

    __slots__ = ("_ahead", "_chunk", "_left", "_nq", "_row", "_tape", "_version", "span")

    def __init__(self, tape: Tape, span: int) -> None:
        self.span = span
        self._tape = tape
        self._version = -1
        self._left = -1
        self._chunk: Chunk = tape.tail
        self._row = 0
        self._ahead = Sums()
        self._nq: tuple[int, Chunk, int, NqSums] | None = None  # the cursor as last asked for, and the sums ahead

    def sums(self, now: int) -> Sums:
        """The exact sums of the trades in the window that ends at `now` (not before the newest trade)."""
        left = now - self.span
        if self._tape.inversions:
            return self._tape.sums_later_than(left)[0]
        self._move(left)
        return self._tape.head() - self._ahead

    def nq(self, now: int) -> Sums | None:
        """The same without RPI trades; None where they are not told of every trade in the window."""
        tape = self._tape
        if not isinstance(tape, WideTape) or not tape.rpi:
            return None
        left = now - self.span
        if tape.inversions:
            return tape.nq_later_than(left)
        self._move(left)
        chunk, row = self._chunk, self._row
        known = self._nq
        if known is None or known[0] != tape.version or known[1] is not chunk or known[2] > row:
            ahead = tape.nq_at(chunk, row)
        elif known[2] < row:
            ahead = known[3] + chunk.nq_sums(known[2], row)
        else:
            ahead = known[3]
        self._nq = tape.version, chunk, row, ahead
        return (tape.nq_head() - ahead).told

    def edges(self, now: int) -> tuple[Row | None, Row | None]:
        """The first and the last trade in the window, by id."""
        left = now - self.span
        if self._tape.inversions:
            return self._tape.sums_later_than(left)[1:]
        self._move(left)
        chunk: Chunk | None = self._chunk
        row = self._row
        if chunk is not None and row >= len(chunk):
            chunk, row = chunk.next, 0
        if chunk is None or not len(chunk):
            return None, None
        return chunk.row(row), self._tape.newest()

    def _move(self, left: int) -> None:
        tape = self._tape
        if self._version != tape.version or left < self._left:
            index, row = tape.place_after_time(left)
            self._chunk, self._row = tape.chunks[index], row
            self._ahead = tape.sums_before(index, row)
            self._version = tape.version
            self._left = left
            return
        self._left = left
        chunk, row = self._chunk, self._row
        column = chunk.ts
        if row < len(column) and column[row] > left:
            return  # nothing left the window
        while column and column[-1] <= left:
            following = chunk.next
            if following is None:
                self._chunk, self._row, self._ahead = chunk, len(column), tape.head()
                return
            chunk, row, column = following, 0, following.ts
            self._ahead = chunk.before
        stop = bisect_right(column, left, row)
        if stop > row:
            self._ahead = self._ahead + chunk.sums(row, stop)
        self._chunk, self._row = chunk, stop
