"""Frames that no exchange should send and that some have sent. None of them may be taken for a trade."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from orderflow_stream.simulator.frames import binary_frame, combined, text_frame
from orderflow_stream.simulator.listing import Listing

#: Makes the payload of one kind of garbage; wrapped for `/stream` where it pretends to be an event.
_Event = Callable[[str], str]

_EVENTS: Final[dict[str, _Event]] = {
    "missing_id": lambda s: f'{{"e":"aggTrade","E":1,"s":"{s}","p":"1","q":"1","f":1,"l":1,"T":1,"m":true,"M":true}}',
    "huge_id": lambda s: (
        f'{{"e":"aggTrade","E":1,"s":"{s}","a":{10**30},"p":"1","q":"1","f":1,"l":1,"T":1,"m":true,"M":true}}'
    ),
    "negative_id": lambda s: (
        f'{{"e":"aggTrade","E":1,"s":"{s}","a":-5,"p":"1","q":"1","f":1,"l":1,"T":1,"m":true,"M":true}}'
    ),
    "text_id": lambda s: (
        f'{{"e":"aggTrade","E":1,"s":"{s}","a":"x7","p":"1","q":"1","f":1,"l":1,"T":1,"m":true,"M":true}}'
    ),
    "nan": lambda s: (
        f'{{"e":"aggTrade","E":1,"s":"{s}","a":NaN,"p":"NaN","q":"1","f":1,"l":1,"T":1,"m":true,"M":true}}'
    ),
    "missing_symbol": lambda s: '{"e":"aggTrade","E":1,"a":1,"p":"1","q":"1","f":1,"l":1,"T":1,"m":true,"M":true}',
    "unknown_symbol": lambda s: (
        '{"e":"aggTrade","E":1,"s":"NOSUCHUSDT","a":1,"p":"1","q":"1","f":1,"l":1,"T":1,"m":true,"M":true}'
    ),
    "other_event": lambda s: f'{{"e":"24hrMiniTicker","E":1,"s":"{s}","c":"1","o":"1","h":"1","l":"1","v":"1"}}',
    "empty_object": lambda s: "{}",
    "null_event": lambda s: "null",
}
_RAW: Final[dict[str, bytes]] = {
    "not_json": b"<html>Bad Gateway</html>",
    "truncated": b'{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":17',
    "array": b"[1,2,3]",
    "number": b"42",
    "text": b'"aggTrade"',
    "empty": b"",
    "bad_utf8": b'{"e":"aggTrade","s":"\xff\xfe\xfa"}',
    "data_is_number": b'{"stream":"btcusdt@aggTrade","data":7}',
    "no_data": b'{"stream":"btcusdt@aggTrade"}',
    "deep": b"[" * 5000 + b"]" * 5000,
}

KINDS: Final = (*_EVENTS, *_RAW, "binary")


def garbage_frame(kind: str, listing: Listing, is_combined: bool) -> bytes:
    """One frame of a kind in `KINDS`; `ValueError` for any other."""
    if kind == "binary":
        return binary_frame(bytes(range(256)))
    if kind in _RAW:
        return text_frame(_RAW[kind])
    if kind not in _EVENTS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
    event = _EVENTS[kind](listing.symbol).encode()
    return text_frame(combined(listing.stream, event) if is_combined else event)
