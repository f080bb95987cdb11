"""A book as plain values, and back: what a journal keeps of an instrument, and how it is put together again in bulk.

`dump` takes what trades alone do not tell, and columns that nothing will change any more; `fill` puts a tape and all
that follows it together from such a dump and from rows that came after it, `settle` adds the rest. Nothing here goes
trade by trade: a million rows take a fraction of a second, and the result is what the engine would have made of them.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from itertools import pairwise
from operator import mul
from typing import Final, NamedTuple, Self, TypeAlias

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from orderflow_stream.core.bars import Bar, BarsKept
from orderflow_stream.core.book import Book, GapRecord
from orderflow_stream.core.events import Corrected, Range, Update
from orderflow_stream.core.sequence import Hole, Sequence
from orderflow_stream.core.sums import Sums
from orderflow_stream.core.tape import CHUNK, Chunk, Row, Tape
from orderflow_stream.core.window import Window

Ints = NDArray[np.int64]
Column: TypeAlias = "array[int]"

_SECOND: Final = 1_000_000
#: What a book that was read from a journal says until its feed is there again.
RESTORED: Final = "read from the journal, not connected yet"


class Rows(NamedTuple):
    """Rows of one instrument in columns; `qty` is signed, 0 where an id carries no trade."""

    ids: Ints
    price: Ints
    qty: Ints
    ts: Ints
    first: Ints
    last: Ints

    @classmethod
    def of(cls, columns: Iterable[Column]) -> Self:
        """The same memory, as numpy sees it."""
        return cls(*(np.frombuffer(column, np.int64) for column in columns))

    @classmethod
    def none(cls) -> Self:
        return cls(*(np.empty(0, np.int64) for _ in cls._fields))

    def take(self, which: Ints | NDArray[np.bool_] | slice) -> Self:
        """Some of them."""
        return type(self)(*(column[which] for column in self))

    def __add__(self, other: Rows) -> Self:  # type: ignore[override]  # rows, not tuples, are what is added
        return type(self)(*(np.concatenate(pair) for pair in zip(self, other, strict=True)))

    def sums(self) -> Sums:
        """Exact, whatever the size of the numbers."""
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


class Account(Struct):
    """What of a book its trades do not tell. `first` is the oldest id it answers for, `lost` are ranges."""

    generation: int = 1
    first: int | None = None
    origin: bool = False
    warm: bool = False
    lost: list[Range] = field(default_factory=list)
    gaps: list[GapRecord] = field(default_factory=list)


class Facts(Struct):
    """What of a dump is not columns. `before` are the tape's running sums ahead of its first row."""

    before: Sums = field(default_factory=Sums)
    evicted: int = 0
    anchor_id: int = -1
    anchor_ts: int = -1
    newest_ts: int = -1
    invalid: list[int] = field(default_factory=list)
    account: Account = field(default_factory=Account)
    open: Bar | None = None


class Dump(Struct):
    """A book at one moment. The columns of a chunk are those of `Rows`, and are never written to again."""

    facts: Facts
    chunks: list[tuple[Column, ...]]
    seconds: bytes
    minutes: bytes


class Base(Struct):
    """A dump as it was read back."""

    facts: Facts = field(default_factory=Facts)
    rows: Rows = field(default_factory=Rows.none)
    seconds: bytes = b""
    minutes: bytes = b""


def account(book: Book) -> Account:
    """As it stands."""
    lost = [(hole.first, hole.last) for hole in book.sequence.holes if hole.lost]
    gaps = [GapRecord(**{name: getattr(one, name) for name in one.__struct_fields__}) for one in book.gap_log]
    return Account(book.generation, book.sequence.first, book.origin, book.warm, lost, gaps)


def dump(book: Book) -> Dump:
    """A book as it stands, by reference where that is safe: a millisecond or less, whatever its size."""
    tape = book.tape
    bars = book.bars.dump()
    chunks = [_columns(chunk) for chunk in tape.chunks[:-1]]  # only the newest chunk grows
    chunks.append(tuple(column[:] for column in _columns(tape.tail)))
    facts = Facts(
        before=tape.chunks[0].before,
        evicted=tape.evicted,
        anchor_id=tape.anchor_id,
        anchor_ts=tape.anchor_ts,
        newest_ts=tape.newest_ts,
        invalid=book.sequence.invalid[:],
        account=account(book),
        open=bars.open,
    )
    return Dump(facts, chunks, bars.seconds, bars.minutes)


def base_of(book: Book) -> Base:
    """A book as what more can be filled onto."""
    taken = dump(book)
    columns = zip(*(Rows.of(chunk) for chunk in taken.chunks), strict=True)
    return Base(taken.facts, Rows(*map(np.concatenate, columns)), taken.seconds, taken.minutes)


def _columns(chunk: Chunk) -> tuple[Column, ...]:
    return chunk.ids, chunk.price, chunk.qty, chunk.ts, chunk.first, chunk.last


