"""One consumer of the generator's frames, in a process of its own: `python -m bench.consumer MODE --port P …`.

`floor` receives with `websockets` and decodes to a typed trade with integers, and does nothing with it. `daemon` is
the daemon's own path: connection, session, engine (tape, windows, bars, orders, large prints) and hub, as configured
by default. Prints one JSON object: CPU microseconds per trade, wall seconds, trades.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import random
import time

import orjson
import uvloop
from websockets.asyncio.client import connect

from bench.generator import symbols
from orderflow_stream import logs
from orderflow_stream.adapters.clock import Clock
from orderflow_stream.adapters.connections import Connections
from orderflow_stream.analytics.large import LargeTracker
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import Event, Instrument, Trade
from orderflow_stream.core.units import NOTIONAL_SCALE, parse_duration
from orderflow_stream.delivery.encode import Rules
from orderflow_stream.delivery.hub import Hub, Limits
from orderflow_stream.delivery.ring import EventLog
from orderflow_stream.delivery.topics import Renderer
from orderflow_stream.venues.binance import BinanceSpot

WINDOWS = {name: parse_duration(name) for name in ("1m", "5m", "15m", "1h")}


def instruments(count: int) -> list[Instrument]:
    return [Instrument("binance", name, name[:-4], "USDT") for name in symbols(count)]


async def floor(port: int, count: int, many: int) -> dict[str, float]:
    """Receive and decode."""
    venue = BinanceSpot()
    venue.watch(instruments(many))
    clock = Clock()
    trades = 0
    async with connect(
        f"ws://127.0.0.1:{port}/stream", compression=None, ping_interval=None, max_size=1 << 20, proxy=None
    ) as socket:
        first = await socket.recv(decode=False)
        cpu, wall = time.process_time(), time.perf_counter()
        venue.decode(first, clock.now())
        while trades < count - 1:
            frame = await socket.recv(decode=False)
            if type(venue.decode(frame, clock.now())) is Trade:
                trades += 1
        return _result(cpu, wall, trades)


async def daemon(port: int, count: int, many: int) -> dict[str, float]:
    """The daemon's path, from the socket to windows and hub."""
    clock = Clock()
    engine = Engine(
        windows=tuple(WINDOWS.values()),
        analytics=lambda book: (LargeTracker(book, 100_000 * NOTIONAL_SCALE, engine.pending),),
    )
    hub = Hub(
        Renderer(engine, rules=Rules(), windows=WINDOWS, clock=clock.now),
        EventLog("benchmrk", events=20_000, trades=50_000),
        Limits(),
        loop=asyncio.get_running_loop(),
        rng=random.Random(1),
    )
    done = asyncio.Event()
    trades = 0
    cpu = wall = 0.0

    def sink(event: Event) -> None:
        nonlocal trades, cpu, wall
        updates = engine.apply(event)
        if updates is None:
            return
        hub.publish(event, updates)
        if type(event) is Trade:
            if not trades:
                cpu, wall = time.process_time(), time.perf_counter()
            trades += 1
            if trades == count:
                done.set()

    venue = BinanceSpot()
    connections = Connections(venue, f"ws://127.0.0.1:{port}", clock, sink, streams_per_connection=1024)
    wanted = instruments(many)
    for instrument in wanted:
        engine.add(instrument)
    # One connection brings the frames of all symbols, so that both consumers read the same bytes. The generator answers
    # no SUBSCRIBE, so only what fits the URL is asked for; the codec resolves all.
    connections.add(wanted[:90])
    venue.watch(wanted)
    task = asyncio.create_task(connections.run())
    waiting = asyncio.create_task(done.wait())
    await asyncio.wait({waiting, task}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()  # the daemon's path failed: say how
    result = _result(cpu, wall, trades)
    await connections.aclose()
    await task
    missing = sum(book.counters.gap_trades for book in engine.books.values())
    return {**result, "missing": missing}


def _result(cpu: float, wall: float, trades: int) -> dict[str, float]:
    used, took = time.process_time() - cpu, time.perf_counter() - wall
    return {"cpu_us": used / trades * 1e6, "wall_s": took, "trades": trades}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mode", choices=("floor", "daemon"))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--frames", type=int, required=True)
    parser.add_argument("--symbols", type=int, required=True)
    args = parser.parse_args()
    logs.configure("warning", "console")  # standard output is for the result
    gc.freeze()
    run = floor if args.mode == "floor" else daemon
    print(orjson.dumps(uvloop.run(run(args.port, args.frames, args.symbols))).decode())


if __name__ == "__main__":
    main()
