"""What every log of frames can do, whatever it is kept in, and one that is kept in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from orderflow_stream.adapters.journal.rows import Snapshot


class Log(Protocol):
    """Frames in the order in which they were appended, numbered by ones.

    Every implementation passes `tests/adapters/journal/compliance.py`. One thread at a time.
    """

    @property
    def first(self) -> int:
        """The seq of the oldest frame kept; that of the next one to come where none is."""

    @property
    def last(self) -> int:
        """The seq of the newest frame ever appended, kept or not; 0 before the first."""

    def append(self, frame: bytes) -> int:
        """Keep a frame; its seq. On return it is as durable as this log makes frames, or an error was raised."""

    def read(self, from_seq: int = 0) -> Iterator[tuple[int, bytes]]:
        """The frames kept from `from_seq` on, ascending, each as it was appended: a damaged one is never given out, so
        a seq that is skipped is a frame that is lost. What is appended meanwhile is read too."""

    def trim(self, seq: int) -> None:
        """Forget the frames below `seq`. The numbering goes on as before."""

    def close(self) -> None:
        """Let go of it. Twice does no harm."""


class Store(Log, Protocol):
    """A log that also keeps snapshots and named values; see `SqliteLog`."""

    findings: list[str]
    renewed: int

    @property
    def nbytes(self) -> int: ...
    def append(self, frame: bytes, ts: int = 0) -> int: ...
    def batch(self) -> AbstractContextManager[None]: ...
    def put_snapshot(self, snapshot: Snapshot) -> None: ...
    def drop_snapshot(self, key: str) -> None: ...
    def metas(self) -> dict[str, bytes]: ...
    def put_meta(self, name: str, value: bytes) -> None: ...
    def sync(self) -> None: ...
    def prune(self) -> int: ...
    def begin_anew(self) -> None: ...


class MemoryLog:
    """A log that lives as long as the process."""

    def __init__(self) -> None:
        self._frames: dict[int, bytes] = {}  # in order: they are only ever added at the end
        self._first = 1
        self._last = 0

    @property
    def first(self) -> int:
        return self._first

    @property
    def last(self) -> int:
        return self._last

    def append(self, frame: bytes) -> int:
        self._last += 1
        self._frames[self._last] = bytes(frame)
        return self._last

    def read(self, from_seq: int = 0) -> Iterator[tuple[int, bytes]]:
        seq = max(from_seq, self._first)
        while seq <= self._last:
            if seq in self._frames:
                yield seq, self._frames[seq]
            seq = max(seq + 1, self._first)

    def trim(self, seq: int) -> None:
        for gone in range(self._first, min(seq, self._last + 1)):
            del self._frames[gone]
        self._first = max(self._first, min(seq, self._last + 1))

    def close(self) -> None:
        pass
