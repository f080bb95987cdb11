"""The rules by which a stream takes up again."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.client.course import LONGEST_PAUSE, PAUSE, Course
from orderflow_stream.client.errors import BadAnswer, Lost
from orderflow_stream.client.events import Event, Hello, Retrying
from orderflow_stream.client.sse import Block
from tests.client.scripted import large


def hello(
    seq: int, *, recovered: bool = False, epoch: str = "A", retry: float | None = None, beat: int = 2000
) -> Block:
    data = {
        "epoch": epoch,
        "seq": seq,
        "recovered": recovered,
        "resumed_from": None,
        "server_time": 1,
        "heartbeat_ms": beat,
    }
    return Block("hello", msgspec.json.encode(data).decode(), f"{epoch}-{seq}", retry)


def print_(seq: int, id_: int = 1) -> Block:
    return Block("large", msgspec.json.encode(large(id_)).decode(), f"A-{seq}", None)


def test_a_first_connection_asks_for_nothing_and_loses_nothing() -> None:
    course = Course()
    assert course.begin() == {}
    items, end = course.take(hello(7))
    assert end is None
    (event,) = items
    assert isinstance(event, Event)
    assert (event.name, event.position) == ("hello", "A-7")
    assert isinstance(event.data, Hello)
    assert course.connected
    assert course.begin() == {"Last-Event-ID": "A-7"}
    assert not course.connected


def test_the_position_follows_every_event_even_one_that_is_not_handed_out() -> None:
    course = Course()
    course.take(hello(1))
    assert course.take(Block("heartbeat", '{"server_time":1,"lag_ms":null,"symbols":{}}', "A-5", None)) == ([], None)
    assert course.position == "A-5"
    course.take(Block("invented later", "{}", "A-6", None))
    assert course.position == "A-6"
    with pytest.raises(BadAnswer):
        course.take(Block("large", "{}", "A-7", None))
    assert course.position == "A-7"  # what cannot be read does not come again for ever


def test_heartbeats_for_those_who_want_them() -> None:
    course = Course(heartbeats=True)
    items, _ = course.take(Block("heartbeat", '{"server_time":1,"lag_ms":2,"symbols":{"X":3}}', "A-5", None))
    assert isinstance(items[0], Event)
    assert items[0].name == "heartbeat"


@pytest.mark.parametrize("epoch,changed", [("A", False), ("B", True)])
def test_what_cannot_be_taken_up_is_said_before_anything_else(epoch: str, changed: bool) -> None:
    course = Course("A-3")
    course.begin()
    (lost, event), end = course.take(hello(9, epoch=epoch))
    assert isinstance(lost, Lost)
    assert (lost.from_position, lost.position, lost.epoch_changed) == ("A-3", f"{epoch}-9", changed)
    assert isinstance(event, Event)
    assert end is None
    course.begin()
    items, _ = course.take(hello(9, epoch=epoch, recovered=True))
    assert len(items) == 1


@pytest.mark.parametrize("name", ["bye", "slow", "busy"])
def test_an_end_is_waited_for_as_long_as_it_says_and_a_little_longer(name: str) -> None:
    course = Course(rng=random.Random(1))
    course.take(hello(1, retry=3.0))
    items, end = course.take(Block(name, '{"reason":"because"}', "A-1", 8.0))
    assert items == []
    assert isinstance(end, Retrying)
    assert (end.reason, end.detail) == (name, "because")
    assert 8.0 <= end.pause <= 10.0
    assert not course.connected


def test_an_end_without_a_word() -> None:
    course = Course(rng=random.Random(1))
    assert PAUSE <= course.broken("refused", "x").pause <= 1.25 * PAUSE
    course.take(hello(1, retry=0.5))
    pauses = [course.broken("gone", "x").pause for _ in range(12)]
    assert 0.5 <= pauses[0] <= 0.625
    assert 1.0 <= pauses[1] <= 1.25
    assert LONGEST_PAUSE <= pauses[-1] <= 1.25 * LONGEST_PAUSE
    assert course.broken("failed", "x", at_least=60).pause >= 60
    course.take(hello(1))
    assert course.broken("gone", "x").pause <= 0.625  # a connection that stood begins anew


def test_two_clients_do_not_come_back_together() -> None:
    pauses = {Course().broken("gone", "x").pause for _ in range(20)}
    assert len(pauses) == 20


@given(st.integers(1, 100_000))
def test_patience_is_two_and_a_half_heartbeats(beat: int) -> None:
    course = Course()
    assert course.patience == 5.0
    course.take(hello(1, beat=beat))
    assert course.patience == pytest.approx(2.5 * beat / 1000)
    course.begin()
    assert course.patience == pytest.approx(2.5 * max(beat / 1000, 2))
