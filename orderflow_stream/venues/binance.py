"""Binance spot: what is its own. Times in microseconds on request; a row is one taker order's fills at one price.

The rest it shares with the exchange's other markets: `binance_stream` and `binance_rest`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import msgspec
from msgspec import Struct

from orderflow_stream.core.events import Instrument
from orderflow_stream.venues.binance_rest import MAX_PAGE, BinanceRest, Filter, Ticker, steps
from orderflow_stream.venues.binance_rows import Row, to_trade
from orderflow_stream.venues.binance_stream import MAX_BYTES, MAX_NAMES, MAX_STREAMS, BinanceStream, Event
from orderflow_stream.venues.codec import LiquidationStream, Spec
from orderflow_stream.venues.guess import guess_instrument
from orderflow_stream.venues.values import (
    REASONS,
    Ack,
    AnswerError,
    ExchangeInfo,
    RateLimit,
    Refused,
    Rejected,
    Reply,
    Request,
    Shutdown,
)

__all__ = [
    "MAX_BYTES", "MAX_NAMES", "MAX_PAGE", "MAX_STREAMS", "NAME", "REASONS", "REST_FALLBACKS", "REST_URL", "SPEC",
    "STREAM_FALLBACKS", "STREAM_URL",
    "Ack", "AnswerError", "BinanceSpot", "ExchangeInfo", "RateLimit", "Refused", "Rejected", "Reply", "Request",
    "Shutdown",
]  # fmt: skip

NAME: Final = "binance"
STREAM_URL: Final = "wss://stream.binance.com:9443"
REST_URL: Final = "https://api.binance.com"
#: Public hosts with the same streams and routes; for use only where the user named no host of their own.
STREAM_FALLBACKS: Final = ("wss://stream.binance.com:443", "wss://data-stream.binance.vision:9443")
REST_FALLBACKS: Final = ("https://api-gcp.binance.com", "https://data-api.binance.vision")

_MICROSECONDS: Final = {"X-MBX-TIME-UNIT": "MICROSECOND"}


class _Combined(Struct, gc=False):
    data: Event


class _Symbol(Struct):
    symbol: str
    status: str
    baseAsset: str  # noqa: N815 - the wire's own names
    quoteAsset: str  # noqa: N815
    isSpotTradingAllowed: bool = True  # noqa: N815
    filters: list[Filter] = []


_combined = msgspec.json.Decoder(_Combined).decode
_bare = msgspec.json.Decoder(Event).decode
_symbol = msgspec.json.Decoder(_Symbol).decode


class BinanceSpot(BinanceStream, BinanceRest):
    """The codec. Stateless but for the symbols it watches: trades of any other come back as `Rejected("unwatched")`."""

    name: Final = NAME
    market: Final[Literal["spot"]] = "spot"
    stream_url_default: Final = STREAM_URL
    stream_fallbacks: Final = STREAM_FALLBACKS
    prefix = "/api/v3"
    headers = _MICROSECONDS
    trades_weight = 4
    resting: Final = ("BREAK", "HALT")

    def __init__(self) -> None:
        BinanceStream.__init__(self, _combined, _bare, to_trade)
        BinanceRest.__init__(self, Row, Ticker, to_trade)

    def stream_url(self, base: str, symbols: Sequence[str]) -> str:
        """The URL of a combined stream in microseconds that carries `symbols` (one batch, or none) from the start."""
        url = super().stream_url(base, symbols)
        return url + ("&" if symbols else "?") + "timeUnit=MICROSECOND"

    def liquidations_venue(self) -> LiquidationStream | None:
        """None: nobody owes anything on a spot market."""
        return None

    def guess(self, symbol: str) -> Instrument:
        """By the longest known quote that ends the name; without one the name is the base of an unknown quote."""
        return guess_instrument(symbol, NAME) or Instrument(NAME, symbol, symbol, "")

    def exchange_info_request(self, status: str = "TRADING") -> Request:
        """Spot symbols that trade now (a quarter of the unfiltered 14-23 MB), or are in `BREAK` or `HALT`."""
        params = {"permissions": "SPOT", "symbolStatus": status, "showPermissionSets": "false"}
        return Request(self.prefix + "/exchangeInfo", params, self.headers, 20)

    def ticker_request(self) -> Request:
        """The 24 h volumes of every symbol, in the short form."""
        return Request(self.prefix + "/ticker/24hr", {"type": "MINI"}, self.headers, 80)

    def _moment(self, us: int) -> str:
        return str(us)

    def _instrument(self, raw: msgspec.Raw) -> Instrument:
        entry = _symbol(raw)
        if not entry.symbol or not entry.baseAsset or not entry.quoteAsset:
            raise ValueError("a symbol without a name")
        tick, step = steps(entry.filters)
        trading = entry.status == "TRADING" and entry.isSpotTradingAllowed
        return Instrument(
            NAME, entry.symbol, entry.baseAsset, entry.quoteAsset, "spot", trading, tick, step, entry.status
        )


SPEC: Final = Spec(
    name=NAME,
    market="spot",
    pool="binance-spot",
    codec=BinanceSpot,
    stream_url=STREAM_URL,
    rest_url=REST_URL,
    weight_limit=6_000,
    stream_fallbacks=STREAM_FALLBACKS,
    rest_fallbacks=REST_FALLBACKS,
    symbols=("BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT", "XRPUSDT", "DOGEUSDT"),
)
