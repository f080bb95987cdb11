"""The streams of Binance, as far as all its markets agree: names, control frames, and frames to plain values.

Unknown keys are ignored and no order of keys is assumed, since the exchange adds fields without notice. `decode` never
raises, whatever the bytes: what is no trade comes back as a value.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, Protocol
from urllib.parse import quote

import msgspec

from orderflow_stream.core.events import Instrument, Trade
from orderflow_stream.venues.binance_rows import MAX_INT, UNREADABLE, Row, fault_of, is_int
from orderflow_stream.venues.values import Ack, Reason, Refused, Rejected, Reply, RowFault, Shutdown

#: The exchange allows more (1,024 streams, about 16 kB), but frames above 4 kB or 437 names have been ignored in
#: silence; these are the sizes at which nobody has reported a loss.
MAX_NAMES: Final = 99
MAX_BYTES: Final = 3_999
MAX_STREAMS: Final = 1_024
_FRAME_ROOM: Final = 200  # of MAX_BYTES, for the method, the id, the host and the path

_anything = msgspec.json.Decoder().decode


class Event(Row, gc=False, kw_only=True):
    s: str
    e: Literal["aggTrade"]


class _Combined(Protocol):
    @property
    def data(self) -> Event: ...


class BinanceFrames(ABC):
    """Names, URLs and control frames, and what any frame is that is no event of interest. Knows no symbols."""

    max_streams: int = MAX_STREAMS

    def stream_name(self, symbol: str) -> str:
        """Upper-case names are acknowledged and stay silent, hence lower case (of Unicode, not of a locale)."""
        return symbol.lower() + "@aggTrade"

    def batches(self, symbols: Iterable[str]) -> list[tuple[str, ...]]:
        """Symbols cut, in order, into batches that fit one control frame and one URL."""
        out: list[tuple[str, ...]] = []
        batch: list[str] = []
        room = MAX_BYTES - _FRAME_ROOM
        for symbol in symbols:
            size = len(self._quoted(symbol)) + 3  # quotes and comma; UTF-8 itself is shorter
            if batch and (len(batch) == MAX_NAMES or size > room):
                out.append(tuple(batch))
                batch, room = [], MAX_BYTES - _FRAME_ROOM
            batch.append(symbol)
            room -= size
        if batch:
            out.append(tuple(batch))
        return out

    def stream_url(self, base: str, symbols: Sequence[str]) -> str:
        """The URL of a combined stream that carries `symbols` (one batch, or none) from the start."""
        names = "/".join(map(self._quoted, symbols))
        return f"{base.rstrip('/')}/stream" + (f"?streams={names}" if names else "")

    def _quoted(self, symbol: str) -> str:
        return quote(self.stream_name(symbol), safe="@!")

    def subscribe(self, symbols: Sequence[str], id: int) -> str:
        """The control frame that adds one batch; answered by `Ack(id)` or `Refused(id)`."""
        return self._control("SUBSCRIBE", symbols, id)

    def unsubscribe(self, symbols: Sequence[str], id: int) -> str:
        """The control frame that drops one batch."""
        return self._control("UNSUBSCRIBE", symbols, id)

    def _control(self, method: str, symbols: Sequence[str], id_: int) -> str:
        params = [self.stream_name(symbol) for symbol in symbols]
        return msgspec.json.encode({"method": method, "params": params, "id": id_}).decode()

    def _explain(self, frame: bytes | str) -> Reply:
        """What a frame is that does not decode as an event: a reply, a shutdown, or something unreadable."""
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

    @abstractmethod
    def _explain_event(self, event: dict[str, Any]) -> Rejected:
        """What an event is that is none of ours, in the words of a refusal."""


class BinanceStream(BinanceFrames):
    """Trades. Stateless but for the symbols it watches: those of any other come back as `Rejected("unwatched")`."""

    def __init__(
        self,
        combined: Callable[[bytes | str], _Combined],
        bare: Callable[[bytes | str], Event],
        trade: Callable[[str, Any, int], Trade | RowFault],
    ) -> None:
        """Decoders of a combined and of a bare frame, and what makes a trade of (key, their event, ts_recv)."""
        self._keys: dict[str, str] = {}
        self._combined = combined
        self._bare = bare
        self._trade = trade

    def watch(self, instruments: Iterable[Instrument]) -> None:
        """Resolve trades of these from now on."""
        for instrument in instruments:
            self._keys[instrument.symbol] = instrument.key

    def unwatch(self, symbols: Iterable[str]) -> None:
        """No longer resolve trades of these; unknown ones are ignored."""
        for symbol in symbols:
            self._keys.pop(symbol, None)

    def decode(self, frame: bytes | str, ts_recv: int) -> Trade | Reply:
        """One frame of a combined or a raw stream, as what it says. Never raises."""
        try:
            event = self._combined(frame).data
        except UNREADABLE:
            try:
                event = self._bare(frame)
            except UNREADABLE:
                return self._explain(frame)
        key = self._keys.get(event.s)
        if key is None:
            return Rejected("unwatched", event.s, event.a if 0 <= event.a <= MAX_INT else None)
        trade = self._trade(key, event, ts_recv)
        if isinstance(trade, Trade):
            return trade
        return Rejected(trade, event.s, event.a if 0 <= event.a <= MAX_INT else None)

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
        return Rejected(first_fault(event, _FIELDS, "fills"), symbol, id_)


def _reply(outer: Mapping[str, Any]) -> Ack | Refused:
    id_ = outer.get("id")
    id_ = id_ if is_int(id_) else None
    fault = fault_of(outer)
    return Ack(id_) if fault is None else Refused(id_, *fault)


#: A field of the wire, its type, and the reason where it is of another.
Fields = tuple[tuple[str, type, Reason], ...]

_FIELDS: Final[Fields] = (("p", str, "price"), ("q", str, "quantity"), ("T", int, "time"), ("m", bool, "side"))


def first_fault(event: Mapping[str, Any], fields: Fields, otherwise: Reason) -> Reason:
    """Which field kept an event with a readable symbol from decoding: the first of a wrong type."""
    for field, kind, reason in fields:
        value = event.get(field)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            return reason
    return otherwise


def with_path(base: str, path: str) -> str:
    """`base` with `path` at its end, once, whatever of the exchange's own endings it was copied with."""
    base = base.rstrip("/")
    for ending in ("/stream", "/ws"):
        base = base.removesuffix(ending)
    return base.removesuffix(path) + path if path else base
