"""Whether the other end is there: a silent link is asked, and one that does not answer is dead within three seconds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.core.units import US_PER_S
from orderflow_stream.feed.orders import Policy
from orderflow_stream.feed.pulse import Lateness, Pulse

S = US_PER_S
T0 = 5_000 * S
TICK = Policy().tick


class Bench:
    def __init__(self) -> None:
        policy = Policy()
        self.pulse = Pulse(policy.ask_after, policy.answer_within, policy.steady)
        self.pulse.begin(T0)
        self.now = T0
        self.verdicts: list[tuple[int, str]] = []
        self.pings: list[int] = []

    def run(self, seconds: float, *, life: bool = False, answer: bool = False, steady: bool = False) -> Bench:
        end = self.now + int(seconds * S)
        while self.now < end:
            self.now += TICK
            alive = life or (answer and bool(self.pings) and self.pings[-1] == self.now - TICK)
            verdict = self.pulse.look(self.now, alive, steady)
            if verdict:
                self.verdicts.append((self.now, verdict))
            if self.pulse.due:
                self.pings.append(self.now)
                self.pulse.asked(self.now)
        return self


def test_a_link_that_speaks_is_never_asked() -> None:
    bench = Bench().run(600, life=True)
    assert (bench.pings, bench.verdicts) == ([], [])


def test_a_silent_one_is_asked_each_second_or_so_and_lives_by_its_answers() -> None:
    bench = Bench().run(60, answer=True)
    assert 50 <= len(bench.pings) <= 60
    assert bench.verdicts == []


def test_a_dead_one_is_found_within_three_seconds_of_its_last_word() -> None:
    bench = Bench().run(10, life=True)
    last = bench.now
    bench.run(30)
    assert bench.verdicts == [(bench.verdicts[0][0], "dead")]  # once
    assert bench.verdicts[0][0] - last <= 2.8 * S
    assert len(bench.pings) == 1


def test_one_that_carried_data_steadily_is_found_within_little_more_than_two() -> None:
    bench = Bench().run(10, life=True, steady=True)
    last = bench.now
    bench.run(30, steady=True)
    assert [word for _, word in bench.verdicts] == ["dead"]
    assert 2 * S <= bench.verdicts[0][0] - last <= 2.2 * S
    assert bench.pings == [last + 800_000]


def test_the_patience_is_that_of_the_question() -> None:
    """What was asked as a slow flow is not judged as a steady one."""
    bench = Bench().run(10, life=True)
    bench.run(1.1)
    asked = bench.pings[-1]
    bench.run(1.4, steady=True)
    assert bench.verdicts == []
    bench.run(0.3, steady=True)
    assert bench.verdicts == [(asked + 1_600_000, "dead")]


def test_it_may_come_back() -> None:
    bench = Bench().run(10)
    before = bench.pulse.dead
    bench.run(0.1, life=True)
    assert (before, bench.pulse.dead) == (True, False)
    assert [word for _, word in bench.verdicts] == ["dead", "revived"]
    bench.run(10)
    assert [word for _, word in bench.verdicts] == ["dead", "revived", "dead"]


def test_time_in_which_nobody_read_counts_for_nobody() -> None:
    bench = Bench().run(10, life=True)
    bench.run(1.1)
    assert len(bench.pings) == 1
    bench.now += 100 * S
    bench.pulse.skip(100 * S)
    bench.run(0.2)
    assert bench.verdicts == []
    bench.run(0.1, life=True)
    bench.run(0.5)
    assert bench.verdicts == []


@given(st.lists(st.booleans(), min_size=30, max_size=300))
def test_dead_means_silent_for_two_and_a_half_seconds_and_no_less(looks: list[bool]) -> None:
    bench = Bench()
    heard = T0
    for life in looks:
        before = len(bench.verdicts)
        bench.run(0.1, life=life)
        heard = bench.now if life else heard
        if len(bench.verdicts) > before and bench.verdicts[-1][1] == "dead":
            assert 2.5 * S <= bench.now - heard <= 2.8 * S
        assert bench.pulse.dead or bench.now - heard <= 2.8 * S


@pytest.mark.parametrize("lag, late", [(4 * S, False), (5 * S, True), (8 * S, True)])
def test_late_all_the_time_for_long(lag: int, late: bool) -> None:
    lateness = Lateness(5 * S, 30 * S)
    found = [lateness.look(at * S, lag) for at in range(1, 60)]
    assert any(found) is late
    assert not any(found[:30])


def test_a_lag_that_falls_is_none_of_the_connection() -> None:
    lateness = Lateness(5 * S, 30 * S)
    assert not any(lateness.look(at * S, 8 * S if at % 29 else S) for at in range(1, 300))
    assert not any(lateness.look(at * S, None) for at in range(300, 400))


def test_what_was_pardoned_is_not_looked_at_for_a_while() -> None:
    lateness = Lateness(5 * S, 30 * S)
    lateness.pardon(600 * S)
    assert not any(lateness.look(at * S, 8 * S) for at in range(1, 630))
    assert lateness.look(631 * S, 8 * S)
