"""Trades that come otherwise than in turn: pages read from REST or a journal, late frames, and what they close.

The functions here work on one book, for the engine. Afterwards its tape, sums, windows and bars are what they would be
had nothing ever been missing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Final

from orderflow_stream.core.book import Book, GapRecord
from orderflow_stream.core.events import Corrected, GapFound, LateTrades, Range, Refill, Trade, Update
from orderflow_stream.core.sequence import Sequence, Verdict
from orderflow_stream.core.tape import Row

NOTHING: Final[tuple[Update, ...]] = ()


def refill(book: Book, event: Refill) -> tuple[Update, ...]:
    """Take what a refill brings and proves. The caller keeps the budget and judges the state anew."""
    sequence, counters = book.sequence, book.counters
    oldest, newest = sequence.first, sequence.newest
    book.note_streamed()
    came = sorted(event.trades, key=_id)
    fresh, old = _take(sequence, came, keep_older=not book.tape.evicted)
    if old:
        counters.dropped["too_old"] = counters.dropped.get("too_old", 0) + old
    for trade in fresh:
        if not trade.qty:
            counters.invalid += 1
            sequence.mark_invalid(trade.id)
    lost = [newly for first, last in event.lost for newly in sequence.lose(first, last)]
    if fresh:
        book.refilled[event.source] = max(fresh[-1].id, book.refilled.get(event.source, -1))
    edge = _late_from(book, event, oldest)
    _prove(book, event, came, newest)
    late = [trade for trade in fresh if trade.qty and trade.id >= edge]
    warm = [row(trade) for trade in fresh if trade.qty and trade.id < edge]
    updates = NOTHING
    if warm:
        book.warm_sums = book.warm_sums + book.tape.sums_of(warm)
        updates += splice(book, warm, late=False)
    if late:
        updates += splice(book, [row(trade) for trade in late], late=True)
        updates += (LateTrades(event.instrument, tuple(late)),)
    if oldest is None or newest is None:
        oldest = newest = sys.maxsize
    for hole in [hole for hole in sequence.holes if not oldest < hole.first < newest]:
        if not hole.lost:
            updates += declare(book, hole.first, hole.last, event.ts)
    filled = [trade.id for trade in fresh if event.repair or oldest < trade.id < newest]
    known = [one for one in lost if oldest < one[0] < newest]
    for first, last in lost:  # found and proven lost at once: for the record, there is nothing to ask for
        if not oldest < first < newest:
            declare(book, first, last, event.ts)
            _settle(book, first, last, event.ts, event.source)
    counters.lost += sum(last - first + 1 for first, last in lost)
    return updates + corrected(book, filled, known, event.ts, event.source)


def _late_from(book: Book, event: Refill, oldest: int | None) -> int:
    """The id from which on these trades are news: they would have been streamed, had all been well.

    What is older is the past, read by a warm-up or on demand.
    """
    if book.demand:
        return sys.maxsize
    if not book.warm:
        return book.streamed_from if book.streamed_from >= 0 else sys.maxsize
    if oldest is None:
        return 0 if event.repair else sys.maxsize
    return oldest


def _prove(book: Book, event: Refill, came: list[Trade], newest: int | None) -> None:
    """What a refill says beside its trades."""
    if newest is None and came and came[0].id > 1:
        book.origin = False  # proven when nothing was there; ids before this one came since, or were missed
    book.origin = book.origin or event.origin
    if event.warm and not book.reconnected:
        book.verified = True  # read after the stream began: whatever came since has come by the stream
    book.warm = book.warm or event.warm
    if 0 <= book.behind < book.sequence.next:
        book.alive(book.behind_at)
        book.behind = -1
    if book.demand:
        # Only the newest page says how far this is whole; one of older trades is asked for later and says nothing.
        head = came[-1].id >= newest if came and newest is not None else newest is None or not event.origin
        if head:
            book.alive(event.ts)


def splice(book: Book, rows: list[Row], *, late: bool) -> tuple[Update, ...]:
    """Put rows (ascending ids, received already) into the tape and into all that follows it."""
    book.tape.splice(rows)
    book.bars.on_late(rows)
    updates = NOTHING
    for analytic in book.analytics:
        updates += analytic.on_splice(rows, late)
    return updates


def declare(book: Book, first: int, last: int, ts: int, *, skipped: bool = True) -> tuple[Update, ...]:
    """A hole was found; `skipped` by the stream, and not only unknown to us as yet."""
    if skipped:
        book.counters.gaps += 1
        book.counters.gap_trades += last - first + 1
    book.gap_log.append(GapRecord(first, last, ts))
    return (GapFound(book.instrument.key, first, last, ts),)


def corrected(book: Book, filled: list[int], lost: list[Range], ts: int, source: str) -> tuple[Update, ...]:
    """Holes shrank, by these ids (ascending) or ranges: the records of them follow."""
    spans = [(filled[0], filled[-1])] if filled else []
    spans += [(lost[0][0], lost[-1][1])] if lost else []
    if not spans:
        return NOTHING
    book.counters.refilled += len(filled)
    _settle(book, min(spans)[0], max(span[1] for span in spans), ts, source)
    return (Corrected(book.instrument.key, tuple(_ranges(filled)), tuple(lost), ts),)


def arrived(book: Book, id_: int, ts: int) -> tuple[Update, ...]:
    """An id that was declared because the venue knew it first has come by the stream, in turn."""
    _settle(book, id_, id_, ts, "stream")
    return (Corrected(book.instrument.key, ((id_, id_),), (), ts),)


def _settle(book: Book, low: int, high: int, ts: int, source: str) -> None:
    """Bring the records of holes around ids `low`..`high` up to what is missing now."""
    for record in book.gap_log:
        if record.last < low or record.first > high or record.status == "repaired" or record.source == "evicted":
            continue
        left = book.sequence.missing(record.first, record.last)
        if record.last >= book.sequence.next:
            continue  # it reaches beyond the newest trade: the venue knew of it first, and not all of it has come
        status = "repaired" if not left else "lost" if all(hole.lost for hole in left) else "open"
        if status != record.status:
            record.status = status
            record.closed, record.source = (None, None) if status == "open" else (ts, source)


def row(trade: Trade) -> Row:
    """The trade as the tape keeps it."""
    qty = trade.qty if trade.side > 0 else -trade.qty
    return Row(trade.id, trade.price, qty, trade.ts_event, trade.first_id, trade.last_id, trade.nq)


def _take(sequence: Sequence, came: list[Trade], *, keep_older: bool) -> tuple[list[Trade], int]:
    """Receive those ids that are new; ascending. Also how many were older than what may still be prepended."""
    first = sequence.first
    older = [trade for trade in came if first is not None and trade.id < first]
    dropped = 0
    if not keep_older:
        dropped, older = len(older), []
    # Older ones newest first, so that a page that joins leaves no hole on the way.
    fresh = [trade for trade in reversed(older) if sequence.offer(trade.id, trade.ts_event) is Verdict.LATE]
    fresh.reverse()
    rest = came if first is None else [trade for trade in came if trade.id >= first]
    fresh += [trade for trade in rest if sequence.offer(trade.id, trade.ts_event) is not Verdict.DUPLICATE]
    return fresh, dropped


def _id(trade: Trade) -> int:
    return trade.id


def _ranges(ids: Iterable[int]) -> list[Range]:
    """Ascending ids as inclusive ranges."""
    out: list[Range] = []
    for id_ in ids:
        if out and out[-1][1] + 1 == id_:
            out[-1] = (out[-1][0], id_)
        else:
            out.append((id_, id_))
    return out
