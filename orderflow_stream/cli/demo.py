"""`demo`: the daemon over the built-in simulator, in one process. Nothing is read from or left on the machine.

Neither ./config.toml nor the environment counts here: they are about the real thing, and a demo must run wherever it
is started. Flags count, and a file that is named.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from orderflow_stream import logs
from orderflow_stream.app import Daemon, try_addresses
from orderflow_stream.cli import USAGE
from orderflow_stream.cli.check_config import load_or_complain
from orderflow_stream.cli.serve import run_until_signal
from orderflow_stream.cli.warmup import LogStream
from orderflow_stream.config import Settings, load
from orderflow_stream.simulator import (
    DEFAULT_LISTINGS,
    FuturesMarket,
    Simulator,
    SpotLeader,
    SyntheticMarket,
    SyntheticPlayer,
    Weights,
    default_listings,
)
from orderflow_stream.venues import catalogue
from orderflow_stream.venues.catalogue import VENUES

#: The contracts together have so many times fewer trades than spot: their past is made before anything is served.
_FEWER: Final = 6
#: Seconds of market before the start, of a spot market and of contracts: what a minute's weight of REST reads at once,
#: of which contracts have little.
_PAST: Final = (3_900.0, 1_200.0)


def run(config: Path | None, flags: dict[str, object], *, seed: int, rate: float, as_json: bool = False) -> int:
    """Serve a synthetic market until Ctrl-C or SIGTERM."""
    if not 0 < rate <= 10_000:
        print(f"demo: --rate must be above 0 and at most 10000, not {rate}", file=sys.stderr)
        return USAGE
    settings = _load(config, flags)
    if settings is None:
        return USAGE
    stream = LogStream()
    logs.configure(settings.log.level, settings.log.format, stream.text)

    @asynccontextmanager
    async def make() -> AsyncIterator[Daemon]:
        await try_addresses(settings)  # the market takes seconds to make: a port that is taken is told before
        async with exchange(seed, rate) as simulators:
            over = {**flags, **keys(simulators)}
            played = _load(config, over)
            if played is None:
                raise RuntimeError("the simulator's own URLs were refused by the configuration")
            daemon = Daemon(played, reread=lambda: load(config or Path(os.devnull), {}, over))
            announced = asyncio.create_task(_announce(daemon, as_json=as_json))
            try:
                yield daemon
            finally:
                announced.cancel()

    return run_until_signal(make, stream)


@asynccontextmanager
async def exchange(seed: int, rate: float) -> AsyncIterator[dict[str, Simulator]]:
    """Every venue of the catalogue, by name, spot first: its prices lead those of the contracts. Venues of one pool
    count request weight together."""
    weights: dict[str, Weights] = {}
    async with AsyncExitStack() as stack:
        found: dict[str, Simulator] = {}
        for spec in VENUES:
            market: SyntheticMarket
            if spec.market == "spot":
                market = SyntheticMarket(seed=seed, listings=DEFAULT_LISTINGS, rate=rate)
            else:
                listings = default_listings(spec.market, time.time_ns() // 1000)
                leader = SpotLeader(found[VENUES[0].name].exchange)
                market = FuturesMarket(seed=seed, listings=listings, rate=rate / _FEWER, leader=leader)
            simulator = Simulator(
                SyntheticPlayer(market, _PAST[spec.market != "spot"]),
                market=spec.market,
                weights=weights.setdefault(spec.pool, Weights(spec.weight_limit, 10)),
            )
            for other, known in found.items():
                if spec.liquidations and catalogue.spec(other).liquidations:
                    simulator.mix(known)
            found[spec.name] = await stack.enter_async_context(simulator)
        yield found


def keys(simulators: Mapping[str, Simulator]) -> dict[str, object]:
    """What points a daemon at all of them, by dotted key of the configuration."""
    over: dict[str, object] = {}
    for name, simulator in simulators.items():
        over |= {
            f"venues.{name}.stream_url": simulator.stream_url,
            f"venues.{name}.rest_url": simulator.rest_url,
            f"venues.{name}.symbols": list(simulator.exchange.tapes),
        }
    return over


def _load(config: Path | None, flags: dict[str, object]) -> Settings | None:
    # An empty file that is named keeps ./config.toml from being looked for.
    return load_or_complain(config or Path(os.devnull), flags, {})


async def _announce(daemon: Daemon, *, as_json: bool) -> None:
    await daemon.ready.wait()
    if as_json:
        print(json.dumps({"url": daemon.url, "synthetic": True}), flush=True)
        return
    print(f"demo: a synthetic market is served at {daemon.url}/  (Ctrl-C drains and ends it)", flush=True)
    print(f"try:  curl -s '{daemon.url}/v1/flow?symbol=BTCUSDT&trades=1000'", flush=True)
