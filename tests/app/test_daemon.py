"""The roof: start, failure and drain of a whole daemon over the simulator, and what it leaves behind: nothing."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from orderflow_stream.app import Daemon, StartError
from orderflow_stream.app.daemon import STALL
from orderflow_stream.core.events import Trade
from tests.e2e.inside import LISTINGS, build, market, running, settings_over
from tests.e2e.process import eventually


async def ask(daemon: Daemon, path: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.get(daemon.url + path) as response:
        return response.status, await response.json()


async def until(daemon: Daemon, path: str, wanted: int) -> Any:
    """The body of the first answer with that status."""
    async with asyncio.timeout(20):
        while True:
            status, body = await ask(daemon, path)
            if status == wanted:
                return body
            await asyncio.sleep(0.02)


def descriptors() -> set[str]:
    """The sockets that this process has open (as Linux tells)."""
    found = set()
    for entry in list(Path("/proc/self/fd").iterdir()):
        try:
            target = str(entry.readlink())
        except OSError:
            continue  # the directory's own, closed by now
        if target.startswith("socket:"):
            found.add(target)
    return found


async def test_it_serves_drains_and_leaves_nothing(tmp_path: Path) -> None:
    async with market() as simulator:
        gc.collect()
        sockets, tasks = descriptors(), asyncio.all_tasks()
        async with running(simulator, tmp_path) as daemon:
            ready = await until(daemon, "/readyz?strict=1", 200)
            assert ready["data"]["instruments"] == len(LISTINGS)
            status, flow = await ask(daemon, "/v1/flow?symbol=BTCUSDT&window=1m")
            assert status == 200
            assert flow["data"]["coverage"]["complete"] is True
            status, _ = await ask(daemon, "/v1/large?symbol=ETHUSDT&fresh=true")
            assert status == 200
        # The simulator is in this process too, and needs a moment to see that its connections are gone.
        await eventually(lambda: not asyncio.all_tasks() - tasks)
        await eventually(lambda: not descriptors() - sockets)


async def test_streams_get_a_goodbye_before_the_feed_goes(tmp_path: Path) -> None:
    async with market() as simulator, aiohttp.ClientSession() as session:
        async with running(simulator, tmp_path) as daemon:
            await until(daemon, "/readyz", 200)
            async with session.get(f"{daemon.url}/v1/stream?symbols=*&topics=trade") as response:
                assert b"hello" in await response.content.readline()
                daemon.stop()
                text = (await response.read()).decode()
        last = text.strip().split("\n\n")[-1].splitlines()
        assert last[0] == "event: bye"
        assert last[-1] == 'data: {"reason":"shutdown"}'
        assert '"stale"' not in text  # nobody is told that the feed is down because we close it


async def test_a_long_poll_does_not_hold_up_the_end(tmp_path: Path) -> None:
    async with market(rate=0.001) as simulator, aiohttp.ClientSession() as session:
        async with running(simulator, tmp_path) as daemon:
            _, body = await ask(daemon, "/v1/flow?symbol=BTCUSDT")
            position = body["data"]["coverage"]["position"]
            url = f"{daemon.url}/v1/flow?symbol=BTCUSDT&after={position}&wait=30"
            poll = asyncio.create_task(session.get(url))
            await eventually(lambda: bool(daemon.hub._waiters))
            began = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - began < 5
        with pytest.raises(aiohttp.ClientError):
            await poll


async def test_a_broken_invariant_ends_it_and_streams_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with market() as simulator, aiohttp.ClientSession() as session:
        daemon = build(settings_over(simulator), tmp_path / "empty.toml")
        run = asyncio.create_task(daemon.run())
        await daemon.ready.wait()
        await until(daemon, "/readyz", 200)
        async with session.get(f"{daemon.url}/v1/stream?symbols=*&topics=flow") as response:
            assert b"hello" in await response.content.readline()
            apply = daemon.engine.apply

            def broken(event: Any) -> Any:
                if isinstance(event, Trade):
                    raise AssertionError("the core is inconsistent")
                return apply(event)

            monkeypatch.setattr(daemon.engine, "apply", broken)
            with pytest.raises(ExceptionGroup) as failure:
                await asyncio.wait_for(run, 10)
            assert failure.group_contains(AssertionError, match="the core is inconsistent")
            told = (await response.read()).decode()
        assert told.rstrip().endswith('data: {"reason":"failed"}')
        with pytest.raises(aiohttp.ClientConnectorError):
            await ask(daemon, "/healthz")


async def test_cut_short_it_waits_for_nobody(tmp_path: Path) -> None:
    async with market() as simulator, aiohttp.ClientSession() as session:
        over = settings_over(simulator, delivery__drain_s=300)
        daemon = build(over, tmp_path / "empty.toml")
        run = asyncio.create_task(daemon.run())
        await daemon.ready.wait()
        async with session.get(f"{daemon.url}/v1/stream?symbols=*&topics=flow") as response:
            assert b"hello" in await response.content.readline()
            run.cancel()
            began = asyncio.get_running_loop().time()
            await asyncio.wait((run,), timeout=10)
            assert run.cancelled()
            assert asyncio.get_running_loop().time() - began < 5
            assert '"shutdown"' in (await response.read()).decode()


@pytest.mark.parametrize("key", ["port", "metrics_listen", "pages_listen"])
async def test_a_port_that_is_taken_names_its_key(tmp_path: Path, key: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        value = number if key == "port" else f"127.0.0.1:{number}"
        async with market() as simulator:
            before = descriptors()
            daemon = build(settings_over(simulator) | {f"server.{key}": value}, tmp_path / "empty.toml")
            with pytest.raises(StartError, match=rf"port {number} of 127\.0\.0\.1 is in use .*server\.{key}"):
                await daemon.run()
            assert not daemon.ready.is_set()
            assert descriptors() == before


async def test_metrics_have_a_listener_of_their_own(tmp_path: Path) -> None:
    async with market() as simulator, running(simulator, tmp_path, server__metrics_listen="127.0.0.1:0") as daemon:
        assert daemon.metrics_url not in {"", daemon.url}
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{daemon.metrics_url}/metrics") as response:
                assert response.status == 200
                assert "orderflow_build_info" in await response.text()
            async with session.get(f"{daemon.url}/metrics") as response:
                assert response.status == 404


async def test_not_ready_while_everything_is_down(tmp_path: Path) -> None:
    async with market() as simulator, running(simulator, tmp_path) as daemon:
        await until(daemon, "/readyz", 200)
        await simulator.stop()
        body = await until(daemon, "/readyz", 503)
        assert body["error"]["code"] == "not_ready"
        assert "3 of 3 instruments have no live feed" in json.dumps(body)
        status, flow = await ask(daemon, "/v1/flow?symbol=BTCUSDT")  # memory still answers, and says what it is
        assert status == 200
        assert flow["data"]["trades_scanned"] > 0
        assert flow["data"]["coverage"]["state"] == "stale"
        assert flow["data"]["coverage"]["complete"] is False


async def test_stop_before_run_is_a_short_life(tmp_path: Path) -> None:
    async with market() as simulator:
        daemon = build(settings_over(simulator), tmp_path / "empty.toml")
        daemon.stop()
        await asyncio.wait_for(daemon.run(), 10)
        assert daemon.ready.is_set()


async def test_time_passes_for_the_feed_however_slow_the_loop_is(tmp_path: Path) -> None:
    async with market() as simulator, running(simulator, tmp_path) as daemon:
        await until(daemon, "/readyz", 200)
        loop = asyncio.get_running_loop()
        blocking = True

        def hold() -> None:
            time.sleep(2 * STALL)  # every turn of the loop is held up for longer than a tick may be late
            if blocking:
                loop.call_soon(hold)

        loop.call_soon(hold)
        before = daemon.engine.now
        await eventually(lambda: daemon.engine.now > before + 100_000)
        blocking = False
