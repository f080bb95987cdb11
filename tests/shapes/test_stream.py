"""The events of a stream; real ones are held against these in test_examples.py."""

import re
from pathlib import Path

import msgspec
import pytest

from orderflow_stream import delivery
from orderflow_stream.delivery.topics import TOPICS
from orderflow_stream.shapes import stream
from orderflow_stream.shapes.stream import EVENTS


def test_every_topic_and_every_event_that_is_sent_is_here() -> None:
    """By the names that the code of the stream writes."""
    assert set(TOPICS) <= set(EVENTS)
    folder = Path(delivery.__file__).parent
    text = "".join(path.read_text() for path in folder.glob("*.py"))
    written = set(re.findall(r'(?:Frame|block|_notice|_end)\((?:key, |client, )?"(\w+)"', text))
    assert {"hello", "heartbeat", "busy", "bye", "slow", "state", "corrected", "gap"} <= written <= set(EVENTS)


def test_what_a_connection_ends_or_begins_with_says_when_to_come_back() -> None:
    assert [name for name, event in EVENTS.items() if event.retry] == ["hello", "bye", "slow", "busy"]


@pytest.mark.parametrize("name", EVENTS)
def test_each_is_described(name: str) -> None:
    assert EVENTS[name].meaning
    assert not EVENTS[name].meaning.endswith(".")
    assert EVENTS[name].shapes


def test_a_heartbeat_of_an_instrument_without_a_trade() -> None:
    told = msgspec.convert({"server_time": 1, "lag_ms": None, "symbols": {"A": None, "B": 7}}, stream.Heartbeat)
    assert told.symbols == {"A": None, "B": 7}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"server_time": 1, "lag_ms": None, "symbols": {"A": "7"}}, stream.Heartbeat)
