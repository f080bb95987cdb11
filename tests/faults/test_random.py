"""Random faults, short: two seeds that stay, and one that is new each time. The long form is `make soak`."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable

import pytest

from soak.random_faults import Result, short

#: Run this one instead of a fresh one: the one that a failed run printed.
SEED = "FAULT_SEED"

Tell = Callable[[str, object], None]


def judged(result: Result, tell: Tell) -> None:
    tell("told", result.line())
    assert result.good, "\n".join([result.line(), *result.story, *result.problems[:40]])
    assert (result.lost, result.duplicated, result.undeclared) == (0, 0, 0)
    assert result.faults >= 5
    assert result.complete > result.answers // 20


@pytest.mark.parametrize("seed", [1, 2])
def test_fixed_seeds(seed: int, record_property: Tell) -> None:
    judged(short(seed, seconds=3.5), record_property)


@pytest.mark.timeout(120)
def test_a_fresh_seed(record_property: Tell) -> None:
    seed = int(os.environ.get(SEED) or secrets.randbelow(10**6) + 1_000)
    judged(short(seed, seconds=15.0), record_property)
