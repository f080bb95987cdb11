"""How a connection comes about: whose turn it is, where to, and what is said of an attempt that failed.

One for all connections of the process, since the venue counts attempts by address: a common pace, and a common stop
where we are told to wait.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Callable
from typing import Final, Protocol
from urllib.parse import urlsplit

from msgspec import Struct

from orderflow_stream.adapters.resolve import Resolver
from orderflow_stream.adapters.ws import DialError, Wire, dial, proxy_of
from orderflow_stream.core.units import US_PER_S
from orderflow_stream.feed.backoff import Backoff, Pace
from orderflow_stream.feed.protocols import Clock, StreamVenue
from orderflow_stream.feed.session import Session

#: Attempts of one connection that are told one by one; after them only the 4th, 8th, 16th …: a venue that is down for
#: an hour is no news each half minute.
_TOLD: Final = 3


class Log(Protocol):
    """What is logged with: structlog's shape."""

    def info(self, event: str, **fields: object) -> object: ...
    def warning(self, event: str, **fields: object) -> object: ...


class Timing(Struct, frozen=True):
    """How connections are opened and replaced; seconds."""

    open_timeout: float = 10.0
    close_timeout: float = 1.0
    retry_base: float = 1.0
    retry_cap: float = 30.0
    dial_interval: float = 1.0  # between new connections of the process, beyond the first `dial_burst`
    dial_burst: int = 5
    replace_patience: float = 30.0  # for a replacement to have everything subscribed, and to prove itself
    overlap: float = 2.0  # both are read so long at least: what is on its way by the old one is not lost
    calm_patience: float = 600.0  # for either of two silent ones to speak
    look: float = 0.1  # between two looks at a pair


class Dialler:
    """`bases` in order of preference: `url`, then (where `fallbacks`, and `url` is the venue's default) the venue's
    other public endpoints."""

    def __init__(
        self,
        venue: StreamVenue,
        url: str,
        clock: Clock,
        log: Log,
        *,
        timing: Timing,
        fallbacks: bool = True,
        tls: ssl.SSLContext | None = None,
        chance: Callable[[], float] = random.random,
        resolver: Resolver | None = None,
    ) -> None:
        others = venue.stream_fallbacks if fallbacks and url.rstrip("/") == venue.stream_url_default else ()
        self.bases = (url, *others)
        self.dialled = 0
        self.timing = timing
        self._clock = clock
        self._log = log
        self._tls = tls
        self._chance = chance
        self._resolver = resolver or Resolver()
        self._pace = Pace(burst=timing.dial_burst, interval=int(timing.dial_interval * US_PER_S))

    def backoff(self) -> Backoff:
        """For one new keeper."""
        return Backoff(
            self._chance, base=int(self.timing.retry_base * US_PER_S), cap=int(self.timing.retry_cap * US_PER_S)
        )

    def about(self, seconds: float) -> float:
        """A wait of so many seconds at most and half of them at least."""
        return seconds * (1 + self._chance()) / 2

    async def turn(self, backoff: Backoff) -> int:
        """Waits until this keeper may dial; returns the number of the attempt, and of the connection if it succeeds."""
        await self._wait(backoff.next(self._now()))
        await self._wait(self._pace.reserve(self._now()))
        while wait := self._pace.held(self._now()):  # told meanwhile
            await self._wait(wait)
        self.dialled += 1
        return self.dialled

    async def dial(self, session: Session, base: str) -> Wire:
        """One attempt. Raises `DialError`."""
        return await dial(
            session.url(base),
            now=self._clock.now,
            tls=self._tls_context(base),
            open_timeout=self.timing.open_timeout,
            close_timeout=self.timing.close_timeout,
            resolver=self._resolver,
        )

    def failed(self, number: int, base: str, attempt: int, error: DialError) -> None:
        """An attempt failed: say so, seldom where it goes on, and stop everybody where the venue said that."""
        if error.retry_after is not None:
            self._pace.hold(self._now() + int(error.retry_after * US_PER_S))
        if attempt > _TOLD and attempt & (attempt - 1):
            return
        wait = {} if error.retry_after is None else {"wait_s": round(error.retry_after)}
        self._log.warning(
            "feed cannot connect",
            connection=number,
            host=host_of(base),
            attempt=attempt,
            reason=error.reason,
            hint=error.hint,
            **wait,
            **self._proxy(base),
        )

    def opened(self, number: int, base: str, place: str, symbols: int, again: bool) -> None:
        """An attempt succeeded."""
        self._log.info(
            "feed reconnected" if again else "feed connected",
            connection=number,
            place=place,
            host=host_of(base),
            symbols=symbols,
            **self._proxy(base),
        )

    def _proxy(self, base: str) -> dict[str, object]:
        proxy = proxy_of(base)
        return {"proxy": proxy} if proxy else {}

    def _tls_context(self, base: str) -> ssl.SSLContext | None:
        if self._tls is None and base.startswith("wss:"):
            self._tls = ssl.create_default_context()  # once: it reads every certificate of the system
        return self._tls

    async def _wait(self, microseconds: int) -> None:
        if microseconds > 0:
            await asyncio.sleep(microseconds / US_PER_S)

    def _now(self) -> int:
        return int(self._clock.monotonic() * US_PER_S)


def host_of(base: str) -> str:
    """`host:port` of a base URL, without credentials."""
    return urlsplit(base).netloc.rpartition("@")[2]
