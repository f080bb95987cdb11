"""`/v1/large`: thresholds, groups, limits and totals over a real engine."""

from typing import Any

import pytest

from orderflow_stream.core.events import BUY
from orderflow_stream.core.units import NOTIONAL_SCALE
from tests.delivery.http.world import BTC, NOW, Daemon, Start, live_engine, trade


def swept() -> Any:
    """The conftest's tape, then one buy order of three rows at two prices, $45k to $75k each."""
    engine = live_engine()
    engine.apply(trade(BTC, 1005, 6001000000000, 75_000_000, BUY, NOW, 100, 101))
    engine.apply(trade(BTC, 1006, 6001000000000, 100_000_000, BUY, NOW, 102, 102))
    engine.apply(trade(BTC, 1007, 6001200000000, 125_000_000, BUY, NOW, 103, 109))
    return engine


@pytest.fixture
async def daemon(start: Start) -> Daemon:
    return await start(engine=swept())


async def test_rows_by_default(daemon: Daemon) -> None:
    data = await daemon.data("/v1/large?symbol=BTCUSDT")
    assert [(row["id"], row["notional_usd"]) for row in data["largest"]] == [(1004, 180030), (1003, 120001)]
    assert set(data["largest"][0]) == {"id", "qty", "side", "time", "price", "notional_usd"}
    assert (data["group"], data["min_notional"], data["trades_scanned"]) == ("row", 100000, 8)
    assert (data["count"], data["buy_count"], data["sell_count"]) == (2, 1, 1)
    assert (data["buy_notional"], data["sell_notional"], data["net_notional"]) == (180030, 120001, 60029)
    assert data["coverage"]["requested"] == {"trades": 5000}


async def test_orders_find_what_rows_do_not(daemon: Daemon) -> None:
    data = await daemon.data("/v1/large?symbol=BTCUSDT&group=order&numbers=string")
    assert data["largest"][0] == {
        "id": 1007,
        "qty": "3",
        "side": "buy",
        "time": NOW // 1000,
        "price": "60012",
        "notional_usd": "180032.5",
        "first_id": 1005,
        "last_id": 1007,
        "legs": 3,
        "vwap": "60010.83333333",
        "levels": 2,
    }
    assert [row["id"] for row in data["largest"]] == [1007, 1004, 1003]
    assert data["count"] == 3


async def test_totals_are_before_the_limit(daemon: Daemon) -> None:
    data = await daemon.data("/v1/large?symbol=BTCUSDT&min_notional=45000&limit=1")
    assert (data["count"], len(data["largest"])) == (6, 1)
    assert data["buy_notional"] == 180030 + 90000 + 45007.5 + 60010 + 75015


async def test_since_id(daemon: Daemon) -> None:
    data = await daemon.data("/v1/large?symbol=BTCUSDT&since_id=1003")
    assert [row["id"] for row in data["largest"]] == [1004]
    assert (data["count"], data["sell_notional"]) == (1, 0)


async def test_threshold_is_inclusive_to_the_last_digit(daemon: Daemon) -> None:
    exact = "120001.00000002"
    assert (await daemon.data(f"/v1/large?symbol=BTCUSDT&min_notional={exact}"))["count"] == 2
    assert (await daemon.data(f"/v1/large?symbol=BTCUSDT&min_notional={exact}00000001"))["count"] == 1


async def test_configured_thresholds(start: Start) -> None:
    options = {
        "large": 150_000 * NOTIONAL_SCALE,
        "large_by_quote": {"BTC": NOTIONAL_SCALE // 100},
        "large_by_symbol": {"SILENTUSDT": 7 * NOTIONAL_SCALE},
    }
    daemon = await start(options=options)
    assert (await daemon.data("/v1/large?symbol=BTCUSDT"))["min_notional"] == 150000
    assert (await daemon.data("/v1/large?symbol=SILENTUSDT"))["min_notional"] == 7
    data = await daemon.data("/v1/large?symbol=ETHBTC")
    assert (data["min_notional"], data["count"]) == (0.01, 4)
    assert (
        data["largest"][0]["notional_usd"] == 0.09370368
    )  # 3.00000001 × 0.03123456; a quote asset that is no stablecoin: 8 decimals


async def test_etag(daemon: Daemon) -> None:
    etag = (await daemon.get("/v1/large?symbol=BTCUSDT"))[2].headers["ETag"]
    assert (await daemon.get("/v1/large?symbol=BTCUSDT", If_None_Match=etag))[0] == 304
    for more in ("group=order", "limit=3", "min_notional=5", "since_id=4", "trades=100"):
        assert (await daemon.get(f"/v1/large?symbol=BTCUSDT&{more}", If_None_Match=etag))[0] == 200


async def test_a_percentile_is_the_threshold(daemon: Daemon) -> None:
    data = await daemon.data("/v1/large?symbol=BTCUSDT&percentile=75&numbers=string")
    sizes = sorted(row["notional_usd"] for row in data["largest"])
    assert (data["min_notional"], data["percentile"], data["count"]) == ("90000", "75", 3)
    assert sizes == ["120001.00000002", "180030", "90000"]
    data = await daemon.data("/v1/large?symbol=BTCUSDT&percentile=50.5&group=order")
    assert (data["percentile"], data["min_notional"], data["count"]) == (50.5, 120001.00000002, 3)
    data = await daemon.data("/v1/large?symbol=SILENTUSDT&percentile=99.999")
    assert (data["percentile"], data["min_notional"], data["largest"]) == (99.999, None, [])
    assert "percentile" not in await daemon.data("/v1/large?symbol=BTCUSDT")
    tags = {(await daemon.get(f"/v1/large?symbol=BTCUSDT{query}"))[2].headers["ETag"] for query in
            ("", "&percentile=90", "&percentile=90.001", "&min_notional=90")}  # fmt: skip
    assert len(tags) == 4
