"""What futures have beside the members of spot: volumes without RPI trades, contracts, confidence."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.analytics import flow
from orderflow_stream.analytics.large import LargeTracker, scan
from orderflow_stream.core.book import Book
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import BUY, SELL, UNTOLD, FeedUp, Instrument, LargePrint, Refill, Trade
from orderflow_stream.core.sums import Sums
from orderflow_stream.delivery import encode
from tests.core.making import law
from tests.delivery.encoding import BTCUSDT, ORDER, ORIGINAL, RULES, decoded, view
from tests.delivery.encoding import flow as flow_of
from tests.delivery.encoding import print_of as spot_print

E8 = 10**8
T0 = 1_760_000_000_000_000
MINUTE = 60_000_000
PERP = Instrument(
    *("binance-usdm", "BTCUSDT", "BTC", "USDT"), market="usdm", kind="perpetual", row_span=100_000, rpi=True
)
INVERSE = Instrument(
    *("venue-x", "BTCUSD_PERP", "BTC", "USD"), market="coinm", kind="perpetual", row_span=100_000, contract=100 * E8
)
RPI = (
    *("taker_buy_base_nq", "taker_sell_base_nq", "taker_buy_quote_nq", "taker_sell_quote_nq"),
    *("delta_base_nq", "delta_quote_nq"),
)
CONTRACTS = ("contract_size", "taker_buy_contracts", "taker_sell_contracts", "delta_contracts")


def book_of(instrument: Instrument, *rows: tuple[int, int, int]) -> Book:
    """A warm book with trades of (signed qty, price, nq), one a second."""
    engine: Engine = Engine(
        windows=(MINUTE,), analytics=lambda book: (LargeTracker(book, 10**16, engine.pending),), keep_trades=5_000
    )
    book = engine.add(instrument)
    engine.apply(FeedUp((instrument.key,), T0, 1))
    engine.apply(Refill(instrument.key, (), T0, warm=True, origin=True))
    for number, (qty, price, nq) in enumerate(rows, 1):
        engine.apply(trade(instrument, number, qty, price, nq))
    return book


def trade(instrument: Instrument, id_: int, qty: int, price: int, nq: int = UNTOLD) -> Trade:
    at = T0 + id_ * 1_000_000
    return Trade(instrument.key, id_, price, abs(qty), BUY if qty > 0 else SELL, at, id_, id_, at, nq)


def flow_json(book: Book, *, exact: bool = False, window: bool = False) -> dict[str, Any]:
    now = T0 + 30_000_000
    found = flow.over_window(book, MINUTE, now) if window else flow.over_trades(book, 1_000, now)
    data = encode.flow_data(RULES, book.instrument, found, "e-1", window="1m" if window else None, exact=exact)
    return decoded(data)


def shown(value: Fraction, places: int) -> Decimal:
    """The exact value rounded half to even, by integers alone."""
    scaled, rest = divmod(value.numerator * 10**places, value.denominator)
    twice = 2 * rest
    scaled += twice > value.denominator or (twice == value.denominator and scaled % 2 == 1)
    return Decimal(scaled).scaleb(-places)


# -- spot ---------------------------------------------------------------------------------------------------------


def test_spot_is_as_it_was_to_the_last_byte() -> None:
    body = encode.flow_data(RULES, BTCUSDT, flow_of(ORIGINAL), "e-1")
    assert body.startswith(
        b'{"note":"delta_quote (the CVD over the window) is taker-buy minus taker-sell quote volume;'
    )
    assert body[body.index(b'"source"') : body.index(b',"coverage"')] == (
        b'"source":"Binance","symbol":"BTCUSDT","venue":"binance","market":"spot","pressure":"balanced",'
        b'"cvd_quote":-42965.59,"delta_quote":-42965.59,"delta_base":-0.6786,"buy_trades":1066,"sell_trades":934,'
        b'"trades_scanned":2000,"taker_buy_base":37.98445,"taker_buy_quote":2406493.72,"taker_sell_base":38.66305,'
        b'"taker_sell_quote":2449459.32,"buy_sell_ratio":0.9824,"buy_volume_share":0.4956,"window_seconds":338.4,'
        b'"last_price":63354.69,"first_time":1781228085154,"last_time":1781228423554'
    )
    row = encode.large_event(RULES, BTCUSDT, ORDER)
    assert row == (
        b'{"symbol":"BTCUSDT","group":"order","id":12,"qty":3,"side":"sell","time":1781228423554,"price":63342.46,'
        b'"notional_usd":3,"first_id":10,"last_id":12,"legs":1,"vwap":1,"levels":1,"late":false}'
    )
    assert encode.trade_event(BTCUSDT, trade(BTCUSDT, 7, -3 * E8, 5 * E8), late=True) == (
        b'{"symbol":"BTCUSDT","id":7,"price":5,"qty":3,"side":"sell","time":1760000007000,'
        b'"ts_event":1760000007000000,"first_fill":7,"last_fill":7,"late":true}'
    )


# -- without RPI trades -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("window", [False, True])
def test_volumes_without_rpi_trades_stand_beside_the_others(window: bool) -> None:
    book = book_of(PERP, (3 * E8, 10 * E8, 2 * E8), (-5 * E8, 11 * E8, 5 * E8), (E8, 12 * E8, 0))
    data = flow_json(book, window=window)
    assert (data["taker_buy_base"], data["taker_sell_base"], data["delta_quote"]) == (4, 5, 42 - 55)
    assert {name: data[name] for name in RPI} == {
        "taker_buy_base_nq": 2,
        "taker_sell_base_nq": 5,
        "taker_buy_quote_nq": 20,
        "taker_sell_quote_nq": 55,
        "delta_base_nq": -3,
        "delta_quote_nq": -35,
    }
    assert flow_json(book, window=window, exact=True)["delta_quote_nq"] == "-35"
    assert (data["market"], data["venue"], data["source"]) == ("usdm", "binance-usdm", "Binance")


def test_they_are_null_where_one_trade_does_not_tell() -> None:
    data = flow_json(book_of(PERP, (3 * E8, 10 * E8, 2 * E8), (-5 * E8, 11 * E8, UNTOLD)))
    assert {name: data[name] for name in RPI} == dict.fromkeys(RPI)
    empty = flow_json(book_of(PERP))
    assert {empty[name] for name in RPI} == {0}


def test_no_rpi_no_members() -> None:
    for instrument in (BTCUSDT, INVERSE):
        assert not set(RPI) & set(flow_json(book_of(instrument, (E8, E8, UNTOLD))))
    assert not set(CONTRACTS) & set(flow_json(book_of(PERP, (E8, E8, E8))))


def test_the_row_of_a_trade_tells_its_own() -> None:
    assert decoded(encode.trade_event(PERP, trade(PERP, 1, 3 * E8, E8, 2 * E8)))["nq"] == 2
    assert decoded(encode.trade_event(PERP, trade(PERP, 1, 3 * E8, E8, 0), exact=True))["nq"] == "0"
    assert decoded(encode.trade_event(PERP, trade(PERP, 1, 3 * E8, E8)))["nq"] is None
    book = book_of(PERP, (3 * E8, E8, 2 * E8), (-E8, E8, UNTOLD))
    page = _page(book)
    assert [row["nq"] for row in page["trades"]] == [2, None]
    assert "nq" not in _page(book_of(BTCUSDT, (E8, E8, UNTOLD)))["trades"][0]


def _page(book: Book, exact: bool = False) -> dict[str, Any]:
    body = encode.trades_data(
        book.instrument,
        book.tape.rows(0, 100),
        held=(1, 2),
        missing=(),
        next_from_id=3,
        position=None,
        state="live",
        generation=1,
        exact=exact,
    )
    return decoded(body)


# -- inverse contracts --------------------------------------------------------------------------------------------

rows = st.lists(
    st.tuples(
        st.sampled_from([1, -1, 3, -7, 45, -(10**9)]).map(lambda count: count * E8),
        st.integers(1, 10**14),
        st.just(UNTOLD),
    ),
    max_size=12,
)


@law(100)
@given(rows)
def test_base_of_contracts_is_right_to_the_last_digit_shown(told: list[tuple[int, int, int]]) -> None:
    book = book_of(INVERSE, *told)
    exact = {side: Fraction(0) for side in (BUY, SELL)}
    count = dict.fromkeys((BUY, SELL), 0)
    for qty, price, _ in told:
        side = BUY if qty > 0 else SELL
        exact[side] += Fraction(abs(qty) * 100, price)
        count[side] += abs(qty) // E8
    data = flow_json(book)
    assert data["taker_buy_base"] == shown(exact[BUY], 8)
    assert data["taker_sell_base"] == shown(exact[SELL], 8)
    assert data["delta_base"] == shown(exact[BUY] - exact[SELL], 8)
    assert (data["taker_buy_quote"], data["taker_sell_quote"]) == (100 * count[BUY], 100 * count[SELL])
    assert data["contract_size"] == 100
    assert (data["taker_buy_contracts"], data["taker_sell_contracts"]) == (count[BUY], count[SELL])
    assert data["delta_contracts"] == count[BUY] - count[SELL]
    strings = flow_json(book, exact=True)
    assert abs(Decimal(strings["taker_buy_base"]) - shown(exact[BUY], 20)) <= Decimal("0.51e-16")
    assert strings["delta_contracts"] == str(count[BUY] - count[SELL])
    if told:
        assert data["buy_volume_share"] == shown(exact[BUY] / (exact[BUY] + exact[SELL]), 4)


def test_a_row_of_contracts_shows_both() -> None:
    one = trade(INVERSE, 1, -7 * E8, 30_000 * E8)
    data = decoded(encode.trade_event(INVERSE, one))
    assert (data["qty"], data["contracts"], data["price"]) == (Decimal("0.02333333"), 7, 30_000)
    strings = decoded(encode.trade_event(INVERSE, one, exact=True))
    assert (strings["qty"], strings["contracts"]) == ("0.0233333333333333", "7")
    assert _page(book_of(INVERSE, (-7 * E8, 30_000 * E8, UNTOLD)))["trades"][0]["qty"] == Decimal("0.02333333")
    assert "contracts" not in decoded(encode.trade_event(PERP, trade(PERP, 1, E8, E8, E8)))


def test_large_prints_of_contracts() -> None:
    book = book_of(INVERSE)
    tracker = book.analytics[0]
    found: list[LargePrint] = []
    for id_, price in ((1, 50_000), (2, 40_000)):
        one = trade(INVERSE, id_, 5 * E8, price * E8)
        one.ts_event = one.ts_recv = T0
        found += [update for update in tracker.on_trade(one) or () if update.group == "row"]
        book.tape.append(one.id, one.price, one.qty, one.side, T0, one.first_id, one.last_id)
    found += tracker.advance(T0 + MINUTE) or ()
    row, _, order = (decoded(encode.large_event(RULES, INVERSE, one)) for one in found)
    assert (row["qty"], row["contracts"], row["notional_usd"]) == (Decimal("0.01"), 5, 500)
    assert "confidence" not in row
    assert (order["qty"], order["contracts"], order["notional_usd"]) == (Decimal("0.0225"), 10, 1_000)
    assert order["vwap"] == shown(Fraction(1_000 * 10_000, 225), 8)
    assert order["confidence"] == "likely"
    scanned = scan(book, min_notional=1, now=T0, group="order")
    listed = decoded(encode.large_data(RULES, INVERSE, scanned, None, group="order"))["largest"]
    assert listed == [{name: value for name, value in order.items() if name not in {"symbol", "group", "late"}}]


def test_the_sums_of_a_window_in_short_and_a_row_of_the_screener() -> None:
    sums = Sums(1, 0, 10**24 // 3, 0, 100 * 10**16, 0)
    row = encode.ScreenerRow(INVERSE, sums, None, None, None, "live", 0, True)
    assert decoded(encode.screener_row(RULES, row))["delta_base"] == Decimal("0.33333333")
    event = encode.flow_event(RULES, INVERSE, flow_of(sums), {"1m": sums}, 0, None, exact=True)
    assert decoded(event)["windows"]["1m"]["delta_base"] == "0.3333333333333333"


# -- confidence and notes -----------------------------------------------------------------------------------------


def test_confidence_is_said_of_orders_only_where_it_is_known() -> None:
    order = spot_print(instrument=PERP.key, group="order", confidence="possible")
    assert decoded(encode.large_event(RULES, PERP, order))["confidence"] == "possible"
    assert "confidence" not in decoded(encode.large_event(RULES, BTCUSDT, spot_print(group="order")))


@pytest.mark.parametrize("group", ["row", "order"])
def test_the_note_says_what_a_row_is(group: str) -> None:
    merged = decoded(encode.large_data(RULES, PERP, view(group), None, group=group))["note"]
    assert "100 ms" in merged
    assert "merges" in merged
    assert "100 ms" not in decoded(encode.large_data(RULES, BTCUSDT, view(group), None, group=group))["note"]
