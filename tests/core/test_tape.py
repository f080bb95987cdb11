import gc
import tracemalloc
import weakref
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.core.sums import Sums
from orderflow_stream.core.tape import CHUNK, Row, Tape
from orderflow_stream.core.window import Window
from tests.core.making import BIG, HOUR, ONE, T0, as_row, check_tape, law, run, sums_of, tapes, trade


def appended(trades: list[Any]) -> Tape:
    tape = Tape()
    for one in trades:
        tape.append(one.id, one.price, one.qty, one.side, one.ts_event, one.first_id, one.last_id)
    return tape


def test_an_empty_tape() -> None:
    tape = Tape()
    assert (len(tape), tape.first(), tape.newest(), tape.head()) == (0, None, None, Sums())
    assert tape.last_sums(5) == (Sums(), None)
    assert tape.rows(0, 10) == []
    assert list(tape.rows_before(5)) == []
    assert tape.drop_oldest() == 0
    assert tape.has([1]) == set()
    check_tape(tape)


@pytest.mark.parametrize("count", [1, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK + 3])
def test_every_count_of_last_trades_is_brute_force(count: int) -> None:
    trades = run(1, count)
    tape = appended(trades)
    check_tape(tape)
    for last in {1, 2, CHUNK - 1, CHUNK, CHUNK + 1, count - 1, count, count + 100} - {0}:
        sums, oldest = tape.last_sums(last)
        assert sums == sums_of(trades[-last:])
        assert oldest == as_row(trades[-last:][0])
        assert list(tape.last_rows(last)) == [as_row(one) for one in trades[-last:]]


def test_append_tells_when_a_chunk_begins() -> None:
    tape = Tape()
    rolled = [tape.append(id_, 1, 1, 1, id_, -1, -1) for id_ in range(2 * CHUNK + 1)]
    assert [id_ for id_, new in enumerate(rolled) if new] == [CHUNK, 2 * CHUNK]


def test_reading_from_an_id_across_chunks_and_holes() -> None:
    held = [*run(10, 600), *run(700, 900)]
    tape = appended(held)
    for begin in (0, 9, 10, 11, 265, 266, 599, 600, 601, 650, 700, 899, 900, 901):
        expected = [as_row(one) for one in held if one.id >= begin]
        for limit in (1, 300, 5_000):
            assert tape.rows(begin, limit) == expected[:limit]
        before = [as_row(one) for one in reversed(held) if one.id < begin]
        assert list(tape.rows_before(begin)) == before
    assert tape.rows(10, 0) == []
    assert tape.has([9, 10, 600, 601, 650, 700, 901]) == {10, 600, 700}


def test_sums_do_not_wrap() -> None:
    trades = [trade(id_, BIG if id_ % 2 else -BIG, price=BIG) for id_ in range(1, 401)]
    tape = appended(trades)
    assert tape.head() == Sums(200, 200, 200 * BIG, 200 * BIG, 200 * BIG * BIG, 200 * BIG * BIG)
    assert tape.last_sums(300)[0] == sums_of(trades[-300:])
    assert tape.newest() == Row(400, BIG, -BIG, T0 + 400_000_000, -1, -1)


