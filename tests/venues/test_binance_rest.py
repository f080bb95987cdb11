"""The REST half of the codec: requests as the exchange wants them, real answers, and damaged ones."""

from __future__ import annotations

import contextlib
import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.core.events import BUY, SELL, Instrument, Trade
from orderflow_stream.venues.binance import AnswerError, BinanceSpot, ExchangeInfo, RateLimit, Request

SHARED = Path(__file__).resolve().parents[3] / "shared"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="needs recorded answers; synthetic twins run everywhere")
BTC = Instrument("binance", "BTCUSDT", "BTC", "USDT")
NOW = 1_700_000_000_000_000
CODEC = BinanceSpot()

ROW: dict[str, Any] = {
    "a": 7, "p": "0.50000000", "q": "3.00000000", "f": 10, "l": 11, "T": 1672515782136123, "m": False, "M": True,
}  # fmt: skip
TRADE = Trade("binance:BTCUSDT", 7, 50_000_000, 300_000_000, BUY, 1672515782136123, 10, 11, NOW)


def page(*rows: object) -> bytes:
    return json.dumps(rows).encode()


def row(**changes: object) -> dict[str, Any]:
    return {key: value for key, value in (ROW | changes).items() if value is not ...}


# -- trades ----------------------------------------------------------------------------------------------------------


def test_trades_request() -> None:
    micro = {"X-MBX-TIME-UNIT": "MICROSECOND"}
    request = CODEC.trades_request("币安人生USDT", from_id=0)
    assert request == Request("/api/v3/aggTrades", {"symbol": "币安人生USDT", "limit": "1000", "fromId": "0"}, micro, 4)
    assert CODEC.trades_request("A", start=5, limit=1).params == {"symbol": "A", "limit": "1", "startTime": "5"}
    assert CODEC.trades_request("A").params == {"symbol": "A", "limit": "1000"}
    with pytest.raises(ValueError, match="from_id or start, not both"):
        CODEC.trades_request("A", from_id=1, start=1)
    for limit in (0, 1001):
        with pytest.raises(ValueError, match=f"limit must be 1 to 1000, not {limit}"):
            CODEC.trades_request("A", limit=limit)


def test_decode_trades() -> None:
    body = page(ROW, row(a=8, m=True, T=1672515782136), row(a=9, p="0", q="0.00000000", f=-1, l=-1))
    first, second, third = CODEC.decode_trades(BTC, body, NOW)
    assert first == TRADE
    assert (second.id, second.side, second.ts_event) == (8, SELL, 1672515782136000)
    assert third == Trade("binance:BTCUSDT", 9, 0, 0, BUY, 1672515782136123, -1, -1, NOW)
    assert CODEC.decode_trades(BTC, b"[]", NOW) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"p": "NaN"}, {"p": 1}, {"p": ...}, {"p": "0"}, {"p": "1.123456789"}, {"q": "92233720368.54775808"},
        {"q": None}, {"T": 0}, {"T": "x"}, {"T": 10**18}, {"m": "false"}, {"m": ...}, {"f": 12}, {"f": "10"},
    ],
)  # fmt: skip
def test_a_readable_id_with_an_absurd_rest_is_an_invalid_row(changes: dict[str, Any]) -> None:
    body = page(ROW, row(a=8, **changes), row(a=9))
    trades = CODEC.decode_trades(BTC, body, NOW)
    assert [trade.id for trade in trades] == [7, 8, 9]
    assert trades[0] == TRADE
    invalid = trades[1]
    assert (invalid.price, invalid.qty, invalid.first_id, invalid.last_id) == (0, 0, -1, -1)
    assert invalid.ts_event == TRADE.ts_event
    assert trades[2].price == 50_000_000


def test_the_time_of_an_absurd_first_row() -> None:
    assert CODEC.decode_trades(BTC, page(row(T=0), row(a=8)), NOW)[0].ts_event == NOW


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"{}", b"5", b'{"code":-1121,"msg":"Invalid symbol."}', b"<html>busy</html>", page(ROW)[:-1],
        page(ROW, 5), page(row(a="7")), page(row(a=...)), page(row(a=-1)), page(row(a=2**63)), page(row(a=True)),
        page(row(a=1.0)), page(None),
    ],
)  # fmt: skip
def test_what_is_no_page_of_trades(body: bytes) -> None:
    with pytest.raises(AnswerError, match="not an answer to aggTrades"):
        CODEC.decode_trades(BTC, body, NOW)


@given(st.binary(max_size=200))
def test_any_body(body: bytes) -> None:
    for decode in (
        lambda: CODEC.decode_trades(BTC, body, NOW),
        lambda: CODEC.decode_exchange_info(body),
        lambda: CODEC.decode_ticker(body),
        lambda: CODEC.decode_time(body),
    ):
        with contextlib.suppress(AnswerError):
            decode()
    code, message = CODEC.error(500, body)
    assert code is None or isinstance(code, int)
    assert message
    assert len(message) <= 200


