"""Request weight by the calendar minute, and what follows when the limit is ignored."""

from __future__ import annotations

import pytest

from orderflow_stream.simulator.params import ApiError
from orderflow_stream.simulator.weights import Weights
from tests.simulator.kit import NOON

S = 1_000_000


def refused(weights: Weights, weight: int, now: int) -> ApiError:
    with pytest.raises(ApiError) as caught:
        weights.charge(weight, now)
    return caught.value


def test_windows_are_calendar_minutes() -> None:
    weights = Weights(limit=10)
    weights.charge(10, NOON + 59 * S)
    weights.charge(10, NOON + 60 * S)  # one second later, another minute
    assert weights.used_at(NOON + 61 * S) == 10
    assert weights.used_at(NOON + 120 * S) == 0


def test_over_the_limit_is_429_until_the_minute_ends() -> None:
    weights = Weights(limit=10)
    weights.charge(8, NOON)
    error = refused(weights, 4, NOON + 12_300_000)
    assert (error.status, error.code, error.retry_after) == (429, -1003, 48)
    weights.charge(4, NOON + 60 * S)


def test_ignoring_it_is_a_ban_and_the_next_is_longer() -> None:
    weights = Weights(limit=1, ban_after=3)
    weights.charge(1, NOON)
    assert [refused(weights, 1, NOON).status for _ in range(3)] == [429] * 3
    banned = refused(weights, 1, NOON)
    assert (banned.status, banned.retry_after) == (418, 120)
    assert f"banned until {(NOON + 120 * S) // 1000}" in banned.msg
    assert refused(weights, 1, NOON + 119 * S).status == 418
    weights.charge(1, NOON + 120 * S)
    for _ in range(3):
        refused(weights, 1, NOON + 121 * S)
    assert refused(weights, 1, NOON + 121 * S).retry_after == 240


@pytest.mark.parametrize("limit, ban_after", [(0, 1), (1, 0)])
def test_limits_are_positive(limit: int, ban_after: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Weights(limit, ban_after)
