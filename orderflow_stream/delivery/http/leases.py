"""What the gate tells an open stream: whether there is room for it, and when it must end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from aiohttp import hdrs, web

from orderflow_stream.delivery.http.keys import Key

#: No timer is set further ahead (s): the wall clock may be put right meanwhile.
_LOOK_AGAIN: Final = 3600.0


class Lease:
    """One stream's permission. `full`: there is no room for it now, which a browser is told in-band."""

    __slots__ = ("_end", "_reason", "_release", "_timer", "full", "key")

    def __init__(self, key: Key | None, *, full: bool, release: Callable[[Lease], None]) -> None:
        self.key: Final = key
        self.full: Final = full
        self._release: Final = release
        self._end: Callable[[str], None] | None = None
        self._reason: str | None = None
        self._timer: asyncio.TimerHandle | None = None

    def hold(self, end: Callable[[str], None]) -> None:
        """The stream is open; `end` ends it, with the reason that its `bye` gives (at once, where it may no more)."""
        self._end = end
        if self._reason is not None:
            end(self._reason)

    def end(self, reason: str) -> None:
        """The stream may no longer be."""
        self._reason = reason
        if self._end is not None:
            self._end(reason)

    def expire(self, left: Callable[[], float]) -> None:
        """End it once `left()` seconds are none."""
        remaining = left()
        if remaining <= 0:
            self.end("expired")
        else:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(min(remaining, _LOOK_AGAIN), self.expire, left)

    def release(self) -> None:
        """The response is over."""
        self._end = None
        if self._timer is not None:
            self._timer.cancel()
        self._release(self)


LEASE: Final = web.RequestKey("lease", Lease)


def accepts_events(request: web.Request) -> bool:
    """Whether an `EventSource` asks: it gives up for good on any status but 200."""
    lines = request.headers.getall(hdrs.ACCEPT, ())
    return any(
        kind.partition(";")[0].strip().lower() == "text/event-stream" for one in lines for kind in one.split(",")
    )
