"""`python -m orderflow_stream.simulator`: the stand-in on its own."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence

from orderflow_stream.simulator.contracts import many_contracts
from orderflow_stream.simulator.facts import MarketName
from orderflow_stream.simulator.futures_market import FuturesMarket
from orderflow_stream.simulator.listing import Listing, many_listings
from orderflow_stream.simulator.market import SyntheticMarket
from orderflow_stream.simulator.markets import MARKETS, default_listings
from orderflow_stream.simulator.player import ArchivePlayer, Source, SyntheticPlayer
from orderflow_stream.simulator.server import Simulator, wall_clock
from orderflow_stream.venues.binance_archive import ArchiveError, symbol_of


def _speed(text: str) -> float | None:
    """`2`, `0.5` or `max` (None)."""
    if text == "max":
        return None
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError(text)
    return value


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m orderflow_stream.simulator",
        description="A stand-in of Binance on loopback: REST and websocket on one port. Faults: POST /sim/faults.",
    )
    parser.add_argument("--market", choices=list(MARKETS), default="spot", help="which market (default %(default)s)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=9443, help="port, 0 for any free one (default %(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="seed of the synthetic market (default %(default)s)")
    parser.add_argument("--rate", type=float, default=60.0, help="its trades a second, together (default %(default)s)")
    parser.add_argument("--symbols", type=int, help="list so many symbols, activity falling like 1/rank")
    parser.add_argument("--history-s", type=float, default=3900.0, help="seconds of market before the start")
    parser.add_argument("--play", metavar="FILE", help="play an archive file instead of a synthetic market")
    parser.add_argument("--symbol", help="the file's symbol (default: from its name)")
    parser.add_argument("--speed", type=_speed, default=1.0, help="times real time, or max (default %(default)s)")
    parser.add_argument("--history", type=int, default=0, metavar="K", help="the file's first K rows lie in the past")
    return parser.parse_args(arguments)


def source_of(options: argparse.Namespace) -> Source:
    """What the options ask to be played. `ValueError` (also `ArchiveError`) names what is wrong."""
    if options.play is not None:
        listing = _known(options) if options.market != "spot" else options.symbol
        player = ArchivePlayer(options.play, listing, speed=options.speed, history=options.history)
        print(f"{len(player.rows)} trades of {player.listing.symbol} from {options.play}", flush=True)
        return player
    if options.symbols is None:
        listings = default_listings(options.market, wall_clock())
    elif options.market == "coinm":
        raise ValueError("--symbols: COIN-M has its own few contracts only")
    else:
        listings = many_listings(options.symbols) if options.market == "spot" else many_contracts(options.symbols)
    make = SyntheticMarket if options.market == "spot" else FuturesMarket
    return SyntheticPlayer(make(options.seed, listings, rate=options.rate), options.history_s)


def _known(options: argparse.Namespace) -> Listing | str:
    """The contract a futures file is of, where the default market has it, else its symbol."""
    symbol: str = options.symbol or symbol_of(options.play)
    for listing in default_listings(options.market, wall_clock()):
        if listing.symbol == symbol:
            return listing
    return symbol


async def run(source: Source, host: str, port: int, market: MarketName = "spot") -> None:
    """Serve until Ctrl-C or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with Simulator(source, host=host, port=port, market=market) as simulator:
        print(f"rest {simulator.rest_url}  stream {simulator.stream_url}  (Ctrl-C ends)", flush=True)
        await stop.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 ended, 1 failed (port in use), 2 wrong usage or file."""
    options = parse(arguments)
    try:
        source = source_of(options)
    except (ArchiveError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    try:
        asyncio.run(run(source, options.host, options.port, options.market))
    except OSError as error:
        print(f"error: cannot listen on {options.host}:{options.port}: {error.strerror or error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
