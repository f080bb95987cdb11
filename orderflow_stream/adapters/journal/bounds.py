"""How much of the journal is kept: what must go for its size or age, a slice at a time.

A slice is small: what is forgotten at once holds up those that wait to be written.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final

from orderflow_stream.adapters.journal.faults import primary

#: Frames forgotten at once.
SLICE: Final = 500
#: This part of the size allowed is kept free, for what comes between two looks at it.
_SLACK: Final = 32
#: Pages given back to the file system at once.
_PAGES: Final = 256
#: Free bytes with which a disk is not full.
_ROOM: Final = 64 << 20


def surplus(connection: sqlite3.Connection, held: int, most: int) -> int:
    """How many of the `held` frames must go so that of `most` pages some are free, a slice at most."""
    used = _used(connection)
    beyond = used + most // _SLACK - most
    if beyond <= 0 or held <= 0:
        return 0
    return min(SLICE, held, held * beyond // used + 1)


def older(connection: sqlite3.Connection, first: int, until: int) -> int:
    """How many frames from `first` on are from before `until` (µs), a slice at most."""
    statement = "SELECT max(seq) FROM frame WHERE seq < ? AND ts < ?"
    found = connection.execute(statement, (first + SLICE, until)).fetchone()[0]
    return 0 if found is None else int(found) - first + 1


def give_back(connection: sqlite3.Connection, most: int) -> None:
    """Make the file smaller where much of it is free (much became old at once) or it has more than `most` pages."""
    free, pages = _number(connection, "freelist_count"), _number(connection, "page_count")
    if free and (pages > most or (free > _PAGES and free * 4 > pages)):
        connection.executescript(f"PRAGMA incremental_vacuum({_PAGES})")  # `execute` would stop after one page


def used_up(connection: sqlite3.Connection, error: sqlite3.Error, most: int, directory: Path) -> bool:
    """Whether it is our own limit that was met, not that of the disk: SQLite calls both by one name."""
    if primary(error) != sqlite3.SQLITE_FULL or _used(connection) * 2 < most:
        return False
    disk = os.statvfs(directory)
    return disk.f_bavail * disk.f_frsize > _ROOM


def _used(connection: sqlite3.Connection) -> int:
    return _number(connection, "page_count") - _number(connection, "freelist_count")


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])
