"""What goes wrong with files, in words for the operator."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path
from typing import Final

_HINTS: Final = {
    sqlite3.SQLITE_FULL: "free space there; logging resumes by itself",
    sqlite3.SQLITE_READONLY: "make the directory and its files writable for this user",
    sqlite3.SQLITE_CANTOPEN: "make the directory writable for this user",
    sqlite3.SQLITE_PERM: "make the directory writable for this user",
    sqlite3.SQLITE_IOERR: "look at the disk (the kernel's log says more)",
    sqlite3.SQLITE_BUSY: "another program holds the file open for writing",
}
_SYSTEM_HINTS: Final = {
    errno.ENOSPC: _HINTS[sqlite3.SQLITE_FULL],
    errno.EDQUOT: "raise the quota of this user",
    errno.EROFS: "the file system is mounted read-only",
    errno.EACCES: _HINTS[sqlite3.SQLITE_PERM],
    errno.EPERM: _HINTS[sqlite3.SQLITE_PERM],
}
#: Faults that pass: a disk that is full, sick or read-only now may not be later.
_PASSING: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})

#: Free bytes with which hardly a file can be made.
_LITTLE: Final = 1 << 16


class JournalError(Exception):
    """The journal cannot be used. `hint` says what a person could do; `passing` whether it may heal by itself.

    `str()` is both on one line.
    """

    def __init__(self, reason: str, hint: str = "", *, passing: bool = False) -> None:
        super().__init__(f"{reason} ({hint})" if hint else reason)
        self.reason = reason
        self.hint = hint
        self.passing = passing


class DamageError(Exception):
    """Something read is not what was written. Never leaves this package: the file is set aside."""


def primary(error: sqlite3.Error) -> int:
    """SQLite's primary result code; `SQLITE_ERROR` where the module raised it by itself."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def is_damage(error: sqlite3.Error) -> bool:
    """Whether it tells of the file's contents: our statements fit our tables, and where one does not, those changed."""
    return primary(error) in {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_SCHEMA,
        sqlite3.SQLITE_MISMATCH,
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_FORMAT,
        sqlite3.SQLITE_TOOBIG,
    }


def of_sqlite(error: sqlite3.Error, path: Path) -> JournalError:
    """A fault of the disk below SQLite."""
    code = primary(error)
    if code == sqlite3.SQLITE_IOERR and _is_full(path.parent):
        code = sqlite3.SQLITE_FULL  # what SQLite says where not even the memory that its readers share can be made
    passing = code in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY}
    return JournalError(f"{path}: {error}", _HINTS.get(code, ""), passing=passing)


def _is_full(directory: Path) -> bool:
    try:
        disk = os.statvfs(directory)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < _LITTLE


def of_system(error: OSError, path: Path) -> JournalError:
    """A fault of a file or directory."""
    reason = error.strerror or str(error)
    hint = _SYSTEM_HINTS.get(error.errno or 0, "journal.directory names a directory that this user may write to")
    return JournalError(f"{path}: {reason}", hint, passing=error.errno in _PASSING)
