import subprocess
import sys
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from orderflow_stream.analytics.large import LargeTracker
from orderflow_stream.core.book import Book
from orderflow_stream.core.engine import JUMP, OLD, SWEEP, Engine
from orderflow_stream.core.events import (
    Corrected,
    FeedDown,
    FeedUp,
    GapFound,
    Instrument,
    LargePrint,
    LateTrades,
    Probe,
    Refill,
    Restarted,
    StateChanged,
)
from tests.core.contracts import INVERSE, USDM, decimal_sums, of
from tests.core.making import (
    BTC,
    DOLLAR,
    HOUR,
    KEY,
    MINUTE,
    ONE,
    SECOND,
    T0,
    WINDOWS,
    answers,
    check_tape,
    feed,
    from_reference,
    kinds,
    make,
    run,
    tracker,
    trade,
)
from tests.reference import tapefile
from tests.reference.oracle import missing, synthetic

ETH = Instrument("binance", "ETHUSDT", "ETH", "USDT")


def test_an_instrument_is_added_once_and_forgotten_whole() -> None:
    engine, book = make(threshold=1)
    assert engine.add(BTC) is book
    changed = Instrument("binance", "BTCUSDT", "BTC", "USDT", trading=False)
    assert engine.add(changed) is book
    assert book.instrument == changed
    feed(engine, run(1, 5))
    assert engine.pending
    engine.remove(KEY)
    engine.remove(KEY)
    assert (engine.book(KEY), engine.books, dict(engine.pending)) == (None, {}, {})
    assert engine.apply(trade(6)) is None
    assert engine.advance(T0 + HOUR) == ()
    again = engine.add(BTC)
    assert (len(again.tape), again.generation) == (0, 1)


def test_a_removed_book_that_was_due_for_a_look_says_nothing_more() -> None:
    engine, _ = make(warm=True)
    engine.add(ETH)
    feed(engine, run(1, 5))
    engine._sweep = list(engine.books.values())  # as between two ticks of a large engine
    engine.remove(KEY)
    engine.add(BTC)
    assert engine.advance(T0 + HOUR) == ()


def test_what_apply_says_of_each_kind_of_trade() -> None:
    engine, book = make(warm=True)
    feed(engine, run(1, 5))
    assert engine.apply(trade(6)) == ()
    assert engine.apply(trade(6)) is None
    assert engine.apply(trade(1, key="binance:OTHER")) is None
    assert engine.apply(trade(7, 0)) == ()
    assert kinds(engine.apply(trade(9))) == ["GapFound", "StateChanged"]
    assert kinds(engine.apply(trade(8))) == ["LateTrades", "Corrected", "StateChanged"]
    counters = book.counters
    assert (counters.received, counters.applied, counters.duplicate, counters.late) == (10, 9, 1, 1)
    assert (counters.invalid, counters.gaps, counters.gap_trades, counters.refilled) == (1, 1, 1, 1)
    check_tape(book.tape)


def test_a_trade_before_all_others_is_late_but_fills_nothing_and_declares_what_lies_between() -> None:
    engine, book = make(up=True)
    feed(engine, run(10, 12))
    assert kinds(engine.apply(trade(9))) == ["LateTrades"]
    updates = engine.apply(trade(5)) or ()
    assert kinds(updates) == ["LateTrades", "GapFound"]
    assert updates[1] == GapFound(KEY, 6, 8, T0 + 5 * SECOND)
    assert book.counters.refilled == 0
    feed(engine, [trade(7), trade(6), trade(8)])
    assert book.gap_log[0].status == "repaired"
    assert [row.id for row in book.tape.rows(0, 100)] == [5, 6, 7, 8, 9, 10, 11, 12]


@pytest.mark.parametrize("evicted", [False, True])
def test_what_is_far_too_old_is_dropped_and_counted(evicted: bool) -> None:
    engine, book = make(windows=(MINUTE,), keep_trades=300)
    feed(engine, run(20_000, 20_010 if not evicted else 22_000))
    assert engine.apply(trade(19_999 - OLD)) is None
    assert (engine.apply(trade(19_999)) is None) == evicted
    assert book.counters.dropped == {"too_old": 2 if evicted else 1}


