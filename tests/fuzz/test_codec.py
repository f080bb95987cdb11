"""The codec and the REST decoders, under anything that a socket may bring."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import structs

from orderflow_stream.core.events import Trade
from orderflow_stream.venues.binance import BinanceSpot
from tests.fuzz import checks, inputs

EXAMPLES = 400


@pytest.mark.parametrize("frame", inputs.SEEDS, ids=range(len(inputs.SEEDS)))
def test_what_mutations_start_from_is_understood(frame: bytes) -> None:
    assert checks.frame(frame) in {"trade", "ack", "refused", "shutdown"}


def test_recorded_frames_of_every_venue_are_classified() -> None:
    """Other venues' messages are no trades of ours; they must be refused, not misread."""
    found = Counter(checks.frame(frame) for frame in inputs.recorded_frames())
    assert not inputs.recorded_frames() or found.total() > 50


@given(inputs.frames())
@example(b"")
@example(b"\xef\xbb\xbf" + inputs.SEEDS[0])
@example(b"[" * 100_000)
@example(b'{"data":' * 100_000)
@example(inputs.SEEDS[0].replace(b"164325055", b"9" * 4_300))
@example(inputs.SEEDS[0].replace(b"164325055", b"true"))
@example(inputs.SEEDS[0].replace(b'"3895.21000000"', b"NaN"))
@example(inputs.SEEDS[0].replace(b'"3895.21000000"', b'"1e308"'))
@example(inputs.SEEDS[0].replace(b'"3895.21000000"', b'"\\ud800"'))
@example(inputs.SEEDS[0].replace(b"BTCUSDT", b"\\udfff\\ud800"))
@example(inputs.SEEDS[0].replace(b"BTCUSDT", b"\xed\xa0\x80"))
@example(inputs.SEEDS[0].replace(b'"m":true', b'"m":1'))
@example(inputs.SEEDS[0].replace(b'"a":164325055', b'"a":1,"a":2'))
@settings(max_examples=EXAMPLES)
def test_the_codec_never_raises_and_never_misreads(frame: bytes) -> None:
    checks.frame(frame)


@given(st.text())
@example("\ud800")
@example('{"e":"aggTrade","s":"\ud800"}')
@settings(max_examples=100)
def test_text_frames_with_lone_surrogates(text: str) -> None:
    checks.codec().decode(text, inputs.RECV)


@pytest.mark.parametrize("value", inputs.ODD_VALUES, ids=lambda value: value[:24])
@pytest.mark.parametrize("field", ["a", "p", "q", "f", "l", "T", "m", "s", "e"])
def test_every_odd_value_in_every_field(field: str, value: str) -> None:
    for seed in inputs.SEEDS[:3]:
        at = seed.index(f'"{field}":'.encode()) + 4
        end = min(found for mark in b",}" if (found := seed.find(bytes([mark]), at)) > 0)
        checks.frame(seed[:at] + value.encode("utf-8", "surrogatepass") + seed[end:])


def test_the_check_finds_a_codec_that_misreads(monkeypatch: pytest.MonkeyPatch) -> None:
    decode = BinanceSpot.decode

    def wrong(self: BinanceSpot, frame: bytes | str, ts_recv: int) -> object:
        said = decode(self, frame, ts_recv)
        return structs.replace(said, side=-said.side) if isinstance(said, Trade) else said

    monkeypatch.setattr(BinanceSpot, "decode", wrong)
    with pytest.raises(AssertionError):
        checks.frame(inputs.SEEDS[0])


ROWS = (
    b'[{"a":26129,"p":"0.01633102","q":"4.70443515","f":27781,"l":27781,"T":1498793709153,"m":true,"M":true},'
    b'{"a":26130,"p":"0.01633102","q":"1.00000000","f":27782,"l":27783,"T":1498793709153000,"m":false,"M":true}]',
    b'[{"a":1,"p":"0","q":"0","f":-1,"l":-1,"T":1498793709153,"m":true}]',
    b'{"timezone":"UTC","serverTime":1565246363776,"rateLimits":[{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE",'
    b'"intervalNum":1,"limit":6000}],"symbols":[{"symbol":"ETHBTC","status":"TRADING","baseAsset":"ETH","quoteAsset":'
    b'"BTC","isSpotTradingAllowed":true,"filters":[{"filterType":"PRICE_FILTER","tickSize":"0.00000100"},'
    b'{"filterType":"LOT_SIZE","stepSize":"0.00100000"}]}]}',
    b'[{"symbol":"BNBBTC","quoteVolume":"15.30000000"}]',
    b'{"serverTime":1499827319559}',
    b'{"code":-1121,"msg":"Invalid symbol."}',
    b"<html><body>502 Bad Gateway</body></html>",
)  # fmt: skip


@given(
    st.one_of(
        inputs.mutated(ROWS), st.binary(max_size=200), inputs.nested(), inputs.json_values().map(inputs.orjson_bytes)
    )
)
@example(b'[{"a":1,"p":"x","q":"1","T":1,"m":true}]')
@example(b'[{"a":' + b"9" * 4_300 + b',"p":"1","q":"1","T":1498793709153,"m":true}]')
@example(b'{"serverTime":' + b"9" * 4_300 + b"}")
@example(b'[{"a":1,"p":"1","q":"1","T":' + b"9" * 400 + b',"m":true}]')
@settings(max_examples=EXAMPLES)
def test_rest_bodies_are_values_or_answer_errors(body: bytes) -> None:
    checks.rest(body)
