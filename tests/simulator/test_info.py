"""exchangeInfo and the ticker: filters, combinations and weights."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson
import pytest

from orderflow_stream.simulator.exchange import Exchange
from orderflow_stream.simulator.info import exchange_info, ticker, ticker_weight
from orderflow_stream.simulator.params import ApiError, Params
from tests.simulator.kit import BTC, ETH, NAME, NOON, rows

INFO = ("symbol", "symbols", "permissions", "showPermissionSets", "symbolStatus")


@pytest.fixture
def exchange() -> Exchange:
    exchange = Exchange()
    exchange.add(BTC)
    exchange.add(msgspec.structs.replace(ETH, status="BREAK"))
    exchange.add(msgspec.structs.replace(NAME, permissions=("LEVERAGED",)))
    exchange.add_history("BTCUSDT", rows(1, 10))
    return exchange


def ask(exchange: Exchange, **query: str) -> dict[str, Any]:
    answer: dict[str, Any] = orjson.loads(exchange_info(exchange, Params(query.items(), INFO), NOON, 1000, 6000))
    return answer


def names(answer: dict[str, Any]) -> list[str]:
    return [each["symbol"] for each in answer["symbols"]]


def test_everything(exchange: Exchange) -> None:
    answer = ask(exchange)
    assert names(answer) == ["BTCUSDT", "ETHUSDT", "币安人生USDT"]
    assert answer["serverTime"] == NOON // 1000
    assert {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000} in answer[
        "rateLimits"
    ]
    first = answer["symbols"][0]
    filters = {each["filterType"]: each for each in first["filters"]}
    assert (filters["PRICE_FILTER"]["tickSize"], filters["LOT_SIZE"]["stepSize"]) == ("0.01000000", "0.00001000")
    assert (first["baseAsset"], first["quoteAsset"], first["status"]) == ("BTC", "USDT", "TRADING")
    assert first["permissions"] == []
    assert "SPOT" in first["permissionSets"][0]
    assert first["isSpotTradingAllowed"] is True


@pytest.mark.parametrize(
    "query, found",
    [
        ({"symbol": "BTCUSDT"}, ["BTCUSDT"]),
        ({"symbols": '["币安人生USDT","BTCUSDT"]'}, ["币安人生USDT", "BTCUSDT"]),
        ({"symbolStatus": "TRADING"}, ["BTCUSDT", "币安人生USDT"]),
        ({"symbolStatus": "BREAK"}, ["ETHUSDT"]),
        ({"permissions": "SPOT", "symbolStatus": "TRADING"}, ["BTCUSDT"]),
        ({"permissions": '["SPOT","LEVERAGED"]'}, ["BTCUSDT", "ETHUSDT", "币安人生USDT"]),
    ],
)
def test_filters(exchange: Exchange, query: dict[str, str], found: list[str]) -> None:
    assert names(ask(exchange, **query)) == found


def test_permission_sets_can_be_left_out(exchange: Exchange) -> None:
    assert ask(exchange, showPermissionSets="false")["symbols"][0]["permissionSets"] == []


@pytest.mark.parametrize(
    "query, code",
    [
        ({"symbol": "NOSUCH"}, -1121),
        ({"symbols": '["BTCUSDT","NOSUCH"]'}, -1121),
        ({"symbol": "btcusdt"}, -1100),
        ({"symbols": '["btcusdt"]'}, -1100),
        ({"symbol": "BTCUSDT", "symbols": '["BTCUSDT"]'}, -1128),
        ({"symbol": "BTCUSDT", "permissions": "SPOT"}, -1128),
        ({"symbol": "BTCUSDT", "symbolStatus": "TRADING"}, -1128),
        ({"symbolStatus": "OPEN"}, -1122),
    ],
)
def test_refusals(exchange: Exchange, query: dict[str, str], code: int) -> None:
    with pytest.raises(ApiError) as caught:
        ask(exchange, **query)
    assert caught.value.code == code


@pytest.mark.parametrize("query, count, weight", [({}, 3, 80), ({"symbols": '["BTCUSDT","ETHUSDT"]'}, 2, 2)])
def test_tickers(exchange: Exchange, query: dict[str, str], count: int, weight: int) -> None:
    answer, cost = ticker(exchange, Params(query.items(), ("symbol", "symbols", "type")), NOON)
    assert isinstance(answer, list)
    assert (len(answer), cost) == (count, weight)


def test_one_ticker_is_an_object(exchange: Exchange) -> None:
    query = {"symbol": "BTCUSDT", "type": "MINI"}
    answer, weight = ticker(exchange, Params(query.items(), ("symbol", "symbols", "type")), NOON)
    assert isinstance(answer, dict)
    assert (answer["symbol"], answer["count"], "priceChange" in answer, weight) == ("BTCUSDT", 20, False, 2)


@pytest.mark.parametrize("query, code", [({"type": "HUGE"}, -1102), ({"symbol": "A", "symbols": "B"}, -1128)])
def test_bad_ticker_questions(exchange: Exchange, query: dict[str, str], code: int) -> None:
    with pytest.raises(ApiError) as caught:
        ticker(exchange, Params(query.items(), ("symbol", "symbols", "type")), NOON)
    assert caught.value.code == code


@pytest.mark.parametrize("symbols, weight", [(1, 2), (20, 2), (21, 40), (100, 40), (101, 80), (None, 80)])
def test_ticker_weights(symbols: int | None, weight: int) -> None:
    assert ticker_weight(symbols) == weight
