"""`/v1/liquidations`: a sample, newest first, of one symbol or of several."""

from __future__ import annotations

import pytest

from orderflow_stream.core.events import BUY, SELL, LiquidationFeed
from orderflow_stream.delivery.http import liquidations
from tests.delivery.http.venues import INVERSE, PEPE, PERP, USDM, engine_of_venues, liquidation, venues_of
from tests.delivery.http.world import NOW, Daemon, Start

HERE = "/v1/liquidations?venue=binance-usdm"
SINCE = NOW // 1000 - 3_600_000


@pytest.fixture
async def daemon(start: Start) -> Daemon:
    engine = engine_of_venues(PEPE)
    for one in (
        liquidation(PERP, SELL, "60000", "2", 30),
        liquidation(PERP, BUY, "61000", "1", 20),
        liquidation(PEPE, SELL, "0.01", "1000000", 10),
        liquidation(INVERSE, SELL, "50000", "1000", 5),
    ):
        assert engine.apply(one) == (one,)
    return await start(engine=engine, venues=venues_of(engine))


async def test_of_one_symbol(daemon: Daemon) -> None:
    data = await daemon.data(f"{HERE}&symbol=btcusdt")
    assert (data["symbol"], data["venue"], data["market"], data["quote"]) == ("BTCUSDT", USDM, "usdm", "USDT")
    assert (data["count"], data["buy_count"], data["sell_count"]) == (2, 1, 1)
    assert (data["buy_notional"], data["sell_notional"]) == (61000, 120000)
    assert [(one["side"], one["position"], one["price"], one["notional"]) for one in data["liquidations"]] == [
        ("buy", "short", 61000, 61000),
        ("sell", "long", 60000, 120000),
    ]
    assert data["liquidations"][0]["time"] == NOW // 1000 - 20_000
    assert (data["complete"], data["listening_since"]) == (False, SINCE)
    assert "at most one order in 1000 ms" in data["note"]


@pytest.mark.parametrize(
    "query,symbols",
    [
        ("symbols=*", ["1000PEPEUSDT", "BTCUSDT", "BTCUSDT"]),
        ("symbols=*PEPE*", ["1000PEPEUSDT"]),
        ("symbols=BTCUSDT,1000PEPEUSDT", ["1000PEPEUSDT", "BTCUSDT", "BTCUSDT"]),
        ("coin=1000pepe", ["1000PEPEUSDT"]),
        ("symbols=*&limit=2", ["1000PEPEUSDT", "BTCUSDT"]),
        (f"symbols=*&since={NOW // 1000 - 20_000}", ["1000PEPEUSDT", "BTCUSDT"]),
        (f"symbols=*&since={NOW // 1000 - 19_999}", ["1000PEPEUSDT"]),
        (f"symbols=*&since={NOW // 1000}", []),
    ],
)
async def test_of_several(daemon: Daemon, query: str, symbols: list[str]) -> None:
    data = await daemon.data(f"{HERE}&{query}")
    assert [one["symbol"] for one in data["liquidations"]] == symbols
    if "limit" in query:
        assert (data["count"], data["sell_notional"]) == (3, 130000)
    else:
        assert data["count"] == len(symbols)


async def test_of_contracts(daemon: Daemon) -> None:
    data = await daemon.data("/v1/liquidations?venue=binance-coinm&coin=BTC&numbers=string")
    (one,) = data["liquidations"]
    assert (one["contracts"], one["qty"], one["notional"]) == ("1000", "2", "100000")


async def test_nothing_yet_says_since_when(many: Daemon) -> None:
    data = await many.data(f"{HERE}&symbols=*")
    assert (data["count"], data["liquidations"], data["listening_since"]) == (0, [], SINCE)
    many.context.engine.apply(LiquidationFeed(USDM, False, NOW, "closed by the venue", 1))
    assert (await many.data(f"{HERE}&symbols=*"))["listening_since"] is None
    many.context.engine.apply(LiquidationFeed(USDM, True, NOW + 7_000_000, connection=2))
    assert (await many.data(f"{HERE}&symbols=*"))["listening_since"] == NOW // 1000 + 7_000


async def test_since_when_all_of_them_are(daemon: Daemon) -> None:
    """One that is kept for a shorter time makes the answer whole for that long only."""
    daemon.context.engine.books[PEPE.key].liquidations_since = NOW - 5_000_000
    assert (await daemon.data(f"{HERE}&symbols=*"))["listening_since"] == NOW // 1000 - 5_000
    assert (await daemon.data(f"{HERE}&symbol=BTCUSDT"))["listening_since"] == SINCE


async def test_many_are_counted_to_a_bound(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liquidations, "MOST", 2)
    data = await daemon.data(f"{HERE}&symbols=*")
    assert [one["symbol"] for one in data["liquidations"]] == ["1000PEPEUSDT", "BTCUSDT"]
    assert data["count"] == 2


@pytest.mark.parametrize(
    "path,status,code,param,said",
    [
        (
            "/v1/liquidations?symbol=BTCUSDT",
            400,
            "bad_parameter",
            "venue",
            "write venue=binance-usdm (or binance-coinm)",
        ),
        ("/v1/liquidations?venue=binance&symbols=*", 400, "bad_parameter", "venue", "tells of no liquidations"),
        (HERE, 400, "missing_parameter", "symbol", "symbols=* for all"),
        (f"{HERE}&quote=USDT", 400, "missing_parameter", "symbol", "symbols=* for all"),
        (f"{HERE}&symbols=*&coin=BTC", 400, "conflicting_parameters", "coin", "one of them"),
        (f"{HERE}&symbols=NOPE*", 404, "unknown_symbol", "symbols", "matches"),
        (f"{HERE}&symbol=BTCUSDT_260108", 404, "unknown_symbol", "symbol", "ask /v1/flow for it"),
        (f"{HERE}&symbols=BTCUSDT,BTCUSDT_260108", 404, "unknown_symbol", "symbols", "not streamed"),
        (f"{HERE}&symbol=BTCUSDT&limit=0", 400, "bad_parameter", "limit", "from 1 to 5000"),
        (f"{HERE}&symbol=BTCUSDT&since=-1", 400, "bad_parameter", "since", "whole number"),
        (f"{HERE}&symbol=BTCUSDT&since=1e9", 400, "bad_parameter", "since", "whole number"),
    ],
)
async def test_refused(daemon: Daemon, path: str, status: int, code: str, param: str, said: str) -> None:
    got, body, _ = await daemon.get(path)
    assert (got, body["error"]) == (status, {"code": code, "param": param}), body
    assert said in body["message"]
    assert param in body["message"] or code == "unknown_symbol"


async def test_where_no_venue_tells_of_any(start: Start) -> None:
    """Then it is no route, and says what would make it one."""
    daemon = await start()
    status, body, _ = await daemon.get("/v1/liquidations?symbol=BTCUSDT")
    assert (status, body["error"]["code"]) == (404, "not_found")
    assert "[venues.NAME]" in body["message"]
    assert "/v1/liquidations" not in (await daemon.get("/openapi.json"))[1]["paths"]
