"""Frames cut by hand are what RFC 6455 and the exchange's documents say."""

from __future__ import annotations

import orjson
import pytest

from orderflow_stream.simulator.frames import TradeFrame, binary_frame, ping_frame, pong_frame, text_frame
from tests.simulator.kit import BTC, NAME, NOON, row


def payload(frame: bytes) -> bytes:
    return frame[4 if frame[1] == 126 else 2 :]


@pytest.mark.parametrize(
    "size, header",
    [
        (0, b"\x81\x00"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65_535, b"\x81\x7e\xff\xff"),
        (65_536, b"\x81\x7f" + (65_536).to_bytes(8, "big")),
    ],
)
def test_headers(size: int, header: bytes) -> None:
    assert text_frame(b"x" * size) == header + b"x" * size


def test_opcodes() -> None:
    assert (binary_frame(b"a")[0], ping_frame(b"a")[0], pong_frame(b"a")[0]) == (0x82, 0x89, 0x8A)


def test_the_event_as_documented() -> None:
    frame = TradeFrame(BTC, row(7, NOON + 1999, "0.0010", "5", maker=True), NOON + 5999)
    assert payload(frame.cut(1000, False)) == (
        b'{"e":"aggTrade","E":%d,"s":"BTCUSDT","a":7,"p":"0.0010","q":"5","f":70,"l":71,"T":%d,"m":true,"M":true}'
        % (NOON // 1000 + 5, NOON // 1000 + 1)
    )
    wrapped = orjson.loads(payload(frame.cut(1, True)))
    assert wrapped["stream"] == "btcusdt@aggTrade"
    assert list(wrapped["data"]) == ["e", "E", "s", "a", "p", "q", "f", "l", "T", "m", "M"]
    assert (wrapped["data"]["E"], wrapped["data"]["T"]) == (NOON + 5999, NOON + 1999)


def test_cut_once_for_each_kind() -> None:
    frame = TradeFrame(NAME, row(7), NOON)
    kinds = [(divisor, is_combined) for divisor in (1, 1000) for is_combined in (False, True)]
    cuts = [frame.cut(*kind) for kind in kinds]
    assert len(set(cuts)) == 4
    assert all(frame.cut(*kind) is cut for kind, cut in zip(kinds, cuts, strict=True))
    assert "币安人生usdt@aggTrade".encode() in cuts[1]


def test_corruption_replaces_only_what_it_names() -> None:
    frame = TradeFrame(BTC, row(7), NOON)
    event = orjson.loads(payload(frame.corrupted({"p": "null"}).cut(1, False)))
    assert event == orjson.loads(payload(frame.cut(1, False))) | {"p": None}
