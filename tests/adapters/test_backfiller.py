"""The whole of the backfill against the stand-in for the exchange, over real sockets, into a real engine."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from orderflow_stream.adapters import prober
from orderflow_stream.adapters.backfiller import Backfiller
from orderflow_stream.adapters.clock import Clock
from orderflow_stream.adapters.rest import Rest
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import Corrected, Event, FeedUp, GapFound, Instrument, Refill, Trade
from orderflow_stream.feed.budget import Budget
from orderflow_stream.simulator import Listing, Simulator
from orderflow_stream.simulator.rest_faults import RestKind
from orderflow_stream.venues.binance import BinanceSpot
from orderflow_stream.venues.binance_archive import ArchiveRow
from tests.adapters.rest_kit import BTC, Running, SetBooks, TapeRest, VirtualTime, trade

HOUR = 3_600_000_000


class EngineBooks:
    """The engine's tapes as `Books`."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def newest_id(self, key: str) -> int | None:
        book = self.engine.book(key)
        return book.sequence.newest if book else None

    def oldest_id(self, key: str) -> int | None:
        book = self.engine.book(key)
        return book.sequence.first if book else None

    def newest_ts(self, key: str) -> int | None:
        book = self.engine.book(key)
        return book.tape.newest_ts if book and len(book.tape) else None

    def oldest_ts(self, key: str) -> int | None:
        oldest = self.engine.books[key].tape.first()
        return None if oldest is None else oldest.ts_event

    def count(self, key: str) -> int:
        book = self.engine.book(key)
        return len(book.tape) if book else 0

    def warming(self, key: str) -> bool:
        raise NotImplementedError

    def reset(self, key: str) -> None:
        raise NotImplementedError


class House:
    """Simulator, client, backfiller and engine put together as the daemon does it."""

    def __init__(self, sim: Simulator, rest: Rest, clock: Clock, backfiller: Backfiller, engine: Engine) -> None:
        self.sim = sim
        self.rest = rest
        self.clock = clock
        self.backfiller = backfiller
        self.engine = engine

    def book_ids(self) -> list[int]:
        book = self.engine.book(BTC.key)
        assert book is not None
        return [row.id for row in book.tape.rows(0, 100_000)]

    def live(self, *ids: int) -> None:
        """Trades that the stream brings."""
        by_id = {row.id: row for row in self.sim.published("BTCUSDT")}
        for id_ in ids:
            row = by_id[id_]
            self.feed(Trade(BTC.key, id_, 10**10, 10**8, 1, row.ts, row.first, row.last, row.ts))

    feed: Callable[[Event], None]


@asynccontextmanager
async def house(rows: int, *, trades: int = 5000, window: int = HOUR) -> AsyncIterator[House]:
    clock = Clock()
    now = clock.now()
    async with Simulator(listings=[Listing("BTCUSDT", "BTC", "USDT")]) as sim:
        first = now - rows * 1_000_000
        sim.add_history(
            "BTCUSDT",
            [ArchiveRow(i, "100.00", "1.00", i, i, first + i * 1_000_000, "us", i % 3 == 0) for i in range(rows)],
        )
        engine = Engine(windows=(HOUR,))
        engine.add(BTC)
        venue = BinanceSpot()

        def feed(event: Event) -> None:
            for update in engine.apply(event) or ():
                match update:
                    case GapFound():
                        backfiller.repair(update)
                    case Corrected():
                        backfiller.corrected(update)
                    case _:
                        pass

        async with Rest([sim.rest_url], Budget(), now=clock.now, explain=venue.error, chance=lambda: 0.0) as rest:
            backfiller = Backfiller(
                rest,
                venue,
                EngineBooks(engine),
                feed,
                now=clock.now,
                instrument_of=lambda key: book.instrument if (book := engine.book(key)) else None,
                doubtful=lambda key: not engine.books[key].verified,
                cold=lambda key: not engine.books[key].warm,
                worthless=lambda gap: gap.last - gap.first >= 10_000,
                trades=trades,
                window=window,
                repair_delay=0,
            )
            built = House(sim, rest, clock, backfiller, engine)
            built.feed = feed
            async with Running(backfiller.run()), asyncio.timeout(20):
                feed(FeedUp((BTC.key,), clock.now(), 1))
                yield built


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - the condition is a state of other tasks, seen from outside
        await asyncio.sleep(0.002)


async def test_a_warm_up_joins_the_stream_without_hole_or_duplicate() -> None:
    async with house(7_000) as at:
        at.live(6_997, 6_998, 6_999)
        at.backfiller.warm(BTC)
        await until(lambda: at.backfiller.progress.done == 1)
        ids = at.book_ids()
        assert ids == list(range(ids[0], 7_000))
        assert ids[0] <= 2_000
        assert at.backfiller.counters.warmed == 1
        assert at.rest.counters.weight == at.sim.weights.used


@pytest.mark.parametrize("kind", ["500", "html", "empty", "truncated", "reset"])
async def test_faults_of_rest_only_delay(kind: RestKind) -> None:
    async with house(3_000, trades=2_000, window=1) as at:
        at.sim.faults.rest(kind, count=2)
        at.backfiller.warm(BTC)
        await until(lambda: at.backfiller.progress.done == 1)
        assert at.book_ids() == list(range(1_000, 3_000))


