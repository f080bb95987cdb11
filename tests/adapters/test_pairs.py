"""Redundant pairs over real sockets: either may die, in any order, and nobody who reads the books notices."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest

from orderflow_stream.adapters.connections import AUTO_MOST, AUTO_SLACK, Connections
from orderflow_stream.core.book import Book
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import Event, GapFound, StateChanged, Update
from orderflow_stream.core.units import US_PER_S
from orderflow_stream.feed.session import Policy
from orderflow_stream.feed.twins import Limits
from orderflow_stream.simulator import Simulator
from tests.adapters.test_connections import DEAD, Feed, elsewhere, exchange, feeding, rows, spot

S: Final = US_PER_S
BRISK: Final = Policy(fast_silence=S // 4, busy_silence=S // 2, tick=S // 50)


class Books(Feed):
    """A feed with an engine behind it: what came of its events, and who is connected."""

    def __init__(self, url: str, **options: Any) -> None:
        self.engine = Engine(windows=(60 * S,))
        self.updates: list[Update] = []
        super().__init__(url, **options)

    def sink(self, event: Event) -> None:
        self.updates.extend(self.engine.apply(event) or ())
        super().sink(event)

    def book(self, symbol: str) -> Book:
        book = self.engine.book(f"binance:{symbol}")
        assert book is not None
        return book

    def states(self) -> list[str]:
        return [update.state for update in self.updates if isinstance(update, StateChanged)]

    def gaps(self) -> list[GapFound]:
        return [update for update in self.updates if isinstance(update, GapFound)]


@asynccontextmanager
async def pair(sim: Simulator, *symbols: str, **options: Any) -> AsyncIterator[Books]:
    books = Books(sim.stream_url, **({"redundancy": 2, "policy": BRISK} | options))
    for symbol in symbols:
        books.engine.add(spot(symbol)).warm = True
    books.connections.add(map(spot, symbols))
    task = asyncio.create_task(books.connections.run())
    try:
        await books.until(lambda: len(books.up()) == 2 * len(symbols))
        yield books
    finally:
        async with asyncio.timeout(10):
            await books.connections.aclose()
            await task


class Tape:
    """Trades of some symbols, published one after another, a few milliseconds apart."""

    def __init__(self, sim: Simulator, *symbols: str) -> None:
        self.sim = sim
        self.newest = dict.fromkeys(symbols, 0)
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            for symbol in self.newest:
                self.newest[symbol] += 1
                self.sim.publish(symbol, rows(self.newest[symbol]))
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def whole(books: Books, tape: Tape, *, patience: float = 10.0) -> None:
    """Every id published came, none was ever missing, and the state never left `live`."""
    await tape.stop()
    for symbol, newest in tape.newest.items():
        await books.until(lambda s=symbol, n=newest: books.book(s).sequence.newest == n, patience)  # type: ignore[misc]
        book = books.book(symbol)
        assert (book.sequence.first, book.sequence.open, book.sequence.lost) == (1, 0, 0)
    assert books.gaps() == []
    assert set(books.states()) <= {"live", "unverified", "warming"}
    assert [state for state in books.states()[len(tape.newest) :] if state != "live"] == []


async def flowing(books: Books, tape: Tape, more: int = 10) -> None:
    """Some more trades come."""
    symbol = next(iter(tape.newest))
    until = tape.newest[symbol] + more
    await books.until(lambda: (books.book(symbol).sequence.newest or 0) >= until)


async def test_first_copy_counts_and_the_second_is_counted() -> None:
    async with exchange("AUSDT", "BUSDT") as sim, pair(sim, "AUSDT", "BUSDT") as books:
        for symbol in ("AUSDT", "BUSDT"):
            sim.publish(symbol, rows(*range(1, 201)))
        await books.until(lambda: len(books.events) >= 2 + 2 * 2 * 200)
        for symbol in ("AUSDT", "BUSDT"):
            counters = books.book(symbol).counters
            assert (counters.received, counters.applied, counters.duplicate) == (400, 200, 200)
        stats = books.connections.stats()
        assert stats.redundancy == 2
        assert [(one.shard, one.place, one.state) for one in stats.connections] == [(0, "A", "open"), (0, "B", "open")]
        assert all(one.trades == 400 and one.lag is not None and 0 <= one.lag < 60 * S for one in stats.connections)


async def test_twenty_random_deaths_and_not_one_trade() -> None:
    """Resets, clean ends, notices of shutdown and silence, at either of the two, each after the last was made good."""
    rng = random.Random(1)
    symbols = ("AUSDT", "BUSDT", "CUSDT")
    async with exchange(*symbols) as sim, pair(sim, *symbols) as books:
        tape = Tape(sim, *symbols)
        for _ in range(20):
            await flowing(books, tape, rng.randrange(1, 8))
            await books.until(lambda: len(books.up()) == 6 and len(books.connections.stats().connections) == 2)
            victim = rng.choice(sim.open_connections).index
            died = len(books.downs())
            match rng.randrange(4):
                case 0:
                    sim.faults.cut(victim)
                case 1:
                    sim.faults.cut(victim, code=1001)
                case 2:
                    sim.faults.shutdown(delay=0.05, connection=victim)
                case _:
                    sim.faults.silence(connection=victim)
            await books.until(lambda n=died: len(books.downs()) > n)  # type: ignore[misc]
        await flowing(books, tape)
        await whole(books, tape)
        stats = books.connections.stats()
        assert sum(stats.reconnects.values()) >= 20
        assert books.book("AUSDT").counters.duplicate > 0
        assert stats.by_place.keys() == {"0A", "0B"}


async def test_while_one_stands_nothing_is_doubted() -> None:
    """The one is refused for as long as it likes; the other carries everything."""
    async with exchange("AUSDT") as sim, pair(sim, "AUSDT") as books:
        tape = Tape(sim, "AUSDT")
        await flowing(books, tape)
        sim.faults.refuse()
        sim.faults.cut(0)
        await books.until(lambda: books.connections.stats().reconnects.get("http", 0) > 3)
        await flowing(books, tape)
        assert books.up() == {(2, "binance:AUSDT")}
        sim.faults.clear()
        await books.until(lambda: len(books.up()) == 2)
        await whole(books, tape)


async def test_both_gone_is_told_and_the_feed_is_back() -> None:
    async with exchange("AUSDT") as sim, pair(sim, "AUSDT") as books:
        sim.publish("AUSDT", rows(1))
        await books.until(lambda: books.book("AUSDT").counters.duplicate == 1)
        sim.faults.cut()
        await books.until(lambda: books.states()[-1:] == ["stale"])
        await books.until(lambda: len(books.up()) == 2)
        assert books.states()[-1] == "unverified"


async def test_one_that_falls_silent_is_replaced_because_the_other_speaks() -> None:
    """No question to anybody; found by the other's trades within a second and a half."""
    loop = asyncio.get_running_loop()
    async with exchange("AUSDT") as sim, pair(sim, "AUSDT", policy=Policy()) as books:
        tape = Tape(sim, "AUSDT")
        await flowing(books, tape, 100)
        sim.faults.silence(connection=1)
        since = loop.time()
        await books.until(books.downs)
        assert loop.time() - since <= 1.6
        down = books.downs()[0]
        assert (down.connection, down.reason) == (2, "silent while the second connection brings trades")
        await books.until(lambda: books.connections.stats().reconnects == {"silence": 1})
        assert len(books.up()) == 2
        await whole(books, tape)