def totals(trades: list[Trade]) -> tuple[int, int, int, Decimal, Decimal, Decimal, Decimal]:
    base = {BUY: 0, SELL: 0}
    quote = {BUY: 0, SELL: 0}
    for trade in trades:
        base[trade.side] += trade.qty
        quote[trade.side] += trade.qty * trade.price
    return (
        len(trades), trades[0].id, trades[-1].id, Decimal(base[BUY]).scaleb(-8), Decimal(base[SELL]).scaleb(-8),
        Decimal(quote[BUY]).scaleb(-16), Decimal(quote[SELL]).scaleb(-16),
    )  # fmt: skip


@needs_shared
@pytest.mark.parametrize(
    "name, ids, sums",
    [
        (
            "BTCUSDT-spot-aggtrades-rest-gct.json.gz",
            (1_000, 202790190, 202791189),
            ("47.552842", "30.925472", "339646.51142141", "220848.80921057"),
        ),
        (
            "XRPETH-spot-aggtrades-rest-2019-10-11_13.json.gz",
            (12_477, 13519807, 13532283),
            ("3206668", "2339067", "4741.20456697", "3441.35570092"),
        ),
    ],
)
def test_real_pages(name: str, ids: tuple[int, int, int], sums: tuple[str, ...]) -> None:
    trades = CODEC.decode_trades(BTC, gzip.decompress((SHARED / "tapes" / name).read_bytes()), NOW)
    assert totals(trades) == (*ids, *map(Decimal, sums))
    assert all(trade.ts_event > 1_500_000_000_000_000 for trade in trades)


@needs_shared
def test_a_real_answer() -> None:
    trades = CODEC.decode_trades(BTC, (SHARED / "venues/binance/api_v3_aggTrades.json").read_bytes(), NOW)
    assert trades[0] == Trade(
        "binance:BTCUSDT", 202790190, 713_989_000_000, 6_702_300, BUY, 1577977823305000, 222825297, 222825297, NOW
    )
    assert [trade.id for trade in trades] == list(range(202790190, 202790190 + len(trades)))
    futures = CODEC.decode_trades(BTC, (SHARED / "venues/binance/fapi_v1_aggTrades.json").read_bytes(), NOW)
    assert all(trade.price for trade in futures)


# -- exchangeInfo ----------------------------------------------------------------------------------------------------


def symbol(name: str, base: str, quote: str, **changes: object) -> dict[str, Any]:
    entry = {
        "symbol": name, "status": "TRADING", "baseAsset": base, "quoteAsset": quote, "isSpotTradingAllowed": True,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.0", "tickSize": "0.01000000"},
            {"filterType": "LOT_SIZE", "minQty": "0.1", "maxQty": "9", "stepSize": "0.00001000"},
            {"filterType": "MARKET_LOT_SIZE", "stepSize": "0.00000000"},
            {"filterType": "ICEBERG_PARTS", "limit": 10},
        ],
    }  # fmt: skip
    return {key: value for key, value in (entry | changes).items() if value is not ...}


def info(*symbols: object, **rest: object) -> bytes:
    return json.dumps({"timezone": "UTC", "symbols": symbols} | rest).encode()


def test_exchange_info() -> None:
    body = info(
        symbol("BTCUSDT", "BTC", "USDT"),
        symbol("币安人生U", "币安人生", "U", filters=..., isSpotTradingAllowed=...),
        symbol("OLDBTC", "OLD", "BTC", status="BREAK"),
        symbol("NEWBTC", "NEW", "BTC", status="CANCEL_ONLY"),
        symbol("MARGINONLY", "M", "USDT", isSpotTradingAllowed=False),
        {"symbol": 5},
        symbol("ODDTICK", "O", "USDT", filters=[{"filterType": "PRICE_FILTER", "tickSize": "1e-3"}]),
        symbol("", "", ""),
        serverTime=1754603741167,
        rateLimits=[
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
            {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 300_000},
            {"rateLimitType": "ORDERS", "interval": "FORTNIGHT", "intervalNum": 1, "limit": 1},
        ],
    )
    assert CODEC.decode_exchange_info(body) == ExchangeInfo(
        (
            Instrument("binance", "BTCUSDT", "BTC", "USDT", "spot", True, 1_000_000, 1_000),
            Instrument("binance", "币安人生U", "币安人生", "U", "spot", True, 0, 0),
            Instrument("binance", "OLDBTC", "OLD", "BTC", "spot", False, 1_000_000, 1_000, "BREAK"),
            Instrument("binance", "NEWBTC", "NEW", "BTC", "spot", False, 1_000_000, 1_000, "CANCEL_ONLY"),
            Instrument("binance", "MARGINONLY", "M", "USDT", "spot", False, 1_000_000, 1_000),
        ),
        (RateLimit("REQUEST_WEIGHT", 60, 6000), RateLimit("RAW_REQUESTS", 300, 300_000)),
        1_754_603_741_167_000,
        3,
    )
    assert CODEC.exchange_info_request().params == {
        "permissions": "SPOT",
        "symbolStatus": "TRADING",
        "showPermissionSets": "false",
    }
    assert CODEC.exchange_info_request().weight == 20
    assert CODEC.exchange_info_request("BREAK").params["symbolStatus"] == "BREAK"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"symbols":5}', b'{"code":-1003,"msg":"banned"}'])
