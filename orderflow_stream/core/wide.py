"""Tapes that keep more than trades of a spot market need: worth by contract, and quantities without RPI trades.

Of an inverse contract the price only tells the base volume; its notional is the number of contracts. `nq`, where the
venue tells it, is a seventh column with running sums of its own: added up when somebody asks, each row once, so a trade
pays for them with nothing but the column.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orderflow_stream.core.chunk import Chunk, Row
from orderflow_stream.core.events import Instrument, Trade
from orderflow_stream.core.sums import NqSums, Sums, inverse_base
from orderflow_stream.core.tape import Tape


class WideTape(Tape):
    """A tape of inverse contracts (`contract`, 10^-8, is not 0), or one that keeps `nq` (`rpi`), or both."""

    __slots__ = ("_contract", "_nq_head", "_nq_rows", "_rpi")

    def __init__(self, contract: int, rpi: bool) -> None:
        self._contract = contract
        self._rpi = rpi
        self._nq_head = NqSums()  # running sums without RPI trades, so far as
        self._nq_rows = 0  # that many rows of the tail are in them
        super().__init__()

    @property
    def rpi(self) -> bool:
        return self._rpi

    def chunk(self, before: Sums) -> Chunk:
        return Chunk(before, self._contract, NqSums() if self._rpi else None)

    def take(self, trade: Trade) -> bool:
        rolled = super().take(trade)
        column = self.tail.nq
        if column is not None:
            column.append(trade.nq)
        if self._contract:  # other sums than were just added
            qty = trade.qty
            plain, quote = trade.price * qty, qty * self._contract
            base = inverse_base(quote, trade.price)
            if trade.side > 0:
                self.buy_base += base - qty
                self.buy_quote += quote - plain
            else:
                self.sell_base += base - qty
                self.sell_quote += quote - plain
        return rolled

    def _roll(self) -> Chunk:
        before = self.nq_head() if self._rpi else None
        chunk = super()._roll()
        chunk.nq_before, self._nq_rows = before, 0
        return chunk

    def sums_of(self, rows: Iterable[Row]) -> Sums:
        return Sums.of(((row.price, row.qty) for row in rows), self._contract)

    def _spliced(self, rows: Sequence[Row], nq_before: NqSums | None, low: int, later: int) -> None:
        if nq_before is None:
            return
        running = nq_before
        for chunk in self.chunks[low:later]:
            chunk.nq_before = running
            running = running + chunk.nq_sums()
        added = NqSums.of(((row.price, row.qty, row.nq) for row in rows), self._contract)
        for chunk in self.chunks[later:]:
            chunk.nq_before = _told(chunk) + added
        self.recount_nq()

    # -- without RPI trades; only where they are kept -------------------------------------------------------------

    def recount_nq(self) -> None:
        """The tail is another one: its rows are to be added up anew."""
        self._nq_head, self._nq_rows = _told(self.tail), 0

    def nq_head(self) -> NqSums:
        """The running sums after the newest trade, over every trade ever held."""
        rows = len(self.tail)
        if self._nq_rows < rows:
            self._nq_head = self._nq_head + self.tail.nq_sums(self._nq_rows)
            self._nq_rows = rows
        return self._nq_head

    def nq_at(self, chunk: Chunk, row: int) -> NqSums:
        """The running sums ahead of that place. Adds up the nearer part of the chunk, at most half of it."""
        if row * 2 <= len(chunk):
            return _told(chunk) + chunk.nq_sums(0, row)
        following = self.nq_head() if chunk.next is None else _told(chunk.next)
        return following - chunk.nq_sums(row)

    def last_nq(self, trades: int) -> Sums | None:
        if not self._rpi:
            return None
        index, row = self.place_of_rank(max(self.buy_trades + self.sell_trades - trades, self.chunks[0].rank))
        return (self.nq_head() - self.nq_at(self.chunks[index], row)).told

    def nq_later_than(self, ts: int) -> Sums | None:
        if not self._rpi:
            return None
        total = NqSums()
        for chunk in self.chunks:
            if not len(chunk) or (max(chunk.ts) if chunk.inversions else chunk.ts[-1]) <= ts:
                continue
            if (min(chunk.ts) if chunk.inversions else chunk.ts[0]) > ts:
                following = self.nq_head() if chunk.next is None else _told(chunk.next)
                total += following - _told(chunk)
            else:
                rows = ((row.price, row.qty, row.nq) for row in chunk.rows() if row.ts_event > ts)
                total += NqSums.of(rows, self._contract)
        return total.told


def tape_of(instrument: Instrument) -> Tape:
    """An empty tape for it: the plain one where that does."""
    if instrument.contract or instrument.rpi:
        return WideTape(instrument.contract, instrument.rpi)
    return Tape()


def _told(chunk: Chunk) -> NqSums:
    assert chunk.nq_before is not None
    return chunk.nq_before
