"""One word for what is known of a feed: silence that REST disproves, senseless ids, times of the far future."""

from __future__ import annotations

import msgspec
import pytest

from orderflow_stream.core.book import Book
from orderflow_stream.core.engine import JUMP, Engine
from orderflow_stream.core.events import FeedDown, FeedUp, Probe, Refill, StateChanged, Update
from orderflow_stream.core.state import LEAD, believed
from tests.core.making import BTC, HOUR, KEY, MINUTE, SECOND, T0, feed, kinds, make, run, trade


def spoken() -> tuple[Engine, Book]:
    """A live book with trades 1..20, one a second, and the time 5 s after."""
    engine, book = make(warm=True)
    engine.apply(trade(1))
    feed(engine, run(2, 20))
    engine.advance(T0 + 25 * SECOND)
    assert book.state == "live"
    return engine, book


def state_of(book: Book) -> str:
    return book.state


def states(updates: tuple[Update, ...] | None) -> list[tuple[str, str]]:
    return [(each.state, each.reason) for each in updates or () if isinstance(each, StateChanged)]


def test_a_stream_that_lacks_what_rest_has_is_stale_until_it_speaks() -> None:
    engine, book = spoken()
    found = engine.apply(Probe(KEY, 23, T0 + 25 * SECOND, silent=True))
    assert kinds(found) == ["GapFound", "StateChanged"]
    assert states(found) == [("stale", "no trade came for 5 s, while REST has newer ones")]
    assert not book.coverage(1, T0 + 25 * SECOND, trades=20).complete
    # REST fills the hole: the stream is as silent as before.
    engine.apply(Refill(KEY, tuple(run(21, 23)), T0 + 26 * SECOND, repair=True))
    assert book.sequence.newest == 23
    assert book.state == "stale"
    # A copy of what REST had before it: it speaks, and is still behind; then it is not.
    assert engine.apply(trade(22, recv=T0 + 27 * SECOND)) is None
    assert book.mute == 23
    engine.apply(trade(23, recv=T0 + 27 * SECOND))
    assert states(engine.advance(T0 + 28 * SECOND)) == [("live", "trades arrive")]


def test_the_next_streamed_trade_ends_the_silence() -> None:
    engine, book = spoken()
    engine.apply(Probe(KEY, 23, T0 + 25 * SECOND, silent=True))
    engine.apply(Refill(KEY, tuple(run(21, 23)), T0 + 26 * SECOND, repair=True))
    assert states(engine.apply(trade(24))) == [("live", "trades arrive")]
    assert book.mute == -1


def test_a_stream_that_never_spoke_is_told_apart() -> None:
    engine, book = make(up=True)
    engine.apply(Refill(KEY, tuple(run(1, 20)), T0 + 20 * SECOND, warm=True))
    found = engine.apply(Probe(KEY, 21, T0 + 42 * SECOND, silent=True))
    assert states(found) == [
        (
            "stale",
            "subscribed to 42 s ago and no trade came, while REST has newer ones: wrong path or delisted?",
        )
    ]
    # Told again it says when it was found, not when it was asked last.
    engine.apply(Probe(KEY, 22, T0 + 60 * SECOND, silent=True))
    assert book.state_reason.startswith("subscribed to 42 s ago")


def test_a_stream_that_spoke_after_rest_was_asked_is_not_silent() -> None:
    engine, book = spoken()
    engine.apply(trade(21, ts=T0 + 26 * SECOND))
    engine.apply(Probe(KEY, 23, T0 + 25 * SECOND, silent=True))
    assert book.mute == -1


def test_another_connection_that_hears_nothing_where_there_is_nothing_ends_it() -> None:
    engine, book = spoken()
    engine.apply(Probe(KEY, 23, T0 + 25 * SECOND, silent=True))
    engine.apply(Refill(KEY, tuple(run(21, 23)), T0 + 26 * SECOND, repair=True))
    engine.apply(Probe(KEY, 23, T0 + 27 * SECOND))
    assert state_of(book) == "stale", "nobody else listens: this is what the silent one brought"
    engine.apply(FeedUp((KEY,), T0 + 28 * SECOND, 1))
    engine.apply(Probe(KEY, 23, T0 + 29 * SECOND))
    assert state_of(book) == "stale", "that is the silent one itself"
    engine.apply(FeedUp((KEY,), T0 + 30 * SECOND, 2))
    engine.apply(Probe(KEY, 23, T0 + 29 * SECOND))
    assert state_of(book) == "stale", "asked before it listened"
    engine.apply(Probe(KEY, 23, T0 + 31 * SECOND))
    assert state_of(book) == "live"


@pytest.mark.parametrize("up, state", [(24, "live"), (22, "stale")])
def test_what_came_before_the_newest_connection_is_not_held_against_it(up: int, state: str) -> None:
    engine, book = spoken()
    engine.apply(FeedUp((KEY,), T0 + up * SECOND, 2))
    engine.apply(Probe(KEY, 23, T0 + 25 * SECOND, silent=True))
    assert state_of(book) == "stale"
    engine.apply(Refill(KEY, tuple(run(21, 23)), T0 + 26 * SECOND, repair=True))  # the last of them of second 23
    assert state_of(book) == state


