"""Faults of the way to the exchange in their long form, and those that need root.

    python -m soak.upstream            all of them; one line each, "not run" with the reason where it cannot
    python -m soak.upstream burst      one

`vanished` (root): the exchange lives in a network namespace of its own and its packets are dropped, so that the kernel
of the daemon's side gets no acknowledgement either. `resolver` (root): a resolver that takes 20 s, by a mount of its
own over /etc/resolv.conf. `ban`: 418 for two minutes. `down`: ten minutes without streams and REST. `burst`: a minute
at fifty times the usual. `reconnects`: how long from a reset to the next live trade, fifty times. `repairs`: how long
from a hole of 1,000 trades to its repair, fifty times, over a REST that takes 50 ms. `dear`: USD-M, 300 symbols, 120
calls a minute counted for real, an outage of 30 s: how long it takes and how long it was said to take.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import uvloop

from orderflow_stream.simulator.server import wall_clock
from tests.e2e.process import Command, environment, started
from tests.faults import test_usdm_outage as outages
from tests.faults.house import House, house
from tests.faults.market import Steady
from tests.faults.proxy import Shape

BUSY, SLOW, BIG = "AAAUSDT", "BBBUSDT", "EEEUSDT"
REFUSED: Final = b"HTTP/1.1 418 No\r\nRetry-After: 120\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

Figures = dict[str, Any]


class CannotRunError(Exception):
    """It needs what this machine does not give; the message says what."""


async def newest(home: House, symbol: str) -> int:
    return int((await home.coverage(symbol, trades=100))["last_id"])


async def reconnects(folder: Path, times: int = 50) -> Figures:
    """Reset to first live trade; two seconds between, so that no pace of dialling is in the way."""
    took = []
    async with house(folder, Steady({BUSY: 80, SLOW: 15}), venues__binance__redundancy=1) as home:
        for _ in range(times):
            await asyncio.sleep(2.2)
            attempts, began = home.sim.attempts, time.monotonic()
            home.streams.reset_all()
            async with home.redialled(before=attempts):
                pass
            carried = home.sim.exchange[BUSY].newest_id or 0

            async def live(id_: int = carried) -> bool:
                return await newest(home, BUSY) > id_

            await home.until(live, "a live trade", pause=0.002)
            took.append(time.monotonic() - began)
            await home.until_whole()
        await home.assert_whole()
    return {"resets": times, **quantiles(took), "ok": sorted(took)[-1 - times // 100] <= 0.5}


async def repairs(folder: Path, times: int = 50, count: int = 1_000) -> Figures:
    """From the first trade beyond a hole to its last trade, REST 50 ms away."""
    took = []
    source = Steady({BUSY: 80, BIG: 0})
    async with house(folder, source) as home:
        home.rest.shape = Shape(latency=0.025)
        for _ in range(times):
            home.sim.faults.skip(BIG, count)
            home.sim.publish(BIG, source.burst(BIG, count, wall_clock())[:count])
            beyond = source.burst(BIG, 1, wall_clock())
            home.sim.publish(BIG, beyond)
            began = time.monotonic()
            await home.until_whole(BIG)
            took.append(time.monotonic() - began)
        await home.assert_whole()
    return {"holes": times, "trades": count, **quantiles(took), "ok": sorted(took)[-1 - times // 100] <= 1.0}


async def ban(folder: Path) -> Figures:
    """418 with Retry-After: 120, while there is something to repair: nothing is asked before."""
    async with house(folder, Steady({BUSY: 60, SLOW: 15})) as home:
        home.rest.canned = REFUSED
        home.rest.reset_all()
        links = len(home.rest.links)
        home.sim.faults.skip(BUSY, 20)
        await home.until(lambda: _soon(len(home.rest.links) > links), "asked")
        told = home.rest.links[links].at
        await asyncio.sleep(0.2)
        home.rest.canned = None
        links = len(home.rest.links)
        await home.until(lambda: _soon(len(home.rest.links) > links), "asked again", 200.0, pause=0.2)
        waited = home.rest.links[links].at - told
        await home.assert_whole()
    return {"seconds_obeyed": round(waited, 1), "ok": waited >= 120.0}


async def down(folder: Path, seconds: float = 600.0) -> Figures:
    """Neither streams nor REST, the market goes on; then all of it is had."""
    async with house(folder, Steady({BUSY: 80, SLOW: 15})) as home:
        used = await home.metric("process_resident_memory_bytes")
        for way in (home.streams, home.rest):
            way.refuse = True
            way.reset_all()
        end = time.monotonic() + seconds
        claims = 0
        while time.monotonic() < end:
            await asyncio.sleep(0.5)
            if time.monotonic() > end - seconds + 1.0:
                claims += (await home.coverage(BUSY))["complete"]
        missed = home.sim.exchange[BUSY].newest_id or 0
        missed -= await newest(home, BUSY)
        home.streams.clear()
        home.rest.clear()
        healed = await home.until_whole(patience=180.0)
        await home.assert_whole()
        grown = (await home.metric("process_resident_memory_bytes") - used) / 1e6
    return {"seconds": seconds, "missed": missed, "healed_s": round(healed, 1), "false_claims": claims,
            "grown_mb": round(grown, 1), "ok": not claims and grown < 64}  # fmt: skip


async def dear(folder: Path, seconds: float = 30.0) -> Figures:
    """An outage of all of USD-M: healed by 120 calls a minute, in the order of importance."""
    followed = outages.all_symbols()[-10:]
    source = outages.Wide(0.0, history=30)
    keys = {"analytics__flow__windows": "1s,1m"}
    async with house(folder, source, venue="binance-usdm", sim={"weight_limit": 2400}, serve=False, **keys) as home:
        async with home.serving():
            warm = await outages.warm(home, 420.0)
            came = await outages.outage(home, seconds, followed, 420.0)
            await home.assert_whole(patience=240.0)  # what opens now waits for calls that the outage has used up
        stops = sum(call.status in {418, 429} for call in home.sim.calls)
        outages.assert_healed(came, followed, outages.SYMBOLS)
    return {"symbols": outages.SYMBOLS, "warm_s": round(warm, 1), "calls": came.finished["calls"],
            "healed_s": round(came.took, 1), "foretold_s": came.said["seconds_left"],
            "told_after_s": round(came.told_at - came.began, 1), "stops": stops, "ok": not stops}  # fmt: skip


async def burst(folder: Path, seconds: float = 60.0, rate: int = 4_000) -> Figures:
    """Fifty times the usual."""
    source = Steady({BUSY: 60, SLOW: 20})
    async with house(folder, source) as home:
        used = await home.metric("process_resident_memory_bytes")
        gaps = await home.metric("orderflow_gaps_total")
        end, sent, worst = time.monotonic() + seconds, 0, 0
        due = time.monotonic()
        while time.monotonic() < end:
            rows = source.burst((BUSY, SLOW)[sent % 2], rate // 20, wall_clock())
            home.sim.publish((BUSY, SLOW)[sent % 2], rows)
            sent += len(rows)
            worst = max(worst, (await home.coverage(BUSY, trades=100))["lag_ms"] or 0)
            due += 0.05
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        ids = {symbol: home.sim.exchange[symbol].newest_id or 0 for symbol in (BUSY, SLOW)}
        over = time.monotonic()

        async def held() -> bool:
            return all([await newest(home, symbol) >= id_ for symbol, id_ in ids.items()])

        await home.until(held, "held")
        after = time.monotonic() - over
        # Before the exchange, which lives in this process, is kept from its work by the comparison.
        missing = await home.metric("orderflow_gaps_total") - gaps
        await home.assert_whole()
        grown = (await home.metric("process_resident_memory_bytes") - used) / 1e6
    return {"trades": sent, "worst_lag_ms": worst, "caught_up_s": round(after, 2), "gaps": missing,
            "grown_mb": round(grown, 1), "ok": after <= 1.0 and not missing}  # fmt: skip


async def vanished(folder: Path) -> Figures:
    """Packets of the exchange are dropped: no acknowledgement, no reset."""
    if os.geteuid() != 0 or not shutil.which("ip"):
        raise CannotRunError("needs root and iproute2")
    name, near, far = f"orderflow{os.getpid()}", f"ofa{os.getpid()}", f"ofb{os.getpid()}"
    ip = ("ip",)
    within = ("ip", "netns", "exec", name)
    try:
        for words in (
            (*ip, "netns", "add", name),
            (*ip, "link", "add", near, "type", "veth", "peer", "name", far, "netns", name),
            (*ip, "addr", "add", "10.213.77.1/30", "dev", near),
            (*ip, "link", "set", near, "up"),
            (*within, "ip", "addr", "add", "10.213.77.2/30", "dev", far),
            (*within, "ip", "link", "set", far, "up"),
            (*within, "ip", "link", "set", "lo", "up"),
        ):
            await _run(*words)
        return await _vanish(folder, within, far)
    finally:
        for words in ((*ip, "link", "del", near), (*ip, "netns", "del", name)):
            with suppress(CannotRunError):
                await _run(*words)


async def _drop(within: tuple[str, ...], far: str, drop: bool) -> None:
    """Packets to and from the exchange are dropped, or no longer: by rules where there is iptables, else its cable is
    pulled."""
    if shutil.which("iptables"):
        for chain in ("INPUT", "OUTPUT"):
            await _run(*within, "iptables", *(("-A", chain, "-p", "tcp", "-j", "DROP") if drop else ("-F", chain)))
    else:
        await _run(*within, "ip", "link", "set", far, "down" if drop else "up")


async def _vanish(folder: Path, within: tuple[str, ...], far: str) -> Figures:
    process = await asyncio.create_subprocess_exec(
        *within, sys.executable, "-m", "orderflow_stream.simulator", "--host", "10.213.77.2", "--port", "9443",
        "--rate", "300", "--history-s", "30", cwd=folder, env=environment(),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    venue = Command(process)
    try:
        await venue.line("rest http", venue.out)
        env = environment(
            ORDERFLOW_VENUES__BINANCE__SYMBOLS="BTCUSDT,ETHUSDT",
            ORDERFLOW_VENUES__BINANCE__STREAM_URL="ws://10.213.77.2:9443",
            ORDERFLOW_VENUES__BINANCE__REST_URL="http://10.213.77.2:9443",
        )
        async with started("serve", "--port", "0", cwd=folder, env=env) as daemon:
            url = str(json.loads(await daemon.line('"listening"'))["url"])
            took = []
            for _ in range(3):
                await _ready(url, wanted=200, patience=60.0, strict=True)
                await asyncio.sleep(8.0)
                await _drop(within, far, True)
                took.append(await _ready(url, wanted=503, patience=60.0))
                await _drop(within, far, False)
            await _ready(url, wanted=200, patience=90.0, strict=True)
    finally:
        if process.returncode is None:
            process.kill()
        await venue.ended()
    return {"times": len(took), "found_s": [round(each, 2) for each in took], "ok": max(took) <= 3.0}


async def resolver(folder: Path, delay: float = 20.0) -> Figures:
    """Names take 20 s and more: attempts are given up after 10 s, a shutdown does not wait."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        raise CannotRunError("needs root and unshare")
    address = "127.0.0.53"
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        server.bind((address, 53))
    except OSError as error:
        raise CannotRunError(f"cannot be a resolver on {address}:53: {error}") from None
    asked: list[float] = []

    def serve() -> None:
        with suppress(OSError):
            while True:
                question, client = server.recvfrom(4096)
                asked.append(time.monotonic())
                # "No such name", much too late: header flags QR + RA + NXDOMAIN, the question as it came.
                reply = question[:2] + b"\x81\x83" + question[4:6] + b"\0\0\0\0\0\0" + question[12:]
                threading.Timer(delay, lambda r=reply, c=client: _send(server, r, c)).start()

    threading.Thread(target=serve, daemon=True).start()
    file = folder / "resolv.conf"
    file.write_text(f"nameserver {address}\noptions timeout:30 attempts:1\n")
    script = f'mount --bind {file} /etc/resolv.conf && exec "$0" -m orderflow_stream serve --port 0'
    env = environment(
        ORDERFLOW_VENUES__BINANCE__SYMBOLS=BUSY,
        ORDERFLOW_VENUES__BINANCE__STREAM_URL="wss://stream.slow.example:9443",
        ORDERFLOW_VENUES__BINANCE__REST_URL="https://api.slow.example",
    )
    process = await asyncio.create_subprocess_exec(
        "unshare", "-m", "sh", "-c", script, sys.executable, cwd=folder, env=env,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    daemon = Command(process)
    try:
        try:
            await daemon.line('"listening"')
        except AssertionError:
            raise CannotRunError(f"no mount of its own: {daemon.err[-1:]}") from None
        began = time.monotonic()
        async with asyncio.timeout(30.0):
            line = await daemon.line("feed cannot connect")
        gave_up = time.monotonic() - began
        began = time.monotonic()
        daemon.kill(signal.SIGTERM)
        code = await daemon.ended()
        stopped = time.monotonic() - began
    finally:
        if process.returncode is None:
            process.kill()
            await daemon.ended()
        server.close()
    if not asked:
        raise CannotRunError("the system's resolver does not ask /etc/resolv.conf's server")
    return {"questions": len(asked), "gave_up_s": round(gave_up, 1), "stopped_s": round(stopped, 1),
            "said": json.loads(line)["reason"], "ok": gave_up <= 12.0 and stopped <= 5.0 and code == 0}  # fmt: skip


def _send(server: socket.socket, reply: bytes, client: Any) -> None:
    with suppress(OSError):
        server.sendto(reply, client)


async def _soon(value: bool) -> bool:
    return value


async def _ready(url: str, *, wanted: int, patience: float, strict: bool = False) -> float:
    import aiohttp

    began = time.monotonic()
    async with asyncio.timeout(patience), aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"{url}/readyz", params={"strict": "1"} if strict else {}) as answer:
                if answer.status == wanted:
                    return time.monotonic() - began
            await asyncio.sleep(0.02)