@law(60)
@given(st.data())
def test_spliced_in_any_pieces_and_order_it_is_the_tape_that_never_lacked_them(data: st.DataObject) -> None:
    trades = data.draw(tapes(most=40, invalid=False))
    few = data.draw(st.sampled_from([4, CHUNK]))  # tiny chunks make every border happen
    pieces = data.draw(st.lists(st.integers(0, len(trades)), max_size=8).map(sorted))
    parts = [trades[a:b] for a, b in zip([0, *pieces], [*pieces, len(trades)], strict=True)]
    order = data.draw(st.permutations([part for part in parts if part]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("orderflow_stream.core.tape.CHUNK", few)
        tape = Tape()
        for part in order:
            if len(part) == 1 and part[0].id > max(tape.has(range(100, 200)), default=0):
                one = part[0]
                tape.append(one.id, one.price, one.qty, one.side, one.ts_event, one.first_id, one.last_id)
            else:
                assert tape.splice([as_row(one) for one in part]) == sums_of(part)
            check_tape(tape)
        assert list(tape.rows_from(0, 0)) == [as_row(one) for one in trades]
        assert tape.head() == sums_of(trades)
        assert (tape.anchor_id, tape.anchor_ts) == (trades[0].id, trades[0].ts_event)
        assert tape.newest_ts == max(one.ts_event for one in trades)
        for left in {one.ts_event for one in trades} | {T0 - HOUR, T0 + HOUR}:
            inside = [one for one in trades if one.ts_event > left]
            sums, first, last = tape.sums_later_than(left)
            assert sums == sums_of(inside)
            assert first == (as_row(inside[0]) if inside else None)
            assert last == (as_row(inside[-1]) if inside else None)
        while len(tape.chunks) > 1:
            tape.drop_oldest()
            check_tape(tape)


def test_chunks_stay_well_filled_when_late_trades_come_one_by_one() -> None:
    tape = appended(run(10_000, 10_000))
    for id_ in range(9_999, 8_000, -1):  # every one before all others
        tape.splice([as_row(trade(id_))])
    assert len(tape) == 2_000
    assert len(tape.chunks) <= 2 * 2_000 // CHUNK + 1
    holes = appended(run(1, 1_000)[::2])
    for id_ in range(2, 1_000, 2):
        holes.splice([as_row(trade(id_))])
    assert len(holes.chunks) <= 2 * 1_000 // CHUNK + 2
    check_tape(holes)


def test_a_late_trade_near_the_end_touches_only_the_end() -> None:
    tape = appended([*run(1, 20_000), *run(20_002, 20_100)])
    kept = tape.chunks[:-2]
    tape.splice([as_row(trade(20_001))])
    assert all(one is two for one, two in zip(tape.chunks, kept, strict=False))


def test_times_that_go_back_are_forgotten_with_the_rows() -> None:
    tape = appended([trade(1, ts=T0 + 50), *(trade(id_, ts=T0 + id_) for id_ in range(2, 3 * CHUNK))])
    assert tape.inversions == 1
    tape.drop_oldest()
    assert tape.inversions == 0
    border = appended([trade(id_, ts=T0 - id_ // (CHUNK + 1)) for id_ in range(1, 2 * CHUNK)])
    assert border.inversions == 1  # from the first chunk to the second
    border.drop_oldest()
    assert border.inversions == 0
    check_tape(border)


def test_spare_is_what_may_go() -> None:
    tape = appended(run(1, 3 * CHUNK))
    assert tape.spare(2 * CHUNK) == 0
    assert tape.spare(2 * CHUNK + 1) == -1
    assert tape.spare(0) == 2 * CHUNK
    tape.drop_oldest()
    tape.drop_oldest()
    assert tape.spare(0) == -1  # the newest chunk never goes
    assert (len(tape), tape.evicted, tape.drop_oldest()) == (CHUNK, 2 * CHUNK, 0)


def test_a_window_that_nobody_asks_for_keeps_no_dropped_chunk_alive() -> None:
    tape = Tape()
    window = Window(tape, HOUR)
    seen = []
    for id_ in range(1, 20 * CHUNK):
        tape.append(id_, ONE, ONE, 1, T0 + id_, -1, -1)
        if id_ % CHUNK == 1:
            seen.append(weakref.ref(tape.tail.ids))
            if len(tape.chunks) > 2:
                tape.drop_oldest()
    gc.collect()
    assert sum(one() is not None for one in seen) <= 3
    assert window.sums(T0 + 20 * CHUNK) == tape.head() - tape.chunks[0].before


@pytest.mark.parametrize("spliced", [False, True])
def test_its_weight_is_honest(spliced: bool) -> None:
    count = 40_000
    gc.collect()
    tracemalloc.start()
    try:
        tape = Tape()
        if spliced:
            for begin in range(count - 1_000, -1, -1_000):
                tape.splice([as_row(trade(id_ + 1, 12_345 * ONE)) for id_ in range(begin, begin + 1_000)])
        else:
            for id_ in range(1, count + 1):
                tape.append(id_ + 10**9, 10**13 + id_, 10**9 + id_, 1 - id_ % 2 * 2, T0 + id_, 10**9 + id_, 10**9 + id_)
        gc.collect()
        real = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert len(tape) == count
    assert abs(tape.nbytes - real) <= 0.15 * real
    assert real <= 80 * count
