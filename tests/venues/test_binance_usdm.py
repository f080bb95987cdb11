"""USD-M against what was recorded: to the last field by another reading of the JSON, in sums by the oracles' totals."""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from orderflow_stream.core.events import BUY, SELL, UNKNOWN_FILL, UNTOLD, Instrument, Liquidation, Trade
from orderflow_stream.venues.binance_archive import read_archive
from orderflow_stream.venues.binance_usdm import LOOKBACK, SPEC, BinanceUsdm
from orderflow_stream.venues.values import Rejected, Request

SHARED = Path(__file__).resolve().parents[3] / "shared"
TAPES = SHARED / "tapes"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="needs the recordings; synthetic twins run everywhere")
NOW = 1_790_000_000_000_000

Totals = tuple[int, int, int, Decimal, Decimal, Decimal, Decimal]


def watching(symbols: Iterable[str]) -> BinanceUsdm:
    codec = BinanceUsdm()
    codec.watch([Instrument("binance-usdm", each, each[:-4], "USDT", "usdm", rpi=True) for each in symbols])
    return codec


def by_json(event: dict[str, Any], symbol: str) -> Trade:
    """One event or row as a trade, by the standard library and decimals only."""
    return Trade(
        f"binance-usdm:{symbol}", event["a"], int(Decimal(event["p"]) * 10**8), int(Decimal(event["q"]) * 10**8),
        SELL if event["m"] is True else BUY, event["T"] * 1000, event["f"], event["l"], NOW,
        int(Decimal(event["nq"]) * 10**8) if "nq" in event else UNTOLD,
    )  # fmt: skip


def totals(trades: list[Trade]) -> Totals:
    """Rows, first id, last id, buy base, sell base, buy quote, sell quote."""
    base: Counter[int] = Counter()
    quote: Counter[int] = Counter()
    for trade in trades:
        base[trade.side] += trade.qty
        quote[trade.side] += trade.qty * trade.price
    return (
        len(trades), trades[0].id, trades[-1].id, Decimal(base[BUY]).scaleb(-8), Decimal(base[SELL]).scaleb(-8),
        Decimal(quote[BUY]).scaleb(-16), Decimal(quote[SELL]).scaleb(-16),
    )  # fmt: skip


def oracles(name: str) -> dict[str, Totals]:
    """The totals that the recordings came with, by symbol."""
    text = (TAPES / "PROVENANCE.md").read_text()
    (part,) = [part for part in text.split("\n### ") if part.startswith(name)]
    symbols = re.findall(r"^- ([A-Z0-9]+):$", part, re.MULTILINE) or re.findall(r"; symbol: ([A-Z0-9]+);", part)
    rows = re.findall(r"rows ([\d,]+) \(", part)
    ids = re.findall(r"ids (\d+)\.\.(\d+)", part)
    sums = re.findall(r"buy base ([\d.]+), sell base ([\d.]+); buy quote ([\d.]+), sell quote ([\d.]+)", part)
    return {
        symbol: (int(row.replace(",", "")), int(first), int(last), *map(Decimal, four))  # type: ignore[misc]
        for symbol, row, (first, last), four in zip(symbols, rows, ids, sums, strict=True)
    }


# -- captures of streams ---------------------------------------------------------------------------------------------


def frames(lines: Iterable[bytes]) -> list[bytes]:
    """The frames of a capture: what stands behind the time of receipt."""
    pairs = [line.partition(b": ") for line in lines]
    return [frame for stamp, colon, frame in pairs if colon and stamp.replace(b".", b"").isdigit()]


def check_capture(lines: Iterable[bytes]) -> dict[str, list[Trade]]:
    """Every frame of a capture against the other reading; the trades by symbol."""
    events = [(frame, json.loads(frame)) for frame in frames(lines)]
    trades: dict[str, list[Trade]] = {}
    codec = watching({e["data"]["s"] for _, e in events if e.get("data", {}).get("e") == "aggTrade"})
    for frame, outer in events:
        said, event = codec.decode(frame, NOW), outer["data"]
        if event["e"] == "aggTrade":
            assert said == by_json(event, event["s"])
            assert isinstance(said, Trade)
            trades.setdefault(event["s"], []).append(said)
        else:
            assert said == Rejected("event", event.get("s"))
    return trades


@needs_shared
@pytest.mark.parametrize(
    "name",
    ["cryptofeed-binance_futures-1125a2.0-ws-capture.txt.gz", "cryptofeed-binance_futures.ws.1.0-ws-capture.txt.gz"],
)
def test_real_captures(name: str) -> None:
    trades = check_capture(gzip.decompress((TAPES / name).read_bytes()).splitlines())
    assert {symbol: totals(own) for symbol, own in trades.items()} == oracles(name)
    # `f`/`l` may have holes by design; these have none, and `a` never.
    for own in trades.values():
        assert [each.id for each in own] == list(range(own[0].id, own[-1].id + 1))