def test_a_connection_that_is_had_again_is_not_the_silent_one() -> None:
    engine, book = spoken()
    engine.apply(Probe(KEY, 23, T0 + 25 * SECOND, silent=True))
    engine.apply(Refill(KEY, tuple(run(21, 23)), T0 + 26 * SECOND, repair=True))
    engine.apply(FeedDown((KEY,), T0 + 27 * SECOND, 1, "cut"))
    assert (book.state, book.state_reason) == ("stale", "no trade came for 5 s, while REST has newer ones")
    engine.apply(FeedUp((KEY,), T0 + 28 * SECOND, 2))
    assert book.state == "unverified"


def test_eight_seconds_behind_is_live_and_quiet_is_by_receipt() -> None:
    engine, book = make(warm=True)
    feed(engine, [trade(n, ts=T0 + n * SECOND // 10, recv=T0 + n * SECOND // 10 + 12 * SECOND) for n in range(1, 60)])
    now = T0 + 6 * SECOND + 13 * SECOND
    engine.advance(now)
    assert (book.state, book.coverage(1, now).lag) == ("live", 12 * SECOND)
    engine.advance(now + 10 * SECOND)
    assert book.state == "quiet"


# -- ids that make no sense -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["anew, far below", "anew, where ids are held", "a jump"])
def test_ids_that_make_no_sense_leave_nothing_proven(kind: str) -> None:
    engine, book = make(warm=True, origin=kind != "a jump")
    first = 50_000 if kind == "anew, far below" else 1
    feed(engine, [trade(first + n, ts=T0 + n * SECOND) for n in range(200)])
    engine.advance(T0 + 200 * SECOND)
    assert book.state == "live"
    odd = {"anew, far below": 3, "anew, where ids are held": 3, "a jump": first + 10 * JUMP}[kind]
    assert engine.apply(trade(odd, ts=T0 + 205 * SECOND)) is None
    found = engine.advance(T0 + 206 * SECOND)
    assert [state for state, _ in states(found)] == ["unverified"]
    engine.apply(trade(first + 200, ts=T0 + 207 * SECOND))
    assert book.state == "live", "the order goes on: it was one bad frame"


def test_an_old_copy_is_no_reason_for_doubt() -> None:
    engine, book = spoken()
    for id_ in (1, 10, 20):
        engine.apply(trade(id_, recv=T0 + 26 * SECOND))
    engine.advance(T0 + 27 * SECOND)
    assert book.state == "live"
    assert book.counters.duplicate == 3


# -- times of the far future ----------------------------------------------------------------------------------------


def test_one_trade_of_the_far_future_does_not_move_now() -> None:
    engine, book = spoken()
    now = T0 + 25 * SECOND
    engine.apply(trade(21, ts=now + HOUR, recv=now))
    assert book.now(now) == now
    minute = book.window_sums(MINUTE, now)
    assert minute.trades == 21, "it counts, and so do all others"
    cover = book.coverage(1, now)
    assert cover.as_of is not None
    assert cover.as_of <= now, "nothing is claimed of the future"
    assert cover.last_trade_age == 0
    feed(engine, [trade(n, ts=now + n * SECOND, recv=now + n * SECOND) for n in range(22, 40)])
    later = now + 39 * SECOND
    assert book.now(later) == later
    assert engine.advance(later + HOUR // 2) is not None
    assert book.state == "quiet", "that it is an hour ahead does not make the feed live"


def test_a_little_ahead_is_our_now() -> None:
    engine, book = spoken()
    now = T0 + 25 * SECOND
    engine.apply(trade(21, ts=now + LEAD, recv=now))
    assert book.now(now) == now + LEAD


def test_three_that_agree_are_believed_over_our_clock() -> None:
    engine, book = spoken()
    now = T0 + 25 * SECOND
    ahead = [trade(20 + n, ts=now + 40 * SECOND + n * SECOND, recv=now) for n in (1, 2, 3)]
    feed(engine, ahead[:2])
    assert book.now(now) == now
    feed(engine, ahead[2:])
    assert book.now(now) == ahead[2].ts_event
    engine.apply(trade(24, ts=now + 10 * HOUR, recv=now))
    assert believed(book, now) == ahead[2].ts_event


# -- what does not trade --------------------------------------------------------------------------------------------


def test_a_symbol_that_rests_says_so_and_goes_on() -> None:
    engine, book = spoken()
    engine.add(msgspec.structs.replace(BTC, trading=False, status="BREAK"))
    assert states(engine.advance(T0 + 26 * SECOND)) == [("quiet", "the venue does not trade it now (BREAK)")]
    assert book.coverage(1, T0 + 26 * SECOND, trades=20).complete
    assert engine.advance(T0 + 90 * SECOND) == (), "said once"
    engine.add(BTC)
    assert states(engine.advance(T0 + 91 * SECOND)) == [("quiet", "no trade for longer than usual")]
    engine.apply(trade(21, ts=T0 + 92 * SECOND))
    assert book.state == "live"


def test_limits_change_while_it_runs() -> None:
    engine, book = make(warm=True, keep_trades=5_000)
    feed(engine, [trade(n, ts=T0 + n * 10 * SECOND) for n in range(1, 20_001)])
    engine.advance(T0 + 20_000 * 10 * SECOND)
    assert len(book.tape) >= 5_000
    engine.set_limits(keep_trades=500, budget_bytes=1 << 30)
    assert 500 <= len(book.tape) < 5_000
    held = len(book.tape)
    engine.set_limits(keep_trades=10_000, budget_bytes=1 << 30)
    feed(engine, [trade(n, ts=T0 + n * 10 * SECOND) for n in range(20_001, 22_001)])
    assert len(book.tape) == held + 2_000, "more is kept from now on"
