"""A damaged file steps aside: under another name, for whoever wants to look; what of it is whole is read once more."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from orderflow_stream.adapters.journal import rows
from orderflow_stream.adapters.journal.connect import open_file, read_anyway
from orderflow_stream.adapters.journal.rows import Frame, Meta, Snapshot

#: A database of SQLite is up to three files.
SUFFIXES: Final = ("", "-wal", "-shm")
#: Files set aside that are kept: they must not fill the disk of a daemon that is left alone.
_KEPT: Final = 2
#: Of frames no more bytes than this are taken over, the newest: nobody waits while a gigabyte is copied.
_MOST: Final = 256 << 20


def move(path: Path, why: str, now: float) -> Path:
    """Give the file and what belongs to it another name; the new name of the file itself. Raises `OSError`."""
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    name = f"{path.name}.{why}-{stamp}"
    there = path.with_name(name)
    number = 1
    while there.exists():
        number += 1
        there = path.with_name(f"{name}-{number}")
    for suffix in SUFFIXES:
        part = path.with_name(path.name + suffix)
        if part.exists() or part.is_symlink():
            part.rename(there.with_name(there.name + suffix))
    return there


def forget_old(path: Path) -> list[str]:
    """Remove all but the newest of the files set aside; a line each."""
    found = sorted(
        (one for one in path.parent.glob(f"{path.name}.*-*Z*") if not one.name.endswith(SUFFIXES[1:])),
        key=lambda one: one.stat().st_mtime,
    )
    told = []
    for old in found[:-_KEPT]:
        for suffix in SUFFIXES:
            old.with_name(old.name + suffix).unlink(missing_ok=True)
        told.append(f"removed {old.name}: only the newest {_KEPT} files set aside are kept")
    return told


def whole(there: Path, skipped: list[str], most: int) -> Iterator[Meta | Snapshot | Frame]:
    """What can be read whole: values, snapshots, then frames ascending, the newest where they exceed `most` bytes."""
    try:
        connection = open_file(there, "rw")
    except sqlite3.Error as error:
        skipped.append(str(error))
        return
    try:
        read_anyway(connection)
        yield from rows.salvage(connection, rows.METAS, skipped)
        yield from rows.salvage(connection, rows.SNAPSHOTS, skipped)
        yield from rows.salvage(connection, rows.FRAMES, skipped, _begin(connection, there, min(_MOST, most // 2)))
    finally:
        connection.close()


def _begin(connection: sqlite3.Connection, there: Path, most: int) -> int:
    """The frame after which to begin."""
    size = there.stat().st_size
    if size <= most:
        return -1
    try:
        first, last = connection.execute("SELECT min(seq), max(seq) FROM frame").fetchone()
    except sqlite3.Error:
        return -1
    return -1 if last is None else max(-1, last - (last - first) * most // size)
