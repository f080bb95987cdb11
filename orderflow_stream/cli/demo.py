"""`demo`: the daemon over the built-in simulator, in one process. Nothing is read from or left on the machine.

Neither ./config.toml nor the environment counts here: they are about the real thing, and a demo must run wherever it
is started. Flags count, and a file that is named.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from orderflow_stream import logs
from orderflow_stream.app import Daemon, try_addresses
from orderflow_stream.cli import USAGE
from orderflow_stream.cli.check_config import load_or_complain
from orderflow_stream.cli.serve import run_until_signal
from orderflow_stream.config import Settings, load
from orderflow_stream.simulator import DEFAULT_LISTINGS, Simulator, SyntheticMarket, SyntheticPlayer


def run(config: Path | None, flags: dict[str, object], *, seed: int, rate: float) -> int:
    """Serve a synthetic market until Ctrl-C or SIGTERM."""
    if not 0 < rate <= 10_000:
        print(f"demo: --rate must be above 0 and at most 10000, not {rate}", file=sys.stderr)
        return USAGE
    settings = _load(config, flags)
    if settings is None:
        return USAGE
    logs.configure(settings.log.level, settings.log.format)

    @asynccontextmanager
    async def make() -> AsyncIterator[Daemon]:
        await try_addresses(settings)  # the market takes seconds to make: a port that is taken is told before
        market = SyntheticMarket(seed=seed, listings=DEFAULT_LISTINGS, rate=rate)
        async with Simulator(SyntheticPlayer(market)) as simulator:
            over = {
                **flags,
                "venues.binance.stream_url": simulator.stream_url,
                "venues.binance.rest_url": simulator.rest_url,
                "venues.binance.symbols": [listing.symbol for listing in DEFAULT_LISTINGS],
            }
            played = _load(config, over)
            if played is None:
                raise RuntimeError("the simulator's own URLs were refused by the configuration")
            daemon = Daemon(played, reread=lambda: load(config or Path(os.devnull), {}, over))
            announced = asyncio.create_task(_announce(daemon))
            try:
                yield daemon
            finally:
                announced.cancel()

    return run_until_signal(make)


def _load(config: Path | None, flags: dict[str, object]) -> Settings | None:
    # An empty file that is named keeps ./config.toml from being looked for.
    return load_or_complain(config or Path(os.devnull), flags, {})


async def _announce(daemon: Daemon) -> None:
    await daemon.ready.wait()
    print(f"demo: a synthetic market is served at {daemon.url}/  (Ctrl-C drains and ends it)", flush=True)
    print(f"try:  curl -s '{daemon.url}/v1/flow?symbol=BTCUSDT&trades=1000'", flush=True)