async def test_a_hole_of_the_stream_is_filled() -> None:
    async with house(3_000, trades=1_000, window=1) as at:
        at.backfiller.warm(BTC)
        at.live(2_000)
        await until(lambda: at.backfiller.progress.done == 1)
        first = at.book_ids()[0]
        now = at.clock.now()
        at.sim.publish(
            "BTCUSDT", [ArchiveRow(i, "100.00", "1.00", i, i, now, "us", False) for i in range(3_000, 3_100)]
        )
        at.live(3_000, 3_001, 3_050, 3_051, 3_099)
        await until(lambda: at.book_ids()[-100:] == list(range(3_000, 3_100)))
        assert at.book_ids() == list(range(first, 3_100))
        assert at.backfiller.holes.instruments() == []
        assert at.backfiller.counters.lost == 0


async def test_a_probe_that_finds_more_brings_what_no_connection_brought() -> None:
    async with house(2_000, trades=1_000, window=1) as at:
        at.backfiller.warm(BTC)
        await until(lambda: at.backfiller.progress.done == 1)
        now = at.clock.now()
        at.sim.publish(
            "BTCUSDT", [ArchiveRow(i, "100.00", "1.00", i, i, now, "us", False) for i in range(2_000, 2_010)]
        )
        at.backfiller.probe(BTC)
        await until(lambda: at.book_ids()[-1] == 2_009)
        assert at.backfiller.counters.probes == 1


async def test_a_restart_of_ids_is_read_again_from_the_beginning() -> None:
    """Without sockets: time has to pass between two probes."""
    moment = VirtualTime()
    rest, books = TapeRest(moment), SetBooks(BTC)
    books.sink(trade(900_000, ts=moment.now() - 60_000_000))
    rest.list_trades(BTC, range(9_900, 10_000))
    backfiller = Backfiller(
        rest,
        BinanceSpot(),
        books,
        books.sink,
        now=moment.now,
        instrument_of=books.instruments.get,
        sleep=moment.sleep,
    )
    backfiller.repair(GapFound(BTC.key, 899_990, 899_995, moment.now()))
    async with Running(backfiller.run()):
        backfiller.probe(BTC)
        await moment.until(lambda: backfiller.counters.warmed == 1)
    assert books.ids() == list(range(9_900, 10_000))
    assert backfiller.counters.restarts == 1
    assert backfiller.holes.instruments() == []


async def test_a_removed_instrument_is_forgotten_everywhere() -> None:
    moment = VirtualTime()
    rest, books = TapeRest(moment), SetBooks(BTC)
    rest.list_trades(BTC, range(10_000))

    def instrument_of(key: str) -> Instrument | None:
        return books.instruments.get(key)

    backfiller = Backfiller(
        rest, BinanceSpot(), books, books.sink, now=moment.now, instrument_of=instrument_of, sleep=moment.sleep
    )
    backfiller.warm(BTC)
    backfiller.probe(BTC)
    backfiller.repair(GapFound(BTC.key, 5, 9, moment.now()))
    backfiller.forget(BTC.key)
    async with Running(backfiller.run()):
        await moment.pass_by(10)
    assert rest.calls == []
    assert backfiller.progress.total == 0


async def test_a_restored_tape_is_joined_and_read_further_back_from_its_beginning() -> None:
    async with house(7_000, trades=4_000, window=1) as at:
        held = [Trade(BTC.key, id_, 10**10, 10**8, 1, 0, -1, -1, 0) for id_ in range(5_000, 6_800)]
        at.feed(Refill(BTC.key, tuple(held), at.clock.now(), source="journal"))
        at.backfiller.restored(BTC.key)
        at.backfiller.warm(BTC)
        at.backfiller.probe(BTC)  # both lead to the same one page
        await until(lambda: at.engine.books[BTC.key].warm)
        ids = at.book_ids()
        assert ids == list(range(ids[0], 7_000))
        assert ids[0] <= 3_000
        assert at.rest.counters.weight == 4 * 3  # the newest page, and two below what was held
        assert at.backfiller.counters.repair_trades == 200


async def test_where_the_hole_is_worth_more_than_what_it_cuts_off_the_past_is_read_anew() -> None:
    async with house(20_000, trades=1_000, window=1) as at:
        old = [Trade(BTC.key, id_, 10**10, 10**8, 1, id_, -1, -1, 0) for id_ in range(100)]
        at.feed(Refill(BTC.key, tuple(old), at.clock.now(), warm=True))
        at.live(19_990)
        book = at.engine.books[BTC.key]
        await until(lambda: book.warm and len(book.tape) >= 1_000)
        assert at.book_ids()[0] >= 18_000  # neither what was held nor the hole
        assert book.sequence.open == 0
        assert at.backfiller.holes.instruments() == []
        assert [(one.first, one.last, one.status) for one in book.gap_log] == [(100, 19_989, "lost")]
        assert at.rest.counters.weight <= 4 * 3


async def test_ids_that_began_anew_while_we_were_away_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prober, "_CONFIRM_S", 0.01)
    async with house(3_000, trades=1_000, window=1) as at:
        held = [Trade(BTC.key, id_, 10**10, 10**8, 1, 1, -1, -1, 0) for id_ in range(50_000, 50_100)]
        at.feed(Refill(BTC.key, tuple(held), at.clock.now(), warm=True, source="journal"))
        book = at.engine.books[BTC.key]
        book.verified = False
        at.backfiller.restored(BTC.key)
        at.backfiller.probe(BTC)
        await until(lambda: book.generation == 2 and book.warm)
        assert at.book_ids() == list(range(at.book_ids()[0], 3_000))
