"""Signals and failures of a daemon in the foreground become exit codes; the daemon here is a stand-in."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from orderflow_stream import logs
from orderflow_stream.app import Daemon, StartError
from orderflow_stream.cli.serve import run as run_serve
from orderflow_stream.cli.serve import run_until_signal


class Stub:
    """As much of a daemon as the command touches."""

    def __init__(self, body: Callable[[Stub], Awaitable[None]]) -> None:
        self.asked = asyncio.Event()
        self.ready = asyncio.Event()
        self.stops = 0
        self._body = body

    def stop(self) -> None:
        self.stops += 1
        self.asked.set()

    async def run(self) -> None:
        await self._body(self)


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """The handlers and the collector of this process as they were."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    for number, handler in kept.items():
        signal.signal(number, handler)


def run(body: Callable[[Stub], Awaitable[None]]) -> int:
    @asynccontextmanager
    async def make() -> AsyncIterator[Daemon]:
        yield cast(Daemon, Stub(body))

    return run_until_signal(make)


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_drains(number: signal.Signals) -> None:
    drained = []

    async def body(stub: Stub) -> None:
        send(number)
        await asyncio.wait_for(stub.asked.wait(), 5)
        await asyncio.sleep(0)
        drained.append(stub.stops)

    assert run(body) == 0
    assert drained == [1]


def test_a_second_one_cuts_short(capsys: pytest.CaptureFixture[str]) -> None:
    async def body(stub: Stub) -> None:
        send(signal.SIGINT)
        await asyncio.wait_for(stub.asked.wait(), 5)
        send(signal.SIGTERM)
        await asyncio.sleep(30)  # a drain that would take its time

    assert run(body) == 130
    assert capsys.readouterr().err == "cut short\n"


def test_a_signal_before_there_is_a_daemon_just_ends() -> None:
    @asynccontextmanager
    async def make() -> AsyncIterator[Daemon]:
        send(signal.SIGINT)
        await asyncio.sleep(30)
        yield cast(Daemon, None)

    assert run_until_signal(make) == 0


def test_what_cannot_start_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    async def body(stub: Stub) -> None:
        raise StartError("port 1 is in use; choose another")

    assert run(body) == 1
    assert capsys.readouterr().err == "orderflow-stream: port 1 is in use; choose another\n"


def test_a_failed_task_is_logged_and_ends_it(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "json")

    async def fail() -> None:
        raise KeyError("an invariant")

    async def body(stub: Stub) -> None:
        async with asyncio.TaskGroup() as outer, asyncio.TaskGroup() as inner:
            inner.create_task(fail())
            outer.create_task(asyncio.sleep(30))

    assert run(body) == 1
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["level"], line["event"], line["error"]) for line in lines] == [
        ("error", "the daemon failed", "KeyError: 'an invariant'")
    ]
    assert lines[0]["at"].startswith("fail:test_serve.py")


def test_wrong_settings_are_told_before_anything_is_started(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "c.toml"
    config.write_text("[log]\nlevel = 3\n[server]\nprot = 1\n")
    assert run_serve(config, {"server.port": 99999}) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert [line.split(": ")[1] for line in told.err.splitlines()] == ["server.port", "server.prot", "log.level"]


def test_the_service_manager_hears_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ready once it listens and not before, alive from then on, stopping at the signal."""
    heard: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "60000")
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))

        async def hear() -> str:
            heard.append((await asyncio.to_thread(manager.recv, 1000)).decode())
            return heard[-1]

        async def body(stub: Stub) -> None:
            await asyncio.sleep(0)
            stub.ready.set()
            assert (await hear()).startswith("READY=1\n")
            for _ in range(3):
                assert await hear() == "WATCHDOG=1"
            send(signal.SIGTERM)
            await asyncio.wait_for(stub.asked.wait(), 5)
            while await hear() != "STOPPING=1":
                pass

        assert run(body) == 0
    assert heard[0].startswith("READY=1\n")
