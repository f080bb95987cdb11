"""Frames that were no trade: counted all, sampled the last, told seldom, and too many when they are."""

from __future__ import annotations

from orderflow_stream.core.units import US_PER_S
from orderflow_stream.feed.orders import BadFrame
from orderflow_stream.feed.rejects import SAMPLES, Rejects
from orderflow_stream.venues.binance import Rejected

S = US_PER_S


def test_told_once_a_minute_and_reason() -> None:
    rejects = Rejects(1_000)
    rejects.tick(60 * S)
    told = [rejects.add(Rejected("price", "A", n), b"x" * 9_000, n) for n in range(20)]
    assert told[0] == BadFrame("price", "A", 0, b"x" * 500)
    assert told[1:] == [None] * 19
    assert isinstance(rejects.add(Rejected("json"), "text", 1), BadFrame)
    assert len(rejects.samples) == SAMPLES
    assert rejects.bad == {"price": 20, "json": 1}
    rejects.tick(119 * S)
    assert rejects.add(Rejected("price"), b"", 1) is None
    rejects.tick(120 * S)
    assert isinstance(rejects.add(Rejected("price"), b"", 1), BadFrame)


def test_too_many_are_too_many_within_one_minute() -> None:
    rejects = Rejects(3)
    for minute in range(1, 5):
        rejects.tick(minute * 60 * S)
        for _ in range(3):
            rejects.add(Rejected("json"), b"", 0)
        assert not rejects.too_many
    rejects.add(Rejected("json"), b"", 0)
    assert rejects.too_many


def test_the_tail_of_a_dropped_stream_is_counted_and_nothing_else() -> None:
    rejects = Rejects(3)
    assert [rejects.add(Rejected("unwatched", "A", 1), b"", 0) for _ in range(50)] == [None] * 50
    assert (rejects.bad["unwatched"], rejects.too_many, len(rejects.samples)) == (50, False, 0)
