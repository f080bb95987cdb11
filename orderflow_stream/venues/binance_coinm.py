"""Binance COIN-M futures: contracts of a fixed worth in dollars, paid in the coin; quantities count contracts.

`contractSize` of `exchangeInfo` says what one is worth (BTC 100 USD, the others 10): without it nothing is streamed.
The 24 h ticker tells volumes in contracts and in the coin, none in dollars. Quarterly symbols (`BTCUSD_260925`) roll.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from orderflow_stream.core.events import UNKNOWN_FILL, Instrument
from orderflow_stream.venues.binance_futures import HOUR, POOL, WEIGHT_LIMIT, BinanceFutures
from orderflow_stream.venues.binance_rest import scaled_volume
from orderflow_stream.venues.codec import Spec

NAME: Final = "binance-coinm"
STREAM_URL: Final = "wss://dstream.binance.com"
REST_URL: Final = "https://dapi.binance.com"
LOOKBACK: Final = 24 * HOUR


class _Ticker(Struct):
    symbol: str
    baseVolume: str  # noqa: N815 - the wire's own names
    weightedAvgPrice: str  # noqa: N815
    lastId: int = UNKNOWN_FILL  # noqa: N815


class BinanceCoinm(BinanceFutures):
    """The codec. Stateless but for the symbols it watches: trades of any other come back as `Rejected("unwatched")`."""

    name = NAME
    market = "coinm"
    stream_url_default = STREAM_URL
    stream_path = ""
    prefix = "/dapi/v1"
    lookback = LOOKBACK
    st = 2
    inverse = True
    rpi = False

    def __init__(self) -> None:
        super().__init__(_Ticker)

    def guess(self, symbol: str) -> Instrument | None:
        """None: the size of a contract cannot be read off its name."""
        return None

    def _quote_volume(self, ticker: _Ticker) -> int:
        return scaled_volume(ticker.baseVolume) * scaled_volume(ticker.weightedAvgPrice) // 10**8


SPEC: Final = Spec(
    name=NAME,
    market="coinm",
    pool=POOL,
    codec=BinanceCoinm,
    stream_url=STREAM_URL,
    rest_url=REST_URL,
    weight_limit=WEIGHT_LIMIT,
    lookback=LOOKBACK,
    liquidations=True,
)