async def test_both_silent_is_calm_or_the_venue_and_nothing_flaps() -> None:
    async with exchange("AUSDT") as sim, pair(sim, "AUSDT", policy=BRISK) as books:
        tape = Tape(sim, "AUSDT")
        rhythms = [link.session._rhythm for place in books.connections._places() for link in place.links]
        await books.until(lambda: all(rhythm.busy for rhythm in rhythms), 30)
        await tape.stop()
        attempts = sim.attempts
        await shown(lambda: all(not rhythm.busy for rhythm in rhythms))  # found silent, and pardoned
        assert sim.attempts == attempts
        assert books.connections.stats().reconnects == {}


async def test_both_silent_is_asked_about_at_once_and_believed() -> None:
    """Once for the pair; where the venue has newer trades both are known not to come, and others are opened."""
    asked: list[tuple[str, ...]] = []
    async with exchange("AUSDT", "BUSDT") as sim, pair(sim, "AUSDT", "BUSDT", hushed=asked.append) as books:
        tape = Tape(sim, "AUSDT")
        links = [link for place in books.connections._places() for link in place.links]
        await books.until(lambda: all(link.session._rhythm.busy for link in links), 30)
        for connection in sim.open_connections:
            sim.faults.silence(connection=connection.index)
        await shown(lambda: bool(asked))
        await shown(lambda: all(link.session.mute for link in links))
        assert asked == [("binance:AUSDT", "binance:BUSDT")]
        assert books.downs() == []
        books.connections.doubt("AUSDT")
        downs = books.downs()
        assert {down.connection for down in downs} == {1, 2}
        assert {down.reason for down in downs} == {"silent while REST has newer trades"}
        assert {down.instruments for down in downs} == {("binance:AUSDT", "binance:BUSDT")}
        assert books.states()[-2:] == ["stale", "stale"]
        await books.until(lambda: {number for number, _ in books.up()} == {3, 4})
        await books.until(lambda: books.connections.stats().reconnects == {"doubt": 2})
        await tape.stop()


