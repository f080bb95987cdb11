from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.analytics import large
from orderflow_stream.analytics.large import CLOSE_AFTER, RING_MOST, RING_SPAN
from orderflow_stream.core.events import BUY, SELL, LargePrint, Refill, Restarted, Trade, Update
from tests.core.making import (
    DOLLAR,
    HOUR,
    KEY,
    MINUTE,
    ONE,
    SECOND,
    T0,
    feed,
    from_reference,
    law,
    make,
    tapes,
    to_reference,
    tracker,
    trade,
)
from tests.reference import oracle, tapefile

LEAST = 10 * DOLLAR


def leg(
    id_: int, units: int, *, ts: int = T0, fill: int | None = None, recv: int | None = None, price: int = 1
) -> Trade:
    """A row worth `units` x price dollars, of one order with its neighbours where time and fills chain (fill = id)."""
    at = id_ if fill is None else fill
    return trade(id_, units * ONE, price=price * ONE, ts=ts, fills=(at, at), recv=recv)


def told(updates: list[Update] | tuple[Update, ...] | None, group: str = "order") -> list[tuple[int, int, int, bool]]:
    """(id, first id, dollars, late) of the prints among the updates."""
    return [
        (one.id, one.first_id, one.notional // DOLLAR, one.late)
        for one in updates or ()
        if isinstance(one, LargePrint) and one.group == group
    ]


def ring(book: Any) -> list[tuple[int, int, int]]:
    return [(one.id, one.first_id, one.notional // DOLLAR) for one in tracker(book).ring]


# The scan against the judge


def compare(fed: list[Trade], least: int, **more: Any) -> None:
    engine, book = make(keep_trades=10_000)
    feed(engine, fed)
    rows = [to_reference(one) for one in fed]
    asked: dict[str, Any] = {"symbol": "BTCUSDT", "quote": "USDT", **more}
    minimum = Decimal(least).scaleb(-16, tapefile.EXACT)
    judges = {"row": oracle.rows_large, "order": oracle.orders_large}
    for group, judge in judges.items():
        expected = judge(rows, minimum, **asked)
        found = large.scan(book, min_notional=least, now=T0, group=group, **more)  # type: ignore[arg-type]
        assert (found.group, found.min_notional) == (group, least)
        for name in ("trades_scanned", "count", "buy_count", "sell_count"):
            assert getattr(found, name) == expected[name]
        for name in ("buy_notional", "sell_notional"):
            exact = Decimal(getattr(found, name)).scaleb(-16, tapefile.EXACT)
            assert oracle.rounded(exact, 2) == expected[name]
        assert len(found.prints) == len(expected["largest"])
        for one, entry in zip(found.prints, expected["largest"], strict=True):
            assert (one.id, one.side == BUY, one.ts_event // 1_000) == (
                entry["id"],
                entry["side"] == "buy",
                entry["time"],
            )
            assert (one.price, one.qty) == (oracle.to_units(entry["price"]), oracle.to_units(entry["qty"]))
            assert oracle.rounded(Decimal(one.notional).scaleb(-16, tapefile.EXACT), 2) == entry["notional_usd"]
            assert one.notional >= least
            if group == "order":
                assert (one.first_id, one.last_id, one.legs, one.levels) == (
                    *(entry["first_id"], entry["last_id"]),
                    *(entry["legs"], entry["levels"]),
                )


@pytest.mark.parametrize("more", [{}, {"trades": 777}, {"limit": 3}, {"trades": 300, "since_id": 502_800}])
def test_a_scan_is_the_references(more: dict[str, int]) -> None:
    trades = [from_reference(row) for row in oracle.synthetic(8, 3_000, holes=10, invalid=20)]
    for dollars in (1, 5_000, 100_000, 10**9):
        compare(trades, dollars * DOLLAR, **more)


@law(60)
@given(
    trades=tapes(),
    least=st.sampled_from([1, ONE, DOLLAR, 9 * 10**18 * ONE, 81 * 10**36, 81 * 10**36 + 1]),
    count=st.integers(1, 70),
    limit=st.integers(1, 9),
)
def test_any_scan_at_any_size_is_the_references(trades: list[Trade], least: int, count: int, limit: int) -> None:
    compare(trades, least, trades=count, limit=limit)


@pytest.mark.skipif(tapefile.tapes_dir() is None, reason="the recorded tapes are not beside this checkout")
@pytest.mark.parametrize("symbol, part", [("LTCUSDT", ""), ("XRPETH", "")])
def test_a_scan_of_a_recorded_tape_is_the_references(symbol: str, part: str) -> None:
    trades = [from_reference(row) for row in tapefile.tape(symbol, part).rows()[-6_000:]]
    for least in (DOLLAR // 10, 1_000 * DOLLAR, 10_000 * DOLLAR):
        compare(trades, least, trades=5_000)


def test_the_threshold_belongs_to_it_to_the_last_digit() -> None:
    engine, book = make()
    feed(engine, [trade(1, 10**9 + 1, price=10**9), trade(2, 10**9, price=10**9), trade(3, 10**9 - 1, price=10**9)])
    for group in ("row", "order"):
        found = large.scan(book, min_notional=10**18, now=T0, group=group)
        assert [one.id for one in found.prints] == [1, 2]


def test_the_very_first_fill_does_not_follow_an_unknown_one() -> None:
    engine, book = make()
    feed(engine, [trade(1, 6 * ONE, ts=T0), leg(2, 6, fill=0)])
    assert large.scan(book, min_notional=LEAST, now=T0, group="order").count == 0
    assert engine.advance(T0 + HOUR) == ()


def test_an_empty_tape_has_no_prints() -> None:
    _, book = make()
    for group in ("row", "order"):
        found = large.scan(book, min_notional=1, now=T0, group=group)
        assert (found.count, found.prints, found.trades_scanned, found.first_time) == (0, (), 0, None)


def test_equal_sizes_come_by_id_the_newest_first() -> None:
    engine, book = make()
    feed(engine, [leg(id_, 20 if id_ != 3 else 30, ts=T0 + id_) for id_ in range(1, 6)])
    found = large.scan(book, min_notional=LEAST, now=T0, limit=4)
    assert [one.id for one in found.prints] == [3, 5, 4, 2]
    assert (found.count, found.buy_notional // DOLLAR) == (5, 110)


# The tracker


def test_a_large_row_is_told_at_once_and_its_order_when_the_next_trade_is_foreign() -> None:
    engine, book = make()
    updates = engine.apply(leg(1, 12))
    assert (told(updates, "row"), told(updates)) == ([(1, 1, 12, False)], [])
    updates = engine.apply(leg(2, 1, ts=T0 + 1))
    assert (told(updates, "row"), told(updates)) == ([], [(1, 1, 12, False)])
    assert (ring(book), book.large_count) == ([(1, 1, 12)], {BUY: 1, SELL: 0})
    assert engine.advance(T0 + SECOND) == ()


def test_an_order_is_large_by_all_its_rows() -> None:
    engine, book = make()
    assert told(feed(engine, [leg(1, -4), leg(2, -4, price=1), leg(3, -4, price=2)]), "row") == []
    assert told(engine.advance(T0 + CLOSE_AFTER - 1)) == []
    (found,) = engine.advance(T0 + CLOSE_AFTER)
    assert isinstance(found, LargePrint)
    assert (found.id, found.first_id, found.last_id, found.legs, found.levels) == (3, 1, 3, 3, 2)
    assert (found.side, found.price, found.qty, found.notional) == (SELL, 2 * ONE, 12 * ONE, 16 * DOLLAR)
    assert (tracker(book).due, book.large_count) == (None, {BUY: 0, SELL: 1})
    assert engine.advance(T0 + SECOND) == ()
    assert engine.apply(leg(4, 1, ts=T0 + 1)) == ()


def test_time_counts_from_the_receipt_of_its_last_row() -> None:
    engine, book = make()
    late = T0 + 10 * SECOND  # the exchange lags
    feed(engine, [leg(1, 6, recv=late), leg(2, 6, recv=late + 20_000)])
    assert tracker(book).due == late + 20_000 + CLOSE_AFTER
    assert told(engine.advance(late + CLOSE_AFTER)) == []
    assert told(engine.advance(late + 20_000 + CLOSE_AFTER)) == [(2, 1, 12, False)]


def test_a_row_after_a_timed_close_tells_the_whole_as_late_in_place_of_the_part() -> None:
    engine, book = make()
    feed(engine, [leg(1, 6), leg(2, 6)])
    assert told(engine.advance(T0 + CLOSE_AFTER)) == [(2, 1, 12, False)]
    assert ring(book) == [(2, 1, 12)]
    engine.apply(leg(3, 1, recv=T0 + 40_000))
    assert told(engine.advance(T0 + 40_000 + CLOSE_AFTER)) == [(3, 1, 13, True)]
    assert told(engine.apply(leg(4, 1, recv=T0 + 90_000))) == []
    assert told(engine.apply(leg(5, 1, ts=T0 + 1))) == [(4, 1, 14, True)]
    assert (ring(book), book.large_count[BUY]) == ([(4, 1, 14)], 1)  # one order, counted once


@pytest.mark.parametrize(
    "second",
    [
        leg(3, 6),  # an id is missing between
        leg(2, 6, ts=T0 + 1),
        leg(2, -6),
        leg(2, 6, fill=3),
        trade(2, 6 * ONE, ts=T0),  # its fills are not told
    ],
)
def test_what_breaks_an_order(second: Trade) -> None:
    engine, book = make()
    updates = feed(engine, [leg(1, 6), second])
    assert told([*updates, *engine.advance(T0 + HOUR)]) == []
    assert ring(book) == []


def test_a_row_without_a_trade_breaks_an_order() -> None:
    engine, _ = make()
    feed(engine, [leg(1, 6), trade(2, 0, ts=T0), leg(3, 6, fill=2)])
    assert engine.advance(T0 + HOUR) == ()


def test_unknown_fills_chain_by_the_rest() -> None:
    engine, _ = make()
    feed(engine, [trade(1, 6 * ONE, ts=T0), trade(2, 6 * ONE, ts=T0)])
    assert told(engine.advance(T0 + HOUR)) == [(2, 1, 12, False)]


def test_an_order_across_chunk_borders_is_one() -> None:
    engine, book = make()
    feed(engine, [leg(id_, 1, ts=T0) for id_ in range(1, 601)])
    assert told(engine.advance(T0 + HOUR)) == [(600, 1, 600, False)]
    (found,) = large.scan(book, min_notional=LEAST, now=T0, group="order").prints
    assert (found.first_id, found.last_id, found.legs) == (1, 600, 600)
    (found,) = large.scan(book, min_notional=LEAST, now=T0, group="order", trades=300).prints
    assert (found.first_id, found.notional) == (301, 300 * DOLLAR)  # what of it is scanned


# Repairs


def test_the_middle_of_an_order_makes_one_of_its_parts() -> None:
    engine, book = make(warm=True)
    updates = feed(engine, [leg(1, 12), leg(3, 12), leg(4, 1, ts=T0 + 1)])
    assert told(updates) == [(1, 1, 12, False), (3, 3, 12, False)]
    updates = list(engine.apply(leg(2, 5)) or ())
    assert told(updates) == []  # its id was told already
    assert ring(book) == [(3, 1, 29)]
    assert book.large_count[BUY] == 2


def test_a_missing_row_that_makes_an_order_large_is_told_late() -> None:
    engine, book = make(warm=True)
    feed(engine, [leg(1, 4), leg(3, 4), leg(4, 1, ts=T0 + 1)])
    updates = list(engine.apply(Refill(KEY, (leg(2, 4),), T0, repair=True)) or ())
    assert (told(updates), ring(book), book.large_count[BUY]) == ([(3, 1, 12, True)], [(3, 1, 12)], 1)
    assert told(engine.apply(Refill(KEY, (leg(2, 4),), T0, repair=True))) == []


def test_a_row_that_comes_late_to_the_open_order_waits_with_it() -> None:
    engine, book = make(warm=True)
    feed(engine, [leg(1, 4), leg(3, 4)])
    updates = list(engine.apply(leg(2, 4)) or ())
    assert told(updates) == []
    assert told(engine.advance(T0 + CLOSE_AFTER)) == [(3, 1, 12, False)]
    assert ring(book) == [(3, 1, 12)]


def test_a_late_row_of_an_open_order_of_which_a_part_was_told_counts_it_once() -> None:
    engine, book = make(warm=True)
    feed(engine, [leg(2, 12), leg(3, 1)])
    engine.advance(T0 + CLOSE_AFTER)
    feed(engine, [leg(4, 1, recv=T0 + CLOSE_AFTER)])
    assert told(engine.apply(leg(1, 1))) == []
    assert ring(book) == [(3, 2, 13)]  # what was told stays until the whole is
    assert told(engine.advance(T0 + HOUR)) == [(4, 1, 15, True)]
    assert (ring(book), book.large_count[BUY]) == ([(4, 1, 15)], 1)


def test_a_repair_beyond_the_newest_closes_the_open_order_and_waits_with_its_own() -> None:
    engine, book = make(warm=True)
    feed(engine, [leg(1, 12)])
    updates = list(engine.apply(Refill(KEY, (leg(2, 20, ts=T0 + 5),), T0 + 5, repair=True)) or ())
    assert told(updates) == [(1, 1, 12, False)]
    assert told(updates, "row") == [(2, 2, 20, True)]
    assert told(engine.apply(leg(3, 1, ts=T0 + 5))) == []
    assert told(engine.apply(leg(4, 1, ts=T0 + 6))) == [(3, 2, 21, True)]
    assert (ring(book), book.large_count[BUY]) == ([(1, 1, 12), (3, 2, 21)], 2)


def test_a_repair_that_goes_on_with_the_open_order() -> None:
    engine, book = make(warm=True)
    feed(engine, [leg(1, 12)])
    assert told(engine.apply(Refill(KEY, (leg(2, 20), leg(3, 1, ts=T0 + 5)), T0 + 5, repair=True))) == [
        (2, 1, 32, True)
    ]
    assert (ring(book), book.large_count[BUY]) == ([(2, 1, 32)], 1)


def test_a_first_warm_up_fills_the_ring_and_says_nothing() -> None:
    engine, book = make(up=True)
    assert told(engine.apply(Refill(KEY, (leg(1, 12), leg(2, 1, ts=T0 + 1), leg(3, 15, ts=T0 + 2)), T0))) == []
    assert ring(book) == [(1, 1, 12), (3, 3, 15)]
    assert (book.large_count[BUY], dict(engine.pending)) == (0, {})
    assert told(engine.apply(leg(4, 1, ts=T0 + 2))) == []
    assert told(engine.advance(T0 + HOUR)) == [(4, 3, 16, True)]  # one order, begun before we came
    assert ring(book) == [(1, 1, 12), (4, 3, 16)]


def test_a_warm_up_page_does_not_swallow_the_open_order_of_the_stream() -> None:
    engine, book = make(up=True)
    feed(engine, [leg(5, 12)])
    assert told(engine.apply(Refill(KEY, tuple(leg(id_, 1) for id_ in range(1, 5)), T0, warm=True))) == []
    assert told(engine.advance(T0 + HOUR)) == [(5, 1, 16, False)]
    assert ring(book) == [(5, 1, 16)]


def test_an_order_whose_beginning_has_left_the_tape_stays_whole_in_the_ring() -> None:
    engine, book = make(windows=(SECOND,), keep_trades=300)
    feed(engine, [leg(id_, 1, ts=T0) for id_ in range(1, 400)])
    feed(engine, [leg(id_, 1, ts=T0 + HOUR) for id_ in range(401, 900)])
    first = book.tape.first()
    assert first is not None
    assert 1 < first.id < 400
    assert ring(book)[0] == (399, 1, 399)
    engine.apply(leg(400, 1))  # one more row of it, of which the tape has only the end
    assert ring(book)[0] == (399, 1, 399)


# The ring


def test_the_ring_outlives_the_tape_for_a_day() -> None:
    engine, book = make(windows=(MINUTE,), keep_trades=300)
    engine.apply(leg(1, 12))
    feed(engine, [leg(id_, 1, ts=T0 + id_ * MINUTE) for id_ in range(2, 1_000)])
    first = book.tape.first()
    assert first is not None
    assert first.id > 1
    assert ring(book) == [(1, 1, 12)]
    engine.apply(leg(1_000, 12, ts=T0 + RING_SPAN - 1))
    engine.apply(leg(1_001, 1, ts=T0 + RING_SPAN))
    assert [one[0] for one in ring(book)] == [1, 1_000]
    engine.apply(leg(1_002, 12, ts=T0 + RING_SPAN))
    engine.advance(T0 + 2 * RING_SPAN)
    assert [one[0] for one in ring(book)] == [1_000, 1_002]


def test_the_ring_has_a_bound() -> None:
    engine, book = make(threshold=1, keep_trades=300, windows=(1,))
    feed(engine, [trade(id_, ts=T0 + id_) for id_ in range(1, RING_MOST + 500)])
    assert len(tracker(book).ring) == RING_MOST
    assert tracker(book).ring[-1].id == RING_MOST + 498


def test_a_restart_empties_it() -> None:
    engine, book = make()
    feed(engine, [leg(1, 12), leg(2, 12, ts=T0 + 1)])
    engine.apply(Restarted(KEY, T0 + 2))
    assert (ring(book), dict(engine.pending), tracker(book).due) == ([], {}, None)
    assert told(engine.apply(leg(3, 12, ts=T0 + 1))) == []
    assert told(engine.advance(T0 + HOUR)) == [(3, 3, 12, False)]


@law(80)
@given(trades=tapes(invalid=True), least=st.sampled_from([DOLLAR, 30 * DOLLAR, 9 * 10**18 * ONE]))
def test_live_prints_are_the_orders_of_the_tape_once_each(trades: list[Trade], least: int) -> None:
    engine, book = make(threshold=least)
    found = feed(engine, trades)
    found += engine.advance(T0 + 2 * HOUR + 60 * MINUTE * 24)
    expected = oracle.orders([to_reference(one) for one in trades])
    large_ones = [one.id for one in expected if oracle.to_units(one.notional, 16) >= least]
    assert [one[0] for one in told(found)] == large_ones
    assert [one.id for one in tracker(book).ring] == large_ones
    rows = [one.id for one in trades if one.price * one.qty >= least]
    assert [one[0] for one in told(found, "row")] == rows
    assert sum(book.large_count.values()) == len(large_ones)


# Another threshold while running


@law(150)
@given(tapes(), st.integers(1, 40), st.integers(1, 40))
def test_a_changed_threshold_keeps_what_one_from_the_start_would_have(
    fed: list[Trade], before: int, after: int
) -> None:
    engine, book = make(threshold=before * DOLLAR)
    feed(engine, fed)
    tracker(book).set_threshold(after * DOLLAR)
    other, expected = make(threshold=after * DOLLAR)
    feed(other, fed)
    assert ring(book) == ring(expected)
    # The order that is open is told once it is over, by the threshold in force then, unless it was told before.
    if fed:
        late = fed[-1].ts_recv + CLOSE_AFTER
        assert told(engine.advance(late)) == told(other.advance(late))
