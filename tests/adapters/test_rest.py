"""The REST client against a scripted server on a real socket; pauses take virtual time."""

import asyncio
import gzip
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs

from orderflow_stream.adapters.rest import ATTEMPTS, LIST_BOUND, Rest
from orderflow_stream.feed.budget import Budget, Granted
from orderflow_stream.feed.errors import Blocked, UnknownSymbol, UpstreamBusy, UpstreamError, UpstreamFailed
from orderflow_stream.venues.binance import BinanceSpot
from tests.adapters.rest_kit import SECOND, START, ManualClock, VirtualTime, closing, socket_moment

VENUE = BinanceSpot()
TIME = VENUE.time_request()
GOOD = b'{"serverTime":1}'

Reply = Callable[[web.Request], Awaitable[web.StreamResponse]]


def answer(status: int = 200, body: bytes = GOOD, **headers: str) -> Reply:
    named = {key.replace("_", "-"): value for key, value in headers.items()}

    async def reply(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=body, headers=named)

    return reply


async def torn(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b'{"serv')
    assert request.transport is not None
    request.transport.close()
    return response


async def reset(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def silent(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(5)
    return web.Response(body=GOOD)


class Script:
    """Answers in order, the last one for ever; `seen` is what was asked."""

    def __init__(self, *replies: Reply) -> None:
        self._replies = list(replies)
        self.seen: list[web.Request] = []
        self.asked = asyncio.Event()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request)
        self.asked.set()
        reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        return await reply(request)


@asynccontextmanager
async def served(*scripts: Script) -> AsyncIterator[list[str]]:
    """One server a script; their base URLs."""
    servers = []
    try:
        for script in scripts:
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", script.serve)
            server = TestServer(app)
            await server.start_server(shutdown_timeout=0.01)
            servers.append(server)
        yield [str(server.make_url("")) for server in servers]
    finally:
        for server in servers:
            await server.close()


class Pauses(ManualClock):
    """A sleep that takes no time and moves the clock: right where one call is under way."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)


def client(bases: list[str], clock: Any, *, budget: Budget | None = None, **settings: Any) -> Rest:
    settings = {"sleep": clock.sleep, "chance": lambda: 1.0, **settings}
    return Rest(bases, budget or Budget(), now=clock.now, explain=VENUE.error, **settings)


async def test_it_asks_as_the_venue_wants_to_be_asked() -> None:
    script = Script(answer(body=b"[]"))
    async with served(script) as bases, client(bases, Pauses()) as rest:
        request = VENUE.trades_request("币安人生USDT", from_id=7)
        assert await rest.call(request, "user") == b"[]"
    seen = script.seen[0]
    assert seen.raw_path.startswith("/api/v3/aggTrades?symbol=%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9FUSDT&")
    assert seen.query["fromId"] == "7"
    assert seen.headers["X-MBX-TIME-UNIT"] == "MICROSECOND"
    assert "gzip" in seen.headers["Accept-Encoding"]
    assert rest.counters.calls == {("/api/v3/aggTrades", "200"): 1}
    assert rest.counters.weight == 4


async def test_gzip_is_unpacked() -> None:
    script = Script(answer(body=gzip.compress(GOOD), Content_Encoding="gzip"))
    async with served(script) as bases, client(bases, Pauses()) as rest:
        assert await rest.call(TIME, "user") == GOOD


@pytest.mark.parametrize(
    "fault, status",
    [
        (answer(500, b"oops"), "500"),
        (answer(503, b'{"code":-1008,"msg":"overloaded"}'), "503"),
        (answer(200, b"<html>sign in</html>"), "200"),
        (answer(200, b""), "200"),
        (answer(200, b'{"serverTime":'), "200"),
        (answer(200, b'{"other":1}'), "200"),
        (answer(302, b"", Location="http://portal.invalid/"), "302"),
        (torn, "200"),
        (reset, "broken"),
        (silent, "timeout"),
    ],
)
async def test_what_passes_is_tried_again(fault: Reply, status: str) -> None:
    # aiohttp itself sends a GET once more where the connection is cut before any answer.
    faults = [fault, fault] if fault is reset else [fault]
    clock, script = Pauses(), Script(*faults, answer())
    async with served(script) as bases, client(bases, clock, total=1.0 if fault is silent else 12.0) as rest:
        read = await rest.fetch(TIME, "warmup", lambda answer: VENUE.decode_time(answer.body))
    assert read == 1000
    assert clock.slept == [0.25]
    assert rest.counters.retries == 1
    path = TIME.path
    assert rest.counters.calls == ({(path, "200"): 2} if status == "200" else {(path, status): 1, (path, "200"): 1})
    assert rest.failing is None


async def test_it_gives_up_after_some_attempts_with_growing_pauses() -> None:
    clock, script = Pauses(), Script(answer(502, b"bad gateway"))
    async with served(script) as bases, client(bases, clock) as rest:
        with pytest.raises(UpstreamFailed, match="502") as caught:
            await rest.call(TIME, "warmup")
        assert caught.value.retry == "backoff"
        assert rest.failing is not None
    assert len(script.seen) == ATTEMPTS
    assert clock.slept == [0.25, 0.5, 1.0, 2.0]


@pytest.mark.parametrize(
    "reply, error, retry",
    [
        (answer(400, b'{"code":-1121,"msg":"Invalid symbol."}'), UnknownSymbol, "never"),
        (answer(400, b'{"code":-1100,"msg":"Illegal characters"}'), UpstreamFailed, "never"),
        (answer(404, b"<html>nginx</html>"), UpstreamFailed, "never"),
        (answer(451, b'{"code":0,"msg":"Service unavailable from a restricted location"}'), Blocked, "never"),
        (answer(403, b"<html>WAF</html>"), Blocked, "backoff"),
    ],
)
async def test_a_refusal_is_not_tried_again(reply: Reply, error: type[UpstreamError], retry: str) -> None:
    clock, script = Pauses(), Script(reply)
    async with served(script) as bases, client(bases, clock) as rest:
        with pytest.raises(error) as caught:
            await rest.call(TIME, "user")
    assert caught.value.retry == retry
    assert "\n" not in caught.value.line()
    assert caught.value.hint or error is UnknownSymbol
    assert len(script.seen) == 1
    assert clock.slept == []


async def test_a_stop_is_waited_out_to_the_second() -> None:
    clock, script = Pauses(), Script(answer(429, b"{}", Retry_After="7"), answer())
    async with served(script) as bases, client(bases, clock) as rest:
        with capture_logs() as logs:
            await rest.call(TIME, "repair")
    assert clock.now() == START + 7 * SECOND
    assert rest.counters.stops == 1
    assert [entry["seconds"] for entry in logs] == [7]


async def test_a_stop_stops_everybody_and_tells_people_how_long() -> None:
    clock, script = Pauses(), Script(answer(418, b"{}"), answer())
    async with served(script) as bases, client(bases, clock) as rest:
        deadline = clock.now() + 10 * SECOND
        with pytest.raises(UpstreamBusy, match="stop") as caught:
            await rest.call(TIME, "user", deadline)
        assert caught.value.retry_after == 120
        clock.advance(119)
        with pytest.raises(UpstreamBusy) as caught:
            await rest.call(TIME, "user", clock.now())
        assert caught.value.retry_after == 1
        assert len(script.seen) == 1, "nobody asks a venue that said stop"
        clock.advance(1)
        await rest.call(TIME, "user", clock.now() + SECOND)


async def test_a_long_ban_is_slept_in_pieces() -> None:
    clock, script = Pauses(), Script(answer(418, b"{}", Retry_After="3600"), answer())
    async with served(script) as bases, client(bases, clock) as rest:
        await rest.call(TIME, "warmup")
    assert clock.now() == START + 3600 * SECOND
    assert max(clock.slept) == 30.0


async def test_who_can_wait_waits_for_the_next_minute_and_who_cannot_is_told() -> None:
    clock, budget = Pauses(), Budget(1000)
    while not hasattr(budget.ask("user", 4, clock.now()), "until"):
        pass
    script = Script(answer())
    async with served(script) as bases, client(bases, clock, budget=budget) as rest:
        with pytest.raises(UpstreamBusy, match="weight is used up") as caught:
            await rest.call(TIME, "user", clock.now() + 2 * SECOND)
        assert caught.value.retry_after == 56
        assert script.seen == []
        # What was granted above never ended: it counts in the next minute as well, and no longer after that.
        await rest.call(TIME, "repair", clock.now() + 60 * SECOND)
    assert len(script.seen) == 1


@pytest.mark.parametrize("left, status", [(0.9, "busy"), (1.1, "answered")])
async def test_a_turn_that_leaves_no_time_for_an_answer_is_none(left: float, status: str) -> None:
    """Whoever would be let through just before the deadline hears that the weight is used up, not that the venue is
    silent: the time went to our own queue."""
    clock, budget = Pauses(), Budget(1000)
    while isinstance(turn := budget.ask("user", 4, clock.now()), Granted):
        budget.settle(turn, clock.now())
    deadline = turn.until + round(left * SECOND)
    script = Script(answer())
    async with served(script) as bases, client(bases, clock, budget=budget) as rest:
        if status == "answered":
            await rest.call(TIME, "user", deadline)
        else:
            with pytest.raises(UpstreamBusy, match="weight is used up"):
                await rest.call(TIME, "user", deadline)
    assert len(script.seen) == (status == "answered")


async def test_the_used_weight_header_is_learned() -> None:
    script = Script(answer(200, GOOD, X_MBX_USED_WEIGHT_1M="500"))
    clock = Pauses()
    async with served(script) as bases, client(bases, clock) as rest:
        await rest.call(TIME, "user")
        assert rest.budget.weights(clock.now()).foreign == 499
        script._replies = [answer(200, GOOD, X_MBX_USED_WEIGHT_1M="many")]
        await rest.call(TIME, "user")
        assert rest.budget.weights(clock.now()).foreign == 499


async def test_a_weight_that_fits_no_minute_fails_at_once() -> None:
    async with served(Script(answer())) as bases, client(bases, Pauses(), budget=Budget(50)) as rest:
        with pytest.raises(UpstreamFailed, match="can never go") as caught:
            await rest.call(VENUE.ticker_request(), "warmup")
    assert caught.value.retry == "never"


async def test_a_blocked_host_is_left_at_once_for_the_next_and_tried_again_later() -> None:
    first, second = Script(answer(451, b"{}"), answer()), Script(answer())
    clock = Pauses()
    async with served(first, second) as bases, client(bases, clock) as rest:
        await rest.call(TIME, "user")
        assert clock.slept == []
        await rest.call(TIME, "user")
        assert (len(first.seen), len(second.seen)) == (1, 2)
        clock.advance(600)
        await rest.call(TIME, "user")
        assert (len(first.seen), len(second.seen)) == (2, 2)


async def test_all_hosts_blocked_is_blocked() -> None:
    scripts = Script(answer(451, b"{}")), Script(answer(403, b"{}"))
    async with served(*scripts) as bases, client(bases, Pauses()) as rest:
        with pytest.raises(Blocked):
            await rest.call(TIME, "user")
    assert [len(script.seen) for script in scripts] == [1, 1]


async def test_a_host_that_is_down_is_left_for_the_next() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{unused.getsockname()[1]}"
        script = Script(answer())
        async with served(script) as bases, client([dead, *bases], Pauses()) as rest:
            await rest.call(TIME, "user")
            assert rest.counters.calls == {(TIME.path, "connect"): 1, (TIME.path, "200"): 1}


async def test_a_name_that_does_not_resolve_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", fail)
    clock = Pauses()
    async with client(["http://venue.invalid"], clock) as rest:
        with capture_logs() as logs, pytest.raises(UpstreamFailed, match=r"cannot resolve venue\.invalid") as caught:
            await rest.call(TIME, "user", clock.now() + SECOND)
    assert "HTTPS_PROXY" in caught.value.hint
    assert len(logs) == 1, "one line, however often it is tried"
    assert rest.counters.calls == {(TIME.path, "dns"): rest.counters.retries + 1}


async def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(answer())
    async with served(script) as bases:
        monkeypatch.setenv("http_proxy", bases[0])
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        async with client(["http://venue.invalid"], Pauses()) as rest:
            assert await rest.call(TIME, "user") == GOOD
    assert script.seen[0].headers["Host"] == "venue.invalid"


async def test_bodies_are_bounded() -> None:
    body = json.dumps(["x" * (5 * 2**20)]).encode()
    script = Script(answer(body=gzip.compress(body), Content_Encoding="gzip"))
    async with served(script) as bases, client(bases, Pauses()) as rest:
        with pytest.raises(UpstreamFailed, match="more than") as caught:
            await rest.call(TIME, "user")
        assert caught.value.retry == "never"
        assert await rest.call(TIME, "user", bound=LIST_BOUND) == body


async def test_a_deadline_ends_the_waiting_for_a_slow_venue() -> None:
    clock, script = Pauses(), Script(silent)
    async with served(script) as bases, client(bases, clock) as rest:
        async with asyncio.timeout(4):
            with pytest.raises(UpstreamFailed, match="in time"):
                await rest.call(TIME, "user", clock.now() + SECOND // 20)


async def test_whoever_goes_away_gives_its_place_back() -> None:
    script = Script(silent)
    budget = Budget()
    clock = Pauses()
    async with served(script) as bases, client(bases, clock, budget=budget) as rest:
        task = asyncio.create_task(rest.call(TIME, "user"))
        await script.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        clock.advance(120)
        assert budget.weights(clock.now()).used == 0, "nothing is in flight any more"


async def test_many_callers_never_exceed_the_budget() -> None:
    moment = VirtualTime(idle=socket_moment)
    script = Script(answer())
    budget = Budget(100)
    async with served(script) as bases, client(bases, moment, budget=budget) as rest:
        tasks = [asyncio.create_task(rest.call(VENUE.trades_request("A"), "user")) for _ in range(20)]
        await moment.until(lambda: all(task.done() for task in tasks))
        assert [task.result() for task in tasks] == [GOOD] * 20
    assert moment.now() >= START + 60 * SECOND, "36 weight a minute for people: nine calls, then the next minute"


async def test_a_closed_client_says_so() -> None:
    rest = client(["http://127.0.0.1:9"], Pauses())
    async with closing(rest):
        pass
    with pytest.raises(UpstreamFailed, match="closed"):
        await rest.call(TIME, "user")


@pytest.mark.parametrize("bases", [[], ["ftp://x"], ["api.binance.com"], [""]])
def test_bad_bases_are_refused(bases: list[str]) -> None:
    with pytest.raises(ValueError, match="bases"):
        client(bases, Pauses())


async def test_one_line_when_it_fails_and_one_when_it_works_again() -> None:
    script = Script(*[answer(500, b"x")] * (2 * ATTEMPTS), answer())
    async with served(script) as bases, client(bases, Pauses()) as rest:
        with capture_logs() as logs:
            for _ in range(2):
                with pytest.raises(UpstreamFailed):
                    await rest.call(TIME, "warmup")
            await rest.call(TIME, "warmup")
    assert [entry["event"] for entry in logs] == ["rest does not answer", "rest answers again"]
