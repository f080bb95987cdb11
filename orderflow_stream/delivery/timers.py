"""What the hub does by time: each thing by its name, planned once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from orderflow_stream.delivery.outbox import Handle, Scheduler


class Timers:
    """Calls that wait for their time on `loop`, at most one of each name."""

    def __init__(self, loop: Scheduler) -> None:
        self._loop: Final = loop
        self._planned: Final[dict[str, Handle]] = {}

    def at(self, name: str, when: float, callback: Callable[[], None]) -> None:
        """Call once at that time (of the loop's clock); nothing, where the same is planned already."""
        if name not in self._planned:
            self._planned[name] = self._loop.call_at(when, partial(self._due, name, callback))

    def cancel(self) -> None:
        """Nothing that is planned will be called."""
        for handle in self._planned.values():
            handle.cancel()
        self._planned.clear()

    def _due(self, name: str, callback: Callable[[], None]) -> None:
        del self._planned[name]
        callback()