def test_a_synthetic_capture() -> None:
    def lines() -> Iterable[bytes]:
        yield b"configuration: {}"
        for n in range(600):
            symbol = ("SANDUSDT", "1000PEPEUSDT")[n % 2]
            event = {
                "e": "aggTrade", "E": 1_617_647_797_540 + n, "a": 100 + n // 2, "s": symbol,
                "p": f"0.{n + 1:07d}", "q": str(n + 1), "f": 5 * n, "l": 5 * n + n % 3, "T": 1_617_647_797_485 + n,
                "m": n % 3 == 0,
            } | ({"nq": str(n), "st": 1} if n % 5 else {})  # fmt: skip
            yield b"1617647797.%06d: " % n + json.dumps({"stream": "x", "data": event}).encode()
            yield b"1617647797.%06d: " % n + b'{"stream":"x","data":{"e":"bookTicker","s":"SANDUSDT"}}'

    trades = check_capture(lines())
    for start, symbol in enumerate(("SANDUSDT", "1000PEPEUSDT")):
        numbers = range(start, 600, 2)
        quote = [Decimal(n + 1) * Decimal(f"0.{n + 1:07d}") for n in numbers]
        assert totals(trades[symbol]) == (
            300, 100, 399,
            sum((Decimal(n + 1) for n in numbers if n % 3), Decimal(0)),
            sum((Decimal(n + 1) for n in numbers if n % 3 == 0), Decimal(0)),
            sum((each for n, each in zip(numbers, quote, strict=True) if n % 3), Decimal(0)),
            sum((each for n, each in zip(numbers, quote, strict=True) if n % 3 == 0), Decimal(0)),
        )  # fmt: skip
        assert [each.nq for each in trades[symbol]] == [n * 10**8 if n % 5 else UNTOLD for n in numbers]


@needs_shared
@pytest.mark.parametrize(
    "name, rejected",
    [
        ("BTCUSDT-um-2023-04-05-ws-trade.jsonl.gz", {"event": 12_935}),  # with one of the insurance fund
        ("BTCUSDT-um-2024-07-19-ws-trade.jsonl.gz", {"event": 10_701}),
        ("ETHUSDT-um-2024-08-08-ws-trade.jsonl.gz", {"event": 14_076}),
        ("BTCUSDT-um-2023-04-04-ws-full-capture.jsonl.gz", {"event": 13_383, "shape": 1}),
    ],
)
def test_real_frames_of_other_streams(name: str, rejected: dict[str, int]) -> None:
    """Single fills, books and prices are no aggregate trades, nor liquidations."""
    codec, liquidations = watching(["BTCUSDT", "ETHUSDT"]), BinanceUsdm().liquidations_venue()
    reasons: Counter[str] = Counter()
    for line in gzip.decompress((TAPES / name).read_bytes()).splitlines():
        frame = line.partition(b" ")[2]
        message = codec.decode(frame, NOW)
        assert isinstance(message, Rejected)
        reasons[message.reason] += 1
        assert liquidations.decode(frame, NOW) == message
    assert reasons == rejected


# -- REST and archives -----------------------------------------------------------------------------------------------


@needs_shared
def test_a_real_page() -> None:
    body = (SHARED / "venues/binance/fapi_v1_aggTrades.json").read_bytes()
    instrument = Instrument("binance-usdm", "LTCUSDT", "LTC", "USDT", "usdm")
    rows = json.loads(body)
    assert BinanceUsdm().decode_trades(instrument, body, NOW) == [by_json(row, "LTCUSDT") for row in rows]
    assert len(rows) > 20


@needs_shared
@pytest.mark.parametrize("name", sorted(path.name for path in TAPES.glob("*-um-*agg*.csv.gz")))
def test_real_archives(name: str) -> None:
    trades = []
    with gzip.open(TAPES / name, "rt") as file:
        rows = [row for row in csv.reader(file) if row[0].isdigit()]
    for row, raw in zip(read_archive(TAPES / name), rows, strict=True):
        id_, price, qty, first, last, time, maker = raw
        assert (row.id, row.price, row.qty, row.ts, row.ts_unit) == (int(id_), price, qty, int(time) * 1_000, "ms")
        assert (row.first, row.last) == ((int(first), int(last)) if first else (UNKNOWN_FILL, UNKNOWN_FILL))
        assert row.buyer_is_maker == (maker == "true")
        assert row.nq == ""
        wire = {"a": row.id, "p": row.price, "q": row.qty, "f": row.first, "l": row.last, "T": int(time)}
        trades += BinanceUsdm().decode_trades(
            Instrument("binance-usdm", "X", "X", "USDT", "usdm"),
            json.dumps([wire | {"m": row.buyer_is_maker}]).encode(),
            NOW,
        )
    ((_, expected),) = oracles(name).items()
    assert totals(trades) == expected


