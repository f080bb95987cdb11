"""Warm-ups: the newest first, joined with the stream, bounded, resumed after faults."""

from structlog.testing import capture_logs

from orderflow_stream.adapters.pages import Pages
from orderflow_stream.adapters.warmer import Warmer
from orderflow_stream.core.events import GapFound
from orderflow_stream.feed.backfill import Plan
from orderflow_stream.feed.errors import UnknownSymbol, UpstreamBusy, UpstreamFailed
from orderflow_stream.venues.binance import BinanceSpot
from tests.adapters.rest_kit import BTC, ETH, START, Running, SetBooks, TapeRest, VirtualTime, trade


class Bench:
    """A warmer over tapes in memory."""

    def __init__(self, *, trades: int = 2500, window: int | None = None, cap: int = 200_000, parallel: int = 10):
        self.time = VirtualTime()
        self.rest = TapeRest(self.time)
        self.books = SetBooks(BTC, ETH)
        self.unjoined: list[GapFound] = []
        self.warmer = Warmer(
            Pages(self.rest, BinanceSpot(), self.time.now),
            self.books,
            self.books.sink,
            plan=lambda: Plan(trades=trades, window=window, cap=cap),
            unjoined=self.unjoined.append,
            now=self.time.now,
            sleep=self.time.sleep,
            parallel=parallel,
        )

    async def warm(self, *instruments: object) -> None:
        async with Running(self.warmer.run()):
            await self.time.until(lambda: self.warmer.progress.done == self.warmer.progress.total)


async def test_pages_are_fed_one_by_one_and_the_last_says_warm() -> None:
    bench = Bench()
    bench.rest.list_trades(BTC, range(10_000))
    bench.warmer.order(BTC, 0)
    await bench.warm()
    assert bench.rest.calls == [("warmup", "BTCUSDT", first, 1000) for first in (None, 8_000, 7_000)]
    refills = bench.books.refills()
    assert [(each.trades[0].id, len(each.trades), each.warm) for each in refills] == [
        (9_000, 1000, False),
        (8_000, 1000, False),
        (7_000, 1000, True),
    ]
    assert not any(each.repair or each.origin for each in refills)
    assert bench.books.ids() == list(range(7_000, 10_000))
    assert bench.warmer.progress.weight == 12


async def test_the_beginning_of_a_symbol_is_told() -> None:
    bench = Bench()
    bench.rest.list_trades(BTC, range(1, 300))
    bench.warmer.order(BTC, 0)
    bench.warmer.order(ETH, 0)  # never traded
    await bench.warm()
    assert [(each.origin, each.warm) for each in bench.books.refills()] == [(False, False), (True, True)]
    assert [(each.trades, each.origin, each.warm) for each in bench.books.refills(ETH)] == [((), True, True)]


async def test_a_lagging_rest_is_joined_with_what_the_stream_brought() -> None:
    bench = Bench(trades=100)
    bench.rest.list_trades(BTC, range(10_000))
    bench.rest.visible["BTCUSDT"] = 9_799
    bench.books.sink(trade(9_900))
    bench.warmer.order(BTC, 0)
    async with Running(bench.warmer.run()):
        await bench.time.pass_by(0.1)
        assert bench.warmer.progress.done == 0
        bench.rest.visible["BTCUSDT"] = 9_850
        await bench.time.pass_by(0.5)
        del bench.rest.visible["BTCUSDT"]
        await bench.time.until(lambda: bench.warmer.progress.done == 1)
    assert bench.books.ids() == list(range(8_800, 9_901))
    assert [each.warm for each in bench.books.refills()].count(True) == 1
    assert bench.unjoined == []


async def test_a_rest_that_stays_behind_leaves_a_hole_to_the_repair() -> None:
    bench = Bench(trades=100)
    bench.rest.list_trades(BTC, range(9_800))
    bench.books.sink(trade(9_900))
    bench.warmer.order(BTC, 0)
    await bench.warm()
    assert [(gap.first, gap.last) for gap in bench.unjoined] == [(9_800, 9_899)]
    assert bench.books.refills()[-1].warm
    assert len(bench.rest.calls) < 12


async def test_lost_ids_are_told_with_their_page() -> None:
    bench = Bench(trades=100)
    bench.rest.list_trades(BTC, [*range(9_000, 9_500), *range(9_510, 10_000)])
    bench.warmer.order(BTC, 0)
    await bench.warm()
    assert bench.books.refills()[0].lost == ((9_500, 9_509),)
    assert bench.warmer.lost == 10


