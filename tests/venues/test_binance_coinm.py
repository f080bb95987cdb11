"""COIN-M: contracts of a fixed worth, whose sums are right to the last digit at any price."""

from __future__ import annotations

import json
from decimal import Decimal, localcontext
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.core.events import BUY, Instrument, Trade
from orderflow_stream.venues.binance_archive import read_archive, symbol_of
from orderflow_stream.venues.binance_coinm import LOOKBACK, SPEC, BinanceCoinm
from orderflow_stream.venues.values import Request
from tests.venues.samples.binance_coinm import BTC, SAMPLE
from tests.venues.samples.kit import NOW, Facts

HOUR = 3_600_000_000


def decoded(**changes: object) -> Trade:
    facts = {"symbol": "BTCUSD_PERP", "id": 1, "price": "100000", "qty": "1", "side": BUY} | changes
    codec = BinanceCoinm()
    codec.watch([BTC])
    trade = codec.decode(SAMPLE.wrap(SAMPLE.event(Facts(**facts, ts=NOW, first=1, last=1))), NOW)  # type: ignore[arg-type]
    assert isinstance(trade, Trade)
    return trade


def test_a_thousand_million_contracts_at_a_hundred_thousand() -> None:
    trade = decoded(qty="1000000000")
    assert trade.qty == 10**17
    worth = BTC.worth(trade.price, trade.qty)
    assert Decimal(worth).scaleb(-16) == 100 * 10**9
    assert BTC.contracts(worth) == trade.qty
    most = decoded(qty="92233720368")
    assert BTC.worth(most.price, most.qty) == 9_223_372_036_800_000_000 * 100 * 10**8
    assert BTC.contracts(BTC.worth(most.price, most.qty)) == most.qty


@given(st.integers(1, 10**9), st.integers(1, 10**8).map(lambda tenths: f"{tenths // 10}.{tenths % 10}"))
def test_what_a_trade_is_worth_does_not_hang_on_its_price(contracts: int, price: str) -> None:
    if Decimal(price) == 0:
        return
    trade = decoded(qty=str(contracts), price=price)
    with localcontext(prec=60):
        assert Decimal(BTC.worth(trade.price, trade.qty)).scaleb(-16) == Decimal(contracts) * 100


@pytest.mark.parametrize(
    "size, contract", [("100", 10**10), ('"100"', 10**10), ("10", 10**9), ('"0.001"', 100_000), ("1000", 10**11)]
)
def test_the_size_of_a_contract(size: str, contract: int) -> None:
    body = f'{{"symbols":[{{"symbol":"A_PERP","baseAsset":"A","quoteAsset":"USD","contractSize":{size}}}]}}'
    (one,) = BinanceCoinm().decode_exchange_info(body.encode()).instruments
    assert (one.contract, one.inverse, one.kind) == (contract, True, "perpetual")


@pytest.mark.parametrize("size", ["0", '"0"', "-100", '"-1"', "null", "1.5", '"x"', '""', "[]", "true", "1e400"])
def test_a_contract_of_unknown_size_is_not_listed(size: str) -> None:
    body = f'{{"symbols":[{{"symbol":"A_PERP","baseAsset":"A","quoteAsset":"USD","contractSize":{size}}}]}}'
    info = BinanceCoinm().decode_exchange_info(body.encode())
    assert (info.instruments, info.skipped) == ((), 1)


