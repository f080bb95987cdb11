"""The silence of symbols is put to REST: singly where few are silent, in one list where many are; at what cost."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from structlog.testing import capture_logs

from orderflow_stream.adapters.rest import BODY_BOUND, Answer
from orderflow_stream.adapters.watcher import BUSIEST, LOOK, SINGLES, Watcher
from orderflow_stream.core.book import Book
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import Event, FeedDown, FeedUp, Instrument, Probe, Refill
from orderflow_stream.feed.budget import Kind
from orderflow_stream.feed.errors import UpstreamFailed
from orderflow_stream.feed.silence import CEILING, FLOOR
from orderflow_stream.feed.upstream import RestRequest
from orderflow_stream.venues.binance import BinanceSpot
from tests.adapters.rest_kit import SECOND, START, Running, TapeRest, VirtualTime, trade

T = TypeVar("T")


class ListRest(TapeRest):
    """REST that tells the newest fills of all symbols in one list."""

    fills: dict[str, int]
    lists: int
    fault: Exception | None = None

    async def fetch_slowly(
        self,
        request: RestRequest,
        kind: Kind,
        read: Callable[[Answer], Awaitable[T]],
        deadline: int | None = None,
        *,
        bound: int = BODY_BOUND,
    ) -> T:
        assert request.path.endswith("ticker/24hr")
        assert kind == "probe"
        self.lists += 1
        if self.fault is not None:
            raise self.fault
        rows = [{"symbol": name, "quoteVolume": "0", "lastId": fill} for name, fill in self.fills.items()]
        return await read(Answer(msgspec.json.encode(rows), 0, 0))


def named(number: int) -> Instrument:
    return Instrument("binance", f"S{number}USDT", f"S{number}", "USDT")


class Bench:
    """A watcher over an engine with `count` warm books, each with trades every `every` µs up to now."""

    def __init__(self, count: int, every: int = SECOND // 10) -> None:
        self.time = VirtualTime()
        self.rest = ListRest(self.time)
        self.rest.fills, self.rest.lists = {}, 0
        self.engine = Engine(windows=(60 * SECOND,))
        self.events: list[Event] = []
        self.asked: list[tuple[float, str]] = []
        self.watcher = Watcher(
            self.rest,
            BinanceSpot(),
            self.engine.books,
            self.sink,
            probe=lambda instrument: self.asked.append(((self.time.us - START) / SECOND, instrument.symbol)),
            now=self.time.now,
            sleep=self.time.sleep,
        )
        for number in range(count):
            instrument = named(number)
            self.engine.add(instrument)
            self.engine.apply(FeedUp((instrument.key,), START - 3600 * SECOND, 1))
            self.engine.apply(Refill(instrument.key, (), START - 3600 * SECOND, warm=True))
            for id_ in range(1, 61):
                self.trade(number, id_, START - (60 - id_) * every)
            self.rest.fills[instrument.symbol] = 60

    def sink(self, event: Event) -> None:
        self.events.append(event)
        self.engine.apply(event)

    def book(self, number: int) -> Book:
        return self.engine.books[named(number).key]

    def trade(self, number: int, id_: int, ts: int) -> None:
        one = trade(id_, ts=ts, instrument=named(number))
        self.engine.apply(msgspec.structs.replace(one, ts_recv=ts))

    async def run(self, seconds: float) -> None:
        async with Running(self.watcher.run()):
            await self.time.pass_by(seconds)


async def test_a_few_silent_symbols_are_asked_one_by_one() -> None:
    bench = Bench(3)
    await bench.run(FLOOR / SECOND + LOOK)
    assert [name for _, name in bench.asked] == ["S0USDT", "S1USDT", "S2USDT"]
    assert all(at <= FLOOR / SECOND + LOOK for at, _ in bench.asked)
    assert bench.rest.lists == 0


async def test_many_are_asked_in_one_list_and_only_what_it_does_not_settle_singly() -> None:
    bench = Bench(200)
    bench.rest.fills["S7USDT"] = 61  # REST knows a newer trade
    bench.rest.fills["S8USDT"] = 59  # REST is behind: proves nothing
    del bench.rest.fills["S9USDT"]
    await bench.run(FLOOR / SECOND + LOOK)
    assert bench.rest.lists == 1
    assert [name for _, name in bench.asked] == ["S7USDT", "S8USDT", "S9USDT"]
    probes = [event for event in bench.events if isinstance(event, Probe)]
    assert len(probes) == 197
    assert {probe.newest_id for probe in probes} == {60}
    assert bench.book(0).as_of == probes[0].ts
    assert bench.book(7).as_of is None
    assert not any(probe.silent for probe in probes)


async def test_a_symbol_that_spoke_meanwhile_is_left_alone() -> None:
    bench = Bench(60)
    for number in range(30):
        bench.trade(number, 61, START + FLOOR)
    await bench.run(FLOOR / SECOND + LOOK)
    assert {event.instrument for event in bench.events if isinstance(event, Probe)} == {
        named(number).key for number in range(30, 60)
    }


async def test_what_has_not_traded_for_a_day_is_calm_where_we_have_nothing_newer() -> None:
    bench = Bench(60)
    for number in range(60):
        bench.rest.fills[named(number).symbol] = -1
    await bench.run(FLOOR / SECOND + LOOK)
    assert bench.rest.lists == 1
    assert len(bench.asked) == 60, "we do have newer ones: the list lags"


async def test_a_list_that_cannot_be_had_only_delays() -> None:
    bench = Bench(60)
    bench.rest.fault = UpstreamFailed("down")
    with capture_logs() as logs:
        await bench.run(FLOOR / SECOND + LOOK)
    assert bench.rest.lists == 1
    assert bench.asked == []
    assert [entry["log_level"] for entry in logs] == ["info"]
    bench.rest.fault = None
    await bench.run(6)
    assert bench.rest.lists == 2
    assert len([event for event in bench.events if isinstance(event, Probe)]) == 60


async def test_a_thin_market_costs_a_small_share_of_the_weight() -> None:
    """1,370 symbols, most of them with minutes between two trades: two minutes."""
    bench = Bench(1_370, every=20 * SECOND)
    draw = random.Random(5)
    minutes = 2
    due = sorted(
        (START + draw.randrange(minutes * 60 * SECOND), number)
        for number in range(1_370)
        for _ in range(draw.choice([0, 0, 1, 3, 10]))
    )
    ids = dict.fromkeys(range(1_370), 60)
    async with Running(bench.watcher.run()):
        for ts, number in due:
            if ts > bench.time.us + SECOND:
                await bench.time.pass_by(1)
            ids[number] += 1
            bench.trade(number, ids[number], bench.time.us)
            bench.rest.fills[named(number).symbol] = ids[number]
    weight = (80 * bench.rest.lists + 4 * len(bench.asked)) / minutes
    print(f"{bench.rest.lists} lists, {len(bench.asked)} single questions: {weight:.0f} weight a minute")
    assert weight <= 480
    assert bench.rest.lists <= 3 * minutes + 1
    known = [book for book in bench.engine.books.values() if (book.as_of or 0) > START]
    assert len(known) > 1_300, "nearly all were proven calm within the time"


async def test_a_venue_that_stops_altogether() -> None:
    """All 1,370 fall silent at once: every one is settled within seconds, and the price is stated."""
    bench = Bench(1_370)
    await bench.run(60)
    weight = 80 * bench.rest.lists + 4 * len(bench.asked)
    print(f"{weight} weight in the first minute")
    assert weight <= 1_200
    assert all((book.as_of or 0) > START for book in bench.engine.books.values())
    assert len(bench.asked) <= 3 * SINGLES


async def test_never_spoken_streams_of_a_whole_market_are_asked_within_a_minute() -> None:
    bench = Bench(1_370, every=300 * SECOND)
    for book in bench.engine.books.values():
        book.last_recv, book.up_at = -1, START
    for number in (3, 700):
        bench.rest.fills[named(number).symbol] = 99
    await bench.run(CEILING / SECOND + 20)
    assert [name for _, name in bench.asked] == ["S3USDT", "S700USDT"]


# -- a connection that fell silent ------------------------------------------------------------------------------------


def test_the_busiest_of_a_silent_connection_are_asked_at_once() -> None:
    bench = Bench(10)
    keys = [named(number).key for number in range(10)]
    bench.watcher.hurry([*keys[:3], "binance:UNKNOWN"])
    assert sorted(name for _, name in bench.asked) == [named(number).symbol for number in range(3)]
    bench.watcher.hurry(keys)
    assert len(bench.asked) == 3 + BUSIEST
    assert bench.watcher.singles == 3 + BUSIEST


def test_however_many_connections_fall_silent_the_budget_is_kept() -> None:
    bench = Bench(40)
    for _ in range(10):
        bench.watcher.hurry([named(number).key for number in range(40)])
    assert len(bench.asked) == SINGLES


# -- where questions are dear -----------------------------------------------------------------------------------------


class DearSpot(BinanceSpot):
    """Spot's words, and the weights of a market where a page weighs 20."""

    trades_weight = 20


