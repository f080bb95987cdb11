"""The events as read are those that the daemon states."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from orderflow_stream.client import events
from orderflow_stream.client.answers import Anchor
from orderflow_stream.client.errors import BadAnswer
from orderflow_stream.client.listings import ScreenerRow
from orderflow_stream.shapes import bars
from orderflow_stream.shapes import stream as stated
from tests.client.parity import differences
from tests.client.scripted import large


def test_every_event_is_known() -> None:
    ends = {"bye", "slow", "busy"}
    assert set(events._TYPES) | ends == {*stated.EVENTS, "bar"}


PAIRS = [
    (events.Hello, stated.Hello),
    (events.Short, stated.WindowSums),
    (events.FlowEvent, stated.FlowEvent, stated.FuturesFlowEvent),
    (events.LargeEvent, stated.LargeEvent, stated.FuturesLargeEvent),
    (events.TradeEvent, stated.TradeEvent, stated.FuturesTradeEvent),
    (events.GapEvent, stated.GapEvent),
    (events.CorrectedEvent, stated.CorrectedEvent),
    (events.StateEvent, stated.StateEvent),
    (events.Heartbeat, stated.Heartbeat),
]


@pytest.mark.parametrize("view,shapes", [(view, shapes) for view, *shapes in PAIRS], ids=lambda one: str(one)[:60])
def test_members(view: type[msgspec.Struct], shapes: list[type[msgspec.Struct]]) -> None:
    assert differences(view, *shapes) == {}


def test_the_bar_event() -> None:
    assert differences(events.BarEvent, bars.BarEvent) == {}
    assert differences(Anchor, bars.BarAnchor) == {}


def test_decoding() -> None:
    found = events.decode("large", msgspec.json.encode(large(7)).decode())
    assert isinstance(found, events.LargeEvent)
    assert (found.id, found.price, found.late) == (7, Decimal("60000.1"), False)
    assert events.decode("watch", "[]") == []
    assert events._TYPES["watch"] == list[ScreenerRow]
    assert events.decode("invented later", "{") is None
    assert events.reason_of("bye", '{"reason":"restart"}') == "restart"
    with pytest.raises(BadAnswer, match="a large event that cannot be read"):
        events.decode("large", '{"id":"x"}')
    with pytest.raises(BadAnswer):
        events.reason_of("bye", "{}")
