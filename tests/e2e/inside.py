"""A whole daemon inside the test's own process, over a small simulator: soon up, and on the port that is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from orderflow_stream.app import Daemon
from orderflow_stream.config import load
from orderflow_stream.simulator import DEFAULT_LISTINGS, Simulator, SyntheticMarket, SyntheticPlayer

LISTINGS = DEFAULT_LISTINGS[:3]
#: Seconds of market before the start: few, so that it is made, and read, in no time.
PAST = 60.0


@asynccontextmanager
async def market(rate: float = 100.0) -> AsyncIterator[Simulator]:
    """The exchange."""
    async with Simulator(SyntheticPlayer(SyntheticMarket(seed=5, listings=LISTINGS, rate=rate), PAST)) as simulator:
        yield simulator


def settings_over(simulator: Simulator, **over: object) -> dict[str, object]:
    """What points a daemon at it; `server__port` and the like override."""
    return {
        "server.port": 0,
        "venues.binance.stream_url": simulator.stream_url,
        "venues.binance.rest_url": simulator.rest_url,
        "venues.binance.symbols": [listing.symbol for listing in LISTINGS],
        **{name.replace("__", "."): value for name, value in over.items()},
    }


def build(overrides: dict[str, object], empty: Path) -> Daemon:
    """A daemon that reads nothing but `overrides`; `empty` is an empty file."""
    empty.touch()
    return Daemon(load(empty, {}, overrides))


@asynccontextmanager
async def running(simulator: Simulator, tmp: Path, **over: object) -> AsyncIterator[Daemon]:
    """A daemon that listens; stopped and ended afterwards."""
    daemon = build(settings_over(simulator, **over), tmp / "empty.toml")
    task = asyncio.create_task(daemon.run())
    ready = asyncio.create_task(daemon.ready.wait())
    await asyncio.wait((task, ready), return_when=asyncio.FIRST_COMPLETED, timeout=20)
    ready.cancel()
    try:
        yield daemon
    finally:
        daemon.stop()
        await asyncio.wait_for(task, 20)
