import pytest

from orderflow_stream.core.engine import SWEEP_EVERY
from orderflow_stream.core.events import (
    FeedDown,
    FeedUp,
    GapFound,
    Probe,
    Refill,
    Restarted,
    StateChanged,
)
from orderflow_stream.core.state import QUIET_MAX, QUIET_MIN, quiet_after
from orderflow_stream.core.sums import Sums
from tests.core.making import HOUR, KEY, MINUTE, SECOND, T0, check_tape, feed, kinds, make, run, sums_of, trade


def test_it_is_connecting_until_a_stream_is_up_and_warming_until_the_past_is_read() -> None:
    engine, book = make()
    assert (book.state, book.state_reason) == ("connecting", "not connected yet")
    assert engine.apply(FeedDown((KEY,), T0, 1, "refused")) == ()
    assert (book.state, book.state_reason) == ("connecting", "refused")
    (changed,) = engine.apply(FeedUp((KEY,), T0 + 5, 1)) or ()
    assert isinstance(changed, StateChanged)
    assert (changed.state, changed.since) == ("warming", T0 + 5)
    assert feed(engine, run(1, 5)) == []
    assert book.coverage(1, T0, trades=5).state == "warming"
    assert not book.coverage(1, T0, trades=5).complete
    (changed,) = engine.apply(Refill(KEY, (), T0 + 6 * SECOND, warm=True)) or ()
    assert isinstance(changed, StateChanged)
    assert (changed.state, book.state) == ("live", "live")
    assert book.coverage(1, T0 + 6 * SECOND, trades=5).complete


def test_quiet_comes_by_its_own_rhythm_and_a_trade_ends_it() -> None:
    engine, book = make(warm=True)
    assert quiet_after(book) == QUIET_MIN
    feed(engine, [trade(id_, ts=T0 + id_ * 2 * SECOND) for id_ in range(1, 50)])
    assert quiet_after(book) == 40 * SECOND
    last = book.tape.newest_ts
    assert engine.advance(last + 40 * SECOND) == ()
    assert book.coverage(1, last + 40 * SECOND, trades=49).state == "live"
    assert book.coverage(1, last + 40 * SECOND + 1, trades=49).state == "quiet", "an answer is judged when it is given"
    assert engine.advance(last + 40 * SECOND + 1) == (), "an event waits for the next look"
    assert kinds(engine.advance(last + 40 * SECOND + SWEEP_EVERY)) == ["StateChanged"]
    found = book.coverage(1, last + 41 * SECOND, trades=49)
    assert (found.state, found.complete, found.as_of) == ("quiet", True, last)  # complete, but only up to the trade
    engine.apply(Probe(KEY, 49, last + 41 * SECOND))
    assert book.coverage(1, last + 42 * SECOND, trades=49).as_of == last + 41 * SECOND
    (changed,) = engine.apply(trade(50, ts=last + 45 * SECOND)) or ()
    assert isinstance(changed, StateChanged)
    assert changed.state == "live"


@pytest.mark.parametrize("pause, expected", [(1, QUIET_MIN), (HOUR, QUIET_MAX), (SECOND, 20 * SECOND)])
def test_the_rhythm_has_bounds(pause: int, expected: int) -> None:
    engine, book = make(warm=True)
    feed(engine, [trade(id_, ts=T0 + id_ * pause) for id_ in range(1, 300)])
    assert quiet_after(book) == expected


def test_a_symbol_that_never_traded_is_quiet() -> None:
    engine, book = make(warm=True, origin=True)
    found = book.coverage(None, T0 + HOUR, trades=100)
    assert (found.state, found.reaches_back, found.complete, found.as_of) == ("quiet", True, True, None)
    engine.apply(Probe(KEY, None, T0 + HOUR))
    assert book.coverage(None, T0 + HOUR, trades=100).as_of == T0 + HOUR
    engine.apply(trade(57))  # not the first there ever was: the proof is void
    assert not book.coverage(57, T0 + HOUR, trades=100).reaches_back


def test_down_is_stale_at_once_and_up_again_is_unverified_until_a_trade() -> None:
    engine, book = make(warm=True)
    feed(engine, run(1, 5))
    (changed,) = engine.apply(FeedDown((KEY,), T0 + 6 * SECOND, 1, "silence")) or ()
    assert changed == StateChanged(KEY, "stale", T0 + 6 * SECOND, "silence")
    found = book.coverage(1, T0 + 6 * SECOND, trades=5)
    assert (found.state, found.complete, found.as_of) == ("stale", False, T0 + 5 * SECOND)
    assert kinds(engine.apply(FeedUp((KEY,), T0 + 7 * SECOND, 2))) == ["StateChanged"]
    assert (book.state, book.coverage(1, T0 + 7 * SECOND, trades=5).complete) == ("unverified", False)
    feed(engine, [trade(6, ts=T0 + 8 * SECOND)])
    assert (book.state, book.coverage(1, T0 + 8 * SECOND, trades=6).complete) == ("live", True)


