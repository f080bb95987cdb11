"""The use of keys on the disk: a small file, so that a month's quota outlives a restart."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import orjson
import structlog

#: Seconds between two writes; what a crash takes is at most that.
EVERY: Final = 60.0
_LARGEST: Final = 1 << 22

log = structlog.get_logger("orderflow_stream.usage")


class UsageFile:
    """Keeps what `state` gives (JSON-ready) in a file. `async with` reads it first and writes it last; `run` writes it
    every minute. A file that cannot be read is set aside, one that cannot be written is told of once; the daemon goes
    on in both cases, for a quota is no reason not to serve."""

    def __init__(
        self,
        path: Path | None,
        *,
        state: Callable[[], object],
        restore: Callable[[object], None],
        every: float = EVERY,
    ) -> None:
        """Without a path it does nothing. `restore` gets what was kept, and raises ValueError where it is not that."""
        self._path: Final = path
        self._state: Final = state
        self._restore: Final = restore
        self._every: Final = every
        self._kept = b""
        self._failing = False

    async def __aenter__(self) -> Self:
        if self._path is not None:
            await asyncio.to_thread(self._load, self._path)
            await self.save()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.save()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(self._every)
            await self.save()

    async def save(self) -> None:
        """Write it now, if it has changed: whole, or not at all."""
        if self._path is None:
            return
        data = orjson.dumps(self._state())
        if data == self._kept:
            return
        try:
            await asyncio.to_thread(_write, self._path, data)
        except OSError as error:
            if not self._failing:
                told = "what keys have used is not kept: a restart would forget it"
                log.error(told, file=str(self._path), reason=error.strerror or str(error))
            self._failing = True
            return
        self._kept = data
        if self._failing:
            log.info("what keys have used is kept again", file=str(self._path))
        self._failing = False

    def _load(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                raw = file.read(_LARGEST + 1)
        except FileNotFoundError:
            return
        except OSError as error:
            log.error("what keys have used cannot be read", file=str(path), reason=error.strerror or str(error))
            return
        try:
            if len(raw) > _LARGEST:
                raise ValueError("it is larger than 4 MiB")
            self._restore(orjson.loads(raw))
        except ValueError as error:
            aside = path.with_name(f"{path.name}.damaged")
            with contextlib.suppress(OSError):  # it is overwritten then
                path.replace(aside)
            log.error("what keys have used was damaged: counting begins anew", file=str(aside), reason=str(error))


def _write(path: Path, data: bytes) -> None:
    """By way of a file beside it, which takes its place once it is on the disk."""
    beside = path.with_name(f"{path.name}.new")
    with open(beside, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
