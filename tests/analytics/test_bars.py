"""Bars of any interval with their CVD against brute force, and what is claimed of them against the truth."""

from __future__ import annotations

import random
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.analytics.bars import (
    ANCHORS,
    INTERVALS,
    BarsView,
    BarView,
    anchor_of,
    kept_for,
    latest,
    over_bars,
)
from orderflow_stream.core.bars import Bars
from orderflow_stream.core.book import Book
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import FeedDown, FeedUp, Forget, Probe, Refill, Restarted, Trade
from orderflow_stream.core.restore import base_of, fill, reshape, rows_of, settle
from orderflow_stream.core.sums import Sums
from tests.core import contracts
from tests.core.making import (
    BTC,
    HOUR,
    KEY,
    MINUTE,
    ONE,
    SECOND,
    T0,
    as_row,
    feed,
    law,
    make,
    run,
    tapes,
    to_reference,
    trade,
)
from tests.reference import bar_oracle
from tests.reference.tapefile import EXACT

DAY = 24 * HOUR
MIDNIGHT = T0 // DAY * DAY + DAY
ALL = 5_000


def read(book: Book, interval: str, now: int, *, rule: str = "session", limit: int = ALL) -> BarsView:
    return over_bars(book, interval, rule, now, limit)[0]  # type: ignore[arg-type]  # words of the contract


def starts(view: BarsView) -> list[int]:
    return [bar.start for bar in view.bars]


def told(view: BarView) -> dict[str, Any]:
    """One bar as the judge has it, as integers."""
    bar, sums = view.bar, view.bar.sums
    return {
        "start": bar.start // 1000,
        "end": view.end // 1000,
        "prices": (bar.open, bar.high, bar.low, bar.close),
        "sums": sums,
        "cvd": (view.cvd_base, view.cvd_quote),
        "ids": (bar.first_id, bar.last_id),
    }


def judged(bar: dict[str, Any]) -> dict[str, Any]:
    def units(name: str, decimals: int = 8) -> int:
        return int(Decimal(bar[name]).scaleb(decimals, EXACT))

    sums = Sums(
        bar["buy_trades"],
        bar["sell_trades"],
        units("taker_buy_base"),
        units("taker_sell_base"),
        units("taker_buy_quote", 16),
        units("taker_sell_quote", 16),
    )
    return {
        "start": bar["start"],
        "end": bar["end"],
        "prices": tuple(units(name) for name in ("open", "high", "low", "close")),
        "sums": sums,
        "cvd": (units("cvd_base"), units("cvd_quote", 16)),
        "ids": (bar["first_id"], bar["last_id"]),
    }


def check(book: Book, held: Sequence[Trade], now: int, *, origin: bool = False) -> None:
    """Every interval and both anchors, all there is."""
    rows = [to_reference(one) for one in sorted(held, key=lambda one: one.id) if one.qty]
    if not rows:
        return
    for rule in ANCHORS:
        expected = bar_oracle.anchor(rows, now, rule, known_before=origin)
        for interval in INTERVALS:
            view = read(book, interval, now, rule=rule)
            assert (view.anchor.rule, view.anchor.time) == (expected["rule"], expected["time"])
            bars = bar_oracle.bars(rows, interval, expected["time"])
            assert [told(bar) for bar in view.bars] == [judged(bar) for bar in bars]
            for limit in (1, 2, 3, len(bars)):
                part, few = read(book, interval, now, rule=rule, limit=limit), view.bars[-limit:]
                assert [told(bar) for bar in part.bars] == [told(bar) for bar in few]


# -- the numbers --------------------------------------------------------------------------------------------------


@law(25)
@given(tapes(first=1, most=40), st.randoms(use_true_random=False))
def test_any_order_of_arrival_and_of_times(trades: list[Trade], rng: random.Random) -> None:
    engine, book = make(warm=True, origin=True)
    late = [one for one in trades[1:-1] if rng.random() < 0.2]
    live = [one for one in trades if one not in late]
    feed(engine, live)
    check(book, live, max(one.ts_event for one in trades), origin=book.origin)
    if late:
        rng.shuffle(late)
        half = len(late) // 2
        feed(engine, late[:half])
        engine.apply(Refill(KEY, tuple(late[half:]), T0, repair=True))
    check(book, trades, max(one.ts_event for one in trades), origin=book.origin)