async def test_the_most_active_go_first_and_at_most_so_many_at_once() -> None:
    bench = Bench(trades=100, parallel=1)
    bench.rest.list_trades(BTC, range(200))
    bench.rest.list_trades(ETH, range(200))
    bench.warmer.order(ETH, 1)
    bench.warmer.order(BTC, 2)
    bench.warmer.order(BTC, 3)  # under way: changes nothing
    await bench.warm()
    assert [symbol for _, symbol, _, _ in bench.rest.calls] == ["BTCUSDT", "ETHUSDT"]
    assert bench.rest.most_parallel == 1
    assert bench.warmer.warmed == 2


async def test_a_fault_resumes_at_the_page_where_it_was() -> None:
    bench = Bench()
    bench.rest.list_trades(BTC, range(10_000))
    bench.warmer.order(BTC, 0)
    bench.rest.faults = [None, UpstreamFailed("down"), UpstreamBusy("full", retry_after=40)]
    await bench.warm()
    assert [first for first, _ in bench.rest.asked()] == [None, 8_000, 8_000, 8_000, 7_000]
    assert bench.books.ids() == list(range(7_000, 10_000))
    assert bench.warmer.failures == 2
    assert bench.time.now() - START >= 41_000_000


async def test_an_unknown_symbol_is_told_once_and_left() -> None:
    bench = Bench()
    bench.rest.faults = [UnknownSymbol("Invalid symbol.")]
    bench.warmer.order(BTC, 0)
    with capture_logs() as logs:
        await bench.warm()
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["cannot be warmed up"]
    assert bench.books.events == []


async def test_the_cap_is_logged() -> None:
    bench = Bench(trades=100, window=50_000_000_000, cap=2000)
    bench.rest.list_trades(BTC, range(60_000))
    bench.warmer.order(BTC, 0)
    with capture_logs() as logs:
        await bench.warm()
    assert len(bench.books.ids()) == 2000
    assert any("cap" in entry["event"] for entry in logs)


async def test_the_end_of_a_batch_is_told_with_how_long_it_took() -> None:
    bench = Bench(trades=100)
    bench.rest.list_trades(BTC, range(200))
    bench.rest.list_trades(ETH, range(200))
    bench.rest.faults = [UpstreamBusy("full", retry_after=40)]
    await bench.time.pass_by(1000)  # what was before does not count
    began = bench.time.now()
    bench.warmer.order(BTC, 0)
    bench.warmer.order(ETH, 0)
    with capture_logs() as logs:
        await bench.warm()
    (told,) = [entry for entry in logs if entry["event"] == "warm-up complete"]
    assert (told["instruments"], told["trades"]) == (2, bench.warmer.trades)
    assert 40 <= told["seconds"] <= (bench.time.now() - began) / 1e6 + 0.1


async def test_a_removed_instrument_gets_nothing_more() -> None:
    bench = Bench()
    bench.rest.list_trades(BTC, range(10_000))
    bench.warmer.order(BTC, 0)
    bench.warmer.order(ETH, 0)
    bench.rest.faults = [None, None, UpstreamFailed("down")]  # BTC, ETH, BTC again: it waits
    async with Running(bench.warmer.run()):
        await bench.time.until(lambda: bench.warmer.failures == 1)
        bench.warmer.forget(BTC.key)
        bench.warmer.forget(BTC.key)
        await bench.time.pass_by(10)
    assert len(bench.books.refills()) == 1
    assert bench.warmer.progress.total == bench.warmer.progress.done == 1


async def test_progress_counts_the_batch() -> None:
    bench = Bench(parallel=1)
    bench.rest.list_trades(BTC, range(10_000))
    bench.rest.list_trades(ETH, range(10_000))
    bench.warmer.order(BTC, 2)
    bench.warmer.order(ETH, 1)
    unknown = bench.warmer.progress
    assert (unknown.total, unknown.eta_s) == (2, None)
    bench.rest.faults = [UpstreamFailed("down")]  # so ETH is the first to be done
    async with Running(bench.warmer.run()):
        await bench.time.until(lambda: bench.warmer.progress.done == 1)
        progress = bench.warmer.progress
        assert (progress.done, progress.total) == (1, 2)
        assert progress.eta_s is not None
        await bench.time.until(lambda: bench.warmer.progress.done == 2)
    assert bench.warmer.progress.trades == 6000
    bench.warmer.order(BTC, 0)
    assert (bench.warmer.progress.done, bench.warmer.progress.total) == (0, 1)
