"""All connections to one venue: which symbol rides where, on one connection or on a redundant pair of them.

Of a pair both carry the same symbols, to different endpoints where the venue has several; the first copy of a trade
counts and the second dies in the order of ids. Either may go without a gap, and each is judged by what the other
brings.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Literal

import structlog
from msgspec import Struct

from orderflow_stream.adapters.dialler import Dialler, Log, Timing
from orderflow_stream.adapters.link import ConnectionStats, Link
from orderflow_stream.adapters.minded import Vanished, minded
from orderflow_stream.adapters.place import ALONE, Ground, Place
from orderflow_stream.adapters.resolve import Resolver
from orderflow_stream.adapters.silent_path import Moves, Seen, SilentPath
from orderflow_stream.core.events import Event, Instrument, Liquidation
from orderflow_stream.core.units import US_PER_S
from orderflow_stream.feed.audit import Audit
from orderflow_stream.feed.orders import Policy
from orderflow_stream.feed.protocols import Clock, StreamVenue
from orderflow_stream.feed.rota import Rota
from orderflow_stream.feed.shards import Shards
from orderflow_stream.feed.twins import Limits, Twins

__all__ = ["AUTO_MOST", "AUTO_SLACK", "Connections", "FeedStats", "Redundancy", "Timing"]

Redundancy = Literal["auto", 1, 2]

#: Least time (µs) between two questions about a shard that fell silent as a whole.
_ASK_AGAIN: Final = 5 * US_PER_S

#: `auto` is a pair up to so many symbols; it is given up only beyond the slack, so that one symbol read on demand does
#: not tear a second connection down and up.
AUTO_MOST: Final = 100
AUTO_SLACK: Final = 20


class FeedStats(Struct, frozen=True):
    """All connections: those that are, and totals over those that were as well. `reconnects` counts ends of connections
    and failed attempts by reason, a closed set: the words of `DialFault`, `ReplaceReason`, and closed, cut, unanswered,
    unneeded; `by_place` the same for each place of each shard (`0A`)."""

    connections: tuple[ConnectionStats, ...]
    redundancy: int
    frames: int
    bytes_in: int
    bad: dict[str, int]
    reconnects: dict[str, int]
    by_place: dict[str, dict[str, int]]
    dialled: int


class _Shard:
    """The symbols of one connection, or of a pair."""

    def __init__(self, number: int, limits: Limits | None) -> None:
        self.number = number
        self.places: list[Place] = []
        self.twins = Twins(limits)
        self.audit = Audit()
        self.ask_from = 0


class Connections:
    """Keeps the streams of a changing set of instruments flowing into `sink`.

    Every trade, and `FeedUp` / `FeedDown` per connection, go to `sink` synchronously, on the loop, in order. An
    exception of `sink` ends `run`. `hushed` gets the instruments of a shard of which nothing comes any more though it
    should; what the venue says to that is told by `doubt`. `moves` asks REST whether one of those instruments (most
    active first) has traded since a venue time (µs): where it has, and a subscribed connection has never brought
    anything, that is said (`SilentPath`). Public fallbacks are dialled only where `fallbacks` is set and `url` is the
    venue's default. `liquidated` gets the liquidations of a venue whose frames are that.
    """

    def __init__(
        self,
        venue: StreamVenue,
        url: str,
        clock: Clock,
        sink: Callable[[Event], None],
        *,
        streams_per_connection: int = 200,
        redundancy: Redundancy = 1,
        fallbacks: bool = True,
        policy: Policy | None = None,
        pairs: Limits | None = None,
        timing: Timing | None = None,
        log: Log | None = None,
        chance: Callable[[], float] = random.random,
        tls: ssl.SSLContext | None = None,
        resolver: Resolver | None = None,
        hushed: Callable[[tuple[str, ...]], None] = lambda keys: None,
        moves: Moves | None = None,
        liquidated: Callable[[Liquidation], None] = lambda liquidation: None,
    ) -> None:
        if not 1 <= streams_per_connection <= venue.max_streams:
            raise ValueError(
                f"streams_per_connection: {streams_per_connection} is not 1 to {venue.max_streams}, the venue's limit"
            )
        self._venue = venue
        self._clock = clock
        self._timing = timing or Timing()
        self._tell_hushed = hushed
        self._log: Log = log or structlog.get_logger(__name__)
        self._redundancy: Redundancy = redundancy
        self._paired = False
        self._pairs = pairs
        self._plan = Shards(streams_per_connection)
        self._keys: dict[str, str] = {}
        self._shards: dict[int, _Shard] = {}
        self._retired: list[Place] = []  # no longer wanted, and not yet gone
        self._group: asyncio.TaskGroup | None = None
        self._stopping = asyncio.Event()
        self._stopped = asyncio.Event()
        self._gone = _Totals()
        policy = policy or Policy()
        self._dialler = Dialler(
            venue, url, clock, self._log, timing=self._timing, fallbacks=fallbacks, tls=tls, chance=chance,
            resolver=resolver,
        )  # fmt: skip
        self._ground = Ground(
            venue=venue,
            clock=clock,
            sink=sink,
            log=self._log,
            policy=policy,
            dialler=self._dialler,
            rota=Rota(policy.max_age, policy.age_spread, chance),
            keys=self._known,
            symbols=self._plan.symbols,
            covered=self._covered,
            others=self._others,
            hushed=self._hushed,
            group=self._tasks,
            liquidated=liquidated,
        )
        self._path = SilentPath(venue, url, clock, self._log, moves) if moves is not None else None

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
                self._shards[number] = _Shard(number, self._pairs)
                continue  # its places begin with all symbols of the plan
            for place in shard.places:
                place.add(symbols)
        self._fit()

    def remove(self, symbols: Iterable[str]) -> None:
        """Stream these no longer; unknown ones are ignored. No `FeedDown` is emitted for them."""
        gone = [symbol for symbol in symbols if symbol in self._keys]
        for number, names in self._plan.remove(gone).items():
            shard = self._shards[number]
            for place in shard.places:
                place.remove(names)
            if not self._plan.symbols(number):
                del self._shards[number]
                for place in shard.places:
                    self._retire(place)
        self._venue.unwatch(gone)
        for symbol in gone:
            del self._keys[symbol]
        self._fit()

    @property
    def redundancy(self) -> int:
        """Connections per shard now: 1 or 2."""
        return 2 if self._paired else 1

    def set_redundancy(self, redundancy: Redundancy) -> None:
        """From now on; second connections are opened beside the first ones, or closed."""
        self._redundancy = redundancy
        self._fit()

    def doubt(self, symbol: str) -> None:
        """The venue has trades of this symbol that no connection brought: open another one beside each that carries it.
        The old one goes only if the new one brings the symbol; a symbol is tried once in ten minutes."""
        number = self._plan.shard(symbol)
        if number is not None and not (self._path is not None and self._path.silent(number)):
            for place in self._shards[number].places:
                place.doubt(self._keys[symbol])

    async def run(self) -> None:
        """Until `aclose`, or cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                self._employ()
                watch = group.create_task(self._watch(), name="feed pairs")
                await minded(watch, until=self._stopping)
                watch.cancel()
                for place in self._places():
                    place.stop()
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
        places = [*self._places(), *self._retired]
        now = [one for place in places for one in place.stats()]
        bad, reconnects = self._gone.bad.copy(), self._gone.reconnects.copy()
        for place in places:
            bad.update(place.bad)
            reconnects.update(place.reconnects)
        for one in now:
            bad.update(one.bad)
        return FeedStats(
            connections=tuple(sorted(now, key=lambda one: one.number)),
            redundancy=self.redundancy,
            frames=self._gone.frames + sum(place.frames for place in places) + sum(one.frames for one in now),
            bytes_in=self._gone.bytes_in + sum(place.bytes_in for place in places) + sum(one.bytes_in for one in now),
            bad=dict(bad),
            reconnects=dict(reconnects),
            by_place={f"{place.shard}{place.name}": dict(place.reconnects) for place in self._places()},
            dialled=self._dialler.dialled,
        )

    # -- places ------------------------------------------------------------------------------------------------------

    def _fit(self) -> None:
        """As many places as there should be, the first of every shard before the second of any."""
        paired = self._wants_pair()
        if paired != self._paired and self._shards and self._group is not None:
            self._log.info(
                "two connections for every symbol" if paired else "one connection for every symbol",
                symbols=len(self._keys),
                redundancy=self._redundancy,
            )
        self._paired = paired
        for index in range(self.redundancy):
            for shard in self._shards.values():
                if len(shard.places) <= index:
                    free = {place.index for place in shard.places}
                    shard.places.append(Place(self._ground, shard.number, min({0, 1} - free)))
        for shard in self._shards.values():
            if len(shard.places) > self.redundancy:
                shard.places.sort(key=lambda place: place.steady is None)  # the better one stays
                self._retire(shard.places.pop())
                shard.audit.stop()
        self._employ()

    def _wants_pair(self) -> bool:
        if self._redundancy != "auto":
            return self._redundancy == 2
        return len(self._keys) <= AUTO_MOST + (AUTO_SLACK if self._paired else 0)

    def _employ(self) -> None:
        if self._group is None or self._stopping.is_set():
            return
        for place in sorted(self._places(), key=lambda place: place.index):
            if place.task is None:
                place.task = self._group.create_task(place.keep(), name=f"feed shard {place.shard}{place.name}")

    def _retire(self, place: Place) -> None:
        place.stop()
        if place.task is None:
            return
        self._retired.append(place)

        def gone(_: object) -> None:
            self._retired.remove(place)
            self._gone.take(place)

        place.task.add_done_callback(gone)

    def _places(self) -> list[Place]:
        return [place for shard in self._shards.values() for place in shard.places]

    # -- pairs -------------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Looks at every pair, for as long as there are any."""
        while True:
            await asyncio.sleep(self._timing.look)
            for place in self._places():
                if place.task is not None and place.task.cancelled():
                    raise Vanished(place.task)
            now = int(self._clock.monotonic() * US_PER_S)
            if self._paired:
                self._compare(now)
            if self._path is not None:
                self._path.look(now, self._seen(), self._tasks)

    def _seen(self) -> Iterator[Seen]:
        for number, shard in self._shards.items():
            yield Seen(number, [link for place in shard.places for link in place.links], self._keys_of)

    def _keys_of(self, number: int) -> tuple[str, ...]:
        return self._known(self._plan.symbols(number))

    def _compare(self, now: int) -> None:
        for shard in self._shards.values():
            links = [link for place in shard.places if (link := place.steady) is not None]
            if len(links) < 2 or links[0].session.up.keys() != links[1].session.up.keys():
                shard.twins.reset()
                shard.audit.stop()
                continue
            for which, key in shard.audit.look(now, links[0], links[1]):
                number, place = links[which].number, next(one for one in shard.places if links[which] in one.links)
                if place.doubt(key):
                    self._log.warning("only one of two connections brings it", instrument=key, without=number)
            found = shard.twins.look(now, *(link.session.sight for link in links))
            if found is not None:
                which, fault = found
                links[which].condemn(fault, ALONE if fault == "silence" else "")

    def _others(self, place: Place) -> list[Link]:
        """The links of the other place of its shard."""
        shard = self._shards.get(place.shard)
        places = shard.places if shard is not None else []
        return [link for other in places if other is not place for link in other.links]

    # -- what places ask ---------------------------------------------------------------------------------------------

    def _covered(self, number: int) -> bool:
        shard = self._shards.get(number)
        return shard is not None and any(place.links for place in shard.places)

    def _hushed(self, number: int) -> None:
        shard, now = self._shards.get(number), int(self._clock.monotonic() * US_PER_S)
        if shard is not None and now >= shard.ask_from:
            shard.ask_from = now + _ASK_AGAIN
            self._tell_hushed(self._keys_of(number))

    def _known(self, symbols: Iterable[str]) -> tuple[str, ...]:
        return tuple(self._keys[symbol] for symbol in symbols if symbol in self._keys)

    def _tasks(self) -> asyncio.TaskGroup:
        assert self._group is not None  # places are at work only while `run` is
        return self._group


class _Totals:
    """What places counted that are gone."""

    def __init__(self) -> None:
        self.frames = 0
        self.bytes_in = 0
        self.bad: Counter[str] = Counter()
        self.reconnects: Counter[str] = Counter()

    def take(self, place: Place) -> None:
        self.frames += place.frames
        self.bytes_in += place.bytes_in
        self.bad.update(place.bad)
        self.reconnects.update(place.reconnects)
