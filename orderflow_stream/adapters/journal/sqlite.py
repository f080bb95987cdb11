"""The journal in one SQLite file: frames, the newest snapshot of each key, and a few named values.

What is damaged is never given out: the file is set aside under another name, what of it is whole is taken over into a
new one, and `findings` say so. See `rows` for the tables.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Literal, Self

from orderflow_stream.adapters.journal import aside, bounds, connect, rows
from orderflow_stream.adapters.journal.connect import FORMAT, examine, open_file, pages, prepare
from orderflow_stream.adapters.journal.faults import (
    DamageError,
    JournalError,
    is_damage,
    of_sqlite,
    of_system,
    primary,
)
from orderflow_stream.adapters.journal.lock import DirectoryLock
from orderflow_stream.adapters.journal.rows import Frame, Meta, Snapshot, check

NAME: Final = "journal.sqlite3"

Synchronous = Literal["normal", "full"]

#: So many damaged files in so many seconds are the disk's fault.
_SICK: Final = 3
_SICK_S: Final = 3_600.0
_HOUR: Final = 3_600_000_000
_LAST: Final = "log.last"
_FRAME: Final = "INSERT INTO frame (seq, ts, crc, body) VALUES (?, ?, ?, ?)"


class SqliteLog:
    """A `Log`, and beside the frames snapshots and named values. Any thread may use it, one at a time.

    `renewed` counts how often a damaged file made way for a new one: what could not be read of it is best given to the
    new one again. Everything raises `JournalError` for a fault of the disk. Damage is not an error: see `findings`.
    """

    def __init__(
        self, directory: Path, synchronous: Synchronous, max_mb: int, keep_h: float, now: Callable[[], float]
    ) -> None:
        self.path: Final = directory / NAME
        self.findings: list[str] = []  # one line each, for the operator; whoever tells them clears the list
        self.renewed = 0  # how often a damaged file made way for a new one
        self._directory: Final = directory
        self._synchronous: Final = synchronous
        self._bytes: Final = max_mb << 20
        self._keep: Final = int(keep_h * _HOUR)
        self._now: Final = now
        self._lock: DirectoryLock | None = None
        self._connection: sqlite3.Connection | None = None
        self._first = 1
        self._last = 0
        self._oldest = 0  # its ts, 0 where unknown
        self._newest = 0
        self._damaged: list[float] = []  # when
        self._writing = False  # inside a batch

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        synchronous: Synchronous = "normal",
        max_mb: int = 1024,
        keep_h: float = 24,
        now: Callable[[], float] = time.time,
    ) -> Self:
        """The journal kept in `directory`, made where there is none. `synchronous`: see SQLite; `full` waits for the
        disk at every commit. Frames beyond `max_mb` (2^20 bytes, all of it) or older than `keep_h` are forgotten.

        Raises `JournalError` where the directory cannot be used, is in use, or was written by a newer version.
        """
        log = cls(directory, synchronous, max_mb, keep_h, now)
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise of_system(error, directory) from error
        log._lock = DirectoryLock(directory)
        try:
            log._begin()
        except BaseException:
            log.close()
            raise
        return log

    # -- the log ------------------------------------------------------------------------------------------------------

    @property
    def first(self) -> int:
        return self._first

    @property
    def last(self) -> int:
        return self._last

    def append(self, frame: bytes, ts: int = 0) -> int:
        """As of `Log`; `ts` is the frame's venue time (µs), from which its age is told; 0 where it has none."""
        seq = self._last + 1
        with self.batch():
            self._insert(Frame(seq, ts, frame))
            self._last = seq
            self._newest = max(self._newest, ts)
            if self._first == seq:
                self._oldest = ts
        return seq

    def read(self, from_seq: int = 0) -> Iterator[tuple[int, bytes]]:
        for frame in self.frames(from_seq):
            yield frame.seq, frame.body

    def frames(self, from_seq: int = 0) -> Iterator[Frame]:
        """As `read`, with the time of each."""
        after = max(from_seq, self._first) - 1
        while True:
            try:
                for frame in rows.read(self._open, rows.FRAMES, after):
                    yield frame
                    after = frame.seq
                return
            except (DamageError, sqlite3.Error) as error:
                self._renew(error)

    def trim(self, seq: int) -> None:
        seq = min(seq, self._last + 1)
        if seq <= self._first:
            return
        with self.batch():
            self._open.execute("DELETE FROM frame WHERE seq < ?", (seq,))
            if seq > self._last:
                self.put_meta(_LAST, b"%d" % self._last)
            self._first = seq
            self._oldest = self._time_of(seq)

    # -- beside it ----------------------------------------------------------------------------------------------------

    def snapshots(self) -> Iterator[Snapshot]:
        """The newest snapshot of every key, in no order; a damaged one is left out."""
        return self._all(rows.SNAPSHOTS)

    def put_snapshot(self, snapshot: Snapshot) -> None:
        """Keep it in place of the one before of the same key."""
        key, seq, ts, body = snapshot
        with self.batch():
            self._open.execute(
                "INSERT INTO snapshot (key, seq, ts, crc, body) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (key)"
                " DO UPDATE SET seq = ?2, ts = ?3, crc = ?4, body = ?5",
                (key, seq, ts, check(key, seq, ts, body), body),
            )

    def drop_snapshot(self, key: str) -> None:
        """Forget the snapshot of `key`, if there is one."""
        with self.batch():
            self._open.execute("DELETE FROM snapshot WHERE key = ?", (key,))

    def metas(self) -> dict[str, bytes]:
        """The named values; a damaged one is left out."""
        return {meta.name: meta.value for meta in self._all(rows.METAS) if meta.name not in {_LAST, FORMAT}}

    def put_meta(self, name: str, value: bytes) -> None:
        """Keep it in place of the one before of the same name."""
        with self.batch():
            self._open.execute(
                "INSERT INTO meta (name, value, crc) VALUES (?1, ?2, ?3) ON CONFLICT (name)"
                " DO UPDATE SET value = ?2, crc = ?3",
                (name, value, check(name, value)),
            )

    # -- writing ------------------------------------------------------------------------------------------------------

    @contextmanager
    def batch(self) -> Iterator[None]:
        """All that is written inside is kept together, or none of it. Inside another one it changes nothing.

        Where the file turns out to be damaged it is set aside, and `JournalError` asks to write the same again.
        """
        connection = self._open
        if self._writing:
            yield
            return
        place = self._first, self._last, self._oldest, self._newest
        with self._translated():
            try:
                self._writing = True
                connection.execute("BEGIN IMMEDIATE")
                yield
                connection.execute("COMMIT")
            except BaseException:
                self._first, self._last, self._oldest, self._newest = place
                if connection.in_transaction:
                    with suppress(sqlite3.Error):  # what cannot be undone now is when the file is next opened
                        connection.execute("ROLLBACK")
                raise
            finally:
                self._writing = False

    def sync(self) -> None:
        """What is committed survives a power cut from here on, whatever `synchronous` says."""
        with self._translated():
            self._open.execute("PRAGMA wal_checkpoint(FULL)").fetchall()

    def prune(self) -> int:
        """Forget some frames that are too old or too many, oldest first; how many. To be called now and then: it
        never takes long, and so may leave something for the next time."""
        with self._translated():
            connection, held = self._open, self._last - self._first + 1
            doomed = bounds.surplus(connection, held, pages(self._bytes))
            # Both the tape's clock and this machine's must say so: one of them that leaps ahead forgets nothing.
            until = min(self._newest, int(self._now() * 1e6) + _HOUR) - self._keep
            if 0 < self._oldest < until:
                doomed = max(doomed, bounds.older(connection, self._first, until))
            bounds.give_back(connection, pages(self._bytes))
        if doomed:
            self.trim(self._first + doomed)
        return doomed

    def begin_anew(self) -> None:
        """Set aside what is there, unread, and begin with nothing."""
        there = self._make_way("unread", self._now())
        self.findings.append(f"what {self.path} held was set aside as {there.name}")
        self.findings += aside.forget_old(self.path)

    @property
    def nbytes(self) -> int:
        """Bytes on the disk."""
        total = 0
        for suffix in aside.SUFFIXES:
            with suppress(OSError):
                total += self.path.with_name(self.path.name + suffix).stat().st_size
        return total

    def close(self) -> None:
        self._hang_up()
        if self._lock is not None:
            self._lock.release()

    # -- inside -------------------------------------------------------------------------------------------------------

    @property
    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise JournalError(f"{self.path} is closed")
        return self._connection

    def _hang_up(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with suppress(sqlite3.Error):  # folding its log into the file may fail; it is done at the next opening
                connection.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            self._renew(error)
            raise JournalError(
                f"{self.path} was damaged and a new one begun", "write it again", passing=True
            ) from error

    def _begin(self) -> None:
        """Open the file that is there, or set it aside and take over what is whole of it."""
        try:
            examine(self.path)
            self._connect()
        except (DamageError, sqlite3.Error) as error:
            self._renew(error)
        except OSError as error:
            raise of_system(error, self.path) from error

    def _connect(self) -> None:
        connection = self._connection = open_file(self.path)
        had = prepare(connection, self.path, self._synchronous, self._bytes)
        if had < connect.VERSION:
            self.findings.append(f"{self.path} was of format {had} and is now of format {connect.VERSION}")
        first, last = connection.execute("SELECT min(seq), max(seq) FROM frame").fetchone()
        if last is None:
            noted = {meta.name: meta.value for meta in rows.read(connection, rows.METAS)}
            last = int(noted.get(_LAST, b"0"))
            first = last + 1
        self._first, self._last = first, last
        self._oldest, self._newest = self._time_of(first), self._time_of(last)

    def _renew(self, error: Exception) -> None:
        """Set the file aside because of `error`, and begin a new one with what is whole in it.

        Raises `JournalError` where `error` is no damage, or no new file can be made.
        """
        if isinstance(error, sqlite3.Error) and not self._tells_of_damage(error):
            most, connection = pages(self._bytes), self._connection
            if connection is not None and bounds.used_up(connection, error, most, self._directory):
                reason = f"{self.path} may not grow beyond journal.max_mb, and no frame is left to be forgotten"
                raise JournalError(reason, "raise journal.max_mb, or keep fewer symbols", passing=True) from error
            raise of_sqlite(error, self.path) from error
        now = self._now()
        self._damaged = [at for at in self._damaged if now - _SICK_S < at <= now] + [now]
        if len(self._damaged) > _SICK:
            raise JournalError(
                f"{self.path} was damaged {_SICK} times within the hour ({error})", "look at the disk", passing=True
            )
        last = self._last
        there = self._make_way("damaged", now)
        self.findings.append(f"{self.path} is damaged ({error}): it was set aside as {there.name}")
        self._take_over(there, last)
        self.findings += aside.forget_old(self.path)

    def _make_way(self, why: str, now: float) -> Path:
        self._hang_up()
        try:
            there = aside.move(self.path, why, now)
            self._connect()
        except sqlite3.Error as fault:
            raise of_sqlite(fault, self.path) from fault
        except OSError as fault:
            raise of_system(fault, self.path) from fault
        self.renewed += 1
        return there

    def _tells_of_damage(self, error: sqlite3.Error) -> bool:
        if primary(error) == sqlite3.SQLITE_READONLY:  # SQLite also says so where a bit of the header is wrong
            return os.access(self.path, os.W_OK) and not os.statvfs(self._directory).f_flag & os.ST_RDONLY
        return is_damage(error)

    def _take_over(self, there: Path, last: int) -> None:
        """What is whole in the file set aside. Frames are numbered on beyond all that may have been there."""
        skipped: list[str] = []
        frames = snapshots = 0
        try:
            with self.batch():
                for one in aside.whole(there, skipped, self._bytes):
                    if isinstance(one, Meta):
                        if one.name == _LAST:
                            last = max(last, int(one.value))
                        elif one.name != FORMAT:
                            self.put_meta(*one)
                    elif isinstance(one, Snapshot):
                        self.put_snapshot(one)
                        last = max(last, one.seq)  # it contains the frames up to there, whether they were read or not
                        snapshots += 1
                    else:
                        self._insert(one)
                        frames += 1
                first, newest = self._open.execute("SELECT min(seq), max(seq) FROM frame").fetchone()
                self._last = max(last, newest or 0)
                self._first = first or self._last + 1
                self.put_meta(_LAST, b"%d" % self._last)
        except JournalError as error:  # no room for it: the new file is empty, and good
            self._first, self._last, self._oldest, self._newest = last + 1, last, 0, 0
            self.findings.append(f"nothing of {there.name} could be taken over: {error}")
            return
        self._oldest, self._newest = self._time_of(self._first), self._time_of(newest or 0)
        places = f"{len(skipped)} places could not be read, first: {skipped[0]}" if skipped else "nothing was missing"
        self.findings.append(f"taken over from {there.name}: {frames:,} frames and {snapshots:,} snapshots; {places}")

    def _all(self, query: rows.Query) -> Iterator[Any]:
        told: set[str] = set()
        while True:
            try:
                for one in rows.read(self._open, query):
                    if one[0] not in told:
                        told.add(one[0])
                        yield one
                return
            except (DamageError, sqlite3.Error) as error:
                self._renew(error)

    def _insert(self, frame: Frame) -> None:
        seq, ts, body = frame
        self._open.execute(_FRAME, (seq, ts, check(seq, ts, body), body))

    def _time_of(self, seq: int) -> int:
        found = self._open.execute("SELECT ts FROM frame WHERE seq = ?", (seq,)).fetchone()
        return int(found[0]) if found is not None else 0
