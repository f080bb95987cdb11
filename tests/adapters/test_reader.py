"""Reads that somebody waits for: shared, fed before the answer, bounded, ended by deadlines."""

import asyncio

import pytest

from orderflow_stream.adapters.reader import Reader
from orderflow_stream.feed.demand import IDLE, Demand
from orderflow_stream.feed.errors import UnknownSymbol, UpstreamBusy, UpstreamFailed
from orderflow_stream.venues.binance import BinanceSpot
from tests.adapters.rest_kit import BTC, SECOND, START, ManualClock, SetBooks, TapeRest

LATER = START + 60 * SECOND


class Bench:
    """A reader over tapes in memory."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.rest = TapeRest(self.clock)
        self.books = SetBooks(BTC)
        self.reader = Reader(self.rest, BinanceSpot(), self.books, self.books.sink, now=self.clock.now, demand=Demand())


async def test_a_first_read_feeds_before_it_answers() -> None:
    bench = Bench()
    bench.rest.list_trades(BTC, range(10_000))
    result = await bench.reader.read(BTC, trades=1500, window=None, fresh=False, deadline=LATER)
    assert (result.reaches_back, result.promote, result.pages) == (True, False, 2)
    assert bench.books.ids() == list(range(8_000, 10_000))
    assert [each.warm for each in bench.books.refills()] == [False, True]
    assert {kind for kind, *_ in bench.rest.calls} == {"user"}


async def test_of_what_a_stream_took_over_the_warm_up_says_that_it_is_warm() -> None:
    bench = Bench()
    bench.rest.list_trades(BTC, range(10_000))
    bench.books.taken_over.add(BTC.key)
    result = await bench.reader.read(BTC, trades=1500, window=None, fresh=False, deadline=LATER)
    assert result.reaches_back
    assert [each.warm for each in bench.books.refills()] == [False, False]


async def test_the_second_request_is_cheap_and_makes_it_a_stream() -> None:
    bench = Bench()
    bench.rest.list_trades(BTC, range(10_000))
    await bench.reader.read(BTC, trades=1000, window=None, fresh=False, deadline=LATER)
    bench.rest.list_trades(BTC, range(10_000, 10_005))
    result = await bench.reader.read(BTC, trades=1000, window=None, fresh=False, deadline=LATER)
    assert result.promote
    assert bench.rest.asked() == [(None, 1000), (10_000, 1000)]
    assert bench.books.newest_id(BTC.key) == 10_004
    assert bench.reader.tick(bench.clock.now() + IDLE) == (BTC.key,)


async def test_a_window_beyond_the_bound_says_that_it_does_not_reach_back() -> None:
    bench = Bench()
    bench.rest.list_trades(BTC, range(10_000))
    result = await bench.reader.read(BTC, trades=100, window=9_000 * SECOND, fresh=False, deadline=LATER)
    assert (result.reaches_back, result.pages) == (False, 5)


async def test_callers_at_the_same_time_share_one_read() -> None:
    bench = Bench()
    bench.rest.list_trades(BTC, range(10_000))
    results = await asyncio.gather(
        *(bench.reader.read(BTC, trades=1000, window=None, fresh=False, deadline=LATER) for _ in range(20))
    )
    assert len(bench.rest.calls) == 1
    assert [result.promote for result in results] == [False] + [True] * 19
    assert (bench.reader.reads, bench.reader.shared) == (1, 19)


async def test_who_wants_more_than_the_read_under_way_reads_the_rest() -> None:
    bench = Bench()
    bench.rest.list_trades(BTC, range(10_000))
    small, large = await asyncio.gather(
        bench.reader.read(BTC, trades=1000, window=None, fresh=False, deadline=LATER),
        bench.reader.read(BTC, trades=3000, window=None, fresh=False, deadline=LATER),
    )
    assert small.pages == 1
    assert large.reaches_back
    assert bench.rest.asked() == [(None, 1000), (10_000, 1000), (8_000, 1000), (7_000, 1000)]


async def test_fresh_asks_for_what_is_newer_and_is_no_request_on_demand() -> None:
    bench = Bench()
    bench.rest.list_trades(BTC, range(10_000))
    await bench.reader.read(BTC, trades=1000, window=None, fresh=False, deadline=LATER)
    bench.reader.demand.forget(BTC.key)
    bench.rest.list_trades(BTC, range(10_000, 10_003))
    result = await bench.reader.read(BTC, trades=5000, window=None, fresh=True, deadline=LATER)
    assert not result.promote
    assert BTC.key not in bench.reader.demand
    assert bench.rest.asked()[1:] == [(10_000, 1000)]
    assert bench.books.newest_id(BTC.key) == 10_002
    empty = await bench.reader.read(BTC, trades=5000, window=None, fresh=True, deadline=LATER)
    assert empty.pages == 1
    assert bench.books.refills()[-1].trades == (), "fed though empty: nothing newer existed when we asked"


async def test_too_far_behind_the_tape_begins_anew() -> None:
    bench = Bench()
    bench.rest.list_trades(BTC, range(1000))
    await bench.reader.read(BTC, trades=1000, window=None, fresh=False, deadline=LATER)
    bench.rest.list_trades(BTC, range(1000, 100_000))
    bench.clock.us = START + 90_000 * SECOND
    deadline = bench.clock.now() + 60 * SECOND
    result = await bench.reader.read(BTC, trades=2000, window=None, fresh=False, deadline=deadline)
    assert result.reaches_back
    assert bench.books.resets == 1
    assert bench.books.ids() == list(range(98_000, 100_000))


@pytest.mark.parametrize("error", [UpstreamFailed("down"), UpstreamBusy("full", retry_after=9), UnknownSymbol("no")])
async def test_errors_reach_every_caller_and_the_next_read_begins_again(error: Exception) -> None:
    bench = Bench()
    bench.rest.list_trades(BTC, range(1000))
    bench.rest.faults = [error]
    results = await asyncio.gather(
        *(bench.reader.read(BTC, trades=1000, window=None, fresh=False, deadline=LATER) for _ in range(2)),
        return_exceptions=True,
    )
    assert results == [error, error]
    assert (BTC.key in bench.reader.demand) is not isinstance(error, UnknownSymbol)
    result = await bench.reader.read(BTC, trades=1000, window=None, fresh=False, deadline=LATER)
    assert result.reaches_back


async def test_a_deadline_ends_the_wait_and_not_the_read() -> None:
    bench = Bench()
    bench.rest.list_trades(BTC, range(1000))
    bench.rest.gate = asyncio.Event()
    with pytest.raises(UpstreamFailed, match="in time"):
        await bench.reader.read(BTC, trades=1000, window=None, fresh=False, deadline=START + 20_000)
    second = asyncio.create_task(bench.reader.read(BTC, trades=1000, window=None, fresh=False, deadline=LATER))
    await asyncio.sleep(0)
    bench.rest.gate.set()
    assert (await second).reaches_back
    assert len(bench.rest.calls) == 1


async def test_closing_ends_reads_and_tells_their_callers() -> None:
    bench = Bench()
    bench.rest.gate = asyncio.Event()
    read = asyncio.create_task(bench.reader.read(BTC, trades=1000, window=None, fresh=False, deadline=LATER))
    await asyncio.sleep(0)
    await bench.reader.close()
    with pytest.raises(UpstreamFailed, match="ended"):
        await read
