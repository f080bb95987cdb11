"""Stores that fail, stick or are damaged on command: a real one inside."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from orderflow_stream.adapters.journal.faults import JournalError
from orderflow_stream.adapters.journal.log import MemoryLog
from orderflow_stream.adapters.journal.rows import Snapshot


class Disk:
    """What outlives a store that is closed: its contents, and what is wrong with it. Shared by all stores on it."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        self.kept_snapshots: dict[str, Snapshot] = {}
        self.kept_metas: dict[str, bytes] = {}
        self.fault: JournalError | None = None
        self.sync_fault: JournalError | None = None
        self.refuses: JournalError | None = None  # to be opened
        self.go = threading.Event()  # a commit waits for it
        self.go.set()
        self.waiting = threading.Event()  # a commit does
        self.damaged = False
        self.room = 10**9  # frames
        self.opened = self.closed = self.commits = self.syncs = self.anew = 0

    def open(self) -> DiskStore:
        self.opened += 1
        if self.refuses is not None:
            raise self.refuses
        return DiskStore(self)


class DiskStore:
    """A store as `Writer` wants it."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.findings: list[str] = []
        self.renewed = 0
        self.nbytes = 4_096

    @property
    def first(self) -> int:
        return self.disk.log.first

    @property
    def last(self) -> int:
        return self.disk.log.last

    def read(self, from_seq: int = 0) -> Iterator[tuple[int, bytes]]:
        return self.disk.log.read(from_seq)

    def trim(self, seq: int) -> None:
        self.disk.log.trim(seq)

    def append(self, frame: bytes, ts: int = 0) -> int:
        self._changes.append(lambda: self.disk.log.append(frame))
        return 0

    def batch(self) -> AbstractContextManager[None]:
        return self._batch()

    @contextmanager
    def _batch(self) -> Iterator[None]:
        self._changes: list[Callable[[], object]] = []
        yield
        disk = self.disk
        disk.waiting.set()
        assert disk.go.wait(20)
        disk.waiting.clear()
        if disk.fault is not None:
            raise disk.fault
        if disk.damaged:
            disk.damaged = False
            disk.kept_metas.clear()
            disk.kept_snapshots.clear()
            self.renewed += 1
            self.findings.append("it was set aside")
            raise JournalError("damaged", "write it again")
        if disk.log.last - disk.log.first + 1 >= disk.room:
            raise JournalError("full")
        for change in self._changes:
            change()
        disk.commits += 1

    def put_snapshot(self, snapshot: Snapshot) -> None:
        self._changes.append(lambda: self.disk.kept_snapshots.update({snapshot.key: snapshot}))

    def drop_snapshot(self, key: str) -> None:
        self._changes.append(lambda: self.disk.kept_snapshots.pop(key, None))

    def metas(self) -> dict[str, bytes]:
        return dict(self.disk.kept_metas)

    def put_meta(self, name: str, value: bytes) -> None:
        changes = getattr(self, "_changes", None)
        if changes is None:
            self.disk.kept_metas[name] = value
        else:
            changes.append(lambda: self.disk.kept_metas.update({name: value}))

    def sync(self) -> None:
        if self.disk.sync_fault is not None:
            raise self.disk.sync_fault
        self.disk.syncs += 1

    def prune(self) -> int:
        held = self.disk.log.last - self.disk.log.first + 1
        if held < self.disk.room:
            return 0
        self.disk.log.trim(self.disk.log.first + 1)
        return 1

    def begin_anew(self) -> None:
        self.disk.anew += 1
        self.disk.log.trim(self.disk.log.last + 1)
        self.disk.kept_metas.clear()

    def close(self) -> None:
        self.disk.closed += 1