def fill(book: Book, base: Base | None, came: Rows, first: int | None = None) -> None:
    """Put the tape, its order, windows and bars of a book together: `base`, and the rows that `came` after it.

    `came` is in order of arrival, with ids twice or in `base` already; without `base` the bars of the book go on. Ids
    below `first` had left the tape. Raises `ValueError` where `base` cannot have been a dump.
    """
    held = base or Base()
    facts = held.facts
    fresh, valid, ids, invalid = _merge(held, came)
    gone = 0
    if first is not None:
        ids = ids[int(np.searchsorted(ids, first)) :]
        gone = int(np.searchsorted(valid.ids, first))
    tape = _tape(valid, facts.before, gone)
    tape.evicted = facts.evicted + gone
    if facts.evicted:
        tape.anchor_id, tape.anchor_ts = facts.anchor_id, facts.anchor_ts
    elif len(valid.ids):
        tape.anchor_id, tape.anchor_ts = int(valid.ids[0]), int(valid.ts[0])
    tape.newest_ts = max(tape.newest_ts, facts.newest_ts)
    added = fresh.sums()
    head = tape.head()
    book.tape = tape
    book.windows = {span: Window(tape, span) for span in book.windows}
    book.bars = book.bars.over(tape)
    if base is not None:
        book.bars.load(BarsKept(base.seconds, base.minutes, facts.open), head - added)
    if len(fresh.ids):
        book.bars.take(added, fold_columns(fresh, _SECOND))
    book.sequence = _sequence(ids, invalid)


def _merge(held: Base, came: Rows) -> tuple[Rows, Rows, Ints, Ints]:
    """Trades that are new, all trades, all ids, those that carry no trade; each ascending by id, each id once."""
    base, blank = held.rows, np.array(held.facts.invalid, np.int64)
    if np.any(base.ids[1:] <= base.ids[:-1]) or np.any(base.qty == 0):
        raise ValueError("the rows of a tape are not in order")
    _, index = np.unique(came.ids, return_index=True)
    came = came.take(index)
    new = ~(np.isin(came.ids, base.ids, assume_unique=True) | np.isin(came.ids, blank))
    real = came.qty != 0
    fresh = came.take(new & real)
    invalid = np.sort(np.concatenate((blank, came.ids[new & ~real])))
    valid = base + fresh if len(fresh.ids) else base
    if len(fresh.ids) and len(base.ids) and fresh.ids[0] < base.ids[-1]:
        valid = valid.take(np.argsort(valid.ids, kind="stable"))
    ids = np.sort(np.concatenate((valid.ids, invalid))) if len(invalid) else valid.ids
    return fresh, valid, ids, invalid


