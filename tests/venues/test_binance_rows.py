"""A row of the wire as a trade, and what keeps it from being one; errors in both of their forms."""

from typing import Any

import pytest

from orderflow_stream.core.events import BUY, SELL, Trade
from orderflow_stream.venues.binance_rows import LAST_US, MAX_INT, Row, fault_of, is_int, microseconds, to_trade

GOOD: dict[str, Any] = {"a": 7, "p": "2.5", "q": "3", "T": 1_760_000_000_000, "m": True, "f": 10, "l": 12}


def row(**changes: Any) -> Row:
    return Row(**(GOOD | changes))


def test_a_row_is_a_trade_and_the_makers_flag_is_turned_round() -> None:
    trade = Trade("v:S", 7, 250_000_000, 300_000_000, SELL, 1_760_000_000_000_000, 10, 12, 99)
    assert to_trade("v:S", row(), 99) == trade
    bought = to_trade("v:S", row(m=False), 99)
    assert isinstance(bought, Trade)
    assert bought.side == BUY


@pytest.mark.parametrize(
    "changes,reason",
    [
        ({"a": -1}, "id"), ({"a": MAX_INT + 1}, "id"), ({"T": 0}, "time"), ({"T": LAST_US + 1}, "time"),
        ({"p": "x"}, "price"), ({"p": "0"}, "price"), ({"q": "-1"}, "quantity"), ({"q": "0"}, "quantity"),
        ({"f": 13}, "fills"), ({"f": -1}, "fills"), ({"f": -2, "l": -2}, "fills"), ({"l": MAX_INT + 1}, "fills"),
    ],
)  # fmt: skip
def test_what_cannot_be(changes: dict[str, Any], reason: str) -> None:
    assert to_trade("v:S", row(**changes), 99) == reason


def test_what_the_exchange_marked_invalid_keeps_its_id() -> None:
    trade = to_trade("v:S", row(p="0", q="0", f=-1, l=-1), 99)
    assert isinstance(trade, Trade)
    assert (trade.id, trade.price, trade.qty) == (7, 0, 0)


def test_times_and_integers() -> None:
    assert microseconds(1_760_000_000_000) == microseconds(1_760_000_000_000_000) == 1_760_000_000_000_000
    assert [is_int(value) for value in (1, True, 1.0, "1", None)] == [True, False, False, False, False]


def test_errors_flat_and_nested() -> None:
    assert fault_of({"code": -1121, "msg": "no"}) == (-1121, "no")
    assert fault_of({"error": {"code": 2, "msg": "no"}, "id": 1}) == (2, "no")
    assert fault_of({"result": None, "id": 1}) is None
    assert fault_of({"error": "broken"}) == (None, "broken")
