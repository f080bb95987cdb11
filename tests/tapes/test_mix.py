"""The same tape with everything going wrong at once, by chance: the end is the same."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from orderflow_stream.simulator.garbage import KINDS
from orderflow_stream.simulator.rest_faults import RestKind
from tests.tapes.kit import tape
from tests.tapes.rig import playing


@pytest.mark.parametrize("seed", range(2))
async def test_a_random_mix(seed: int) -> None:
    """Everything at once, by chance: the end is the same."""
    rng = random.Random(seed)
    async with playing(tape(seed), warm=rng.random() < 0.5) as play:
        faults = play.sim.faults
        kinds: tuple[RestKind, ...] = ("500", "503", "html", "empty", "truncated", "reset", "slow")
        choices: list[Callable[[], object]] = [
            lambda: faults.skip(play.symbol, count=rng.randrange(1, 60)),
            lambda: faults.repeat(rng.randrange(2, 4), count=rng.randrange(1, 50)),
            lambda: faults.replay(play.symbol, rng.randrange(1, 400)),
            lambda: faults.shuffle(play.symbol, rng.randrange(2, 80)),
            lambda: faults.garbage(rng.choice(KINDS)),
            lambda: faults.corrupt(play.symbol, rng.randrange(1, 4), rng.choice("pq"), '"junk"'),
            lambda: faults.drip(chunk=rng.randrange(5, 60), interval=0.0, count=rng.randrange(1, 10)),
            lambda: faults.rest(rng.choice(kinds), count=1, path="aggTrades", delay=0.05),
            lambda: faults.cut(code=rng.choice((None, 1001, 1008))),
            lambda: faults.pause(duration=0.05),
            lambda: faults.silence(play.symbol, duration=0.02),
            lambda: None,
        ]
        cuts = 0
        while play.left > 100:
            choice = rng.randrange(len(choices))
            if choice == 8:
                cuts += 1
            if choice != 8 or cuts <= 2:  # each retry waits longer
                choices[choice]()
            play.publish(min(play.left - 50, rng.randrange(1, 200)))
            if rng.random() < 0.5:
                await play.sim.drained()
        faults.clear()
        await play.subscribed()
        play.publish(play.left)
        await play.settled()
        await play.assert_whole(strings=(False, True))
        assert play.counters.refilled > 0
        assert play.counters.lost == 0
