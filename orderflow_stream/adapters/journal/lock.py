"""One writer a directory: a lock that the kernel lets go of when the process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

from orderflow_stream.adapters.journal.faults import JournalError, of_system

NAME: Final = "journal.lock"


class DirectoryLock:
    """Held from its making until `release`. The file stays: to remove it would let two hold it."""

    def __init__(self, directory: Path) -> None:
        """Raises `JournalError` where another process holds it, or the directory cannot be used."""
        path = directory / NAME
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise of_system(error, path) from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._fd, 32).decode("ascii", "replace").strip()
            os.close(self._fd)
            self._fd = -1
            if not isinstance(error, BlockingIOError):
                raise of_system(error, path) from error
            raise JournalError(
                f"{directory} is in use by another daemon{f' (process {holder})' if holder else ''}",
                "give each its own journal.directory, or stop the other",
            ) from None
        try:  # for the message above only
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)
        except OSError:
            pass  # a full disk: the lock holds without it

    def release(self) -> None:
        """Let others have it. Twice does no harm."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
