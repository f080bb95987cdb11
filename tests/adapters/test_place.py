"""Replacements on proof: what may be the market's or the venue's fault costs no connection that is as good."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Final

import msgspec.structs

from orderflow_stream.adapters.connections import Timing
from orderflow_stream.adapters.dial_faults import DialError, DialFault, Retry
from orderflow_stream.core.events import Trade
from orderflow_stream.core.units import US_PER_S
from orderflow_stream.feed.session import Policy
from orderflow_stream.simulator import Simulator
from tests.adapters.test_connections import QUICK, Feed, exchange, feeding, rows, spot
from tests.adapters.test_pairs import shown
from tests.pace import Lateness

S: Final = US_PER_S
BRISK: Final = Policy(fast_silence=S // 4, tick=S // 50)
SOON: Final = msgspec.structs.replace(QUICK, replace_patience=0.2, calm_patience=0.4)


async def busy(feed: Feed, sim: Simulator) -> int:
    """A flow that is known as a busy one; the newest id."""
    id_ = 0
    await feed.until(feed.ups)
    (link,) = [link for place in feed.connections._places() for link in place.links]
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(45):
        while not link.session._rhythm.busy:
            while id_ < (loop.time() - began) * 100:  # as many a second on whatever machine
                id_ += 1
                sim.publish("AUSDT", rows(id_))
            await asyncio.sleep(0.01)
    await feed.until(lambda: id_ in feed.trades("AUSDT"))
    return id_


async def test_a_busy_one_that_stands_alone_is_replaced_within_a_second_and_a_half() -> None:
    """With the limits of production; REST is asked at the same time."""
    asked: list[tuple[str, ...]] = []
    loop = asyncio.get_running_loop()
    async with exchange("AUSDT") as sim, feeding(sim.stream_url, "AUSDT", timing=Timing(), hushed=asked.append) as feed:
        newest = await busy(feed, sim)
        sim.faults.silence(connection=0)
        since = loop.time()
        tape = asyncio.create_task(published(sim, newest))
        async with Lateness() as late:
            await feed.until(feed.downs)
        took = loop.time() - since - late.seconds
        tape.cancel()
        assert feed.downs()[0].reason == "replaced (silence) by connection 2"
        assert took <= 1.5
        assert asked == [("binance:AUSDT",)]


async def published(sim: Simulator, newest: int) -> None:
    while True:
        newest += 1
        sim.publish("AUSDT", rows(newest))
        await asyncio.sleep(0.01)


async def test_one_that_falls_silent_again_while_another_was_to_prove_itself_is_asked_about_again() -> None:
    asked: list[tuple[str, ...]] = []
    timing = msgspec.structs.replace(SOON, replace_patience=20.0)
    async with (
        exchange("AUSDT") as sim,
        feeding(sim.stream_url, "AUSDT", policy=BRISK, timing=timing, hushed=asked.append) as feed,
    ):
        newest = await busy(feed, sim)
        await feed.until(lambda: len(feed.ups()) == 2)
        old, spare = [link for place in feed.connections._places() for link in place.links]
        sim.faults.silence(connection=1)
        tape = asyncio.create_task(published(sim, newest))
        await shown(lambda: old.session._rhythm.busy and not old.session.mute)
        feed.connections._shards[0].ask_from = 0
        tape.cancel()
        await shown(lambda: old.session.mute)
        await shown(lambda: len(asked) == 2)
        feed.connections.doubt("AUSDT")
        assert [(down.connection, down.reason) for down in feed.downs()] == [(1, "silent while REST has newer trades")]
        spare.condemn("dead", "gone as well")
        await feed.until(lambda: len(feed.ups()) == 3)  # neither is waited for any longer
        assert states(feed)[0] == (1, "replacing")


def test_an_answer_that_should_not_be_is_tried_again_soon_and_then_seldom() -> None:
    feed = Feed("ws://127.0.0.1:9", chance=lambda: 1.0)
    feed.connections.add([spot("AUSDT")])
    (place,) = feed.connections._places()

    def waits(fault: DialFault, retry: Retry, times: int) -> list[float]:
        return [place._failed(1, "ws://127.0.0.1:9", DialError(fault, retry, "no", "")) for _ in range(times)]

    assert waits("http", "seldom", 4) == [2.0, 5.0, 60.0, 60.0]
    assert waits("blocked", "never", 1) == [60.0]
    assert waits("refused", "backoff", 1) == [0.0]


async def test_one_odd_answer_costs_seconds_and_no_minute() -> None:
    async with exchange("AUSDT") as sim:
        sim.faults.refuse(count=2, status=400)
        async with feeding(sim.stream_url, "AUSDT", chance=lambda: 0.0) as feed:
            await feed.until(feed.ups, 10)
            assert feed.connections.stats().reconnects == {"http": 2}
            (place,) = feed.connections._places()
            assert place._odd == 0


def states(feed: Feed) -> list[tuple[int, str]]:
    return [(one.number, one.state) for one in feed.connections.stats().connections]


async def test_a_silent_one_stands_until_the_new_one_brings_newer_ids() -> None:
    async with exchange("AUSDT") as sim, feeding(sim.stream_url, "AUSDT", policy=BRISK) as feed:
        newest = await busy(feed, sim)
        sim.faults.silence(connection=0)
        await feed.until(lambda: len(feed.ups()) == 2)
        assert states(feed) == [(1, "replacing"), (2, "open")]
        assert feed.downs() == []  # two stand, and nobody knows yet
        sim.publish("AUSDT", rows(newest + 1))
        await feed.until(feed.downs)
        assert feed.downs()[0].reason == "replaced (silence) by connection 2"
        assert newest + 1 in feed.trades("AUSDT")
        assert feed.connections.stats().reconnects == {"silence": 1}


async def test_a_venue_that_stalls_costs_no_connection() -> None:
    """Neither speaks: after a while the second is given up, and the first is not judged again by the old rhythm."""
    async with (
        exchange("AUSDT") as sim,
        feeding(sim.stream_url, "AUSDT", policy=BRISK, timing=SOON) as feed,
    ):
        newest = await busy(feed, sim)
        await feed.until(lambda: feed.connections.stats().reconnects == {"unneeded": 1})
        assert states(feed) == [(1, "open")]
        sim.publish("AUSDT", rows(newest + 1))
        await feed.until(lambda: newest + 1 in feed.trades("AUSDT"))
        assert {down.connection for down in feed.downs()} == {2}
        assert sim.attempts == 2


async def test_the_old_one_speaks_again_and_the_new_one_does_not() -> None:
    async with (
        exchange("AUSDT") as sim,
        feeding(sim.stream_url, "AUSDT", policy=BRISK, timing=SOON) as feed,
    ):
        newest = await busy(feed, sim)
        await feed.until(lambda: len(feed.ups()) == 2)
        sim.faults.silence(connection=1)
        for id_ in range(newest + 1, newest + 200):
            sim.publish("AUSDT", rows(id_))
            await asyncio.sleep(0.005)
            if feed.downs():
                break
        assert {down.connection for down in feed.downs()} == {2}
        assert states(feed) == [(1, "open")]


async def test_a_symbol_in_doubt_moves_to_a_connection_that_brings_it() -> None:
    async with exchange("AUSDT", "BUSDT") as sim, feeding(sim.stream_url, "AUSDT", "BUSDT", timing=SOON) as feed:
        await feed.until(lambda: len(feed.up()) == 2)
        sim.faults.silence("BUSDT", connection=0)
        feed.connections.doubt("BUSDT")
        feed.connections.doubt("BUSDT")
        feed.connections.doubt("UNKNOWN")
        await feed.until(lambda: len(feed.up()) == 4)
        sim.publish("AUSDT", rows(1))  # that the other symbol comes by both proves nothing
        await feed.until(lambda: feed.trades("AUSDT") == [1, 1])
        assert feed.downs() == []
        sim.publish("BUSDT", rows(1))
        await feed.until(lambda: feed.connections.stats().reconnects == {"doubt": 1})
        assert feed.trades("BUSDT") == [1]
        assert states(feed) == [(2, "open")]


async def test_a_symbol_that_no_connection_brings_is_not_tried_again_and_again() -> None:
    async with exchange("AUSDT") as sim, feeding(sim.stream_url, "AUSDT", timing=SOON) as feed:
        await feed.until(feed.ups)
        feed.connections.doubt("AUSDT")
        await feed.until(lambda: feed.connections.stats().reconnects == {"unneeded": 1})
        for _ in range(5):
            feed.connections.doubt("AUSDT")
        sim.publish("AUSDT", rows(1))
        await feed.until(lambda: feed.trades("AUSDT") == [1])
        assert sim.attempts == 2
        assert states(feed) == [(1, "open")]


async def test_a_replacement_whose_subscriptions_are_not_answered_is_given_up() -> None:
    """What rides in the URL is up; the rest is asked for in a frame that this server ignores."""
    symbols = [f"SYM{n}USDT" for n in range(120)]
    async with exchange(*symbols) as sim, feeding(sim.stream_url, *symbols, timing=SOON) as feed:
        await feed.until(lambda: len(feed.up()) == 120)
        (link,) = [link for place in feed.connections._places() for link in place.links]
        limits = sim.streams.limits
        sim.streams.limits = dataclasses.replace(limits, max_control_bytes=10)
        link.condemn("age")
        await feed.until(lambda: feed.connections.stats().reconnects.get("unanswered", 0) >= 1)
        assert (1, "replacing") in states(feed)
        assert 1 not in {down.connection for down in feed.downs()}
        sim.streams.limits = limits
        await feed.until(lambda: feed.connections.stats().reconnects.get("age") == 1)
        assert len({key for number, key in feed.up() if number > 2}) == 120


async def test_what_is_on_its_way_by_the_old_one_is_read_to_its_end() -> None:
    """The old one is a second behind when it is to go: it goes when it is as far as the new one was at first."""
    timing = msgspec.structs.replace(QUICK, replace_patience=5.0)
    async with exchange("AUSDT") as sim, feeding(sim.stream_url, "AUSDT", timing=timing) as feed:
        await feed.until(feed.ups)
        sim.faults.pause(0)
        sim.publish("AUSDT", rows(*range(1, 50)))
        link = next(link for place in feed.connections._places() for link in place.links)
        link.condemn("age")
        await feed.until(lambda: len(feed.ups()) == 2)
        sim.publish("AUSDT", rows(*range(50, 60)))
        await feed.until(lambda: 59 in feed.trades("AUSDT"))
        await shown(lambda: feed.connections.stats().connections[0].state == "replacing")
        sim.faults.resume(0)
        await feed.until(lambda: feed.connections.stats().reconnects == {"age": 1})
        assert set(feed.trades("AUSDT")) >= set(range(1, 60))
        assert any(isinstance(event, Trade) and event.id == 1 for event in feed.events)
