"""The document against the running daemon: every route is in it, with the bounds that hold."""

import re

import pytest

from orderflow_stream.delivery.http.params import Param
from orderflow_stream.delivery.http.routes import routes
from tests.delivery.http.world import Daemon

TABLE = routes(metrics=True)


async def test_the_document(daemon: Daemon) -> None:
    status, document, _ = await daemon.get("/openapi.json")
    assert (status, document["openapi"], document["info"]["version"]) == (200, "3.1.0", "1.2.3")
    assert set(document["paths"]) == {route.path for route in TABLE if not route.page}
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    identifiers = [operation["operationId"] for operation in operations]
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


async def test_how_a_key_is_sent(daemon: Daemon) -> None:
    _, document, _ = await daemon.get("/openapi.json")
    paths, schemes = document["paths"], document["components"]["securitySchemes"]
    assert schemes["key"]["name"] == "x-api-key"
    assert paths["/v1/flow"]["get"]["security"] == [{}, {"key": []}, {"bearer": []}]
    assert paths["/admin/reload"]["post"]["security"] == [{"key": []}, {"bearer": []}]
    assert {"ticket": []} in paths["/v1/stream"]["get"]["security"]
    assert paths["/healthz"]["get"]["security"] == []
    for item in paths.values():
        for operation in item.values():
            named = {name for way in operation["security"] for name in way}
            assert named <= set(schemes)
            assert ("401" in operation["responses"]) is bool(named)
