"""What follows from what happened, with stand-ins for everything that touches a socket."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from structlog.testing import capture_logs

from orderflow_stream.adapters import ingest as module
from orderflow_stream.adapters.ingest import Held, Ingest
from orderflow_stream.adapters.reader import Reader as Reads
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import (
    BUY,
    Event,
    FeedDown,
    FeedUp,
    GapFound,
    Instrument,
    Probe,
    Refill,
    Trade,
)
from orderflow_stream.feed.demand import Demand
from orderflow_stream.feed.errors import UpstreamFailed
from orderflow_stream.venues.binance import BinanceSpot
from tests.adapters.rest_kit import ManualClock, TapeRest
from tests.adapters.rest_kit import trade as row
from tests.e2e.process import eventually

S = 1_000_000
T0 = 1_760_000_000 * S


def instrument(symbol: str, quote: str = "USDT") -> Instrument:
    return Instrument("binance", symbol, symbol.removesuffix(quote), quote)


BTC, ETH, SOL = (instrument(f"{base}USDT") for base in ("BTC", "ETH", "SOL"))


def trade(id_: int, key: str = BTC.key) -> Trade:
    return Trade(key, id_, 10**8, 10**8, BUY, T0 + id_ * S, -1, -1, T0 + id_ * S)


class Calls:
    """Remembers every call by name."""

    def __init__(self) -> None:
        self.made: list[tuple[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> None:
            self.made.append((name, arguments[0] if len(arguments) == 1 else arguments))

        return call


class Symbols:
    """A list as the venue would have it; None: never had."""

    def __init__(self, *instruments: Instrument) -> None:
        self.fetched_at: int | None = T0 if instruments else None
        self.instruments = instruments
        self.volumes: dict[str, int] = {}
        self.names: tuple[str, ...] = ()
        self.resting: dict[str, Instrument] = {}

    def provisional(self, symbol: str) -> Instrument:
        return instrument(symbol)

    def by_symbol(self, symbol: str) -> Instrument | None:
        return {each.symbol: each for each in (*self.resting.values(), *self.instruments)}.get(symbol)


class Reader:
    """REST reads that end as they are told to."""

    def __init__(self, world: World) -> None:
        self.demand = Demand(idle=600 * S)
        self.asked: list[tuple[str, bool]] = []
        self.failure: Exception | None = None
        self._world = world

    async def read(self, one: Instrument, *, trades: int, window: int | None, fresh: bool, deadline: int) -> Any:
        self.asked.append((one.key, fresh))
        if self.failure is not None:
            raise self.failure
        promote = not fresh and self.demand.asked(one.key, self._world.now)
        self._world.feed(Refill(one.key, (trade(1, one.key),), self._world.now, warm=True))
        return SimpleNamespace(promote=promote)

    def tick(self, now: int) -> tuple[str, ...]:
        return self.demand.tick(now)

    async def close(self) -> None:
        pass


class World:
    """An ingest with its surroundings."""

    def __init__(self, *patterns: str, symbols: Symbols | None = None) -> None:
        self.now = T0 + 1_000 * S
        self.engine = Engine(windows=(60 * S,), analytics=lambda book: ())
        self.connections = Calls()
        self.backfiller = Calls()
        self.reader = Reader(self)
        self.listened: set[str] = set()
        self.silent: list[str] = []
        self.symbols = symbols or Symbols(BTC, ETH, SOL)
        self.ingest = Ingest(
            engine=self.engine,
            connections=cast(Any, self.connections),
            backfiller=cast(Any, self.backfiller),
            reader=cast(Any, self.reader),
            symbols=cast(Any, self.symbols),
            clock=cast(Any, SimpleNamespace(now=lambda: self.now, monotonic=lambda: self.now / S)),
            patterns=patterns,
            listened=self.listened.__contains__,
            silent=self.silent.append,
        )

    def feed(self, *events: Event) -> None:
        for event in events:
            self.ingest.saw(event, self.engine.apply(event) or ())

    def up(self, *instruments: Instrument) -> None:
        self.feed(FeedUp(tuple(one.key for one in instruments), self.now, 1))


def test_a_stream_that_is_up_is_warmed_once_and_probed_when_it_comes_again() -> None:
    world = World("BTCUSDT", "ETHUSDT")
    world.ingest.refreshed()
    assert world.connections.made == [("add", [BTC, ETH])]
    with capture_logs() as lines:
        world.up(BTC)
        world.up(ETH)
    assert world.backfiller.made == [("warm", BTC), ("warm", ETH)]
    assert [line["event"] for line in lines] == ["every configured symbol is streamed"]
    world.feed(Refill(BTC.key, (trade(1),), world.now, warm=True), FeedDown((BTC.key,), world.now, 1, "cut"))
    with capture_logs() as lines:
        world.up(BTC)
    assert world.backfiller.made[-1] == ("probe", BTC)
    assert lines == []


def test_holes_go_to_repair_and_are_told() -> None:
    world = World("BTCUSDT")
    world.ingest.refreshed()
    world.up(BTC)
    world.feed(Refill(BTC.key, (trade(1),), world.now, warm=True))
    with capture_logs() as lines:
        world.feed(trade(2), trade(6))
        world.feed(Refill(BTC.key, (trade(3), trade(4), trade(5)), world.now, repair=True))
    repairs = [made for made in world.backfiller.made if made[0] in {"repair", "corrected"}]
    assert repairs[0] == ("repair", GapFound(BTC.key, 3, 5, repairs[0][1].ts))
    assert repairs[1][0] == "corrected"
    assert repairs[1][1].filled == ((3, 5),)
    assert [(line["event"].split(":")[0], line["ids"]) for line in lines] == [
        ("trades are missing", "3-5"),
        ("missing trades came in", "3-5"),
    ]


def test_a_probe_that_finds_more_is_a_stale_feed_for_the_log() -> None:
    world = World("BTCUSDT")
    world.ingest.refreshed()
    world.up(BTC)
    world.feed(Refill(BTC.key, (trade(1),), world.now, warm=True), trade(2))
    with capture_logs() as lines:
        world.feed(Probe(BTC.key, 9, world.now))
    assert "feed is stale" in [line["event"] for line in lines]


def test_a_stream_that_rest_is_ahead_of_is_doubted_and_the_answer_proven() -> None:
    world = World("BTCUSDT")
    world.ingest.refreshed()
    world.up(BTC)
    world.feed(Refill(BTC.key, (trade(998), trade(999)), world.now, warm=True), trade(1000))
    world.feed(Probe(BTC.key, 1002, world.now))
    assert world.silent == [], "what was missed while we were away says nothing about the stream"
    world.now += 10 * S
    world.feed(Probe(BTC.key, 1003, world.now, silent=True))
    assert world.silent == ["BTCUSDT"]
    world.feed(FeedUp((BTC.key,), world.now, 2))
    assert world.backfiller.made[-1] == ("probe", BTC), "the new connection may have nothing to tell"


def test_symbols_that_rest_keep_their_tape_and_are_told_once() -> None:
    world = World("*USDT", symbols=Symbols(BTC, ETH))
    world.ingest.refreshed()
    world.ingest.started = True
    world.up(BTC, ETH)
    world.feed(Refill(BTC.key, (trade(998),), world.now, warm=True), trade(999))
    world.feed(Probe(BTC.key, 999, world.now))
    asleep = msgspec.structs.replace(BTC, trading=False, status="BREAK")
    world.symbols.instruments = (asleep, ETH)
    with capture_logs() as lines:
        world.ingest.refreshed()
        world.ingest.refreshed()
    assert [(line["log_level"], line["symbols"]) for line in lines] == [("warning", "BTCUSDT (BREAK)")]
    assert world.connections.made == [("add", [BTC, ETH])]
    book = world.engine.book(BTC.key)
    assert book is not None
    assert len(book.tape) == 2
    world.ingest.saw(None, world.engine.advance(world.now + 2 * S))
    assert (book.state, book.state_reason) == ("quiet", "the venue does not trade it now (BREAK)")
    world.symbols.instruments = (BTC, ETH)
    with capture_logs() as lines:
        world.ingest.refreshed()
    assert [line["event"] for line in lines] == ["symbols trade again"]


def test_a_configured_symbol_that_rests_from_the_start_is_streamed_and_told() -> None:
    world = World("BTCUSDT", "OLDUSDT")
    old = msgspec.structs.replace(instrument("OLDUSDT"), trading=False, status="HALT")
    world.symbols.resting["OLDUSDT"] = old
    with capture_logs() as lines:
        world.ingest.refreshed()
    assert world.symbols.names == ("BTCUSDT", "OLDUSDT")
    assert world.connections.made == [("add", [BTC, old])]
    assert [line["symbols"] for line in lines] == ["OLDUSDT (HALT)"]
    assert world.ingest.faults == ()


def test_other_patterns_change_what_is_streamed() -> None:
    world = World("BTCUSDT", "ETHUSDT")
    world.ingest.refreshed()
    world.ingest.started = True
    world.ingest.set_patterns(("ETHUSDT", "SOLUSDT", "NOSUCH"))
    assert world.connections.made[1:] == [("remove", ["BTCUSDT"]), ("add", [SOL])]
    assert list(world.ingest.configured) == [ETH.key, SOL.key]
    assert [fault.pattern for fault in world.ingest.faults] == ["NOSUCH"]
    world.ingest.set_patterns(())
    assert world.ingest.configured == {}
    assert world.engine.books == {}


async def test_closing_is_no_news() -> None:
    world = World("BTCUSDT")
    world.ingest.refreshed()
    world.up(BTC)
    await world.ingest.close()
    with capture_logs() as lines:
        world.feed(trade(2), trade(9), FeedDown((BTC.key,), world.now, 1, "stopped"))
    assert lines == []


def test_patterns_that_select_nothing_are_told_once_with_what_is_near() -> None:
    world = World("BTCUDST", "*NONE", "ETHUSDT")
    with capture_logs() as lines:
        world.ingest.refreshed()
        world.ingest.refreshed()
    assert [(line["log_level"], line["symbol"]) for line in lines] == [("error", "BTCUDST"), ("error", "*NONE")]
    assert "did you mean" in lines[0]["reason"]
    assert "BTCUSDT" in lines[0]["reason"]
    assert len(world.ingest.faults) == 2
    assert list(world.ingest.configured) == [ETH.key]


def test_a_list_that_changes_changes_what_is_streamed() -> None:
    world = World("*USDT", symbols=Symbols(BTC, ETH))
    world.ingest.refreshed()
    world.ingest.started = True
    world.symbols.instruments = (ETH, SOL)
    with capture_logs() as lines:
        world.ingest.refreshed()
    assert world.connections.made[1:] == [("remove", ["BTCUSDT"]), ("add", [SOL])]
    assert world.engine.book(BTC.key) is None
    assert ("forget", BTC.key) in world.backfiller.made
    (line,) = lines
    assert (line["new"], line["gone"]) == ("SOLUSDT", "BTCUSDT")


def test_without_a_list_plain_names_are_streamed_and_nothing_is_dropped() -> None:
    world = World(" btcusdt ", "*USDC", symbols=Symbols())
    world.ingest.refreshed()
    world.ingest.refreshed()
    assert world.connections.made == [("add", [BTC])]
    assert world.ingest.faults == ()


async def test_on_demand_the_second_request_makes_a_stream() -> None:
    world = World("BTCUSDT")
    world.ingest.refreshed()
    book = await world.ingest.read(SOL, 1000, None, False, 5)
    assert book.demand
    assert not world.ingest.streams(SOL.key)
    await world.ingest.read(SOL, 1000, None, False, 5)
    assert world.connections.made[1:] == [("add", [SOL])]
    assert world.ingest.streams(SOL.key)  # it is being opened
    await world.ingest.read(SOL, 1000, None, False, 5)
    assert len(world.connections.made) == 2  # once
    world.up(SOL)
    assert world.backfiller.made == [("warm", SOL)]
    assert world.ingest.streams(SOL.key)


async def test_fresh_of_a_configured_symbol_reads_only_what_is_newer() -> None:
    world = World("BTCUSDT")
    world.ingest.refreshed()
    book = await world.ingest.read(BTC, 1000, None, True, 5)
    assert world.reader.asked == [(BTC.key, True)]
    assert not book.demand
    assert len(world.connections.made) == 1


async def test_a_failed_read_leaves_no_empty_book() -> None:
    world = World("BTCUSDT")
    world.reader.failure = UpstreamFailed("out")
    with pytest.raises(UpstreamFailed):
        await world.ingest.read(SOL, 1000, None, False, 5)
    assert world.engine.book(SOL.key) is None
    world.reader.failure = None
    await world.ingest.read(SOL, 1000, None, False, 5)
    world.reader.failure = UpstreamFailed("out")
    with pytest.raises(UpstreamFailed):
        await world.ingest.read(SOL, 1000, None, False, 5)
    assert world.engine.book(SOL.key) is not None  # what was had stays


async def test_what_nobody_wants_any_more_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IDLE_LOOK", 0.001)
    world = World("BTCUSDT")
    world.ingest.refreshed()
    for one in (ETH, SOL, instrument("XRPUSDT")):
        await world.ingest.read(one, 1000, None, False, 5)
    world.listened.add(ETH.key)  # somebody has a stream open
    world.now += 599 * S
    world.ingest.touch(SOL.key)  # somebody asked
    world.ingest.touch(BTC.key)  # configured: not on demand, and nothing to keep
    world.now += 2 * S
    task = asyncio.create_task(world.ingest.run())
    await eventually(lambda: world.engine.book("binance:XRPUSDT") is None)
    task.cancel()
    assert sorted(world.engine.books) == sorted([BTC.key, ETH.key, SOL.key])
    assert BTC.key not in world.reader.demand
    assert ("remove", ["XRPUSDT"]) in world.connections.made


def test_held_is_the_engine_for_the_planners() -> None:
    world = World("BTCUSDT")
    world.ingest.refreshed()
    world.up(BTC)
    held = Held(world.engine)
    assert (held.newest_id(BTC.key), held.newest_ts(BTC.key), held.oldest_id(BTC.key)) == (None, None, None)
    assert (held.oldest_ts(BTC.key), held.count(BTC.key)) == (None, 0)
    world.feed(Refill(BTC.key, (trade(4), trade(5)), world.now, warm=True))
    assert (held.newest_id(BTC.key), held.oldest_id(BTC.key), held.count(BTC.key)) == (5, 4, 2)
    assert (held.newest_ts(BTC.key), held.oldest_ts(BTC.key)) == (T0 + 5 * S, T0 + 4 * S)
    assert (held.newest_id("binance:X"), held.count("binance:X")) == (None, 0)
    assert not held.warming(BTC.key)
    held.reset(BTC.key)
    assert held.count(BTC.key) == 2  # a stream brings it
    world.engine.books[BTC.key].demand = True
    held.reset(BTC.key)
    assert held.count(BTC.key) == 0
    assert world.engine.books[BTC.key].demand


@pytest.mark.parametrize("streams_first", [True, False])
async def test_a_read_under_way_leaves_what_a_stream_takes_over(streams_first: bool) -> None:
    """Somebody asks for a configured symbol before the venue has told its list."""
    world = World("BTCUSDT")
    kit = ManualClock()
    rest = TapeRest(kit)
    rest.list_trades(BTC, range(2, 900))
    rest.gate = asyncio.Event()
    held = Held(world.engine)
    world.ingest._reader = Reads(rest, BinanceSpot(), held, world.feed, now=kit.now, demand=Demand())
    world.symbols.fetched_at = None
    reading = asyncio.create_task(world.ingest.read(BTC, 5_000, None, False, 5))
    await eventually(lambda: bool(rest.calls))
    world.symbols.fetched_at = T0
    world.ingest.refreshed()
    live = [row(number) for number in (901, 902)]  # 900 is told by nobody yet
    if streams_first:
        world.up(BTC)
        world.feed(*live)
    rest.gate.set()
    book = await reading
    if not streams_first:
        world.up(BTC)
        world.feed(*live)
    assert world.engine.books[BTC.key] is book
    assert not book.demand
    assert not book.warm, "its warm-up says so"
    assert book.was_up
    assert (len(book.tape), held.oldest_id(BTC.key), held.newest_id(BTC.key)) == (900, 2, 902)
    assert ("warm", BTC) in world.backfiller.made
    repairs = [made for name, made in world.backfiller.made if name == "repair"]
    assert [(one.first, one.last) for one in repairs] == [(900, 900)]


def test_before_there_is_a_list_what_a_journal_brought_back_is_streamed() -> None:
    told = msgspec.structs.replace(ETH, base="ETHER")  # as the venue said then, and no name would suggest
    world = World("BTCUSDT", "ETHUSDT", symbols=Symbols())
    world.engine.add(told)
    world.ingest.restored(told.key)
    world.ingest.refreshed()
    assert ("add", [BTC, told]) in world.connections.made
    assert world.engine.books[told.key].instrument == told
    world = World("*", "SOLUSDT", symbols=Symbols())
    for one in (BTC, told):
        world.engine.add(one)
        world.ingest.restored(one.key)
    world.ingest.refreshed()
    assert ("add", [SOL, BTC, told]) in world.connections.made
    world.symbols.instruments, world.symbols.fetched_at = (ETH, SOL), T0
    world.ingest.refreshed()  # and then there is one: what it no longer has is let go
    assert set(world.engine.books) == {ETH.key, SOL.key}
    assert world.engine.books[ETH.key].instrument == ETH


def test_what_somebody_follows_is_known_to_those_who_must_choose() -> None:
    world = World("BTCUSDT", "ETHUSDT")
    followed = world.backfiller.followed
    assert not followed(BTC.key)
    world.listened.add(BTC.key)
    assert followed(BTC.key)
    world.ingest.touch(ETH.key)
    world.now += module.LATELY - 1
    assert followed(ETH.key)
    world.now += 1
    assert not followed(ETH.key)


def test_a_contract_that_is_delivered_keeps_its_tape_and_is_said_to_be() -> None:
    quarter = msgspec.structs.replace(BTC, symbol="BTCUSDT_251226", kind="delivery", delivery=T0 + 2_000 * S)
    world = World("*USDT", symbols=Symbols(quarter, ETH))
    world.ingest.refreshed()
    world.ingest.started = True
    world.now = T0 + 2_060 * S
    world.symbols.instruments = (msgspec.structs.replace(quarter, trading=False, status="DELIVERED"), ETH)
    with capture_logs() as lines:
        world.ingest.refreshed()
    (line,) = lines
    assert line["event"] == "contracts are delivered: no more trades come, their tapes are kept"
    assert line["symbols"] == "BTCUSDT_251226 (DELIVERED)"
    assert world.engine.book(quarter.key) is not None
    assert world.connections.made == [("add", [quarter, ETH])]


def test_a_name_that_cannot_be_guessed_is_streamed_once_the_list_is_there() -> None:
    world = World("BTCUSDT", symbols=Symbols())

    def wary(symbol: str) -> Instrument:
        raise LookupError(symbol)

    world.symbols.provisional = wary  # type: ignore[method-assign]
    world.ingest.refreshed()
    assert world.engine.books == {}
    world.symbols.fetched_at, world.symbols.instruments = T0, (BTC,)
    world.ingest.refreshed()
    assert list(world.engine.books) == [BTC.key]


def test_an_old_id_with_a_time_of_now_does_not_hide_that_ids_began_anew() -> None:
    engine = Engine(windows=(60 * S,))
    engine.add(BTC)
    held = Held(engine)
    for id_ in (101, 100, 102):
        engine.apply(trade(id_))
    assert held.newest_ts(BTC.key) == T0 + 102 * S
    late = msgspec.structs.replace(trade(98), ts_event=T0 + 103 * S)
    engine.apply(late)  # rows that were merged may go back by as much
    assert held.newest_ts(BTC.key) == T0 + 103 * S
    engine.apply(msgspec.structs.replace(trade(99), ts_event=T0 + 500 * S))
    assert (held.newest_id(BTC.key), held.newest_ts(BTC.key)) == (102, T0 + 102 * S)
