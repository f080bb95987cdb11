"""Streams behind the gate: tickets and their cookies, a plan's streams, and the end of a key."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from orderflow_stream.delivery.encode import Rules
from orderflow_stream.delivery.http.auth import Auth, Policy
from orderflow_stream.delivery.http.keys import DAY, Key, parse_pass
from orderflow_stream.delivery.hub import Hub, Limits
from orderflow_stream.delivery.ring import EventLog
from orderflow_stream.delivery.topics import Renderer
from tests.delivery.http.browser import browser
from tests.delivery.http.keyring import BEHIND_PROXY, Clock, gate, kept, pair, plan
from tests.delivery.http.test_stream import Reader
from tests.delivery.http.world import NOW, WINDOWS, Daemon, Start, live_engine

BROWSER = {"Accept": "text/event-stream"}


class Service:
    """A daemon with a real hub behind a gate."""

    def __init__(self, daemon: Daemon, hub: Hub, auth: Auth) -> None:
        self.daemon, self.hub, self.auth = daemon, hub, auth
        self.readers: list[Reader] = []

    async def stream(self, query: str = "", method: str = "GET", **headers: str) -> Reader:
        reader = Reader(*await asyncio.open_connection("127.0.0.1", self.daemon.port))
        lines = [f"{method} /v1/stream?symbols=BTCUSDT&topics=large{query} HTTP/1.1"]
        lines += [f"Host: 127.0.0.1:{self.daemon.port}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        reader.writer.write("\r\n".join([*lines, "", ""]).encode())
        self.readers.append(reader)
        await reader.head()
        return reader

    async def ticket(self, secret: str) -> str:
        url = f"{self.daemon.url}/v1/ticket"
        async with self.daemon.session.post(url, headers={"x-api-key": secret}) as response:
            data = (await response.json())["data"]
        assert response.status == 200, data
        assert data["expires_in"] == 30
        return str(data["ticket"])

    async def cookie(self, secret: str) -> str:
        """The cookie that a first stream by a ticket sets, as a browser sends it back."""
        reader = await self.stream(f"&ticket={await self.ticket(secret)}", **BROWSER)
        assert reader.status == 200
        return reader.headers["set-cookie"].partition(";")[0]

    async def left(self, most: int) -> None:
        """Until no more streams are open than that."""
        async with asyncio.timeout(10):
            while len(self.auth._leases) > most:  # noqa: ASYNC110 - nothing tells when a response is over
                await asyncio.sleep(0.005)


Serve = Callable[..., Awaitable[Service]]


@pytest.fixture
async def serve(start: Start) -> AsyncIterator[Serve]:
    made: list[Service] = []

    async def begin(clock: Clock, *keys: Key, options: dict[str, Any] | None = None, **policy: Any) -> Service:
        engine = live_engine()
        hub = Hub(
            Renderer(engine, rules=Rules(), windows=WINDOWS, clock=lambda: NOW),
            EventLog("ABCD2345", trades=100, events=100),
            Limits(),
            loop=asyncio.get_running_loop(),
            rng=random.Random(3),
        )
        auth = gate(clock, *keys, **policy)
        made.append(Service(await start(engine=engine, hub=hub, auth=auth, options=options or {}), hub, auth))
        return made[-1]

    yield begin
    for service in made:
        for reader in service.readers:
            await reader.close()
        await service.hub.drain("test over", 5.0)


async def body(reader: Reader) -> Any:
    length = int(reader.headers["content-length"])
    return orjson.loads(await asyncio.wait_for(reader.reader.readexactly(length), 10))


async def test_a_header_opens_a_stream(serve: Serve) -> None:
    secret, key = pair()
    service = await serve(Clock(), key)
    reader = await service.stream(x_api_key=secret)
    await reader.event("hello")
    assert "set-cookie" not in reader.headers
    assert (await service.stream()).status == 401


async def test_a_ticket_opens_one_stream_and_its_cookie_the_next_ones(serve: Serve) -> None:
    """As a browser does it: the reconnect repeats the URL, whose ticket is used up, and brings the cookie along."""
    secret, key = pair()
    service = await serve(Clock(), key)
    ticket = await service.ticket(secret)
    first = await service.stream(f"&ticket={ticket}", **BROWSER)
    await first.event("hello")
    written = first.headers["set-cookie"]
    assert re.fullmatch(
        r"orderflow_stream=[a-z2-7]{8}\.\d+\.[\w-]{43}; HttpOnly; Max-Age=\d+; Path=/v1/stream; SameSite=Strict",
        written,
    )
    assert secret[13:] not in written
    cookie = written.partition(";")[0]
    again = await service.stream(f"&ticket={ticket}", **BROWSER)
    assert (again.status, (await body(again))["error"]["code"]) == (401, "unauthorized")
    back = await service.stream(f"&ticket={ticket}", Cookie=f"theme=dark; {cookie}", **BROWSER)
    await back.event("hello")
    # nowhere else does the cookie open anything
    async with service.daemon.session.get(
        f"{service.daemon.url}/v1/flow?symbol=BTCUSDT", headers={"Cookie": cookie}
    ) as response:
        assert response.status == 401
    async with service.daemon.session.post(f"{service.daemon.url}/v1/ticket", headers={"Cookie": cookie}) as response:
        assert response.status == 401


async def test_a_cookie_outlives_a_restart_and_then_its_days(serve: Serve) -> None:
    clock = Clock()
    secret, key = pair()
    cookie = await (await serve(clock, key)).cookie(secret)
    later = await serve(clock, kept(secret))  # another process: it has the configuration and nothing else
    assert (await later.stream("&ticket=used", Cookie=cookie, **BROWSER)).status == 200
    clock.pass_(DAY)
    assert (await later.stream("&ticket=used", Cookie=cookie, **BROWSER)).status == 200
    clock.pass_(DAY)
    ended = await later.stream("&ticket=used", Cookie=cookie, **BROWSER)
    assert (ended.status, (await body(ended))["error"]["code"]) == (401, "unauthorized")


async def test_a_cookie_that_somebody_made_up(serve: Serve) -> None:
    clock = Clock()
    secret, key = pair()
    service = await serve(clock, key)
    name, _, value = (await service.cookie(secret)).partition("=")
    good = parse_pass(value)
    assert good is not None
    ident, day, proof = value.split(".")
    other = proof[:-1] + ("A" if proof[-1] != "A" else "Q")
    for bad in (
        f"{ident}.{day}.{other}",
        f"{ident}.{int(day) + 1}.{proof}",
        f"{ident}.99999.{proof}",
        "x",
        f"{ident}..",
    ):
        refused = await service.stream("&ticket=used", Cookie=f"{name}={bad}", **BROWSER)
        assert refused.status == 401, bad
    anchor = value.replace(proof, "A" * 43)
    assert (await service.stream(Cookie=f"{name}={anchor}", **BROWSER)).status == 401


async def test_tickets_that_are_none(serve: Serve) -> None:
    clock = Clock()
    secret, key = pair()
    service = await serve(clock, key)
    for ticket in ("x", "none-needed", "%00", f"{key.id}.{'A' * 43}"):
        assert (await service.stream(f"&ticket={ticket}", **BROWSER)).status == 401
    late = await service.ticket(secret)
    clock.pass_(30)
    assert (await service.stream(f"&ticket={late}", **BROWSER)).status == 401
    kept_for_get = await service.ticket(secret)
    assert (await service.stream(f"&ticket={kept_for_get}", method="HEAD")).status == 401
    assert (await service.stream(f"&ticket={kept_for_get}", **BROWSER)).status == 200


async def test_the_cookie_is_for_tls_alone_where_there_is_tls(serve: Serve) -> None:
    secret, key = pair()
    service = await serve(Clock(), key, options=BEHIND_PROXY)
    reader = await service.stream(f"&ticket={await service.ticket(secret)}", X_Forwarded_Proto="https", **BROWSER)
    assert "; Secure" in reader.headers["set-cookie"]
    plain = await serve(Clock(), key)  # whose word is not believed
    reader = await plain.stream(f"&ticket={await plain.ticket(secret)}", X_Forwarded_Proto="https", **BROWSER)
    assert "Secure" not in reader.headers["set-cookie"]


async def test_a_key_that_is_gone_ends_its_streams_for_good(serve: Serve) -> None:
    """`bye`, and 204 on return, which is the one answer that stops an EventSource without an error loop."""
    (secret, key), (other, stays) = pair(), pair()
    service = await serve(Clock(), key, stays)
    cookie = await service.cookie(secret)
    ticket = await service.ticket(secret)
    mine, theirs = await service.stream(x_api_key=secret), await service.stream(x_api_key=other)
    await mine.event("hello")
    await theirs.event("hello")
    service.auth.replace(Policy(keys=(stays,)))
    assert (await mine.rest())[-1].data == {"reason": "revoked"}
    assert (await service.stream("&ticket=used", Cookie=cookie, **BROWSER)).status == 204
    assert (await service.stream(f"&ticket={ticket}", **BROWSER)).status == 401  # its tickets are void
    assert (await service.stream(x_api_key=secret, **BROWSER)).status == 401
    assert (await service.stream("&ticket=used", Cookie=cookie)).status == 401  # no EventSource: it is told
    await theirs.event("heartbeat")
    assert service.hub.stats().aborted == {"revoked": 2}
    # another key under the same id, or without the scope, is as good as none
    service.auth.replace(Policy(keys=(kept(secret, scopes="read"), stays)))
    assert (await service.stream("&ticket=used", Cookie=cookie, **BROWSER)).status == 204


async def test_an_open_stream_ends_where_keys_are_asked_for_from_now_on(serve: Serve) -> None:
    service = await serve(Clock())
    reader = await service.stream("&ticket=anything")  # a page need not know whether keys are needed
    await reader.event("hello")
    service.auth.replace(Policy(keys=(pair()[1],)))
    assert (await reader.rest())[-1].event == "bye"


async def test_a_stream_ends_with_its_key(serve: Serve) -> None:
    clock = Clock()
    secret, key = pair(expires=clock.wall() + 0.2)
    service = await serve(clock, key)
    reader = await service.stream(x_api_key=secret)
    await reader.event("hello")
    clock.pass_(0.3)
    assert (await reader.rest())[-1].data == {"reason": "expired"}
    await service.left(0)
    assert service.auth._clients[key.id].streams == 0


async def test_a_plan_has_so_many_streams(serve: Serve) -> None:
    clock = Clock()
    (secret, key), (second, same) = pair(name="desk", plan=plan(streams=2)), pair(name="desk", plan=plan(streams=2))
    service = await serve(clock, key, same)
    open_ = [await service.stream(x_api_key=secret), await service.stream(x_api_key=second)]
    for reader in open_:
        await reader.event("hello")
    full = await service.stream(x_api_key=secret)
    assert (full.status, (await body(full))["error"]["code"]) == (503, "over_capacity")
    assert int(full.headers["retry-after"]) >= 15
    busy = await service.stream(x_api_key=secret, **BROWSER)  # any other status would close it for good
    assert busy.status == 200
    (told,) = await busy.rest()
    assert (told.event, told.retry is not None and told.retry >= 15_000) == ("busy", True)
    await open_[0].close()
    await service.left(1)
    await (await service.stream(x_api_key=second)).event("hello")
    assert service.auth.refused["streams"] == 2


@pytest.mark.parametrize("limit", ["rate", "month", "address"])
async def test_too_many_requests_are_busy_to_a_browser(serve: Serve, limit: str) -> None:
    limits = {"rate": plan(per_second=0.1, burst=2), "month": plan(per_month=2)}
    secret, key = pair(plan=limits.get(limit))
    keys = (key,) if limit != "address" else ()
    service = await serve(Clock(), *keys, options=BEHIND_PROXY, per_ip_per_second=0.1, per_ip_burst=2)
    headers = {"x_api_key": secret, "X_Forwarded_For": "192.0.2.9"}
    for _ in range(2):
        await (await service.stream(**headers)).event("hello")
    assert (await service.stream(**headers)).status == 429
    busy = await service.stream(**headers, **BROWSER)
    assert (busy.status, [each.event for each in await busy.rest()]) == (200, ["busy"])


async def test_every_way_out_gives_the_stream_back(serve: Serve) -> None:
    secret, key = pair(plan=plan(streams=3))
    service = await serve(Clock(), key)
    for query in ("&topics=nothing", "&window=9m", "&nonsense=1"):
        assert (await service.stream(query, x_api_key=secret)).status == 400
    for _ in range(3):
        reader = await service.stream(x_api_key=secret)
        reader.writer.transport.abort()
    await service.left(0)
    assert service.auth._clients[key.id].streams == 0


async def test_the_dashboard_asks_for_a_key(serve: Serve, tmp_path: Path) -> None:
    """In a real browser: the prompt, a stream by ticket, its return by cookie, and the prompt again."""
    (secret, key), (metrics_only, other) = pair(), pair(scopes="metrics")
    service = await serve(Clock(), key, other)
    async with browser(tmp_path) as page:
        await page.call(
            "Page.addScriptToEvaluateOnNewDocument",
            source="window.broken = []; addEventListener('securitypolicyviolation', (e) => broken.push(e.blockedURI))",
        )
        await page.call("Page.enable")
        await page.call("Page.navigate", url=f"{service.daemon.url}/")
        await page.until(
            "document.readyState === 'complete' && window.orderflow && !document.getElementById('key-form').hidden"
        )
        assert "a key is needed" in await page.value("document.getElementById('key-told').textContent")
        await page.use("кey of a person")
        told, form = "document.getElementById('key-told').textContent", "document.getElementById('key-form')"
        await page.until(f"{told}.includes('needed') && !{form}.hidden")
        await page.use("ofd_wrong")
        await page.until("document.getElementById('key-told').textContent.includes('not known')")
        await page.use(metrics_only)
        await page.until("document.getElementById('key-told').textContent.includes('scope read')")
        await page.use(secret)
        await page.until("orderflow.list.source?.readyState === 1 && document.getElementById('key-form').hidden")
        await page.until(
            "orderflow.store.rows.size === 3 && orderflow.list.lastId && orderflow.detail.phase === 'open'"
        )
        # an end of ours: the engine comes back by itself, with the URL of a ticket that is used up, and the cookie
        url, failed = await page.value("[orderflow.list.source.url, orderflow.list.failures]")
        for lease in list(service.auth._leases):
            lease.end("age")
        await page.until("orderflow.list.reason.includes('age')")
        await page.until("orderflow.list.phase === 'open' && orderflow.list.source.readyState === 1")
        assert [url, failed] == await page.value("[orderflow.list.source.url, orderflow.list.failures]")
        assert "ticket=" in url
        # another one begins anew where the engine has given up, with a ticket of its own
        await page.value("orderflow.list.source.close(); orderflow.list.source.onerror()")
        await page.until(f"orderflow.list.source?.readyState === 1 && orderflow.list.source.url !== {json.dumps(url)}")
        # nothing of it is in a URL, nor where another page's script could read it
        names = await page.value("performance.getEntriesByType('resource').map((each) => each.name).join(' ')")
        assert "/v1/ticket" in names
        assert secret[13:] not in names + url
        assert await page.value("document.cookie + localStorage.length") == "0"
        # the key is taken away: the stream stops for good, and the page asks for another
        service.auth.replace(Policy(keys=(other,)))
        await page.until("!document.getElementById('key-form').hidden && orderflow.list.source === null")
        assert await page.value("sessionStorage.length") == 0
        assert await page.value("broken") == []


async def test_the_documentation_is_shown_without_a_key(serve: Serve, tmp_path: Path) -> None:
    _, key = pair()
    service = await serve(Clock(), key)
    async with browser(tmp_path) as page:
        await page.call("Page.navigate", url=f"{service.daemon.url}/docs")
        await page.until("location.pathname === '/docs' && document.querySelectorAll('.opblock').length > 5")
        told = await page.value("document.getElementById('api').innerText")
    for words in ("/v1/ticket", "/v1/flow", "Authorize"):
        assert words in told
