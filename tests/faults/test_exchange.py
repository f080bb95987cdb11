"""An exchange that stops, being a process of its own: U5; its names and certificates: U21, U22; a rush: U25."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import re
import signal
import ssl
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme

from orderflow_stream.simulator.server import wall_clock
from tests.e2e.process import Command, environment, started
from tests.faults.house import House, house
from tests.faults.market import Steady
from tests.faults.proxy import Proxy

BUSY, SLOW = "AAAUSDT", "BBBUSDT"


@asynccontextmanager
async def exchange(folder: Path, *arguments: str) -> AsyncIterator[tuple[Command, dict[str, str]]]:
    """The simulator as a process, and the URLs it listens on."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "orderflow_stream.simulator", "--port", "0", "--history-s", "30", *arguments),
        cwd=folder, env=environment(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    command = Command(process)
    try:
        line = await command.line("rest http", command.out)
        found = re.search(r"rest (\S+)  stream (\S+)", line)
        assert found is not None
        yield command, {"rest": found[1], "stream": found[2]}
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
        await command.ended()


async def test_the_exchange_is_stopped(tmp_path: Path) -> None:
    """U5: a process that holds its sockets and says nothing (SIGSTOP) is found within 3 s, by streams and by /readyz;
    after SIGCONT everything it has is had."""
    async with exchange(tmp_path, "--rate", "300") as (venue, urls), aiohttp.ClientSession() as session:
        env = environment(
            ORDERFLOW_VENUES__BINANCE__SYMBOLS="BTCUSDT,ETHUSDT",
            ORDERFLOW_VENUES__BINANCE__STREAM_URL=urls["stream"],
            ORDERFLOW_VENUES__BINANCE__REST_URL=urls["rest"],
        )
        async with started("serve", "--port", "0", cwd=tmp_path, env=env) as daemon:
            url = json.loads(await daemon.line('"listening"'))["url"]

            async def get(path: str, base: str = url) -> tuple[int, Any]:
                async with session.get(base + path) as answer:
                    return answer.status, await answer.json()

            async def until(path: str, wanted: int, patience: float) -> float:
                began = time.monotonic()
                while (await get(path))[0] != wanted:
                    assert time.monotonic() - began < patience, (path, (await get(path))[1], daemon.err[-5:])
                    await asyncio.sleep(0.02)
                return time.monotonic() - began

            await until("/readyz?strict=1", 200, 20.0)
            await asyncio.sleep(6.0)  # a rhythm is known
            venue.kill(signal.SIGSTOP)
            assert await until("/readyz", 503, 20.0) <= 3.0
            state = (await get("/v1/flow?symbol=BTCUSDT"))[1]["data"]["coverage"]
            assert (state["state"], state["complete"]) == ("stale", False)
            venue.kill(signal.SIGCONT)
            await until("/readyz?strict=1", 200, 40.0)
            _, told = await get("/v1/trades?symbol=BTCUSDT&limit=1000")
            ids = [row["id"] for row in told["data"]["trades"]]
            _, truth = await get(f"/api/v3/aggTrades?symbol=BTCUSDT&limit=1000&fromId={ids[0]}", urls["rest"])
            truth = [row for row in truth if row["a"] <= ids[-1]]
            assert ids == [row["a"] for row in truth if float(row["q"])]
            assert not [line for line in daemon.err if "Traceback" in line]


async def test_a_name_that_does_not_resolve(tmp_path: Path) -> None:
    """U21: said in one line with a remedy, for streams and REST; what does not need the network is served, and it is
    tried again. (A resolver that takes 20 s is played in `make soak`; a name with several addresses below.)"""
    async with house(tmp_path, Steady({BUSY: 30}), serve=False) as home:
        home.keys["ORDERFLOW_VENUES__BINANCE__STREAM_URL"] = "wss://stream.invalid:9443"
        home.keys["ORDERFLOW_VENUES__BINANCE__REST_URL"] = "https://api.invalid"
        home.keys["ORDERFLOW_VENUES__BINANCE__SYMBOLS"] = BUSY
        async with home.serving() as daemon:
            line = json.loads(await daemon.line("feed cannot connect"))
            assert line["reason"] == "cannot resolve stream.invalid"
            assert "DNS" in line["hint"]
            assert "cannot resolve api.invalid" in await daemon.line("rest does not answer")
            assert (await home.coverage(BUSY))["state"] == "connecting"
            await daemon.line('"attempt":2')
        home.assert_quiet_log()


async def test_a_name_with_several_addresses(tmp_path: Path) -> None:
    """U21: the first address of a name does not answer (here ::1 of localhost): the next one is taken."""
    async with house(tmp_path, Steady({BUSY: 30}), serve=False) as home:
        for name in ("STREAM_URL", "REST_URL"):
            key = f"ORDERFLOW_VENUES__BINANCE__{name}"
            home.keys[key] = home.keys[key].replace("127.0.0.1", "localhost")
        async with home.serving():
            await home.assert_whole()


AUTHORITY = trustme.CA()


def certificate(kind: str) -> tuple[ssl.SSLContext, trustme.CA]:
    """A server's side of TLS, and the authority that the daemon is told to trust."""
    trusted = AUTHORITY if kind != "self-signed" else trustme.CA()
    names = {"wrong name": "elsewhere.example"}
    over = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    issued = AUTHORITY.issue_cert(
        names.get(kind, "localhost"),
        **({"not_after": over} if kind == "expired" else {}),  # type: ignore[arg-type]
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    issued.configure_cert(context)
    return context, trusted


@pytest.mark.parametrize("kind", ["self-signed", "wrong name", "expired", "good"])
async def test_certificates(tmp_path: Path, kind: str) -> None:
    """U22: not trusted: refused, said in one line, tried again later, and never without TLS."""
    context, trusted = certificate(kind)
    trusted.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    async with (
        house(tmp_path, Steady({BUSY: 30}), serve=False) as home,
        Proxy((home.sim.host, home.sim.port), tls=context) as doors,
    ):
        home.keys |= {
            "ORDERFLOW_VENUES__BINANCE__STREAM_URL": f"wss://localhost:{doors.port}",
            "ORDERFLOW_VENUES__BINANCE__REST_URL": f"https://localhost:{doors.port}",
            "ORDERFLOW_VENUES__BINANCE__SYMBOLS": BUSY,
            "SSL_CERT_FILE": str(tmp_path / "authority.pem"),
        }
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda *_: None)  # the server's side of a handshake that was broken off
        async with home.serving() as daemon:
            if kind == "good":
                await home.assert_whole()
            else:
                line = json.loads(await daemon.line("feed cannot connect"))
                words = {"self-signed": "self.signed|issuer", "wrong name": "localhost", "expired": "expired"}
                assert re.search(words[kind], line["reason"]), line
                assert "certificate" in line["reason"]
                await daemon.line("rest does not answer")
                assert (await home.coverage(BUSY))["state"] == "connecting"
                assert not [link for link in doors.links if link.request], "nothing was said inside or outside of TLS"
        home.assert_quiet_log()


async def test_a_tls_handshake_that_stalls(tmp_path: Path) -> None:
    """U22: taken, and no TLS comes: given up after 10 s, and shutting down does not wait for it."""
    async with house(tmp_path, Steady({BUSY: 30}), serve=False) as home:
        home.streams.deaf = home.rest.deaf = True
        home.keys |= {
            "ORDERFLOW_VENUES__BINANCE__STREAM_URL": f"wss://localhost:{home.streams.port}",
            "ORDERFLOW_VENUES__BINANCE__REST_URL": f"https://localhost:{home.rest.port}",
            "ORDERFLOW_VENUES__BINANCE__SYMBOLS": BUSY,
        }
        async with home.serving() as daemon:
            await daemon.line("rest does not answer|feed cannot connect")
            began = time.monotonic()
            daemon.kill(signal.SIGTERM)
            assert await daemon.ended() == 0
            assert time.monotonic() - began <= 5.0
        home.assert_quiet_log()


async def test_a_burst(tmp_path: Path) -> None:
    """U25: fifty times the usual for a while: nothing is lost, and a second afterwards the lag is gone."""
    source = Steady({BUSY: 60, SLOW: 20})
    async with house(tmp_path, source) as home:
        used = await home.metric("process_resident_memory_bytes")
        gaps = await home.metric("orderflow_gaps_total")
        for step in range(60):
            began = time.monotonic()
            symbol = (BUSY, SLOW)[step % 2]
            home.sim.publish(symbol, source.burst(symbol, 160, wall_clock()))
            await asyncio.sleep(max(0.0, 0.05 - (time.monotonic() - began)))
        newest = {symbol: home.sim.exchange[symbol].newest_id or 0 for symbol in (BUSY, SLOW)}
        over = time.monotonic()
        await _held(home, newest)
        assert time.monotonic() - over <= 1.0
        await home.assert_whole()
        assert await home.metric("orderflow_gaps_total") == gaps
        assert await home.metric("process_resident_memory_bytes") - used < 64e6
        assert (await home.coverage(BUSY, trades=100))["lag_ms"] < 1000


async def _held(home: House, newest: dict[str, int]) -> None:
    async def holds() -> bool:
        return all([(await home.coverage(symbol, trades=100))["last_id"] >= id_ for symbol, id_ in newest.items()])

    await home.until(holds, "all of it is held", pause=0.005)