def _tape(rows: Rows, before: Sums, gone: int) -> Tape:
    """A tape of these rows but the first `gone`; `before` are the running sums ahead of all of them."""
    tape = Tape()
    running = before + rows.take(slice(0, gone)).sums() if gone else before
    rows = rows.take(slice(gone, None)) if gone else rows
    count = len(rows.ids)
    price = rows.price.tolist()
    # One pass of products a side, zero where a row is of the other: sums of slices then cost no mask each.
    bought, sold = np.maximum(rows.qty, 0).tolist(), np.maximum(-rows.qty, 0).tolist()
    buys = np.concatenate(([0], np.cumsum(rows.qty > 0))).tolist()
    back = np.flatnonzero(rows.ts[1:] < rows.ts[:-1]) + 1
    inversions = np.bincount(back // CHUNK, minlength=count // CHUNK + 1).tolist()
    chunks: list[Chunk] = []
    for start in range(0, count, CHUNK):
        stop = min(start + CHUNK, count)
        chunk = Chunk(running)
        for column, values in zip(_columns(chunk), rows, strict=True):
            column.frombytes(values[start:stop].tobytes())
        chunk.inversions = inversions[start // CHUNK]
        prices, b, s = price[start:stop], bought[start:stop], sold[start:stop]
        buyers = buys[stop] - buys[start]
        of_chunk = Sums(
            buyers, stop - start - buyers, sum(b), sum(s), sum(map(mul, prices, b)), sum(map(mul, prices, s))
        )
        running = running + of_chunk
        chunks.append(chunk)
    for one, two in pairwise(chunks):
        one.next = two
    tape.chunks = chunks or [Chunk(running)]
    tape.tail = tape.chunks[-1]
    tape.inversions = len(back)
    tape.buy_trades, tape.sell_trades = running.buy_trades, running.sell_trades
    tape.buy_base, tape.sell_base = running.buy_base, running.sell_base
    tape.buy_quote, tape.sell_quote = running.buy_quote, running.sell_quote
    if count:
        tape.newest_ts = int(rows.ts.max())
        tape.last_price = price[-1]
    return tape


def _sequence(ids: Ints, invalid: Ints) -> Sequence:
    """Which ids were received; what lies between them is missing."""
    sequence = Sequence()
    if not len(ids):
        return sequence
    sequence.first, sequence.next = int(ids[0]), int(ids[-1]) + 1
    sequence.invalid = invalid[int(np.searchsorted(invalid, sequence.first)) :].tolist()
    for at in np.flatnonzero(ids[1:] - ids[:-1] > 1).tolist():
        hole = Hole(int(ids[at]) + 1, int(ids[at + 1]) - 1, -1)
        sequence.holes.append(hole)
        sequence.open += hole.size
    return sequence


def settle(book: Book, known: Account | None, now: int) -> list[Range]:
    """The rest, once the tape is there; `now` (venue time, µs) goes on record. Returns the holes left to be filled.

    Such a book claims nothing: its state is `connecting`, then `unverified` until the feed proves what it holds.
    """
    sequence = book.sequence
    if known is not None:
        book.generation = max(book.generation, known.generation)
        book.origin, book.warm = known.origin, known.warm
        book.gap_log.clear()
        book.gap_log.extend(known.gaps)
        for first, last in known.lost:
            sequence.lose(first, last)
    newest = sequence.newest
    if newest is not None:
        book.refilled = {"journal": newest}
        book.streamed_from = -1 if book.warm else newest + 1  # what comes after it would have been streamed
    book.past_live, book.warm_sums = Sums(), book.tape.head()  # the live counters are those of this process
    book.reconnected, book.verified = True, False
    book.state, book.state_reason, book.attention = "connecting", RESTORED, True
    holes = book.open_ranges()
    on_record = [(one.first, one.last) for one in book.gap_log if one.status == "open"]
    for first, last in holes:
        if not any(low <= first and last <= high for low, high in on_record):
            book.gap_log.append(GapRecord(first, last, now))
    return holes


def forget(book: Book, before: int, now: int) -> tuple[Update, ...]:
    """Ids below `before` are given up, with all trades of the tape that have such: it begins anew, cold, with what is
    left. Bars and large prints stay."""
    tape, sequence = book.tape, book.sequence
    missing = [(hole.first, hole.last) for hole in sequence.missing(-1, before - 1) if not hole.lost]
    if book.behind >= sequence.next and sequence.next < before:
        missing.append((max(sequence.next, 0), min(book.behind, before - 1)))
        book.behind = -1 if book.behind < before else book.behind
    kept = list(tape.rows_from(*tape.place_after_id(before - 1)))
    invalid = [id_ for id_ in sequence.invalid if id_ >= before]
    live = book.live
    fresh = _tape(rows_of(kept), Sums(), 0)
    if kept:
        fresh.anchor_id, fresh.anchor_ts = kept[0].id, kept[0].ts_event
    book.tape = fresh
    book.windows = {span: Window(fresh, span) for span in book.windows}
    book.bars = book.bars.over(fresh)
    holes = sequence.missing(before, sequence.next)
    ids = np.sort(np.array([*(row.id for row in kept), *invalid], np.int64))
    book.sequence = _sequence(ids, np.array(invalid, np.int64))
    for hole in holes:
        if hole.lost:
            book.sequence.lose(hole.first, hole.last)
    book.past_live, book.warm_sums = live, fresh.head()
    book.origin = book.warm = False
    book.refilled, book.streamed, book.as_of = {}, -1, None
    book.streamed_from = before
    book.attention = True
    for record in book.gap_log:
        if record.status == "open" and record.first < before:
            record.status, record.closed, record.source = "lost", now, "evicted"
    book.counters.lost += sum(last - first + 1 for first, last in missing)
    return (Corrected(book.instrument.key, (), tuple(missing), now),) if missing else ()


def fold_columns(rows: Rows, width: int) -> list[Bar]:
    """`bars.fold`, of rows in columns (ascending ids, trades only)."""
    begins = rows.ts - rows.ts % width
    edges = [0, *(np.flatnonzero(begins[1:] != begins[:-1]) + 1).tolist(), len(begins)]
    ids, price, starts = rows.ids.tolist(), rows.price.tolist(), begins[edges[:-1]].tolist()
    bought, sold = np.maximum(rows.qty, 0).tolist(), np.maximum(-rows.qty, 0).tolist()
    buys = np.concatenate(([0], np.cumsum(rows.qty > 0))).tolist()
    bars: list[Bar] = []
    for start, (low, high) in zip(starts, pairwise(edges), strict=True):
        prices, b, s = price[low:high], bought[low:high], sold[low:high]
        buyers = buys[high] - buys[low]
        sums = Sums(buyers, high - low - buyers, sum(b), sum(s), sum(map(mul, prices, b)), sum(map(mul, prices, s)))
        bars.append(
            Bar(start, prices[0], max(prices), min(prices), prices[-1], ids[low], ids[high - 1], sums),
        )
    return bars


def rows_of(rows: Iterable[Row]) -> Rows:
    """Rows of a tape as columns."""
    columns = list(zip(*rows, strict=True)) or [()] * 6
    return Rows(*(np.array(column, np.int64) for column in columns))
