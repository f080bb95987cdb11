"""Answers of futures venues and of several venues at once against their stated shapes and against the document."""

from __future__ import annotations

import re
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from orderflow_stream.core.events import BUY, SELL, FeedDown
from orderflow_stream.delivery.http.routes import LIQUIDATIONS_ROUTE, routes
from orderflow_stream.shapes import answers, futures
from tests.delivery.http.venues import INVERSE, PERP, engine_of_venues, liquidation, row, venues_of
from tests.delivery.http.world import NOW, Daemon, Start

TABLE = {route.path: route for route in routes(metrics=True, liquidations=True)}
FLOW = futures.FuturesFlow
ASKED: list[tuple[str, Any]] = [
    ("/v1/flow?symbol=BTCUSDT&venue=binance-usdm", FLOW),
    ("/v1/flow?symbol=BTCUSDT&venue=binance-usdm&window=1m&numbers=string", FLOW),
    ("/v1/flow?symbols=*&venue=binance-coinm", list[FLOW]),
    ("/v1/flow?symbol=XRPUSD_260108&venue=binance-coinm&window=1m", FLOW),
    ("/v1/flow?coin=BTC&venues=binance,binance-usdm,binance-coinm", futures.Combined),
    ("/v1/flow?coin=BTC&venues=binance-usdm&window=5m&numbers=string", futures.Combined),
    ("/v1/flow?coin=XRP&venues=binance-coinm&window=5m", futures.Combined),
    ("/v1/large?coin=BTC&venue=binance-usdm&min_notional=1", futures.FuturesLarge),
    ("/v1/large?coin=BTC&venue=binance-usdm&min_notional=1&group=order&numbers=string", futures.FuturesLarge),
    ("/v1/large?coin=BTC&venue=binance-coinm&min_notional=1&group=order", futures.FuturesLarge),
    ("/v1/trades?coin=BTC&venue=binance-usdm", futures.FuturesTrades),
    ("/v1/trades?coin=BTC&venue=binance-coinm&numbers=string", futures.FuturesTrades),
    ("/v1/gaps?coin=BTC&venue=binance-usdm", answers.Gaps),
    ("/v1/screener?venue=binance-coinm&numbers=string", answers.Screener),
    ("/v1/symbols?venue=binance-coinm", futures.FuturesSymbols),
    ("/v1/symbols?venue=binance", answers.Symbols),
    ("/v1/meta?venue=binance-usdm", answers.SpecMeta),
    ("/v1/meta", answers.SpecMeta),
    ("/v1/liquidations?symbols=*&venue=binance-usdm", futures.Liquidations),
    ("/v1/liquidations?symbol=BTCUSDT&venue=binance-usdm&numbers=string", futures.Liquidations),
    ("/v1/liquidations?coin=BTC&venue=binance-coinm", futures.Liquidations),
    ("/readyz", futures.VenuesReady),
]


@pytest.fixture
async def daemon(start: Start) -> Daemon:
    engine = engine_of_venues()
    engine.apply(row(PERP, 13, "60000", "1", BUY, 0.5))  # nq is not told
    for one in (liquidation(PERP, SELL, "60000", "2", 30), liquidation(INVERSE, BUY, "50000", "3", 20)):
        engine.apply(one)
    return await start(engine=engine, venues=venues_of(engine))


@pytest.mark.parametrize("path,shape", ASKED, ids=[path for path, _ in ASKED])
async def test_answers_have_the_stated_shape(daemon: Daemon, path: str, shape: Any) -> None:
    status, body, _ = await daemon.get(path)
    assert status == 200, body
    msgspec.convert(body["data"], shape, strict=True)
    route = TABLE[path.partition("?")[0]]
    assert any(shape == stated or shape in getattr(stated, "__args__", ()) for stated in (route.data, *route.also))


