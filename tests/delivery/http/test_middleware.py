"""One envelope for every failure; methods, request ids, faults of our own."""

import logging
import uuid
from typing import Any

import pytest

from tests.delivery.http.world import Daemon


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "PURGE"])
@pytest.mark.parametrize("path", ["/v1/flow?symbol=BTCUSDT", "/healthz", "/"])
async def test_wrong_method(daemon: Daemon, method: str, path: str) -> None:
    async with daemon.session.request(method, daemon.url + path) as response:
        body = await response.json()
        assert (response.status, body["error"]["code"]) == (405, "method_not_allowed")
        assert response.headers["Allow"] == "GET,HEAD,OPTIONS"
        assert body["data"] is None


async def test_a_body_changes_nothing(daemon: Daemon) -> None:
    url = f"{daemon.url}/v1/flow?symbol=BTCUSDT"
    async with daemon.session.post(url, data=b"x" * 100_000) as response:
        assert response.status == 405
    assert (await daemon.get("/healthz"))[0] == 200


@pytest.mark.parametrize("path", ["/v1/flow?symbol=BTCUSDT", "/v1/flow", "/v1/nothing", "/", "/metrics", "/readyz"])
async def test_head_is_get_without_the_body(daemon: Daemon, path: str) -> None:
    status, _, got = await daemon.get(path)
    async with daemon.session.head(daemon.url + path) as response:
        assert response.status == status
        assert await response.read() == b""
        assert response.headers["Content-Type"] == got.headers["Content-Type"]
        assert response.headers.get("ETag") == got.headers.get("ETag")
        if path != "/metrics":
            assert response.headers["Content-Length"] == got.headers["Content-Length"]


async def test_request_id(daemon: Daemon) -> None:
    _, body, response = await daemon.get("/v1/flow?symbol=BTCUSDT", X_Request_Id="mine-42")
    assert body["meta"]["request_id"] == response.headers["X-Request-Id"] == "mine-42"
    for bad in ("a b", "x" * 65, "a_b", "ü", '"'):
        _, body, response = await daemon.get("/v1/flow", X_Request_Id=bad)
        assert uuid.UUID(body["meta"]["request_id"]).version == 4
        assert response.headers["X-Request-Id"] == body["meta"]["request_id"]


async def test_a_fault_of_ours(daemon: Daemon, caplog: pytest.LogCaptureFixture) -> None:
    daemon.demand.fault = RuntimeError("secret in here\nsecond line")
    with caplog.at_level(logging.INFO):
        status, body, _ = await daemon.get("/v1/flow?symbol=SOLUSDT", X_Request_Id="trace-me")
    assert (status, body["error"]) == (500, {"code": "internal_error", "param": None})
    assert "secret" not in body["message"]
    (record,) = [one for one in caplog.records if one.name == "orderflow_stream.http"]
    assert "trace-me" in record.getMessage()
    assert "/v1/flow" in record.getMessage()
    assert "RuntimeError" in record.getMessage()
    assert not record.exc_info
    assert (await daemon.get("/v1/flow?symbol=BTCUSDT"))[0] == 200


async def test_requests_are_counted_by_template(daemon: Daemon) -> None:
    await daemon.get("/v1/flow?symbol=BTCUSDT")
    await daemon.get("/v1/flow")
    await daemon.get("/static/style.css")
    await daemon.get("/nothing/to/see/here")
    async with daemon.session.request("PURGE", f"{daemon.url}/healthz"):
        pass
    counts: dict[Any, int] = daemon.context.stats.requests
    assert counts == {
        ("GET", "/v1/flow", 200): 1,
        ("GET", "/v1/flow", 400): 1,
        ("GET", "/static/{name}", 200): 1,
        ("GET", "unmatched", 404): 1,
        ("other", "unmatched", 405): 1,
    }
    assert sum(daemon.context.stats.durations["GET", "/v1/flow"].counts) == 2


async def test_a_fault_after_the_head_cuts_the_connection(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A second head in the middle of a body would be worse than an end that every client notices."""
    import aiohttp
    from aiohttp import web

    from orderflow_stream.delivery.http.app import _build
    from orderflow_stream.delivery.http.route import Route
    from orderflow_stream.delivery.http.server import Runner

    async def breaks(request: web.Request, context: Any, query: Any) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"half")
        raise ValueError("broken")

    runner = Runner(_build(daemon.context, (Route("/half", breaks, "", ()),), "127.0.0.1"))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with daemon.session.get(f"http://127.0.0.1:{runner.addresses[0][1]}/half") as response:
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()
    finally:
        await runner.cleanup()
    assert sum("ValueError: broken" in one.getMessage() for one in caplog.records) == 1
    assert not any(one.exc_info for one in caplog.records)