async def test_one_that_rest_has_proven_silent_is_replaced_though_another_stands() -> None:
    """Of the other nothing is known yet: it is no witness that all is calm."""
    async with exchange("AUSDT") as sim, pair(sim, "AUSDT") as books:
        tape = Tape(sim, "AUSDT")
        links = [link for place in books.connections._places() for link in place.links]
        await books.until(lambda: links[0].session._rhythm.busy, 30)
        await tape.stop()
        for connection in sim.open_connections:
            sim.faults.silence(connection=connection.index)
        links[1].session.pardon(int(asyncio.get_running_loop().time() * S))
        await shown(lambda: links[0].session.mute and not links[0].turn_over.is_set())
        for place in books.connections._places():
            place._doubted["binance:AUSDT"] = place._now()  # tried a moment ago
        books.connections.doubt("AUSDT")
        assert {down.connection for down in books.downs()} == {1}
        await books.until(lambda: {number for number, _ in books.up()} >= {3})


async def test_a_subscription_that_is_dead_on_one_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody misses the symbol while the other brings it; found all the same, and one that merely does not trade is not
    accused."""
    for name, value in {"MARGIN": S // 5, "MIDDLE": S // 2, "EVERY": S}.items():
        monkeypatch.setattr(f"orderflow_stream.feed.audit.{name}", value)
    async with exchange("AUSDT", "BUSDT", "CUSDT") as sim, pair(sim, "AUSDT", "BUSDT", "CUSDT") as books:
        sim.faults.silence("BUSDT", connection=1)
        tape = Tape(sim, "AUSDT", "BUSDT")
        await books.until(lambda: books.connections.stats().reconnects == {"doubt": 1})
        found = [fields for event, fields in books.log.lines if event == "only one of two connections brings it"]
        assert found == [{"instrument": "binance:BUSDT", "without": 2}]
        assert {down.connection for down in books.downs()} == {2}
        await flowing(books, tape, 300)
        assert books.connections.stats().reconnects == {"doubt": 1}
        assert books.gaps() == []
        await tape.stop()


async def shown(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - nobody is told that nothing happened
            await asyncio.sleep(0.01)


async def test_one_that_stays_behind_is_replaced() -> None:
    limits = Limits(behind=S // 2, behind_for=S // 2, silence=30 * S)
    async with exchange("AUSDT") as sim, pair(sim, "AUSDT", policy=Policy(lag=S), pairs=limits) as books:
        tape = Tape(sim, "AUSDT")
        await flowing(books, tape, 50)
        sim.faults.drip(connection=0, chunk=400, interval=0.02)  # fewer a second than there are: it falls ever behind
        await books.until(lambda: "lag" in books.connections.stats().reconnects, 30)
        assert {down.connection for down in books.downs()} == {1}
        await whole(books, tape)


# -- where to, and how many ----------------------------------------------------------------------------------------


async def test_the_two_go_to_different_endpoints_and_home_again() -> None:
    async with exchange("AUSDT") as one, exchange("AUSDT") as two:
        venue = elsewhere(one.stream_url, two.stream_url)
        async with feeding(one.stream_url, "AUSDT", venue=venue, redundancy=2) as feed:
            await feed.until(lambda: len(feed.up()) == 2)
            assert (len(one.open_connections), len(two.open_connections)) == (1, 1)
            two.faults.refuse(count=1)
            two.faults.cut()
            await feed.until(lambda: len(feed.up()) == 2 and len(feed.downs()) == 1)
            assert (len(one.open_connections), len(two.open_connections)) == (2, 0)
            one.faults.cut(-1)
            await feed.until(lambda: len(two.open_connections) == 1 and len(feed.up()) == 2)


async def test_fallbacks_only_where_they_are_allowed() -> None:
    async with exchange("AUSDT") as sim:
        venue = elsewhere(DEAD, sim.stream_url)
        async with feeding(DEAD, "AUSDT", venue=venue, redundancy=2, fallbacks=False) as feed:
            await feed.until(lambda: len(feed.downs()) > 6)
            assert sim.attempts == 0


def number_of(books: Feed) -> int:
    return len({(one.shard, one.place) for one in books.connections.stats().connections})


async def test_changed_while_it_runs() -> None:
    async with exchange("AUSDT", "BUSDT") as sim, pair(sim, "AUSDT", "BUSDT", redundancy=2) as books:
        tape = Tape(sim, "AUSDT", "BUSDT")
        await flowing(books, tape)
        books.connections.set_redundancy(1)
        assert books.connections.redundancy == 1
        await sim.hub.until(lambda: len(sim.open_connections) == 1)
        await flowing(books, tape)
        books.connections.set_redundancy(2)
        await books.until(lambda: len(books.up()) == 4)
        sim.faults.cut(sim.open_connections[0].index)
        await flowing(books, tape)
        await whole(books, tape)
        assert books.log.events().count("two connections for every symbol") == 1
        assert books.log.events().count("one connection for every symbol") == 1
        assert books.connections.stats().reconnects == {"cut": 1}


async def test_the_better_one_stays() -> None:
    async with exchange("AUSDT") as sim, pair(sim, "AUSDT") as books:
        sim.faults.refuse()
        sim.faults.cut(0)
        await books.until(books.downs)
        books.connections.set_redundancy(1)
        sim.publish("AUSDT", rows(1))
        await books.until(lambda: books.trades("AUSDT") == [1])
        assert books.up() == {(2, "binance:AUSDT")}


def test_auto_is_a_pair_up_to_a_hundred_symbols_with_some_slack() -> None:
    feed = Feed("ws://127.0.0.1:9", redundancy="auto")
    connections: Connections = feed.connections
    names = [f"S{n}USDT" for n in range(300)]
    connections.add(map(spot, names[:AUTO_MOST]))
    assert connections.redundancy == 2
    connections.add(map(spot, names[: AUTO_MOST + AUTO_SLACK]))
    assert connections.redundancy == 2
    connections.add(map(spot, names[: AUTO_MOST + AUTO_SLACK + 1]))
    assert connections.redundancy == 1
    connections.remove(names[AUTO_MOST + 1 :])
    assert connections.redundancy == 1
    connections.remove(names[AUTO_MOST:])
    assert connections.redundancy == 2
    connections.set_redundancy(1)
    assert connections.redundancy == 1
    connections.remove(names)
    connections.set_redundancy("auto")
    connections.add(map(spot, names))
    assert connections.redundancy == 1


# -- the venue's limit ---------------------------------------------------------------------------------------------


async def test_never_more_than_four_frames_a_second_as_the_server_counts_them() -> None:
    """Many symbols to subscribe, silence to ask about, pings to answer: the simulator would close with 1008 at six."""
    symbols = [f"SYM{n}USDT" for n in range(700)]
    policy = Policy(ask_after=S // 10)
    async with (
        exchange(*symbols, frames_per_second=4, ping_interval=1.2) as sim,
        feeding(sim.stream_url, *symbols, streams_per_connection=1_000, policy=policy) as feed,
    ):
        await feed.until(lambda: len(feed.up()) == 700, 20)
        while sim.connections[0].frames_in < 14:  # noqa: ASYNC110 - the simulator tells nobody of a ping
            await asyncio.sleep(0.05)
        assert feed.downs() == []
        assert len(sim.connections) == 1
        assert sim.connections[0].pongs >= 2