class DearBench(Bench):
    def __init__(self, count: int, every: int = SECOND // 10) -> None:
        super().__init__(count, every)
        self.watcher = Watcher(
            self.rest,
            DearSpot(),
            self.engine.books,
            self.sink,
            probe=lambda instrument: self.asked.append(((self.time.us - START) / SECOND, instrument.symbol)),
            now=self.time.now,
            sleep=self.time.sleep,
        )

    @property
    def weight(self) -> int:
        return 40 * self.rest.lists + 20 * len(self.asked)


async def test_one_list_proves_what_was_connected_again_and_has_not_traded() -> None:
    bench = DearBench(300, every=20 * SECOND)
    for book in bench.engine.books.values():
        key = book.instrument.key
        bench.engine.apply(FeedDown((key,), START - SECOND, 1, "cut"))
        bench.engine.apply(FeedUp((key,), START, 2))
        assert book.state == "unverified"
    await bench.run(8)
    assert bench.rest.lists == 1
    assert bench.asked == []
    assert all(book.verified for book in bench.engine.books.values())


async def test_dead_subscriptions_among_many_are_found_within_a_minute_for_little() -> None:
    bench = DearBench(300, every=300 * SECOND)
    for book in bench.engine.books.values():
        book.last_recv, book.up_at = -1, START
    for number in (3, 7, 200):
        bench.rest.fills[named(number).symbol] = 99
    await bench.run(60)
    assert {name for _, name in bench.asked} == {"S3USDT", "S7USDT", "S200USDT"}
    assert bench.weight <= 320


async def test_a_dear_venue_that_stops_altogether_is_not_asked_about_one_by_one() -> None:
    """The list lags, so it settles nothing: at most four questions in half a minute."""
    bench = DearBench(300)
    bench.rest.fills = {name: fill - 1 for name, fill in bench.rest.fills.items()}
    await bench.run(120)
    assert len(bench.asked) <= 4 * 4
    print(f"{bench.weight} weight in two minutes")
    assert bench.weight <= 2 * 400
