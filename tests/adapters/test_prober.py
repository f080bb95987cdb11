"""Probes: what REST knows, unless the stream knew better; and ids that begin anew."""

from structlog.testing import capture_logs

from orderflow_stream.adapters.pages import Pages
from orderflow_stream.adapters.prober import Prober
from orderflow_stream.core.events import Instrument, Probe, Restarted
from orderflow_stream.feed.errors import UnknownSymbol, UpstreamFailed
from orderflow_stream.venues.binance import BinanceSpot
from tests.adapters.rest_kit import BTC, ETH, START, Running, SetBooks, TapeRest, VirtualTime, trade


class Bench:
    """A prober over tapes in memory."""

    def __init__(self) -> None:
        self.time = VirtualTime()
        self.rest = TapeRest(self.time)
        self.books = SetBooks(BTC, ETH)
        self.restarted: list[Instrument] = []
        self.doubtful: set[str] = set()
        self.up: dict[str, int] = {}
        self.prober = Prober(
            Pages(self.rest, BinanceSpot(), self.time.now),
            self.books,
            self.books.sink,
            restarted=self.restarted.append,
            now=self.time.now,
            sleep=self.time.sleep,
            doubtful=self.doubtful.__contains__,
            up_since=lambda key: self.up.get(key, -1),
        )

    def probes(self) -> list[tuple[str, int | None]]:
        return [(each.instrument, each.newest_id) for each in self.books.events if isinstance(each, Probe)]

    async def run(self, seconds: float = 5) -> None:
        async with Running(self.prober.run()):
            await self.time.pass_by(seconds)


async def test_the_newest_id_is_told_with_the_time_of_asking() -> None:
    bench = Bench()
    bench.rest.list_trades(BTC, range(100))
    bench.prober.order(BTC, 0)
    bench.prober.order(BTC, 0)
    bench.prober.order(ETH, 1)
    await bench.run()
    assert bench.probes() == [(ETH.key, None), (BTC.key, 99)]
    assert bench.rest.calls == [("probe", "ETHUSDT", None, 1), ("probe", "BTCUSDT", None, 1)]
    (probe,) = [each for each in bench.books.events if isinstance(each, Probe) and each.instrument == BTC.key]
    assert START - 1_000_000 < probe.ts <= START


async def test_a_trade_that_came_meanwhile_proves_more_than_a_probe() -> None:
    bench = Bench()
    bench.books.sink(trade(98))
    bench.prober.order(BTC, 0)
    bench.books.sink(trade(99))
    await bench.run()
    assert bench.rest.calls == []
    bench.prober.order(BTC, 0)
    bench.rest.list_trades(BTC, range(100))
    await bench.run()
    assert bench.probes() == [(BTC.key, 99)], "it may be ordered again"


async def test_what_is_still_in_doubt_is_asked_whatever_came() -> None:
    bench = Bench()
    bench.books.sink(trade(98))
    bench.rest.list_trades(BTC, range(100))
    bench.doubtful.add(BTC.key)
    bench.prober.order(BTC, 0)
    bench.books.sink(trade(99))  # by a refill, say: that proves nothing
    await bench.run()
    assert bench.probes() == [(BTC.key, 99)]


async def test_a_fault_only_delays() -> None:
    bench = Bench()
    bench.rest.list_trades(BTC, range(100))
    bench.rest.faults = [UpstreamFailed("down"), UpstreamFailed("down")]
    bench.prober.order(BTC, 0)
    await bench.run(2)
    assert bench.probes() == []
    async with Running(bench.prober.run()):
        bench.prober.forget(BTC.key)
        bench.prober.order(BTC, 0)
        await bench.time.pass_by(20)
    assert bench.probes() == [(BTC.key, 99)]


async def test_a_database_that_lags_proves_nothing_and_is_no_restart() -> None:
    bench = Bench()
    bench.books.sink(trade(120))
    bench.prober.order(BTC, 0)
    async with Running(bench.prober.run()):
        await bench.time.pass_by(0.5)  # empty, though there are trades
        bench.rest.list_trades(BTC, range(100))
        await bench.time.pass_by(1)
        assert len(bench.rest.calls) == 2
        assert bench.probes() == []
        bench.rest.list_trades(BTC, range(121))
        await bench.time.pass_by(5)
    assert bench.probes() == [(BTC.key, 120)]
    assert bench.restarted == []


