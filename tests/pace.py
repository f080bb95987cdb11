"""How late a machine is: limits in seconds are for one that has the time, and tests run beside each other."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final, Self

_PACE: Final = 0.01
#: What a timer may be late on a machine that is not busy.
_USUAL: Final = 0.005


class Lateness:
    """`async with`: meanwhile `seconds` is what timers of this loop came late, in sum. Whoever is measured on the same
    cores at the same time lost about as much."""

    def __init__(self) -> None:
        self.seconds = 0.0

    async def __aenter__(self) -> Self:
        self._watch = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watch.cancel()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _PACE
            await asyncio.sleep(_PACE)
            late = loop.time() - due
            if late > _USUAL:
                self.seconds += late
