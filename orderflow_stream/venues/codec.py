"""What a venue has to provide: the codec, and the line of facts by which the daemon finds it.

`Codec` gathers what `feed.protocols.StreamVenue`, `feed.upstream.RestVenue` and the adapters' protocols of lists ask,
in one place and for every venue alike. It is fulfilled by shape; `README.md` beside this file says how.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, Protocol

from msgspec import Struct

from orderflow_stream.core.events import Instrument, Liquidation, Trade
from orderflow_stream.venues.values import ExchangeInfo, Reply, Request

Market = Literal["spot", "usdm", "coinm"]


class Stream(Protocol):
    """The frames of one endpoint. `decode` never raises, whatever the bytes."""

    @property
    def name(self) -> str: ...
    @property
    def max_streams(self) -> int: ...
    @property
    def stream_url_default(self) -> str: ...
    @property
    def stream_fallbacks(self) -> tuple[str, ...]: ...
    def watch(self, instruments: Iterable[Instrument]) -> None: ...
    def unwatch(self, symbols: Iterable[str]) -> None: ...
    def batches(self, symbols: Iterable[str]) -> list[tuple[str, ...]]: ...
    def stream_url(self, base: str, symbols: Sequence[str]) -> str: ...
    def subscribe(self, symbols: Sequence[str], id: int) -> str: ...
    def unsubscribe(self, symbols: Sequence[str], id: int) -> str: ...


class TradeStream(Stream, Protocol):
    """Trades of the symbols that are watched."""

    def decode(self, frame: bytes | str, ts_recv: int) -> Trade | Reply: ...


class LiquidationStream(Stream, Protocol):
    """Liquidations of the whole venue under one name, `LIQUIDATIONS`; there is nothing to watch."""

    def decode(self, frame: bytes | str, ts_recv: int) -> Liquidation | Reply: ...


class Codec(TradeStream, Protocol):
    """One venue. Decoders of REST bodies raise `AnswerError` (a `ValueError`) on what is no answer, and nothing
    else."""

    @property
    def market(self) -> Market: ...

    @property
    def trades_weight(self) -> int:
        """Weight of one page of trades."""
        ...

    @property
    def lookback(self) -> int | None:
        """How far back (µs) pages of trades go; None: as far as is worth asking."""
        ...

    @property
    def resting(self) -> tuple[str, ...]:
        """States for which the list of symbols must be asked for once more each; empty: one list has them all."""
        ...

    def guess(self, symbol: str) -> Instrument | None:
        """The instrument that a name looks like, until the list can be had; None where streaming it on a guess could
        give wrong numbers."""
        ...

    def trades_request(
        self,
        symbol: str,
        *,
        from_id: int | None = None,
        start: int | None = None,
        end: int | None = None,
        limit: int = ...,
    ) -> Request: ...
    def decode_trades(self, instrument: Instrument, body: bytes, ts_recv: int) -> list[Trade]: ...
    def exchange_info_request(self, status: str = ...) -> Request: ...
    def decode_exchange_info(self, body: bytes) -> ExchangeInfo: ...
    def ticker_request(self) -> Request: ...
    def decode_ticker(self, body: bytes) -> dict[str, int]: ...
    def decode_last_fills(self, body: bytes) -> dict[str, int]: ...
    def time_request(self) -> Request: ...
    def decode_time(self, body: bytes) -> int: ...
    def ping_request(self) -> Request: ...
    def error(self, status: int, body: bytes) -> tuple[int | None, str]: ...

    def liquidations_venue(self) -> LiquidationStream | None:
        """A codec of its own for the stream of liquidations; None where the venue has none."""
        ...


#: The one "symbol" of a stream of liquidations: the stream's own name on the wire.
LIQUIDATIONS = "!forceOrder@arr"


class Spec(Struct, frozen=True):
    """A venue as the catalogue lists it. URLs are the defaults; the fallbacks are for use only while both are.

    Venues with the same `pool` share one budget of request weight (`weight_limit` a minute, an IP address's) and one
    clock. `symbols` is the default of the configuration; `lookback` is in µs, None: as far as is worth asking.
    """

    name: str
    market: Market
    pool: str
    codec: Callable[[], Codec]
    stream_url: str
    rest_url: str
    weight_limit: int
    stream_fallbacks: tuple[str, ...] = ()
    rest_fallbacks: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()
    lookback: int | None = None
    liquidations: bool = False
