"""The face without await: the same answers, its thread, and its end."""

from __future__ import annotations

import asyncio
import gc
import inspect
import subprocess
import sys
import textwrap
import threading
import weakref
from collections.abc import AsyncIterator
from typing import Any

import pytest

from orderflow_stream.client import Event, LargeEvent, Lost, NotFound, Unreachable
from orderflow_stream.client import api as asynchronous
from orderflow_stream.client.sync import OrderFlow
from tests.client.examples import CALLS, FUTURES, example, runnable
from tests.client.scripted import Connection, Server, serving
from tests.delivery.http.world import Daemon

NAME = "orderflow-stream-client"


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == NAME]


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Any:
    assert threads() == []
    yield
    gc.collect()
    assert threads() == []


async def test_answers_and_refusals(daemon: Daemon) -> None:
    def use() -> None:
        with OrderFlow(daemon.url) as api:
            assert threads() == []  # none before it is needed
            assert api.flow("BTCUSDT", trades=100).symbol == "BTCUSDT"
            assert len(api.flows(["BTCUSDT", "ETHBTC"])) == 2
            with pytest.raises(NotFound):
                api.flow("NOPEUSDT")
            assert len(threads()) == 1
            assert (api.url, repr(api)) == (daemon.url, f"OrderFlow('{daemon.url}')")
        assert threads() == []
        with pytest.raises(RuntimeError, match="closed"):
            api.alive()
        api.close()

    await asyncio.to_thread(use)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async def first(connection: Connection) -> None:
        await connection.hello(6)
        await connection.large(7, 7)

    async def second(connection: Connection) -> None:
        await connection.hello(50)
        await connection.large(51, 51)
        await made.hold(connection)

    async with serving(first, second) as made:
        yield made


async def test_a_stream(server: Server) -> None:
    def use() -> None:
        seen: list[Event] = []
        with OrderFlow(server.url) as api, api.stream(["BTCUSDT"], ("large",)) as stream:
            assert iter(stream) is stream
            with pytest.raises(Lost) as lost:
                seen.extend(stream)
            assert [event.name for event in seen] == ["hello", "large", "retrying"]
            seen.clear()
            assert stream.position == lost.value.from_position == "ABCD2345-7"
            for event in stream:
                seen.append(event)
                if isinstance(event.data, LargeEvent):
                    break
            assert [event.name for event in seen] == ["hello", "large"]
            assert stream.position == "ABCD2345-51"
            assert stream.connected
            stream.close()
            assert list(stream) == []
            assert not stream.connected

    await asyncio.to_thread(use)


async def test_a_stream_that_is_ended_from_another_thread(server: Server) -> None:
    def use() -> None:
        api = OrderFlow(server.url)
        stream = api.stream("BTCUSDT", "large", position="ABCD2345-1")
        with pytest.raises(Lost):
            next(stream)
        heard: list[str] = []
        ended = threading.Event()

        def listen() -> None:
            for event in stream:
                heard.append(event.name)
                if "retrying" in heard:
                    waits.set()
            ended.set()

        waits = threading.Event()
        listener = threading.Thread(target=listen)
        listener.start()
        assert waits.wait(10)
        stream.close()
        assert ended.wait(10)
        listener.join()
        api.close()

    await asyncio.to_thread(use)


async def test_several_threads_at_once(daemon: Daemon) -> None:
    with OrderFlow(daemon.url) as api:
        flows = await asyncio.gather(*(asyncio.to_thread(api.flow, "BTCUSDT") for _ in range(8)))
        assert {flow.symbol for flow in flows} == {"BTCUSDT"}
        assert len(threads()) == 1
        await asyncio.to_thread(api.close)


async def test_forgotten_it_ends_by_itself(daemon: Daemon) -> None:
    def use() -> weakref.ref[OrderFlow]:
        api = OrderFlow(daemon.url)
        api.alive()
        return weakref.ref(api)

    gone = await asyncio.to_thread(use)
    gc.collect()
    assert gone() is None
    assert threads() == []


async def test_a_script_that_closes_nothing_ends_without_a_word(daemon: Daemon) -> None:
    code = f"""
        import asyncio
        from orderflow_stream.client.sync import OrderFlow

        api = OrderFlow({daemon.url!r})

        async def cell():  # a notebook: a loop runs already
            return api.alive().status

        print(asyncio.run(cell()), api.flow("BTCUSDT").symbol)
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "always", "-c", textwrap.dedent(code)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, out.decode().strip(), err.decode()) == (0, "ok BTCUSDT", "")


async def test_ctrl_c_ends_the_wait_and_not_the_client(daemon: Daemon) -> None:
    code = f"""
        import os, signal, threading
        from orderflow_stream.client.sync import OrderFlow

        with OrderFlow({daemon.url!r}) as api:
            at = api.flow("BTCUSDT").coverage.position
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
            try:
                api.flow("BTCUSDT", after=at, wait=25)
            except KeyboardInterrupt:
                print("cut short", api.alive().status)
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "always", "-c", textwrap.dedent(code)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 20)
    daemon.hub.trade("binance:BTCUSDT")  # or the end would wait for the poll that nobody waits for any more
    assert (process.returncode, out.decode().strip(), err.decode()) == (0, "cut short ok", "")


async def test_nobody_there() -> None:
    async with serving() as server:
        url = server.url

    def use() -> None:
        with OrderFlow(url) as api:
            with pytest.raises(Unreachable):
                api.alive()
            with pytest.raises(Unreachable):
                next(api.stream("X"))

    await asyncio.to_thread(use)


def test_both_faces_have_the_same_methods() -> None:
    for name in CALLS:
        method = getattr(OrderFlow, name)
        assert not inspect.iscoroutinefunction(method)
        other = getattr(asynchronous.OrderFlow, name)
        assert inspect.signature(method) == inspect.signature(other)
        assert "await" not in method.__doc__
    mine = set(inspect.signature(OrderFlow.__init__).parameters.items())
    assert mine == set(inspect.signature(asynchronous.OrderFlow.__init__).parameters.items())
    public = {name for name in vars(asynchronous.OrderFlow) if not name.startswith("_")}
    assert public <= {name for name in vars(OrderFlow) if not name.startswith("_")}


async def test_the_examples_run(many: Daemon) -> None:
    def use() -> None:
        with OrderFlow(many.url) as api:
            for name in sorted(FUTURES | {"flow", "bars", "ready"}):
                said: list[object] = []
                space: dict[str, Any] = {"print": lambda *told, said=said: said.append(told)}
                exec(runnable(example(getattr(OrderFlow, name).__doc__), "def run(api):"), space)
                space["run"](api)
                assert said

    await asyncio.to_thread(use)
