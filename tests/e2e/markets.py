"""Several markets on loopback, and a daemon inside the test's own process that runs all of them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from orderflow_stream.app import Daemon
from orderflow_stream.simulator import DEFAULT_LISTINGS, Simulator, SyntheticMarket, SyntheticPlayer
from orderflow_stream.simulator.facts import MarketName
from orderflow_stream.simulator.futures_market import FuturesMarket
from orderflow_stream.simulator.markets import default_listings
from orderflow_stream.simulator.server import wall_clock
from orderflow_stream.simulator.weights import Weights
from orderflow_stream.venues.catalogue import VENUES, spec
from tests.e2e.inside import build, settings_over

#: Seconds of market before the start, and symbols of each market: few.
PAST = 60.0
MOST = 2

Exchange = Mapping[str, Simulator]


def symbols_of(venue: str) -> tuple[str, ...]:
    """Those that a simulator here plays."""
    return tuple(each.symbol for each in default_listings(spec(venue).market, time.time_ns() // 1000)[:MOST])


@asynccontextmanager
async def exchange(
    *venues: str, rate: float = 60.0, clocks: Mapping[str, Callable[[], int]] | None = None
) -> AsyncIterator[Exchange]:
    """One simulator a venue (all of them where none is named), by name; those of one pool count weight together.
    `clocks` (µs) of venues that do not go by this machine's."""
    weights = {each.pool: Weights(each.weight_limit, 10) for each in VENUES}
    async with AsyncExitStack() as stack:
        found: dict[str, Simulator] = {}
        for each in VENUES:
            if venues and each.name not in venues:
                continue
            market: MarketName = each.market
            listings = default_listings(market, time.time_ns() // 1000)[:MOST]
            made = (
                SyntheticMarket(seed=5, listings=DEFAULT_LISTINGS[:MOST], rate=rate)
                if market == "spot"
                else FuturesMarket(seed=5, listings=listings, rate=rate)
            )
            clock = (clocks or {}).get(each.name, wall_clock)
            simulator = Simulator(SyntheticPlayer(made, PAST), market=market, weights=weights[each.pool], clock=clock)
            found[each.name] = await stack.enter_async_context(simulator)
        yield found


def settings_for(exchange: Exchange, **over: object) -> dict[str, object]:
    """What points a daemon at all of them."""
    first, *others = exchange
    settings = settings_over(exchange[first])
    settings["venues.binance.symbols"] = list(symbols_of(first))
    for name in others:
        settings |= {
            f"venues.{name}.stream_url": exchange[name].stream_url,
            f"venues.{name}.rest_url": exchange[name].rest_url,
            f"venues.{name}.symbols": list(symbols_of(name)),
        }
    return settings | {name.replace("__", "."): value for name, value in over.items()}


def over(exchange: Exchange, tmp: Path, **more: object) -> Daemon:
    """A daemon over all of them, not running yet."""
    return build(settings_for(exchange, **more), tmp / "empty.toml")
