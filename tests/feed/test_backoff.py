"""Back-off and pace in virtual time."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.core.units import US_PER_S
from orderflow_stream.feed.backoff import WINDOW, Backoff, Pace

S = US_PER_S


def test_first_attempt_and_first_retry_are_at_once_then_full_jitter_up_to_the_cap() -> None:
    backoff = Backoff(lambda: 0.5, base=S, cap=30 * S)
    now = 0
    delays = []
    for _ in range(10):
        delay = backoff.next(now)
        delays.append(delay / S)
        now += delay + S
    assert delays == [0, 0, 0.5, 1, 2, 4, 8, 15, 15, 15]
    assert backoff.attempts == 10
    backoff.good()
    assert [backoff.next(now) for _ in range(3)] == [0, S // 2, S]


def test_jitter_is_the_whole_range() -> None:
    assert Backoff(lambda: 0.0).next(0) == 0
    low, high = Backoff(lambda: 0.0), Backoff(lambda: 0.999999)
    for _ in range(40):
        low_delay, high_delay = low.next(0), high.next(0)
        assert low_delay == 0
        assert 0 <= high_delay < 30 * S


@given(st.randoms(use_true_random=False), st.lists(st.booleans(), min_size=1, max_size=300))
def test_never_more_than_sixty_in_five_minutes(rng: random.Random, goods: list[bool]) -> None:
    backoff = Backoff(rng.random)
    now = 0
    dialled: list[int] = []
    for good in goods:
        now += backoff.next(now)
        dialled.append(now)
        if good:  # connected, one frame, cut: the worst case, since every retry is "at once"
            backoff.good()
    for first, later in zip(dialled, dialled[60:], strict=False):
        assert later - first >= WINDOW


def test_a_new_backoff_dials_at_once_whatever_the_clock_says() -> None:
    assert Backoff(random.random).next(10**15) == 0


def test_pace_lets_a_burst_through_and_then_one_a_second() -> None:
    pace = Pace(burst=5, interval=S)
    assert [pace.reserve(10 * S) // S for _ in range(8)] == [0, 0, 0, 0, 0, 1, 2, 3]
    assert pace.reserve(13 * S) == 1 * S  # the queue goes on where it was
    assert [pace.reserve(100 * S) // S for _ in range(6)] == [0, 0, 0, 0, 0, 1]  # and the burst comes back with time


@given(st.lists(st.integers(0, 3 * S), min_size=1, max_size=400))
def test_pace_never_exceeds_its_most(steps: list[int]) -> None:
    pace = Pace(burst=5, interval=S, most=40)
    now = 0
    slots = []
    for step in steps:
        now += step
        slots.append(now + pace.reserve(now))
    assert slots == sorted(slots)
    for first, later in zip(slots, slots[40:], strict=False):
        assert later - first >= WINDOW
    for first, later in zip(slots, slots[5:], strict=False):
        assert later - first >= S


@pytest.mark.parametrize("arguments", [{"base": 0}, {"base": 5, "cap": 4}, {"attempts": 0}])
def test_absurd_backoff(arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="Backoff"):
        Backoff(random.random, **arguments)


@pytest.mark.parametrize("arguments", [{"burst": 0}, {"interval": -1}, {"most": 0}])
def test_absurd_pace(arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="Pace"):
        Pace(**arguments)
