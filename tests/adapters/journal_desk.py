"""A journal in memory that is written to and read from at once, and an engine with an event log in front of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orderflow_stream.adapters import kept
from orderflow_stream.adapters.journal.frame import encode
from orderflow_stream.adapters.journal.jobs import Change, DropJob, FlushJob, FrameJob, Job, MetaJob, SnapshotJob, Stats
from orderflow_stream.adapters.journal.rows import Frame, Snapshot
from orderflow_stream.adapters.recorder import Recorder
from orderflow_stream.adapters.restorer import Payload, Restored, restore
from orderflow_stream.analytics.large import LargeTracker
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import Event, Forget, LargePrint, LateTrades, Refill, Restarted, Trade, Update
from orderflow_stream.delivery.ring import EventLog, Late, Notice
from tests.core.making import DOLLAR, KEY, SECOND, T0, WINDOWS


class Desk:
    """What `Writer` is to the recorder and the store to the restorer; `drop` loses the frames that are offered."""

    def __init__(self) -> None:
        self.kept_frames: dict[int, Frame] = {}
        self.kept_snapshots: dict[str, Snapshot] = {}
        self.values: dict[str, bytes] = {}
        self.last = 0
        self.drop = False
        self.counts = Stats(state="ok")

    # as a writer

    def offer(self, job: Job) -> bool:
        if isinstance(job, FrameJob):
            if self.drop:
                self.counts.dropped_frames += 1
                return False
            self.last += 1
            frame = job.frame() if callable(job.frame) else job.frame
            self.kept_frames[self.last] = Frame(self.last, frame.ts, encode(frame))
            self.counts.frames += 1
        elif isinstance(job, SnapshotJob):
            self.kept_snapshots[job.key] = Snapshot(job.key, self.last, job.ts, job.make())
            self.counts.snapshots += 1
        elif isinstance(job, MetaJob):
            self.values[job.name] = job.value
            if job.done is not None:
                job.done(True)
        elif isinstance(job, DropJob):
            self.kept_snapshots.pop(job.key, None)
        elif isinstance(job, FlushJob):
            job.done(True)
        return True

    def poll(self) -> list[Change]:
        return []

    def stats(self) -> Stats:
        return self.counts

    def close(self, timeout: float) -> bool:
        return True

    # as a store

    @property
    def first(self) -> int:
        return min(self.kept_frames, default=self.last + 1)

    def snapshots(self) -> Iterator[Snapshot]:
        yield from self.kept_snapshots.values()

    def frames(self, from_seq: int = 0) -> Iterator[Frame]:
        for seq, frame in sorted(self.kept_frames.items()):
            if seq >= from_seq:
                yield frame

    def metas(self) -> dict[str, bytes]:
        return dict(self.values)


class House:
    """An engine, its event log as the hub keeps it, and a recorder over a desk. `clock` is in seconds."""

    def __init__(self, desk: Desk, *, threshold: int = 10 * DOLLAR, **more: Any) -> None:
        self.desk = desk
        self.clock = 0.0
        self.engine: Engine = Engine(
            **{
                "windows": WINDOWS,
                "analytics": lambda book: (LargeTracker(book, threshold, self.engine.pending),),
                **more,
            }
        )
        self.log = EventLog("epoch234", trades=1000, events=1000)
        self.recorder: Recorder | None = None

    def _later(self) -> int:
        """Long enough after everything for an order to be over."""
        return 30_000 + max(self.engine.now, *(book.tape.newest_ts for book in self.engine.books.values()))

    def record(self, **more: Any) -> Recorder:
        """From now on all is written down."""
        self.recorder = Recorder(
            self.engine,
            self.log,
            self.desk,  # type: ignore[arg-type]  # as much of a writer as the recorder needs
            **{
                "now": lambda: T0 + int(self.clock * SECOND),
                "frame_s": 0.2,
                "snapshot_s": 300.0,
                "elapsed": lambda: self.clock,
                **more,
            },
        )
        return self.recorder

    def read(self, **more: Any) -> Restored:
        """Begin with what the desk holds."""
        found = restore(self.desk, self.engine, **{"now": T0, "most_trades": 1000, **more})
        if found.epoch is not None:
            entries = [(seq, told(one, late)) for seq, one, late in found.entries]
            self.log.resume(found.epoch, found.seq, found.floor, entries, found.floors)
        return found

    def tell(self, event: Event | None) -> tuple[Update, ...] | None:
        """Apply, log and record, in the order of the daemon."""
        updates = self.engine.apply(event) if event is not None else self.engine.advance(self._later())
        if updates is None:
            return None
        late = any(isinstance(update, LateTrades) for update in updates)
        if isinstance(event, Trade) and not late:
            self.log.trade(event)
        elif isinstance(event, Refill | Restarted | Forget):
            self.log.moved(event.instrument)
        for update in updates:
            if isinstance(update, LargePrint):
                self.log.event(update)
            elif isinstance(update, LateTrades):
                for one in update.trades:
                    self.log.trade(Late(one, update.instrument))
            else:
                self.log.event(Notice(update.instrument, "state", b"{}"))
        if self.recorder is not None and (updates or type(event) is not Trade):
            self.recorder.saw(event, updates)
        return updates


def told(payload: Payload, late: bool) -> Any:
    """A log event as the event log keeps it."""
    if isinstance(payload, kept.Note):
        return Notice(payload.instrument, payload.topic, payload.body)
    return Late(payload, KEY) if late and isinstance(payload, Trade) else payload