def test_a_long_day_over_midnight() -> None:
    """More than is kept of either: what lies at the edges is whole, and one CVD is another's."""
    engine, book = make(warm=True)
    rng = random.Random(5)
    ts, trades = MIDNIGHT - 20 * HOUR, []
    for id_ in range(100, 1_400):
        ts += rng.randrange(160 * SECOND)
        trades.append(trade(id_, rng.choice([-1, 1]) * rng.randrange(1, ONE), price=rng.randrange(1, ONE), ts=ts))
    feed(engine, trades)
    assert ts - trades[0].ts_event > 25 * HOUR
    now = ts + 1
    check(book, trades, now)
    for interval in INTERVALS:
        view, account = over_bars(book, interval, "session", now, ALL)
        assert view.anchor.rule == "session"
        assert view.anchor.complete
        assert all(bar.complete for bar in view.bars[:-1]), interval  # the ring has let go of what was before
        assert account.reaches_back
        assert view.bars[0].start >= now - kept_for(interval)
    by_end = {bar.end: (bar.cvd_base, bar.cvd_quote) for bar in read(book, "1m", now).bars}
    for interval in INTERVALS:
        for bar in read(book, interval, now).bars:
            assert by_end.get(bar.end, (bar.cvd_base, bar.cvd_quote)) == (bar.cvd_base, bar.cvd_quote)
    before = [bar for bar in read(book, "1m", now).bars if bar.end <= MIDNIGHT]
    assert before[-1].cvd_base == 0  # the line goes through 0 at the anchor, whatever traded before


@law(25)
@given(tapes(most=40))
def test_wide_bars_are_the_sum_of_narrow_ones(trades: list[Trade]) -> None:
    engine, book = make(warm=True)
    feed(engine, trades)
    now = max(one.ts_event for one in trades)
    for narrow, wide in (("1s", "5s"), ("1s", "1m"), ("1m", "5m"), ("5m", "1h"), ("1m", "1h")):
        parts: dict[int, list[BarView]] = {}
        for bar in read(book, narrow, now).bars:
            parts.setdefault(bar.start - bar.start % INTERVALS[wide], []).append(bar)  # type: ignore[index]
        for whole in read(book, wide, now).bars:
            inside = parts[whole.start]
            total = Sums()
            for one in inside:
                total = total + one.bar.sums
            assert total == whole.bar.sums
            assert (whole.cvd_base, whole.cvd_quote) == (inside[-1].cvd_base, inside[-1].cvd_quote)
            assert whole.bar.high == max(one.bar.high for one in inside)
            assert whole.complete <= all(one.complete for one in inside if one.closed)


