from decimal import Decimal
from typing import Any

import pytest

from orderflow_stream.core.events import BUY, SELL, Instrument, Liquidation
from orderflow_stream.delivery.encode_liquidations import SAMPLE, liquidation_event, liquidations_data, notional
from tests.delivery.encoding import RULES, decoded

E8 = 10**8
T0 = 1_760_000_000_000_000
PERP = Instrument("binance-usdm", "BTCUSDT", "BTC", "USDT", market="usdm", kind="perpetual")
RATIO = Instrument("binance-usdm", "ETHBTC", "ETH", "BTC", market="usdm", kind="perpetual")
INVERSE = Instrument("venue-x", "BTCUSD_PERP", "BTC", "USD", market="coinm", kind="perpetual", contract=100 * E8)


def told(instrument: Instrument = PERP, **changes: Any) -> Liquidation:
    """The example of the venue's documents: a long of 0.014 BTC closed at 9910."""
    fields: dict[str, Any] = {
        "instrument": instrument.key,
        "side": SELL,
        "price": 9_910 * E8,
        "avg_price": 9_910 * E8,
        "qty": 1_400_000,
        "filled": 1_400_000,
        "ts_event": T0 + 893_999,
        "ts_recv": T0 + 900_000,
        "status": "FILLED",
    }
    return Liquidation(**{**fields, **changes})


def data(*rows: tuple[Instrument, Liquidation], **changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "venue": "binance-usdm",
        "market": "usdm",
        "symbol": None,
        "limit": 100,
        "since": T0,
        "position": "e-1",
    }
    return decoded(liquidations_data(RULES, rows, **{**fields, **changes}))


def test_a_row() -> None:
    assert decoded(liquidation_event(RULES, PERP, told())) == {
        "symbol": "BTCUSDT",
        "venue": "binance-usdm",
        "side": "sell",
        "position": "long",
        "price": 9910,
        "avg_price": 9910,
        "qty": Decimal("0.014"),
        "filled": Decimal("0.014"),
        "notional": Decimal("138.74"),
        "time": T0 // 1_000 + 893,
        "status": "FILLED",
    }
    short = decoded(liquidation_event(RULES, PERP, told(side=BUY), exact=True))
    assert (short["side"], short["position"], short["notional"]) == ("buy", "short", "138.74")


def test_the_notional_is_of_what_was_traded_at_the_price_it_was_traded_for() -> None:
    assert notional(PERP, told(avg_price=9_900 * E8, filled=400_000)) == 9_900 * E8 * 400_000
    assert notional(PERP, told(filled=0, avg_price=0)) == 0
    assert notional(PERP, told(avg_price=0)) == 9_910 * E8 * 1_400_000  # an average that is not told
    exact = decoded(liquidation_event(RULES, PERP, told(avg_price=9_900_00000001, filled=3), exact=True))
    assert exact["notional"] == "0.0002970000000003"


def test_contracts_beside_the_base() -> None:
    one = told(INVERSE, qty=7 * E8, filled=3 * E8, price=31_000 * E8, avg_price=30_000 * E8)
    row = decoded(liquidation_event(RULES, INVERSE, one))
    assert (row["contracts"], row["filled_contracts"], row["notional"]) == (7, 3, 300)
    assert (row["qty"], row["filled"]) == (Decimal("0.02333333"), Decimal("0.01"))
    assert list(row)[8:10] == ["contracts", "filled_contracts"]
    untold = told(INVERSE, price=0, avg_price=0)
    assert decoded(liquidation_event(RULES, INVERSE, untold))["qty"] is None


def test_the_routes_data_is_newest_first_and_counts_beyond_the_limit() -> None:
    rows = [(PERP, told(ts_event=T0 + 1_000 * n, side=BUY if n % 2 else SELL)) for n in range(5)]
    found = data(*rows, limit=2, symbol="BTCUSDT")
    assert [row["time"] for row in found["liquidations"]] == [T0 // 1_000 + 4, T0 // 1_000 + 3]
    assert (found["count"], found["buy_count"], found["sell_count"]) == (5, 2, 3)
    assert (found["buy_notional"], found["sell_notional"]) == (Decimal("277.48"), Decimal("416.22"))
    assert (found["symbol"], found["quote"], found["position"], found["source"]) == (
        "BTCUSDT",
        "USDT",
        "e-1",
        "Binance",
    )
    assert found["listening_since"] == T0 // 1_000


def test_it_is_never_complete_and_says_that_it_is_a_sample() -> None:
    for found in (data((PERP, told())), data()):
        assert found["complete"] is False
        assert found["sample"] == SAMPLE == "at most the largest order per symbol and 1000 ms"
        assert "understate" in found["note"]


def test_nothing_was_told() -> None:
    found = data(since=None)
    assert (found["count"], found["liquidations"], found["listening_since"], found["by_quote"]) == (0, [], None, {})
    assert (found["buy_notional"], found["sell_notional"], found["quote"]) == (0, 0, None)


@pytest.mark.parametrize("exact", [False, True])
def test_sums_of_several_quote_assets_stand_apart(exact: bool) -> None:
    rows = (
        (PERP, told()),
        (RATIO, told(RATIO, price=3_000_000, avg_price=3_000_000, side=BUY)),
        (PERP, told(side=BUY)),
    )
    found = data(*rows, exact=exact)
    assert (found["quote"], found["buy_notional"], found["sell_notional"]) == (None, None, None)
    assert (found["count"], found["buy_count"], found["sell_count"]) == (3, 2, 1)
    usdt, btc = found["by_quote"]["USDT"], found["by_quote"]["BTC"]
    assert (usdt["buy_count"], usdt["sell_count"], Decimal(usdt["sell_notional"])) == (1, 1, Decimal("138.74"))
    assert (btc["buy_count"], Decimal(btc["buy_notional"])) == (1, Decimal("0.00042"))
    assert Decimal(btc["sell_notional"]) == 0


def test_a_sum_of_contracts_is_exact() -> None:
    rows = [(INVERSE, told(INVERSE, qty=10**9 * E8, filled=10**9 * E8, price=10**5 * E8, avg_price=10**5 * E8))] * 3
    found = data(*rows, venue="venue-x", market="coinm", exact=True)
    assert found["sell_notional"] == str(3 * 10**11)
