"""The journal of a daemon: opened and read before anything else, written while it runs, closed at the end."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Final, Self

import structlog

from orderflow_stream.adapters import kept
from orderflow_stream.adapters.journal.faults import JournalError
from orderflow_stream.adapters.journal.file import JournalFile
from orderflow_stream.adapters.journal.jobs import Stats
from orderflow_stream.adapters.journal.sqlite import NAME, SqliteLog
from orderflow_stream.adapters.journal.writer import Writer
from orderflow_stream.adapters.recorder import BLOCK, EPOCH, RESERVED, Recorder
from orderflow_stream.adapters.restorer import Payload, Restored, Source, restore
from orderflow_stream.app.addresses import StartError
from orderflow_stream.config import Settings
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import AnyEvent, AnyUpdate, Instrument, Trade
from orderflow_stream.delivery.metrics_journal import JournalNumbers
from orderflow_stream.delivery.ring import EventLog, Late, Notice
from orderflow_stream.delivery.ring import Payload as Logged

#: Seconds at the end for what still waits to be written.
LAST_WRITE: Final = 3.0

log = structlog.get_logger("orderflow_stream")


class Journal:
    """`start` once before anything is applied, then `saw` after everything that is, `run`, and `close`."""

    def __init__(self, settings: Settings, engine: Engine, events: EventLog, now: Callable[[], int]) -> None:
        self._settings = settings.journal
        self._ring_trades = settings.delivery.ring_trades
        self._engine = engine
        self._events = events
        self._now = now
        self._recorder: Recorder | None = None
        self._fault = ""  # why it could not be written at the start
        self.restored = Restored()

    @property
    def enabled(self) -> bool:
        return self._settings.directory is not None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def start(self, wanted: Callable[[Instrument], bool]) -> Restored:
        """Bring the books and the event log back, and begin to write. Raises `StartError` where the directory cannot
        be had; a disk that is at fault only now is left alone, and tried again later."""
        if not self.enabled:
            return self.restored
        store: SqliteLog | None = None
        reserved = 0
        try:
            store = self._open()
            reserved = self._read(store, wanted)
        except JournalError as error:
            if store is None and not error.passing:
                raise StartError(f"journal.directory: {error}") from error
            if store is not None:
                store.close()
                store = None
            if not self.restored.seconds:
                self._read_only(wanted)
            self._fault = f"{error.reason} ({error.hint})"
            log.error(
                "the journal cannot be written",
                reason=error.reason,
                hint=error.hint,
                instruments_read=self.restored.instruments,
            )
        writer = Writer(store, self._open, known=bool(self.restored.seconds))
        settings = self._settings
        self._recorder = Recorder(
            self._engine,
            self._events,
            writer,
            now=self._now,
            frame_s=settings.frame_ms / 1000,
            snapshot_s=settings.snapshot_s,
        )
        found = self.restored
        resumed = None if found.whole is None else kept.Resumed(found.whole, sorted(found.floors))
        self._recorder.begin(reserved, found.done, since=found.since, resumed=resumed)
        writer.start()
        return self.restored

    def _open(self) -> SqliteLog:
        settings = self._settings
        assert settings.directory is not None
        return SqliteLog.open(
            settings.directory,
            synchronous=settings.synchronous,
            max_mb=settings.max_mb,
            keep_h=settings.keep_h,
        )

    def _read(self, store: SqliteLog, wanted: Callable[[Instrument], bool]) -> int:
        """Read it back; the mark up to which the event log may count from now on, which is on the disk."""
        found = self._restore(store, wanted)
        found.findings[:0] = store.findings
        store.findings.clear()
        self._tell(found)
        epoch = found.epoch or self._events.epoch
        reserved = max(found.seq, self._events.seq) + BLOCK
        try:
            with store.batch():
                store.put_meta(EPOCH, epoch.encode())
                store.put_meta(RESERVED, b"%d" % reserved)
            store.sync()
        except JournalError:
            self._begin_after(found)
            raise
        if found.epoch is not None:
            entries = ((seq, _logged(event, late)) for seq, event, late in found.entries)
            self._events.resume(found.epoch, found.seq, found.floor, entries, found.floors)
        return reserved

    def _read_only(self, wanted: Callable[[Instrument], bool]) -> None:
        """The disk takes nothing (it is full, say): what it holds can be read all the same."""
        assert self._settings.directory is not None
        try:
            source = JournalFile(self._settings.directory / NAME)
        except JournalError:
            return  # there is none yet, or it cannot even be read: that the disk is at fault is told already
        try:
            found = self._restore(source, wanted)
        finally:
            source.close()
        found.findings[:0] = source.skipped
        self._tell(found)
        self._begin_after(found)

    def _begin_after(self, found: Restored) -> None:
        """No mark can be set on the disk, so a later process could count what this one has told: the event log has a
        new epoch (nobody resumes), and counts on, since the journal's frames must."""
        if found.epoch is not None:
            self._events.resume(self._events.epoch, found.seq, found.seq, (), {})

    def _restore(self, source: Source, wanted: Callable[[Instrument], bool]) -> Restored:
        collecting = gc.isenabled()
        gc.disable()  # nothing that is made here is garbage, and looking for some takes longer than the reading
        try:
            self.restored = restore(source, self._engine, now=self._now(), wanted=wanted, most_trades=self._ring_trades)
        finally:
            if collecting:
                gc.enable()
        gc.freeze()
        return self.restored

    def _tell(self, found: Restored) -> None:
        for line in found.findings:
            log.warning("journal", state="ok", reason=line)
        if found.epoch is not None:
            log.info(
                "journal read",
                instruments=found.instruments,
                trades=found.trades,
                seconds=round(found.seconds, 2),
                frames=found.frames,
                position=found.seq,
            )

    def saw(self, event: AnyEvent | None, updates: tuple[AnyUpdate, ...]) -> None:
        """`event` was applied and published, `updates` came of it. Of plain trades the event log tells."""
        if self._recorder is not None and (updates or type(event) is not Trade):
            self._recorder.saw(event, updates)

    async def run(self) -> None:
        """Until cancelled."""
        if self._recorder is not None:
            await self._recorder.run()

    async def close(self, timeout: float = LAST_WRITE) -> None:
        """Write what there is to write, for so many seconds at most."""
        recorder, self._recorder = self._recorder, None
        if recorder is not None and not await recorder.close(timeout):
            log.warning("journal", state=recorder.stats().state, reason="the last of it could not be written in time")

    def stats(self) -> Stats:
        return Stats() if self._recorder is None else self._recorder.stats()

    def numbers(self) -> JournalNumbers | None:
        """For a scrape; None where there is no journal."""
        if not self.enabled:
            return None
        stats = self.stats()
        return JournalNumbers(
            ok=stats.state in {"ok", "slow"},
            frames=stats.frames,
            trades=stats.trades,
            snapshots=stats.snapshots,
            dropped=stats.dropped_frames,
            dropped_trades=stats.dropped_trades,
            nbytes=stats.nbytes,
            file=stats.file,
            queue=stats.queue,
            commit=stats.commit,
            worst=stats.worst,
            restored=self.restored.seconds,
            restored_trades=self.restored.trades,
        )

    def state(self) -> dict[str, object]:
        """For `/readyz` and `/v1/meta`: whether it is written, and why not."""
        if not self.enabled:
            return {"state": "off", "reason": None}
        stats = self.stats()
        reason = stats.reason or (self._fault if stats.state == "failed" else "")  # until the writer has tried again
        return {"state": stats.state, "reason": reason or None}


def _logged(payload: Payload, late: bool) -> Logged:
    """An event as the event log keeps it."""
    if isinstance(payload, kept.Note):
        return Notice(payload.instrument, payload.topic, payload.body)
    if late and isinstance(payload, Trade):
        return Late(payload, payload.instrument)
    return payload
