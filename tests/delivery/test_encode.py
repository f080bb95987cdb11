"""The encoder against numbers computed by hand, and against `decimal`."""

from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.analytics.flow import Flow
from orderflow_stream.analytics.large import LargeView
from orderflow_stream.core.book import GapRecord
from orderflow_stream.core.coverage import Coverage
from orderflow_stream.core.events import (
    BUY,
    SELL,
    Corrected,
    GapFound,
    Instrument,
    LargePrint,
    StateChanged,
    Trade,
)
from orderflow_stream.core.sums import Sums
from orderflow_stream.core.tape import Row
from orderflow_stream.delivery import encode
from orderflow_stream.delivery.encode import FIAT_AND_STABLE, Rules, ScreenerRow

BTCUSDT = Instrument("binance", "BTCUSDT", "BTC", "USDT")
ETHBTC = Instrument("binance", "ETHBTC", "ETH", "BTC")
CHINESE = Instrument("binance", '币安"人生USDT', "币安人生", "USDT")
RULES = Rules(Fraction(1, 10), Fraction(3, 10))

AMOUNTS = st.integers(0, 10**30)
SUMS = st.builds(Sums, *[st.integers(0, 10_000)] * 2, *[AMOUNTS] * 4)


def covered(**changes: Any) -> Coverage:
    fields: dict[str, Any] = {
        "first_id": 1000,
        "last_id": 2999,
        "expected": 2000,
        "received": 2000,
        "invalid": 0,
        "missing": (),
        "missing_total": 0,
        "requested_trades": 2000,
        "requested_from": None,
        "requested_to": None,
        "reaches_back": True,
        "complete": True,
        "state": "live",
        "as_of": 1_781_228_423_554_999,
        "generation": 1,
        "source": "stream",
        "last_trade_age": 1_500,
        "lag": 42_999,
        "clock_offset": -1_000,
    }
    return Coverage(**{**fields, **changes})


