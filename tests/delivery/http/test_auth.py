"""The gate, in front of real routes: who gets in, how often, and what is never said."""

from __future__ import annotations

import asyncio
import io
import logging
import re
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from yarl import URL

from orderflow_stream import logs
from orderflow_stream.delivery.http.auth import Auth, Policy
from orderflow_stream.delivery.http.keys import make
from orderflow_stream.delivery.http.routes import routes
from tests.delivery.http.keyring import BEHIND_PROXY, Clock, gate, kept, pair, plan
from tests.delivery.http.world import Daemon, Start

FLOW = "/v1/flow?symbol=BTCUSDT"
TABLE = routes(metrics=True)
QUERY = {"/v1/flow": "?symbol=BTCUSDT", "/v1/large": "?symbol=BTCUSDT", "/v1/trades": "?symbol=BTCUSDT"}


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What the process writes to its log at debug, as it writes it."""
    named = [logging.getLogger(name) for name in (None, "aiohttp.access", "aiohttp.server", "asyncio", "websockets")]
    before = [(each, each.level, each.handlers[:], each.filters[:]) for each in named]
    stream = io.StringIO()
    logs.configure("debug", "json", stream)
    yield stream
    for each, level, handlers, filters in before:
        each.setLevel(level)
        each.handlers[:], each.filters[:] = handlers, filters


async def ask(daemon: Daemon, path: str = FLOW, method: str = "GET", **headers: str) -> aiohttp.ClientResponse:
    """The answer, read; names of headers with `_` for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with daemon.session.request(method, daemon.url + path, headers=named) as response:
        await response.read()
        return response


async def code(response: aiohttp.ClientResponse) -> tuple[int, str]:
    return response.status, (await response.json())["error"]["code"]


@pytest.mark.parametrize("header", ["x-api-key", "X-Oanor-Key", "Authorization"])
async def test_a_key_opens_by_any_of_three_headers(start: Start, header: str) -> None:
    secret, key = pair()
    daemon = await start(auth=gate(Clock(), key))
    value = f"Bearer {secret}" if header == "Authorization" else secret
    assert (await ask(daemon, **{header: value})).status == 200
    refused = await ask(daemon)
    assert await code(refused) == (401, "unauthorized")
    assert refused.headers["WWW-Authenticate"] == 'Bearer realm="orderflow_stream"'


async def test_what_is_no_key_of_ours(start: Start) -> None:
    secret, key = pair()
    daemon = await start(auth=gate(Clock(), key))
    swapped = secret[:-1] + ("A" if secret[-1] != "A" else "Q")
    for wrong in (make(), swapped, secret[:-1], secret + "A", secret.upper(), "hunter2", "'; drop", key.digest.hex()):
        refused = await ask(daemon, x_api_key=wrong)
        assert await code(refused) == (401, "unauthorized")
        assert refused.headers["WWW-Authenticate"] == 'Bearer realm="orderflow_stream", error="invalid_token"'
        assert wrong not in await refused.text()


@pytest.mark.parametrize("route", TABLE, ids=lambda route: route.path)
async def test_every_route_wants_its_scope_and_no_other(start: Start, route: Any) -> None:
    """The whole surface: what answers without a key is listed here, by name."""
    secrets = {scope: pair(scopes=scope) for scope in ("read", "stream", "metrics", "admin")}
    daemon = await start(auth=gate(Clock(), *(key for _, key in secrets.values())))
    path = route.path.format(name="style.css") + QUERY.get(route.path, "")
    bare = await ask(daemon, path, route.method)
    if route.path in {
        "/healthz",
        "/readyz",
        "/",
        "/favicon.ico",
        "/static/{name}",
        "/docs",
        "/openapi.json",
        "/llms.txt",
    }:
        assert bare.status == 200
        return
    assert bare.status == 401
    wanted = {"/metrics": "metrics", "/admin/reload": "admin", "/v1/stream": "stream", "/v1/ticket": "stream"}
    for scope, (secret, _) in secrets.items():
        answer = await ask(daemon, path, route.method, x_api_key=secret)
        if scope == wanted.get(route.path, "read"):
            assert answer.status not in {401, 403}
        else:
            assert await code(answer) == (403, "forbidden")