async def test_lower_ids_at_a_later_time_are_a_restart_if_told_twice() -> None:
    bench = Bench()
    bench.books.sink(trade(50_000, ts=START - 60_000_000))
    bench.rest.tapes["BTCUSDT"] = {7: trade(7, ts=START - 1_000_000)}
    bench.prober.order(BTC, 0)
    with capture_logs() as logs:
        await bench.run()
    assert len(bench.rest.calls) == 2
    assert [type(each) for each in bench.books.events[1:]] == [Restarted]
    assert bench.restarted == [BTC]
    assert bench.prober.restarts == 1
    assert [entry["log_level"] for entry in logs] == ["warning"]


async def test_one_odd_answer_restarts_nothing() -> None:
    bench = Bench()
    bench.books.sink(trade(50_000, ts=START - 60_000_000))
    bench.rest.tapes["BTCUSDT"] = {7: trade(7, ts=START - 1_000_000)}
    bench.prober.order(BTC, 0)
    async with Running(bench.prober.run()):
        await bench.time.until(lambda: bench.time.slept == [2.0])
        bench.rest.tapes["BTCUSDT"] = {50_000: trade(50_000)}
        await bench.time.pass_by(5)
    assert bench.probes() == [(BTC.key, 50_000)]
    assert bench.restarted == []


async def test_a_removed_or_unknown_symbol_is_left() -> None:
    bench = Bench()
    bench.prober.order(BTC, 0)
    bench.prober.forget(BTC.key)
    bench.rest.faults = [UnknownSymbol("no")]
    bench.prober.order(ETH, 0)
    with capture_logs() as logs:
        await bench.run()
        bench.rest.faults = [UnknownSymbol("no")]
        bench.prober.order(ETH, 0)
        await bench.run()
    assert bench.probes() == []
    assert [entry["instrument"] for entry in logs] == [ETH.key], "asked twice, said once"


async def test_a_silent_stream_gets_a_moment_to_bring_what_rest_has() -> None:
    bench = Bench()
    bench.books.sink(trade(98))
    bench.rest.list_trades(BTC, range(100))
    bench.prober.order(BTC, 0, silent=True)
    async with Running(bench.prober.run()):
        await bench.time.pass_by(0.29)
        assert bench.probes() == []
        await bench.time.pass_by(0.02)
    (probe,) = [each for each in bench.books.events if isinstance(each, Probe)]
    assert (probe.newest_id, probe.silent) == (99, True)
    assert probe.ts <= START


async def test_a_race_of_milliseconds_is_no_silence() -> None:
    bench = Bench()
    bench.books.sink(trade(98))
    bench.rest.list_trades(BTC, range(100))
    bench.prober.order(BTC, 0, silent=True)
    async with Running(bench.prober.run()):
        await bench.time.pass_by(0.2)
        bench.books.sink(trade(99))
        await bench.time.pass_by(1)
        assert bench.probes() == []
        bench.prober.order(BTC, 0, silent=True)
        await bench.time.pass_by(1)
    (probe,) = [each for each in bench.books.events if isinstance(each, Probe)]
    assert (probe.newest_id, probe.silent) == (99, False), "a calm market"


async def test_what_was_traded_before_a_stream_was_there_is_not_laid_at_its_door() -> None:
    """An outage's trades are newer than ours, and no sign that who is connected since hears nothing."""
    for up, id_, silent in ((2.0, 10_000, False), (2.0, 10_003, True), (-31.0, 9_960, True)):
        bench = Bench()
        bench.books.sink(trade(9_900))
        bench.rest.list_trades(BTC, range(9_900, id_ + 1))
        bench.up[BTC.key] = START + round(up * 1e6)
        bench.time.advance(5)
        bench.prober.order(BTC, 0, silent=True)
        await bench.run()
        (probe,) = [each for each in bench.books.events if isinstance(each, Probe)]
        assert (probe.newest_id, probe.silent) == (id_, silent), "it is missing all the same"


async def test_a_removed_symbol_is_not_silent() -> None:
    bench = Bench()
    bench.books.sink(trade(98))
    bench.rest.list_trades(BTC, range(100))
    bench.prober.order(BTC, 0)
    bench.prober.order(BTC, 0, silent=True)
    async with Running(bench.prober.run()):
        await bench.time.pass_by(0.1)
        bench.prober.forget(BTC.key)
        await bench.time.pass_by(1)
    assert bench.probes() == []
