"""The whole daemon on a redundant pair: either connection may go at any time, and no answer ever says less."""

from __future__ import annotations

from tests.tapes.kit import tape, until
from tests.tapes.rig import Play, playing


async def both(play: Play, number: int = 2) -> None:
    await play.sim.subscribed(play.symbol, connections=number)
    await until(lambda: len(play.book.connections) == number, "both are up")


async def test_either_may_go() -> None:
    """Cut by turns while the tape goes on: never a gap, never another state, the answers those of the whole tape."""
    async with playing(tape(1), venues__binance__redundancy=2) as play:
        await both(play)
        play.publish(50)
        await play.settled()
        began = play.book.state_since
        for round_ in range(6):
            await both(play)
            play.publish(100)
            play.sim.faults.cut(play.sim.open_connections[round_ % 2].index)
            play.publish(100)
            await until(lambda n=round_: play.reconnects() == n + 1, "the loss was noticed")  # type: ignore[misc]
            assert play.book.connections
        await both(play)
        play.publish(100)
        await play.settled()
        await play.assert_whole()
        counters = play.counters
        assert (counters.gaps, counters.refilled, counters.lost) == (0, 0, 0)
        assert counters.duplicate > 100
        assert (play.book.state, play.book.state_since) == ("live", began)


async def test_what_the_one_misses_the_other_brings() -> None:
    """Each lacks what the other has: a hole, if there is one for a moment, is filled by the stream and not by REST."""
    async with playing(tape(2), venues__binance__redundancy=2) as play:
        await both(play)
        play.publish(50)
        await play.settled()
        fetches = play.daemon.backfiller.counters.repair_fetches
        for connection in (0, 1) * 5:
            play.sim.faults.skip(play.symbol, count=20, connection=connection)
            play.publish(40)
        await play.settled()
        await play.assert_whole()
        assert play.counters.lost == 0
        assert {record.source for record in play.book.gap_log} <= {"stream"}
        assert play.daemon.backfiller.counters.repair_fetches == fetches


async def test_both_gone_is_a_gap_like_any_other() -> None:
    async with playing(tape(3), venues__binance__redundancy=2) as play:
        await both(play)
        play.publish(50)
        await play.settled()
        play.sim.faults.cut()
        await play.down()
        play.publish(300)
        await both(play)
        play.publish(20)
        await play.settled()
        await play.assert_whole()
        assert play.counters.refilled == 300