def test_an_id_far_ahead_is_believed_when_the_next_confirms_it() -> None:
    engine, book = make(warm=True)
    feed(engine, run(1, 5))
    far = 10 + JUMP
    assert engine.apply(trade(far)) is None
    assert engine.apply(trade(far)) is None  # a second connection says the same: no confirmation
    assert (book.counters.dropped, book.sequence.newest) == ({"id_jump": 2}, 5)
    assert engine.apply(trade(6)) == ()  # the order goes on: it was nonsense
    assert engine.apply(trade(far)) is None
    updates = engine.apply(trade(far + 1)) or ()
    assert updates[0] == GapFound(KEY, 7, far, T0 + (far + 1) * SECOND)
    found = book.coverage(1, T0, trades=7)
    assert (found.expected, found.received, found.missing_total) == (far + 1, 7, far - 6)


def test_an_id_just_below_the_bound_is_a_hole_at_once() -> None:
    engine, book = make(warm=True)
    feed(engine, run(1, 5))
    assert kinds(engine.apply(trade(5 + JUMP)))[0] == "GapFound"
    assert book.sequence.open == JUMP - 1


def test_time_only_goes_on() -> None:
    engine, _ = make()
    engine.advance(T0 + SECOND)
    engine.advance(T0)
    assert engine.now == T0 + SECOND


def test_states_of_more_books_than_one_look_takes() -> None:
    engine, _ = make()
    keys = [engine.add(Instrument("binance", f"S{i}USDT", f"S{i}", "USDT")).instrument.key for i in range(600)]
    engine.apply(FeedUp(tuple(keys), T0, 1))
    for key in keys:
        engine.apply(Refill(key, (trade(1, key=key, ts=T0),), T0, warm=True))
    told = [update for tick in range(600 // SWEEP + 1) for update in engine.advance(T0 + HOUR + tick)]
    assert sorted(update.instrument for update in told) == sorted(keys)
    assert {update.state for update in told if isinstance(update, StateChanged)} == {"quiet"}


def test_the_clock_offset_is_reported_by_old_and_new_books() -> None:
    engine, book = make()
    engine.clock_offset = 77
    assert (engine.clock_offset, book.clock_offset, engine.add(ETH).clock_offset) == (77, 77, 77)
    assert book.coverage(None, T0).clock_offset == 77


def test_what_is_no_event_is_an_error() -> None:
    engine, _ = make()
    with pytest.raises(TypeError, match="not an event"):
        engine.apply(GapFound(KEY, 1, 2, 3))  # type: ignore[call-overload]


@pytest.mark.parametrize("event", [Probe("binance:NOPE", 1, T0), Restarted("binance:NOPE", T0)])
def test_an_unknown_instrument_is_nothing(event: Probe | Restarted) -> None:
    assert make()[0].apply(event) is None


def test_a_trade_after_a_restart_is_counted_in_its_own_generation() -> None:
    engine, book = make(warm=True)
    feed(engine, run(1_000_000, 1_000_100))
    assert engine.apply(trade(1)) is None  # not believed by itself
    engine.apply(Restarted(KEY, T0))
    assert engine.apply(trade(1)) == ()
    assert (book.generation, len(book.tape), tracker(book).ring) == (2, 1, [])


def dialogue() -> list[Any]:
    """All that may happen, in one run."""
    rows = [from_reference(row) for row in synthetic(3, 4_000, holes=8, invalid=9)]
    cut = [rows[at : at + 500] for at in range(0, 4_000, 500)]
    gap = [one for one in cut[3] if one.id % 11 == 0]
    return [
        FeedUp((KEY,), rows[0].ts_event, 1),
        *cut[1],
        Refill(KEY, tuple(cut[0]), cut[1][-1].ts_event, warm=True, origin=True),
        *cut[2],
        *[one for one in cut[3] if one.id % 11],
        FeedDown((KEY,), cut[3][-1].ts_event, 1, "closed"),
        Refill(KEY, tuple(gap[:30]), cut[3][-1].ts_event, repair=True),
        FeedUp((KEY,), cut[4][0].ts_event, 2),
        Probe(KEY, cut[3][-1].id, cut[4][0].ts_event),
        *cut[4],
        *gap[::-1],
        *cut[5][::2],
        *cut[5],
        *cut[6],
        *cut[7],
    ]


def play(events: list[Any]) -> tuple[Engine, Book, list[Any]]:
    engine, book = make(threshold=50_000 * 10**16)
    other = engine.add(ETH)
    said: list[Any] = []
    for index, event in enumerate(events):
        said.append(engine.apply(event))
        if isinstance(event, type(events[1])) and index % 3 == 0:
            engine.apply(trade(index, 100_000 * ONE, ts=event.ts_event, key=other.instrument.key))
            said.append(engine.advance(event.ts_event + 30_000))
    return engine, book, said


def test_replay_is_live_event_for_event() -> None:
    events = dialogue()
    one, two = play(events), play(events)
    assert one[2] == two[2]
    assert answers(one[0], one[1], T0) == answers(two[0], two[1], T0)
    assert one[1].sequence.open == sum(b - a + 1 for a, b in one[1].open_ranges()) > 0
    assert any(isinstance(update, LargePrint) for updates in one[2] for update in updates or ())


def test_waiting_orders_close_in_an_order_that_does_not_depend_on_memory_addresses() -> None:
    code = """
from tests.core.making import *
from orderflow_stream.core.events import Instrument
engine, _ = make(threshold=1)
for i in range(40):
    other = engine.add(Instrument("binance", f"S{i}", "S", "USDT"))
    engine.apply(trade(1, key=other.instrument.key, ts=T0))
print([print_.instrument for print_ in engine.advance(T0 + SECOND)])
"""
    runs = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=_checkout()).stdout
        for _ in range(2)
    }
    assert len(runs) == 1
    assert runs.pop().decode().split(",")[0] == "['binance:S0'"


