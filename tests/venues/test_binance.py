"""The streaming half of the codec: real captures, every kind of frame, and that nothing whatsoever escapes `decode`."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orderflow_stream.core.events import BUY, SELL, Instrument, Trade
from orderflow_stream.venues.binance import (
    MAX_BYTES,
    MAX_NAMES,
    REASONS,
    STREAM_URL,
    Ack,
    BinanceSpot,
    Refused,
    Rejected,
    Reply,
    Shutdown,
)

TAPES = Path(__file__).resolve().parents[3] / "shared" / "tapes"
BTC = Instrument("binance", "BTCUSDT", "BTC", "USDT")
HAN = Instrument("binance", "币安人生USDT", "币安人生", "USDT")
NOW = 1_700_000_000_000_000

EVENT: dict[str, Any] = {
    "e": "aggTrade", "E": 1672515782136000, "s": "BTCUSDT", "a": 12345, "p": "0.00100000", "q": "100.00000000",
    "f": 100, "l": 105, "T": 1672515782136123, "m": True, "M": True,
}  # fmt: skip
TRADE = Trade("binance:BTCUSDT", 12345, 100_000, 10_000_000_000, SELL, 1672515782136123, 100, 105, NOW)


@pytest.fixture
def codec() -> BinanceSpot:
    codec = BinanceSpot()
    codec.watch([BTC, HAN])
    return codec


def combined(event: object, stream: str = "btcusdt@aggTrade") -> bytes:
    return json.dumps({"stream": stream, "data": event}, ensure_ascii=False).encode()


def raw(event: object) -> bytes:
    return json.dumps(event, ensure_ascii=False).encode()


def with_(**changes: object) -> dict[str, Any]:
    return {key: value for key, value in (EVENT | changes).items() if value is not ...}


# -- trades ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrap", [combined, raw])
def test_a_trade(codec: BinanceSpot, wrap: Any) -> None:
    assert codec.decode(wrap(EVENT), NOW) == TRADE
    assert codec.decode(wrap(EVENT).decode(), NOW) == TRADE


def test_order_of_keys_and_unknown_keys_do_not_matter(codec: BinanceSpot) -> None:
    event = dict(reversed(EVENT.items())) | {"nq": "1", "st": [{"deep": {}}], "X": None}
    frame = json.dumps({"data": event, "ts": 5, "stream": "x"}).encode()
    assert codec.decode(frame, NOW) == TRADE
    assert codec.decode(raw(event), NOW) == TRADE


def test_m_is_the_maker_and_milliseconds_are_told_by_magnitude(codec: BinanceSpot) -> None:
    trade = codec.decode(combined(with_(m=False, T=1672515782136)), NOW)
    assert isinstance(trade, Trade)
    assert (trade.side, trade.ts_event) == (BUY, 1672515782136000)
    newest_ms = codec.decode(combined(with_(T=10**14 - 1)), NOW)
    assert isinstance(newest_ms, Trade)
    assert newest_ms.ts_event == (10**14 - 1) * 1000
    oldest_us = codec.decode(combined(with_(T=10**14)), NOW)
    assert isinstance(oldest_us, Trade)
    assert oldest_us.ts_event == 10**14


def test_an_invalid_row_keeps_its_id_and_nothing_else(codec: BinanceSpot) -> None:
    for zero in ("0", "0.00000000"):
        trade = codec.decode(combined(with_(p=zero, q=zero, f=-1, l=-1)), NOW)
        assert trade == Trade("binance:BTCUSDT", 12345, 0, 0, SELL, 1672515782136123, -1, -1, NOW)


def test_untold_fills_and_a_symbol_of_any_script(codec: BinanceSpot) -> None:
    trade = codec.decode(combined(with_(s="币安人生USDT", f=-1, l=-1)), NOW)
    assert isinstance(trade, Trade)
    assert (trade.instrument, trade.first_id, trade.price) == ("binance:币安人生USDT", -1, 100_000)
    absent = codec.decode(combined(with_(f=..., l=...)), NOW)
    assert isinstance(absent, Trade)
    assert (absent.first_id, absent.last_id) == (-1, -1)


def test_the_largest_numbers_that_fit(codec: BinanceSpot) -> None:
    trade = codec.decode(
        combined(with_(p="92233720368.54775807", q="0.00000001", a=2**63 - 1, f=2**63 - 1, l=2**63 - 1)), NOW
    )
    assert isinstance(trade, Trade)
    assert (trade.price, trade.qty, trade.id) == (2**63 - 1, 1, 2**63 - 1)


# -- what is rejected ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes, reason, id_",
    [
        ({"p": "92233720368.54775808"}, "price", 12345),
        ({"p": "0"}, "price", 12345),
        ({"p": "0", "q": "0"}, "price", 12345),  # not marked invalid: it names fills
        ({"p": "-1"}, "price", 12345),
        ({"p": "NaN"}, "price", 12345),
        ({"p": "Infinity"}, "price", 12345),
        ({"p": "1e5"}, "price", 12345),
        ({"p": "1.123456789"}, "price", 12345),
        ({"p": ""}, "price", 12345),
        ({"p": "٣"}, "price", 12345),
        ({"p": 5}, "price", 12345),
        ({"p": None}, "price", 12345),
        ({"p": ...}, "price", 12345),
        ({"q": "0.00000000"}, "quantity", 12345),
        ({"q": "1" * 50}, "quantity", 12345),
        ({"q": " 1"}, "quantity", 12345),
        ({"q": ["1"]}, "quantity", 12345),
        ({"q": ...}, "quantity", 12345),
        ({"a": "12345"}, "id", None),
        ({"a": 1.5}, "id", None),
        ({"a": True}, "id", None),
        ({"a": -1}, "id", None),
        ({"a": 2**63}, "id", None),
        ({"a": 10**25}, "id", None),
        ({"a": ...}, "id", None),
        ({"T": 0}, "time", 12345),
        ({"T": -5}, "time", 12345),
        ({"T": 10**17 + 1}, "time", 12345),
        ({"T": 10**30}, "time", 12345),
        ({"T": "1672515782136"}, "time", 12345),
        ({"T": True}, "time", 12345),
        ({"T": ...}, "time", 12345),
        ({"m": 1}, "side", 12345),
        ({"m": "true"}, "side", 12345),
        ({"m": ...}, "side", 12345),
        ({"f": 106}, "fills", 12345),
        ({"f": -1}, "fills", 12345),
        ({"f": -2, "l": -2}, "fills", 12345),
        ({"l": 2**63}, "fills", 12345),
        ({"l": "105"}, "fills", 12345),
        ({"s": "ETHUSDT"}, "unwatched", 12345),
        ({"s": "btcusdt"}, "unwatched", 12345),
        ({"s": "ETHUSDT", "p": 5}, "unwatched", 12345),
        ({"s": "ETHUSDT", "a": -7}, "unwatched", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("wrap", [combined, raw])
def test_rejected(codec: BinanceSpot, wrap: Any, changes: dict[str, Any], reason: Any, id_: int | None) -> None:
    event = with_(**changes)
    assert codec.decode(wrap(event), NOW) == Rejected(reason, event["s"], id_)


@pytest.mark.parametrize(
    "frame, expected",
    [
        (combined(with_(s=5)), Rejected("symbol", None, 12345)),
        (combined(with_(s=...)), Rejected("symbol", None, 12345)),
        (combined(with_(e="trade")), Rejected("event", "BTCUSDT")),
        (combined(with_(e=5)), Rejected("event", "BTCUSDT")),
        (combined({"e": "depthUpdate", "s": "BTCUSDT", "a": [["1", "2"]]}), Rejected("event", "BTCUSDT")),
        (combined(with_(e=...)), Rejected("shape")),
        (combined(None), Rejected("shape")),
        (combined([EVENT]), Rejected("shape")),
        (b"{}", Rejected("shape")),
        (b"[]", Rejected("shape")),
        (b"null", Rejected("shape")),
        (b"5", Rejected("shape")),
        (b"", Rejected("json")),
        (b"ping", Rejected("json")),
        (combined(EVENT)[:-1], Rejected("json")),
        (combined(EVENT) + b"}", Rejected("json")),
        (combined(EVENT)[40:], Rejected("json")),
        (b"\x00\xff\xfe", Rejected("json")),
        (combined(EVENT).replace(b"BTCUSDT", b"BTC\xffUSDT"), Rejected("json")),
        ("\ud800", Rejected("json")),
        (b"[" * 100_000, Rejected("json")),
        (b'{"data":' * 50_000, Rejected("json")),
        (b'{"e":"aggTrade","a":' + b"9" * 10_000 + b"}", Rejected("json")),
    ],
)
def test_what_is_no_trade_at_all(codec: BinanceSpot, frame: bytes | str, expected: Reply) -> None:
    assert codec.decode(frame, NOW) == expected


def test_unwatch(codec: BinanceSpot) -> None:
    codec.unwatch(["BTCUSDT", "NEVERSEEN"])
    assert codec.decode(combined(EVENT), NOW) == Rejected("unwatched", "BTCUSDT", 12345)
    codec.watch([BTC])
    assert codec.decode(combined(EVENT), NOW) == TRADE


# -- control frames --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "frame, expected",
    [
        (b'{"result":null,"id":1}', Ack(1)),
        (b'{"id":312,"result":null}', Ack(312)),
        (b'{"result":["btcusdt@aggTrade"],"id":3}', Ack(3)),
        (b'{"result":null,"id":null}', Ack(None)),
        (b'{"result":null,"id":"a-string"}', Ack(None)),
        (b'{"result":null,"id":true}', Ack(None)),
        (
            b'{"code":2,"msg":"Invalid request: unknown method","id":7}',
            Refused(7, 2, "Invalid request: unknown method"),
        ),
        (b'{"code":3,"msg":"Invalid JSON"}', Refused(None, 3, "Invalid JSON")),
        (b'{"error":{"code":4,"msg":"Too many subscriptions"},"id":19}', Refused(19, 4, "Too many subscriptions")),
        (b'{"error":"no","id":19}', Refused(19, None, "no")),
        (b'{"code":"x","msg":5,"id":1}', Refused(1, None, "5")),
        (b'{"e":"serverShutdown","E":1770123456789}', Shutdown()),
        (b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}', Shutdown()),
        (b'{"stream":"!serverShutdown","data":{}}', Shutdown()),
        (b'{"stream":"!serverShutdown","data":null}', Shutdown()),
    ],
)
def test_replies(codec: BinanceSpot, frame: bytes, expected: Reply) -> None:
    assert codec.decode(frame, NOW) == expected


def test_long_messages_are_cut(codec: BinanceSpot) -> None:
    reply = codec.decode(raw({"code": 2, "msg": "x" * 10_000, "id": 1}), NOW)
    assert isinstance(reply, Refused)
    assert len(reply.message) == 200


def test_control_frames(codec: BinanceSpot) -> None:
    assert json.loads(codec.subscribe(["BTCUSDT", "币安人生USDT"], 4)) == {
        "method": "SUBSCRIBE",
        "params": ["btcusdt@aggTrade", "币安人生usdt@aggTrade"],
        "id": 4,
    }
    assert json.loads(codec.unsubscribe(["1000SATSUSDT"], 5)) == {
        "method": "UNSUBSCRIBE",
        "params": ["1000satsusdt@aggTrade"],
        "id": 5,
    }


def test_url(codec: BinanceSpot) -> None:
    url = codec.stream_url(STREAM_URL + "/", ["BTCUSDT", "币安人生USDT"])
    assert url.isascii()
    assert url.startswith("wss://stream.binance.com:9443/stream?streams=btcusdt@aggTrade/%E5%B8%81")
    assert parse_qs(urlsplit(url).query) == {
        "streams": ["btcusdt@aggTrade/币安人生usdt@aggTrade"],
        "timeUnit": ["MICROSECOND"],
    }
    assert codec.stream_url("ws://127.0.0.1:1", []) == "ws://127.0.0.1:1/stream?timeUnit=MICROSECOND"


@given(st.lists(st.text(min_size=1, max_size=300), max_size=350, unique=True))
@example([f"SYM{n}USDT" for n in range(1_370)])
@example(["币" * 20 + str(n) for n in range(120)])
def test_batches_fit_a_frame_and_a_url(symbols: list[str]) -> None:
    codec = BinanceSpot()
    symbols = [symbol for symbol in symbols if symbol.isprintable()]
    batches = codec.batches(symbols)
    assert [symbol for batch in batches for symbol in batch] == symbols
    for batch in batches:
        assert 1 <= len(batch) <= MAX_NAMES < 100
        assert len(codec.subscribe(batch, 10**9).encode()) <= MAX_BYTES < 4_000
        assert len(codec.stream_url("wss://data-stream.binance.vision:9443", batch)) <= MAX_BYTES
    # No batch could have taken one more of typical size: a thousand symbols are a dozen frames, not hundreds.
    if all(len(symbol) <= 12 and symbol.isascii() and symbol.isalnum() for symbol in symbols):
        assert len(batches) == -(-len(symbols) // MAX_NAMES)


# -- nothing escapes -------------------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("esapqflTmMdata"), inner, max_size=6),
    max_leaves=12,
)
mutated = st.builds(
    lambda event, key, value: event | {key: value}, st.just(EVENT), st.sampled_from(sorted(EVENT)), json_values
)
KINDS = (Trade, Ack, Refused, Shutdown, Rejected)


def check(codec: BinanceSpot, frame: bytes | str) -> None:
    message = codec.decode(frame, NOW)
    assert isinstance(message, KINDS)
    if isinstance(message, Trade):
        assert 0 <= message.id < 2**63
        assert (0 < message.price < 2**63 and 0 < message.qty < 2**63) or (message.price == message.qty == 0)
        assert 0 < message.ts_event <= 10**17
        assert -1 <= message.first_id <= message.last_id < 2**63
        assert message.side in {BUY, SELL}
    elif isinstance(message, Rejected):
        assert message.reason in REASONS
        assert message.id is None or 0 <= message.id < 2**63


FUZZED = BinanceSpot()
FUZZED.watch([BTC])


@given(st.binary(max_size=300))
def test_any_bytes(frame: bytes) -> None:
    check(FUZZED, frame)


@given(st.text(max_size=200))
def test_any_text(frame: str) -> None:
    check(FUZZED, frame)


@given(json_values | mutated, st.booleans())
def test_any_json(value: object, wrapped: bool) -> None:
    frame = json.dumps({"stream": "x", "data": value} if wrapped else value)
    check(FUZZED, frame)
    check(FUZZED, frame.encode("utf-8", "surrogatepass"))


@given(st.integers(0, 250), st.binary(max_size=4), st.integers(0, 8))
def test_any_damage_to_a_frame(at: int, junk: bytes, cut: int) -> None:
    frame = combined(EVENT)
    check(FUZZED, frame[:at] + junk + frame[at + cut :])


# -- real captures ---------------------------------------------------------------------------------------------------

Totals = dict[str, tuple[int, int, int, Decimal, Decimal, Decimal, Decimal]]


def totals(trades: list[Trade]) -> Totals:
    """By symbol: rows, first id, last id, buy base, sell base, buy quote, sell quote."""
    by_symbol: defaultdict[str, list[Trade]] = defaultdict(list)
    for trade in trades:
        by_symbol[trade.instrument.partition(":")[2]].append(trade)
    out: Totals = {}
    for symbol, rows in by_symbol.items():
        base: Counter[int] = Counter()
        quote: Counter[int] = Counter()
        for row in rows:
            base[row.side] += row.qty
            quote[row.side] += row.qty * row.price
        out[symbol] = (
            len(rows), rows[0].id, rows[-1].id,
            Decimal(base[BUY]).scaleb(-8), Decimal(base[SELL]).scaleb(-8),
            Decimal(quote[BUY]).scaleb(-16), Decimal(quote[SELL]).scaleb(-16),
        )  # fmt: skip
    return out


def row(count: int, first: int, last: int, *sums: str) -> tuple[int, int, int, Decimal, Decimal, Decimal, Decimal]:
    buy_base, sell_base, buy_quote, sell_quote = map(Decimal, sums)
    return count, first, last, buy_base, sell_base, buy_quote, sell_quote


CAPTURES: list[tuple[str, Totals]] = [
    (
        "cryptofeed-binance-ee25be.0-ws-capture.txt.gz",
        {
            "BTCUSDT": row(1227, 665076760, 665077986, "16.727075", "9.661043", "970130.84824388", "560364.26138996"),
            "DOTUSDT": row(177, 54605678, 54605854, "830.59", "1338.21", "36148.012054", "58225.202013"),
            "ETHUSDT": row(506, 291477091, 291477596, "174.443", "133.4184", "360269.9659033", "275572.432332"),
        },
    ),
    (
        "cryptofeed-binance_futures-1125a2.0-ws-capture.txt.gz",
        {
            "SANDUSDT": row(166, 9445517, 9445682, "51957", "36780", "35909.30317", "25409.82483"),
            "CTKUSDT": row(89, 11306585, 11306673, "2037", "6044", "7407.3968", "21985.94534"),
            "BATUSDT": row(86, 17414843, 17414928, "13231.9", "15072.1", "16199.79513", "18445.68329"),
            "NEOUSDT": row(180, 32238083, 32238262, "622.81", "835.16", "35583.5632", "47749.99028"),
            "CHRUSDT": row(53, 2668839, 2668891, "13688", "11480", "4941.7142", "4142.3507"),
        },
    ),
    (
        "cryptofeed-binance_futures.ws.1.0-ws-capture.txt.gz",
        {
            "CTKUSDT": row(38, 16599292, 16599329, "7125", "9858", "7203.475", "9966.2"),
            "AKROUSDT": row(8, 14888302, 14888309, "93374", "61034", "1618.89614", "1057.79595"),
            "SUSHIUSDT": row(40, 87353230, 87353269, "1619", "593", "12328.848", "4515.276"),
            "KEEPUSDT": row(5, 1211537, 1211541, "490", "3675", "120.7852", "906.9443"),
        },
    ),
]


@pytest.mark.skipif(not TAPES.is_dir(), reason="needs the recorded captures; the synthetic twin below runs everywhere")
@pytest.mark.parametrize("name, expected", CAPTURES)
def test_real_captures(name: str, expected: Totals) -> None:
    codec = BinanceSpot()
    codec.watch(Instrument("binance", symbol, symbol[:-4], "USDT") for symbol in expected)
    trades: list[Trade] = []
    others: Counter[str] = Counter()
    for line in gzip.decompress((TAPES / name).read_bytes()).splitlines():
        stamp, colon, frame = line.partition(b": ")
        if not colon or not stamp.replace(b".", b"").isdigit():
            continue  # the capture's own lines: configuration, URL, REST answers
        message = codec.decode(frame, NOW)
        if isinstance(message, Trade):
            trades.append(message)
        else:
            assert isinstance(message, Rejected)
            others[message.reason] += 1
    assert totals(trades) == expected
    assert set(others) == {"event"}  # depth, tickers and candles: other events, nothing that could not be read
    assert all(trade.ts_event > 1_600_000_000_000_000 for trade in trades)


@pytest.mark.skipif(not TAPES.is_dir(), reason="needs the recorded captures; the synthetic twin below runs everywhere")
@pytest.mark.parametrize(
    "name, rejected",
    [
        ("BTCUSDT-spot-2024-08-08-ws-trade.jsonl.gz", {"event": 19_904}),
        # One line of it is a depth snapshot from REST, which names no event.
        ("BTCUSDT-um-2023-04-04-ws-full-capture.jsonl.gz", {"event": 13_383, "shape": 1}),
    ],
)
def test_real_frames_of_other_streams_are_told_apart(name: str, rejected: dict[str, int]) -> None:
    codec = BinanceSpot()
    codec.watch([BTC])
    reasons: Counter[str] = Counter()
    for line in gzip.decompress((TAPES / name).read_bytes()).splitlines():
        message = codec.decode(line.partition(b" ")[2], NOW)
        assert isinstance(message, Rejected)
        assert message.symbol == ("BTCUSDT" if message.reason == "event" else None)
        reasons[message.reason] += 1
    assert reasons == rejected


def test_synthetic_capture() -> None:
    codec = BinanceSpot()
    codec.watch([BTC, HAN])
    trades: list[Trade] = []
    for n in range(2_000):
        symbol = ("BTCUSDT", "币安人生USDT")[n % 2]
        event = with_(s=symbol, a=1_000 + n // 2, p=f"{60_000 + n}.12345678", q=f"0.{n + 1:08d}", m=n % 3 == 0)
        message = codec.decode(combined(event), NOW)
        assert isinstance(message, Trade)
        trades.append(message)
    expected: dict[str, list[Decimal]] = {"BTCUSDT": [Decimal(0)] * 4, "币安人生USDT": [Decimal(0)] * 4}
    for n in range(2_000):
        sums = expected[("BTCUSDT", "币安人生USDT")[n % 2]]
        sell = n % 3 == 0
        qty, price = Decimal(f"0.{n + 1:08d}"), Decimal(f"{60_000 + n}.12345678")
        sums[0 + sell] += qty
        sums[2 + sell] += qty * price
    assert totals(trades) == {symbol: (1_000, 1_000, 1_999, *sums) for symbol, sums in expected.items()}
