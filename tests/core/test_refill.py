import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.core.book import Book
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import (
    Corrected,
    FeedUp,
    GapFound,
    LargePrint,
    LateTrades,
    Refill,
    Trade,
    Update,
)
from tests.core.making import (
    DOLLAR,
    HOUR,
    KEY,
    SECOND,
    T0,
    answers,
    check_tape,
    feed,
    kinds,
    law,
    make,
    run,
    sums_of,
    tapes,
    tracker,
    trade,
)


def check(engine: Engine, book: Book, held: set[int]) -> None:
    """The account and the tape hold together after every single step."""
    check_tape(book.tape)
    sequence = book.sequence
    if held:
        assert (sequence.first, sequence.newest) == (min(held), max(held))
        found = book.coverage(min(held), engine.now, trades=10**6)
        assert (found.expected, found.received) == (max(held) - min(held) + 1, len(held))
        assert found.expected == found.received + found.missing_total
        assert sequence.open + sequence.lost == found.missing_total
        assert len(book.tape) == found.received - found.invalid
    assert [one.id for one in tracker(book).ring] == sorted({one.id for one in tracker(book).ring})


def in_order(trades: list[Trade], now: int, **more: Any) -> dict[str, Any]:
    engine, book = make(**more)
    feed(engine, trades)
    engine.advance(now)
    return answers(engine, book, now)