def _checkout() -> str:
    from pathlib import Path

    return str(Path(__file__).resolve().parents[2])


def test_a_broken_invariant_of_an_analytic_is_not_swallowed() -> None:
    class Broken(LargeTracker):
        __slots__ = ()

        def on_trade(self, trade: Any) -> Any:
            raise RuntimeError("broken")

    engine = Engine(windows=WINDOWS, analytics=lambda book: (Broken(book, 1, engine.pending),))
    engine.add(BTC)
    with pytest.raises(RuntimeError, match="broken"):
        engine.apply(trade(1))


# A tape with real holes, and its made-up twin


def play_holes(rows: list[tapefile.Row]) -> None:
    engine, book = make(warm=True, windows=(MINUTE, HOUR), keep_trades=len(rows))
    trades = [from_reference(row) for row in rows]
    found = [update for update in feed(engine, trades) if isinstance(update, GapFound)]
    holes = [(first, last) for first, last in missing(rows)]
    assert [(gap.first, gap.last) for gap in found] == holes
    assert [(hole.first, hole.last) for hole in book.sequence.holes] == holes
    total = sum(last - first + 1 for first, last in holes)
    account = book.coverage(rows[0].id, engine.now, trades=len(rows))
    assert (account.missing, account.missing_total, account.complete) == (tuple(holes), total, False)
    assert (account.expected, account.received) == (rows[-1].id - rows[0].id + 1, len(rows))
    assert book.state == "gap"
    updates = engine.apply(Refill(KEY, (), engine.now, lost=tuple(holes), repair=True)) or ()
    assert isinstance(updates[0], Corrected)
    assert (updates[0].lost, book.state) == (tuple(holes), "partial")
    account = book.coverage(rows[0].id, engine.now, trades=len(rows))
    assert (account.missing_total, account.complete, account.state) == (total, False, "partial")
    check_tape(book.tape)
    assert all(one.last < two.first for one, two in pairwise(book.sequence.holes))
    assert not any(isinstance(update, LateTrades) for update in updates)


def test_holes_of_a_made_up_tape_stay_declared() -> None:
    play_holes(synthetic(9, 6_000, holes=16, invalid=3))


@pytest.mark.skipif(tapefile.tapes_dir() is None, reason="the recorded tapes are not beside this checkout")
def test_the_holes_of_a_recorded_tape_stay_declared() -> None:
    rows = tapefile.tape("LTCUSDT").rows()
    assert (len(missing(rows)), sum(last - first + 1 for first, last in missing(rows))) == (16, 168)
    play_holes(rows)


