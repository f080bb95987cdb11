"""How long the event loop of a whole daemon is held, at worst: `python -m bench.stall`.

1,370 synthetic symbols stream from a simulator in a process of its own, while /metrics is scraped and the symbol list
is read again. A probe sleeps 1 ms at a time and notes how late it wakes; the same probe on an idle loop of the same
process, before the daemon starts, is the floor. Prints one JSON object, milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time

import aiohttp
import orjson
import uvloop

from orderflow_stream import logs
from orderflow_stream.app import Daemon
from orderflow_stream.cli.serve import settle_memory
from orderflow_stream.config import load

SCRAPE_EVERY = 2.0
WARM_PATIENCE = 300.0


async def probe(seconds: float) -> list[float]:
    """Lateness of 1 ms sleeps, ms, ascending."""
    late: list[float] = []
    end = time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        await asyncio.sleep(0.001)
        late.append((time.perf_counter() - began - 0.001) * 1e3)
    return sorted(late)


def summary(late: list[float]) -> dict[str, float]:
    return {
        "p50": late[len(late) // 2],
        "p99": late[int(len(late) * 0.99)],
        "p99.9": late[int(len(late) * 0.999)],
        "worst": late[-1],
    }


def _cold(daemon: Daemon) -> int:
    return sum(not book.warm for book in daemon.engine.books.values())


async def run(symbols: int, rate: float, seconds: float) -> dict[str, object]:
    """Idle loop first, then the daemon under load."""
    idle = summary(await probe(min(5.0, seconds)))
    simulator = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "orderflow_stream.simulator", "--port", "0", "--symbols", str(symbols),
        "--rate", str(rate), "--history-s", "120",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert simulator.stdout is not None
    try:
        line = (await simulator.stdout.readline()).decode()
        rest = next(word.rstrip(",") for word in line.split() if word.startswith("http://"))
        stream = next(word.rstrip(",") for word in line.split() if word.startswith("ws://"))
        settings = load(
            environ={},
            overrides={
                "server.port": 0,
                "venues.binance.symbols": ["*"],
                "venues.binance.stream_url": stream,
                "venues.binance.rest_url": rest,
                "metrics.max_symbols": symbols,
            },
        )
        daemon = Daemon(settings)
        settle_memory()  # as `serve` does
        running = asyncio.create_task(daemon.run())
        await daemon.ready.wait()
        async with aiohttp.ClientSession() as session:
            began = time.perf_counter()
            warming = asyncio.create_task(probe(seconds))
            await warming
            while time.perf_counter() - began < WARM_PATIENCE and (left := _cold(daemon)):
                print(f"warming up: {left} symbols left", file=sys.stderr)
                await probe(1.0)

            async def disturb() -> None:
                while True:
                    async with session.get(f"{daemon.url}/metrics") as response:
                        await response.read()
                    await daemon.symbols.refresh()
                    await asyncio.sleep(SCRAPE_EVERY)

            disturbing = asyncio.create_task(disturb())
            busy = await probe(seconds)
            disturbing.cancel()
        trades = sum(book.counters.applied for book in daemon.engine.books.values())
        daemon.stop()
        await running
    finally:
        if simulator.returncode is None:
            simulator.terminate()
            await simulator.wait()
    return {
        "symbols": symbols,
        "applied": trades,
        "idle_ms": idle,
        "starting_ms": summary(warming.result()),
        "loaded_ms": summary(busy),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=1370)
    parser.add_argument("--rate", type=float, default=1000.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    args = parser.parse_args()
    logs.configure("warning", "console")
    print(orjson.dumps(uvloop.run(run(args.symbols, args.rate, args.seconds)), option=orjson.OPT_INDENT_2).decode())


if __name__ == "__main__":
    main()
