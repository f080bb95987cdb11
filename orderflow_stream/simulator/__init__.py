"""A Binance spot stand-in on loopback: REST and websocket over a played tape, with faults on command.

The demo, the tests and the benchmarks stand on it. It follows the exchange's documented rules (parameters, error
codes, weights, limits, control frames) closely enough that a client that is right here is right there.
"""

from orderflow_stream.simulator.listing import DEFAULT_LISTINGS, Listing, many_listings
from orderflow_stream.simulator.market import SyntheticMarket
from orderflow_stream.simulator.player import ArchivePlayer, MarketPlayer, RowsPlayer, SyntheticPlayer
from orderflow_stream.simulator.server import Simulator

__all__ = [
    "DEFAULT_LISTINGS",
    "ArchivePlayer",
    "Listing",
    "MarketPlayer",
    "RowsPlayer",
    "Simulator",
    "SyntheticMarket",
    "SyntheticPlayer",
    "many_listings",
]
