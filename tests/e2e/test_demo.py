"""The demo as a process: ready soon, honest about ports, gone without a trace."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from pathlib import Path

import aiohttp

from tests.e2e.process import environment, eventually, get, run, started, status, tree, url_of


async def test_ready_soon_drains_and_leaves_nothing_behind(tmp_path: Path) -> None:
    for name in ("home", "work", "tmp"):
        (tmp_path / name).mkdir()
    # What a user has lying about concerns the real thing, and must not break a demo.
    (tmp_path / "work" / "config.toml").write_text("[server\nport = nonsense")
    env = environment(
        HOME=str(tmp_path / "home"),
        TMPDIR=str(tmp_path / "tmp"),
        ORDERFLOW_VENUES__BINANCE__STREAM_URL="wss://elsewhere.invalid",
    )
    before = tree(tmp_path)
    began = asyncio.get_running_loop().time()
    async with started("demo", "--port", "0", cwd=tmp_path / "work", env=env) as demo:
        url = url_of([await demo.line("http://", demo.out)])
        await status(f"{url}/readyz", 200, patience=20)
        assert asyncio.get_running_loop().time() - began < 20
        await demo.line("warm-up complete")
        await status(f"{url}/readyz?strict=1", 200, patience=20)
        code, body = await get(f"{url}/v1/flow?symbol=BTCUSDT&trades=1000")
        flow = json.loads(body)["data"]
        assert code == 200
        assert flow["trades_scanned"] == 1000
        assert flow["coverage"]["complete"] is True
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{url}/v1/stream?symbols=*&topics=trade") as response,
        ):
            assert b"hello" in await response.content.readline()
            demo.kill(signal.SIGINT)
            rest = await response.read()  # to its proper end, or this raises
        assert b"event: bye\n" in rest
        assert rest.rstrip().splitlines()[-1] == b'data: {"reason":"shutdown"}'
        assert await demo.ended() == 0
    events = [json.loads(line) for line in demo.err]
    said = [event["event"] for event in events]
    assert said[0] == "listening"
    assert "every configured symbol is streamed" in said
    assert said[-2:] == ["draining", "stopped"]
    assert {event["level"] for event in events} == {"info"}
    assert len(demo.out) == 2
    assert tree(tmp_path) == before


async def test_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, out, err = await run("demo", "--port", str(port), "--rate", "1", cwd=tmp_path)
    assert code == 1
    assert out == ""
    assert err == (
        f"orderflow-stream: port {port} of 127.0.0.1 is in use (is another one running?); "
        "choose another with --port or server.port"
    )


async def test_named_file_counts_and_its_faults_are_told(tmp_path: Path) -> None:
    config = tmp_path / "mine.toml"
    config.write_text('[server]\nport = "eighty"\n')
    code, out, err = await run("demo", "--config", str(config), cwd=tmp_path)
    assert (code, out) == (2, "")
    assert err == f'{config}:2: server.port: expected a whole number, got "eighty"'


async def test_ctrl_c_before_it_serves_is_no_failure(tmp_path: Path) -> None:
    # A pause in the making of the market, by a rate that takes its past some seconds.
    async with started("demo", "--port", "0", cwd=tmp_path) as demo:
        await eventually(lambda: _handles(demo.process.pid, signal.SIGTERM))
        demo.kill(signal.SIGTERM)
        assert await demo.ended() == 0


def _handles(pid: int, number: signal.Signals) -> bool:
    """Whether the process has a handler of its own for the signal (as Linux tells)."""
    caught = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1) and os.getpgid(pid) > 0
