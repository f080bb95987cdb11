"""The daemon as a process: without a network, behind a dead proxy, over the simulator, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from orderflow_stream.simulator import DEFAULT_LISTINGS, Simulator, SyntheticMarket, SyntheticPlayer
from tests.e2e.process import Command, environment, get, run, started, status

#: Resolution fails at once and without a network: the name is reserved for that.
NOWHERE = {
    "ORDERFLOW_VENUES__BINANCE__STREAM_URL": "wss://stream.invalid:9443",
    "ORDERFLOW_VENUES__BINANCE__REST_URL": "https://api.invalid",
}


@asynccontextmanager
async def exchange() -> AsyncIterator[dict[str, str]]:
    """A simulator in this process, and the environment that points at it."""
    market = SyntheticMarket(seed=3, listings=DEFAULT_LISTINGS[:3], rate=40)
    async with Simulator(SyntheticPlayer(market, 600)) as simulator:
        yield environment(
            ORDERFLOW_VENUES__BINANCE__STREAM_URL=simulator.stream_url,
            ORDERFLOW_VENUES__BINANCE__REST_URL=simulator.rest_url,
        )


async def listening(command: Command) -> str:
    return str(json.loads(await command.line('"listening"'))["url"])


async def test_without_a_network_it_serves_says_why_and_does_not_chatter(tmp_path: Path) -> None:
    async with started("serve", "--port", "0", cwd=tmp_path, env=environment(**NOWHERE)) as daemon:
        url = await listening(daemon)
        told = json.loads(await daemon.line("feed cannot connect"))
        assert told["reason"] == "cannot resolve stream.invalid"
        assert "HTTPS_PROXY" in told["hint"]
        await daemon.line('"attempt":3')  # it goes on trying, with pauses
        await status(f"{url}/healthz", 200, patience=5)
        code, body = await get(f"{url}/readyz")
        ready = json.loads(body)
        assert code == 503
        assert ready["data"]["reasons"] == ["6 of 6 instruments have no live feed"]
        assert ready["data"]["not_ready"][0]["reason"].startswith("cannot resolve stream.invalid")
        code, body = await get(f"{url}/v1/flow?symbol=BTCUSDT")
        assert code == 200
        flow = json.loads(body)["data"]
        assert flow["coverage"]["state"] == "connecting"
        assert flow["coverage"]["complete"] is False
        assert flow["last_price"] is None
        await asyncio.sleep(3)  # what is repeated at full speed shows by now
        daemon.kill(signal.SIGTERM)
        assert await daemon.ended() == 0
    assert daemon.out == []
    said = [json.loads(line)["event"] for line in daemon.err]
    assert said.count("feed cannot connect") <= 8  # one an attempt, and they back off
    assert said.count("rest does not answer") == 1
    assert said[-1] == "stopped"


async def test_a_dead_proxy_is_named(tmp_path: Path) -> None:
    env = environment(**NOWHERE, HTTPS_PROXY="http://127.0.0.1:1", https_proxy="http://127.0.0.1:1")
    async with started("serve", "--port", "0", cwd=tmp_path, env=env) as daemon:
        told = json.loads(await daemon.line("feed cannot connect"))
        assert told["proxy"] == "127.0.0.1:1"
        assert "127.0.0.1:1" in told["reason"]
        assert "HTTPS_PROXY" in told["hint"]
        assert "127.0.0.1:1" in json.loads(await daemon.line("rest does not answer"))["reason"]
        daemon.kill(signal.SIGINT)
        assert await daemon.ended() == 0


async def test_first_start_names_the_default_symbols_and_a_second_start_the_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    # Nothing configured at all; the proxy leads nowhere, so that no test ever calls the real exchange.
    env = environment(HTTPS_PROXY="http://127.0.0.1:1")
    async with started("serve", "--port", port, cwd=tmp_path, env=env) as first:
        defaults = json.loads(await first.line("default symbols"))
        assert defaults["symbols"].startswith("BTCUSDT, ETHUSDT, ")
        assert "--symbols" in defaults["hint"]
        await listening(first)
        code, out, err = await run("serve", "--port", port, "--symbols", "BTCUSDT", cwd=tmp_path, env=env)
        assert (code, out) == (1, "")
        assert err.startswith(f"orderflow-stream: port {port} of 127.0.0.1 is in use (is another one running?)")
        assert "\n" not in err


async def test_symbols_that_do_not_exist_are_named_with_near_matches(tmp_path: Path) -> None:
    async with exchange() as env:
        wrong = ("--symbols", "BTCUSDT,BTCUDST,*NONESUCH")
        async with started("serve", "--port", "0", *wrong, cwd=tmp_path, env=env) as daemon:
            url = await listening(daemon)
            typo = json.loads(await daemon.line("BTCUDST.*did you mean"))
            assert typo["level"] == "error"
            assert typo["symbol"] == "BTCUDST"
            assert "BTCUSDT" in typo["reason"]
            assert json.loads(await daemon.line('"symbol":"\\*NONESUCH"'))["level"] == "error"
            await status(f"{url}/readyz", 200, patience=10)  # what exists is served all the same
            up = json.loads(await daemon.line("every configured symbol is streamed"))
            assert up["symbols"] == 1
            code, _ = await get(f"{url}/v1/flow?symbol=BTCUDST")
            assert code == 404
            daemon.kill(signal.SIGTERM)
            assert await daemon.ended() == 0


async def test_metrics_on_a_listener_of_their_own(tmp_path: Path) -> None:
    async with exchange() as env:
        env |= {"ORDERFLOW_SERVER__METRICS_LISTEN": "127.0.0.1:0"}
        async with started("serve", "--port", "0", "--symbols", "ETHUSDT", cwd=tmp_path, env=env) as daemon:
            told = json.loads(await daemon.line('"listening"'))
            code, body = await get(told["metrics"])
            assert code == 200
            assert b"orderflow_build_info" in body
            code, _ = await get(f"{told['url']}/metrics")
            assert code == 404
            daemon.kill(signal.SIGTERM)
            assert await daemon.ended() == 0


async def test_logs_are_for_people_on_a_terminal(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "orderflow_stream", "serve", "--port", "0"),
        cwd=tmp_path,
        env=environment(**NOWHERE, NO_COLOR="1"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    text = ""
    try:
        while "listening" not in text:
            text += (await asyncio.wait_for(asyncio.to_thread(os.read, ours, 65536), 20)).decode()
        process.send_signal(signal.SIGINT)
        while "stopped" not in text:
            text += (await asyncio.wait_for(asyncio.to_thread(os.read, ours, 65536), 20)).decode()
        assert await asyncio.wait_for(process.wait(), 20) == 0
    finally:
        os.close(ours)
        if process.returncode is None:
            process.kill()
            await process.wait()
    lines = re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()
    line = next(each for each in lines if "listening" in each)
    assert not line.startswith("{")
    assert "url=http://127.0.0.1:" in line
    assert "BTCUSDT, ETHUSDT" in line


@pytest.mark.parametrize(
    "arguments,words",
    [
        (("--host", "192.0.2.1"), "cannot listen on 192.0.2.1:"),
        (("--host", "nosuchhost.invalid"), "cannot listen on nosuchhost.invalid:"),
    ],
)
async def test_addresses_that_are_not_ours(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    env = environment(**NOWHERE, ORDERFLOW_SERVER__ALLOW_UNAUTHENTICATED="true")
    code, out, err = await run("serve", "--port", "0", *arguments, cwd=tmp_path, env=env)
    assert (code, out) == (1, "")
    assert words in err.splitlines()[-1]
    assert "Traceback" not in err
