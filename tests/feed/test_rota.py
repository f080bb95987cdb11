"""Renewals in virtual time: before the limit of age, never together, and never two that carry the same."""

from __future__ import annotations

import heapq
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow_stream.core.units import US_PER_S
from orderflow_stream.feed.rota import MARGIN, Rota

S = US_PER_S
H = 3_600 * S
AGE, WINDOW = 23 * H, 2 * H


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shards", [1, 3, 8])
def test_three_days_of_pairs(shards: int, seed: int) -> None:
    """All are opened in the same minute, each is renewed when it is due: what a process does for three days."""
    rng = random.Random(seed)
    rota = Rota(AGE, WINDOW, rng.random)
    number = {(shard, place): 2 * shard + place for shard in range(shards) for place in range(2)}
    opened: dict[tuple[int, int], int] = {}
    due: list[tuple[int, tuple[int, int]]] = []
    renewals: list[tuple[int, tuple[int, int]]] = []
    fresh = iter(range(1_000, 100_000))

    def open_(who: tuple[int, int], now: int) -> None:
        twin = (who[0], 1 - who[1])
        share = rota.plan(number[who], now, [number[twin]])
        assert 0 <= share <= 1
        opened[who] = now
        heapq.heappush(due, (now + AGE - int(share * WINDOW), who))

    for who in number:
        open_(who, rng.randrange(60 * S))
    while due[0][0] < 3 * 24 * H:
        now, who = heapq.heappop(due)
        assert AGE - WINDOW <= now - opened[who] <= AGE
        renewals.append((now, who))
        old, number[who] = number[who], next(fresh)
        open_(who, now + rng.randrange(3 * S))  # a dial takes a moment
        rota.forget(old)

    assert len(renewals) >= 3 * len(number)
    apart = min(later - first for (first, _), (later, _) in pairwise(renewals))
    assert apart >= MARGIN * WINDOW / (2 * (len(number) + 1)) - 5 * S
    for shard in range(shards):
        times = [at for at, who in renewals if who[0] == shard]
        assert min(later - first for first, later in pairwise(times)) >= WINDOW // 8 - 5 * S


@settings(max_examples=50)
@given(st.integers(0, 2**32), st.lists(st.integers(0, 3 * H), min_size=1, max_size=30))
def test_any_two_are_apart_however_they_are_opened(seed: int, opened: list[int]) -> None:
    rota = Rota(AGE, WINDOW, random.Random(seed).random)
    for who, now in enumerate(sorted(opened)):
        rota.plan(who, now)
    due = sorted(at for who in range(len(opened)) if (at := rota.due(who)) is not None)
    assert len(due) == len(opened)
    for first, later in pairwise(due):
        assert later - first >= MARGIN * WINDOW / (2 * (len(due) + 1)) - 1


def test_no_window_no_spread() -> None:
    rota = Rota(AGE, 0, random.random)
    assert rota.plan("a", 0) == rota.plan("b", 0) == 0.0


def test_two_daemons_do_not_renew_at_the_same_moment() -> None:
    shares = {Rota(AGE, WINDOW, random.Random(seed).random).plan("a", 0) for seed in range(20)}
    assert len(shares) == 20


def test_what_is_gone_takes_no_room() -> None:
    rota = Rota(AGE, WINDOW, lambda: 0.5)
    first = rota.plan("a", 0)
    rota.forget("a")
    assert rota.due("a") is None
    assert rota.plan("b", 0) == first
    rota.forget("never there")
