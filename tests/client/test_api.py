"""The client over real sockets: answers, refusals, waiting because one is told to, and an orderly end."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orderflow_stream.client import BadAnswer, BadRequest, NotFound, OrderFlow, RateLimited, Unavailable, Unreachable
from orderflow_stream.client.listings import Alive
from orderflow_stream.delivery.http.routes import routes
from tests.client.examples import CALLS, FUTURES, example, runnable
from tests.client.scripted import Connection, serving, success
from tests.delivery.http.world import Daemon
from tests.e2e.inside import market, running

ALIVE = {"status": "ok", "version": "1"}


async def test_answers_and_refusals_of_a_real_daemon(daemon: Daemon) -> None:
    async with OrderFlow(daemon.url) as api:
        flow = await api.flow("BTCUSDT", trades=100)
        assert (flow.symbol, flow.pressure) == ("BTCUSDT", "buy")
        assert flow.coverage.position == daemon.hub.position()
        with pytest.raises(NotFound) as unknown:
            await api.flow("NOPEUSDT")
        assert (unknown.value.code, unknown.value.param) == ("unknown_symbol", "symbol")
        with pytest.raises(BadRequest) as both:
            await api.flow("BTCUSDT", trades=100, window="5m")
        assert (both.value.code, both.value.param) == ("conflicting_parameters", "window")
        with pytest.raises(BadRequest) as missing:
            await api.flow()
        assert missing.value.code == "missing_parameter"


async def test_a_long_poll(daemon: Daemon) -> None:
    async with OrderFlow(daemon.url, timeout=1) as api:
        before = (await api.flow("BTCUSDT")).coverage.position
        waiting = asyncio.create_task(api.flow("BTCUSDT", after=before, wait=20))
        await asyncio.wait_for(daemon.hub.waiting.wait(), 5)
        daemon.hub.trade("binance:BTCUSDT")
        assert (await waiting).coverage.position != before


async def test_it_waits_as_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def busy(connection: Connection) -> None:
        await connection.fail("503 Busy", "over_capacity", Retry_After="0")

    async def slower(connection: Connection) -> None:
        await connection.fail("429 Slower", "rate_limited", Retry_After="3")

    async def good(connection: Connection) -> None:
        await connection.json("200 OK", success(ALIVE))

    slept: list[float] = []
    sleep = asyncio.sleep

    async def fast(seconds: float) -> None:
        slept.append(seconds)
        await sleep(0)

    async with serving(busy, slower, good) as server, OrderFlow(server.url, max_wait=5) as api:
        monkeypatch.setattr(asyncio, "sleep", fast)
        assert (await api.alive()).status == "ok"
    assert [round(seconds) for seconds in slept if seconds] == [3]
    assert len(server.asked) == 3


@pytest.mark.parametrize("max_wait,after", [(5.0, "6"), (0.0, "1"), (5.0, None)])
async def test_it_does_not_wait_longer_than_it_may(max_wait: float, after: str | None) -> None:
    async def slower(connection: Connection) -> None:
        more = {} if after is None else {"Retry_After": after}
        await connection.fail("429 Slower", "rate_limited", "slow down", **more)

    async with serving(slower) as server, OrderFlow(server.url, max_wait=max_wait) as api:
        with pytest.raises(RateLimited) as caught:
            await api.alive()
    assert caught.value.retry_after == (None if after is None else float(after))
    assert len(server.asked) == 1


async def test_what_has_no_retry_after_is_not_asked_again() -> None:
    async def busy(connection: Connection) -> None:
        await connection.fail("503 Busy", "over_capacity")

    async with serving(busy) as server, OrderFlow(server.url) as api:
        with pytest.raises(Unavailable):
            await api.alive()
    assert len(server.asked) == 1


async def test_the_key_is_sent_and_not_shown() -> None:
    async def good(connection: Connection) -> None:
        await connection.json("200 OK", success(ALIVE))

    async def stream(connection: Connection) -> None:
        await connection.hello(1)

    async with serving(good, stream) as server, OrderFlow(server.url, "ofd_secret") as api:
        await api.alive()
        await anext(api.stream("X"))
        assert [one.headers["x-api-key"] for one in server.asked] == ["ofd_secret"] * 2
        assert "secret" not in repr(api)
    with pytest.raises(ValueError, match="no key"):
        OrderFlow(key="two words")


async def test_a_redirect_is_not_followed_with_the_key() -> None:
    async def moved(connection: Connection) -> None:
        await connection.head("302 Found", "text/plain", Location="/elsewhere", Content_Length="0")

    async with serving(moved) as server, OrderFlow(server.url, "ofd_secret") as api:
        with pytest.raises(BadAnswer, match="302"):
            await api.alive()
    assert len(server.asked) == 1


async def test_no_answer_in_time() -> None:
    async def silent(connection: Connection) -> None:
        await server.hold(connection)

    async with serving(silent) as server, OrderFlow(server.url, timeout=0.05) as api:
        with pytest.raises(Unreachable, match=r"no answer from .* in time"):
            await api.alive()
        with pytest.raises(Unreachable, match="in time"):
            await anext(api.stream("X"))


async def test_an_answer_that_is_cut_off() -> None:
    async def cut(connection: Connection) -> None:
        await connection.head("200 OK", "application/json", Content_Length="100")
        await connection.send(b'{"data":')

    async with serving(cut) as server, OrderFlow(server.url) as api:
        with pytest.raises(Unreachable, match="cut off"):
            await api.alive()


async def test_nobody_there() -> None:
    async with serving() as server:
        url = server.url
    async with OrderFlow(url) as api:
        with pytest.raises(Unreachable, match=r"no daemon at .*refused.*start one: orderflow-stream serve"):
            await api.alive()
    async with OrderFlow("http://nowhere.invalid") as api:
        with pytest.raises(Unreachable, match=r"no daemon at http://nowhere\.invalid"):
            await api.alive()


async def test_what_is_closed_is_closed(daemon: Daemon) -> None:
    api = OrderFlow(daemon.url)
    await api.close()
    await api.close()
    with pytest.raises(RuntimeError, match="closed"):
        await api.alive()


def test_every_call_is_a_method_with_its_parameters_and_its_words() -> None:
    for name, call in CALLS.items():
        method = getattr(OrderFlow, name)
        assert inspect.iscoroutinefunction(method)
        assert method.__doc__ == call.__doc__
        parameters = list(inspect.signature(method).parameters.values())
        assert parameters[1:] == list(inspect.signature(call).parameters.values())
        assert "Call" not in str(inspect.signature(method).return_annotation)


async def run_example(api: OrderFlow, name: str) -> None:
    space: dict[str, Any] = {"print": lambda *told: said.append(told)}
    said: list[tuple[object, ...]] = []
    exec(runnable(example(CALLS[name].__doc__), "async def run(api):"), space)
    await space["run"](api)
    assert said


async def test_the_examples_run(tmp_path: Path, many: Daemon) -> None:
    async with market() as simulator, running(simulator, tmp_path) as daemon, OrderFlow(daemon.url) as api:
        await api.flow("BTCUSDT", trades=100)
        for name in CALLS.keys() - FUTURES:
            await run_example(api, name)
    async with OrderFlow(many.url) as api:
        for name in FUTURES:
            await run_example(api, name)


def test_importing_it_costs_no_http() -> None:
    heavy = ("aiohttp", "numpy", "pydantic", "rich", "structlog", "cyclopts")
    code = (
        "import sys, orderflow_stream.client, orderflow_stream.client.sync\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "[]"


def test_every_parameter_of_the_stream_can_be_given() -> None:
    (route,) = [one for one in routes(metrics=True) if one.path == "/v1/stream"]
    elsewhere = {"last_event_id": "position", "ticket": None, "numbers": None}  # as a header, not needed, always string
    stated = {param.name for param in route.params or ()} - elsewhere.keys() | {"position"}
    assert set(inspect.signature(OrderFlow.stream).parameters) - {"self", "heartbeats", "give_up"} == stated


async def test_an_answer_of_a_call_of_ones_own(daemon: Daemon) -> None:
    async with OrderFlow(daemon.url) as api:
        found = await api.ask(CALLS["alive"]())
    assert isinstance(found, Alive)
