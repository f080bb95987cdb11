"""Fields that many shapes have."""

from typing import Any, get_args

import msgspec
import pytest

from orderflow_stream.core.events import State
from orderflow_stream.shapes import words


@pytest.mark.parametrize(
    "name", ["Note", "Origin", "Symbol", "Venue", "OnMarket", "Position", "FeedState", "Generation", "LastPrice",
             "NetPressure", "BuyShare"],
)  # fmt: skip
def test_each_says_what_it_is(name: str) -> None:
    kind: Any = getattr(words, name)
    assert len(msgspec.json.schema(kind)["description"]) > 10


def test_every_state_of_a_feed_is_explained() -> None:
    told = msgspec.json.schema(words.FeedState)["description"]
    assert [state for state in get_args(State) if state not in told] == []