def test_what_was_missed_while_down_is_a_hole_as_soon_as_a_trade_tells() -> None:
    engine, book = make(warm=True)
    feed(engine, run(1, 5))
    engine.apply(FeedDown((KEY,), T0 + 6 * SECOND, 1, "closed"))
    engine.apply(FeedUp((KEY,), T0 + 7 * SECOND, 2))
    updates = engine.apply(trade(9)) or ()
    assert updates[0] == GapFound(KEY, 6, 8, T0 + 9 * SECOND)
    assert str(book.state) == "gap"


def test_make_before_break_is_never_unverified() -> None:
    engine, book = make(warm=True)
    feed(engine, run(1, 5))
    assert engine.apply(FeedUp((KEY,), T0 + 6 * SECOND, 2)) == ()
    assert engine.apply(FeedDown((KEY,), T0 + 6 * SECOND, 1, "rotated")) == ()
    assert engine.apply(FeedDown((KEY,), T0 + 6 * SECOND, 1, "rotated")) == ()  # told twice
    assert (book.state, book.verified) == ("live", True)


def test_an_older_repair_or_warm_up_does_not_prove_a_reconnected_feed_whole() -> None:
    engine, book = make(warm=True)
    feed(engine, [*run(1, 5), *run(8, 10)])
    engine.apply(FeedDown((KEY,), T0 + 11 * SECOND, 1, "closed"))
    engine.apply(FeedUp((KEY,), T0 + 12 * SECOND, 2))
    engine.apply(Refill(KEY, tuple(run(6, 7)), T0 + 12 * SECOND, repair=True))
    assert book.sequence.open == 0
    assert str(book.state) == "unverified"
    engine.apply(Refill(KEY, (), T0 + 12 * SECOND, warm=True))
    assert str(book.state) == "unverified"


@pytest.mark.parametrize(
    "newest, sent, state",
    [
        (10, 12, "live"),  # the same id, asked after the stream was up again
        (10, 11, "unverified"),  # asked before: trades of the time between are not excluded
        (9, 13, "unverified"),  # a database that lags knows nothing about after
        (None, 13, "unverified"),
        (13, 13, "stale"),
    ],
)
def test_what_a_probe_proves_after_a_reconnect(newest: int | None, sent: int, state: str) -> None:
    engine, book = make(warm=True)
    feed(engine, run(1, 10))
    engine.apply(FeedDown((KEY,), T0 + 11 * SECOND, 1, "closed"))
    engine.apply(FeedUp((KEY,), T0 + 12 * SECOND, 2))
    engine.apply(Probe(KEY, newest, T0 + sent * SECOND))
    assert str(book.state) == state


def test_a_newer_id_at_the_venue_is_stale_until_the_trades_are_here() -> None:
    engine, book = make(warm=True)
    feed(engine, run(1, 10))
    updates = engine.apply(Probe(KEY, 13, T0 + 11 * SECOND)) or ()
    assert updates[0] == GapFound(KEY, 11, 13, T0 + 11 * SECOND)
    assert kinds(updates) == ["GapFound", "StateChanged"]
    found = book.coverage(1, T0 + 11 * SECOND, trades=10)
    assert (found.state, found.complete, found.as_of, found.missing_total) == ("stale", False, T0 + 10 * SECOND, 0)
    engine.apply(trade(11))  # the stream goes on where it was
    assert str(book.state) == "stale"
    engine.apply(Refill(KEY, tuple(run(11, 13)), T0 + 14 * SECOND, repair=True))
    assert str(book.state) == "live"
    assert engine.apply(trade(13)) is None
    assert engine.apply(trade(14)) == ()
    check_tape(book.tape)


@pytest.mark.parametrize("sent, state", [(13, "live"), (11, "unverified")])
def test_reading_all_that_a_probe_told_of_proves_a_reconnected_feed_whole(sent: int, state: str) -> None:
    """Nothing newer existed when it was asked, and what came since has come by the stream."""
    engine, book = make(warm=True)
    feed(engine, run(1, 10))
    engine.apply(FeedDown((KEY,), T0 + 11 * SECOND, 1, "closed"))
    engine.apply(FeedUp((KEY,), T0 + 12 * SECOND, 2))
    engine.apply(Probe(KEY, 13, T0 + sent * SECOND))
    assert str(book.state) == "stale"
    engine.apply(Refill(KEY, tuple(run(11, 12)), T0 + 14 * SECOND, repair=True))
    assert str(book.state) == "stale"
    engine.apply(Refill(KEY, (trade(13),), T0 + 14 * SECOND, repair=True))
    assert str(book.state) == state
    assert book.coverage(1, T0 + 14 * SECOND, trades=13).as_of == T0 + 13 * SECOND


