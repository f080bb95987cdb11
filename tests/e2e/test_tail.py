"""`tail` as a process against a running demo: pipes, colours, restarts of the daemon."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import signal
import socket
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.e2e.inside import market, running
from tests.e2e.process import environment, run, started


async def test_lines_json_pipes_and_refusals(tmp_path: Path) -> None:
    async with market() as simulator, running(simulator, tmp_path) as daemon:
        url = daemon.url
        async with started("tail", "BTCUSDT", "ETHUSDT", "--url", url, cwd=tmp_path) as tail:
            line = await tail.line("USDT", tail.out)
            assert re.fullmatch(r"[0-9:.]{12} [A-Z]{3}USDT +[▲▼] (buy |sell) +[0-9.]+ x [0-9.]+ +[0-9.,]+", line)
            tail.kill(signal.SIGINT)
            assert await tail.ended() == 0
        assert all("\x1b" not in each for each in tail.out)  # a pipe has no colours

        async with started("tail", "*", "--url", url, "--json", "--min-notional", "500", cwd=tmp_path) as tail:
            await tail.line("USDT", tail.out)
            tail.kill(signal.SIGINT)
            assert await tail.ended() == 0
        for each in tail.out:
            trade = json.loads(each)
            assert trade["price"] * trade["qty"] > 499.9

        command = f"{sys.executable} -m orderflow_stream tail BTCUSDT --url {url} --json"
        piped = await asyncio.create_subprocess_exec(
            *("bash", "-c", f"set -o pipefail; {command} | head -n 1"),
            cwd=tmp_path,
            env=environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(piped.communicate(), 20)
        assert json.loads(out)["symbol"] == "BTCUSDT"
        assert err == b""
        assert piped.returncode == 0

        code, printed, said = await run("tail", "NOPEUSDT", "--url", url, cwd=tmp_path)
        assert (code, printed) == (1, "")
        assert said == f'tail: {url} answers 404: no symbol "NOPEUSDT"'


@pytest.mark.parametrize("colours,env", [(True, {}), (False, {"NO_COLOR": "1"})])
async def test_colours_are_for_terminals_that_want_them(tmp_path: Path, colours: bool, env: dict[str, str]) -> None:
    async with market() as simulator, running(simulator, tmp_path) as daemon:
        ours, theirs = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "orderflow_stream", "tail", "BTCUSDT", "--url", daemon.url),
            cwd=tmp_path,
            env=environment(TERM="xterm-256color", **env),
            stdout=theirs,
            stderr=asyncio.subprocess.DEVNULL,
        )
        os.close(theirs)
        try:
            text = ""
            while "BTCUSDT" not in text:
                text += (await asyncio.wait_for(asyncio.to_thread(os.read, ours, 65536), 20)).decode()
        finally:
            process.kill()
            await process.wait()
            os.close(ours)
    assert ("\x1b[38;" in text) is colours


async def test_it_outlives_the_daemon(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    async with market() as simulator, AsyncExitStack() as stack:
        async with running(simulator, tmp_path, server__port=port):
            tail = await stack.enter_async_context(started("tail", "BTCUSDT", "--url", url, cwd=tmp_path))
            await tail.line("BTCUSDT", tail.out)
        await tail.line(r"said goodbye \(shutdown\)")
        async with running(simulator, tmp_path, server__port=port):
            await tail.line("connected again")
            await tail.line("what was traded meanwhile is not here")
            await tail.line("BTCUSDT", tail.out, after=len(tail.out))
        tail.kill(signal.SIGINT)
        assert await tail.ended() == 0


async def test_no_daemon_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    code, out, err = await run("tail", "BTCUSDT", "--url", f"127.0.0.1:{port}", cwd=tmp_path)
    assert (code, out) == (1, "")
    assert err == f"tail: no daemon at http://127.0.0.1:{port} (connection refused); start one: orderflow-stream serve"
