"""All connections to one venue: which symbol rides where, dialling again, and replacing before breaking.

Each shard of symbols has one keeper, a task that always has exactly one dial attempt or one open link (two for the
moments of a replacement). Single flight is thereby structural: nobody else dials for that shard.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final, Protocol
from urllib.parse import urlsplit

import structlog
from msgspec import Struct

from orderflow_stream.adapters.link import ConnectionStats, Link
from orderflow_stream.adapters.ws import DialError, dial, proxy_of
from orderflow_stream.core.events import Event, FeedDown, FeedUp, Instrument
from orderflow_stream.core.units import US_PER_S
from orderflow_stream.feed.backoff import Backoff, Pace
from orderflow_stream.feed.protocols import Clock, StreamVenue
from orderflow_stream.feed.session import BadFrame, Notice, Policy, Session, SubscribeRefused, Up
from orderflow_stream.feed.shards import Shards

#: What does not help to try again is tried again all the same, seldom: a daemon outlives a portal or a wrong clock.
_NEVER_S: Final = 60.0
#: A connection that stood this long was a good one, also where none of its symbols traded.
_SETTLED: Final = 60 * US_PER_S


class Log(Protocol):
    """What is logged with: structlog's shape."""

    def info(self, event: str, **fields: object) -> object: ...
    def warning(self, event: str, **fields: object) -> object: ...


class Timing(Struct, frozen=True):
    """How connections are opened; seconds."""

    open_timeout: float = 10.0
    close_timeout: float = 1.0
    retry_base: float = 1.0
    retry_cap: float = 30.0
    dial_interval: float = 1.0  # between new connections of the process, beyond the first `dial_burst`
    dial_burst: int = 5
    replace_patience: float = 30.0  # for a replacement to have everything subscribed


class FeedStats(Struct, frozen=True):
    """All connections: those that are, and totals over those that were as well. `reconnects` counts ends of connections
    and failed attempts by reason, a closed set: the words of `DialFault`, `ReplaceReason`, and closed, cut, silence,
    unanswered."""

    connections: tuple[ConnectionStats, ...]
    frames: int
    bytes_in: int
    bad: dict[str, int]
    reconnects: dict[str, int]
    dialled: int


class _Shard:
    """The symbols of one connection and who looks after it. (A redundant pair would be two keepers of one shard.)"""

    def __init__(self, number: int, backoff: Backoff) -> None:
        self.number = number
        self.backoff = backoff
        self.links: list[Link] = []  # open ones; the last is the newest
        self.dialling: Session | None = None
        self.candidate = 0  # which base URL is tried next
        self.keeper: asyncio.Task[None] | None = None


