"""An order of the liquidation stream, to the last field; what all venues that have one must do is in `conformance`."""

import json
from typing import Any

import pytest

from orderflow_stream.core.events import BUY, SELL, Liquidation
from orderflow_stream.venues.binance_liquidations import LIQUIDATIONS, BinanceLiquidations
from orderflow_stream.venues.values import Rejected

ORDER = {
    "s": "BTCUSDT",
    "S": "SELL",
    "q": "0.5",
    "p": "90",
    "ap": "91",
    "z": "0.25",
    "X": "NEW",
    "T": 1_760_000_000_000,
}
CODEC = BinanceLiquidations("venue-x", 1, "wss://h", (), "/market")


def frame(st: Any = 1, **changes: Any) -> str:
    return json.dumps({"e": "forceOrder", "st": st, "o": ORDER | changes})


def test_every_field() -> None:
    expected = Liquidation(
        "venue-x:BTCUSDT", SELL, 90 * 10**8, 91 * 10**8, 50_000_000, 25_000_000, 1_760_000_000_000_000, 5, "NEW"
    )
    assert CODEC.decode(frame(), 5) == expected
    assert CODEC.decode(json.dumps({"stream": LIQUIDATIONS, "data": json.loads(frame())}), 5) == expected
    bought = CODEC.decode(frame(S="BUY"), 5)
    assert isinstance(bought, Liquidation)
    assert bought.side == BUY


@pytest.mark.parametrize(
    "changes,reason",
    [
        ({"p": "0", "ap": "0"}, "price"), ({"q": "0"}, "quantity"), ({"T": 0}, "time"), ({"S": "x"}, "side"),
        ({"st": 2}, "market"),
    ],
)  # fmt: skip
def test_what_is_none(changes: dict[str, Any], reason: str) -> None:
    assert CODEC.decode(frame(**changes), 5) == Rejected(reason, "BTCUSDT")  # type: ignore[arg-type]


def test_its_name_keeps_its_case_and_its_path_is_the_markets() -> None:
    assert json.loads(CODEC.subscribe([LIQUIDATIONS], 1))["params"] == ["!forceOrder@arr"]
    assert CODEC.stream_url("wss://h", [LIQUIDATIONS]).startswith("wss://h/market/stream")
