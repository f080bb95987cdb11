"""Two connections with the same symbols: one that is silent or behind is told by the other, calm by nobody."""

from __future__ import annotations

import random

import pytest

from orderflow_stream.core.units import US_PER_S
from orderflow_stream.feed.twins import Fault, Sight, Twins

S = US_PER_S
TICK = S // 10


class Pair:
    """Two that are brought every trade, each after its own delay, unless it is cut off."""

    def __init__(self) -> None:
        self.twins = Twins()
        self.now = 1_000 * S
        self.trades = [0, 0]
        self.newest = [-1, -1]
        self.way: list[list[int]] = [[], []]
        self.found: list[tuple[int, int, Fault]] = []

    def run(self, seconds: float, every: int, *, silent: int | None = None, delay: tuple[int, int] = (0, 0)) -> Pair:
        end = self.now + int(seconds * S)
        due = self.now + every
        while self.now < end:
            self.now += TICK
            while due <= self.now:
                for side in (0, 1):
                    if side != silent:
                        self.way[side].append(due)
                due += every
            for side in (0, 1):
                come = [ts for ts in self.way[side] if ts + delay[side] <= self.now]
                self.way[side] = self.way[side][len(come) :]
                self.trades[side] += len(come)
                self.newest[side] = max([self.newest[side], *come])
            found = self.twins.look(self.now, *(Sight(self.trades[side], self.newest[side]) for side in (0, 1)))
            if found is not None:
                self.found.append((self.now, *found))
        return self


def test_both_bring_the_same() -> None:
    assert Pair().run(600, S // 20).run(600, 40 * S).found == []


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("every, within", [(S // 50, 1.5), (S // 5, 1.7), (S, 4.2), (10 * S, 14.0)])
def test_the_silent_one_is_told_by_the_other(side: int, every: int, within: float) -> None:
    pair = Pair().run(60, every)
    since = pair.now
    pair.run(60, every, silent=side)
    at, which, fault = pair.found[0]
    assert (which, fault) == (side, "silence")
    assert at - since <= within * S
    assert {which for _, which, _ in pair.found} == {side}


def test_both_silent_is_nobodys_fault() -> None:
    pair = Pair().run(60, S // 50)
    pair.run(600, 10_000 * S)
    assert pair.found == []


def test_one_that_comes_later_but_comes_is_not_silent() -> None:
    assert Pair().run(300, S // 20, delay=(0, 900_000)).found == []


@pytest.mark.parametrize("side", [0, 1])
def test_one_that_stays_behind_is_told_after_ten_seconds(side: int) -> None:
    pair = Pair().run(60, S // 20)
    since = pair.now
    delay = (2_500_000, 0) if side == 0 else (0, 2_500_000)
    pair.run(5, S // 20, delay=(0, 0))
    pair.run(40, S // 20, delay=delay)
    # From 0 to 2.5 s is a pause of that length: it may be called silence first, then it is behind.
    faults = [(which, fault) for _, which, fault in pair.found]
    assert (side, "lag") in faults
    assert {which for which, _ in faults} == {side}
    assert pair.found[-1][0] - since < 40 * S


def test_a_hiccup_that_is_made_up_for_is_none() -> None:
    pair = Pair().run(60, S // 20)
    for _ in range(20):
        pair.run(1, S // 20, delay=(1_000_000, 0))
        pair.run(5, S // 20)
    assert pair.found == []


def test_what_we_did_not_read_ourselves_counts_for_nobody() -> None:
    """After a stall of ours the one is read before the other."""
    pair = Pair().run(60, S // 50)
    for _ in range(20):
        pair.now += 5 * S
        pair.trades[0] += 250
        assert pair.twins.look(pair.now, Sight(pair.trades[0], pair.now), Sight(pair.trades[1], pair.newest[1])) is None
        pair.trades[1] += 250
        pair.newest = [pair.now, pair.now]
        pair.run(1, S // 50)
    assert pair.found == []


def test_reset_forgets() -> None:
    pair = Pair().run(60, S // 50)
    pair.run(1.0, S // 50, silent=0)
    pair.twins.reset()
    pair.run(1.0, S // 50, silent=0)
    assert pair.found == []
    pair.run(0.5, S // 50, silent=0)
    assert [which for _, which, _ in pair.found] == [0]


@pytest.mark.parametrize("seed", range(5))
def test_an_hour_of_jitter_raises_nothing(seed: int) -> None:
    """Two ways of the same trades, each with its own delay of 50 to 400 ms, now and then 900."""
    rng = random.Random(seed)
    twins = Twins()
    now = 1_000 * S
    trades, newest, ways = [0, 0], [-1, -1], ([0], [0])
    due = now
    pending: list[list[tuple[int, int]]] = [[], []]
    for _ in range(36_000):
        now += TICK
        while due <= now:
            for side in (0, 1):
                late = rng.randrange(50_000, 400_000) if rng.random() < 0.99 else 900_000
                ways[side][0] = max(ways[side][0], due + late)  # TCP keeps the order
                pending[side].append((ways[side][0], due))
            due += int(rng.expovariate(20 if rng.random() < 0.5 else 0.7) * S) + 1
        for side in (0, 1):
            while pending[side] and pending[side][0][0] <= now:
                newest[side] = pending[side].pop(0)[1]
                trades[side] += 1
        assert twins.look(now, Sight(trades[0], newest[0]), Sight(trades[1], newest[1])) is None
