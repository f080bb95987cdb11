"""Flow and screener against numbers computed by hand, and against `decimal`."""

from decimal import Decimal, localcontext

import orjson
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.core.events import Instrument
from orderflow_stream.core.sums import Sums
from orderflow_stream.delivery import encode
from orderflow_stream.delivery.encode import ScreenerRow
from tests.delivery.encoding import BTCUSDT, CHINESE, ETHBTC, ORIGINAL, RULES, decoded, flow, of, rounded

AMOUNTS = st.integers(0, 10**30)
SUMS = st.builds(Sums, *[st.integers(0, 10_000)] * 2, *[AMOUNTS] * 4)


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
