"""A journal to be looked at, of a daemon that runs or not."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from orderflow_stream.adapters.journal import rows
from orderflow_stream.adapters.journal.connect import examine, open_file, read_anyway, version
from orderflow_stream.adapters.journal.faults import DamageError, JournalError, is_damage, of_sqlite, primary
from orderflow_stream.adapters.journal.rows import Frame, Snapshot

#: What SQLite says where the memory that readers share cannot be made.
_NO_MEMORY: Final = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY})


class JournalFile:
    """The journal of a daemon, running or not, to read only: nothing of it is changed, set aside or locked.

    What is damaged is left out, with a line in `skipped`.
    """

    def __init__(self, path: Path) -> None:
        """Raises `JournalError` where it is no journal or cannot be read."""
        self.path = path
        self.skipped: list[str] = []
        try:
            if not path.stat().st_size:
                raise JournalError(f"{path} is empty")
            self._skip(examine, path)
            self._connection = _readable(path)
            try:
                self._skip(version, self._connection, path)
            except BaseException:
                self._connection.close()
                raise
        except OSError as error:
            raise JournalError(f"{path}: cannot be read: {error.strerror}") from error
        except sqlite3.Error as error:
            raise of_sqlite(error, path) from error

    def _skip(self, look: Callable[..., object], *at: object) -> None:
        """Whatever is found: the rest may be whole, each row says so itself."""
        try:
            look(*at)
        except (DamageError, sqlite3.Error) as error:
            if isinstance(error, sqlite3.Error) and not is_damage(error):
                raise
            self.skipped.append(str(error))

    @property
    def first(self) -> int:
        """The seq of the oldest frame, 0 where that cannot be told."""
        return self._edge("min")

    @property
    def last(self) -> int:
        """The seq of the newest frame, 0 where there is none or that cannot be told."""
        return self._edge("max")

    def snapshots(self) -> Iterator[Snapshot]:
        """As of `SqliteLog`."""
        return self._whole(rows.SNAPSHOTS)

    def frames(self, from_seq: int = 0) -> Iterator[Frame]:
        """As of `SqliteLog`."""
        return self._whole(rows.FRAMES, from_seq - 1)

    def metas(self) -> dict[str, bytes]:
        """As of `SqliteLog`."""
        return {meta.name: meta.value for meta in self._whole(rows.METAS)}

    def _edge(self, which: str) -> int:
        try:
            found = self._connection.execute(f"SELECT {which}(seq) FROM frame").fetchone()[0]  # noqa: S608 - one of two
        except sqlite3.Error:
            return 0
        return int(found or 0)

    def _whole(self, query: rows.Query, after: int = -1) -> Iterator[Any]:
        """What can be read; a place that was named once is not named again, however often it is met."""
        skipped: list[str] = []
        try:
            yield from rows.salvage(self._connection, query, skipped, after)
        finally:
            self.skipped += [line for line in skipped if line not in self.skipped]

    def close(self) -> None:
        self._connection.close()


def _readable(path: Path) -> sqlite3.Connection:
    """Read-only; where not even the memory that readers share can be made, as a file that nobody writes to."""
    connection = open_file(path, "ro")
    read_anyway(connection)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        wal = path.with_name(path.name + "-wal")
        alone = not wal.exists() or not wal.stat().st_size
        if not alone or primary(error) not in _NO_MEMORY:
            raise
        connection = open_file(path, "ro&immutable=1")
        read_anyway(connection)
    except BaseException:
        connection.close()
        raise
    return connection