@pytest.mark.parametrize(
    "path", [*(path for path, _ in ASKED), "/v1/flow?symbol=BTCUSDT", "/v1/liquidations", "/v1/flow"]
)
async def test_the_document_promises_it(daemon: Daemon, path: str) -> None:
    """By a validator of JSON schemas that nobody here wrote."""
    document = (await daemon.get("/openapi.json"))[1]
    status, body, _ = await daemon.get(path)
    assert validator(document, path.partition("?")[0], status).is_valid(body)
    assert not validator(document, path.partition("?")[0], status).is_valid({**body, "more": 1})
    if isinstance(body["data"], dict) and "/v1/meta" not in path:
        assert not validator(document, path.partition("?")[0], status).is_valid(
            {**body, "data": {**body["data"], "more": 1}}
        )


def validator(document: dict[str, Any], path: str, status: int) -> Any:
    schema = document["paths"][path]["get"]["responses"][str(status)]["content"]["application/json"]["schema"]
    return jsonschema_rs.validator_for({**schema, "components": document["components"]})


async def test_a_refusal_of_readyz_too(daemon: Daemon) -> None:
    daemon.context.engine.apply(FeedDown((PERP.key, INVERSE.key), NOW, 1, "gone"))
    document = (await daemon.get("/openapi.json"))[1]
    for path in ("/readyz", "/readyz?strict=1"):
        status, body, _ = await daemon.get(path)
        assert (status, body["data"]["not_ready"][0]["venue"]) == (503, "binance-usdm")
        msgspec.convert(body, futures.VenuesFailure, strict=True)
        assert validator(document, "/readyz", 503).is_valid(body)


async def test_members_that_only_some_have(daemon: Daemon) -> None:
    perp = await daemon.data("/v1/flow?symbol=BTCUSDT&venue=binance-usdm&window=1m")
    assert perp["delta_base_nq"] is None  # one row of the span does not tell
    assert "contract_size" not in perp
    inverse = await daemon.data("/v1/flow?coin=BTC&venue=binance-coinm")
    assert "delta_base_nq" not in inverse
    assert (inverse["contract_size"], inverse["delta_contracts"]) == (100, 400)
    trades = (await daemon.data("/v1/trades?coin=BTC&venue=binance-usdm"))["trades"]
    assert [one["nq"] for one in trades] == [1.5, 1, 0, None]
    orders = (await daemon.data("/v1/large?coin=BTC&venue=binance-usdm&min_notional=1&group=order"))["largest"]
    assert {one["confidence"] for one in orders} <= {"likely", "possible"}
    rows = (await daemon.data("/v1/large?coin=BTC&venue=binance-usdm&min_notional=1"))["largest"]
    assert rows
    assert not any("confidence" in one for one in rows)


async def test_the_document_names_each_shape_once(daemon: Daemon) -> None:
    document = (await daemon.get("/openapi.json"))[1]
    names = document["components"]["schemas"]
    assert all(re.fullmatch(r"\w+", name) for name in names)
    assert set(re.findall(r"#/components/schemas/([^'\"]+)", str(document))) <= set(names)
    assert {"Flow", "FuturesFlow", "Combined", "Liquidations", "FuturesSymbols", "VenuesReady"} <= set(names)
    assert set(document["paths"]) == {route.path for route in TABLE.values() if not route.page}
    for item in document["paths"].values():
        for operation in item.values():
            for one in operation["responses"].values():
                shapes = [part["schema"].get("anyOf", []) for part in one.get("content", {}).values()]
                assert all(shape.count(each) == 1 for shape in shapes for each in shape)


async def test_liquidations_are_in_the_table_of_meta(daemon: Daemon) -> None:
    assert "GET /v1/liquidations" in (await daemon.data("/v1/meta"))["endpoints"]
    assert LIQUIDATIONS_ROUTE in TABLE.values()


async def test_head(daemon: Daemon) -> None:
    path = "/v1/liquidations?symbols=*&venue=binance-usdm"
    async with daemon.session.head(daemon.url + path) as head:
        assert (head.status, await head.read()) == (200, b"")
