"""Joining what a journal held: one page where that is enough, and nothing where the stream has shown it already."""

from __future__ import annotations

from structlog.testing import capture_logs

from orderflow_stream.adapters.joiner import Joiner, worthless
from orderflow_stream.adapters.pages import Pages
from orderflow_stream.core.events import GapFound, Instrument, Probe, Refill
from orderflow_stream.feed.errors import UnknownSymbol, UpstreamFailed
from orderflow_stream.venues.binance import BinanceSpot
from tests.adapters.rest_kit import BTC, Running, SetBooks, TapeRest, VirtualTime, trade
from tests.core.making import HOUR, KEY, SECOND, T0, feed, make
from tests.core.making import run as trades


class Bench:
    """A joiner over tapes in memory; ids up to `held` came from the journal."""

    def __init__(self, held: int) -> None:
        self.time = VirtualTime()
        self.rest = TapeRest(self.time)
        self.books = SetBooks(BTC)
        self.books.sink(Refill(BTC.key, tuple(trade(id_) for id_ in range(held - 9, held + 1)), 0))
        self.events: list[object] = []
        self.joined: list[Instrument] = []
        self.doubted: list[Instrument] = []
        self.doubtful = True
        self.unproven = 0  # probes that prove nothing
        self.joiner = Joiner(
            Pages(self.rest, BinanceSpot(), self.time.now),
            self.books,
            self._sink,
            joined=self.joined.append,
            doubt=self.doubted.append,
            doubtful=lambda key: self.doubtful,
            now=self.time.now,
            sleep=self.time.sleep,
            parallel=2,
        )
        self.joiner.expect(BTC.key)

    def _sink(self, event: object) -> None:
        self.events.append(event)
        if isinstance(event, Probe):
            self.doubtful = self.unproven > 0
            self.unproven -= 1

    async def join(self) -> None:
        self.joiner.order(BTC, 0)
        self.joiner.order(BTC, 0)  # changes nothing
        async with Running(self.joiner.run()):
            await self.time.until(lambda: BTC.key not in self.joiner)


async def test_one_page_joins() -> None:
    bench = Bench(500)
    bench.rest.list_trades(BTC, range(801))
    await bench.join()
    assert bench.rest.calls == [("repair", "BTCUSDT", None, 1000)]
    refill, probe = bench.events
    assert isinstance(refill, Refill)
    assert [one.id for one in refill.trades] == list(range(501, 801))  # nothing that is held is fed again
    assert refill.repair
    assert isinstance(probe, Probe)
    assert probe.newest_id == 800
    assert bench.joined == [BTC]


async def test_it_asks_again_until_it_is_proven() -> None:
    bench = Bench(500)
    bench.rest.list_trades(BTC, range(501))
    bench.unproven = 2
    began = bench.time.now()
    await bench.join()
    assert [type(event) for event in bench.events] == [Probe] * 3
    assert bench.joiner.failures == 0  # nobody failed: it was asked too early
    assert bench.time.now() - began < SECOND
    late = Bench(500)
    late.rest.list_trades(BTC, range(501))
    late.unproven = 5
    await late.join()
    assert late.joiner.failures == 1


async def test_a_page_is_as_large_as_the_pace_of_before_suggests() -> None:
    bench = Bench(500)
    bench.rest.list_trades(BTC, range(501))
    await bench.join()
    newest, oldest = bench.books.newest_ts(BTC.key), bench.books.oldest_ts(BTC.key)
    assert newest is not None
    assert oldest is not None
    expected = 3 * (10 * (bench.time.now() - newest) // (newest - oldest)) if newest > oldest else 1000
    assert bench.rest.calls[0][3] == max(50, min(1000, expected))


async def test_what_the_stream_has_shown_is_not_asked() -> None:
    bench = Bench(500)
    bench.doubtful = False
    await bench.join()
    assert bench.rest.calls == []
    assert bench.events == []
    assert bench.joined == [BTC]


async def test_rest_that_is_behind_proves_nothing() -> None:
    bench = Bench(500)
    bench.rest.list_trades(BTC, range(490))
    await bench.join()
    assert bench.events == []
    assert bench.doubted == [BTC]


async def test_faults_are_outlived_and_a_symbol_that_is_gone_is_named() -> None:
    bench = Bench(500)
    bench.rest.list_trades(BTC, range(501))
    bench.rest.faults = [UpstreamFailed("no"), UpstreamFailed("no")]
    await bench.join()
    assert bench.joiner.failures == 2
    assert [type(event) for event in bench.events] == [Probe]
    bench = Bench(500)
    bench.rest.faults = [UnknownSymbol("no such symbol")]
    with capture_logs() as logs:
        await bench.join()
    assert [line["event"] for line in logs] == ["cannot be joined to its journal"]
    assert bench.joined == []


async def test_one_that_was_removed_is_left_alone() -> None:
    bench = Bench(500)
    bench.joiner.order(BTC, 0)
    bench.joiner.forget(BTC.key)
    await bench.join()
    assert bench.events == []


def test_when_a_hole_is_not_worth_filling() -> None:
    engine, book = make(keep_trades=50, warm=True)
    feed(engine, trades(1, 100))
    newest = book.tape.newest_ts
    long_after = newest + HOUR + 60 * SECOND
    large, small = GapFound(KEY, 101, 150, T0), GapFound(KEY, 101, 149, T0)
    assert worthless(engine, large, long_after)
    assert not worthless(engine, small, long_after)  # the newest 50 trades reach beyond it
    assert not worthless(engine, large, newest + HOUR)  # the hour does
    assert not worthless(engine, GapFound("binance:NONE", 1, 10**9, T0), long_after)
    assert not worthless(engine, GapFound(KEY, -100, 0, T0), long_after)  # nothing lies before it


async def test_where_pages_are_dear_the_stream_gets_a_moment_to_prove_it() -> None:
    bench = Bench(100)
    bench.rest.list_trades(BTC, range(200))
    bench.joiner._patience = 5.0
    bench.joiner.order(BTC, 0)
    async with Running(bench.joiner.run()):
        await bench.time.pass_by(4)
        assert bench.rest.calls == []
        bench.doubtful = False  # the next id came
        await bench.time.pass_by(2)
    assert bench.rest.calls == []
    assert bench.joined == [BTC]
