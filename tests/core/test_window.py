from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.core.events import Trade
from orderflow_stream.core.sums import Sums
from orderflow_stream.core.tape import Tape
from orderflow_stream.core.window import Window
from tests.core.making import HOUR, MINUTE, ONE, SECOND, T0, as_row, law, sums_of, tapes, trade

SPANS = (1, SECOND, 10 * SECOND, MINUTE, HOUR)


def put(tape: Tape, one: Trade) -> None:
    if one.qty:
        tape.append(one.id, one.price, one.qty, one.side, one.ts_event, one.first_id, one.last_id)


def check(tape: Tape, windows: list[Window], held: list[Any], now: int) -> None:
    for window in windows:
        inside = [one for one in held if one.qty and now - window.span < one.ts_event <= now]
        assert window.sums(now) == sums_of(inside)
        first, last = window.edges(now)
        assert first == (as_row(inside[0]) if inside else None)
        assert last == (as_row(inside[-1]) if inside else None)


def test_it_is_open_on_the_left_and_closed_on_the_right() -> None:
    tape = Tape()
    window = Window(tape, 10)
    for id_, ts in enumerate([90, 91, 99, 100]):
        put(tape, trade(id_, ts=ts))
    assert window.sums(100).trades == 3  # 90 has left, 91 and 100 are in
    assert window.sums(101).trades == 2
    assert window.edges(101) == (tape.rows(2, 1)[0], tape.rows(3, 1)[0])
    assert window.sums(109).trades == 1
    assert window.sums(110) == Sums()
    assert window.edges(110) == (None, None)


def test_an_empty_tape_and_a_first_trade() -> None:
    tape = Tape()
    window = Window(tape, 10)
    assert window.sums(T0) == Sums()
    assert window.edges(T0) == (None, None)
    put(tape, trade(1, ts=T0))
    assert window.sums(T0).trades == 1
    assert window.sums(T0 + 10).trades == 0
    put(tape, trade(2, ts=T0 + 11))
    assert window.sums(T0 + 11).trades == 1


@pytest.mark.parametrize("backwards", [False, True])
@law(80)
@given(data=st.data())
def test_it_is_brute_force_whatever_comes_and_whenever_one_asks(data: st.DataObject, backwards: bool) -> None:
    trades = data.draw(tapes(most=50, backwards=backwards))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("orderflow_stream.core.tape.CHUNK", 4)
        tape = Tape()
        windows = [Window(tape, span) for span in SPANS]
        held: list[Any] = []
        late: list[Trade] = []
        for one in trades:
            chance = data.draw(st.integers(0, 11))
            if chance == 0:
                late.append(one)
                continue
            put(tape, one)
            held.append(one)
            later = data.draw(st.sampled_from([0, 0, 1, SECOND, 11 * SECOND, MINUTE]))
            if chance == 1 and late:
                rows = [each for each in late if each.qty]
                if rows:
                    tape.splice([as_row(each) for each in rows])
                held = sorted([*held, *late], key=lambda each: each.id)
                late = []
            elif chance == 2 and len(tape.chunks) > 1:
                gone = tape.drop_oldest()
                while gone:
                    gone -= bool(held.pop(0).qty)
                while held and not held[0].qty:
                    held.pop(0)
            if chance < 8 and tape.newest_ts >= 0:
                check(tape, windows, held, tape.newest_ts + later)  # the clock may step back


@law(40)
@given(trades=tapes(most=40), ticks=st.lists(st.integers(0, 2 * MINUTE), max_size=10))
def test_questions_on_the_way_change_nothing(trades: list[Trade], ticks: list[int]) -> None:
    asked, silent = Tape(), Tape()
    one, two = Window(asked, 10 * SECOND), Window(silent, 10 * SECOND)
    for each in trades:
        put(asked, each)
        put(silent, each)
        one.sums(max(asked.newest_ts, 0))
    end = max(asked.newest_ts, T0)
    for tick in sorted(ticks):
        one.sums(end + tick)
        one.edges(end + tick)
    last = end + max(ticks, default=0)
    assert (one.sums(last), one.edges(last)) == (two.sums(last), two.edges(last))


def test_ageing_over_many_chunks_at_once() -> None:
    tape = Tape()
    window = Window(tape, MINUTE)
    trades = [trade(id_, ONE, ts=T0 + id_ * 100_000) for id_ in range(1, 3_001)]
    for one in trades:
        put(tape, one)
    for now in range(T0 + 300 * SECOND, T0 + 365 * SECOND, 7 * SECOND):
        check(tape, [window], trades, now)
