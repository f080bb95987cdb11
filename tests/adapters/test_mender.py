"""Repairs: after the delay, one fetch an instrument, through every outage, lost only when proven."""

import asyncio

from structlog.testing import capture_logs

from orderflow_stream.adapters.mender import Mender
from orderflow_stream.adapters.pages import Pages
from orderflow_stream.core.events import GapFound, Instrument
from orderflow_stream.feed.errors import Blocked, UpstreamBusy, UpstreamFailed
from orderflow_stream.feed.repair import DELAY, LOST_WAITS, Repair
from orderflow_stream.venues.binance import BinanceSpot
from tests.adapters.rest_kit import BTC, ETH, SECOND, START, Running, SetBooks, TapeRest, VirtualTime, trade


class Bench:
    """A mender over tapes in memory; `gap` makes a tape with a hole and reports it."""

    def __init__(self) -> None:
        self.time = VirtualTime()
        self.rest = TapeRest(self.time)
        self.books = SetBooks(BTC, ETH)
        self.mender = Mender(
            Pages(self.rest, BinanceSpot(), self.time.now),
            self.books,
            self.books.sink,
            Repair(),
            instrument_of=self.books.instruments.get,
            now=self.time.now,
            sleep=self.time.sleep,
        )

    def gap(self, first: int, last: int, instrument: Instrument = BTC) -> None:
        self.books.sink(trade(first - 1, instrument=instrument))
        self.books.sink(trade(last + 1, instrument=instrument))
        self.mender.found(GapFound(instrument.key, first, last, self.time.now()))

    def running(self) -> Running:
        return Running(self.mender.run())


async def test_a_hole_is_filled_after_the_delay() -> None:
    bench = Bench()
    bench.rest.list_trades(BTC, range(200))
    async with bench.running():
        await bench.time.pass_by(1)
        bench.gap(100, 109)
        await bench.time.pass_by(DELAY / 1e6 - 0.001)
        assert bench.rest.calls == []
        await bench.time.pass_by(0.002)
    assert bench.rest.calls == [("repair", "BTCUSDT", 100, 11)]
    (refill,) = bench.books.refills()
    assert refill.repair
    assert not refill.warm
    assert refill.lost == ()
    assert bench.books.ids() == list(range(99, 111))
    assert bench.mender.trades == 11


async def test_a_hole_that_late_frames_fill_is_not_asked_for() -> None:
    bench = Bench()
    async with bench.running():
        bench.gap(100, 109)
        await bench.time.pass_by(0.05)
        bench.mender.filled(BTC.key, ((100, 109),))
        await bench.time.pass_by(1)
    assert bench.rest.calls == []


async def test_what_rest_does_not_have_is_lost_and_asked_for_again_later() -> None:
    bench = Bench()
    bench.rest.list_trades(BTC, [*range(104), *range(108, 200)])
    async with bench.running():
        bench.gap(100, 109)
        with capture_logs() as logs:
            await bench.time.pass_by(1)
        assert [refill.lost for refill in bench.books.refills()] == [((104, 107),)]
        assert [entry["count"] for entry in logs] == [4]
        bench.rest.list_trades(BTC, range(200))
        await bench.time.pass_by(LOST_WAITS[0] / 1e6 + 1)
    assert bench.books.ids()[:12] == list(range(99, 111))
    assert bench.mender.lost == 4
    assert bench.mender.holes.instruments() == []


async def test_a_lagging_rest_proves_nothing_lost() -> None:
    bench = Bench()
    bench.rest.list_trades(BTC, range(200))
    bench.rest.visible["BTCUSDT"] = 104
    async with bench.running():
        bench.gap(100, 109)
        await bench.time.pass_by(2)
        assert bench.books.ids() == [*range(99, 105), 110]
        del bench.rest.visible["BTCUSDT"]
        await bench.time.pass_by(5)
    assert bench.books.ids() == list(range(99, 111))
    assert all(refill.lost == () for refill in bench.books.refills())
    assert len(bench.rest.calls) < 8


async def test_holes_survive_outages_without_a_tight_loop() -> None:
    bench = Bench()
    bench.rest.list_trades(BTC, range(200))
    bench.rest.faults = [UpstreamFailed("down")] * 20
    async with bench.running():
        bench.gap(100, 109)
        await bench.time.pass_by(60)
        assert 5 < len(bench.rest.calls) < 12
        await bench.time.pass_by(1200)
    assert bench.books.ids() == list(range(99, 111))
    assert bench.mender.failures == 20


