"""The same tape with everything that can go wrong on the way: the same answers, complete, and no id missing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import pytest

from orderflow_stream.simulator.garbage import KINDS
from orderflow_stream.simulator.rest_faults import RestKind
from tests.reference import oracle
from tests.tapes.answers import assert_coverage
from tests.tapes.kit import tape, until
from tests.tapes.rig import Play, playing

Fault = Callable[[Play], Awaitable[None]]

# -- the connection --------------------------------------------------------------------------------------------------


async def cut_by_reset(play: Play) -> None:
    """A TCP reset; trades go on meanwhile."""
    play.sim.faults.cut()
    play.publish(700)
    await play.down()
    play.publish(7)
    await play.subscribed()
    play.publish(100)
    await play.settled()
    assert play.reconnects() == 1
    assert play.counters.gaps >= 1
    assert play.counters.refilled >= 7


async def cut_with_a_code(play: Play) -> None:
    """A close frame with a code, three times."""
    for count in (1, 2, 3):
        play.sim.faults.cut(code=1008, reason="disconnected")
        await play.down()
        play.publish(50)
        await play.subscribed()
        play.publish(20)
        await play.settled()
        assert play.reconnects() == count
    assert play.counters.gaps == 3
    assert play.counters.refilled == 150


async def cut_and_then_calm(play: Play) -> None:
    """Nothing trades after the reconnect: only a question to REST can tell what was missed."""
    play.sim.faults.cut()
    await play.down()
    play.publish(300)
    await play.subscribed()
    await play.settled()
    assert play.daemon.backfiller.counters.probes >= 1
    assert play.counters.refilled == 300


async def cut_and_nothing_missed(play: Play) -> None:
    """Nothing traded while it was down: a question to REST proves it."""
    play.sim.faults.cut()
    await play.down()
    await play.subscribed()
    await play.settled()
    assert play.daemon.backfiller.counters.probes >= 1
    assert play.counters.gaps == 0


async def silence_then_cut(play: Play) -> None:
    """Trades that an open socket never brings, then the socket goes."""
    play.sim.faults.silence(play.symbol)
    play.publish(400)
    await play.sim.drained()
    play.sim.faults.cut()
    await play.down()
    play.sim.faults.speak()
    await play.subscribed()
    play.publish(30)
    await play.settled()
    assert play.counters.gap_trades >= 400
    assert play.counters.refilled >= 400


async def silence_on_an_open_socket(play: Play) -> None:
    """Trades that are never sent, on a connection that goes on afterwards."""
    play.sim.faults.silence(play.symbol)
    play.publish(400)
    play.sim.faults.speak()
    play.publish(1)
    await play.settled()
    assert play.reconnects() == 0
    assert play.counters.gaps == 1
    assert play.counters.refilled == 400


async def refused_connections(play: Play) -> None:
    """The venue is down: two attempts are refused, the third is not."""
    play.sim.faults.refuse(count=2)
    play.sim.faults.cut()
    await play.down()
    play.publish(200)
    await play.subscribed()
    play.publish(10)
    await play.settled()
    assert play.sim.attempts == 4
    assert play.reconnects() == 3
    assert play.counters.refilled == 200


async def server_shutdown(play: Play) -> None:
    """`serverShutdown`: the new connection is there before the old one goes, so nothing is missed."""
    play.sim.faults.shutdown(delay=0.4)
    await play.subscribed(2)
    play.publish(300)
    await play.arrived()
    await until(lambda: play.sim.connections[0].close_code is not None, "the old one is closed")
    await until(lambda: len(play.book.connections) == 1, "one is left")
    play.publish(50)
    await play.settled()
    assert play.counters.gaps == 0
    assert play.reconnects() == 1


async def stall(play: Play) -> None:
    """The venue writes nothing for a while, then everything."""
    play.sim.faults.pause()
    play.publish(600)
    assert play.counters.received < play.at
    play.sim.faults.resume()
    await play.settled()
    assert play.counters.gaps == 0
    assert play.reconnects() == 0


async def drip(play: Play) -> None:
    """Frames in pieces."""
    play.sim.faults.drip(chunk=7, interval=0.0, count=60)
    play.publish(60)
    await play.settled()
    assert play.counters.gaps == 0
    play.sim.faults.drip(chunk=1, interval=0.0, count=3)
    play.publish(3)
    await play.settled()
    assert play.rejected() == 0


# -- the trades ------------------------------------------------------------------------------------------------------


async def skip_one(play: Play) -> None:
    await _skip(play, 1)


async def skip_some(play: Play) -> None:
    await _skip(play, 37)


async def skip_more_than_a_page(play: Play) -> None:
    await _skip(play, 2_300)


async def skip_again_and_again(play: Play) -> None:
    """Many holes, close to each other."""
    for _ in range(25):
        play.sim.faults.skip(play.symbol, count=3)
        play.publish(3 + 8)
    await play.settled()
    assert play.counters.gaps == 25
    assert play.counters.refilled == 75


async def _skip(play: Play, count: int) -> None:
    play.publish(20)
    play.sim.faults.skip(play.symbol, count=count)
    play.publish(count + 40)
    await play.arrived()
    assert play.book.state == "gap"
    answer = await play.api.get("/v1/flow", symbol=play.symbol, trades=100)
    assert answer["coverage"]["complete"] is False
    assert answer["coverage"]["missing_total"] == count
    await play.settled()
    assert (play.counters.gaps, play.counters.gap_trades, play.counters.refilled) == (1, count, count)
    gaps = await play.api.get("/v1/gaps", symbol=play.symbol)
    assert [gap["status"] for gap in gaps["gaps"]] == ["repaired"]


async def repeat(play: Play) -> None:
    """Each trade three times."""
    play.sim.faults.repeat(3, count=500)
    play.publish(500)
    await play.settled()
    await until(lambda: play.counters.duplicate == 1000, lambda: f"1000 duplicates: {play.counters}")


async def replay(play: Play) -> None:
    """Trades of long ago again."""
    play.sim.faults.replay(play.symbol, 900)
    play.publish(100)
    play.sim.faults.replay(play.symbol, 100)
    await play.settled()
    await until(lambda: play.counters.duplicate == 1000, lambda: f"1000 duplicates: {play.counters}")
    assert play.counters.gaps == 0


async def out_of_order(play: Play) -> None:
    """Stretches of trades in another order."""
    for count in (2, 10, 400):
        play.sim.faults.shuffle(play.symbol, count)
        play.publish(count + 5)
    await play.settled()
    assert play.counters.late > 100
    assert play.counters.lost == 0


async def two_connections_disagree(play: Play) -> None:
    """While two connections overlap, each misses what the other has."""
    play.sim.faults.shutdown(delay=0.5)
    await play.subscribed(2)
    play.sim.faults.skip(play.symbol, count=40, connection=-1)
    play.publish(40)
    play.sim.faults.skip(play.symbol, count=40, connection=0)
    play.publish(40)
    await play.settled()
    assert play.counters.duplicate == 0
    assert play.counters.lost == 0


FAULTS: Final = (
    *(cut_by_reset, cut_with_a_code, cut_and_then_calm, cut_and_nothing_missed, silence_then_cut),
    *(silence_on_an_open_socket, refused_connections, server_shutdown, stall, drip),
    *(skip_one, skip_some, skip_more_than_a_page, skip_again_and_again),
    *(repeat, replay, out_of_order, two_connections_disagree),
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
async def test_faults_of_the_stream(fault: Fault) -> None:
    async with playing(tape(FAULTS.index(fault))) as play:
        play.publish(100)
        await play.arrived()
        await fault(play)
        play.publish(min(200, play.left))
        await play.settled()
        assert play.counters.lost == 0
        await play.assert_whole()


@pytest.mark.parametrize("number", range(2))
async def test_garbage(number: int) -> None:
    """Frames of every kind that are no trades change nothing, and are counted."""
    async with playing(tape(number)) as play:
        for told, kind in enumerate(KINDS):
            play.publish(50)
            play.sim.faults.garbage(kind, count=2)
            play.publish(50)
            await play.settled()
            assert play.rejected() == 2 * (told + 1), kind
        await play.assert_whole()
        assert play.counters.gaps == 0
        assert play.reconnects() == 0


CORRUPT: Final = [
    *[("a", value) for value in ('"x"', "-1", "null", "1e3", "9007199254740993", "4611686018427387904")],
    *[
        ("p", value)
        for value in ('"1e5"', '"NaN"', '"-1"', "null", '""', '"0.000000001"', '"0"', '"99999999999999999999"')
    ],
    *[("q", value) for value in ('"inf"', '"0.00000000"', '"-0.5"', "true", "{}", "[]")],
    *[(fill, value) for fill in "fl" for value in ('"x"', "1.5", "null", '"7"')],
]


@pytest.mark.parametrize("number", range(2))
async def test_a_corrupt_field(number: int) -> None:
    """A trade with one unreadable or absurd member is asked of REST, which has the truth."""
    async with playing(tape(number + 2)) as play:
        for told, (field, value) in enumerate(CORRUPT, 1):
            play.publish(20)
            play.sim.faults.corrupt(play.symbol, 1, field, value)
            play.publish(60)
            await play.arrived()
            assert play.rejected() + sum(play.counters.dropped.values()) == told, (field, value)
        await play.settled()
        await play.assert_whole()
        assert play.counters.refilled == len(CORRUPT)
        assert play.counters.lost == 0


@pytest.mark.parametrize(
    "kind", ["429", "418", "500", "502", "503", "html", "empty", "truncated", "slow", "timeout", "reset"]
)
async def test_rest_fails_during_a_repair(kind: RestKind) -> None:
    async with playing(tape(len(kind))) as play:
        play.publish(100)
        before = len(play.sim.calls)
        play.sim.faults.rest(kind, count=2, path="aggTrades", retry_after=1, delay=0.3 if kind == "slow" else 0.0)
        play.sim.faults.skip(play.symbol, count=60)
        play.publish(200)
        await play.arrived()
        assert play.book.open_ranges()
        await play.settled()
        await play.assert_whole()
        calls = [call for call in list(play.sim.calls)[before:] if call.path.endswith("aggTrades")]
        assert len(calls) >= (1 if kind == "slow" else 2 if kind in {"429", "418"} else 3), calls
        assert play.counters.refilled == 60
        assert play.counters.lost == 0


@pytest.mark.parametrize("kind", ["451", "403"])
async def test_rest_refuses_for_good(kind: RestKind) -> None:
    """No answer to be had: the hole stays declared, is never called lost, and no answer over it complete."""
    async with playing(tape(3)) as play:
        play.sim.faults.rest(kind, path="aggTrades")
        play.publish(100)
        play.sim.faults.skip(play.symbol, count=5)
        missing = play.publish(205)[:5]
        await until(lambda: play.daemon.backfiller.counters.failures >= 1, "REST was asked")
        await play.arrived()
        play.hidden.update(row.id for row in missing)
        for trades in (100, 777):
            data = await play.api.get("/v1/flow", symbol=play.symbol, trades=trades)
            about = oracle.flow(play.told, trades=trades, symbol=play.symbol, quote=play.material.quote)
            oracle.assert_same(data, about, ignore=("note", "coverage", "window"))
            assert data["coverage"]["complete"] is (trades == 100)
            assert data["coverage"]["missing"] == ([] if trades == 100 else [[missing[0].id, missing[-1].id]])
        assert play.book.state == "gap"
        assert play.counters.lost == 0


async def test_what_nobody_has_is_declared_lost() -> None:
    """Trades that REST does not have either: `partial`, listed, never complete over them; everything else is right."""
    async with playing(tape(1)) as play:
        play.publish(100)
        for count in (1, 20):
            play.sim.faults.skip(play.symbol, count=count, rest=False)
            play.publish(count, hidden=True)
            play.publish(150)
        await play.settled()
        assert play.book.state == "partial"
        assert play.counters.lost == 21
        await play.assert_whole()  # the reference knows the holes
        for trades, whole in ((100, True), (777, False), (1000, False), (5000, False)):
            data = await play.api.get("/v1/flow", symbol=play.symbol, trades=trades)
            assert data["coverage"]["complete"] is whole
            expected = oracle.coverage(play.told, trades=trades)
            assert_coverage(data["coverage"], expected)
            assert expected["missing_total"] == (0 if whole else 21)
        gaps = await play.api.get("/v1/gaps", symbol=play.symbol)
        assert [gap["status"] for gap in gaps["gaps"]] == ["lost", "lost"]