@pytest.mark.parametrize("chunk", [4, 256])
@law(100)
@given(data=st.data())
def test_any_order_duplicates_holes_and_pieces_end_as_if_all_had_come_in_order(data: st.DataObject, chunk: int) -> None:
    trades = data.draw(tapes(most=40))
    now = max(one.ts_event for one in trades) + data.draw(st.sampled_from([SECOND, 20 * SECOND]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(trades)), max_size=8)))
    parts = [part for a, b in zip([0, *cuts], [*cuts, len(trades)], strict=True) if (part := trades[a:b])]
    script = data.draw(st.permutations(parts))
    repeats = data.draw(st.lists(st.sampled_from(parts), max_size=3))
    threshold = data.draw(st.sampled_from([DOLLAR, 30 * DOLLAR]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("orderflow_stream.core.tape.CHUNK", chunk)
        engine, book = make(threshold=threshold, up=data.draw(st.booleans()))
        held: set[int] = set()
        found: list[Update] = []
        for part in [*script, *repeats]:
            way = data.draw(st.sampled_from(["live", "shuffled", "page", "repair", "repair", "warm"]))
            if way == "live":
                found += feed(engine, part)
            elif way == "shuffled":
                found += feed(engine, data.draw(st.permutations(part)))
            else:
                more = data.draw(st.integers(0, 3))  # a page may overlap with what is there, in any order
                page = tuple(one for one in trades if part[0].id - more <= one.id <= part[-1].id + more)
                held |= {one.id for one in page}
                event = Refill(KEY, page[::-1], now, repair=way == "repair", warm=way == "warm")
                found += engine.apply(event) or ()
            held |= {one.id for one in part}
            check(engine, book, held)
            if data.draw(st.booleans()):
                found += engine.advance(data.draw(st.sampled_from([T0, now])))
        assert (book.sequence.holes, book.sequence.open) == ([], 0)
        engine.advance(now)
        assert answers(engine, book, now) == in_order(trades, now, threshold=threshold)
        missed = {(one.first, one.last) for one in found if isinstance(one, GapFound)}
        assert all(record.status == "repaired" for record in book.gap_log)
        assert {(record.first, record.last) for record in book.gap_log} == missed
        told = [one.id for one in found if isinstance(one, LargePrint) and one.group == "order"]
        assert len(told) == len(set(told))  # each id once
        assert all(one.notional >= threshold for one in found if isinstance(one, LargePrint))
        late = [one.id for each in found if isinstance(each, LateTrades) for one in each.trades]
        assert len(late) == len(set(late))


@law(50)
@given(data=st.data())
def test_the_clock_changes_nothing_of_the_answers(data: st.DataObject) -> None:
    trades = data.draw(tapes(most=40))
    now = max(one.ts_event for one in trades) + 20 * SECOND
    engine, book = make(threshold=DOLLAR)
    for one in trades:
        engine.apply(one)
        for tick in sorted(data.draw(st.lists(st.integers(0, 100_000), max_size=3))):
            engine.advance(max(one.ts_event, engine.now) + tick if tick > 30_000 else one.ts_event)
    engine.advance(now)
    assert answers(engine, book, now) == in_order(trades, now, threshold=DOLLAR)


@law(60)
@given(data=st.data())
def test_a_warm_up_as_the_backfiller_does_it(data: st.DataObject) -> None:
    """The stream begins somewhere; pages come newest first, the newest may lag behind the stream or overlap it."""
    trades = data.draw(tapes(most=50))
    begin = data.draw(st.integers(0, len(trades) - 1))
    newest = data.draw(st.integers(0, len(trades)))
    size = data.draw(st.integers(1, 20))
    now = max(one.ts_event for one in trades) + SECOND
    engine, book = make(up=True, threshold=DOLLAR)
    stream = iter(trades[begin:])
    found: list[Update] = []
    end = newest
    while end > 0:
        found += feed(engine, [one for one, _ in zip(stream, range(data.draw(st.integers(0, 5))), strict=False)])
        page = tuple(trades[max(0, end - size) : end])
        end -= size
        found += engine.apply(Refill(KEY, page, now, warm=end <= 0, origin=end <= 0)) or ()
    found += feed(engine, list(stream))
    lag = tuple(one for one in trades if book.sequence.missing_here(one.id))
    found += engine.apply(Refill(KEY, lag, now, repair=True, warm=True)) or ()
    engine.advance(now)
    got, expected = answers(engine, book, now), in_order(trades, now, threshold=DOLLAR)
    for name, answer in got.items():
        if isinstance(answer, dict) and newest:
            assert answer["coverage"].pop("reaches_back") in {True, False}
            expected[name]["coverage"].pop("reaches_back")
    assert got == expected
    late = [one.id for each in found if isinstance(each, LateTrades) for one in each.trades]
    assert len(late) == len(set(late))
    assert min(late, default=10**9) >= min(trades[begin].id, trades[newest - 1].id + 1 if newest else 0)


def test_a_refilled_hole_tells_what_it_brought_once() -> None:
    engine, book = make(warm=True)
    feed(engine, run(1, 10))
    updates = feed(engine, run(14, 20))
    assert updates[0] == GapFound(KEY, 11, 13, T0 + 14 * SECOND)
    assert kinds(updates) == ["GapFound", "StateChanged"]
    updates = list(engine.apply(Refill(KEY, tuple(run(11, 15)), T0 + 21 * SECOND, repair=True)) or ())
    assert kinds(updates) == ["LateTrades", "Corrected", "StateChanged"]
    assert updates[0] == LateTrades(KEY, tuple(run(11, 13)))
    assert updates[1] == Corrected(KEY, ((11, 13),), (), T0 + 21 * SECOND)
    assert (book.state, book.counters.refilled, book.counters.gap_trades) == ("live", 3, 3)
    assert engine.apply(Refill(KEY, tuple(run(11, 15)), T0 + 22 * SECOND, repair=True)) == ()
    (record,) = book.gap_log
    assert (record.first, record.last, record.status, record.source) == (11, 13, "repaired", "backfill")
    assert (record.found, record.closed) == (T0 + 14 * SECOND, T0 + 21 * SECOND)


def test_only_a_proof_makes_a_hole_lost() -> None:
    """A refill may have any pieces of a hole: what it has not is not lost because of that."""
    engine, book = make(warm=True)
    feed(engine, [*run(1, 10), *run(21, 30)])
    engine.apply(Refill(KEY, (trade(12), trade(18), trade(21)), T0, repair=True))
    assert (book.sequence.open, book.sequence.lost, book.counters.lost) == (8, 0, 0)
    updates = engine.apply(Refill(KEY, tuple(run(13, 14)), T0, lost=((15, 17), (19, 20)), repair=True)) or ()
    assert Corrected(KEY, ((13, 14),), ((15, 17), (19, 20)), T0) in updates
    assert (book.sequence.open, book.sequence.lost, book.counters.lost) == (1, 5, 5)
    assert book.gap_log[0].status == "open"
    engine.apply(trade(11))
    assert (book.gap_log[0].status, book.state) == ("lost", "partial")
    engine.apply(Refill(KEY, tuple(run(15, 20)), T0 + HOUR, repair=True))  # the venue has recovered them
    assert (book.gap_log[0].status, book.state, book.sequence.holes) == ("repaired", "quiet", [])
    assert book.counters.lost == 5  # monotone


def test_a_hole_inside_a_warm_up_page_is_on_record_but_no_news() -> None:
    engine, book = make(up=True)
    page = (*run(1, 10), *run(14, 20))
    updates = engine.apply(Refill(KEY, page, T0, lost=((11, 13),), warm=True)) or ()
    assert kinds(updates) == ["StateChanged"]
    assert [(one.first, one.last, one.status) for one in book.gap_log] == [(11, 13, "lost")]
    assert (book.state, book.counters.gap_trades, book.counters.lost) == ("partial", 3, 3)


def test_pages_that_do_not_join_declare_the_hole_between() -> None:
    engine, book = make(up=True)
    feed(engine, run(100, 110))
    updates = engine.apply(Refill(KEY, tuple(run(80, 95)), T0)) or ()
    assert updates[0] == GapFound(KEY, 96, 99, T0)
    assert book.sequence.open == 4


def test_a_warm_up_is_the_past_and_no_news_but_what_the_stream_should_have_brought_is() -> None:
    engine, book = make(up=True, threshold=1)
    feed(engine, [*run(100, 104), *run(107, 110)])
    updates = engine.apply(Refill(KEY, tuple(run(50, 112)), T0, warm=True)) or ()
    late = [update for update in updates if isinstance(update, LateTrades)]
    assert late == [LateTrades(KEY, (*run(105, 106), *run(111, 112)))]
    assert Corrected(KEY, ((105, 106),), (), T0) in updates
    assert {one.id for one in updates if isinstance(one, LargePrint) and one.group == "row"} == {105, 106, 111, 112}
    assert all(one.late for one in updates if isinstance(one, LargePrint) and one.group == "row")
    assert engine.apply(trade(111)) is None  # the stream's own copy
    assert book.live == sums_of([*run(100, 112)])


def test_a_fresh_read_of_a_streamed_symbol_tells_its_trades_since_the_streams_copies_die() -> None:
    engine, _ = make(warm=True)
    feed(engine, run(1, 10))
    updates = engine.apply(Refill(KEY, tuple(run(9, 12)), T0 + 12 * SECOND, warm=True)) or ()
    assert updates == (LateTrades(KEY, tuple(run(11, 12))),)
    assert engine.apply(trade(11)) is None
    assert engine.apply(trade(13)) == ()


def test_a_read_on_demand_is_no_news() -> None:
    engine, book = make(threshold=1)
    book.demand = True
    engine.apply(Refill(KEY, tuple(run(1, 10)), T0, warm=True))
    updates = engine.apply(Refill(KEY, tuple(run(11, 20)), T0 + 20 * SECOND, warm=True))
    assert set(kinds(updates)) <= {"StateChanged"}
    assert book.live.trades == 0
    assert len(tracker(book).ring) == 20


def test_rows_without_a_trade_fill_a_hole() -> None:
    engine, book = make(warm=True)
    feed(engine, [trade(1), trade(4)])
    updates = engine.apply(Refill(KEY, (trade(2, 0), trade(3, 0)), T0, repair=True)) or ()
    assert kinds(updates)[:1] == ["Corrected"]  # nothing was traded: no late trades, and no empty ones
    assert "LateTrades" not in kinds(updates)
    found = book.coverage(1, T0, trades=2)
    assert (found.received, found.invalid, found.complete, book.counters.invalid) == (4, 2, True, 2)
    engine.apply(trade(6))
    assert kinds(engine.apply(trade(5, 0)))[0] == "Corrected"
    assert book.coverage(1, T0, trades=3).invalid == 3


def test_origin_is_believed_of_what_was_first_held() -> None:
    engine, book = make(up=True)
    engine.apply(Refill(KEY, tuple(run(1, 10)), T0, origin=True, warm=True))
    assert book.coverage(1, T0, trades=5_000).reaches_back
    assert not make(warm=True)[1].coverage(None, T0, trades=1).reaches_back


def test_thousands_of_holes_are_no_stall() -> None:
    engine, book = make(warm=True)
    began = time.process_time()
    whole = [trade(id_, ts=T0 + id_) for id_ in range(20_000)]
    feed(engine, whole[::2])  # every other trade is missing
    assert book.sequence.open == 9_999
    for begin in range(0, 20_000, 1_000):
        engine.apply(Refill(KEY, tuple(whole[begin : begin + 1_000]), T0, repair=True))
        book.coverage(1, T0, trades=5_000)
    assert (book.sequence.open, book.state, len(book.tape)) == (0, "live", 20_000)
    assert time.process_time() - began < 4.0


def test_feeds_down_and_refills_of_unknown_instruments_change_nothing() -> None:
    engine, _ = make()
    assert engine.apply(Refill("binance:NOPE", (trade(1),), T0)) is None
    assert engine.apply(FeedUp(("binance:NOPE",), T0, 1)) == ()
