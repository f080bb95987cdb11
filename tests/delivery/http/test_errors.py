"""Every code of the contract with its status, as real answers have them."""

from typing import get_args

import pytest
from aiohttp import web

from orderflow_stream.core.events import FeedDown
from orderflow_stream.delivery.http import errors
from orderflow_stream.delivery.http.app import _build
from orderflow_stream.delivery.http.context import Context
from orderflow_stream.delivery.http.errors import CODE_OF, ApiError, Code, clean
from orderflow_stream.delivery.http.params import Query
from orderflow_stream.delivery.http.route import Route
from orderflow_stream.delivery.http.server import Runner
from orderflow_stream.feed.errors import UpstreamBusy, UpstreamFailed
from tests.delivery.http.world import Daemon

CONTRACT: dict[str, int] = {
    "missing_parameter": 400,
    "bad_parameter": 400,
    "unknown_parameter": 400,
    "conflicting_parameters": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "unknown_symbol": 404,
    "not_found": 404,
    "method_not_allowed": 405,
    "rate_limited": 429,
    "bad_configuration": 409,
    "internal_error": 500,
    "upstream_failed": 502,
    "not_ready": 503,
    "upstream_busy": 503,
    "over_capacity": 503,
}


def test_the_codes_are_those_of_the_contract() -> None:
    assert set(get_args(Code)) == set(CONTRACT)
    assert {code: status for status, code in CODE_OF.items()}.items() <= CONTRACT.items()


@pytest.mark.parametrize(
    "code,path,param",
    [
        ("missing_parameter", "/v1/flow", "symbol"),
        ("bad_parameter", "/v1/flow?symbol=BTCUSDT&trades=1", "trades"),
        ("unknown_parameter", "/v1/flow?symbol=BTCUSDT&trade=100", "trade"),
        ("conflicting_parameters", "/v1/flow?symbol=BTCUSDT&trades=1000&window=5m", "window"),
        ("unknown_symbol", "/v1/flow?symbol=NOSUCHUSDT", "symbol"),
        ("not_found", "/v1/nothing", None),
    ],
)
async def test_what_a_client_did_wrong(daemon: Daemon, code: str, path: str, param: str | None) -> None:
    status, body, _ = await daemon.get(path)
    assert (status, body["error"]) == (CONTRACT[code], {"code": code, "param": param})
    assert (body["data"], body["status"], body["success"]) == (None, "error", False)
    assert body["message"]


async def test_a_foreign_host_and_a_wrong_method(daemon: Daemon) -> None:
    status, body, _ = await daemon.get("/v1/meta", Host="evil.example")
    assert (status, body["error"]["code"]) == (403, "forbidden")
    async with daemon.session.post(f"{daemon.url}/healthz") as response:
        assert (response.status, (await response.json())["error"]["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize(
    "code,fault",
    [
        ("upstream_failed", UpstreamFailed("no answer")),
        ("upstream_busy", UpstreamBusy("weight is used up", retry_after=3)),
        ("internal_error", ZeroDivisionError("ours")),
    ],
)
async def test_what_went_wrong_behind_us(daemon: Daemon, code: str, fault: Exception) -> None:
    daemon.demand.fault = fault
    status, body, _ = await daemon.get("/v1/flow?symbol=SOLUSDT")
    assert (status, body["error"]["code"]) == (CONTRACT[code], code)


async def test_not_ready(daemon: Daemon) -> None:
    daemon.context.engine.apply(FeedDown(tuple(daemon.context.engine.books), 1, 1, "gone"))
    status, body, _ = await daemon.get("/readyz")
    assert (status, body["error"]["code"]) == (CONTRACT["not_ready"], "not_ready")


@pytest.mark.parametrize(
    "refusal,code",
    [
        (web.HTTPUnauthorized(), "unauthorized"),
        (web.HTTPForbidden(), "forbidden"),
        (web.HTTPTooManyRequests(), "rate_limited"),
        (web.HTTPInternalServerError(), "internal_error"),
        (web.HTTPBadGateway(), "upstream_failed"),
        (web.HTTPServiceUnavailable(), "over_capacity"),
        (ApiError(429, "rate_limited", "slower", retry_after=9, param="x"), "rate_limited"),
        (ApiError(503, "over_capacity", "full", retry_after=9, param="x"), "over_capacity"),
    ],
)
async def test_refusals_of_any_origin_are_in_the_envelope(daemon: Daemon, refusal: Exception, code: str) -> None:
    async def refuse(request: web.Request, context: Context, query: Query) -> web.StreamResponse:
        raise refusal

    runner = Runner(_build(daemon.context, (Route("/refuse", refuse, ""),), "127.0.0.1"))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with daemon.session.get(f"http://127.0.0.1:{runner.addresses[0][1]}/refuse") as response:
            body = await response.json()
            assert (response.status, body["error"]["code"]) == (CONTRACT[code], code)
            if isinstance(refusal, ApiError):
                assert (response.headers["Retry-After"], body["error"]["param"]) == ("9", "x")
                assert body["message"] == refusal.message
    finally:
        await runner.cleanup()


def test_short_names() -> None:
    made = [errors.bad("a", "m"), errors.missing("b", "m"), errors.conflicting("c", "m")]
    assert [(one.status, one.code, one.param) for one in made] == [
        (400, "bad_parameter", "a"),
        (400, "missing_parameter", "b"),
        (400, "conflicting_parameters", "c"),
    ]
    assert ApiError(405, "method_not_allowed", "m", allow={"HEAD", "GET"}).allow == ("GET", "HEAD")


def test_suggestions() -> None:
    assert errors.suggest([]) == ""
    assert errors.suggest(["A", "B"]) == "; did you mean A, B?"
    assert errors.shown("a\nb") == '"a\N{REPLACEMENT CHARACTER}b"'


def test_clean() -> None:
    assert clean("a\x00b\ud800c\n") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c\N{REPLACEMENT CHARACTER}"
    assert len(clean("x" * 1000)) == 40


def test_what_is_secret_of_a_key_is_never_repeated() -> None:
    """The same in answers, in the log and in what is said of a configuration: each floor keeps its own."""
    from orderflow_stream.config import faults
    from orderflow_stream.delivery.http.keys import make
    from orderflow_stream.logs import clean as logged

    key = make()
    for text in (key, f"?{key}&x", f"{'x' * 30}{key}", key[:20], f"'{key}' and {key}"):
        for shown in (clean(text), errors.redact(text), str(logged(text)), faults.shown(text)):
            assert key[13:20] not in shown
            assert key[:4] in shown or len(shown) == 40
    assert errors.redact("ofd_BTC") == "ofd_BTC"
