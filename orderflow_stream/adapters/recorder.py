"""Writes down what happens: a frame of trades and log events every few hundred milliseconds, snapshots now and then.

On the path of a trade nothing is done but what the event log does anyway: it appends to the list that is taken here.
All of the encoding is left to the thread that writes (`journal.writer`).
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol

import structlog

from orderflow_stream.adapters import kept
from orderflow_stream.adapters.journal.jobs import FlushJob, FrameJob, MetaJob, SnapshotJob, Stats
from orderflow_stream.adapters.journal.writer import Writer
from orderflow_stream.adapters.sealing import Taken, frame
from orderflow_stream.analytics.large import LargeTracker
from orderflow_stream.core.book import Book
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import (
    AnyEvent,
    AnyUpdate,
    Corrected,
    Forget,
    GapFound,
    Instrument,
    LateTrades,
    Liquidation,
    Refill,
    Restarted,
)
from orderflow_stream.core.restore import account, dump

#: The event log never counts beyond what is reserved on the disk, so that no process counts what another did.
BLOCK: Final = 1_000_000_000
#: Seconds between two notes of which snapshots are still true.
CLEAN_EVERY: Final = 30.0
#: Seconds that the loop is held up for snapshots in one go.
STRETCH: Final = 0.001
#: An instrument that is not warm is looked at again after so long.
_SOON: Final = 2.0
_WORTH: Final = (GapFound, Corrected, LateTrades)

EPOCH, RESERVED, CLEAN = "epoch", "reserved", "clean"

log = structlog.get_logger(__name__)


class EventLog(Protocol):
    """The part of the event log that is read here."""

    epoch: str
    seq: int
    tap: list[Any] | None

    def last_change(self, key: str) -> int: ...


class Recorder:
    """`saw` is told of everything but plain trades, `run` seals frames. `now` is venue time (µs)."""

    def __init__(
        self,
        engine: Engine,
        events: EventLog,
        writer: Writer,
        *,
        now: Callable[[], int],
        frame_s: float,
        snapshot_s: float,
        elapsed: Callable[[], float] = time.monotonic,
        block: int = BLOCK,
    ) -> None:
        self._engine = engine
        self._log = events
        self._writer = writer
        self._now = now
        self._frame_s = frame_s
        self._snapshot_s = snapshot_s
        self._elapsed = elapsed
        self._block = block
        self._since = events.seq
        self._told: dict[str, int] = {}  # after which position the last liquidation was told of
        self._dirty: dict[str, None] = {}  # instruments whose account may have changed
        self._gappy: dict[str, list[tuple[int, int, str]]] = {}  # those with open holes on record, as last written
        self._named: dict[str, Instrument] = {}
        self._known: dict[str, float] = {}  # since when
        self._from: dict[str, int] = {}  # after which position all came of what never had a snapshot
        self._sealed = events.seq  # after which position the newest frame begins
        self._resumed: kept.Resumed | None = None  # for the first frame
        self._due: list[tuple[float, str]] = []  # a heap: when an instrument's snapshot is next looked at
        self._done: dict[str, int] = {}  # the position of its newest snapshot
        self._clean_at = float("-inf")
        self._reserved = 0  # never counted beyond; set by the thread once it is on the disk
        self._asked = float("-inf")
        self._losses = 0
        events.tap = []

    # -- what happened ------------------------------------------------------------------------------------------------

    def saw(self, event: AnyEvent | None, updates: tuple[AnyUpdate, ...]) -> None:
        """`event` was applied and published (None: time was), and `updates` came of it. Plain trades need not be told
        of: the event log has them."""
        for update in updates:
            if isinstance(update, _WORTH):
                self._dirty[update.instrument] = None
            elif isinstance(update, Liquidation):
                self._told[update.instrument] = self._log.seq
        if event is None or not isinstance(event, Refill | Restarted | Forget):
            return
        book = self._engine.book(event.instrument)
        tap = self._log.tap
        if book is None or book.demand or tap is None:
            return
        self._dirty[event.instrument] = None
        seq = self._log.seq
        if isinstance(event, Refill):
            # Those that were news are in the event log. Of the rest, what the tape answers for; the negative number
            # says when they came, and that they are no events.
            late = {one.id for update in updates if isinstance(update, LateTrades) for one in update.trades}
            first = book.sequence.first or 0
            tap.extend((-seq, one) for one in event.trades if one.id >= first and one.id not in late)
        else:
            tap.append((seq, event))

    def begin(
        self,
        reserved: int,
        done: dict[str, int] | None = None,
        *,
        since: int = 0,
        resumed: kept.Resumed | None = None,
    ) -> None:
        """What is reserved on the disk already, and at which positions it has snapshots of what; of the other books all
        there is came after `since`. `resumed` says how the event log goes on."""
        self._reserved = reserved
        self._done.update(done or {})
        self._from.update({key: since for key in self._engine.books if key not in self._done})
        self._resumed = resumed
        if reserved:  # the writer gives them to every new file, should this one turn out to be damaged
            self._writer.offer(MetaJob(EPOCH, self._log.epoch.encode()))
            self._writer.offer(MetaJob(RESERVED, b"%d" % reserved))

    # -- frames -------------------------------------------------------------------------------------------------------

    def seal(self) -> bool:
        """Hand what has come since the last time to the thread; false where it was dropped."""
        events = self._log
        came, events.tap = events.tap or [], []
        self._reserve()
        accounts, instruments = self._accounts(), self._instruments()
        if not came and not accounts and not instruments and events.seq == self._since:
            return True
        generations = {key: book.generation for key, book in self._engine.books.items() if book.generation > 1}
        rpi = any(book.tape.rpi for book in self._engine.books.values())
        since, self._since = self._since, events.seq
        self._sealed = since
        taken = Taken(self._now(), since, events.seq, came, accounts, instruments, generations, self._resumed, rpi)
        self._resumed = None  # lost with its frame, if that is dropped: what is before it cannot be gone on from
        if self._writer.offer(FrameJob(partial(frame, taken), len(came))):
            return True
        self._named.clear()
        return False

    def _accounts(self) -> list[kept.Accounted]:
        found: list[kept.Accounted] = []
        for key in [*self._dirty, *(key for key in self._gappy if key not in self._dirty)]:
            book = self._engine.book(key)
            if book is None or book.demand:
                self._gappy.pop(key, None)
                continue
            now = _standing(book)
            if key not in self._dirty and now == self._gappy[key]:
                continue  # nobody tells when an open hole leaves the tape
            found.append(kept.Accounted(key, account(book)))
            if now:
                self._gappy[key] = now
            else:
                self._gappy.pop(key, None)
        self._dirty.clear()
        return found

    def _instruments(self) -> list[Instrument]:
        """Those that this journal has not been told of as they are now."""
        fresh = []
        for key, book in self._engine.books.items():
            if not book.demand and self._named.get(key) is not book.instrument:
                self._named[key] = book.instrument
                fresh.append(book.instrument)
        return fresh

    def _reserve(self) -> None:
        if self._log.seq + self._block // 2 < self._reserved or self._elapsed() < self._asked + 10:
            return
        self._asked = self._elapsed()
        mark = self._log.seq + self._block

        def done(kept_: bool) -> None:
            if kept_:
                self._reserved = max(self._reserved, mark)

        self._writer.offer(MetaJob(EPOCH, self._log.epoch.encode()))
        self._writer.offer(MetaJob(RESERVED, b"%d" % mark, durable=True, done=done))

    # -- snapshots ----------------------------------------------------------------------------------------------------

    def snapshots(self) -> int:
        """Take those that are due, for a millisecond or two; how many. To be called right after `seal`: a snapshot
        must not hold what no frame has, or an event in between could be lost."""
        began = self._elapsed()
        self._look(began)
        taken = 0
        while self._due and self._due[0][0] <= began:
            _, key = heapq.heappop(self._due)
            book = self._engine.book(key)
            if book is None or book.demand:
                self._known.pop(key, None)
                self._done.pop(key, None)
                self._from.pop(key, None)
                continue
            wait = self._snapshot_s
            if not book.warm and began - self._known[key] < self._snapshot_s:
                wait = _SOON  # its past is being read
            elif self._changed(key):
                if not self._take(key, book):
                    wait = _SOON
                taken += 1
            heapq.heappush(self._due, (began + wait, key))
            if self._elapsed() - began > STRETCH:
                break
        return taken

    def _look(self, now: float) -> None:
        """Instruments that are new; snapshots that were lost; which of them are still true."""
        for key, book in self._engine.books.items():
            if key not in self._known and not book.demand:
                self._known[key] = now
                if key not in self._done:
                    self._from.setdefault(key, self._sealed)
                heapq.heappush(self._due, (now, key))
        stats = self._writer.stats()
        losses = stats.dropped_snapshots + stats.dropped_frames + stats.renewed
        if losses != self._losses and stats.state in {"ok", "slow"}:
            self._losses = losses
            self._done.clear()
            self._named.clear()
            self._clean_at = now  # what was said of snapshots is no longer true
            self._due = [(now, key) for _, key in self._due]
        if now >= self._clean_at:
            self._clean_at = now + CLEAN_EVERY
            position = self._log.seq
            clean = {key: (at, at if self._changed(key) else position) for key, at in self._done.items()}
            clean |= {key: (-1, after) for key, after in self._from.items()}
            self._writer.offer(MetaJob(CLEAN, kept.to_pack(clean), behind=True))

    def _changed(self, key: str) -> bool:
        return max(self._log.last_change(key), self._told.get(key, -1)) > self._done.get(key, -1)

    def _take(self, key: str, book: Book) -> bool:
        taken = dump(book)
        ring, untold = tracker(book).dump()
        told = book.liquidations[:]
        words = kept.Words(self._log.seq, book.instrument, taken.facts, ring, untold, liquidations=told)
        held = len(taken.chunks[-1][0]) * 8 * len(taken.chunks[-1]) + len(taken.seconds) + len(taken.minutes)
        job = SnapshotJob(key, self._now(), partial(kept.encode_snapshot, words, taken), held)
        if not self._writer.offer(job):
            return False
        self._done[key] = self._log.seq
        self._from.pop(key, None)
        return True

    # -- the course of it ---------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due = max(due + self._frame_s, loop.time())
            await asyncio.sleep(due - loop.time())
            self.turn()

    def turn(self) -> None:
        """One frame, and the snapshots that are due after it."""
        if self.seal():
            self.snapshots()
        for change in self._writer.poll():
            if change.finding or change.state not in {"ok", "off"}:
                log.warning("journal", state=change.state, reason=change.text)
            else:
                log.info("journal", state=change.state, reason=change.text)

    async def close(self, timeout: float) -> bool:
        """Write the last frame and where the event log ends, and let go; false where that took too long."""
        self.turn()
        self._log.tap = None
        flushed: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        loop = asyncio.get_running_loop()

        def done(well: bool) -> None:
            loop.call_soon_threadsafe(lambda: None if flushed.done() else flushed.set_result(well))

        self._writer.offer(MetaJob(RESERVED, b"%d" % self._log.seq, durable=True))
        self._writer.offer(FlushJob(done))
        try:
            async with asyncio.timeout(timeout):
                well = await flushed
        except TimeoutError:
            well = False
        ended = await asyncio.to_thread(self._writer.close, timeout if well else 0.1)
        return well and ended

    def stats(self) -> Stats:
        return self._writer.stats()


def tracker(book: Book) -> LargeTracker:
    """The analytic of a book that keeps its large orders."""
    return next(one for one in book.analytics if isinstance(one, LargeTracker))


def _standing(book: Book) -> list[tuple[int, int, str]]:
    """What is open of the record of holes."""
    return [(one.first, one.last, one.status) for one in book.gap_log if one.status == "open"]