@pytest.mark.parametrize("path", ["/v1/nothing", "/.env", "/v1/flow/../meta", "/static/secret"])
async def test_what_is_nowhere_is_not_even_told_without_a_key(start: Start, path: str) -> None:
    secret, key = pair(scopes="metrics")
    daemon = await start(auth=gate(Clock(), key))
    assert (await ask(daemon, path)).status == (404 if path.startswith("/static") else 401)
    assert (await ask(daemon, path, x_api_key=secret)).status in {403, 404}


async def test_a_wrong_method_still_says_the_right_ones(start: Start) -> None:
    secret, key = pair()
    daemon = await start(auth=gate(Clock(), key))
    refused = await ask(daemon, FLOW, "POST", x_api_key=secret)
    assert (refused.status, refused.headers["Allow"]) == (405, "GET,HEAD,OPTIONS")
    refused = await ask(daemon, "/v1/ticket", "GET", x_api_key=secret)
    assert (refused.status, refused.headers["Allow"]) == (405, "OPTIONS,POST")
    assert "use POST" in (await refused.json())["message"]


async def test_an_expired_key_and_two_for_a_change(start: Start) -> None:
    clock = Clock()
    old, old_kept = pair(name="desk", expires=clock.wall() + 100)
    new, new_kept = pair(name="desk")
    daemon = await start(auth=gate(clock, old_kept, new_kept))
    assert [(await ask(daemon, x_api_key=one)).status for one in (old, new)] == [200, 200]
    clock.pass_(100)
    refused = await ask(daemon, x_api_key=old)
    assert await code(refused) == (401, "unauthorized")
    assert "expired" in (await refused.json())["message"]
    assert (await ask(daemon, x_api_key=new)).status == 200