@needs_shared
def test_real_exchange_info() -> None:
    body = (SHARED / "venues/binance/fapi_v1_exchangeInfo.json").read_bytes()
    info = BinanceUsdm().decode_exchange_info(body)
    entries = json.loads(body)["symbols"]
    assert info.skipped == 0
    for one, entry in zip(info.instruments, entries, strict=True):
        rules = {rule["filterType"]: rule for rule in entry["filters"]}
        assert Decimal(one.tick).scaleb(-8) == Decimal(rules["PRICE_FILTER"]["tickSize"])
        assert Decimal(one.step).scaleb(-8) == Decimal(rules["LOT_SIZE"]["stepSize"])
        assert (one.symbol, one.base, one.quote, one.settle, one.pair) == tuple(
            entry[key] for key in ("symbol", "baseAsset", "quoteAsset", "marginAsset", "pair")
        )
        assert (one.trading, one.kind, one.delivery, one.contract) == (True, "perpetual", 0, 0)
        assert (one.market, one.rpi, one.row_span) == ("usdm", True, 100_000)
    assert info.server_time == json.loads(body)["serverTime"] * 1_000


@needs_shared
def test_real_liquidations() -> None:
    first, second = json.loads((SHARED / "venues/binance/ws_forceOrder.json").read_bytes())
    stream = BinanceUsdm().liquidations_venue()
    said = stream.decode(json.dumps(first), NOW)
    order = first["data"]["o"]
    price, average, qty, filled = (int(Decimal(order[key]) * 10**8) for key in ("p", "ap", "q", "z"))
    assert said == Liquidation(
        "binance-usdm:BTCUSDT", BUY, price, average, qty, filled, order["T"] * 1_000, NOW, order["X"]
    )
    # Of the other market, from before `st`: it comes under a key of which no book can be.
    other = stream.decode(json.dumps(second), NOW)
    assert isinstance(other, Liquidation)
    assert other.instrument == "binance-usdm:BTCUSD_200925"


# -- requests and paths ----------------------------------------------------------------------------------------------


def test_requests() -> None:
    codec = BinanceUsdm()
    assert codec.trades_request("BTCUSDT", from_id=5) == Request(
        "/fapi/v1/aggTrades", {"symbol": "BTCUSDT", "limit": "1000", "fromId": "5"}, {}, 20
    )
    times = codec.trades_request("BTCUSDT", start=1_790_000_000_000_999, end=1_790_003_599_999_000)
    assert times.params == {
        "symbol": "BTCUSDT", "limit": "1000", "startTime": "1790000000000", "endTime": "1790003599999",
    }  # fmt: skip
    with pytest.raises(ValueError, match="less than 60 min"):
        codec.trades_request("BTCUSDT", start=0, end=3_600_000_000)
    with pytest.raises(ValueError, match="end must be after start"):
        codec.trades_request("BTCUSDT", start=2, end=1)
    assert (
        codec.exchange_info_request()
        == codec.exchange_info_request("BREAK")
        == Request("/fapi/v1/exchangeInfo", {}, {}, 1)
    )
    assert codec.ticker_request() == Request("/fapi/v1/ticker/24hr", {}, {}, 40)
    assert codec.time_request() == Request("/fapi/v1/time", {}, {}, 1)
    assert codec.ping_request() == Request("/fapi/v1/ping", {}, {}, 1)
    assert codec.lookback == SPEC.lookback == LOOKBACK == 48 * 3_600_000_000


@pytest.mark.parametrize("ending", ["", "/", "/market", "/market/", "/market/ws", "/market/stream", "/ws", "/stream/"])
def test_the_path_that_stays_silent_is_never_used(ending: str) -> None:
    """`/stream` and `/ws` without `/market` acknowledge every subscription, and bring nothing."""
    codec = BinanceUsdm()
    url = urlsplit(codec.stream_url("wss://fstream.binance.com" + ending, ["BTCUSDT", "币安人生USDT"]))
    assert (url.netloc, url.path) == ("fstream.binance.com", "/market/stream")
    assert parse_qs(url.query) == {"streams": ["btcusdt@aggTrade/币安人生usdt@aggTrade"]}
    url = urlsplit(codec.liquidations_venue().stream_url("wss://fstream.binance.com" + ending, ["!forceOrder@arr"]))
    assert (url.path, url.query) == ("/market/stream", "streams=!forceOrder@arr")
    assert codec.stream_url("ws://127.0.0.1:9" + ending, []) == "ws://127.0.0.1:9/market/stream"