@pytest.mark.parametrize(
    "kind, date, expected",
    [
        ("PERPETUAL", 4133404800000, ("perpetual", 0)),
        ("PERPETUAL_DELIVERING", 1790323200000, ("perpetual", 1_790_323_200_000_000)),
        ("CURRENT_QUARTER", 1790323200000, ("delivery", 1_790_323_200_000_000)),
        ("NEXT_QUARTER", 1798185600000, ("delivery", 1_798_185_600_000_000)),
        ("NEXT_QUARTER_DELIVERING", 1798185600000, ("delivery", 1_798_185_600_000_000)),
        ("", 1798185600000, ("delivery", 1_798_185_600_000_000)),
        ("", 0, ("perpetual", 0)),
        ("PERPETUAL", '"soon"', ("perpetual", 0)),
    ],
)
def test_kinds_of_contracts(kind: str, date: object, expected: tuple[str, int]) -> None:
    body = (
        f'{{"symbols":[{{"symbol":"A_X","baseAsset":"A","quoteAsset":"USD","contractSize":10,"contractType":"{kind}",'
        f'"deliveryDate":{date}}}]}}'
    )
    (one,) = BinanceCoinm().decode_exchange_info(body.encode()).instruments
    assert (one.kind, one.delivery) == expected


@pytest.mark.parametrize(
    "status", ["PENDING_TRADING", "PRE_DELIVERING", "DELIVERED", "TRADING_HALT", "TRADING_CANCEL_ONLY"]
)
def test_states_that_are_no_trading(status: str) -> None:
    entry = {"symbol": "A_X", "baseAsset": "A", "quoteAsset": "USD", "contractSize": 10, "contractStatus": status}
    body = json.dumps({"symbols": [entry]})
    (one,) = BinanceCoinm().decode_exchange_info(body.encode()).instruments
    assert (one.trading, one.status) == (False, status)


def test_requests() -> None:
    codec = BinanceCoinm()
    assert codec.trades_request("BTCUSD_PERP", from_id=5) == Request(
        "/dapi/v1/aggTrades", {"symbol": "BTCUSD_PERP", "limit": "1000", "fromId": "5"}, {}, 20
    )
    with pytest.raises(ValueError, match="less than 60 min"):
        codec.trades_request("BTCUSD_PERP", start=0, end=HOUR)
    assert codec.exchange_info_request() == Request("/dapi/v1/exchangeInfo", {}, {}, 1)
    assert codec.ticker_request() == Request("/dapi/v1/ticker/24hr", {}, {}, 40)
    assert codec.time_request().path == "/dapi/v1/time"
    assert codec.lookback == SPEC.lookback == LOOKBACK == 24 * HOUR


@pytest.mark.parametrize("ending", ["", "/", "/ws", "/stream", "/stream/"])
def test_the_path_of_the_streams(ending: str) -> None:
    url = BinanceCoinm().stream_url("wss://dstream.binance.com" + ending, ["BTCUSD_PERP", "BTCUSD_260925"])
    assert urlsplit(url).path == "/stream"
    assert url.endswith("?streams=btcusd_perp@aggTrade/btcusd_260925@aggTrade")


def test_archives_of_perpetuals_and_quarters_by_name() -> None:
    for name, symbol in [
        ("BTCUSD_PERP-aggTrades-2025-10-04.zip", "BTCUSD_PERP"),
        ("BTCUSD_260925-aggTrades-2026-08.csv", "BTCUSD_260925"),
        ("BTCUSDT_260925-aggTrades-2026-08-01.csv.gz", "BTCUSDT_260925"),
    ]:
        assert symbol_of(f"/somewhere/{name}") == symbol


def test_rows_of_an_archive(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSD_PERP-aggTrades-2025-10-04.csv"
    path.write_text(
        "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"
        "41045788,58570.1,58,91864326,91864327,1616201883304,true\n"
    )
    (row,) = read_archive(path)
    assert (row.id, row.price, row.qty, row.ts, row.ts_unit, row.nq) == (
        41045788, "58570.1", "58", 1_616_201_883_304_000, "ms", "",
    )  # fmt: skip


def test_a_name_without_a_size_is_no_instrument() -> None:
    assert BinanceCoinm().guess("BTCUSD_PERP") is None
    bare = Instrument("binance-coinm", "BTCUSD_PERP", "BTC", "USD", "coinm")
    assert not bare.inverse