def test_what_a_probe_finds_beyond_the_tape_is_on_record_until_it_came() -> None:
    engine, book = make(warm=True)
    feed(engine, run(1, 5))
    assert kinds(engine.apply(Probe(KEY, 8, T0 + SECOND)))[0] == "GapFound"
    assert kinds(engine.apply(Probe(KEY, 9, T0 + SECOND)))[0] == "GapFound", "only what is new of it"
    assert [(one.first, one.last, one.status) for one in book.gap_log] == [(6, 8, "open"), (9, 9, "open")]
    assert kinds(engine.apply(trade(6)))[0] == "Corrected", "it has come by itself"
    assert book.gap_log[0].status == "open"
    updates = engine.apply(trade(8))
    assert "GapFound" not in kinds(updates), "7 was told of"
    assert (book.counters.gaps, book.counters.gap_trades) == (1, 1), "but only now the stream has skipped it"
    assert [(one.first, one.last, one.status) for one in book.gap_log] == [(6, 8, "open"), (9, 9, "open")]
    engine.apply(Refill(KEY, tuple(trade(id_) for id_ in (7, 8, 9)), T0 + 2 * SECOND, repair=True))
    assert [(one.status, one.source) for one in book.gap_log] == [("repaired", "backfill"), ("repaired", "backfill")]
    assert book.sequence.missing(1, 9) == []


def test_one_now_for_venues_whose_clocks_differ() -> None:
    """`now` is told by one clock; a venue whose own is 3 s ahead of it has windows that end 3 s later."""
    engine, spot = make(warm=True)
    perp = engine.add(USDM)
    engine.set_offset("binance", -40)
    engine.set_offset(USDM.venue, 3 * SECOND - 40, 3 * SECOND)
    late = engine.add(INVERSE)
    assert [(book.clock_offset, book.skew) for book in (spot, perp, late)] == [
        (-40, 0),
        (3 * SECOND - 40, 3 * SECOND),
        (0, 0),
    ]
    assert engine.add(ETH).clock_offset == -40
    for one in run(1, 60):
        engine.apply(one)
        engine.apply(of(USDM, one))
    now = T0 + 65 * SECOND
    assert (spot.now(now), perp.now(now), perp.now(-1)) == (now, now + 3 * SECOND, T0 + 60 * SECOND)
    assert spot.window_sums(10 * SECOND, now).trades == 5
    assert perp.window_sums(10 * SECOND, now).trades == 2
    assert perp.coverage(1, now).last_trade_age == 8 * SECOND
    assert perp.now(T0) == T0 + 60 * SECOND  # never behind its newest trade
    engine.clock_offset = 5
    assert [(book.clock_offset, book.skew) for book in (spot, perp, late)] == [(5, 0)] * 3


def test_a_skewed_clock_judges_states_by_the_venues_own_time() -> None:
    engine, _ = make()
    engine.set_offset(USDM.venue, 0, -HOUR)  # its clock is an hour behind the one that says what time it is
    book = engine.add(USDM)
    engine.apply(FeedUp((USDM.key,), T0, 1))
    engine.apply(Refill(USDM.key, (), T0, warm=True))
    for one in run(1, 30):
        engine.apply(of(USDM, one))
    engine.advance(T0 + HOUR + 31 * SECOND)
    assert book.state == "live"
    engine.advance(T0 + HOUR + 30 * SECOND + 5 * MINUTE)
    assert (book.state, book.state_since) == ("quiet", T0 + 30 * SECOND + 5 * MINUTE)


def test_a_contract_of_another_worth_is_added_up_anew() -> None:
    """Before there was a list of symbols, nobody knew what a contract is worth."""
    engine, _ = make(keep_trades=600, windows=(MINUTE,))
    guessed = Instrument(INVERSE.venue, INVERSE.symbol, "BTC", "USD", "coinm")
    book = engine.add(guessed)
    trades = [of(INVERSE, one) for one in run(1, 2_000) if one.id != 1_900]
    feed(engine, trades)
    assert engine.add(INVERSE) is book
    held = [one for one in trades if one.id >= book.tape.chunks[0].ids[0]]
    assert len(held) < len(trades)
    assert book.tape.head() == decimal_sums(INVERSE, held)
    assert book.window_sums(MINUTE, T0) == decimal_sums(INVERSE, trades[-60:])
    assert sum(bar.sums.trades for bar in book.bars.minute_bars()) == len(held)
    assert book.live.trades == 0  # counted from here on
    # A dollar a contract at a price of about one: none was large, until it is told that each is worth a hundred.
    assert {one.notional for one in tracker(book).ring} == {100 * DOLLAR, 200 * DOLLAR}
    assert book.sequence.open == 1
    check_tape(book.tape)
    feed(engine, [of(INVERSE, trade(1_900)), of(INVERSE, trade(2_001))])
    check_tape(book.tape)
    assert book.tape.head().trades == len(held) + 2
    before = book.tape
    engine.add(msgspec.structs.replace(INVERSE, status="SETTLING", trading=False))
    assert book.tape is before