def decoded(body: bytes) -> dict[str, Any]:
    """JSON as a strict reader sees it: numbers as Decimal, no NaN, each name once."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(items)) == len(items)
        return dict(items)

    import json

    found: dict[str, Any] = json.loads(body, parse_float=Decimal, parse_int=Decimal, object_pairs_hook=pairs)
    return found


#: The example of the original: 1066 buys of 37.98445 and 934 sells of 38.66305.
ORIGINAL = Sums(1066, 934, 3_798_445_000, 3_866_305_000, 24_064_937_249_999_999_999_999, 24_494_593_150_000_000_000_001)


def flow(sums: Sums, **changes: Any) -> Flow:
    fields: dict[str, Any] = {
        "first_time": 1_781_228_085_154_000,
        "last_time": 1_781_228_423_554_999,
        "last_price": 6_335_469_000_000,
        "coverage": covered(),
    }
    return Flow(sums=sums, **{**fields, **changes})


def test_flow_is_what_the_original_says() -> None:
    body = encode.flow_data(RULES, BTCUSDT, flow(ORIGINAL), "k3v9qd2m-1042")
    assert orjson.loads(body) | {"note": "", "coverage": {}} == {
        "note": "",
        "source": "Binance",
        "symbol": "BTCUSDT",
        "venue": "binance",
        "market": "spot",
        "pressure": "balanced",
        "cvd_quote": -42965.59,
        "delta_quote": -42965.59,
        "delta_base": -0.6786,
        "buy_trades": 1066,
        "sell_trades": 934,
        "trades_scanned": 2000,
        "taker_buy_base": 37.98445,
        "taker_buy_quote": 2406493.72,
        "taker_sell_base": 38.66305,
        "taker_sell_quote": 2449459.32,
        "buy_sell_ratio": 0.9824,
        "buy_volume_share": 0.4956,
        "window_seconds": 338.4,
        "last_price": 63354.69,
        "first_time": 1781228085154,
        "last_time": 1781228423554,
        "coverage": {},
    }


def test_delta_is_rounded_once_from_the_exact_sum() -> None:
    """Not the difference of two rounded sums: 2406493.72 - 2449459.32 would be -42965.60."""
    data = decoded(encode.flow_data(RULES, BTCUSDT, flow(ORIGINAL), None))
    assert data["delta_quote"] == Decimal("-42965.59")
    assert data["taker_buy_quote"] - data["taker_sell_quote"] == Decimal("-42965.60")


def test_strings_are_exact() -> None:
    data = orjson.loads(encode.flow_data(RULES, BTCUSDT, flow(ORIGINAL), None, window="5m", exact=True))
    assert data["taker_buy_quote"] == "2406493.7249999999999999"
    assert data["delta_quote"] == data["cvd_quote"] == "-42965.5900000000000002"
    assert data["taker_sell_base"] == "38.66305"
    assert (data["buy_sell_ratio"], data["buy_volume_share"], data["window_seconds"]) == ("0.9824", "0.4956", "338.4")
    assert data["window"] == "5m"
    assert data["buy_trades"] == 1066  # a count is no decimal


def test_an_empty_span_has_no_price_share_ratio_or_pressure() -> None:
    empty = flow(Sums(), first_time=None, last_time=None, last_price=None)
    data = orjson.loads(encode.flow_data(RULES, BTCUSDT, empty, None))
    absent = ("pressure", "buy_sell_ratio", "buy_volume_share", "last_price", "first_time", "last_time")
    assert {name: data[name] for name in absent} == dict.fromkeys(absent)
    assert (data["trades_scanned"], data["taker_buy_base"], data["delta_quote"], data["window_seconds"]) == (0, 0, 0, 0)
    assert b"-0" not in encode.flow_data(RULES, BTCUSDT, empty, None)


def test_nothing_sold_has_a_share_but_no_ratio() -> None:
    data = orjson.loads(encode.flow_data(RULES, BTCUSDT, flow(Sums(1, 0, 5, 0, 5, 0)), None))
    assert (data["buy_sell_ratio"], data["buy_volume_share"], data["pressure"]) == (None, 1, "strong_buy")


@pytest.mark.parametrize(
    "buy,sell,expected",
    [
        (0, 0, None),
        (1, 1, "balanced"),
        (10_999_999, 9_000_001, "balanced"),  # 0.0999999 and a bit: not there yet
        (11, 9, "buy"),  # 0.10 exactly
        (9, 11, "sell"),
        (12_999_999, 7_000_001, "buy"),
        (13, 7, "strong_buy"),  # 0.30 exactly
        (7, 13, "strong_sell"),
        (11 * 10**40, 9 * 10**40, "buy"),
        (11 * 10**40 - 1, 9 * 10**40, "balanced"),  # doubles cannot tell these two apart
    ],
)
def test_pressure_is_compared_exactly(buy: int, sell: int, expected: str | None) -> None:
    assert RULES.pressure(buy, sell) == expected


def rounded(value: Decimal, places: int) -> Decimal:
    with localcontext() as context:
        context.prec = 200
        return value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)


def of(value: int, decimals: int) -> Decimal:
    with localcontext() as context:
        context.prec = 200
        return Decimal(value).scaleb(-decimals)


@given(sums=SUMS, instrument=st.sampled_from([BTCUSDT, ETHBTC]))
def test_numbers_parse_back_to_the_exact_rounding(sums: Sums, instrument: Instrument) -> None:
    body = encode.flow_data(RULES, instrument, flow(sums), None)
    data = decoded(body)
    places = 2 if instrument is BTCUSDT else 8
    assert data["taker_buy_base"] == of(sums.buy_base, 8)
    assert data["taker_sell_base"] == of(sums.sell_base, 8)
    with localcontext() as context:
        context.prec = 200
        assert data["delta_base"] == of(sums.buy_base - sums.sell_base, 8)
        assert data["taker_buy_quote"] == rounded(of(sums.buy_quote, 16), places)
        assert data["delta_quote"] == rounded(of(sums.buy_quote - sums.sell_quote, 16), places)
        if sums.sell_base:
            assert data["buy_sell_ratio"] == rounded(Decimal(sums.buy_base) / Decimal(sums.sell_base), 4)
        else:
            assert data["buy_sell_ratio"] is None
    for raw in body.split(b","):
        number = raw.rpartition(b":")[2]
        if b"." in number and number[:1].isdigit():
            assert not number.endswith((b"0", b".")), raw
    assert b"-0," not in body


@given(sums=SUMS)
def test_strings_parse_back_to_the_sums_themselves(sums: Sums) -> None:
    data = orjson.loads(encode.flow_data(RULES, ETHBTC, flow(sums), None, exact=True))
    with localcontext() as context:
        context.prec = 200
        assert Decimal(data["taker_sell_quote"]) == of(sums.sell_quote, 16)
        assert Decimal(data["cvd_quote"]) == of(sums.buy_quote - sums.sell_quote, 16)
    assert "E" not in data["cvd_quote"]
    assert data["cvd_quote"] != "-0"


def test_coverage_in_the_order_of_the_contract() -> None:
    body = encode.coverage(covered(missing=((1500, 1509), (1600, 1600)), missing_total=11), "k3v9qd2m-1042")
    assert body == (
        b'{"first_id":1000,"last_id":2999,"expected":2000,"received":2000,"invalid":0,'
        b'"missing":[[1500,1509],[1600,1600]],"missing_total":11,"requested":{"trades":2000},"reaches_back":true,'
        b'"complete":true,"state":"live","as_of":1781228423554,"position":"k3v9qd2m-1042","generation":1,'
        b'"source":"stream","last_trade_age_ms":1,"lag_ms":42,"clock_offset_ms":-1}'
    )


def test_coverage_lists_at_most_a_hundred_ranges() -> None:
    missing = tuple((n * 10, n * 10 + 1) for n in range(250))
    data = orjson.loads(encode.coverage(covered(missing=missing, missing_total=500), None))
    assert data["missing"] == [list(one) for one in missing[:100]]
    assert data["missing_total"] == 500


def test_coverage_of_nothing_and_of_a_window() -> None:
    nothing = covered(first_id=None, last_id=None, requested_trades=None, as_of=None, last_trade_age=None, lag=None)
    data = orjson.loads(encode.coverage(nothing, None))
    for name in ("first_id", "last_id", "requested", "as_of", "position", "last_trade_age_ms", "lag_ms"):
        assert data[name] is None
    window = covered(requested_trades=None, requested_from=1_000_999, requested_to=61_000_999)
    assert orjson.loads(encode.coverage(window, None))["requested"] == {"from": 1000, "to": 61000}


def test_flow_event_is_flow_data_and_more() -> None:
    one = flow(ORIGINAL)
    windows = {"1m": Sums(1, 0, 5, 0, 7, 0), "5m": Sums()}
    event = orjson.loads(encode.flow_event(RULES, BTCUSDT, one, windows, 3, "e-1", window="1m"))
    assert event.pop("skipped") == 3
    assert event.pop("windows") == {
        "1m": {
            "delta_base": 0.00000005,
            "delta_quote": 0,
            "taker_buy_quote": 0,
            "taker_sell_quote": 0,
            "buy_volume_share": 1,
            "trades": 1,
        },
        "5m": {
            "delta_base": 0,
            "delta_quote": 0,
            "taker_buy_quote": 0,
            "taker_sell_quote": 0,
            "buy_volume_share": None,
            "trades": 0,
        },
    }
    assert event == orjson.loads(encode.flow_data(RULES, BTCUSDT, one, "e-1", window="1m"))


def print_of(**changes: Any) -> LargePrint:
    fields: dict[str, Any] = {
        "instrument": BTCUSDT.key,
        "group": "row",
        "id": 9,
        "side": BUY,
        "price": 6_334_246_000_000,
        "qty": 298_439_000,
        "notional": 6_334_246_000_000 * 298_439_000,
        "ts_event": 1_781_228_423_554_321,
        "first_id": 9,
        "last_id": 9,
        "legs": 1,
        "levels": 1,
    }
    return LargePrint(**{**fields, **changes})


ORDER = print_of(
    group="order", id=12, side=SELL, qty=300_000_000, notional=3 * 10**8 * 10**8 + 10**8, first_id=10, last_id=12
)


def view(group: Any, *prints: LargePrint) -> LargeView:
    return LargeView(
        group=group,
        min_notional=100_000 * 10**16 + 5,
        trades_scanned=2000,
        first_time=1_781_228_085_154_000,
        last_time=1_781_228_423_554_999,
        count=7,
        buy_count=4,
        sell_count=3,
        buy_notional=189_038_605 * 10**13,
        sell_notional=1,
        prints=prints,
        coverage=covered(),
    )


def test_large_rows_are_the_originals() -> None:
    data = orjson.loads(encode.large_data(RULES, BTCUSDT, view("row", print_of()), "e-1"))
    assert data["largest"] == [
        {
            "id": 9,
            "qty": 2.98439,
            "side": "buy",
            "time": 1781228423554,
            "price": 63342.46,
            "notional_usd": 189038.6,
        }
    ]
    assert (data["count"], data["buy_count"], data["sell_count"]) == (7, 4, 3)
    assert data["buy_notional"] == 189038.6  # 189038.605 goes to the even neighbour
    assert (data["sell_notional"], data["net_notional"]) == (0, 189038.6)
    assert b'"min_notional":100000.0000000000000005,' in encode.large_data(RULES, BTCUSDT, view("row"), None)
    assert (data["group"], data["trades_scanned"], data["window_seconds"]) == ("row", 2000, 338.4)
    assert data["coverage"]["position"] == "e-1"


def test_orders_say_more_and_their_vwap_is_rounded_to_even() -> None:
    data = orjson.loads(encode.large_data(RULES, BTCUSDT, view("order", ORDER), None, group="order", exact=True))
    (row,) = data["largest"]
    assert list(row) == [
        *("id", "qty", "side", "time", "price", "notional_usd", "first_id", "last_id", "legs", "vwap", "levels")
    ]
    assert (row["first_id"], row["last_id"], row["notional_usd"]) == (10, 12, "3.00000001")
    assert row["vwap"] == "1"  # 3.00000001 / 3 = 1.0000000033…
    assert data["min_notional"] == "100000.0000000000000005"


@given(notional=st.integers(1, 10**34), qty=st.integers(1, 2**63 - 1))
def test_vwap_is_exact_to_eight_decimals(notional: int, qty: int) -> None:
    order = print_of(group="order", notional=notional, qty=qty)
    data = decoded(encode.large_event(RULES, BTCUSDT, order))
    with localcontext() as context:
        context.prec = 200
        assert data["vwap"] == rounded(Decimal(notional) / Decimal(qty) / 10**8, 8)


def test_large_event_is_one_row_with_its_symbol() -> None:
    event = orjson.loads(encode.large_event(RULES, BTCUSDT, print_of(late=True)))
    assert (event["symbol"], event["group"], event["late"]) == ("BTCUSDT", "row", True)
    rows = orjson.loads(encode.large_data(RULES, BTCUSDT, view("row", print_of()), None))["largest"]
    assert {key: event[key] for key in rows[0]} == rows[0]


def test_trades() -> None:
    trade = Trade(BTCUSDT.key, 5, 6_334_246_000_000, 100_000, SELL, 1_781_228_423_554_321, -1, -1, 0)
    event = orjson.loads(encode.trade_event(BTCUSDT, trade, late=True))
    row = {
        "id": 5,
        "price": 63342.46,
        "qty": 0.001,
        "side": "sell",
        "time": 1781228423554,
        "ts_event": 1781228423554321,
        "first_fill": None,
        "last_fill": None,
    }
    assert event == {"symbol": "BTCUSDT", **row, "late": True}
    rows = [Row(5, 6_334_246_000_000, -100_000, 1_781_228_423_554_321, -1, -1)]
    body = encode.trades_data(
        BTCUSDT,
        rows,
        held=(1, 5),
        missing=[(2, 4)],
        next_from_id=6,
        position="e-1",
        state="gap",
        generation=1,
    )
    data = orjson.loads(body)
    assert data["trades"] == [row]
    assert (data["count"], data["missing"], data["missing_total"]) == (1, [[2, 4]], 3)
    assert (data["first_id"], data["last_id"], data["next_from_id"]) == (1, 5, 6)
    exact = orjson.loads(encode.trade_event(BTCUSDT, trade, exact=True))
    assert (exact["price"], exact["qty"], exact["late"]) == ("63342.46", "0.001", False)


def test_log_events_about_holes_and_states() -> None:
    gap = orjson.loads(encode.gap_event(BTCUSDT, GapFound(BTCUSDT.key, 10, 12, 5_000_999)))
    assert gap == {"symbol": "BTCUSDT", "first": 10, "last": 12, "trades": 3, "time": 5000}
    corrected = Corrected(BTCUSDT.key, ((10, 11),), ((12, 12),), 6_000_000)
    body = encode.corrected_event(BTCUSDT, corrected, covered(missing=((12, 12),), missing_total=1), "e-9")
    data = orjson.loads(body)
    assert (data["filled"], data["lost"], data["missing"]) == ([[10, 11]], [[12, 12]], [[12, 12]])
    assert data["coverage"]["position"] == "e-9"
    state = orjson.loads(encode.state_event(BTCUSDT, StateChanged(BTCUSDT.key, "stale", 7_000_000, 'said "no"\n')))
    assert state == {"symbol": "BTCUSDT", "state": "stale", "since": 7000, "reason": 'said "no"\n'}


def test_gaps_newest_first_with_counts() -> None:
    records = [
        GapRecord(10, 12, 5_000_000, "repaired", 6_000_000, "backfill"),
        GapRecord(20, 20, 7_000_000),
    ]
    data = orjson.loads(encode.gaps_data(BTCUSDT, records, 1, "e-1"))
    assert [one["first"] for one in data["gaps"]] == [20, 10]
    assert (data["count"], data["open"], data["repaired"], data["lost"], data["missing_total"]) == (2, 1, 1, 0, 1)
    assert data["gaps"][1] == {
        "first": 10,
        "last": 12,
        "trades": 3,
        "status": "repaired",
        "found": 5000,
        "closed": 6000,
        "source": "backfill",
    }


def test_screener_rows_and_their_frame() -> None:
    row = ScreenerRow(ETHBTC, Sums(1, 1, 3, 1, 3 * 10**8, 10**8), 3_123_456, 9_999_999, 7, "live", 0, True)
    one = encode.screener_row(RULES, row)
    parsed = orjson.loads(one)
    assert (parsed["last_price"], parsed["last_time"], parsed["last_id"]) == (0.03123456, 9999, 7)
    assert (parsed["delta_quote"], parsed["quote_volume"]) == (0.00000002, 0.00000004)
    assert (parsed["buy_volume_share"], parsed["pressure"], parsed["trades"]) == (0.75, "strong_buy", 2)
    body = encode.screener_data(
        [one, one],
        venue="binance",
        market="spot",
        window="5m",
        sort="trades",
        order="desc",
        instruments=9,
        as_of=1_234_567,
        position="e-1",
    )
    data = orjson.loads(body)
    assert (data["count"], data["instruments"], data["as_of"], data["rows"]) == (2, 9, 1234, [parsed, parsed])


def test_names_are_escaped_and_stay_utf8() -> None:
    assert orjson.loads(encode.flow_data(RULES, CHINESE, flow(Sums()), None))["symbol"] == CHINESE.symbol


def test_the_published_list_has_what_the_contract_names() -> None:
    named = "USDT USDC FDUSD TUSD DAI USD1 U USD EUR TRY BRL BUSD USDP GBP JPY AUD"
    assert set(named.split()) <= FIAT_AND_STABLE
    assert (RULES.places("USDT"), RULES.places("BTC"), RULES.places("BNB")) == (2, 8, 8)
