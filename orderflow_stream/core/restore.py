"""A book as plain values, and back: what a journal keeps of an instrument, and how it is put together again in bulk.

`dump` takes what trades alone do not tell, and columns that nothing will change any more; `fill` puts a tape and all
that follows it together from such a dump and from rows that came after it, `settle` adds the rest. Nothing here goes
trade by trade: a million rows take a fraction of a second, and the result is what the engine would have made of them.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct, field

from orderflow_stream.core.bars import Bar, Bars, BarsKept
from orderflow_stream.core.book import Book, GapRecord
from orderflow_stream.core.chunk import Column
from orderflow_stream.core.columns import Ints, Rows, fold_columns, rows_of, tape_from
from orderflow_stream.core.events import Corrected, Range, Update
from orderflow_stream.core.sequence import Hole, Sequence
from orderflow_stream.core.sums import NqSums, Sums
from orderflow_stream.core.window import Window

__all__ = ["Account", "Base", "Dump", "Facts", "Rows", "account", "base_of", "dump", "fill", "fold_columns", "forget",
           "reshape", "rows_of", "settle"]  # fmt: skip

#: What a book that was read from a journal says until its feed is there again.
RESTORED: Final = "read from the journal, not connected yet"


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
    nq_before: NqSums | None = None  # the same without RPI trades, where the venue tells them


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
    chunks = [chunk.columns() for chunk in tape.chunks[:-1]]  # only the newest chunk grows
    chunks.append(tuple(column[:] for column in tape.tail.columns()))
    facts = Facts(
        before=tape.chunks[0].before,
        evicted=tape.evicted,
        anchor_id=tape.anchor_id,
        anchor_ts=tape.anchor_ts,
        newest_ts=tape.newest_ts,
        invalid=book.sequence.invalid[:],
        account=account(book),
        open=bars.open,
        nq_before=tape.chunks[0].nq_before,
    )
    return Dump(facts, chunks, bars.seconds, bars.minutes)


def base_of(book: Book) -> Base:
    """A book as what more can be filled onto."""
    taken = dump(book)
    columns = zip(*(Rows.of(chunk) for chunk in taken.chunks), strict=True)
    return Base(taken.facts, Rows(*map(np.concatenate, columns)), taken.seconds, taken.minutes)


def fill(book: Book, base: Base | None, came: Rows, first: int | None = None) -> None:
    """Put the tape, its order, windows and bars of a book together: `base`, and the rows that `came` after it.

    `came` is in order of arrival, with ids twice or in `base` already; without `base` the bars of the book go on. Ids
    below `first` had left the tape. Raises `ValueError` where `base` cannot have been a dump.
    """
    held = base or Base()
    facts = held.facts
    came, held.rows = came.telling(book.instrument.rpi), held.rows.telling(book.instrument.rpi)
    fresh, valid, ids, invalid = _merge(held, came)
    gone = 0
    if first is not None:
        ids = ids[int(np.searchsorted(ids, first)) :]
        gone = int(np.searchsorted(valid.ids, first))
    tape = tape_from(book.instrument, valid, facts.before, facts.nq_before or NqSums(), gone)
    tape.evicted = facts.evicted + gone
    if facts.evicted:
        tape.anchor_id, tape.anchor_ts = facts.anchor_id, facts.anchor_ts
    elif len(valid.ids):
        tape.anchor_id, tape.anchor_ts = int(valid.ids[0]), int(valid.ts[0])
    tape.newest_ts = max(tape.newest_ts, facts.newest_ts)
    added = fresh.sums(book.instrument.contract)
    head = tape.head()
    book.tape = tape
    book.windows = {span: Window(tape, span) for span in book.windows}
    book.bars = book.bars.over(tape)
    if base is not None:
        book.bars.load(BarsKept(base.seconds, base.minutes, facts.open), head - added)
    if len(fresh.ids):
        book.bars.take(added, fold_columns(fresh, Bars.SECOND, book.instrument.contract))
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


def reshape(book: Book) -> None:
    """The venue says otherwise than before what a quantity is worth, what a row is, or whether it tells `nq`: the tape
    that is held is added up anew. Running sums, bars and analytics begin with it: of what is gone nothing can be said.
    """
    old = book.tape
    kept = list(old.rows_from(0, 0))
    fresh = tape_from(book.instrument, rows_of(kept))
    fresh.evicted, fresh.newest_ts = old.evicted, old.newest_ts
    if kept:
        fresh.anchor_id, fresh.anchor_ts = kept[0].id, kept[0].ts_event
    book.tape = fresh
    book.origin = book.origin and not old.evicted  # the oldest trade is another one from now on
    book.windows = {span: Window(fresh, span) for span in book.windows}
    book.bars = Bars(fresh, book.instrument.inverse)
    if kept:
        book.bars.on_late(kept)
    book.past_live, book.warm_sums = Sums(), fresh.head()
    for analytic in book.analytics:
        analytic.on_reset()
        if kept:
            analytic.on_splice(kept, late=False)


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
    fresh = tape_from(book.instrument, rows_of(kept))
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
