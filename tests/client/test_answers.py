"""The answers as read are those that the daemon states."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from orderflow_stream.client import answers
from orderflow_stream.shapes import answers as stated
from orderflow_stream.shapes import bars, futures
from tests.client.parity import differences

PAIRS = [
    (answers.Coverage, stated.Coverage),
    (answers.Flow, stated.Flow, futures.FuturesFlow),
    (answers.LargePrint, stated.LargePrint, futures.FuturesLargePrint),
    (answers.Large, stated.Large, futures.FuturesLarge),
    (answers.Trade, stated.Trade, futures.FuturesTrade),
    (answers.Trades, stated.Trades, futures.FuturesTrades),
    (answers.Bars, bars.Bars),
    (answers.Bar, bars.Bar),
    (answers.Overlap, futures.Overlap),
    (answers.Totals, futures.Totals),
    (answers.CombinedTotals, futures.CombinedTotals),
    (answers.SpotPerp, futures.SpotPerp),
    (answers.Combined, futures.Combined),
]


@pytest.mark.parametrize("view,shapes", [(view, shapes) for view, *shapes in PAIRS], ids=lambda one: str(one)[:60])
def test_members(view: type[msgspec.Struct], shapes: list[type[msgspec.Struct]]) -> None:
    assert differences(view, *shapes) == {}


def test_a_difference_is_found() -> None:
    class Other(msgspec.Struct):
        id: str
        qty: Decimal

    found = differences(Other, stated.LargePrint)
    assert found["id"] == ({"str"}, {"int"})
    assert "qty" not in found
    assert found["price"] == (set(), {"decimal"})


def test_what_a_newer_daemon_adds_is_passed_over_and_numbers_stay_exact() -> None:
    body = b'{"id":1,"qty":"0.10000000000000000001","side":"buy","time":2,"price":1.10,"notional_usd":"9","new":[1]}'
    print_ = msgspec.json.decode(body, type=answers.LargePrint)
    assert (str(print_.qty), str(print_.price), print_.legs) == ("0.10000000000000000001", "1.10", None)
    with pytest.raises(AttributeError):
        print_.id = 2  # type: ignore[misc]
