"""Liquidations are kept for a day, each once; and since when all of them would have been heard."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from orderflow_stream.core import liquidations
from orderflow_stream.core.events import BUY, SELL, Liquidation, LiquidationFeed
from orderflow_stream.core.liquidations import SPAN
from tests.core.contracts import INVERSE, USDM, make
from tests.core.making import BTC, HOUR, ONE, SECOND, T0, answers, feed, law, run


def one(n: int, ts: int, *, recv: int = 0, side: int = SELL) -> Liquidation:
    return Liquidation(USDM.key, side, 30_000 * ONE, 29_990 * ONE, n * ONE, n * ONE, ts, recv or ts + 9, "FILLED")


def test_it_is_kept_and_returned_and_changes_nothing_else() -> None:
    engine, book = make(USDM)
    feed(engine, [replace(each, instrument=USDM.key) for each in run(1, 40)])
    before = answers(engine, book, T0 + HOUR), book.state, book.coverage(1, T0 + 41 * SECOND), book.counters
    found = one(1, T0 + 41 * SECOND)
    assert engine.apply(found) == (found,)
    assert book.liquidations == [found]
    assert (answers(engine, book, T0 + HOUR), book.state, book.coverage(1, T0 + 41 * SECOND), book.counters) == before


def test_the_twin_connection_tells_nothing_new() -> None:
    engine, book = make(USDM)
    found, other = one(1, T0), one(1, T0, side=BUY)
    assert engine.apply(found) == (found,)
    assert engine.apply(replace(found, ts_recv=found.ts_recv + 3_000)) is None
    assert engine.apply(other) == (other,)  # the same moment, another side
    assert engine.apply(one(2, T0 + SECOND)) is not None
    assert engine.apply(found) is None
    assert len(book.liquidations) == 3


def test_what_has_no_book_is_nothing() -> None:
    engine, _ = make(INVERSE)
    assert engine.apply(one(1, T0)) is None


@law(60)
@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 30)), max_size=60))
def test_by_time_each_once_for_a_day_at_most(told: list[tuple[int, int]]) -> None:
    engine, book = make(USDM)
    engine.now = T0 + 30 * HOUR
    for n, hours in told:
        engine.apply(one(n, T0 + hours * HOUR))
    assert {(each.qty // ONE, each.ts_event) for each in book.liquidations} == {
        (n, T0 + hours * HOUR) for n, hours in told if hours > 6
    }
    times = [each.ts_event for each in book.liquidations]
    assert times == sorted(times)
    assert len(times) == len({(n, hours) for n, hours in told if hours > 6})


def test_the_oldest_go_where_there_are_too_many(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(liquidations, "MOST", 5)
    engine, book = make(USDM)
    for n in range(1, 12):
        engine.apply(one(n, T0 + n))
    assert [each.qty // ONE for each in book.liquidations] == [7, 8, 9, 10, 11]


def test_they_go_as_time_passes_even_if_none_comes() -> None:
    engine, book = make(USDM)
    engine.apply(one(1, T0))
    engine.apply(one(2, T0 + HOUR))
    engine.advance(T0 + SPAN - 1)
    assert len(book.liquidations) == 2
    engine.advance(T0 + SPAN + 10 * SECOND)
    assert [each.qty // ONE for each in book.liquidations] == [2]


def test_one_of_the_future_ages_no_other() -> None:
    engine, book = make(USDM)
    engine.advance(T0 + HOUR)
    engine.apply(one(1, T0))
    engine.apply(one(2, T0 + 400 * HOUR))
    assert len(book.liquidations) == 2


def test_the_stream_is_up_as_long_as_one_connection_is() -> None:
    engine, book = make(USDM)
    other = engine.add(BTC)
    assert (book.liquidations_since, other.liquidations_since) == (-1, -1)
    venue = USDM.venue
    assert engine.apply(LiquidationFeed(venue, True, T0, connection=1)) == ()
    engine.apply(LiquidationFeed(venue, True, T0 + SECOND, connection=2))
    assert (book.liquidations_since, other.liquidations_since) == (T0, -1)
    engine.apply(LiquidationFeed(venue, False, T0 + 2 * SECOND, "closed", connection=1))
    assert book.liquidations_since == T0
    engine.apply(LiquidationFeed(venue, False, T0 + 3 * SECOND, "closed", connection=2))
    assert book.liquidations_since == -1
    engine.apply(LiquidationFeed(venue, True, T0 + 9 * SECOND, connection=3))
    assert book.liquidations_since == T0 + 9 * SECOND


def test_a_book_that_is_new_has_heard_nothing_from_before_it_was() -> None:
    engine, book = make(USDM)
    engine.apply(LiquidationFeed(USDM.venue, True, T0))
    engine.advance(T0 + HOUR)
    late = engine.add(replace(USDM, symbol="ETHUSDT"))
    assert (book.liquidations_since, late.liquidations_since) == (T0, T0 + HOUR)
    engine.apply(LiquidationFeed(USDM.venue, True, T0 + 2 * HOUR, connection=2))
    assert (book.liquidations_since, late.liquidations_since) == (T0, T0 + HOUR)


def test_ids_that_begin_anew_have_nothing_to_do_with_them() -> None:
    engine, book = make(USDM)
    engine.apply(one(1, T0))
    book.restart(T0 + SECOND)
    assert len(book.liquidations) == 1