def test_what_is_no_exchange_info(body: bytes) -> None:
    with pytest.raises(AnswerError, match="not an answer to exchangeInfo"):
        CODEC.decode_exchange_info(body)


@needs_shared
@pytest.mark.parametrize("name, weight", [("api_v3_exchangeInfo.json", 6000), ("api_v3_exchangeInfo_2021.json", 1200)])
def test_real_exchange_info(name: str, weight: int) -> None:
    body = (SHARED / "venues/binance" / name).read_bytes()
    decoded = CODEC.decode_exchange_info(body)
    entries = json.loads(body)["symbols"]
    assert decoded.skipped == 0
    assert [one.symbol for one in decoded.instruments] == [entry["symbol"] for entry in entries]
    for one, entry in zip(decoded.instruments, entries, strict=True):
        rules = {rule["filterType"]: rule for rule in entry["filters"]}
        assert Decimal(one.tick).scaleb(-8) == Decimal(rules["PRICE_FILTER"]["tickSize"])
        assert Decimal(one.step).scaleb(-8) == Decimal(rules["LOT_SIZE"]["stepSize"])
        assert (one.base, one.quote) == (entry["baseAsset"], entry["quoteAsset"])
        assert one.trading == (entry["status"] == "TRADING" and entry["isSpotTradingAllowed"])
    assert RateLimit("REQUEST_WEIGHT", 60, weight) in decoded.limits
    assert decoded.server_time == json.loads(body)["serverTime"] * 1000


# -- ticker, time, errors --------------------------------------------------------------------------------------------


def test_ticker() -> None:
    body = json.dumps(
        [
            {"symbol": "BTCUSDT", "quoteVolume": "392659910.62660750", "count": 5},
            {"symbol": "BTCIDR", "quoteVolume": "9223372036854775808.5"},
            {"symbol": "ODD", "quoteVolume": "-1"},
            {"symbol": "WHOLE", "quoteVolume": "7"},
        ]
    ).encode()
    assert CODEC.decode_ticker(body) == {
        "BTCUSDT": 39265991062660750,
        "BTCIDR": 922337203685477580850000000,
        "ODD": 0,
        "WHOLE": 700_000_000,
    }
    assert CODEC.decode_ticker(b'{"symbol":"A","quoteVolume":"1.5"}') == {"A": 150_000_000}
    for bad in (b"", b'{"code":-1003,"msg":"x"}', b'[{"symbol":5}]'):
        with pytest.raises(AnswerError, match="ticker"):
            CODEC.decode_ticker(bad)
    assert CODEC.ticker_request().weight == 80


@needs_shared
@pytest.mark.parametrize("name", ["BTCUSDT", "DOGEUSDT", "ETHBTC"])
def test_real_ticker(name: str) -> None:
    body = (SHARED / f"venues/binance/api_v3_ticker_24hr_{name}.json").read_bytes()
    assert {key: Decimal(value).scaleb(-8) for key, value in CODEC.decode_ticker(body).items()} == {
        name: Decimal(json.loads(body)["quoteVolume"])
    }


def test_time_and_ping() -> None:
    assert CODEC.decode_time(b'{"serverTime":1499827319559}') == 1499827319559000
    assert CODEC.decode_time(b'{"serverTime":1499827319559123}') == 1499827319559123
    for bad in (b"{}", b'{"serverTime":0}', b'{"serverTime":-1}', b'{"serverTime":"x"}', b'{"serverTime":1e18}'):
        with pytest.raises(AnswerError, match="not an answer to time"):
            CODEC.decode_time(bad)
    assert CODEC.time_request().headers == {"X-MBX-TIME-UNIT": "MICROSECOND"}
    assert CODEC.ping_request() == Request("/api/v3/ping", {}, {}, 1)


@pytest.mark.parametrize(
    "status, body, expected",
    [
        (400, b'{"code":-1121,"msg":"Invalid symbol."}', (-1121, "Invalid symbol.")),
        (451, b'{"code":0,"msg":"Service unavailable"}', (0, "Service unavailable")),
        (400, b'{"error":{"code":-1100,"msg":"Illegal"}}', (-1100, "Illegal")),
        (403, b"<html>\n <h1>403 Forbidden</h1>\n</html>", (None, "<html> <h1>403 Forbidden</h1> </html>")),
        (502, b"", (None, "HTTP 502 with an empty body")),
        (500, b"\xff\xfe", (None, "\ufffd\ufffd")),
        (500, b"[1]", (None, "[1]")),
        (500, b"x" * 999, (None, "x" * 200)),
    ],
)
def test_error(status: int, body: bytes, expected: tuple[int | None, str]) -> None:
    assert CODEC.error(status, body) == expected