class Connections:
    """Keeps the streams of a changing set of instruments flowing into `sink`.

    Every trade, and `FeedUp` / `FeedDown` per connection, go to `sink` synchronously, on the loop, in order. An
    exception of `sink` ends `run`. Public fallbacks are dialled only while `url` is the venue's default.
    """

    def __init__(
        self,
        venue: StreamVenue,
        url: str,
        clock: Clock,
        sink: Callable[[Event], None],
        *,
        streams_per_connection: int = 200,
        policy: Policy | None = None,
        timing: Timing | None = None,
        log: Log | None = None,
        chance: Callable[[], float] = random.random,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        if not 1 <= streams_per_connection <= venue.max_streams:
            raise ValueError(
                f"streams_per_connection: {streams_per_connection} is not 1 to {venue.max_streams}, the venue's limit"
            )
        self._venue = venue
        self._bases = (url, *venue.stream_fallbacks) if url.rstrip("/") == venue.stream_url_default else (url,)
        self._clock = clock
        self._sink = sink
        self._policy = policy or Policy()
        self._timing = timing or Timing()
        self._log: Log = log or structlog.get_logger(__name__)
        self._chance = chance
        self._tls = tls
        self._plan = Shards(streams_per_connection)
        self._keys: dict[str, str] = {}
        self._shards: dict[int, _Shard] = {}
        self._pace = Pace(burst=self._timing.dial_burst, interval=int(self._timing.dial_interval * US_PER_S))
        self._group: asyncio.TaskGroup | None = None
        self._stopping = asyncio.Event()
        self._stopped = asyncio.Event()
        self._dialled = 0
        self._frames = 0
        self._bytes = 0
        self._bad: Counter[str] = Counter()
        self._reconnects: Counter[str] = Counter()

    # -- what the app asks -------------------------------------------------------------------------------------------

    def add(self, instruments: Iterable[Instrument]) -> None:
        """Stream these as well, most active first; those that are streamed already stay where they are. Before `run`
        or during it."""
        fresh = [instrument for instrument in instruments if instrument.symbol not in self._keys]
        self._venue.watch(fresh)
        self._keys.update((instrument.symbol, instrument.key) for instrument in fresh)
        for number, symbols in self._plan.add(instrument.symbol for instrument in fresh).items():
            shard = self._shards.get(number)
            if shard is None:
                shard = self._shards[number] = _Shard(number, self._new_backoff())
                self._employ(shard)
            for link in shard.links:
                link.add(symbols)
            if shard.dialling is not None:
                shard.dialling.add(symbols, self._now())

    def remove(self, symbols: Iterable[str]) -> None:
        """Stream these no longer; unknown ones are ignored. No `FeedDown` is emitted for them."""
        gone = [symbol for symbol in symbols if symbol in self._keys]
        for number, names in self._plan.remove(gone).items():
            shard = self._shards[number]
            for link in shard.links:
                link.remove(names)
            if shard.dialling is not None:
                shard.dialling.remove(names, self._now())
            if not self._plan.symbols(number):
                del self._shards[number]
                if shard.keeper is not None:
                    shard.keeper.cancel()
        self._venue.unwatch(gone)
        for symbol in gone:
            del self._keys[symbol]

    async def run(self) -> None:
        """Until `aclose`, or cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for shard in self._shards.values():
                    self._employ(shard)
                await self._stopping.wait()
                for shard in self._shards.values():
                    if shard.keeper is not None:
                        shard.keeper.cancel()
        finally:
            self._group = None
            self._stopped.set()

    async def aclose(self) -> None:
        """Closes every connection and waits for `run` to return (about `Timing.close_timeout` at most)."""
        running = self._group is not None
        self._stopping.set()
        if running:
            await self._stopped.wait()

    def stats(self) -> FeedStats:
        """A picture of now, for metrics."""
        now = [link.stats(shard.number) for shard in self._shards.values() for link in shard.links]
        bad = self._bad.copy()
        for one in now:
            bad.update(one.bad)
        return FeedStats(
            connections=tuple(now),
            frames=self._frames + sum(one.frames for one in now),
            bytes_in=self._bytes + sum(one.bytes_in for one in now),
            bad=dict(bad),
            reconnects=dict(self._reconnects),
            dialled=self._dialled,
        )

    # -- one shard -----------------------------------------------------------------------------------------------------

    def _employ(self, shard: _Shard) -> None:
        if self._group is not None and shard.keeper is None and not self._stopping.is_set():
            shard.keeper = self._group.create_task(self._keep(shard), name=f"feed shard {shard.number}")

    async def _keep(self, shard: _Shard) -> None:
        """Keeps the shard on the air until cancelled: dial, hold, replace or dial again."""
        try:
            current = await self._open(shard)
            while True:
                await _first(current.ended, current.turn_over)
                if current.ended.is_set():
                    current = await self._open(shard)
                    continue
                reason = current.turn_over_reason
                spare = await self._open(shard)
                if not current.ended.is_set():
                    await _first(spare.ready, spare.ended, current.ended, patience=self._timing.replace_patience)
                if spare.ended.is_set() and not current.ended.is_set():
                    continue  # the replacement failed and the old one still stands: try again
                current.close(reason, f"replaced ({reason}) by connection {spare.number}")
                current = spare
        finally:
            for link in shard.links:
                link.close("stopped")
            for link in list(shard.links):
                # Bounded: a task that is cancelled before its first step never says that it ended.
                await _first(link.ended, patience=self._timing.close_timeout + 1.0)

    async def _open(self, shard: _Shard) -> Link:
        """Dials until a connection is open and at work."""
        failed = shard.backoff.attempts > 0
        while True:
            number, base, session = await self._slot(shard)
            try:
                wire = await dial(
                    session.url(base),
                    now=self._clock.now,
                    tls=self._tls_context(base),
                    open_timeout=self._timing.open_timeout,
                    close_timeout=self._timing.close_timeout,
                )
            except DialError as error:
                failed = True
                wait = self._dial_failed(shard, number, base, error)
                if wait:
                    await asyncio.sleep(wait)
                continue
            finally:
                shard.dialling = None
            link = Link(number, _host(base), wire, session, clock=self._clock, sink=self._sink, notice=self._notice)
            proxy = proxy_of(base)
            self._log.info(
                "feed reconnected" if failed else "feed connected",
                connection=number,
                host=_host(base),
                symbols=len(session.symbols),
                **({"proxy": proxy} if proxy else {}),
            )
            shard.candidate = 0
            shard.links.append(link)
            assert self._group is not None
            self._group.create_task(self._work(shard, link), name=f"feed connection {number}")
            return link

    async def _slot(self, shard: _Shard) -> tuple[int, str, Session]:
        """Waits for this shard's turn to dial."""
        delay = shard.backoff.next(self._now())
        if delay:
            await asyncio.sleep(delay / US_PER_S)
        wait = self._pace.reserve(self._now())
        if wait:
            await asyncio.sleep(wait / US_PER_S)
        self._dialled += 1
        symbols = self._plan.symbols(shard.number)
        session = Session(self._venue, symbols, policy=self._policy, spread=self._chance())
        shard.dialling = session
        return self._dialled, self._bases[shard.candidate % len(self._bases)], session

    def _dial_failed(self, shard: _Shard, number: int, base: str, error: DialError) -> float:
        """Tells about a failed attempt; returns how long to wait beyond the usual back-off."""
        self._reconnects[error.fault] += 1
        shard.candidate += 1
        proxy = proxy_of(base)
        self._log.warning(
            "feed cannot connect",
            connection=number,
            host=_host(base),
            attempt=shard.backoff.attempts,
            reason=error.reason,
            hint=error.hint,
            **({"proxy": proxy} if proxy else {}),
        )
        if not shard.links:
            self._down(self._plan.symbols(shard.number), number, error.line())
        if error.retry_after is not None:
            return error.retry_after
        everywhere = shard.candidate % len(self._bases) == 0  # every base has been tried in this round
        return _NEVER_S if error.retry == "never" and everywhere else 0.0

    async def _work(self, shard: _Shard, link: Link) -> None:
        """One link from its first frame to the books after its end."""
        session = link.session
        try:
            await link.run()
        finally:
            shard.links.remove(link)
            self._frames += session.frames
            self._bytes += link.wire.bytes_in
            self._bad.update(session.bad)
            if session.good_frames or self._clock.now() - link.since > _SETTLED:
                shard.backoff.good()
        reason = link.reason or "cut"
        self._down(session.symbols, link.number, link.detail)
        if reason != "stopped":
            self._reconnects[reason] += 1
            # Where its successor is at work already, this is the end of a replacement and nothing was missed.
            tell = self._log.info if shard.links else self._log.warning
            tell("feed disconnected", connection=link.number, reason=reason, detail=link.detail)

    # -- what is told --------------------------------------------------------------------------------------------------

    def _notice(self, link: Link, notice: Notice, ts: int) -> None:
        match notice:
            case Up(symbols):
                keys = self._known(symbols)
                if keys:
                    self._sink(FeedUp(keys, ts, link.number))
            case SubscribeRefused(symbols, code, message):
                self._log.warning(
                    "subscription refused", connection=link.number, symbols=len(symbols), code=code, message=message
                )
                self._down(symbols, link.number, f"the venue refused the subscription: {message}")
            case BadFrame(reason, symbol, id_, sample):
                self._log.warning(
                    "bad frame dropped", connection=link.number, reason=reason, symbol=symbol, id=id_, frame=sample
                )
            case _:
                self._log.info("connection is being replaced", connection=link.number, reason=notice.reason)

    def _down(self, symbols: Iterable[str], number: int, reason: str) -> None:
        keys = self._known(symbols)
        if keys:
            self._sink(FeedDown(keys, self._clock.now(), number, reason))

    def _known(self, symbols: Iterable[str]) -> tuple[str, ...]:
        return tuple(self._keys[symbol] for symbol in symbols if symbol in self._keys)

    def _new_backoff(self) -> Backoff:
        return Backoff(
            self._chance, base=int(self._timing.retry_base * US_PER_S), cap=int(self._timing.retry_cap * US_PER_S)
        )

    def _tls_context(self, base: str) -> ssl.SSLContext | None:
        if self._tls is None and base.startswith("wss:"):
            self._tls = ssl.create_default_context()  # once: it reads every certificate of the system
        return self._tls

    def _now(self) -> int:
        return int(self._clock.monotonic() * US_PER_S)


def _host(base: str) -> str:
    return urlsplit(base).netloc.rpartition("@")[2]


async def _first(*events: asyncio.Event, patience: float | None = None) -> None:
    """Waits until one of the events is set, or for `patience` seconds."""
    if any(event.is_set() for event in events):
        return
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
