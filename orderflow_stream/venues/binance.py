"""Binance spot: stream URLs and control frames one way, frames to plain values the other; REST is `binance_rest`.

Unknown keys are ignored and no order of keys is assumed, since the exchange adds fields without notice. `decode` never
raises, whatever the bytes: what is no trade comes back as a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final, Literal
from urllib.parse import quote

import msgspec
from msgspec import Struct

from orderflow_stream.core.events import Instrument, Trade
from orderflow_stream.venues.binance_rest import (
    MAX_INT,
    NAME,
    REST_FALLBACKS,
    REST_URL,
    UNREADABLE,
    AnswerError,
    BinanceRest,
    ExchangeInfo,
    RateLimit,
    Request,
    Row,
    fault_of,
    is_int,
    to_trade,
)

__all__ = [
    "NAME", "REASONS", "REST_FALLBACKS", "REST_URL", "STREAM_FALLBACKS", "STREAM_URL",
    "Ack", "AnswerError", "BinanceSpot", "ExchangeInfo", "RateLimit", "Refused", "Rejected", "Reply", "Request",
    "Shutdown",
]  # fmt: skip

STREAM_URL: Final = "wss://stream.binance.com:9443"
#: Public hosts with the same streams; for use only where the user named no host of their own.
STREAM_FALLBACKS: Final = ("wss://stream.binance.com:443", "wss://data-stream.binance.vision:9443")

#: The exchange allows more (1,024 streams, about 16 kB), but frames above 4 kB or 437 names have been ignored in
#: silence; these are the sizes at which nobody has reported a loss.
MAX_NAMES: Final = 99
MAX_BYTES: Final = 3_999
MAX_STREAMS: Final = 1_024
_FRAME_ROOM: Final = 200  # of MAX_BYTES, for the method, the id, the host and the path

#: Why a frame was rejected; a closed set, fit for a metric's label.
Reason = Literal["json", "shape", "event", "symbol", "unwatched", "id", "price", "quantity", "fills", "time", "side"]
REASONS: Final[tuple[Reason, ...]] = (
    "json", "shape", "event", "symbol", "unwatched", "id", "price", "quantity", "fills", "time", "side",
)  # fmt: skip


class Ack(Struct, frozen=True):
    """The request `id` was well-formed. (Binance acknowledges names that do not exist as well.)"""

    kind: ClassVar[Literal["ack"]] = "ack"
    id: int | None


class Refused(Struct, frozen=True):
    """The request `id` was refused; `id` is None where the exchange could not read one."""

    kind: ClassVar[Literal["refused"]] = "refused"
    id: int | None
    code: int | None
    message: str


class Shutdown(Struct, frozen=True):
    """The server is about to close this connection; no notice period is promised."""

    kind: ClassVar[Literal["shutdown"]] = "shutdown"


class Rejected(Struct, frozen=True):
    """A frame that is no trade of a watched symbol; `symbol` and `id` where they could be read."""

    kind: ClassVar[Literal["rejected"]] = "rejected"
    reason: Reason
    symbol: str | None = None
    id: int | None = None


Reply = Ack | Refused | Shutdown | Rejected


class _Event(Row, gc=False, kw_only=True):
    s: str
    e: Literal["aggTrade"]


class _Combined(Struct, gc=False):
    data: _Event


_combined = msgspec.json.Decoder(_Combined).decode
_bare = msgspec.json.Decoder(_Event).decode
_anything = msgspec.json.Decoder().decode


class BinanceSpot(BinanceRest):
    """The codec. Stateless but for the symbols it watches: trades of any other come back as `Rejected("unwatched")`."""

    name: Final = NAME
    stream_url_default: Final = STREAM_URL
    stream_fallbacks: Final = STREAM_FALLBACKS
    max_streams: Final = MAX_STREAMS

    def __init__(self) -> None:
        self._keys: dict[str, str] = {}

    def watch(self, instruments: Iterable[Instrument]) -> None:
        """Resolve trades of these from now on."""
        for instrument in instruments:
            self._keys[instrument.symbol] = instrument.key

    def unwatch(self, symbols: Iterable[str]) -> None:
        """No longer resolve trades of these; unknown ones are ignored."""
        for symbol in symbols:
            self._keys.pop(symbol, None)

    # -- stream ------------------------------------------------------------------------------------------------------

    def stream_name(self, symbol: str) -> str:
        """Upper-case names are acknowledged and stay silent, hence lower case (of Unicode, not of a locale)."""
        return symbol.lower() + "@aggTrade"

    def batches(self, symbols: Iterable[str]) -> list[tuple[str, ...]]:
        """Symbols cut, in order, into batches that fit one control frame and one URL."""
        out: list[tuple[str, ...]] = []
        batch: list[str] = []
        room = MAX_BYTES - _FRAME_ROOM
        for symbol in symbols:
            size = len(quote(self.stream_name(symbol), safe="@")) + 3  # quotes and comma; UTF-8 itself is shorter
            if batch and (len(batch) == MAX_NAMES or size > room):
                out.append(tuple(batch))
                batch, room = [], MAX_BYTES - _FRAME_ROOM
            batch.append(symbol)
            room -= size
        if batch:
            out.append(tuple(batch))
        return out

    def stream_url(self, base: str, symbols: Sequence[str]) -> str:
        """The URL of a combined stream in microseconds that carries `symbols` (one batch, or none) from the start."""
        names = "/".join(quote(self.stream_name(symbol), safe="@") for symbol in symbols)
        query = f"streams={names}&" if names else ""
        return f"{base.rstrip('/')}/stream?{query}timeUnit=MICROSECOND"

    def subscribe(self, symbols: Sequence[str], id: int) -> str:
        """The control frame that adds one batch; answered by `Ack(id)` or `Refused(id)`."""
        return self._control("SUBSCRIBE", symbols, id)

    def unsubscribe(self, symbols: Sequence[str], id: int) -> str:
        """The control frame that drops one batch."""
        return self._control("UNSUBSCRIBE", symbols, id)

    def _control(self, method: str, symbols: Sequence[str], id_: int) -> str:
        params = [self.stream_name(symbol) for symbol in symbols]
        return msgspec.json.encode({"method": method, "params": params, "id": id_}).decode()

    def decode(self, frame: bytes | str, ts_recv: int) -> Trade | Reply:
        """One frame of a combined or a raw stream, as what it says. Never raises."""
        try:
            event = _combined(frame).data
        except UNREADABLE:
            try:
                event = _bare(frame)
            except UNREADABLE:
                return self._explain(frame)
        key = self._keys.get(event.s)
        if key is None:
            return Rejected("unwatched", event.s, event.a if 0 <= event.a <= MAX_INT else None)
        trade = to_trade(key, event, ts_recv)
        if isinstance(trade, Trade):
            return trade
        return Rejected(trade, event.s, event.a if trade != "id" else None)

    def _explain(self, frame: bytes | str) -> Reply:
        """What a frame is that does not decode as a trade: a reply, a shutdown, or something unreadable."""
        try:
            outer = _anything(frame)
        except UNREADABLE:
            return Rejected("json")
        if not isinstance(outer, dict):
            return Rejected("shape")
        data = outer.get("data")
        event = data if isinstance(data, dict) else outer
        if event.get("e") == "serverShutdown" or outer.get("stream") == "!serverShutdown":
            return Shutdown()
        if "e" in event:
            return self._explain_event(event)
        if "result" in outer or "error" in outer or "code" in outer:
            return _reply(outer)
        return Rejected("shape")

    def _explain_event(self, event: dict[str, Any]) -> Rejected:
        symbol, id_ = event.get("s"), event.get("a")
        symbol = symbol if isinstance(symbol, str) else None
        id_ = id_ if is_int(id_) and 0 <= id_ <= MAX_INT else None
        if event["e"] != "aggTrade":
            return Rejected("event", symbol)
        if symbol is None:
            return Rejected("symbol", None, id_)
        if symbol not in self._keys:
            return Rejected("unwatched", symbol, id_)
        if id_ is None:
            return Rejected("id", symbol)
        return Rejected(_first_fault(event), symbol, id_)


def _reply(outer: Mapping[str, Any]) -> Ack | Refused:
    id_ = outer.get("id")
    id_ = id_ if is_int(id_) else None
    fault = fault_of(outer)
    return Ack(id_) if fault is None else Refused(id_, *fault)


_FIELDS: Final[tuple[tuple[str, type, Reason], ...]] = (
    ("p", str, "price"), ("q", str, "quantity"), ("T", int, "time"), ("m", bool, "side"),
)  # fmt: skip


def _first_fault(event: Mapping[str, Any]) -> Reason:
    """Which field kept an aggTrade with a readable symbol and id from decoding: the first of a wrong type."""
    for field, kind, reason in _FIELDS:
        value = event.get(field)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            return reason
    return "fills"
