"""Large prints and the tape against numbers computed by hand, and against `decimal`."""

from decimal import Decimal, localcontext

import orjson
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.core.events import SELL, Trade
from orderflow_stream.core.tape import Row
from orderflow_stream.delivery import encode
from tests.delivery.encoding import BTCUSDT, ORDER, RULES, decoded, print_of, rounded, view


def test_large_rows_are_the_originals() -> None:
    data = orjson.loads(encode.large_data(RULES, BTCUSDT, view("row", print_of()), "e-1"))
    assert data["largest"] == [
        {
            "id": 9,
            "qty": 2.98439,
            "side": "buy",
            "time": 1781228423554,
            "price": 63342.46,
            "notional_usd": 189038.6,
        }
    ]
    assert (data["count"], data["buy_count"], data["sell_count"]) == (7, 4, 3)
    assert data["buy_notional"] == 189038.6  # 189038.605 goes to the even neighbour
    assert (data["sell_notional"], data["net_notional"]) == (0, 189038.6)
    assert b'"min_notional":100000.0000000000000005,' in encode.large_data(RULES, BTCUSDT, view("row"), None)
    assert (data["group"], data["trades_scanned"], data["window_seconds"]) == ("row", 2000, 338.4)
    assert data["coverage"]["position"] == "e-1"


def test_orders_say_more_and_their_vwap_is_rounded_to_even() -> None:
    data = orjson.loads(encode.large_data(RULES, BTCUSDT, view("order", ORDER), None, group="order", exact=True))
    (row,) = data["largest"]
    assert list(row) == [
        *("id", "qty", "side", "time", "price", "notional_usd", "first_id", "last_id", "legs", "vwap", "levels")
    ]
    assert (row["first_id"], row["last_id"], row["notional_usd"]) == (10, 12, "3.00000001")
    assert row["vwap"] == "1"  # 3.00000001 / 3 = 1.0000000033…
    assert data["min_notional"] == "100000.0000000000000005"


@given(notional=st.integers(1, 10**34), qty=st.integers(1, 2**63 - 1))
def test_vwap_is_exact_to_eight_decimals(notional: int, qty: int) -> None:
    order = print_of(group="order", notional=notional, qty=qty)
    data = decoded(encode.large_event(RULES, BTCUSDT, order))
    with localcontext() as context:
        context.prec = 200
        assert data["vwap"] == rounded(Decimal(notional) / Decimal(qty) / 10**8, 8)


def test_large_event_is_one_row_with_its_symbol() -> None:
    event = orjson.loads(encode.large_event(RULES, BTCUSDT, print_of(late=True)))
    assert (event["symbol"], event["group"], event["late"]) == ("BTCUSDT", "row", True)
    rows = orjson.loads(encode.large_data(RULES, BTCUSDT, view("row", print_of()), None))["largest"]
    assert {key: event[key] for key in rows[0]} == rows[0]


def test_trades() -> None:
    trade = Trade(BTCUSDT.key, 5, 6_334_246_000_000, 100_000, SELL, 1_781_228_423_554_321, -1, -1, 0)
    event = orjson.loads(encode.trade_event(BTCUSDT, trade, late=True))
    row = {
        "id": 5,
        "price": 63342.46,
        "qty": 0.001,
        "side": "sell",
        "time": 1781228423554,
        "ts_event": 1781228423554321,
        "first_fill": None,
        "last_fill": None,
    }
    assert event == {"symbol": "BTCUSDT", **row, "late": True}
    rows = [Row(5, 6_334_246_000_000, -100_000, 1_781_228_423_554_321, -1, -1)]
    body = encode.trades_data(
        BTCUSDT,
        rows,
        held=(1, 5),
        missing=[(2, 4)],
        next_from_id=6,
        position="e-1",
        state="gap",
        generation=1,
    )
    data = orjson.loads(body)
    assert data["trades"] == [row]
    assert (data["count"], data["missing"], data["missing_total"]) == (1, [[2, 4]], 3)
    assert (data["first_id"], data["last_id"], data["next_from_id"]) == (1, 5, 6)
    exact = orjson.loads(encode.trade_event(BTCUSDT, trade, exact=True))
    assert (exact["price"], exact["qty"], exact["late"]) == ("63342.46", "0.001", False)