@pytest.mark.parametrize("instrument", contracts.KINDS, ids=lambda one: one.key)
def test_contracts(instrument: Any) -> None:
    engine, book = contracts.make(instrument)
    rng = random.Random(3)
    trades = [
        contracts.of(
            instrument,
            trade(
                id_,
                rng.choice([-1, 1]) * ONE * rng.randrange(1, 900),
                price=rng.randrange(ONE, 9 * ONE),
                ts=T0 + id_ * 7 * SECOND,
            ),
        )
        for id_ in range(1, 300)
    ]
    feed(engine, trades)
    now = trades[-1].ts_event
    for interval, width in INTERVALS.items():
        view = read(book, interval, now, rule="oldest")
        assert starts(view) == sorted({one.ts_event // width * width for one in trades})
        cvd = 0
        for bar in view.bars:
            inside = [one for one in trades if bar.start <= one.ts_event < bar.end]
            assert bar.bar.sums == contracts.decimal_sums(instrument, inside)
            cvd += bar.bar.sums.delta_base
            assert bar.cvd_base == cvd


# -- closed -------------------------------------------------------------------------------------------------------


def test_closed_by_the_venues_time() -> None:
    engine, book = make(warm=True, origin=True)
    feed(engine, [trade(1, ts=T0 + 100)])
    for interval, width in INTERVALS.items():
        assert not read(book, interval, T0 + width - 1).bars[-1].closed
        assert read(book, interval, T0 + width).bars[-1].closed
    book.skew = 5 * SECOND
    assert read(book, "5s", T0).bars[-1].closed


def test_an_instrument_without_trades() -> None:
    engine, book = make()
    for rule in ANCHORS:
        view, account = over_bars(book, "1m", rule, T0, 10)
        assert (view.bars, view.anchor.rule, view.anchor.time, view.anchor.complete) == ((), "oldest", None, False)
        assert (view.as_of, view.state, view.generation) == (None, "connecting", 1)
        assert (account.first_id, account.complete, account.reaches_back) == (None, False, False)
    engine.apply(FeedUp((KEY,), T0, 1))
    engine.apply(Refill(KEY, (), T0, warm=True, origin=True))
    _, account = over_bars(book, "1m", "session", T0, 10)
    assert (account.complete, account.reaches_back) == (True, True)


# -- complete -----------------------------------------------------------------------------------------------------


@law(50)
@given(tapes(first=1, most=50, backwards=False), st.data())
def test_what_is_called_complete_is(trades: list[Trade], data: st.DataObject) -> None:
    """Trades are missing, some come late, some are lost: no bar is called complete that lacks one which was traded."""
    gone = set(data.draw(st.lists(st.sampled_from([one.id for one in trades]), max_size=8, unique=True)))
    back = set(data.draw(st.lists(st.sampled_from(sorted(gone)), unique=True))) if gone else set()
    lost = set(data.draw(st.lists(st.sampled_from(sorted(gone - back)), unique=True))) if gone - back else set()
    if len(gone) == len(trades):
        return
    engine, book = make(warm=True, origin=True)
    feed(engine, [one for one in trades if one.id not in gone])
    truth(book, trades, gone)
    engine.apply(
        Refill(
            KEY,
            tuple(one for one in trades if one.id in back),
            T0,
            lost=tuple((id_, id_) for id_ in lost),
            repair=True,
        )
    )
    truth(book, trades, gone - back)
    if not gone - back and trades[-1].qty:
        newest = max(one.ts_event for one in trades)
        for interval in INTERVALS:  # all is there: nothing that a later trade proves is called less than complete
            assert all(bar.complete for bar in read(book, interval, newest + HOUR).bars if bar.end <= newest)


def truth(book: Book, trades: Sequence[Trade], missing: set[int]) -> None:
    newest = book.sequence.newest
    assert newest is not None
    for now in (max(one.ts_event for one in trades), trades[-1].ts_event + HOUR):
        for interval in ("1s", "5s", "1h"):
            for limit in (2, ALL):
                view, account = over_bars(book, interval, "session", now, limit)
                for bar in view.bars:
                    if bar.complete:
                        inside = [one for one in trades if one.qty and bar.start <= one.ts_event < bar.end]
                        known = [one for one in inside if one.id <= newest]
                        assert bar.bar.sums.trades == len(known)
                        assert not bar.closed or len(known) == len(inside)
                if account.complete:
                    assert not [id_ for id_ in missing if view.bars[0].bar.first_id <= id_ <= newest]
                if view.anchor.complete and view.anchor.time is not None:
                    since = view.anchor.time if view.anchor.rule == "session" else trades[0].ts_event
                    held = [one for one in trades if one.qty and one.id not in missing and one.id <= newest]
                    if view.anchor.rule == "oldest":
                        since = held[0].ts_event
                    real = [
                        one for one in trades if one.qty and since <= one.ts_event and held[0].id <= one.id <= newest
                    ]
                    assert view.anchor.total.trades == len(real)


def test_a_late_trade_of_what_was_let_go_proves_nothing_less() -> None:
    """It brings back a bar that is not listed, of which the rest is gone."""
    engine, book = make(warm=True, origin=True)
    feed(engine, [*run(1, 9), *run(11, 4_200)])
    assert book.bars.seconds.gone is not None
    now = T0 + 4_200 * SECOND
    assert read(book, "1s", now).bars[0].complete
    feed(engine, run(10, 10))
    assert book.bars.seconds.start(0) == T0 + 10 * SECOND
    assert read(book, "1s", now).bars[0].complete
    assert read(book, "1m", now).bars[0].complete


def test_a_hole_is_between_two_bars_or_in_one() -> None:
    engine, book = make(warm=True, origin=True)
    feed(engine, [*run(1, 9), *run(12, 19), *run(23, 40)])
    view = read(book, "5s", T0 + 40 * SECOND)
    assert [(bar.start - T0) // SECOND for bar in view.bars if not bar.complete] == [5, 10, 15, 20]
    assert [bar.complete for bar in read(book, "1m", T0 + 40 * SECOND).bars] == [False]
    anchored = anchor_of(book, "oldest", T0 + 40 * SECOND)
    assert not anchored.complete
    engine.apply(Refill(KEY, tuple(run(10, 11)), T0, repair=True))
    view = read(book, "5s", T0 + 40 * SECOND)
    assert [(bar.start - T0) // SECOND for bar in view.bars if not bar.complete] == [15, 20]
    engine.apply(Refill(KEY, (), T0, lost=((20, 22),), repair=True))
    assert [bar.complete for bar in read(book, "5s", T0 + 40 * SECOND).bars] == [bar.complete for bar in view.bars]


def test_ids_without_a_trade_are_no_hole_and_stay_so_behind_the_tape() -> None:
    engine, book = make(warm=True, origin=True, keep_trades=100, windows=(SECOND,))
    feed(engine, [trade(id_, 0 if id_ in (7, 8, 30) else ONE, ts=T0 + id_ * SECOND) for id_ in range(1, 2_000)])
    assert book.tape.evicted
    assert book.bars.blank == [7, 8, 30]
    now = T0 + 1_999 * SECOND
    assert all(bar.complete for bar in read(book, "1s", now).bars[:-1])
    assert all(bar.complete for bar in read(book, "5m", now).bars)
    assert read(book, "1m", now).anchor.complete
    base = base_of(book)
    again = Engine(windows=(SECOND,)).add(BTC)
    fill(again, base, rows_of([]))
    flags = [bar.complete for bar in read(again, "1s", now).bars]
    assert flags[4:7] == [True, False, False]  # a journal does not keep them: less is proven, never more


def test_the_last_bar_waits_for_what_proves_it() -> None:
    engine, book = make(warm=True, origin=True)
    feed(engine, run(1, 70))
    now = T0 + 70 * SECOND
    assert read(book, "1m", now).bars[-1].complete  # the open one, so far
    late = T0 + 2 * MINUTE
    bar = read(book, "1m", late).bars[-1]
    assert (bar.closed, bar.complete) == (True, False)  # a trade of its last second may still be on its way
    _, account = over_bars(book, "1m", "session", late, 2)
    assert account.complete  # up to as_of
    engine.apply(Probe(KEY, 70, late + 1))
    assert read(book, "1m", late + 1).bars[-1].complete
    engine.apply(Probe(KEY, 75, late + MINUTE))
    assert read(book, "1m", late + MINUTE).bars[-1].complete  # those came after the probe before
    assert not read(book, "1m", late + MINUTE).anchor.complete


def test_a_feed_that_is_down_at_the_end_of_a_bar() -> None:
    engine, book = make(warm=True, origin=True)
    feed(engine, run(1, 58))
    engine.apply(FeedDown((KEY,), T0 + 58 * SECOND + 1, 1, "gone"))
    assert not read(book, "1m", T0 + 59 * SECOND).bars[-1].complete
    assert not read(book, "1m", T0 + 61 * SECOND).bars[-1].complete
    assert read(book, "5s", T0 + 61 * SECOND).bars[-2].complete
    engine.apply(FeedUp((KEY,), T0 + 61 * SECOND, 2))
    feed(engine, [trade(59, ts=T0 + 62 * SECOND)])
    assert [bar.complete for bar in read(book, "1m", T0 + 62 * SECOND).bars] == [True, True]  # the ids went on
    feed(engine, [trade(61, ts=T0 + 63 * SECOND)])
    assert [bar.complete for bar in read(book, "1m", T0 + 63 * SECOND).bars] == [True, False]


def test_a_young_book_knows_nothing_of_what_was_before() -> None:
    engine, book = make(up=True)
    feed(engine, run(100, 170))
    now = T0 + 170 * SECOND
    flags = [bar.complete for bar in read(book, "1m", now).bars]
    assert flags == [False, False]  # the oldest; and the open one while the book is warming up
    assert [bar.complete for bar in read(book, "1s", now).bars].count(False) == 2
    assert read(book, "1s", now, limit=20).bars[0].complete  # the bar before proves its beginning
    engine.apply(Refill(KEY, tuple(run(30, 99)), now, warm=True))
    assert [bar.complete for bar in read(book, "1m", now).bars] == [False, True, True]
    _, account = over_bars(book, "1m", "session", now, 3)
    assert (account.complete, account.reaches_back) == (False, False)
    _, account = over_bars(book, "1m", "session", now, 2)
    assert (account.complete, account.reaches_back) == (True, True)


def test_ids_of_neighbours_that_overlap_are_judged_together() -> None:
    engine, book = make(warm=True, origin=True)
    order = [(1, 10), (2, 20), (3, 61), (4, 59), (5, 62), (6, 130), (7, 190)]
    feed(engine, [trade(id_, ts=T0 + at * SECOND) for id_, at in order])
    now = T0 + 190 * SECOND
    assert [bar.complete for bar in read(book, "1m", now).bars] == [True, True, True, True]
    feed(engine, [trade(9, ts=T0 + 249 * SECOND), trade(11, ts=T0 + 251 * SECOND), trade(12, ts=T0 + 248 * SECOND)])
    assert not any(bar.complete for bar in read(book, "1m", now + MINUTE).bars[-2:])


def test_what_is_judged_together_with_the_oldest_bar_is_in_doubt_with_it() -> None:
    """Nothing is missing between them, and nobody knows what was before."""
    engine, book = make(warm=True)
    times = [10, 61, 59, 62, 119, 130, 190]
    feed(engine, [trade(id_, ts=T0 + at * SECOND) for id_, at in enumerate(times, 100)])
    view = read(book, "1m", T0 + 190 * SECOND)
    assert [bar.complete for bar in view.bars] == [False, False, True, True]
    feed(engine, [trade(108, ts=T0 + 191 * SECOND)])  # one is missing before it: only its own bar is in doubt
    view = read(book, "1m", T0 + 191 * SECOND)
    assert [bar.complete for bar in view.bars] == [False, False, True, False]


def test_midnight_out_of_the_order_of_ids() -> None:
    engine, book = make(warm=True)
    times = [-90, -30, -1, 1, -2, 2, 70]
    feed(engine, [trade(id_, ts=MIDNIGHT + at * SECOND) for id_, at in enumerate(times, 100)])
    now = MIDNIGHT + 70 * SECOND
    assert read(book, "1m", now).anchor.rule == "session"
    assert read(book, "1m", now).anchor.complete
    feed(engine, [trade(108, ts=now + 1)])
    assert not read(book, "1m", now + 1).anchor.complete


def test_a_hole_over_midnight() -> None:
    engine, book = make(warm=True)
    feed(engine, [trade(1, ts=MIDNIGHT - SECOND), trade(3, ts=MIDNIGHT + SECOND)])
    anchored = anchor_of(book, "session", MIDNIGHT + SECOND)
    assert (anchored.rule, anchored.complete) == ("session", False)
    feed(engine, [trade(2, ts=MIDNIGHT)])
    assert anchor_of(book, "session", MIDNIGHT + SECOND).complete


def test_a_time_of_the_far_future_hides_nothing() -> None:
    engine, book = make(warm=True, origin=True)
    engine.advance(T0 + 40 * SECOND)
    feed(engine, [*run(1, 40), trade(41, ts=T0 + 3 * DAY)])
    feed(engine, [trade(42, ts=T0 + 41 * SECOND)])
    view = read(book, "1s", T0 + 42 * SECOND)
    assert len(view.bars) == 42
    assert (view.bars[-1].start, view.bars[-1].closed) == (T0 + 3 * DAY, False)
    assert view.bars[-1].cvd_base == book.tape.head().delta_base


def test_two_times_of_the_far_future_push_out_nothing() -> None:
    engine, book = make(warm=True, origin=True)
    engine.advance(T0 + 40 * SECOND)
    feed(engine, [*run(1, 40), trade(41, ts=T0 + 3 * DAY), trade(42, ts=T0 + 3 * DAY + 90 * SECOND)])
    feed(engine, [trade(43, ts=T0 + 41 * SECOND)])
    for interval, bars in (("1s", 43), ("1m", 3)):
        view, account = over_bars(book, interval, "session", T0 + 42 * SECOND, ALL)  # type: ignore[arg-type]
        assert (len(view.bars), view.bars[0].bar.first_id, account.reaches_back) == (bars, 1, True)
        assert view.bars[-1].cvd_base == book.tape.head().delta_base


# -- lives --------------------------------------------------------------------------------------------------------


def test_a_venue_that_restarts_its_ids() -> None:
    """No bar, and no answer, is of two generations: their ids do not compare."""
    engine, book = make(warm=True, origin=True)
    feed(engine, [trade(1_000_000 + id_, price=9 * ONE, ts=T0 + id_) for id_ in range(1, 5)])
    engine.apply(Restarted(KEY, T0 + 5))
    assert read(book, "1m", T0 + 5).bars == ()
    feed(engine, [trade(1, price=2 * ONE, ts=T0 + 6), trade(2, price=3 * ONE, ts=T0 + 7)])
    view = read(book, "1m", T0 + 7)
    (bar,) = view.bars
    assert (bar.bar.open, bar.bar.close, bar.bar.first_id, bar.complete, view.generation) == (
        2 * ONE,
        3 * ONE,
        1,
        False,
        2,
    )


def test_bars_that_were_added_up_anew_know_nothing_of_what_had_left_the_tape() -> None:
    """Not even where the venue had proven that nothing was older than the first trade of all: that one is gone."""
    engine, book = make(warm=True, origin=True, keep_trades=100, windows=(SECOND,))
    feed(engine, run(1, 2_000))
    assert book.tape.evicted
    reshape(book)
    view, account = over_bars(book, "1m", "session", T0 + 2_000 * SECOND, ALL)
    assert view.bars[0].bar.first_id > 1
    assert [bar.complete for bar in view.bars[:2]] == [False, True]
    assert (account.reaches_back, account.complete, view.anchor.rule) == (False, False, "oldest")


def test_what_was_given_up_is_seen_in_the_ids() -> None:
    engine, book = make(warm=True, origin=True)
    feed(engine, run(1, 130))
    engine.apply(Forget(KEY, 8_000, T0 + 2 * HOUR))
    feed(engine, [trade(id_, ts=T0 + 2 * HOUR + id_ * SECOND) for id_ in range(8_000, 8_100)])
    view = read(book, "1m", T0 + 2 * HOUR + 8_100 * SECOND)
    flags = [(bar.bar.first_id, bar.complete) for bar in view.bars]
    assert flags == [(1, False), (60, True), (120, False), (8_000, False), (8_040, False)]


def test_from_a_journal() -> None:
    """What a dump brought back says the same of every bar that was over."""
    engine, book = make(warm=True, origin=True)
    feed(engine, [*run(1, 400), *run(403, 3_000)])
    now = T0 + 3_000 * SECOND
    again = Engine(windows=(SECOND,)).add(BTC)
    more = run(3_001, 3_100)
    fill(again, base_of(book), rows_of([as_row(one) for one in more]))
    settle(again, None, now)
    feed(engine, more)
    later = now + 100 * SECOND
    for interval in INTERVALS:
        one, two = read(book, interval, later), read(again, interval, later)
        assert [told(bar) for bar in one.bars] == [told(bar) for bar in two.bars]
        flags = [(bar.start, bar.complete) for bar in two.bars if bar.end <= later]
        expected = [(bar.start, bar.complete) for bar in one.bars if bar.end <= later]
        assert flags[1:] == expected[1:]
        assert not two.bars[-1].complete or two.bars[-1].closed  # not proven alive yet


def test_a_symbol_that_is_read_on_demand() -> None:
    engine, book = make()
    book.demand = True
    now = T0 + 400 * SECOND
    engine.apply(Refill(KEY, tuple(run(200, 400)), now, warm=True))
    view, account = over_bars(book, "1m", "session", now, 60)
    assert (view.anchor.rule, account.source, account.reaches_back, account.complete) == (
        "oldest",
        "backfill",
        False,
        False,
    )
    assert [bar.complete for bar in view.bars] == [False, True, True, True]
    assert account.requested_from == now // MINUTE * MINUTE - 59 * MINUTE
    stale, _ = over_bars(book, "1m", "session", now + MINUTE, 60)
    assert not stale.bars[-1].complete


def test_the_account_is_of_what_the_tape_holds() -> None:
    engine, book = make(warm=True, origin=True, keep_trades=100, windows=(SECOND,))
    feed(engine, run(1, 2_000))
    now = T0 + 2_000 * SECOND
    view, account = over_bars(book, "1m", "session", now, ALL)
    first = book.tape.first()
    assert first is not None
    assert (account.first_id, account.last_id, view.bars[0].bar.first_id) == (first.id, 2_000, 1)
    assert (account.complete, account.reaches_back) == (True, True)
    view, account = over_bars(book, "1m", "session", now, 1)
    assert account.first_id == view.bars[0].bar.first_id > first.id


def test_the_newest_few_are_those_of_the_list() -> None:
    engine, book = make(warm=True, origin=True)
    feed(engine, run(1, 300))
    now = T0 + 300 * SECOND
    for interval in INTERVALS:
        assert latest(book, interval, "session", now, 3).bars == read(book, interval, now).bars[-3:]
    assert (kept_for("5s"), kept_for("1h")) == (Bars.SECONDS_SPAN, Bars.MINUTES_SPAN)
    assert msgspec.structs.asdict(read(book, "1m", now).bars[0])["complete"]
