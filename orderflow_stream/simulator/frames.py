"""Websocket frames cut once and shared by every connection: server frames carry no mask, so the bytes are the same."""

from __future__ import annotations

from typing import Final

from orderflow_stream.simulator.listing import Listing
from orderflow_stream.simulator.wire import SPOT, Wire, row_body, trade_event
from orderflow_stream.venues.binance_archive import ArchiveRow

_TEXT: Final = 0x81
_BINARY: Final = 0x82
_PING: Final = 0x89
_PONG: Final = 0x8A


def _framed(opcode: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((opcode, size)) + payload
    if size < 65_536:
        return bytes((opcode, 126)) + size.to_bytes(2, "big") + payload
    return bytes((opcode, 127)) + size.to_bytes(8, "big") + payload


def text_frame(payload: bytes) -> bytes:
    """One final text frame (RFC 6455 §5.2). The payload is not checked: faults send broken UTF-8 on purpose."""
    return _framed(_TEXT, payload)


def binary_frame(payload: bytes) -> bytes:
    return _framed(_BINARY, payload)


def ping_frame(payload: bytes) -> bytes:
    return _framed(_PING, payload)


def pong_frame(payload: bytes) -> bytes:
    return _framed(_PONG, payload)


def combined(stream: str, data: bytes) -> bytes:
    """The wrapper of `/stream`."""
    return b'{"stream":"%b","data":%b}' % (stream.encode(), data)


class TradeFrame:
    """One published row, cut for each kind of connection the first time one of them needs it."""

    __slots__ = ("_cut", "body", "listing", "published", "row", "wire")

    def __init__(
        self, listing: Listing, row: ArchiveRow, published: int, body: bytes | None = None, wire: Wire = SPOT
    ) -> None:
        self.listing = listing
        self.wire = wire
        self.row = row
        self.published = published
        self.body = row_body(row) if body is None else body
        self._cut: list[bytes | None] = [None, None, None, None]

    def cut(self, divisor: int, is_combined: bool) -> bytes:
        kind = (divisor == 1) * 2 + is_combined
        frame = self._cut[kind]
        if frame is None:
            event = trade_event(self.listing.symbol, self.row, self.published, divisor, self.body, self.wire)
            frame = self._cut[kind] = text_frame(combined(self.listing.stream, event) if is_combined else event)
        return frame

    def corrupted(self, members: dict[str, str]) -> TradeFrame:
        """The same trade with members of its body replaced by raw JSON text: `{"p": '"1e5"'}`."""
        row = self.row
        told = {"nq": f'"{row.nq}"'} if row.nq else {}
        values = {"a": str(row.id), "p": f'"{row.price}"', "q": f'"{row.qty}"', **told, "f": str(row.first),
                  "l": str(row.last), **members}  # fmt: skip
        body = ",".join(f'"{name}":{value}' for name, value in values.items()) + ',"T":'
        return TradeFrame(self.listing, row, self.published, body.encode(), self.wire)
