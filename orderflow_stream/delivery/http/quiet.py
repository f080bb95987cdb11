"""Log lines that a stranger can cause: a few, however often he tries."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from orderflow_stream.delivery.http.errors import clean

EVERY: Final = 10.0

_log = logging.getLogger("orderflow_stream.http")


class Quiet:
    """At most one line in ten seconds of one kind, with the number of those it stands for."""

    def __init__(self, kind: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`kind` begins the line; `clock` in seconds."""
        self._kind: Final = kind
        self._clock: Final = clock
        self._next = 0.0
        self._held = 0

    def say(self, peer: str, reason: str) -> None:
        """It happened, from that address."""
        now = self._clock()
        if now < self._next:
            self._held += 1
            return
        more = f" (and {self._held} more since the last such line)" if self._held else ""
        _log.warning("%s from %s: %s%s", self._kind, peer, clean(reason), more)
        self._next, self._held = now + EVERY, 0
