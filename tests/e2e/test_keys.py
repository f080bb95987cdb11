"""Keys as an operator and a client meet them: made by the command, kept by the configuration, asked for on the wire."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from orderflow_stream.simulator import DEFAULT_LISTINGS, Simulator, SyntheticMarket, SyntheticPlayer
from tests.e2e.process import Command, environment, run, started


@asynccontextmanager
async def exchange() -> AsyncIterator[dict[str, str]]:
    market = SyntheticMarket(seed=3, listings=DEFAULT_LISTINGS[:1], rate=40)
    async with Simulator(SyntheticPlayer(market, 60)) as simulator:
        yield environment(
            ORDERFLOW_VENUES__BINANCE__STREAM_URL=simulator.stream_url,
            ORDERFLOW_VENUES__BINANCE__REST_URL=simulator.rest_url,
            ORDERFLOW_VENUES__BINANCE__SYMBOLS=DEFAULT_LISTINGS[0].symbol,
            ORDERFLOW_SERVER__PORT="0",
            ORDERFLOW_SERVER__HOST="0.0.0.0",
        )


async def port(daemon: Command) -> str:
    url = str(json.loads(await daemon.line('"listening"'))["url"])
    return url.rpartition(":")[2]


async def test_from_the_command_to_the_wire_and_through_a_restart(tmp_path: Path) -> None:
    usage = tmp_path / "usage.json"
    symbol = DEFAULT_LISTINGS[0].symbol
    said: list[str] = []
    async with exchange() as env:
        refused, _, why = await run("serve", cwd=tmp_path, env=env)
        assert refused == 2
        assert "0.0.0.0 can be reached from other machines and clients are not asked for a key" in why
        code, out, _ = await run("key", "new", "--name", "desk", "--plan", "free", cwd=tmp_path)
        key, line = out.splitlines()
        assert code == 0
        env |= {"ORDERFLOW_AUTH__KEYS": line, "ORDERFLOW_AUTH__USAGE_FILE": str(usage), "ORDERFLOW_LOG__LEVEL": "debug"}
        async with started("serve", cwd=tmp_path, env=env) as daemon, aiohttp.ClientSession() as session:
            base = f"http://127.0.0.1:{await port(daemon)}"
            flow = f"{base}/v1/flow?symbol={symbol}"
            for headers, path, status in (
                ({}, flow, 401),
                ({"x-oanor-key": key}, flow, 200),
                ({"Authorization": f"Bearer {key}"}, flow, 200),
                ({"x-api-key": key}, f"{base}/metrics", 403),
                ({"x-api-key": key[:-1]}, flow, 401),
                ({}, f"{flow}&api_key={key}", 400),
                ({}, f"{base}/healthz", 200),
                ({"Host": "probe.internal"}, f"{base}/readyz", 200),
            ):
                async with session.get(path, headers=headers) as response:
                    said.append(await response.text())
                    assert response.status == status, said[-1]
            file = tmp_path / "key"
            file.write_text(key + "\n")
            async with started("tail", symbol, "--url", base, "--key-file", str(file), cwd=tmp_path) as tail:
                await tail.line(symbol, tail.out)
                tail.kill(signal.SIGINT)
                assert await tail.ended() == 0
            daemon.kill(signal.SIGTERM)
            assert await daemon.ended() == 0
        said += daemon.err + daemon.out
        kept = json.loads(usage.read_text())
        assert kept["used"]["desk"] >= 3
        assert re.fullmatch(r"\d{4}-\d{2}", kept["month"])
        async with started("serve", cwd=tmp_path, env=env) as daemon, aiohttp.ClientSession() as session:
            base = f"http://127.0.0.1:{await port(daemon)}"
            async with session.get(f"{base}/v1/flow?symbol={symbol}", headers={"x-api-key": key}) as response:
                assert f'"month";r={450 - kept["used"]["desk"] - 1};t=' in response.headers["RateLimit"]
            daemon.kill(signal.SIGTERM)
            assert await daemon.ended() == 0
        said += daemon.err
    for text in said:
        assert key[13:25] not in text


async def test_a_file_of_keys_that_others_can_read_is_refused_in_one_line(tmp_path: Path) -> None:
    _, out, _ = await run("key", "new", cwd=tmp_path)
    file = tmp_path / "keys"
    file.write_text(out.splitlines()[1] + "\n")
    file.chmod(0o644)
    env = environment(ORDERFLOW_AUTH__KEYS_FILE=str(file))
    code, _, err = await run("serve", cwd=tmp_path, env=env)
    assert (code, err.count("\n")) == (2, 0)
    assert f"auth.keys_file: {file} can be read by others or written by its group; chmod 600 {file}" in err
    file.chmod(0o600)
    code, out, _ = await run("check-config", cwd=tmp_path, env=env)
    assert code == 0
