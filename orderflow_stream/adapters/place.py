"""One place of a shard: the task that keeps one connection with the shard's symbols on the air.

It always has exactly one dial attempt or one open link, two for the moments of a replacement; nobody else dials for it.
A shard has one place or a redundant pair of them, and the pair knows of each other only what `Shard` tells.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from msgspec import Struct

from orderflow_stream.adapters.dialler import Dialler, Log, host_of
from orderflow_stream.adapters.link import ConnectionStats, Link
from orderflow_stream.adapters.ws import DialError
from orderflow_stream.core.events import Event, FeedDown, FeedUp, Liquidation
from orderflow_stream.core.units import US_PER_S
from orderflow_stream.feed.orders import ON_PROOF, BadFrame, Lost, Notice, Policy, Replace, SubscribeRefused, Up
from orderflow_stream.feed.protocols import Clock, StreamVenue
from orderflow_stream.feed.rota import Rota
from orderflow_stream.feed.session import Session

#: What does not help to try again is tried again all the same, seldom: a daemon outlives a portal or a wrong clock.
_NEVER_S: Final = 60.0
#: An answer that should not be may be one machine of many in a bad moment: tried again after at most so many seconds
#: each time, and half of that at least; then seldom.
_SOON_S: Final = (2.0, 5.0)
#: A connection that stood this long was a good one, also where none of its symbols traded.
_SETTLED: Final = 60 * US_PER_S


#: What is said of one of a pair that brings nothing while the other does.
ALONE: Final = "silent while the second connection brings trades"
#: What is said of all that fell silent out of rhythm at once while REST has newer trades.
MUTE: Final = "silent while REST has newer trades"


class Ground(Struct, frozen=True):
    """What all places share. `keys` names symbols as instruments, those that are streamed; `spawn` starts a task."""

    venue: StreamVenue
    clock: Clock
    sink: Callable[[Event], None]
    log: Log
    policy: Policy
    dialler: Dialler
    rota: Rota
    keys: Callable[[Iterable[str]], tuple[str, ...]]
    symbols: Callable[[int], tuple[str, ...]]  # of a shard
    covered: Callable[[int], bool]  # whether any connection of a shard is open
    others: Callable[[Place], list[Link]]  # the links of the other place of the same shard
    hushed: Callable[[int], None]  # no link of a shard brings what its rhythm says it should
    group: Callable[[], asyncio.TaskGroup]
    liquidated: Callable[[Liquidation], None]


class Place:
    """`name` is A or B; the first dials the first endpoint, the second the second where there are several."""

    def __init__(self, ground: Ground, shard: int, index: int) -> None:
        self.shard = shard
        self.index = index
        self.name = "AB"[index]
        self.links: list[Link] = []  # open ones; the last is the newest
        self.reconnects: Counter[str] = Counter()
        self.frames = 0  # of links that are gone; likewise the next two
        self.bytes_in = 0
        self.bad: Counter[str] = Counter()
        self.task: asyncio.Task[None] | None = None
        self._ground = ground
        self._backoff = ground.dialler.backoff()
        self._dialling: Session | None = None
        self._candidate = index  # which base URL is tried next
        self._odd = 0  # answers that should not be, since the last connection, as often as all endpoints gave one
        self._doubted: dict[str, int] = {}  # instruments that somebody asked a new connection for, and when

    @property
    def steady(self) -> Link | None:
        """The link, where there is exactly one, with everything subscribed and nothing the matter."""
        link = self.links[0] if len(self.links) == 1 else None
        return link if link is not None and link.session.ready and not link.turn_over.is_set() else None

    def stats(self) -> list[ConnectionStats]:
        """Its links now."""
        return [link.stats(self.shard, self.name) for link in self.links]

    # -- what it is told -----------------------------------------------------------------------------------------------

    def add(self, symbols: tuple[str, ...]) -> None:
        """Carry these as well."""
        for link in self.links:
            link.add(symbols)
        if self._dialling is not None:
            self._dialling.add(symbols, self._now())

    def remove(self, symbols: tuple[str, ...]) -> None:
        """Carry these no longer."""
        for link in self.links:
            link.remove(symbols)
        if self._dialling is not None:
            self._dialling.remove(symbols, self._now())

    def doubt(self, key: str) -> bool:
        """The venue has trades of this instrument that the newest link did not bring: try another connection, unless
        that was done lately."""
        now = self._now()
        for link in self.links:
            if link.session.mute:
                link.condemn("silence", MUTE)
        doubted = {one: at for one, at in self._doubted.items() if now - at < self._ground.policy.pardon}
        new = key not in doubted and bool(self.links) and not self._proving
        if new:
            doubted[key] = now
            self.links[-1].condemn("doubt")
        self._doubted = doubted
        return new

    @property
    def _proving(self) -> bool:
        """Whether a new link is at work to prove itself beside an old one."""
        old = self.links[0]
        return len(self.links) > 1 and old.turn_over.is_set() and old.turn_over_reason in ON_PROOF

    def stop(self) -> None:
        """End it, with its links."""
        if self.task is not None:
            self.task.cancel()

    # -- keeping -------------------------------------------------------------------------------------------------------

    async def keep(self) -> None:
        """On the air until cancelled: dial, hold, replace or dial again."""
        try:
            current = await self._open()
            while True:
                await first_of(current.ended, current.turn_over)
                if current.ended.is_set():
                    current = await self._open()
                elif current.turn_over_reason == "silence" and not self._silent_alone(current):
                    current.pardon()  # its twin is as silent: calm, or the venue; a third would bring no more
                else:
                    current = await self._replaced(current)
        finally:
            for link in self.links:
                link.close("stopped")
            for link in list(self.links):
                # Bounded: a task that is cancelled before its first step never says that it ended.
                await first_of(link.ended, patience=self._ground.dialler.timing.close_timeout + 1.0)

    def _silent_alone(self, link: Link) -> bool:
        """Whether nobody stands that is as silent; where its twin brings what it does not, its symbols are given up.
        Where nobody brings anything, that is for REST to judge."""
        newest = link.session.sight.newest
        standing = [other for other in self._ground.others(self) if other.session.ready and not other.session.lost]
        if any(other.session.sight.newest > newest for other in standing):
            link.condemn("silence", ALONE)
            return True
        if link.session.lost:
            return True  # by REST's word already
        self._ground.hushed(self.shard)
        return not standing

    async def _replaced(self, old: Link) -> Link:
        """The link after a replacement was tried: the new one, or the old one where that failed."""
        timing = self._ground.dialler.timing
        spare = await self._open()
        spare.brought = set()
        if not old.ended.is_set():
            await first_of(spare.ready, spare.ended, old.ended, patience=timing.replace_patience)
        if not spare.ready.is_set() and old.turn_over_reason not in {"dead", "shutdown"} and not old.ended.is_set():
            spare.close("unanswered", "its subscriptions are not answered; the old connection stays")
            return old
        while not old.ended.is_set() and not spare.ended.is_set() and old.turn_over_reason in ON_PROOF:
            proven = await self._proven(old, spare)
            if proven is None:
                continue
            if proven:
                break
            old.pardon()
            spare.close("unneeded", f"connection {old.number} is as good: it stays")
            return old
        if spare.ended.is_set() and not old.ended.is_set():
            return old  # the replacement failed and the old one still stands: try again
        if old.turn_over_reason not in {"silence", "doubt"}:  # of those nothing is on its way
            await self._overlap(old, spare)
        old.close(old.turn_over_reason, f"replaced ({old.turn_over_reason}) by connection {spare.number}")
        spare.brought = None
        return spare

    async def _proven(self, old: Link, spare: Link) -> bool | None:
        """Whether the spare is better than what it is to replace; None: look again, since something else came up."""
        timing, clock = self._ground.dialler.timing, self._ground.clock
        began, trades, reason = clock.monotonic(), old.session.trades, old.turn_over_reason
        spoke = None
        while True:
            if self._better(old, spare, reason):
                return True
            if old.session.mute and not old.session.lost and trades != old.session.trades:
                self._ground.hushed(self.shard)  # it spoke, so that nothing was proven, and fell silent once more
            if spare.session.lost:
                spare.close(spare.turn_over_reason, "it brings nothing either")
            now = clock.monotonic()
            if spoke is None and (reason != "silence" or old.session.trades > trades):
                spoke = now
            if spoke is not None and now - spoke > timing.replace_patience:
                return False
            if now - began > timing.calm_patience:
                return False
            await first_of(old.ended, spare.ended, patience=timing.look)
            if old.ended.is_set() or spare.ended.is_set() or old.turn_over_reason != reason:
                return None

    def _better(self, old: Link, spare: Link, reason: str) -> bool:
        if reason == "doubt":
            return bool(spare.brought and spare.brought & self._doubted.keys())
        newest, mine = spare.session.last, old.session.last
        if newest is None:
            return False
        ahead = self._ground.policy.lag // 2 if reason == "lag" else 0
        return mine is None or newest.ts_event > mine.ts_event + ahead

    async def _overlap(self, old: Link, spare: Link) -> None:
        """Both are read for a while: what was published before the new one was subscribed may still be on its way by
        the old one. Over when the old one has come as far as the new one was when it first brought something."""
        timing, clock = self._ground.dialler.timing, self._ground.clock
        began = clock.monotonic()
        goal = -1
        while not old.ended.is_set() and not spare.ended.is_set() and not old.session.lost:
            passed = clock.monotonic() - began
            goal = spare.session.sight.newest if goal < 0 else goal
            caught_up = old.session.sight.newest >= goal
            if passed >= timing.replace_patience or (passed >= timing.overlap and caught_up):
                return
            await first_of(old.ended, spare.ended, patience=min(timing.look, timing.overlap))

    async def _open(self) -> Link:
        """Dials until a connection is open and at work."""
        ground, dialler = self._ground, self._ground.dialler
        again = self._backoff.attempts > 0
        while True:
            number = await dialler.turn(self._backoff)
            twins = [link.number for link in ground.others(self)]
            spread = ground.rota.plan(number, self._now(), twins)
            session = Session(ground.venue, ground.symbols(self.shard), policy=ground.policy, spread=spread)
            base = dialler.bases[self._candidate % len(dialler.bases)]
            self._dialling = session
            try:
                wire = await dialler.dial(session, base)
            except DialError as error:
                again = True
                ground.rota.forget(number)
                wait = self._failed(number, base, error)
                if wait:
                    await asyncio.sleep(wait)
                continue
            finally:
                self._dialling = None
            link = Link(number, host_of(base), wire, session, clock=ground.clock, sink=ground.sink, notice=self._notice)
            dialler.opened(number, base, f"{self.shard}{self.name}", len(session.symbols), again)
            self._candidate, self._odd = self.index, 0
            self.links.append(link)
            ground.group().create_task(self._work(link), name=f"feed connection {number}")
            return link

    def _failed(self, number: int, base: str, error: DialError) -> float:
        """Tells about a failed attempt; returns how long to wait beyond the usual back-off."""
        ground = self._ground
        self.reconnects[error.fault] += 1
        self._candidate += 1
        ground.dialler.failed(number, base, self._backoff.attempts, error)
        if not ground.covered(self.shard):
            self._down(ground.symbols(self.shard), number, error.line())
        everywhere = (self._candidate - self.index) % len(ground.dialler.bases) == 0  # all were tried in this round
        if error.retry == "backoff" or not everywhere:
            return 0.0
        self._odd += error.retry == "seldom"
        if error.retry == "seldom" and self._odd <= len(_SOON_S):
            return ground.dialler.about(_SOON_S[self._odd - 1])
        return _NEVER_S

    async def _work(self, link: Link) -> None:
        """One link from its first frame to the books after its end."""
        session = link.session
        try:
            await link.run()
        finally:
            self.links.remove(link)
            self._ground.rota.forget(link.number)
            self.frames += session.frames
            self.bytes_in += link.wire.bytes_in
            self.bad.update(session.bad)
            if session.frames > session.bad.total() or self._ground.clock.now() - link.since > _SETTLED:
                self._backoff.good()
        reason = link.reason or "cut"
        self._down(session.symbols, link.number, link.detail)
        if reason != "stopped":
            self.reconnects[reason] += 1
            # Where its successor is at work already, this is the end of a replacement and nothing was missed.
            tell = self._ground.log.info if self._ground.covered(self.shard) else self._ground.log.warning
            tell("feed disconnected", connection=link.number, reason=reason, detail=link.detail)

    # -- what is told --------------------------------------------------------------------------------------------------

    def _notice(self, link: Link, notice: Notice, ts: int) -> None:
        log = self._ground.log
        match notice:
            case Up(symbols):
                keys = self._ground.keys(symbols)
                if keys:
                    self._ground.sink(FeedUp(keys, ts, link.number))
            case Liquidation():
                self._ground.liquidated(notice)
            case Lost(symbols, reason):
                if not link.told:
                    log.warning("feed does not come", connection=link.number, host=link.host, reason=reason)
                self._down(symbols, link.number, reason)
            case SubscribeRefused(symbols, code, message):
                log.warning(
                    "subscription refused", connection=link.number, symbols=len(symbols), code=code, message=message
                )
                self._down(symbols, link.number, f"the venue refused the subscription: {message}")
            case BadFrame(reason, symbol, id_, sample):
                log.warning(
                    "bad frame dropped", connection=link.number, reason=reason, symbol=symbol, id=id_, frame=sample
                )
            case Replace(reason):
                log.info("connection is being replaced", connection=link.number, reason=reason)

    def _down(self, symbols: Iterable[str], number: int, reason: str) -> None:
        keys = self._ground.keys(symbols)
        if keys:
            self._ground.sink(FeedDown(keys, self._ground.clock.now(), number, reason))

    def _now(self) -> int:
        return int(self._ground.clock.monotonic() * US_PER_S)


async def first_of(*events: asyncio.Event, patience: float | None = None) -> None:
    """Waits until one of the events is set, or for `patience` seconds."""
    if any(event.is_set() for event in events):
        return
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
