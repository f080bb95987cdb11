"""A stand-in of Binance on loopback, one market each (spot, USD-M, COIN-M), over a played tape, with faults.

The demo, the tests and the benchmarks stand on it. It follows the exchange's documented rules (parameters, error
codes, weights, limits, control frames) closely enough that a client that is right here is right there.
"""

from orderflow_stream.simulator.contracts import Contract, many_contracts
from orderflow_stream.simulator.facts import MarketName
from orderflow_stream.simulator.futures_market import FuturesMarket, SpotLeader
from orderflow_stream.simulator.listing import DEFAULT_LISTINGS, Listing, many_listings
from orderflow_stream.simulator.market import SyntheticMarket
from orderflow_stream.simulator.markets import default_listings
from orderflow_stream.simulator.player import ArchivePlayer, MarketPlayer, RowsPlayer, SyntheticPlayer
from orderflow_stream.simulator.server import Simulator
from orderflow_stream.simulator.weights import Weights

__all__ = [
    "DEFAULT_LISTINGS",
    "ArchivePlayer",
    "Contract",
    "FuturesMarket",
    "Listing",
    "MarketName",
    "MarketPlayer",
    "RowsPlayer",
    "Simulator",
    "SpotLeader",
    "SyntheticMarket",
    "SyntheticPlayer",
    "Weights",
    "default_listings",
    "many_contracts",
    "many_listings",
]
