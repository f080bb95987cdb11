"""The engine: events in, updates out. Pure: no clock, no I/O, no log; the same events give the same state.

`apply` takes one event and returns what happened, or None where nothing did (a duplicate, an unknown instrument).
`advance` tells it the time. Readers look at `books` between two calls; nothing here ever waits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, overload

from orderflow_stream.core import liquidations
from orderflow_stream.core.book import Analytic, Book
from orderflow_stream.core.events import (
    AnyEvent,
    AnyUpdate,
    Event,
    FeedDown,
    FeedUp,
    Forget,
    Instrument,
    LateTrades,
    Liquidation,
    LiquidationFeed,
    Probe,
    Refill,
    Restarted,
    StateChanged,
    Trade,
    Update,
)
from orderflow_stream.core.keeper import Keeper
from orderflow_stream.core.refill import NOTHING, arrived, corrected, declare, refill, row, splice
from orderflow_stream.core.restore import forget, reshape
from orderflow_stream.core.sequence import Verdict
from orderflow_stream.core.state import LEAD, judge

#: An id this far beyond the order is believed only when the trade after it confirms it.
JUMP: Final = 1_000_000
#: A streamed trade this far below the oldest one held belongs to no late copy.
OLD: Final = 5_000
#: The feed state of every instrument is looked at once in so long (µs), and so many of them in one `advance`.
SWEEP_EVERY: Final = 500_000
SWEEP: Final = 64


class Engine:
    """Owns the books of all instruments.

    `windows` are the spans (µs) kept per instrument; at least `keep_trades` trades and the longest of them are held,
    within `budget_bytes` for all instruments together: where that bites, time windows shorten first (and say so), the
    last `keep_trades` never go. `analytics` makes the per-trade analytics of a new book.
    """

    def __init__(
        self,
        *,
        windows: tuple[int, ...],
        analytics: Callable[[Book], tuple[Analytic, ...]] = lambda book: (),
        keep_trades: int = 5_000,
        budget_bytes: int = 1 << 30,
    ) -> None:
        self.books: dict[str, Book] = {}
        self.now = -1
        self.windows = windows
        self.keeper = Keeper(self.books, keep_trades, max(windows, default=0), budget_bytes)
        self.pending: dict[Analytic, None] = {}  # analytics that wait for time to pass, in an order that replay repeats
        self._clock_offset = 0
        self._offsets: dict[str, tuple[int, int]] = {}  # by venue, where it was told: offset and skew
        self._listening = liquidations.Listening()
        self._analytics = analytics
        self._sweep: list[Book] = []
        self._sweep_due = -1

    # -- instruments ----------------------------------------------------------------------------------------------

    def add(self, instrument: Instrument) -> Book:
        """Keep this instrument from now on; the same book again where it is kept already."""
        book = self.books.get(instrument.key)
        if book is None:
            book = Book(instrument, self.windows)
            book.clock_offset, book.skew = self._offsets.get(instrument.venue, (self._clock_offset, 0))
            self._listening.begin(book, self.now)
            book.analytics = self._analytics(book)
            self.books[instrument.key] = book
        elif book.instrument != instrument:
            known, book.instrument = book.instrument, instrument  # what the venue says of it has changed
            book.attention = True
            if _nature(known) != _nature(instrument):
                reshape(book)
        return book

    def set_limits(self, *, keep_trades: int, budget_bytes: int) -> None:
        """Keep so much from now on: more grows as trades come, less is let go of at each tape's next chunk."""
        self.keeper.trades, self.keeper.budget = keep_trades, budget_bytes
        for book in self.books.values():
            self.keeper.keep(book, self.now)

    def remove(self, key: str) -> None:
        """Forget an instrument and all that was kept of it."""
        book = self.books.pop(key, None)
        if book is not None:
            self.keeper.forget(key)
            for analytic in book.analytics:
                self.pending.pop(analytic, None)

    def book(self, key: str) -> Book | None:
        return self.books.get(key)

    @property
    def nbytes(self) -> int:
        """Bytes that all tapes and bars take, as last counted."""
        return self.keeper.total

    @property
    def clock_offset(self) -> int:
        """The venue's clock minus ours as last measured, microseconds; reported, never applied here. To set it is to
        say so of all venues."""
        return self._clock_offset

    @clock_offset.setter
    def clock_offset(self, value: int) -> None:
        self._clock_offset = value
        self._offsets.clear()
        for book in self.books.values():
            book.clock_offset, book.skew = value, 0

    def set_offset(self, venue: str, offset: int, skew: int = 0) -> None:
        """One venue's clock minus ours (µs, reported), and what `now` lacks of that venue's time: `now` is told by one
        clock for all of them."""
        self._offsets[venue] = offset, skew
        for book in self.books.values():
            if book.instrument.venue == venue:
                book.clock_offset, book.skew = offset, skew

    # -- events ---------------------------------------------------------------------------------------------------

    @overload
    def apply(self, event: Event) -> tuple[Update, ...] | None: ...
    @overload
    def apply(self, event: Liquidation | LiquidationFeed) -> tuple[Liquidation, ...] | None: ...
    @overload
    def apply(self, event: AnyEvent) -> tuple[AnyUpdate, ...] | None: ...
    def apply(self, event: AnyEvent) -> tuple[AnyUpdate, ...] | None:
        """Apply one event; what happened because of it, or None where nothing was applied."""
        if type(event) is Trade:
            return self._trade(event)
        return self._other(event)

    def _trade(self, trade: Trade) -> tuple[Update, ...] | None:
        book = self.books.get(trade.instrument)
        if book is None:
            return None
        counters = book.counters
        counters.received += 1
        sequence = book.sequence
        id_ = trade.id
        if id_ != sequence.next or not trade.qty:
            return self._irregular(book, trade)
        sequence.next = id_ + 1
        counters.applied += 1
        return self._append(book, trade)

    def _append(self, book: Book, trade: Trade) -> tuple[Update, ...]:
        """The newest trade of a book, its id already received."""
        book.last_recv = trade.ts_recv
        rolled = book.tape.take(trade)
        book.bars.on_trade(trade.id, trade.price, trade.ts_event)
        updates = NOTHING
        for analytic in book.analytics:
            found = analytic.on_trade(trade)
            if found is not None:
                updates += found
        if rolled:
            self.keeper.keep(book, self.now)
        if book.attention:
            book.verified = True
            if trade.id <= book.behind:  # told of as missing, since the venue knew it first; it has come by itself
                updates += arrived(book, trade.id, trade.ts_event)
            book.spoke(trade.id)
            updates += self._restate(book, trade.ts_event)
        return updates

    def _irregular(self, book: Book, trade: Trade) -> tuple[Update, ...] | None:
        """A trade that does not simply continue the order, or a row that the venue marked invalid."""
        counters, sequence = book.counters, book.sequence
        reason = self._refuse(book, trade)
        if reason is not None:
            counters.dropped[reason] = counters.dropped.get(reason, 0) + 1
            return None
        began, oldest = sequence.next, sequence.first
        if oldest is None and trade.id > 1:
            book.origin = False  # proven when nothing was there; ids before this one came since, or were missed
        verdict = sequence.offer(trade.id, trade.ts_event)
        if verdict is Verdict.DUPLICATE:
            counters.duplicate += 1
            book.heard = trade.ts_recv
            if book.mute >= 0:
                book.spoke(trade.id)
            if trade.ts_event > book.tape.newest_ts >= 0:
                book.doubt()  # an id of old on a trade of now
            return None
        counters.applied += 1
        book.attention = True
        updates: tuple[Update, ...] = NOTHING
        if verdict is Verdict.GAP:
            known = max(0, min(trade.id, book.behind + 1) - began)  # declared when the venue knew of them first
            counters.gap_trades += known
            if began + known == trade.id:
                counters.gaps += 1
            else:
                updates = declare(book, began + known, trade.id - 1, trade.ts_event)
        if not trade.qty:
            counters.invalid += 1
            sequence.mark_invalid(trade.id)
            book.verified = book.verified or verdict is not Verdict.LATE
        elif verdict is not Verdict.LATE:
            return updates + self._append(book, trade)
        if verdict is Verdict.LATE:
            updates += self._late(book, trade, oldest)
        return updates + self._restate(book, trade.ts_event)

    def _late(self, book: Book, trade: Trade, oldest: int | None) -> tuple[Update, ...]:
        """A trade (or an id that carries none) below the newest, received already; `oldest` was the first id then."""
        now = max(trade.ts_event, self.now + book.skew)
        book.counters.late += 1
        book.streamed = max(book.streamed, trade.id)
        updates: tuple[Update, ...] = NOTHING
        if trade.qty:
            updates = (LateTrades(trade.instrument, (trade,)), *splice(book, [row(trade)], late=True))
            self.keeper.keep(book, self.now)
        if oldest is None or trade.id >= oldest:
            return updates + corrected(book, [trade.id], [], now, "stream")
        if trade.id + 1 < oldest:
            updates += declare(book, trade.id + 1, oldest - 1, now)
        return updates

    def _refuse(self, book: Book, trade: Trade) -> str | None:
        """Why this id cannot be believed. Where the venue may have begun its ids anew, it is to be asked."""
        sequence, id_ = book.sequence, trade.id
        if sequence.first is None:
            return None
        if id_ < sequence.first:
            if trade.ts_event > book.tape.newest_ts >= 0:
                book.doubt()
            return "too_old" if book.tape.evicted or sequence.first - id_ > OLD else None
        if id_ - sequence.next >= JUMP and not (book.suspect is not None and 0 < id_ - book.suspect <= OLD):
            book.suspect = id_
            book.doubt()
            return "id_jump"
        return None

    def _other(self, event: AnyEvent) -> tuple[AnyUpdate, ...] | None:
        if isinstance(event, Refill):
            book = self.books.get(event.instrument)
            return None if book is None else self._refill(book, event)
        if isinstance(event, FeedUp | FeedDown):
            updates = NOTHING
            for key in event.instruments:
                book = self.books.get(key)
                if book is not None:
                    updates += self._feed(book, event)
            return updates
        if isinstance(event, Probe):
            return self._probe(event)
        if isinstance(event, Restarted):
            book = self.books.get(event.instrument)
            if book is None:
                return None
            book.restart(event.ts)
            self.keeper.weigh(book)
            return self._restate(book, event.ts)
        if isinstance(event, Forget):
            book = self.books.get(event.instrument)
            if book is None:
                return None
            updates = forget(book, event.before, event.ts)
            self.keeper.weigh(book)
            return updates + self._restate(book, event.ts)
        if isinstance(event, Liquidation):
            book = self.books.get(event.instrument)
            return None if book is None else liquidations.keep(book, event, self.now)
        if isinstance(event, LiquidationFeed):
            self._listening.saw(event, self.books.values())
            return ()
        raise TypeError(f"not an event: {event!r}")

    def _refill(self, book: Book, event: Refill) -> tuple[Update, ...]:
        updates = refill(book, event)
        if book.mute >= 0:
            book.explained()
        self.keeper.keep(book, self.now)
        return updates + self._restate(book, event.ts)

    def _probe(self, event: Probe) -> tuple[Update, ...] | None:
        book = self.books.get(event.instrument)
        if book is None:
            return None
        newest, told, known = book.sequence.newest, event.newest_id, book.behind
        book.behind = -1
        updates: tuple[Update, ...] = NOTHING
        if told is not None and (newest is None or told > newest):
            # Trades exist that no connection brought. They are asked of REST like a hole; the live order stays open
            # at its end, since the next streamed trade may be any of them.
            first = told if newest is None else max(newest, known) + 1
            book.behind, book.behind_at = told, event.ts
            if first <= told:
                updates = declare(book, first, told, event.ts, skipped=False)
            if event.silent and max(book.last_recv, book.heard) < event.ts:
                book.silent(told, max(event.ts, self.now + book.skew))
        elif told == newest:  # an older id is a database that lags, and proves nothing
            book.alive(event.ts)
        return updates + self._restate(book, event.ts)

    # -- feed state -----------------------------------------------------------------------------------------------

    def _feed(self, book: Book, event: FeedUp | FeedDown) -> tuple[Update, ...]:
        if isinstance(event, FeedUp):
            if not book.connections:
                book.up_at = event.ts
                book.mute = -1
                if book.was_up:
                    book.verified = False
                    book.reconnected = True
            elif book.mute >= 0 and event.connection not in book.connections:
                book.mute_answered = event.ts
            if book.demand:  # what was read on demand is not followed by the stream: it is warmed up like any other
                book.demand = book.warm = book.verified = False
            if event.connection not in book.connections:
                book.connections.add(event.connection)
                book.newest_up = event.ts
            book.was_up = True
        else:
            book.connections.discard(event.connection)
            if not book.connections and book.was_up:
                book.verified = False
                if book.state != "stale":
                    book.state, book.state_since, book.state_reason = "stale", event.ts, event.reason
                    book.attention = True
                    return (StateChanged(book.instrument.key, "stale", event.ts, event.reason),)
            if not book.was_up:
                book.state_reason = event.reason
        book.attention = True
        return self._restate(book, event.ts)

    def _restate(self, book: Book, ts: int) -> tuple[Update, ...]:
        here = self.now + book.skew
        now = book.at(max(min(ts, here + LEAD), here) if self.now >= 0 else ts)
        state, reason = judge(book, now, book.sequence.open, book.sequence.lost)
        book.attention = state != "live"
        if state == book.state and book.told_trading == book.instrument.trading:
            book.state_reason = reason
            return NOTHING
        book.told_trading = book.instrument.trading
        book.state, book.state_since, book.state_reason = state, now, reason
        return (StateChanged(book.instrument.key, state, now, reason),)

    def advance(self, now: int) -> tuple[Update, ...]:
        """It is `now` (venue time, µs): close what waited for time to pass, look at states."""
        self.now = max(self.now, now)
        updates = NOTHING
        if self.pending:
            for analytic in tuple(self.pending):
                updates += analytic.advance(self.now) or NOTHING
        if not self._sweep and self.now >= self._sweep_due:
            self._sweep = list(self.books.values())
            self._sweep_due = self.now + SWEEP_EVERY
        for book in self._sweep[-SWEEP:]:
            if self.books.get(book.instrument.key) is book:
                updates += self._restate(book, self.now + book.skew)
                if book.liquidations:
                    liquidations.trim(book, self.now)
        del self._sweep[-SWEEP:]
        return updates


def _nature(instrument: Instrument) -> tuple[int, bool, int]:
    """What of an instrument all that is made of its trades stands on."""
    return instrument.contract, instrument.rpi, instrument.row_span
