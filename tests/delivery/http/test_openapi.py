"""The document against the running daemon: every route is in it, and every real answer has the shape it states."""

import re
from typing import Any

import msgspec
import pytest

from orderflow_stream.delivery.http.params import Param
from orderflow_stream.delivery.http.routes import routes
from orderflow_stream.delivery.http.schemas import AnswerMeta, Failure
from tests.delivery.http.world import Daemon

TABLE = routes(metrics=True)
SHAPES = {route.path: route.data for route in TABLE if route.data is not None}

ASKED = [
    "/v1/flow?symbol=BTCUSDT",
    "/v1/flow?symbol=SILENTUSDT&window=5m",
    "/v1/flow?symbols=*&numbers=string",
    "/v1/large?symbol=BTCUSDT",
    "/v1/large?symbol=BTCUSDT&group=order&min_notional=1&numbers=string",
    "/v1/trades?symbol=BTCUSDT",
    "/v1/gaps?symbol=BTCUSDT",
    "/v1/screener",
    "/v1/symbols",
    "/v1/symbols?quote=USDT",
    "/v1/meta",
    "/healthz",
    "/readyz",
]


@pytest.mark.parametrize("path", ASKED)
async def test_answers_have_the_stated_shape(daemon: Daemon, path: str) -> None:
    status, body, _ = await daemon.get(path)
    assert status == 200
    assert list(body) == ["data", "meta", "status", "message", "success"]
    assert (body["status"], body["success"]) == ("ok", True)
    shape: Any = SHAPES[path.partition("?")[0]]
    msgspec.convert(body["data"], shape, strict=True)
    msgspec.convert(body["meta"], AnswerMeta, strict=True)


@pytest.mark.parametrize("path", ["/v1/flow", "/nothing", "/readyz?strict=1"])
async def test_failures_too(daemon: Daemon, path: str) -> None:
    daemon.context.engine.books.popitem()
    from orderflow_stream.core.events import FeedDown

    daemon.context.engine.apply(FeedDown(tuple(daemon.context.engine.books), 1, 1, "gone"))
    status, body, _ = await daemon.get(path)
    assert status >= 400
    msgspec.convert(body, Failure, strict=True)


async def test_every_shape_was_asked_for() -> None:
    assert {path.partition("?")[0] for path in ASKED} == set(SHAPES)


async def test_the_document(daemon: Daemon) -> None:
    status, document, _ = await daemon.get("/openapi.json")
    assert (status, document["openapi"], document["info"]["version"]) == (200, "3.1.0", "1.2.3")
    assert set(document["paths"]) == {route.path for route in TABLE if not route.page}
    identifiers = [item["get"]["operationId"] for item in document["paths"].values()]
    assert len(set(identifiers)) == len(identifiers)
    names = document["components"]["schemas"]
    assert {"Flow", "Coverage", "Large", "Failure"} <= set(names)
    assert all(re.fullmatch(r"\w+", name) for name in names)
    assert set(re.findall(r"#/components/schemas/([^'\"]+)", str(document))) <= set(names)
    stream = document["paths"]["/v1/stream"]["get"]
    assert "text/event-stream" in stream["responses"]["200"]["content"]
    flow = {one["name"]: one for one in document["paths"]["/v1/flow"]["get"]["parameters"]}
    assert flow["trades"]["schema"] == {"type": "integer", "minimum": 100, "maximum": 5000, "default": 1000}
    assert flow["numbers"]["schema"]["enum"] == ["number", "string"]


@pytest.mark.parametrize(
    "path,param",
    [
        (route.path, param)
        for route in TABLE
        for param in route.params or ()
        if param.kind == "integer" and route.path != "/v1/stream"  # needs the real hub
    ],
)
async def test_stated_bounds_are_the_bounds(daemon: Daemon, path: str, param: Param) -> None:
    who = "" if path == "/v1/screener" else "symbol=BTCUSDT&"
    for value in (param.low - 1, param.high + 1):
        status, body, _ = await daemon.get(f"{path}?{who}{param.name}={value}")
        assert (status, body["error"]) == (400, {"code": "bad_parameter", "param": param.name})
