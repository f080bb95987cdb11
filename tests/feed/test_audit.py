"""Whether each of two brings every symbol: who is dead on one is found, who is late or seldom is not accused."""

from __future__ import annotations

import random

import pytest

from orderflow_stream.core.units import US_PER_S
from orderflow_stream.feed.audit import EVERY, MARGIN, MIDDLE, Audit

S = US_PER_S
T0 = 1_000 * S


class Side:
    brought: set[str] | None = None

    def bring(self, key: str) -> None:
        if self.brought is not None:
            self.brought.add(key)


class Bench:
    def __init__(self) -> None:
        self.audit = Audit()
        self.sides = (Side(), Side())
        self.now = T0
        self.found: list[tuple[int, str]] = []

    def run(self, seconds: float, trades: dict[int, list[tuple[int, str]]] | None = None) -> Bench:
        """`trades`: tenth of a second from now -> (side, key)."""
        for tenth in range(int(seconds * 10)):
            for side, key in (trades or {}).get(tenth, []):
                self.sides[side].bring(key)
            self.found += self.audit.look(self.now, *self.sides)
            self.now += S // 10
        return self


def both(*keys: str, without: tuple[int, str] | None = None) -> list[tuple[int, str]]:
    return [(side, key) for side in (0, 1) for key in keys if (side, key) != without]


def test_one_that_does_not_bring_it_is_named_within_a_minute() -> None:
    trades = {tenth: both("a", "b", without=(1, "b")) for tenth in range(0, 700, 5)}
    bench = Bench().run(70, trades)
    assert bench.found == [(1, "b")]
    bench.run(60, trades)
    assert bench.found == [(1, "b")] * 2  # each round says it; whoever acts remembers


def test_noted_for_a_third_of_the_time_only() -> None:
    bench = Bench()
    noting = 0
    for _ in range(6_000):
        bench.run(0.1)
        noting += bench.sides[0].brought is not None
    assert 0.3 <= noting / 6_000 <= (MIDDLE + 2 * MARGIN) / EVERY + 0.02


@pytest.mark.parametrize("seed", range(5))
def test_a_copy_that_is_up_to_three_seconds_late_is_a_copy(seed: int) -> None:
    rng = random.Random(seed)
    trades: dict[int, list[tuple[int, str]]] = {}
    for number in range(200):
        at = rng.randrange(36_000)
        trades.setdefault(at, []).append((number % 2, f"s{number % 20}"))
        trades.setdefault(at + rng.randrange(29), []).append((1 - number % 2, f"s{number % 20}"))
    assert Bench().run(3_700, trades).found == []


def test_another_connection_begins_anew() -> None:
    bench = Bench().run(10, {50: [(0, "a")]})
    old = bench.sides[1]
    bench.sides = (bench.sides[0], Side())
    bench.run(0.1)
    assert old.brought is None
    assert bench.run(50).found == []


def test_stop_leaves_alone_what_others_note() -> None:
    bench = Bench().run(5)
    bench.sides[0].brought = mine = {"x"}
    bench.audit.stop()
    assert bench.sides[0].brought is mine
    assert bench.sides[1].brought is None
    bench.audit.stop()
