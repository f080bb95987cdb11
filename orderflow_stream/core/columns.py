"""Rows of one instrument as whole columns: a tape, or bars, made of a million of them in a fraction of a second."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from operator import mul
from typing import Self

import numpy as np
from numpy.typing import NDArray

from orderflow_stream.core.bars import Bar
from orderflow_stream.core.chunk import Chunk, Column, Row
from orderflow_stream.core.events import UNTOLD, Instrument
from orderflow_stream.core.sums import NqSums, Sums, inverse_base
from orderflow_stream.core.tape import CHUNK, Tape
from orderflow_stream.core.wide import WideTape, tape_of

Ints = NDArray[np.int64]


class Rows:
    """Rows of one instrument in columns; `qty` is signed, 0 where an id carries no trade.

    `nq` is None where no row tells it. Iterates over the columns there are: six, or seven.
    """

    __slots__ = ("first", "ids", "last", "nq", "price", "qty", "ts")

    def __init__(
        self, ids: Ints, price: Ints, qty: Ints, ts: Ints, first: Ints, last: Ints, nq: Ints | None = None
    ) -> None:
        self.ids = ids
        self.price = price
        self.qty = qty
        self.ts = ts
        self.first = first
        self.last = last
        self.nq = nq

    @classmethod
    def of(cls, columns: Iterable[Column]) -> Self:
        """The same memory, as numpy sees it."""
        return cls(*(np.frombuffer(column, np.int64) for column in columns))

    @classmethod
    def none(cls) -> Self:
        return cls(*(np.empty(0, np.int64) for _ in range(6)))

    def __iter__(self) -> Iterator[Ints]:
        yield from (self.ids, self.price, self.qty, self.ts, self.first, self.last)
        if self.nq is not None:
            yield self.nq

    def take(self, which: Ints | NDArray[np.bool_] | slice) -> Self:
        """Some of them."""
        return type(self)(*(column[which] for column in self))

    def telling(self, rpi: bool) -> Self:
        """The same rows with a column `nq`, or without one."""
        if rpi is (self.nq is not None):
            return self
        nq = np.full(len(self.ids), UNTOLD, np.int64) if rpi else None
        return type(self)(self.ids, self.price, self.qty, self.ts, self.first, self.last, nq)

    def __add__(self, other: Rows) -> Self:
        rpi = self.nq is not None or other.nq is not None
        pairs = zip(self.telling(rpi), other.telling(rpi), strict=True)
        return type(self)(*(np.concatenate(pair) for pair in pairs))

    def sums(self, contract: int = 0) -> Sums:
        """Exact, whatever the size of the numbers; `contract` is that of the instrument."""
        if contract:
            return Sums.of(zip(self.price.tolist(), self.qty.tolist(), strict=True), contract)
        buys, sells = self.qty > 0, self.qty < 0
        bought, sold = self.qty[buys].tolist(), (-self.qty[sells]).tolist()
        return Sums(
            len(bought),
            len(sold),
            sum(bought),
            sum(sold),
            sum(map(mul, self.price[buys].tolist(), bought)),
            sum(map(mul, self.price[sells].tolist(), sold)),
        )

    def nq_sums(self, contract: int) -> NqSums:
        """Without RPI trades; only where `nq` is told."""
        assert self.nq is not None
        return NqSums.of(zip(self.price.tolist(), self.qty.tolist(), self.nq.tolist(), strict=True), contract)


class _Added:
    """Rows of trades, ready to be added up by slices: one pass of products a side, zero where a row is of the other, so
    that sums of slices cost no mask each."""

    def __init__(self, rows: Rows, contract: int) -> None:
        self.price = rows.price.tolist()
        self._bought, self._sold = np.maximum(rows.qty, 0).tolist(), np.maximum(-rows.qty, 0).tolist()
        self._buys = np.concatenate(([0], np.cumsum(rows.qty > 0))).tolist()
        self._contract = contract

    def sums(self, start: int, stop: int) -> Sums:
        prices, b, s = self.price[start:stop], self._bought[start:stop], self._sold[start:stop]
        buys = self._buys[stop] - self._buys[start]
        sells = stop - start - buys
        contract = self._contract
        if contract:
            base = [inverse_base(qty * contract, price) for qty, price in zip(b, prices, strict=True)]
            other = [inverse_base(qty * contract, price) for qty, price in zip(s, prices, strict=True)]
            return Sums(buys, sells, sum(base), sum(other), sum(b) * contract, sum(s) * contract)
        return Sums(buys, sells, sum(b), sum(s), sum(map(mul, prices, b)), sum(map(mul, prices, s)))


def tape_from(
    instrument: Instrument, rows: Rows, before: Sums | None = None, nq_before: NqSums | None = None, gone: int = 0
) -> Tape:
    """A tape of these rows (trades, ascending ids) but the first `gone`; `before` and `nq_before` are the running sums
    ahead of all of them. Raises `ValueError` where a price cannot be."""
    contract = instrument.contract
    if contract and np.any(rows.price <= 0):
        raise ValueError("a price of nothing cannot be divided by")
    tape = tape_of(instrument)
    rows = rows.telling(instrument.rpi)
    running, nq = before or Sums(), nq_before or NqSums()
    if gone:
        left = rows.take(slice(0, gone))
        running = running + left.sums(contract)
        nq = nq + left.nq_sums(contract) if instrument.rpi else nq
        rows = rows.take(slice(gone, None))
    count = len(rows.ids)
    added = _Added(rows, contract)
    back = np.flatnonzero(rows.ts[1:] < rows.ts[:-1]) + 1
    inversions = np.bincount(back // CHUNK, minlength=count // CHUNK + 1).tolist()
    chunks: list[Chunk] = []
    for start in range(0, count, CHUNK):
        stop = min(start + CHUNK, count)
        chunk = tape.chunk(running)
        for column, values in zip(chunk.columns(), rows, strict=True):
            column.frombytes(values[start:stop].tobytes())
        chunk.inversions = inversions[start // CHUNK]
        running = running + added.sums(start, stop)
        if instrument.rpi:
            chunk.nq_before = nq
            nq = nq + chunk.nq_sums()
        chunks.append(chunk)
    for one, two in pairwise(chunks):
        one.next = two
    tape.chunks = chunks or [tape.chunk(running)]
    tape.tail = tape.chunks[-1]
    tape.inversions = len(back)
    tape.buy_trades, tape.sell_trades = running.buy_trades, running.sell_trades
    tape.buy_base, tape.sell_base = running.buy_base, running.sell_base
    tape.buy_quote, tape.sell_quote = running.buy_quote, running.sell_quote
    if count:
        tape.newest_ts = int(rows.ts.max())
        tape.last_price = added.price[-1]
    if isinstance(tape, WideTape) and tape.rpi:
        if not chunks:
            tape.tail.nq_before = nq
        tape.recount_nq()
    return tape


def fold_columns(rows: Rows, width: int, contract: int = 0) -> list[Bar]:
    """`bars.fold`, of rows in columns (ascending ids, trades only)."""
    begins = rows.ts - rows.ts % width
    edges = [0, *(np.flatnonzero(begins[1:] != begins[:-1]) + 1).tolist(), len(begins)]
    ids, starts = rows.ids.tolist(), begins[edges[:-1]].tolist()
    added = _Added(rows, contract)
    bars: list[Bar] = []
    for start, (low, high) in zip(starts, pairwise(edges), strict=True):
        prices = added.price[low:high]
        sums = added.sums(low, high)
        bars.append(Bar(start, prices[0], max(prices), min(prices), prices[-1], ids[low], ids[high - 1], sums))
    return bars


def rows_of(rows: Iterable[Row]) -> Rows:
    """Rows of a tape as columns."""
    columns = list(zip(*rows, strict=True)) or [()] * len(Row._fields)
    return Rows(*(np.array(column, np.int64) for column in columns))
