"""One connection at work: a wire, its session, and the loop that carries every frame to the sink.

Between a frame and the sink nothing is awaited. A backlog is worked off in slices of a few milliseconds, with the event
loop getting its turn in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Literal

from msgspec import Struct

from orderflow_stream.adapters.ws import Wire, WireClosed
from orderflow_stream.core.events import Event, Trade
from orderflow_stream.core.units import US_PER_S
from orderflow_stream.feed.protocols import Clock
from orderflow_stream.feed.session import (
    Close,
    Command,
    Notice,
    Ping,
    Replace,
    ReplaceReason,
    Sample,
    Send,
    Session,
    WakeAt,
)

#: The longest stretch, in seconds, for which a backlog may keep the event loop.
SLICE: Final = 0.003
_LOOK_AT_CLOCK: Final = 32  # frames between two looks at it


class ConnectionStats(Struct, frozen=True):
    """One connection now. Times are venue microseconds; `last_frame` 0: none yet; `lag` is how far (µs) the newest
    trade was behind the venue's time of it, None before one; `bad` by reason."""

    number: int
    shard: int
    place: str
    host: str
    state: Literal["open", "replacing", "closing"]
    symbols: int
    subscribed: int
    since: int
    last_frame: int
    lag: int | None
    trades: int
    frames: int
    bytes_in: int
    bad: dict[str, int]
    samples: tuple[Sample, ...]


class Link:
    """An open wire under the policy of a session. `run` until it ends; then `ended` is set and `reason` says why.

    `ready` is set once every symbol is subscribed, `turn_over` once the session wants to be replaced. Notices that are
    not about either go to `notice`, all in order with the trades.
    """

    def __init__(
        self,
        number: int,
        host: str,
        wire: Wire,
        session: Session,
        *,
        clock: Clock,
        sink: Callable[[Event], None],
        notice: Callable[[Link, Notice, int], None],
    ) -> None:
        self.number = number
        self.host = host
        self.session = session
        self.wire = wire
        self.since = clock.now()
        self.ready = asyncio.Event()
        self.turn_over = asyncio.Event()
        self.turn_over_reason: ReplaceReason = "age"
        self.brought: set[str] | None = None  # instruments whose trades came, noted while somebody wants to know
        self.told = False  # that its symbols do not come is told by whoever found it out
        self.ended = asyncio.Event()
        self.reason = ""  # one word for a metric, set by whoever closed it first
        self.detail = ""  # the same for a person
        self._clock = clock
        self._sink = sink
        self._notice = notice
        self._whole = 0
        self._pings = 0
        self._timer: asyncio.TimerHandle | None = None
        self._failure: Exception | None = None

    async def run(self) -> None:
        """Reads until the wire is closed, by whomever. What the sink raises is not caught: that is a broken invariant.

        The first call happens before any frame is read, so that what rides in the URL is up before its first trade.
        """
        try:
            self._obey(self.session.opened(self._now()))
            self._tell()
            await self._read()
        except WireClosed as closed:
            if self._failure is not None:
                raise self._failure from None
            self.close("closed" if closed.code != 1006 else "cut", f"the connection was {closed}")
        finally:
            if self._timer is not None:
                self._timer.cancel()
            self.wire.transport.abort()
            self.session.closed()
            self.ended.set()

    def close(self, reason: str, detail: str = "", code: int = 1000) -> None:
        """Ends the link in good order; the first reason stays."""
        if not self.reason:
            self.reason, self.detail = reason, detail or reason
        self.wire.close_soon(code)

    def condemn(self, reason: ReplaceReason | None, why: str = "") -> None:
        """To be replaced (None: kept all the same), says who sees more than this connection; `why` where its symbols
        are known not to come."""
        self.session.condemn(reason, why)
        self._tell()

    def pardon(self) -> None:
        """It stays: what it was to be replaced for was no fault of its own."""
        self.turn_over.clear()
        self.session.pardon(self._now())

    def add(self, symbols: tuple[str, ...]) -> None:
        """Carry these as well."""
        self.ready.clear()
        self._obey(self.session.add(symbols, self._now()))
        self._tell()

    def remove(self, symbols: tuple[str, ...]) -> None:
        """Carry these no longer."""
        self._obey(self.session.remove(symbols, self._now()))
        self._tell()

    def stats(self, shard: int, place: str = "A") -> ConnectionStats:
        """A picture of now."""
        session = self.session
        state: Literal["open", "replacing", "closing"] = "closing"
        if session.mark == "open" and not self.reason:
            state = "replacing" if self.turn_over.is_set() else "open"
        return ConnectionStats(
            number=self.number,
            shard=shard,
            place=place,
            host=self.host,
            state=state,
            symbols=len(session.symbols),
            subscribed=len(session.up),
            since=self.since,
            last_frame=session.last_recv,
            lag=session.lag,
            trades=session.trades,
            frames=session.frames,
            bytes_in=self.wire.bytes_in,
            bad=dict(session.bad),
            samples=tuple(session.samples),
        )

    def _now(self) -> int:
        return int(self._clock.monotonic() * US_PER_S)

    async def _read(self) -> None:
        receive, monotonic, session = self.session.receive, self._clock.monotonic, self.session
        wire = self.wire
        until = 0.0
        while True:
            rested = not wire.waiting
            stamp, frames = await wire.read()
            if rested:
                until = monotonic() + SLICE
            sink = self._sink if self.brought is None else self._noting
            for count, frame in enumerate(frames, 1):
                trade = receive(frame, stamp)
                if trade is not None:
                    sink(trade)
                elif session.notices:
                    self._tell()
                if not count % _LOOK_AT_CLOCK and monotonic() > until:
                    await asyncio.sleep(0)
                    until = monotonic() + SLICE

    def _noting(self, event: Event) -> None:
        if isinstance(event, Trade) and self.brought is not None:
            self.brought.add(event.instrument)
        self._sink(event)

    def _tick(self) -> None:
        wire, session = self.wire, self.session
        if wire.whole != self._whole:
            self._whole = wire.whole
            session.alive()
        if wire.pings != self._pings:
            self._pings = wire.pings
            session.ponged(self._now())
        try:
            self._obey(session.tick(self._now()))
            self._tell()
        except Exception as error:  # noqa: BLE001 - a timer's exception would only be logged: `run` raises it
            self._failure = error
            self.wire.transport.abort()

    def _obey(self, commands: list[Command]) -> None:
        for command in commands:
            match command:
                case Send(text):
                    self.wire.send_now(text)
                case Ping():
                    self.wire.ping_now()
                case Close(code, reason):
                    self.close(reason, f"we closed it: {reason}", code)
                case WakeAt(at):
                    if self._timer is not None:
                        self._timer.cancel()
                    delay = max(0.0, at / US_PER_S - self._clock.monotonic())
                    self._timer = asyncio.get_running_loop().call_later(delay, self._tick)

    def _tell(self) -> None:
        while self.session.notices:
            for notice in self.session.take():
                if isinstance(notice, Replace):
                    self.turn_over_reason = notice.reason
                    self.turn_over.set()
                self._notice(self, notice, self._clock.now())
        if self.session.ready:
            self.ready.set()
