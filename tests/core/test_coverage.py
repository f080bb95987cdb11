import msgspec
import pytest

from orderflow_stream.core.coverage import Coverage
from orderflow_stream.core.events import Refill
from tests.core.making import KEY, MINUTE, SECOND, T0, feed, make, run, trade


def test_an_answer_over_nothing() -> None:
    _, book = make()
    found = book.coverage(None, T0, trades=100)
    assert (found.first_id, found.last_id, found.expected, found.received, found.missing_total) == (None, None, 0, 0, 0)
    assert (found.as_of, found.last_trade_age, found.lag) == (None, None, None)
    assert (found.state, found.complete, found.reaches_back) == ("connecting", False, False)


def test_all_fields_of_a_whole_answer() -> None:
    engine, book = make(warm=True, origin=True)
    feed(engine, [*run(0, 9), trade(10, 1, recv=T0 + 10 * SECOND + 250_000)])
    engine.clock_offset = -1_500
    found = book.coverage(3, T0 + 12 * SECOND, since=T0, until=T0 + 12 * SECOND)
    assert found == Coverage(
        first_id=3,
        last_id=10,
        expected=8,
        received=8,
        invalid=0,
        missing=(),
        missing_total=0,
        requested_trades=None,
        requested_from=T0,
        requested_to=T0 + 12 * SECOND,
        reaches_back=True,
        complete=True,
        state="live",
        as_of=T0 + 10 * SECOND,
        generation=1,
        source="stream",
        last_trade_age=2 * SECOND,
        lag=250_000,
        clock_offset=-1_500,
    )
    with pytest.raises(AttributeError):
        found.complete = False  # type: ignore[misc]


def test_a_hole_counts_only_where_the_answer_spans_it() -> None:
    engine, book = make(warm=True)
    feed(engine, [*run(1, 10), *run(14, 30)])
    spans, past = book.coverage(5, T0, trades=10), book.coverage(14, T0, trades=10)
    assert (spans.missing, spans.missing_total, spans.expected, spans.received) == (((11, 13),), 3, 26, 23)
    assert (spans.state, spans.complete) == ("gap", False)
    assert (past.missing, past.missing_total, past.state, past.complete) == ((), 0, "live", True)
    inside = book.coverage(12, T0, trades=1)  # cut to what is spanned
    assert inside.missing == ((12, 13),)


def test_a_lost_hole_is_partial_and_an_open_one_beside_it_a_gap() -> None:
    engine, book = make(warm=True)
    feed(engine, [*run(1, 10), *run(14, 20), *run(22, 30)])
    engine.apply(Refill(KEY, (), T0, lost=((11, 13),), repair=True))
    assert [book.coverage(first, T0, trades=5).state for first in (5, 14, 22)] == ["gap", "gap", "live"]
    engine.apply(Refill(KEY, (trade(21),), T0, repair=True))
    found = book.coverage(5, T0, trades=5)
    assert (found.state, found.complete, found.missing_total) == ("partial", False, 3)


def test_rows_without_a_trade_are_received_and_counted_apart() -> None:
    engine, book = make(warm=True)
    feed(engine, [*run(1, 3), trade(4, 0), trade(5, 0), *run(6, 7), trade(8, 0)])
    found = book.coverage(2, T0, trades=4)
    assert (found.first_id, found.last_id, found.expected, found.received, found.invalid) == (2, 8, 7, 7, 3)
    assert found.complete


def test_fewer_trades_than_asked_stand_on_what_is_held_and_on_the_hole_before() -> None:
    engine, book = make(warm=True)
    feed(engine, [trade(1, 0), *run(2, 4)])
    found = book.coverage(2, T0, trades=100)
    assert (found.first_id, found.received, found.invalid, found.reaches_back) == (2, 3, 0, False)
    engine, book = make(warm=True)
    feed(engine, [trade(1, 0), *run(4, 6)])
    found = book.coverage(4, T0, trades=100)
    assert (found.first_id, found.received, found.missing) == (2, 3, ((2, 3),))


def test_a_window_stands_on_the_hole_it_begins_at() -> None:
    """Its trades are older than the first in the window; nobody knows that they are older than the window."""
    engine, book = make(warm=True)
    feed(engine, [*run(1, 10), trade(15, 0), *run(21, 30)])
    now = T0 + 30 * SECOND
    found = book.coverage(21, now, since=T0 + 15 * SECOND, until=now)
    assert (found.first_id, found.missing, found.missing_total) == (11, ((11, 14), (16, 20)), 9)
    assert (found.received, found.invalid, found.complete) == (11, 1, False)
    whole = book.coverage(22, now, since=T0 + 21 * SECOND, until=now)
    assert (whole.first_id, whole.missing_total, whole.complete) == (22, 0, True)
    asked = book.coverage(21, now, trades=10)  # the last ten held: what is missing before them is not asked for
    assert (asked.first_id, asked.complete) == (21, True)


def test_a_window_in_which_nothing_was_traded() -> None:
    engine, book = make(warm=True)
    feed(engine, [*run(1, 3), trade(4, 0, ts=T0 + MINUTE)])
    found = book.coverage(None, T0 + MINUTE, since=T0 + MINUTE - 1, until=T0 + 2 * MINUTE)
    assert (found.first_id, found.expected, found.complete) == (None, 0, True)
    engine.apply(trade(7, 0, ts=T0 + MINUTE))  # what is missing before it may have been traded in the window
    found = book.coverage(None, T0 + MINUTE, since=T0 + MINUTE - 1, until=T0 + 2 * MINUTE)
    assert (found.first_id, found.last_id, found.missing, found.complete) == (5, 7, ((5, 6),), False)


def test_it_is_a_plain_value() -> None:
    _, book = make()
    assert msgspec.to_builtins(book.coverage(None, T0, trades=1))["requested_trades"] == 1