async def _run(*words: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise CannotRunError(f"{' '.join(words)}: {said.decode(errors='replace').strip()}")


def quantiles(values: Sequence[float]) -> Figures:
    """Milliseconds: median, 99 %, worst."""
    ordered = sorted(values)
    return {
        "p50_ms": round(1e3 * ordered[len(ordered) // 2]),
        "p99_ms": round(1e3 * ordered[-1 - len(ordered) // 100]),
        "worst_ms": round(1e3 * ordered[-1]),
    }


PARTS: Final[dict[str, Callable[[Path], Coroutine[Any, Any, Figures]]]] = {
    "reconnects": reconnects,
    "repairs": repairs,
    "burst": burst,
    "ban": ban,
    "vanished": vanished,
    "resolver": resolver,
    "down": down,
    "dear": dear,
}


def main(argv: Sequence[str] | None = None) -> int:
    """0 fine, 1 a bound was broken, 3 everything that was asked for could not be run here."""
    parser = argparse.ArgumentParser(prog="python -m soak.upstream", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} (default: all)")
    options = parser.parse_args(argv)
    chosen = options.parts or list(PARTS)
    unknown = [part for part in chosen if part not in PARTS]
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    failed, ran = 0, 0
    for part in chosen:
        with tempfile.TemporaryDirectory() as folder:
            try:
                figures = uvloop.run(PARTS[part](Path(folder)))
            except CannotRunError as error:
                print(f"{part}: not run: {error}", flush=True)
                continue
            except AssertionError as error:
                claim = traceback.extract_tb(error.__traceback__)[-1]  # what an assertion without words claimed
                figures = {
                    "ok": False,
                    "problem": f"{Path(claim.filename).name}:{claim.lineno}: {str(error) or claim.line}"[:500],
                }
        ran += 1
        failed += not figures["ok"]
        print(f"{part}: " + "  ".join(f"{key} {value}" for key, value in figures.items()), flush=True)
    return 1 if failed else 0 if ran else 3


if __name__ == "__main__":
    sys.exit(main())