def test_a_probe_over_an_empty_tape_asks_for_what_there_is() -> None:
    engine, book = make(warm=True, origin=True)
    updates = engine.apply(Probe(KEY, 3, T0)) or ()
    assert updates[0] == GapFound(KEY, 3, 3, T0)
    assert str(book.state) == "stale"
    engine.apply(Refill(KEY, (trade(3),), T0, repair=True))
    assert str(book.state) == "live"
    assert not book.coverage(3, T0, trades=100).reaches_back


def test_a_read_on_demand_grows_stale_and_becomes_a_stream() -> None:
    engine, book = make()
    book.demand = True
    assert book.coverage(None, T0, trades=100).state == "warming"
    engine.apply(Refill(KEY, tuple(run(11, 20)), T0 + 20 * SECOND, warm=False))
    engine.apply(Refill(KEY, tuple(run(1, 10)), T0 + 23 * SECOND, warm=True))
    found = book.coverage(1, T0 + 24 * SECOND, trades=20)
    assert (found.state, found.complete, found.source) == ("live", True, "backfill")
    assert found.as_of == T0 + 20 * SECOND  # the older page says nothing about newer trades
    assert book.coverage(1, T0 + 31 * SECOND, trades=20).state == "stale"
    engine.apply(Refill(KEY, (), T0 + 40 * SECOND, warm=True))
    assert book.coverage(1, T0 + 41 * SECOND, trades=20).as_of == T0 + 40 * SECOND
    engine.apply(FeedUp((KEY,), T0 + 42 * SECOND, 1))
    assert (book.demand, book.verified, book.state) == (False, False, "warming")
    engine.apply(Refill(KEY, (), T0 + 43 * SECOND, warm=True))
    assert book.state in {"live", "quiet"}


def test_the_source_is_that_of_the_ids_answered_for() -> None:
    engine, book = make(up=True)
    feed(engine, run(101, 105))
    engine.apply(Refill(KEY, tuple(run(51, 103)), T0, warm=True))
    feed(engine, run(106, 110))
    assert book.coverage(60, T0, trades=1).source == "mixed"
    assert book.coverage(101, T0, trades=1).source == "stream"
    feed(engine, run(115, 120))
    engine.apply(Refill(KEY, tuple(run(111, 114)), T0, repair=True))
    assert [book.coverage(first, T0, trades=1).source for first in (111, 115)] == ["mixed", "stream"]
    engine.apply(Refill(KEY, tuple(run(121, 130)), T0, source="journal"))
    assert [book.coverage(first, T0, trades=1).source for first in (115, 121)] == ["mixed", "journal"]
    feed(engine, [trade(131)])
    assert [book.coverage(first, T0, trades=1).source for first in (121, 131)] == ["mixed", "stream"]


def test_live_sums_leave_the_warm_up_out_and_outlive_a_restart() -> None:
    engine, book = make(up=True)
    feed(engine, run(101, 105))
    engine.apply(Refill(KEY, tuple(run(1, 100)), T0, warm=True))
    assert book.live == sums_of(run(101, 105))
    feed(engine, run(108, 110))
    engine.apply(Refill(KEY, tuple(run(106, 107)), T0, repair=True))
    assert book.live == sums_of(run(101, 110))
    assert book.cvd() == (*_delta(1, 110), T0 + SECOND, 1)
    engine.apply(Restarted(KEY, T0 + HOUR))
    assert book.live == sums_of(run(101, 110))
    feed(engine, run(1, 3))
    assert book.live == sums_of(run(101, 110)) + sums_of(run(1, 3))


def _delta(first: int, last: int) -> tuple[int, int]:
    total = sums_of(run(first, last))
    return total.delta_base, total.delta_quote


def test_a_restart_begins_a_generation_that_knows_nothing() -> None:
    engine, book = make(warm=True, origin=True)
    feed(engine, [*run(1_000_001, 1_000_010), *run(1_000_013, 1_000_020)])
    engine.apply(Restarted(KEY, T0 + HOUR))
    found = book.coverage(None, T0 + HOUR, trades=100)
    assert (found.generation, found.state, found.reaches_back, found.expected) == (2, "warming", False, 0)
    assert [(record.status, record.source) for record in book.gap_log] == [("lost", "evicted")]
    feed(engine, [trade(5, ts=T0 + HOUR)])
    assert (book.sequence.first, len(book.tape), book.live.trades) == (5, 1, 19)
    assert book.window_sums(MINUTE, T0 + HOUR).trades == 1
    engine.apply(Refill(KEY, tuple(trade(id_, ts=T0 + HOUR) for id_ in range(1, 5)), T0, warm=True, origin=True))
    assert book.coverage(1, T0 + HOUR, trades=100).complete
    assert sum(bar.sums.trades for bar in book.bars.second_bars()) == 5  # no bar is of two generations


def test_now_is_never_behind_the_newest_trade() -> None:
    engine, book = make(warm=True)
    feed(engine, run(1, 5))
    assert (book.now(T0), book.now(T0 + HOUR)) == (T0 + 5 * SECOND, T0 + HOUR)
    assert book.window_sums(10 * SECOND, T0) == sums_of(run(1, 5))
    assert make()[1].live == Sums()