async def test_an_expired_key_is_told_of_by_name(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    secret, key = pair(name="desk", expires=clock.wall() - 1)
    with caplog.at_level(logging.WARNING):
        assert gate(clock, key).required
    assert f"key {key.id} (desk) has expired" in caplog.text
    assert secret[13:] not in caplog.text


async def test_without_keys_everything_is_open_and_headers_mean_nothing(start: Start) -> None:
    daemon = await start()
    for headers in ({}, {"x_api_key": "whatever"}, {"Authorization": "Basic dTpw"}, {"x_oanor_key": make()}):
        assert (await ask(daemon, **headers)).status == 200
    made = await ask(daemon, "/v1/ticket", "POST")
    assert (made.status, (await made.json())["data"]["ticket"]) == (200, "none-needed")


# -- how often --------------------------------------------------------------------------------------------------------

FIELD = r'"[a-z]+"(;[a-z]=[0-9]+)+(, "[a-z]+"(;[a-z]=[0-9]+)+)*'


async def test_a_plan_limits_the_second_and_says_so(start: Start) -> None:
    clock = Clock()
    secret, key = pair(plan=plan(per_second=2, burst=4))
    daemon = await start(auth=gate(clock, key))
    told = [await ask(daemon, x_api_key=secret) for _ in range(5)]
    assert [one.status for one in told] == [200, 200, 200, 200, 429]
    assert [one.headers["RateLimit-Policy"] for one in told] == ['"key";q=4;w=2'] * 5
    assert [one.headers["RateLimit"] for one in told] == [
        *('"key";r=3;t=1', '"key";r=2;t=1', '"key";r=1;t=2', '"key";r=0;t=2', '"key";r=0;t=1'),
    ]
    assert await code(told[-1]) == (429, "rate_limited")
    assert told[-1].headers["Retry-After"] == "1"
    clock.pass_(0.5)
    assert [(await ask(daemon, x_api_key=secret)).status for _ in range(2)] == [200, 429]


async def test_a_plan_limits_the_month(start: Start) -> None:
    clock = Clock()
    secret, key = pair(plan=plan(per_second=100, burst=100, per_month=3))
    daemon = await start(auth=gate(clock, key))
    told = [await ask(daemon, x_api_key=secret) for _ in range(4)]
    assert [one.status for one in told] == [200, 200, 200, 429]
    for one in told:
        assert re.fullmatch(FIELD, one.headers["RateLimit"])
        assert one.headers["RateLimit-Policy"] == '"key";q=100;w=1, "month";q=3;w=2592000'
    assert told[0].headers["RateLimit"] == '"key";r=99;t=1, "month";r=2;t=741600'
    assert told[3].headers["RateLimit"].endswith('"month";r=0;t=741600')
    assert told[3].headers["Retry-After"] == "741600"
    assert "month" in (await told[3].json())["message"]
    clock.pass_(741_600)
    assert (await ask(daemon, x_api_key=secret)).status == 200


async def test_keys_of_one_name_share_their_plan_and_others_do_not(start: Start) -> None:
    clock = Clock()
    limited = plan(per_second=1, burst=2)
    (one, a), (two, b) = pair(name="desk", plan=limited), pair(name="desk", plan=limited)
    other, c = pair(name="other", plan=limited)
    daemon = await start(auth=gate(clock, a, b, c))
    assert [(await ask(daemon, x_api_key=key)).status for key in (one, two, one, two)] == [200, 200, 429, 429]
    assert (await ask(daemon, x_api_key=other)).status == 200


async def test_a_key_without_a_plan_has_no_limit(start: Start) -> None:
    secret, key = pair()
    daemon = await start(auth=gate(Clock(), key, per_ip_per_second=1, per_ip_burst=1), options=BEHIND_PROXY)
    for _ in range(20):
        answer = await ask(daemon, x_api_key=secret, X_Forwarded_For="192.0.2.7")
        assert answer.status == 200
        assert "RateLimit" not in answer.headers


@pytest.mark.parametrize("keys", [False, True])
async def test_an_address_without_a_key_is_limited(start: Start, keys: bool) -> None:
    clock = Clock()
    listed = (pair()[1],) if keys else ()
    daemon = await start(auth=gate(clock, *listed, per_ip_per_second=1, per_ip_burst=3), options=BEHIND_PROXY)
    first = 401 if keys else 200

    async def burst(address: str) -> list[int]:
        return [(await ask(daemon, X_Forwarded_For=address)).status for _ in range(4)]

    assert await burst("192.0.2.7") == [first, first, first, 429]
    assert await burst("192.0.2.8") == [first, first, first, 429]
    assert await burst("2001:db8:1:2::1") == [first, first, first, 429]
    assert await burst("2001:db8:1:2:ffff::9") == [429] * 4  # the same customer's /64
    told = await ask(daemon, X_Forwarded_For="192.0.2.7")
    assert (told.headers["RateLimit-Policy"], told.headers["RateLimit"]) == ('"ip";q=3;w=3', '"ip";r=0;t=1')
    assert told.headers["Retry-After"] == "1"
    assert (await ask(daemon, "/healthz", X_Forwarded_For="192.0.2.7")).status == 200
    assert (await ask(daemon, "/readyz", X_Forwarded_For="192.0.2.7")).status == 200
    clock.pass_(1.0)
    assert (await ask(daemon, X_Forwarded_For="192.0.2.7")).status == first


async def test_this_machine_is_not_limited_by_address(start: Start) -> None:
    daemon = await start(auth=gate(Clock(), per_ip_per_second=1, per_ip_burst=1))
    assert {(await ask(daemon)).status for _ in range(10)} == {200}
    behind = await start(auth=gate(Clock(), per_ip_per_second=1, per_ip_burst=1), options=BEHIND_PROXY)
    assert {(await ask(behind, X_Forwarded_For=one)).status for one in ("127.0.0.1", "127.8.8.8", "::1")} == {200}


async def test_who_tries_keys_is_made_to_wait_and_who_has_one_is_not(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    secret, key = pair()
    daemon = await start(auth=gate(clock, key), options=BEHIND_PROXY)
    with caplog.at_level(logging.INFO):
        told = [await ask(daemon, x_api_key=make(), X_Forwarded_For="192.0.2.7") for _ in range(14)]
    assert [one.status for one in told] == [401] * 10 + [429] * 4
    assert told[-1].headers["Retry-After"] == "60"
    assert (await ask(daemon, x_api_key=make(), X_Forwarded_For="192.0.2.8")).status == 401
    # the right key of somebody behind the same address opens all the while
    assert (await ask(daemon, x_api_key=secret, X_Forwarded_For="192.0.2.7")).status == 200
    clock.pass_(60.1)
    assert (await ask(daemon, x_api_key=make(), X_Forwarded_For="192.0.2.7")).status == 401
    assert len([one for one in caplog.records if "192.0.2.7" in one.getMessage()]) == 1
    assert daemon.context.auth.refused == {"wrong": 12, "penalty": 4}


# -- change without a restart -----------------------------------------------------------------------------------------


async def test_another_configuration_takes_effect_at_once(start: Start) -> None:
    clock = Clock()
    (old, a), (new, b) = pair(name="old", plan=plan(per_month=5)), pair(name="new")
    daemon = await start(auth=gate(clock, a))
    auth = daemon.context.auth
    assert [(await ask(daemon, x_api_key=one)).status for one in (old, new)] == [200, 401]
    auth.replace(Policy(keys=(b,)))
    assert [(await ask(daemon, x_api_key=one)).status for one in (old, new)] == [401, 200]
    auth.replace(Policy(keys=(kept(old, name="old", plan=plan(per_month=5)), b)))
    assert (await ask(daemon, x_api_key=old)).headers["RateLimit"].startswith('"month";r=3;')  # used stays used
    auth.replace(Policy(keys=(kept(old, scopes="metrics"), b)))
    assert (await ask(daemon, x_api_key=old)).status == 403
    auth.replace(Policy())
    assert (await ask(daemon)).status == 200


def test_no_client_makes_it_hold_more() -> None:
    """What grows with requests is bounded, and what grows with keys is as long as their list."""
    clock = Clock()
    listed = [pair(name=f"c{number}")[1] for number in range(3)]
    auth = gate(clock, *listed)
    auth.replace(Policy(keys=tuple(listed[:1])))
    assert list(auth._clients) == ["c0"]


# -- what is never said -----------------------------------------------------------------------------------------------


def everywhere(key: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Requests with a key wherever one can stand, rightly or wrongly."""
    for header in ("x-api-key", "x-oanor-key", "Authorization", "Cookie", "Origin", "Last-Event-ID", "Host"):
        for value in (key, f"Bearer {key}", f"Basic {key}", f"orderflow_stream={key}"):
            for path in (FLOW, "/metrics", "/v1/nothing"):
                yield path, {header: value}
    for path in (
        f"{FLOW}&key={key}",
        f"{FLOW}&{key}=1",
        f"/v1/flow?symbol={key}",
        f"/v1/flow/{key}",
        f"/{key}",
        f"/v1/stream?symbols=BTCUSDT&ticket={key}",
        f"/v1/flow?symbol=BTCUSDT&api_key={key.replace('_', '%5f')}",
        f"/healthz?{key}",
    ):
        yield path, {}


def malformed(key: str) -> tuple[str, ...]:
    return (
        f"GET /{key} HTTP/9.9\r\n\r\n",
        f"GET /v1/flow HTTP/1.1\r\nHost: localhost\r\n{key}\r\n\r\n",
        f"GET /v1/flow HTTP/1.1\r\nHost: localhost\r\nx api key: {key}\r\n\r\n",
        f"{key} /v1/flow HTTP/1.1\r\nHost: localhost\r\n\r\n",
        f"{key}\r\n\r\n",
        f"GET /v1/flow HTTP/1.1\r\nHost: localhost\r\nContent-Length: {key}\r\n\r\n",
    )


@pytest.mark.parametrize("keys", [True, False])
async def test_a_key_is_said_nowhere(start: Start, logged: io.StringIO, keys: bool) -> None:
    """No answer, log line (at debug) or metric has it in it."""
    secret, key = pair(scopes="read+stream+metrics+admin")
    wrong = make()
    daemon = await start(auth=gate(Clock(), *((key,) if keys else ())), options=BEHIND_PROXY)
    said: list[str] = []
    for each in (secret, wrong):
        said += [await _said(daemon, path, headers) for path, headers in everywhere(each)]
        said += [await _said(daemon, path, {"x-api-key": secret, **headers}) for path, headers in everywhere(each)]
        said += [await _raw(daemon, raw.encode()) for raw in malformed(each)]
    daemon.demand.fault = RuntimeError(f"no such thing as {secret}")
    said.append(await _said(daemon, "/v1/flow?symbol=SOLUSDT", {"x-api-key": secret}))
    said.append(await _said(daemon, "/metrics", {"x-api-key": secret}))
    assert "orderflow_http_requests" in said[-1]
    assert sum("internal_error" in text for text in said) == 1
    assert f"no such thing as ofd_{key.id}_…" in logged.getvalue()  # what else it says is still there
    said += [logged.getvalue(), repr(daemon.context.stats.requests), repr(daemon.context.auth.refused)]
    for text in said:
        for each in (secret, wrong):
            assert each[13:25] not in text


async def _said(daemon: Daemon, path: str, headers: dict[str, str]) -> str:
    async with daemon.session.get(
        URL(daemon.url + path, encoded=True), headers=headers, timeout=aiohttp.ClientTimeout(10)
    ) as response:
        return f"{response.status} {response.raw_headers!r} {(await response.read())!r}"


async def _raw(daemon: Daemon, request: bytes) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", daemon.port)
    writer.write(request)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return repr(answer)


HOSTILE = ("<img onerror=alert(1)>", "a%0d%0aSet-Cookie:x=1", "%1b[31mred", "%e2%80%aertl", "%00", "%f0%9f")


@pytest.mark.parametrize("keys", [True, False])
async def test_hostile_names_are_text_and_one_line(start: Start, logged: io.StringIO, keys: bool) -> None:
    """C12: markup, line breaks, terminal escapes and marks that turn text around, wherever a name can stand."""
    secret, key = pair()
    daemon = await start(auth=gate(Clock(), *((key,) if keys else ())))
    daemon.demand.fault = RuntimeError("\x1b[31mred\r\nforged line \u202e")
    for hostile in HOSTILE:
        for path in (f"/v1/flow?symbol={hostile}", f"/v1/flow?{hostile}=1", f"/{hostile}", f"/static/{hostile}"):
            for headers in ({}, {"x-api-key": secret}):
                answer = await _said(daemon, path, headers)
                assert re.match(r"40[0-4] ", answer), answer
                head, _, body = answer.partition(")) b")
                assert "Set-Cookie:x" not in head
                assert "text/html" not in head
                assert not re.search(r"\\x1b|\\x00|\\r|\\n", body)
    await _said(daemon, "/v1/flow?symbol=SOLUSDT", {"x-api-key": secret, "X-Request-Id": "a\tb"})
    lines = logged.getvalue().splitlines()
    assert lines
    assert all(line.startswith("{") and line.isprintable() for line in lines)
    assert sum("forged line" in line for line in lines) == 1


def test_auth_without_a_policy_asks_for_nothing() -> None:
    assert not Auth().required
