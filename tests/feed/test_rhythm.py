"""Silence judged by a connection's own rhythm."""

from __future__ import annotations

from orderflow_stream.core.units import US_PER_S
from orderflow_stream.feed.rhythm import Rhythm

S = US_PER_S


def fed(pause: int, seconds: int, *, start: int = 0) -> tuple[Rhythm, int]:
    rhythm = Rhythm(2 * S, 45 * S)
    rhythm.begin(start)
    now = start
    while now < start + seconds * S:
        now += pause
        rhythm.heard(now)
    return rhythm, now


def test_a_steady_flow_is_broken_within_two_seconds() -> None:
    rhythm, now = fed(S // 5, 130)
    assert rhythm.limit() == 2 * S
    assert not rhythm.broken(now + 2 * S)
    assert rhythm.broken(now + 2 * S + 1)


def test_a_slower_flow_gets_more_time() -> None:
    rhythm, now = fed(S, 130)
    assert rhythm.limit() == 8 * S
    assert not rhythm.broken(now + 8 * S)
    assert rhythm.broken(now + 8 * S + 1)


def test_a_thin_flow_is_never_judged() -> None:
    rhythm, now = fed(6 * S, 130)
    assert rhythm.limit() is None
    assert not rhythm.broken(now + 3_600 * S)


def test_nothing_is_known_before_a_whole_minute() -> None:
    rhythm, now = fed(S // 10, 59)
    assert rhythm.limit() is None
    assert not rhythm.broken(now + 3_600 * S)


def test_a_burst_after_calm_proves_nothing() -> None:
    rhythm, now = fed(7 * S, 70)
    for _ in range(500):
        now += S // 100
        rhythm.heard(now)
    assert not rhythm.broken(now + 30 * S)


def test_an_old_pause_is_forgotten_after_two_minutes() -> None:
    rhythm, now = fed(7 * S, 63)
    for _ in range(10 * 125):
        now += S // 10
        rhythm.heard(now)
    assert rhythm.limit() == 2 * S


def test_time_in_which_nobody_read_does_not_count() -> None:
    rhythm, now = fed(S // 5, 130)
    rhythm.skip(10 * S)
    assert not rhythm.broken(now + 12 * S)
    assert rhythm.broken(now + 12 * S + 1)
