"""exchangeInfo and the ticker of the futures markets."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from orderflow_stream.simulator import Contract, Listing
from orderflow_stream.simulator.contract_info import contract_of, contract_types, exchange_info, places, ticker
from orderflow_stream.simulator.contracts import coinm_contracts, usdm_contracts
from orderflow_stream.simulator.exchange import Exchange
from orderflow_stream.simulator.params import ApiError, Params
from orderflow_stream.simulator.wire import COINM, USDM
from orderflow_stream.venues.binance_archive import ArchiveRow
from tests.simulator.kit import BTC, NOON, row

HOUR = 3_600_000_000


def listed(*contracts: Listing) -> Exchange:
    exchange = Exchange(USDM)
    for each in contracts:
        exchange.add(each)
    return exchange


def entries(exchange: Exchange, now: int, member: str = "status") -> dict[str, dict[str, Any]]:
    return {each["symbol"]: each for each in orjson.loads(exchange_info(exchange, now, 2400, member))["symbols"]}


def ask(exchange: Exchange, **query: str) -> tuple[Any, int]:
    body, weight = ticker(exchange, Params(query.items(), ("symbol", "pair")), NOON + HOUR)
    return orjson.loads(body), weight


def test_limits_are_stated() -> None:
    info = orjson.loads(exchange_info(listed(), NOON, 2400, "status"))
    assert info["rateLimits"][0] == {
        "rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400
    }  # fmt: skip
    assert info["serverTime"] == NOON // 1000


def test_a_usdm_contract() -> None:
    one = entries(listed(*usdm_contracts(NOON)), NOON)["1000PEPEUSDT"]
    names = ("pair", "contractType", "status", "baseAsset", "quoteAsset", "marginAsset", "deliveryDate")
    assert [one[name] for name in names] == [
        "1000PEPEUSDT", "PERPETUAL", "TRADING", "1000PEPE", "USDT", "USDT", 4_133_404_800_000
    ]  # fmt: skip
    assert "contractSize" not in one
    filters = {each["filterType"]: each for each in one["filters"]}
    assert filters["PRICE_FILTER"]["tickSize"] == "0.0000001"
    assert one["pricePrecision"] != places("0.0000001")  # it must not be used as a grid


def test_a_coinm_contract() -> None:
    found = entries(listed(*coinm_contracts(NOON)), NOON, "contractStatus")
    one = found["BTCUSD_PERP"]
    assert "status" not in one
    names = ("pair", "contractType", "contractStatus", "contractSize", "baseAsset", "quoteAsset", "marginAsset")
    assert [one[name] for name in names] == ["BTCUSD", "PERPETUAL", "TRADING", 100, "BTC", "USD", "BTC"]
    assert found["ETHUSD_PERP"]["contractSize"] == 10


def test_quarters_roll() -> None:
    contracts = [each for each in coinm_contracts(NOON) if each.kind == "DELIVERY"]
    end = contracts[0].delivery
    following = coinm_contracts(end)[-1]
    exchange = listed(*contracts)

    def seen(now: int) -> list[tuple[str, str]]:
        found = entries(exchange, now, "contractStatus").values()
        return [(each["contractType"], each["contractStatus"]) for each in found]

    assert seen(NOON) == [("CURRENT_QUARTER", "TRADING"), ("NEXT_QUARTER", "TRADING")]
    assert seen(end - 1)[0] == ("CURRENT_QUARTER", "PRE_DELIVERING")
    exchange.add(replace(following, onboard=end))
    assert seen(end) == [
        ("CURRENT_QUARTER DELIVERING", "DELIVERING"), ("CURRENT_QUARTER", "TRADING"), ("NEXT_QUARTER", "TRADING")
    ]  # fmt: skip
    assert seen(end + HOUR // 2)[0][1] == "DELIVERED"
    assert list(entries(exchange, end + 2 * HOUR)) == [contracts[1].symbol, following.symbol]


def test_a_symbol_known_by_name_is_a_perpetual_on_itself() -> None:
    one = contract_of(BTC)
    assert (one.kind, one.pair, one.margin, one.tick) == ("PERPETUAL", "BTCUSDT", "USDT", BTC.tick)
    assert contract_types([one], NOON) == {"BTCUSDT": "PERPETUAL"}
    assert contract_of(one) is one


def test_the_ticker_of_usdm() -> None:
    exchange = listed(*usdm_contracts(NOON))
    exchange.add_history("BTCUSDT", [row(1, NOON, "100", "2"), row(2, NOON, "200", "1")])
    one, weight = ask(exchange, symbol="BTCUSDT")
    assert (one["volume"], one["quoteVolume"], one["lastId"], weight) == ("3.00000000", "400.00000000", 21, 1)
    assert "bidPrice" not in one
    rows, weight = ask(exchange)
    assert (len(rows), weight) == (len(usdm_contracts(NOON)), 40)


def test_the_ticker_of_coinm() -> None:
    exchange = Exchange(COINM)
    for each in coinm_contracts(NOON):
        exchange.add(each)
    exchange.add_history("BTCUSD_PERP", [ArchiveRow(1, "50000.0", "7", 1, 1, NOON, "ms", True)])
    one, _ = ask(exchange, symbol="BTCUSD_PERP")
    assert (one["pair"], one["volume"], Decimal(one["baseVolume"])) == ("BTCUSD", "7.00000000", Decimal("0.014"))
    assert "quoteVolume" not in one
    rows, weight = ask(exchange, pair="BTCUSD")
    assert ([each["symbol"] for each in rows], weight) == (
        [each.symbol for each in coinm_contracts(NOON) if each.pair == "BTCUSD"], 1
    )  # fmt: skip


@pytest.mark.parametrize("query, code", [({"symbol": "NOSUCH"}, -1121), ({"pair": "X", "symbol": "Y"}, -4046)])
def test_refusals(query: dict[str, str], code: int) -> None:
    with pytest.raises(ApiError) as caught:
        ask(listed(Contract("BTCUSDT", "BTC", "USDT")), **query)
    assert caught.value.code == code
