"""Books in bulk: what is put together from columns is what the engine makes of the trades one by one."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.core import bars
from orderflow_stream.core.events import Corrected, FeedUp, Forget, Refill, Trade
from orderflow_stream.core.restore import Account, Base, Facts, Rows, base_of, dump, fill, fold_columns, rows_of, settle
from tests.core.making import BTC, KEY, MINUTE, ONE, SECOND, T0, as_row, check_tape, feed, law, make, run, tapes, trade


def columns(trades: list[Trade]) -> Rows:
    return rows_of(map(as_row, trades))


def told(book: Any) -> dict[str, Any]:
    return {
        "rows": list(book.tape.rows_from(0, 0)),
        "sums": book.tape.head(),
        "cvd": book.cvd(),
        "seconds": book.bars.second_bars(),
        "minutes": book.bars.minute_bars(),
        "holes": [(hole.first, hole.last) for hole in book.sequence.holes],
        "edges": (book.sequence.first, book.sequence.next, book.sequence.invalid),
        "windows": [book.window_sums(span, T0 + MINUTE) for span in book.windows],
    }


@law(150)
@given(tapes(most=60), st.data())
def test_columns_make_the_book_that_trades_make(trades: list[Trade], data: st.DataObject) -> None:
    gone = data.draw(st.sets(st.sampled_from([one.id for one in trades[1:-1]]))) if len(trades) > 2 else set()
    came = [one for one in trades if one.id not in gone]
    engine, live = make(up=True)
    feed(engine, came)
    cut = data.draw(st.integers(0, len(came)))
    other, back = make()
    fill(back, None, columns(came[:cut]))
    check_tape(back.tape)
    rest = came[cut:] + came[: cut // 2]  # a part of it twice
    data.draw(st.randoms()).shuffle(rest)
    fill(back, base_of(back), columns(rest))
    check_tape(back.tape)
    assert told(back) == told(live)
    after = trade(trades[-1].id + 1, 7 * ONE, ts=live.tape.newest_ts + 1)
    feed(engine, [after])
    feed(other, [after])
    assert told(back) == told(live)


@law(100)
@given(tapes(most=60, invalid=False))
def test_bars_of_columns_are_bars_of_rows(trades: list[Trade]) -> None:
    rows = [as_row(one) for one in trades]
    for width in (SECOND, MINUTE):
        assert fold_columns(rows_of(rows), width) == bars.fold(rows, width)


def test_a_dump_does_not_change_with_the_book() -> None:
    engine, book = make(up=True)
    feed(engine, run(1, 700))
    taken = dump(book)
    before = [[column[:] for column in chunk] for chunk in taken.chunks]
    feed(engine, run(701, 1400))
    engine.apply(Refill(KEY, (), T0, lost=((1, 2),)))
    assert [list(chunk) for chunk in taken.chunks] == before
    assert sum(len(chunk[0]) for chunk in taken.chunks) == 700


def test_rows_below_the_first_id_are_counted_and_not_kept() -> None:
    engine, live = make(up=True)
    feed(engine, run(1, 1000))
    _, back = make()
    fill(back, None, columns(run(1, 1000)), first=600)
    check_tape(back.tape)
    assert len(back.tape) == 401
    assert back.tape.evicted == 599
    assert back.tape.head() == live.tape.head()
    assert back.cvd() == live.cvd()
    assert back.bars.minute_bars() == live.bars.minute_bars()
    assert back.sequence.first == 600


@pytest.mark.parametrize(
    "base",
    [
        Base(rows=columns([trade(2), trade(1)])),
        Base(rows=columns([trade(1), trade(1)])),
        Base(rows=columns([trade(1), trade(2, 0)])),
        Base(seconds=b"123"),
        Base(minutes=b"1" * 19),
    ],
)
def test_what_cannot_have_been_a_dump_is_refused(base: Base) -> None:
    _, book = make()
    with pytest.raises(ValueError, match=r"order|ring of bars"):
        fill(book, base, Rows.none())


def test_settling_restates_what_is_lost_and_declares_the_rest() -> None:
    _, book = make()
    fill(book, Base(Facts(), columns([*run(1, 10), *run(20, 30), *run(40, 50)])), Rows.none())
    holes = settle(book, Account(3, 1, lost=[(11, 15)], warm=True), T0)
    assert holes == [(16, 19), (31, 39)]
    assert (book.sequence.lost, book.sequence.open) == (5, 13)
    assert [(one.first, one.last, one.found) for one in book.gap_log] == [(16, 19, T0), (31, 39, T0)]
    assert (book.generation, book.warm, book.refilled) == (3, True, {"journal": 50})
    assert book.live.trades == 0  # counters are those of a process
    _, empty = make()
    assert settle(empty, None, T0) == []


@pytest.mark.parametrize("before,left", [(701, 300), (1001, 0), (1, 1000), (5000, 0)])
def test_forgetting_begins_anew_with_what_is_left(before: int, left: int) -> None:
    engine, book = make(warm=True)
    feed(engine, run(1, 1000))
    minutes = book.bars.minute_bars()
    live = book.live
    updates = engine.apply(Forget(KEY, before, T0 + 2000 * SECOND))
    check_tape(book.tape)
    assert len(book.tape) == left
    assert book.tape.evicted == 0
    assert not book.warm
    assert book.bars.minute_bars() == minutes
    assert book.live == live
    assert [update.state for update in updates or () if hasattr(update, "state")] == ["warming"]
    feed(engine, run(max(before, 1001), max(before, 1001) + 5))
    older = run(before - 100, before - 1) if left else []
    assert not [one for one in engine.apply(Refill(KEY, tuple(older), T0, warm=True)) or () if type(one) is Corrected]
    check_tape(book.tape)
    assert book.warm


def test_a_hole_that_is_given_up_is_told_as_lost() -> None:
    engine, book = make(warm=True)
    feed(engine, [*run(1, 10), *run(500, 510)])
    updates = engine.apply(Forget(KEY, 500, T0 + 600 * SECOND)) or ()
    (corrected,) = [update for update in updates if isinstance(update, Corrected)]
    assert (corrected.filled, corrected.lost) == ((), ((11, 499),))
    assert [(one.first, one.last, one.status, one.source) for one in book.gap_log] == [(11, 499, "lost", "evicted")]
    assert not book.sequence.holes
    assert engine.apply(Forget("binance:NONE", 5, T0)) is None


def test_numbers_wider_than_64_bits_are_exact() -> None:
    rows = Rows(*(np.array(values, np.int64) for values in ([1, 2], [9 * 10**18] * 2, [9 * 10**18, -9 * 10**18],
                                                            [T0, T0], [-1, -1], [-1, -1])))  # fmt: skip
    _, book = make()
    fill(book, None, rows)
    assert book.tape.head().buy_quote == book.tape.head().sell_quote == 81 * 10**36
    engine, live = make(up=True)
    engine.apply(FeedUp((KEY,), T0, 1))
    feed(engine, [trade(1, 9 * 10**18, price=9 * 10**18, ts=T0), trade(2, -9 * 10**18, price=9 * 10**18, ts=T0)])
    assert told(book) == told(live)
    assert msgspec.json.decode(msgspec.json.encode(book.tape.head()), type=type(book.tape.head())) == live.tape.head()
    assert BTC.key == KEY
