"""The shapes of bars: every member is described, numbers have a unit, and nothing else may be sent."""

from typing import Any

import msgspec
import pytest

from orderflow_stream.analytics.bars import INTERVALS
from orderflow_stream.shapes import bars
from tests.delivery.http.world import Daemon

SHAPES: tuple[Any, ...] = (bars.Bar, bars.BarAnchor, bars.Bars, bars.BarEvent)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda one: one.__name__)
def test_every_member_says_what_it_is(shape: Any) -> None:
    schema = msgspec.json.schema(shape)["$defs"][shape.__name__]
    assert schema["description"]
    assert not schema["additionalProperties"]
    assert [name for name, one in schema["properties"].items() if "description" not in one] == []


def test_the_intervals_are_those_there_are() -> None:
    schema = msgspec.json.schema(bars.Bars)["$defs"]["Bars"]
    assert sorted(schema["properties"]["interval"]["enum"]) == sorted(INTERVALS)


@pytest.mark.parametrize("query", ["", "&interval=1s&numbers=string", "&interval=1h&anchor=oldest"])
async def test_real_answers(daemon: Daemon, query: str) -> None:
    for symbol in ("BTCUSDT", "ETHBTC", "SILENTUSDT"):
        msgspec.convert(await daemon.data(f"/v1/bars?symbol={symbol}{query}"), bars.Bars, strict=True)
