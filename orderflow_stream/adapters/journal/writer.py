"""The thread that writes the journal, and the bounded queue in front of it.

Whoever has something to write offers a job and goes on: nothing here ever waits for the disk but the thread itself.
What waits is written as one transaction, so a slow disk makes larger ones. Where the disk cannot keep up, or cannot be
written at all, jobs are dropped and counted, and `poll` says so once; every while it is tried again.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from msgspec.structs import replace

from orderflow_stream.adapters.journal.faults import JournalError
from orderflow_stream.adapters.journal.frame import FrameData, encode
from orderflow_stream.adapters.journal.jobs import (
    Change,
    DropJob,
    FlushJob,
    FrameJob,
    Job,
    MetaJob,
    SnapshotJob,
    State,
    Stats,
    patient,
    weight,
)
from orderflow_stream.adapters.journal.log import Store
from orderflow_stream.adapters.journal.rows import Snapshot

#: Jobs and bytes that may wait: about a minute of frames. Snapshots are refused where more than half of it is taken.
MOST_JOBS: Final = 256
MOST_BYTES: Final = 64 << 20
#: A commit that takes longer makes the disk a slow one; a disk that failed is tried again after so long.
SLOW_S: Final = 2.0
RETRY_S: Final = 10.0
#: How often it is looked whether something must be forgotten.
PRUNE_S: Final = 1.0
#: Tries of one batch: a damaged file or a full one may have made room for it.
_TRIES: Final = 3


class _Waiting(NamedTuple):
    """A job, and how many frames were dropped right before it."""

    job: Job
    lost: int
    place: int = 0  # of a snapshot: the newest of the frames offered before it


class _Frame(NamedTuple):
    body: bytes
    ts: int
    rows: int


class _Snapshot(NamedTuple):
    key: str
    ts: int
    body: bytes
    place: int


_Item = _Frame | _Snapshot | DropJob | MetaJob


class Writer:
    """Owns a `Store`, and from `start` to `close` the one thread that touches it."""

    def __init__(
        self,
        store: Store | None,
        reopen: Callable[[], Store],
        *,
        known: bool = False,
        clock: Callable[[], float] = time.monotonic,
        most_jobs: int = MOST_JOBS,
        most_bytes: int = MOST_BYTES,
        slow_s: float = SLOW_S,
        retry_s: float = RETRY_S,
    ) -> None:
        """`store` is what was read at the start, None where it could not be opened: then `reopen` is tried later, and
        what is found is set aside unread, since this process knows nothing of it; `known` says that it does (it was
        read by a `JournalFile`, of a disk that is full). `clock` is in seconds.

        `reopen` may raise `JournalError`; it is also called after a failure, when the store before has been closed.
        """
        self._store = store
        self._reopen: Final = reopen
        self._known = known or store is not None
        self._clock: Final = clock
        self._most_jobs: Final = most_jobs
        self._most_bytes: Final = most_bytes
        self._slow_s: Final = slow_s
        self._retry_s: Final = retry_s
        self._wake: Final = threading.Condition()  # guards what both sides touch, which is all down to `_thread`
        self._queue: deque[_Waiting] = deque()
        self._held_jobs = 0  # waiting, or being written
        self._held_bytes = 0
        self._closing = False
        self._stats = Stats(state="failed" if store is None else "ok")
        self._changes: deque[Change] = deque(maxlen=100)
        self._began: float | None = None  # when the commit that is under way began
        self._retry_at = float("-inf")
        self._lost = 0  # frames dropped since the last one that was taken
        self._renewed = 0  # by stores that are closed
        self._thread: Final = threading.Thread(target=self._run, name="journal", daemon=True)
        self._missed = 0  # frames dropped since the last one written, by the thread
        self._kept = False  # what is being written is
        self._metas: dict[str, bytes] = {}  # all there are, for a file that is new
        self._prune_at = float("-inf")

    def start(self) -> None:
        """From now on only the thread may touch the store."""
        self._thread.start()

    # -- the other threads' side: nothing waits -----------------------------------------------------------------------

    def offer(self, job: Job) -> bool:
        """Have it written, in the order of offers; False where it was dropped (and counted). Never waits."""
        size = weight(job)
        with self._wake:
            self._watch()
            if self._closing or not self._room(job, size):
                self._lost += self._drop(job)
                return False
            lost = 0
            if isinstance(job, FrameJob):
                lost, self._lost = self._lost, 0
            self._queue.append(_Waiting(job, lost))
            self._held_jobs += 1
            self._held_bytes += size
            self._wake.notify()
        return True

    def poll(self) -> list[Change]:
        """What is new for the operator since the last call."""
        with self._wake:
            self._watch()
            news = list(self._changes)
            self._changes.clear()
        return news

    def stats(self) -> Stats:
        """As of now."""
        with self._wake:
            self._watch()
            return replace(self._stats, queue=self._held_jobs, queue_bytes=self._held_bytes)

    def close(self, timeout: float) -> bool:
        """Write what waits and let go of the store; False where that took longer than `timeout` seconds: the thread
        is then left to itself, and does not keep the process alive."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread.ident is None:
            self._thread.start()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    # -- inside, with `_wake` held ------------------------------------------------------------------------------------

    def _room(self, job: Job, size: int) -> bool:
        if isinstance(job, MetaJob | FlushJob | DropJob):
            return True  # few and small
        if self._stats.state == "failed" and self._clock() < self._retry_at:
            return False
        share = 2 if isinstance(job, SnapshotJob) else 1  # a frame is only had once, a snapshot can come later
        held = not self._held_jobs or self._held_bytes + size <= self._most_bytes // share
        if held and self._held_jobs < self._most_jobs // share:
            return True
        if isinstance(job, FrameJob) and self._stats.state == "ok":
            self._turn("slow", f"{self._held_jobs} frames wait for the disk: more are dropped until it has caught up")
        return False

    def _drop(self, job: Job) -> int:
        """Count it as dropped; how many frames that makes."""
        stats = self._stats
        if isinstance(job, FrameJob):
            stats.dropped_frames += 1
            stats.dropped_trades += job.rows
            return 1
        stats.dropped_snapshots += isinstance(job, SnapshotJob)
        return 0

    def _watch(self) -> None:
        """A commit that does not end is only seen from outside."""
        if self._began is not None and self._stats.state == "ok":
            taken = self._clock() - self._began
            if taken > self._slow_s:
                self._turn("slow", f"the disk has been busy with one commit for {taken:.1f} s")

    def _turn(self, state: State, text: str) -> None:
        if state != self._stats.state or (state == "failed" and not self._stats.reason):
            self._changes.append(Change(state, text))
        self._stats.state, self._stats.reason = state, "" if state == "ok" else text

    # -- the thread ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        later: deque[_Waiting] = deque()  # snapshots and what tells of them: one at a time, with frames in between
        while True:
            with self._wake:
                while not self._queue and not later and not self._closing:
                    self._wake.wait()
                waiting = list(self._queue)
                self._queue.clear()
            if not waiting and not later:
                break
            first = [one for one in waiting if not patient(one.job)]
            done = self._finish(first) if first else True
            place = 0 if self._store is None else self._store.last
            newer = sum(isinstance(one.job, FrameJob) for one in first)
            for one in waiting:
                newer -= isinstance(one.job, FrameJob)
                if patient(one.job):
                    later.append(one._replace(place=place - newer))
            flushes = [one.job.done for one in first if isinstance(one.job, FlushJob)]
            while later:
                done &= self._finish([later.popleft()])
                if not flushes:
                    break
            for tell in flushes:
                tell(done)
        if self._store is not None:
            self._store.close()

    def _finish(self, waiting: list[_Waiting]) -> bool:
        """Write them, and they wait no longer; whether they are written."""
        done = self._write(waiting)
        with self._wake:
            self._held_jobs -= len(waiting)
            self._held_bytes -= sum(weight(one.job) for one in waiting)
        for job, *_ in waiting:
            if isinstance(job, MetaJob) and job.done is not None:
                job.done(done)
        return done

    def _write(self, waiting: list[_Waiting]) -> bool:
        """Write them all, or none of them."""
        self._metas |= {job.name: job.value for job, *_ in waiting if isinstance(job, MetaJob)}
        with self._wake:
            failed = self._stats.state == "failed"
            wait = failed and self._clock() < self._retry_at
        missed = self._missed
        self._kept = False
        error = None if wait else self._try(waiting, anew=failed)
        if self._kept and error is None:
            return True
        with self._wake:
            self._began = None
            if not self._kept:
                self._missed = missed  # the frames that were to tell of them are lost with them
                for job, lost, _ in waiting:
                    self._missed += self._drop(job) + lost
            if error is not None:
                self._retry_at = self._clock() + self._retry_s
                self._turn("failed", f"{error}; it is tried again every {self._retry_s:.0f} s")
        return False

    def _try(self, waiting: list[_Waiting], *, anew: bool) -> JournalError | None:
        """Write them, in a store opened anew where the one before failed. `_kept` says whether they are written, even
        where something else then failed."""
        try:
            store = self._opened(anew=anew)
            items = [item for item in map(self._made, waiting) if item is not None]
            for left in reversed(range(_TRIES)):
                renewed = store.renewed
                try:
                    if items or anew:
                        self._commit(store, items)
                    self._kept = True
                    break
                except JournalError:
                    if self._kept or not left or not (store.renewed > renewed or store.prune()):
                        raise
                    if store.renewed > renewed:
                        items = [*(MetaJob(*meta) for meta in self._metas.items()), *items]
            self._tidy(store)
        except JournalError as error:
            return error
        except Exception as error:  # noqa: BLE001 - whatever it is: the thread lives on, and says that it writes nothing
            return JournalError(f"the journal met {error!r}")
        return None

    def _opened(self, *, anew: bool) -> Store:
        if anew and self._store is not None:
            store, self._store = self._store, None
            self._renewed += store.renewed
            store.close()
        if self._store is None:
            store = self._reopen()
            try:
                if not self._known:
                    if store.last or store.metas():
                        store.begin_anew()
                    self._known = True
                for meta in self._metas.items():
                    store.put_meta(*meta)
            except BaseException:
                store.close()
                raise
            self._store = store
        return self._store

    def _made(self, waiting: _Waiting) -> _Item | None:
        job, lost, place = waiting
        try:
            if isinstance(job, FrameJob):
                self._missed += lost
                frame = job.frame if isinstance(job.frame, FrameData) else job.frame()
                frame.lost = self._missed
                body = encode(frame)
                self._missed = 0
                return _Frame(body, frame.ts, len(frame))
            if isinstance(job, SnapshotJob):
                return _Snapshot(job.key, job.ts, job.make(), place)
        except Exception as error:  # noqa: BLE001 - a fault in one of them must not take the others with it, nor the thread
            with self._wake:
                self._missed += self._drop(job)
                self._changes.append(Change(self._stats.state, f"something cannot be written down: {error!r}", True))
            return None
        return job if isinstance(job, DropJob | MetaJob) else None

    def _commit(self, store: Store, items: list[_Item]) -> None:
        began = self._clock()
        with self._wake:
            self._began = began
        with store.batch():
            for item in items:
                if isinstance(item, _Frame):
                    store.append(item.body, item.ts)
                elif isinstance(item, _Snapshot):
                    store.put_snapshot(Snapshot(item.key, max(0, min(item.place, store.last)), item.ts, item.body))
                elif isinstance(item, MetaJob):
                    store.put_meta(item.name, item.value)
                else:
                    store.drop_snapshot(item.key)
        self._kept = True
        try:
            if any(isinstance(item, MetaJob) and item.durable for item in items):
                store.sync()
        finally:
            with self._wake:
                self._count(items, self._clock() - began)

    def _count(self, items: list[_Item], taken: float) -> None:
        stats = self._stats
        self._began = None
        for item in items:
            if isinstance(item, _Frame):
                stats.frames += 1
                stats.trades += item.rows
                stats.nbytes += len(item.body)
            elif isinstance(item, _Snapshot):
                stats.snapshots += 1
        stats.commits += 1
        stats.commit, stats.worst = taken, max(taken, stats.worst)
        if taken > self._slow_s:
            self._turn("slow", f"the disk took {taken:.1f} s for one commit")
        elif stats.state == "failed" or (stats.state == "slow" and taken * 2 < self._slow_s):
            self._turn("ok", f"it is written again; {stats.dropped_frames} frames were dropped since the start")

    def _tidy(self, store: Store) -> None:
        """Forget what is too much; what that finds."""
        now = self._clock()
        if now >= self._prune_at:
            more = store.prune()
            self._prune_at = now if more else now + PRUNE_S
        self._note(store)

    def _note(self, store: Store) -> None:
        size = store.nbytes
        with self._wake:
            self._stats.file = size
            self._stats.renewed = self._renewed + store.renewed
            self._changes.extend(Change(self._stats.state, line, True) for line in store.findings)
            store.findings.clear()
