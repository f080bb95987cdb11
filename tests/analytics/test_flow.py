from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.analytics import flow
from orderflow_stream.core.coverage import Coverage
from orderflow_stream.core.events import BUY, Trade
from orderflow_stream.core.sums import Sums
from tests.core.making import (
    HOUR,
    MINUTE,
    SECOND,
    T0,
    WINDOWS,
    feed,
    from_reference,
    law,
    make,
    run,
    sums_of,
    tapes,
    trade,
)
from tests.reference import oracle, tapefile


def same_sums(found: Sums, expected: oracle.Sums) -> None:
    """To the last digit: decimals against integers."""
    assert (found.buy_trades, found.sell_trades) == (expected.buy_trades, expected.sell_trades)
    for name in ("buy_base", "sell_base"):
        assert getattr(found, name) == oracle.to_units(getattr(expected, name))
    for name in ("buy_quote", "sell_quote"):
        assert getattr(found, name) == oracle.to_units(getattr(expected, name), 16)


def same_account(found: Coverage, expected: dict[str, Any]) -> None:
    got = {name: getattr(found, name) for name in expected}
    assert got | {"missing": [list(pair) for pair in found.missing]} == expected


def compare(rows: list[tapefile.Row], checks: int) -> None:
    """Feed the rows; at `checks` moments hold every answer against the judge's."""
    engine, book = make(warm=True, windows=(MINUTE, 5 * MINUTE, HOUR))
    stride = max(len(rows) // checks, 1)
    for index, row in enumerate(rows):
        engine.apply(from_reference(row))
        if index % stride and index != len(rows) - 1:
            continue
        held = [one for one in rows[: index + 1] if one.id >= (book.sequence.first or 0)]
        for count in (1, 100, 777, 5_000):
            found = flow.over_trades(book, count, 0)
            inside = oracle.scan(held, trades=count)
            same_sums(found.sums, oracle.sums(inside))
            same_account(found.coverage, oracle.coverage(held, trades=count))
            assert found.trades == len(inside)
            assert (found.first_time, found.last_time) == (inside[0].ts_us, inside[-1].ts_us)
            assert found.last_price == oracle.to_units(inside[-1].price)
        for span in (MINUTE, 5 * MINUTE, HOUR):
            for ahead in (0, 1, 30 * SECOND):
                now = row.ts_us + ahead
                found = flow.over_window(book, span, now)
                inside = oracle.scan(held, window=(now, span))
                same_sums(found.sums, oracle.sums(inside))
                same_account(found.coverage, oracle.coverage(held, window=(now, span)))
                assert flow.window_sums(book, span, now) == found.sums


@pytest.mark.parametrize("holes, invalid", [(0, 0), (25, 0), (0, 40), (30, 200)])
def test_every_answer_is_the_references(holes: int, invalid: int) -> None:
    compare(oracle.synthetic(holes + invalid, 2_500, holes=holes, invalid=invalid), 40)


def test_every_answer_is_the_references_in_a_market_of_seconds() -> None:
    compare(oracle.synthetic(4, 6_000, holes=9, invalid=5, pause_us=900_000, milliseconds=True), 12)


@pytest.mark.skipif(tapefile.tapes_dir() is None, reason="the recorded tapes are not beside this checkout")
@pytest.mark.parametrize("symbol, part", [("LTCUSDT", ""), ("XRPETH", ""), ("BTCUSDT", "spot-2023-04-05")])
def test_every_answer_over_a_recorded_tape_is_the_references(symbol: str, part: str) -> None:
    compare(tapefile.tape(symbol, part).rows()[:9_000], 4)


@law(80)
@given(trades=tapes(most=60), count=st.integers(1, 70), later=st.sampled_from([0, 1, SECOND, 10 * SECOND, HOUR]))
def test_any_tape_by_count_and_by_time_is_brute_force(trades: list[Trade], count: int, later: int) -> None:
    engine, book = make(warm=True)
    feed(engine, trades)
    valid = [one for one in trades if one.qty]
    found = flow.over_trades(book, count, T0)
    assert found.sums == sums_of(valid[-count:])
    assert (found.first_time, found.last_time, found.last_price) == (
        (valid[-count:][0].ts_event, valid[-1].ts_event, valid[-1].price) if valid else (None, None, None)
    )
    now = max([one.ts_event for one in valid], default=T0) + later
    for span in WINDOWS:
        inside = [one for one in valid if now - span < one.ts_event <= now]
        found = flow.over_window(book, span, now)
        assert found.sums == sums_of(inside) == flow.window_sums(book, span, now)
        assert found.last_price == (inside[-1].price if inside else None)
        assert found.coverage.requested_from == now - span


def test_an_empty_span_says_nothing() -> None:
    engine, book = make(warm=True)
    for found in (flow.over_trades(book, 100, T0), flow.over_window(book, MINUTE, T0)):
        assert (found.sums, found.trades, found.first_time, found.last_time, found.last_price) == (
            *(Sums(), 0, None),
            *(None, None),
        )
        assert found.coverage.first_id is None
    feed(engine, [trade(1)])
    found = flow.over_window(book, MINUTE, T0 + HOUR)
    assert (found.trades, found.last_price, found.coverage.expected) == (0, None, 0)


def test_a_slow_clock_does_not_drop_the_newest_trade_nor_a_fast_one_age_it() -> None:
    engine, book = make(warm=True)
    feed(engine, run(1, 100))
    newest = T0 + 100 * SECOND
    assert flow.over_window(book, 10 * SECOND, T0) == flow.over_window(book, 10 * SECOND, newest)
    assert flow.over_window(book, 10 * SECOND, newest).trades == 10
    assert flow.over_window(book, 10 * SECOND, newest + SECOND).trades == 9


def test_a_count_goes_across_holes_and_tells_of_them() -> None:
    engine, book = make(warm=True)
    feed(engine, [*run(1, 50), *run(61, 100)])
    found = flow.over_trades(book, 60, T0)
    assert found.trades == 60
    assert (found.coverage.first_id, found.coverage.last_id) == (31, 100)
    assert (found.coverage.missing, found.coverage.complete) == (((51, 60),), False)
    assert flow.over_trades(book, 40, T0).coverage.complete


def test_a_window_that_is_not_configured_is_an_error() -> None:
    with pytest.raises(KeyError):
        flow.over_window(make()[1], 7, T0)
    assert BUY == 1
