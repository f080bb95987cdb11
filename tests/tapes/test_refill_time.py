"""How soon what was missed is back: the goal is a second for 1,000 trades, five for 10,000, by a REST 50 ms away."""

from __future__ import annotations

import pytest

from tests.tapes.kit import made_up, until
from tests.tapes.rig import playing


@pytest.mark.parametrize("missing, times, goal", [(1_000, 4, 1.0), (10_000, 1, 5.0)])
async def test_what_a_cut_took_is_back_in_time(missing: int, times: int, goal: float) -> None:
    """Counted from the moment the symbol is subscribed again to the moment its answers are complete."""
    rows = 4_000 + times * (missing + 20)
    material = made_up("AAAUSDT", "USDT", seed=81, n=rows)
    async with playing(material, rows=rows) as play:
        play.publish(200)
        await play.settled()
        play.sim.faults.rest("slow", delay=0.05)
        taken = []
        for number in range(1, times + 1):
            play.sim.faults.refuse(count=1)
            play.sim.faults.cut()
            await play.down()
            play.publish(missing)
            await until(lambda: bool(play.book.connections), "connected again")
            play.publish(20)
            await play.settled()
            taken.append((play.daemon.clock.now() - play.book.up_at) / 1e6)
            assert play.counters.refilled == number * missing
        print(f"{missing} trades: {', '.join(f'{one:.2f}' for one in taken)} s")
        assert max(taken) <= goal
        await play.assert_whole()
