"""Opening the journal's file: what it must look like, how it is made, how an older one is brought up to date."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from orderflow_stream.adapters.journal import rows
from orderflow_stream.adapters.journal.faults import DamageError, JournalError, primary

#: What SQLite's header says of us, so that no other program's file is taken for ours ("OFJ1").
APPLICATION: Final = 0x4F464A31
#: The version of the tables. It is in the header and, with a checksum, in the table `meta`, which every version has.
VERSION: Final = 1
FORMAT: Final = "log.format"
#: Statements that bring version n up to n + 1.
MIGRATIONS: Mapping[int, tuple[str, ...]] = {}

_MAGIC: Final = b"SQLite format 3\x00"
_HEADER: Final = 100
#: SQLite's own log beside the file is folded in at this size, and cut back to twice of it.
_WAL: Final = 4 << 20
_PAGE: Final = 4096
#: Seconds for looking at the structure of the file; what there is no time for shows when it is read.
_LOOK: Final = 1.0


def examine(path: Path) -> None:
    """Whether there is a file that could be ours, or none. Raises `DamageError`, `OSError`."""
    wal = path.with_name(path.name + "-wal")
    if not _some(path):
        if _some(wal):
            raise DamageError("it is empty, and its log is not")
        return
    with path.open("rb") as file:
        head = file.read(_HEADER)
    if not head.startswith(_MAGIC):
        raise DamageError("it does not begin like an SQLite file")
    page = int.from_bytes(head[16:18], "big")
    count = int.from_bytes(head[28:32], "big")
    if len(head) < _HEADER or (not _some(wal) and path.stat().st_size < count * (65_536 if page == 1 else page)):
        raise DamageError("it is cut off")


def pages(limit: int) -> int:
    """Of how many pages the file may be, where it and SQLite's log together may take `limit` bytes."""
    return (limit - 2 * min(_WAL, limit // 8)) // _PAGE


def _some(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def open_file(path: Path, mode: str = "rwc") -> sqlite3.Connection:
    """A connection in which nothing is begun by itself. `mode` as in SQLite's URIs."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=5, isolation_level=None, check_same_thread=False
    )
    connection.text_factory = _text
    return connection


def read_anyway(connection: sqlite3.Connection) -> None:
    """From now on only for reading, and of a file that is shorter than its header says what is left."""
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA writable_schema = ON")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")  # damaged text is found by its checksum, not by an error of its own


def prepare(connection: sqlite3.Connection, path: Path, synchronous: str, limit: int) -> int:
    """Make the tables or check them; the version that the file had (`VERSION`: nothing was done).

    `limit` bounds the file and SQLite's log together, in bytes. Raises `DamageError`, `sqlite3.Error`, and
    `JournalError` for a file of a newer version.
    """
    wal = min(_WAL, limit // 8)
    fresh = not _number(connection, "SELECT count(*) FROM sqlite_master") and not _application(connection)
    had = VERSION
    if fresh:
        connection.execute(f"PRAGMA page_size = {_PAGE}")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    else:
        had = version(connection, path)
        _look(connection)
    if connection.execute("PRAGMA journal_mode = WAL").fetchone() != ("wal",):
        raise JournalError(
            f"{path}: the file system cannot share memory between programs (no WAL)",
            "keep the journal on a local disk, not on a network share",
        )
    connection.execute("PRAGMA secure_delete = OFF")  # nothing here is secret, and zeros would be written twice
    connection.execute(f"PRAGMA synchronous = {synchronous.upper()}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {wal // _PAGE}")
    connection.execute(f"PRAGMA journal_size_limit = {2 * wal}")
    connection.execute(f"PRAGMA max_page_count = {pages(limit)}")
    if not fresh and had == VERSION:
        _try_to_write(connection)
        return had
    connection.execute("BEGIN IMMEDIATE")
    if fresh:
        for statement in rows.SCHEMA:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
    for number in range(had, VERSION):
        for statement in MIGRATIONS[number]:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")
    value = b"%d" % VERSION
    connection.execute("REPLACE INTO meta VALUES (?, ?, ?)", (FORMAT, value, rows.check(FORMAT, value)))
    connection.execute("COMMIT")
    return had


def _try_to_write(connection: sqlite3.Connection) -> None:
    """Whether the file takes a write. A disk that is full is no reason not to read what is there."""
    try:
        connection.execute(f"PRAGMA user_version = {VERSION}")
    except sqlite3.OperationalError as error:
        if primary(error) not in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}:
            raise


def version(connection: sqlite3.Connection, path: Path) -> int:
    """The version of a file that is ours. Raises `DamageError`, and `JournalError` for one that is newer."""
    if _application(connection) != APPLICATION:
        raise DamageError("it is not a journal, or no longer")
    told = _number(connection, "PRAGMA user_version")
    noted = {meta.name: meta.value for meta in rows.read(connection, rows.METAS)}.get(FORMAT, b"")
    if noted != b"%d" % told or told < 1:  # the header has no checksum, this has
        raise DamageError(f"its header says version {told}, its table {noted!r}")
    if told > VERSION:
        raise JournalError(
            f"{path} was written by a newer version of this program (format {told}; this one knows {VERSION})",
            "use that version, or move the file away to begin anew",
        )
    return told


def _look(connection: sqlite3.Connection) -> None:
    """SQLite's look at the structure, as far as it gets in time."""
    until = time.monotonic() + _LOOK
    connection.set_progress_handler(lambda: time.monotonic() > until, 20_000)
    try:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
    else:
        if found != ("ok",):
            words = str(found[0] if found else found).splitlines()
            raise DamageError(words[-1])
    finally:
        connection.set_progress_handler(None, 0)


def _application(connection: sqlite3.Connection) -> int:
    return _number(connection, "PRAGMA application_id")


def _number(connection: sqlite3.Connection, statement: str) -> int:
    return int(connection.execute(statement).fetchone()[0])
