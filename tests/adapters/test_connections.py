"""All connections to a venue, over real sockets to the simulator: flow, loss, replacement, and orderly ends."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from orderflow_stream.adapters.connections import Connections, Timing
from orderflow_stream.core.events import Event, FeedDown, FeedUp, Instrument, Trade
from orderflow_stream.core.units import US_PER_S
from orderflow_stream.feed.session import Policy
from orderflow_stream.simulator import Listing, Simulator
from orderflow_stream.simulator.ws import StreamLimits
from orderflow_stream.venues.binance import BinanceSpot
from orderflow_stream.venues.binance_archive import ArchiveRow

S: Final = US_PER_S
QUICK: Final = Timing(
    open_timeout=2.0,
    close_timeout=0.2,
    retry_base=0.01,
    retry_cap=0.05,
    dial_interval=0.0,
    replace_patience=2.0,
    overlap=0.02,
    look=0.02,
)


class RealClock:
    def now(self) -> int:
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        return time.monotonic()


class ListLog:
    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, object]]] = []
        self.warnings: list[str] = []

    def info(self, event: str, **fields: object) -> None:
        self.lines.append((event, fields))

    def warning(self, event: str, **fields: object) -> None:
        self.lines.append((event, fields))
        self.warnings.append(event)

    def events(self) -> list[str]:
        return [event for event, _ in self.lines]


def spot(symbol: str) -> Instrument:
    return Instrument("binance", symbol, symbol[:-4], "USDT")


class Feed:
    """Connections under test and everything they told."""

    def __init__(self, url: str, **given: Any) -> None:
        self.events: list[Event] = []
        self.log = ListLog()
        self._news = asyncio.Event()
        options: dict[str, Any] = {"timing": QUICK, "venue": BinanceSpot(), "sink": self.sink} | given
        self.connections = Connections(
            options.pop("venue"), url, RealClock(), options.pop("sink"), log=self.log, **options
        )

    def sink(self, event: Event) -> None:
        self.events.append(event)
        self._news.set()

    async def until(self, condition: Callable[[], object], seconds: float = 10.0) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                self._news.clear()
                await self._news.wait()

    def trades(self, symbol: str) -> list[int]:
        return [
            event.id for event in self.events if isinstance(event, Trade) and event.instrument == f"binance:{symbol}"
        ]

    def ups(self) -> list[FeedUp]:
        return [event for event in self.events if isinstance(event, FeedUp)]

    def downs(self) -> list[FeedDown]:
        return [event for event in self.events if isinstance(event, FeedDown)]

    def up(self) -> set[tuple[int, str]]:
        """(connection, symbol) that are subscribed, going by the events alone."""
        now: set[tuple[int, str]] = set()
        for event in self.events:
            if isinstance(event, FeedUp):
                now |= {(event.connection, key) for key in event.instruments}
            elif isinstance(event, FeedDown):
                now -= {(event.connection, key) for key in event.instruments}
        return now


@asynccontextmanager
async def feeding(url: str, *symbols: str, **options: Any) -> AsyncIterator[Feed]:
    feed = Feed(url, **options)
    feed.connections.add(map(spot, symbols))
    task = asyncio.create_task(feed.connections.run())
    try:
        yield feed
    finally:
        async with asyncio.timeout(10):
            await feed.connections.aclose()
            await task


@asynccontextmanager
async def exchange(*symbols: str, **options: Any) -> AsyncIterator[Simulator]:
    listings = [Listing(symbol, symbol[:-4], "USDT") for symbol in symbols]
    async with Simulator(listings=listings, limits=StreamLimits(**options)) as simulator:
        yield simulator


def rows(*ids: int) -> list[ArchiveRow]:
    now = time.time_ns() // 1000
    return [ArchiveRow(id_, "1.50000000", "2.00000000", id_, id_, now, "us", True) for id_ in ids]


# -- flow ------------------------------------------------------------------------------------------------------------


async def test_trades_flow_from_several_connections() -> None:
    symbols = [f"S{n}USDT" for n in range(5)] + ["币安人生USDT"]
    async with exchange(*symbols) as sim, feeding(sim.stream_url, *symbols, streams_per_connection=4) as feed:
        await feed.until(lambda: len(feed.up()) == 6)
        for symbol in symbols:
            sim.publish(symbol, rows(*range(1, 101)))
        await feed.until(lambda: all(len(feed.trades(symbol)) == 100 for symbol in symbols))
        assert all(feed.trades(symbol) == list(range(1, 101)) for symbol in symbols)
        first = next(event for event in feed.events if isinstance(event, Trade))
        assert (first.price, first.qty, first.side) == (150_000_000, 200_000_000, -1)
        assert abs(first.ts_recv - time.time_ns() // 1000) < 60 * S
        stats = feed.connections.stats()
        assert [(one.number, one.symbols, one.subscribed, one.state) for one in stats.connections] == [
            (1, 3, 3, "open"),
            (2, 3, 3, "open"),
        ]
        assert stats.frames == 600
        assert stats.bytes_in > 600 * 150
        assert (stats.bad, stats.reconnects, stats.dialled) == ({}, {}, 2)
        assert all(one.last_frame >= one.since > 0 for one in stats.connections)
        assert all(connection.divisor == 1 for connection in sim.connections)  # microseconds were asked for
    assert feed.up() == set()
    assert {down.reason for down in feed.downs()} == {"stopped"}


async def test_more_symbols_than_a_url_takes_are_subscribed_in_batches() -> None:
    symbols = [f"SYM{n}USDT" for n in range(150)]
    async with exchange(*symbols) as sim, feeding(sim.stream_url, *symbols) as feed:
        await feed.until(lambda: len(feed.up()) == 150)
        (connection,) = sim.connections
        (request,) = connection.requests
        assert len(request["params"]) == 51
        assert [len(up.instruments) for up in feed.ups()] == [99, 51]
        assert len(connection.streams) == 150


async def test_symbols_come_and_go_while_it_runs() -> None:
    async with (
        exchange("AUSDT", "BUSDT", "CUSDT", "DUSDT", "EUSDT") as sim,
        feeding(sim.stream_url, "AUSDT", "BUSDT", streams_per_connection=3) as feed,
    ):
        await feed.until(lambda: len(feed.up()) == 2)
        feed.connections.add([spot("CUSDT"), spot("AUSDT")])  # there is room
        await feed.until(lambda: len(feed.up()) == 3)
        feed.connections.add([spot("DUSDT"), spot("EUSDT")])  # there is none
        await feed.until(lambda: len(feed.up()) == 5)
        assert [len(connection.streams) for connection in sim.open_connections] == [3, 2]
        for symbol in ("AUSDT", "CUSDT", "DUSDT"):
            sim.publish(symbol, rows(1))
        await feed.until(lambda: feed.trades("AUSDT") == feed.trades("CUSDT") == feed.trades("DUSDT") == [1])
        feed.connections.remove(["DUSDT", "EUSDT", "AUSDT", "UNKNOWN"])
        await sim.hub.until(lambda: len(sim.open_connections) == 1)
        await sim.hub.until(lambda: "ausdt@aggTrade" not in sim.open_connections[0].streams)
        sim.publish("AUSDT", rows(2))
        sim.publish("BUSDT", rows(2))
        await feed.until(lambda: feed.trades("BUSDT") == [2])
        assert feed.trades("AUSDT") == [1]
        feed.connections.add([spot("AUSDT")])
        await sim.subscribed("AUSDT", connections=1)
        sim.publish("AUSDT", rows(3))
        await feed.until(lambda: feed.trades("AUSDT") == [1, 3])


async def test_nothing_to_stream_is_no_error() -> None:
    async with exchange("AUSDT") as sim, feeding(sim.stream_url) as feed:
        await asyncio.sleep(0)
        assert sim.connections == []
        feed.connections.add([spot("AUSDT")])
        await feed.until(lambda: len(feed.up()) == 1)
        feed.connections.remove(["AUSDT"])
        await sim.hub.until(lambda: not sim.open_connections)
        feed.connections.add([spot("AUSDT")])
        await sim.subscribed("AUSDT", connections=1)


# -- loss ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code, reason", [(None, "cut"), (1001, "closed"), (1008, "closed")])
async def test_a_lost_connection_is_dialled_again_and_everything_resubscribed(code: int | None, reason: str) -> None:
    symbols = [f"SYM{n}USDT" for n in range(120)]
    async with exchange(*symbols) as sim, feeding(sim.stream_url, *symbols) as feed:
        await feed.until(lambda: len(feed.up()) == 120)
        sim.publish("SYM0USDT", rows(1))
        await feed.until(lambda: feed.trades("SYM0USDT") == [1])
        sim.faults.cut(code=code)
        await feed.until(lambda: len({key for number, key in feed.up() if number == 2}) == 120)
        assert {number for number, _ in feed.up()} == {2}
        sim.publish("SYM119USDT", rows(7))
        await feed.until(lambda: feed.trades("SYM119USDT") == [7])
        (down,) = feed.downs()
        assert (down.connection, len(down.instruments)) == (1, 120)
        assert "connection was closed" in down.reason
        assert feed.connections.stats().reconnects == {reason: 1}
        assert feed.connections.stats().frames >= 2
        assert feed.log.events() == ["feed connected", "feed disconnected", "feed reconnected"]
        assert feed.log.warnings == ["feed disconnected"]


async def test_cut_again_and_again_there_is_never_more_than_one() -> None:
    async with exchange("AUSDT") as sim, feeding(sim.stream_url, "AUSDT") as feed:
        for round_ in range(1, 11):
            await feed.until(lambda r=round_: len(feed.ups()) == r)  # type: ignore[misc]
            assert len(sim.open_connections) == 1
            sim.faults.cut()
        await feed.until(lambda: len(feed.ups()) == 11)
        assert sim.attempts == 11
        assert feed.connections.stats().reconnects == {"cut": 10}


async def test_refused_handshakes_are_told_and_retried() -> None:
    async with exchange("AUSDT") as sim:
        sim.faults.refuse(count=3, status=503)
        async with feeding(sim.stream_url, "AUSDT") as feed:
            await feed.until(feed.ups)
            assert feed.connections.stats().reconnects == {"http": 3}
            assert [down.connection for down in feed.downs()] == [1, 2, 3]
            assert all("answers 503" in down.reason for down in feed.downs())
            assert feed.log.events() == ["feed cannot connect"] * 3 + ["feed reconnected"]
            assert [fields["attempt"] for event, fields in feed.log.lines if event == "feed cannot connect"] == [
                1,
                2,
                3,
            ]


async def test_told_to_wait_it_waits() -> None:
    refused: list[float] = []
    loop = asyncio.get_running_loop()

    def answer(peer: ServerConnection, request: Request) -> Response | None:
        if refused:
            return None
        refused.append(loop.time())
        response = peer.respond(429, "slow down")
        response.headers["Retry-After"] = "1"
        return response

    async def handler(peer: ServerConnection) -> None:
        await peer.wait_closed()

    async with serve(handler, "127.0.0.1", 0, process_request=answer) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with feeding(f"ws://127.0.0.1:{port}", "AUSDT") as feed:
            await feed.until(feed.ups)
            assert loop.time() - refused[0] >= 1.0
            assert feed.connections.stats().reconnects == {"rate_limited": 1}


async def test_an_unanswered_subscription_ends_the_connection() -> None:
    asked: list[list[str]] = []

    async def handler(peer: ServerConnection) -> None:
        asked.extend([json.loads(message)["params"] async for message in peer])

    symbols = [f"SYM{n}USDT" for n in range(100)]
    policy = Policy(ack_timeout=S // 10, tick=S // 50)
    async with serve(handler, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with feeding(f"ws://127.0.0.1:{port}", *symbols, policy=policy) as feed:
            await feed.until(lambda: len(feed.ups()) == 2)
            assert feed.connections.stats().reconnects == {"unanswered": 1}
            assert len(asked) == 2
            assert asked[0] == asked[1] == ["sym99usdt@aggTrade"]


# -- make before break -------------------------------------------------------------------------------------------------


async def publishing(sim: Simulator, symbol: str, stop: asyncio.Event) -> int:
    id_ = 0
    while not stop.is_set():
        id_ += 1
        sim.publish(symbol, rows(id_))
        await asyncio.sleep(0.001)
    return id_


async def replaced(feed: Feed, sim: Simulator, fault: Callable[[], object]) -> list[int]:
    """Lets a fault happen under a steady flow; returns the ids received, once the first connection is gone."""
    stop = asyncio.Event()
    publisher = asyncio.create_task(publishing(sim, "AUSDT", stop))
    await feed.until(lambda: len(feed.trades("AUSDT")) > 20)
    fault()
    await feed.until(feed.downs)
    seen = len(feed.trades("AUSDT"))
    await feed.until(lambda: len(feed.trades("AUSDT")) > seen + 20)
    stop.set()
    last = await publisher
    await feed.until(lambda: last in feed.trades("AUSDT"))
    return feed.trades("AUSDT")


def new_before_old(feed: Feed) -> None:
    ups, downs = feed.ups(), feed.downs()
    assert [up.connection for up in ups] == [1, 2]
    assert [down.connection for down in downs] == [1]
    assert feed.events.index(ups[1]) < feed.events.index(downs[0])


async def test_a_shutdown_notice_loses_nothing() -> None:
    async with exchange("AUSDT") as sim, feeding(sim.stream_url, "AUSDT") as feed:
        await feed.until(feed.ups)
        ids = await replaced(feed, sim, lambda: sim.faults.shutdown(delay=5.0))
        assert sorted(set(ids)) == list(range(1, max(ids) + 1))
        new_before_old(feed)
        assert feed.downs()[0].reason == "replaced (shutdown) by connection 2"
        assert "feed disconnected" not in feed.log.warnings
        assert feed.connections.stats().reconnects == {"shutdown": 1}
        await sim.hub.until(lambda: len(sim.open_connections) == 1)


async def test_old_age_loses_nothing() -> None:
    policy = Policy(max_age=S // 2, age_spread=0, tick=S // 50)
    async with exchange("AUSDT") as sim, feeding(sim.stream_url, "AUSDT", policy=policy) as feed:
        await feed.until(feed.ups)
        ids = await replaced(feed, sim, lambda: None)
        assert sorted(set(ids)) == list(range(1, max(ids) + 1))
        assert feed.connections.stats().reconnects["age"] >= 1
        assert feed.events.index(feed.ups()[1]) < feed.events.index(feed.downs()[0])


async def test_a_connection_of_garbage_is_replaced() -> None:
    policy = Policy(bad_per_minute=5, tick=S // 50)
    async with exchange("AUSDT") as sim, feeding(sim.stream_url, "AUSDT", policy=policy) as feed:
        await feed.until(feed.ups)
        sim.publish("AUSDT", rows(1))
        await feed.until(lambda: feed.trades("AUSDT") == [1])
        sim.faults.garbage("not_json", count=6)
        await feed.until(feed.downs)
        new_before_old(feed)
        stats = feed.connections.stats()
        assert stats.reconnects == {"bad_frames": 1}
        assert sum(stats.bad.values()) == 6
        assert feed.log.events().count("bad frame dropped") == len(stats.bad)  # a line per reason, not per frame


async def test_a_dead_connection_is_given_up_at_once_and_replaced() -> None:
    policy = Policy(ask_after=S // 5, answer_within=S // 5, tick=S // 50)
    async with exchange("AUSDT") as sim, feeding(sim.stream_url, "AUSDT", policy=policy) as feed:
        await feed.until(feed.ups)
        # Kept alive by the answers to its pings, well beyond the allowed silence.
        while sim.connections[0].frames_in < 4:  # noqa: ASYNC110 - the simulator tells nobody of a ping
            await asyncio.sleep(0.01)
        assert feed.downs() == []
        sim.faults.pause(0)
        await feed.until(lambda: len(feed.ups()) == 2)
        assert feed.up() == {(2, "binance:AUSDT")}
        (down,) = {(down.connection, down.reason) for down in feed.downs()[:1]}
        assert down == (1, "no answer to a ping for 0.2 s")
        await feed.until(lambda: feed.connections.stats().reconnects == {"dead": 1})
        assert "feed does not come" in feed.log.warnings


async def test_the_old_one_stands_while_its_replacement_fails() -> None:
    async with exchange("AUSDT") as sim, feeding(sim.stream_url, "AUSDT") as feed:
        await feed.until(feed.ups)
        sim.faults.refuse(count=4)
        sim.faults.shutdown(delay=30.0)
        await feed.until(feed.downs)
        assert [up.connection for up in feed.ups()] == [1, 6]
        (down,) = feed.downs()
        assert down.connection == 1  # no word of the failed attempts: the instruments were on the air all the time
        assert feed.events.index(feed.ups()[1]) < feed.events.index(down)


# -- which host --------------------------------------------------------------------------------------------------------


def elsewhere(default: str, fallback: str) -> Any:
    """A venue whose own address and fallback are these."""
    venue: Any = BinanceSpot()
    venue.stream_url_default = default
    venue.stream_fallbacks = (fallback,)
    return venue


DEAD: Final = "ws://127.0.0.1:9"


async def test_the_fallback_is_tried_while_the_url_is_the_default() -> None:
    async with (
        exchange("AUSDT") as sim,
        feeding(DEAD + "/", "AUSDT", venue=elsewhere(DEAD, sim.stream_url)) as feed,
    ):
        await feed.until(feed.ups)
        assert feed.connections.stats().reconnects == {"refused": 1}
        assert feed.connections.stats().connections[0].host == sim.stream_url.removeprefix("ws://")


async def test_no_fallback_for_a_url_of_the_users_own() -> None:
    async with exchange("AUSDT") as sim:
        venue = elsewhere("wss://default.example", sim.stream_url)
        async with feeding(DEAD, "AUSDT", venue=venue) as feed:
            await feed.until(lambda: len(feed.downs()) > 4)
            assert sim.attempts == 0
            assert "refuses connections" in feed.downs()[0].reason


# -- ends --------------------------------------------------------------------------------------------------------------


async def test_what_the_sink_raises_ends_the_run() -> None:
    def sink(event: Event) -> None:
        if isinstance(event, Trade):
            raise AssertionError("a broken invariant")

    async with exchange("AUSDT", "BUSDT") as sim:
        feed = Feed(sim.stream_url, sink=sink, streams_per_connection=1)
        feed.connections.add([spot("AUSDT"), spot("BUSDT")])
        task = asyncio.create_task(feed.connections.run())
        await sim.subscribed("AUSDT", connections=1)
        sim.publish("AUSDT", rows(1))
        async with asyncio.timeout(10):
            with pytest.raises(ExceptionGroup) as caught:
                await task
        assert caught.group_contains(AssertionError, match="a broken invariant")
        await sim.hub.until(lambda: not sim.open_connections)


@pytest.mark.parametrize("by", ["aclose", "cancel"])
async def test_an_end_in_the_middle_of_everything(by: str) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with exchange("AUSDT") as sim, await asyncio.start_server(silent, "127.0.0.1", 0) as hanging:
        hung = f"ws://127.0.0.1:{hanging.sockets[0].getsockname()[1]}"
        for url in (sim.stream_url, hung, DEAD):  # connected, dialling, backing off
            feed = Feed(url)
            feed.connections.add([spot("AUSDT")])
            task = asyncio.create_task(feed.connections.run())
            if url != hung:
                await feed.until(lambda f=feed: f.events)  # type: ignore[misc]
            else:
                await asyncio.sleep(0.05)
            async with asyncio.timeout(5):
                if by == "aclose":
                    await feed.connections.aclose()
                    await task
                else:
                    task.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await task
            assert feed.connections.stats().connections == ()
        await sim.hub.until(lambda: not sim.open_connections)


async def test_closed_before_it_ran() -> None:
    feed = Feed(DEAD)
    feed.connections.add([spot("AUSDT")])
    await feed.connections.aclose()
    await asyncio.wait_for(feed.connections.run(), 1)
    assert feed.events == []


def test_absurd_sizes_are_refused() -> None:
    for size in (0, 1025):
        with pytest.raises(ValueError, match=r"streams_per_connection: .* is not 1 to 1024"):
            Connections(BinanceSpot(), DEAD, RealClock(), lambda event: None, streams_per_connection=size)
