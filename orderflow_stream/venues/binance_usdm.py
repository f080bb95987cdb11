"""Binance USD-M futures: contracts on a coin, counted and paid in dollars or what stands for them.

Trades are streamed below `/market` since 2026-04-23. The path without it still acknowledges every subscription and
brings nothing; it is not used here, whatever base URL is configured.
"""

from __future__ import annotations

from typing import Final

from orderflow_stream.core.events import Instrument
from orderflow_stream.venues.binance_futures import HOUR, POOL, ROW_SPAN, WEIGHT_LIMIT, BinanceFutures
from orderflow_stream.venues.binance_rest import Ticker
from orderflow_stream.venues.codec import Spec
from orderflow_stream.venues.guess import guess_contract

NAME: Final = "binance-usdm"
STREAM_URL: Final = "wss://fstream.binance.com"
REST_URL: Final = "https://fapi.binance.com"
LOOKBACK: Final = 48 * HOUR


class BinanceUsdm(BinanceFutures):
    """The codec. Stateless but for the symbols it watches: trades of any other come back as `Rejected("unwatched")`."""

    name = NAME
    market = "usdm"
    stream_url_default = STREAM_URL
    stream_path = "/market"
    prefix = "/fapi/v1"
    lookback = LOOKBACK
    st = 1
    inverse = False
    rpi = True

    def __init__(self) -> None:
        super().__init__(Ticker)

    def guess(self, symbol: str) -> Instrument:
        """By the longest known quote that ends the name (before a date of delivery); without one the name is the base
        of an unknown quote."""
        return guess_contract(symbol, NAME, ROW_SPAN) or Instrument(
            NAME, symbol, symbol, "", self.market, kind="perpetual", row_span=ROW_SPAN, rpi=self.rpi
        )


SPEC: Final = Spec(
    name=NAME,
    market="usdm",
    pool=POOL,
    codec=BinanceUsdm,
    stream_url=STREAM_URL,
    rest_url=REST_URL,
    weight_limit=WEIGHT_LIMIT,
    lookback=LOOKBACK,
    liquidations=True,
)