async def test_a_busy_or_blocked_venue_is_left_in_peace() -> None:
    bench = Bench()
    bench.rest.list_trades(BTC, range(200))
    bench.rest.faults = [UpstreamBusy("stop", retry_after=300), Blocked("451", retry="never")]
    async with bench.running():
        bench.gap(100, 109)
        await bench.time.pass_by(299)
        assert len(bench.rest.calls) == 1
        await bench.time.pass_by(30)
        assert len(bench.rest.calls) == 2
        await bench.time.pass_by(29)
        assert len(bench.rest.calls) == 2
        await bench.time.pass_by(10)
    assert bench.books.ids() == list(range(99, 111))


async def test_one_fetch_at_a_time_an_instrument_but_instruments_in_parallel() -> None:
    bench = Bench()
    bench.rest.gate = asyncio.Event()
    for instrument in (BTC, ETH):
        bench.rest.list_trades(instrument, range(5_000))
    async with bench.running():
        bench.gap(100, 109)
        bench.gap(2_000, 2_009)
        bench.gap(100, 109, ETH)
        await bench.time.pass_by(1)
        assert sorted(symbol for _, symbol, _, _ in bench.rest.calls) == ["BTCUSDT", "ETHUSDT"]
        bench.gap(4_000, 4_000)
        await bench.time.pass_by(1)
        assert len(bench.rest.calls) == 2
        bench.rest.gate.set()
        await bench.time.pass_by(1)
    assert bench.books.ids()[:14] == [*range(99, 111), 1_999, 2_000]
    assert 4_000 in bench.books.ids()


async def test_a_long_hole_is_read_page_by_page() -> None:
    bench = Bench()
    bench.rest.list_trades(BTC, range(5_000))
    async with bench.running():
        bench.gap(100, 3_599)
        await bench.time.pass_by(1)
    assert bench.rest.asked() == [(100, 1000), (1_100, 1000), (2_100, 1000), (3_100, 501)]
    assert bench.books.ids() == list(range(99, 3_601))


async def test_what_the_tape_no_longer_holds_is_not_fetched() -> None:
    bench = Bench()
    bench.rest.list_trades(BTC, range(200))
    async with bench.running():
        bench.gap(100, 109)
        del bench.books.tapes[BTC.key][99]  # the tape has moved on: its oldest trade is 110
        await bench.time.pass_by(5)
        assert bench.rest.calls == []
        bench.gap(120, 121, ETH)
        del bench.books.instruments[ETH.key]
        await bench.time.pass_by(5)
    assert bench.rest.calls == []
    assert bench.mender.holes.instruments() == []


async def test_an_instrument_that_goes_while_it_waits_for_its_turn() -> None:
    bench = Bench()
    bench.rest.list_trades(BTC, range(200))
    bench.rest.faults = [UpstreamFailed("down")]
    async with bench.running():
        bench.gap(100, 109)
        await bench.time.until(lambda: bench.mender.failures == 1)
        bench.mender.holes.forget(BTC.key)
        await bench.time.pass_by(100)
        assert len(bench.rest.calls) == 1
        bench.gap(100, 109)
        await bench.time.pass_by(1)
    assert bench.books.ids() == list(range(99, 111))
    assert bench.time.now() > START + 100 * SECOND


async def test_a_refusal_is_told_once_and_put_again_on_a_schedule() -> None:
    bench = Bench()
    bench.rest.list_trades(BTC, range(200))
    bench.rest.faults = [Blocked("451", retry="never", hint="elsewhere")] * 3
    async with bench.running():
        bench.gap(100, 109)
        with capture_logs() as logs:
            await bench.time.pass_by(3_000)
            assert len(bench.rest.calls) == 3
            await bench.time.pass_by(1_000)
    assert [(entry["log_level"], entry["hint"]) for entry in logs] == [("error", "elsewhere")]
    assert bench.books.ids() == list(range(99, 111))


async def test_a_gap_with_a_time_of_the_far_future_is_filled_now() -> None:
    bench = Bench()
    bench.rest.list_trades(BTC, range(200))
    async with bench.running():
        bench.books.sink(trade(99))
        bench.books.sink(trade(110))
        bench.mender.found(GapFound(BTC.key, 100, 109, START + 86_400 * SECOND))
        await bench.time.pass_by(1)
    assert bench.books.ids() == list(range(99, 111))
