"""Silence by a symbol's own rhythm: busy ones soon, thin ones seldom, and whole recorded days without a false alarm."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import pytest

from orderflow_stream.core.book import Book
from orderflow_stream.core.events import FeedUp, Instrument, Probe, Refill, Trade
from orderflow_stream.feed.silence import AGAIN, CEILING, FLOOR, Silence, rhythm
from tests.core.making import BTC, KEY, SECOND, T0, make, trade
from tests.reference import oracle, tapefile

MS = 1_000


def streamed(times: Sequence[int]) -> Book:
    """A warm book whose stream brought trades at these times."""
    engine, book = make(warm=True)
    for number, ts in enumerate(times, 1):
        engine.apply(trade(number, ts=ts))
    return book


def steady(every: int, count: int = 150) -> Book:
    return streamed([T0 + number * every for number in range(count)])


def first_suspicion(book: Book, judge: Silence | None = None) -> int:
    """After how long (µs) of silence."""
    judge = judge or Silence()
    start = book.last_recv
    for step in range(4 * 60):
        if judge.look([book], start + step * SECOND // 4):
            return step * SECOND // 4
    raise AssertionError("never")


@pytest.mark.parametrize(
    "every, limit",
    [(20 * MS, FLOOR), (SECOND, FLOOR), (2 * SECOND, 4 * SECOND), (10 * SECOND, 20 * SECOND), (60 * SECOND, CEILING)],
)
def test_the_limit_is_twice_the_longest_pause(every: int, limit: int) -> None:
    book = steady(every)
    assert rhythm(book) == limit
    assert limit <= first_suspicion(book) <= limit + SECOND // 4


def test_rows_of_one_order_are_one_moment() -> None:
    times = [T0 + number * 5 * SECOND for number in range(30) for _ in range(9)]
    assert rhythm(streamed(times)) == 10 * SECOND


def test_of_a_symbol_that_is_hardly_known_only_a_long_silence_is_judged() -> None:
    assert rhythm(steady(MS, 5)) == CEILING
    _, book = make(warm=True)
    judge = Silence()
    assert judge.look([book], T0 + CEILING - 1) == []
    (suspect,) = judge.look([book], T0 + CEILING)  # it never spoke: counted from its subscription
    assert not suspect.urgent


def test_a_silence_is_asked_about_ever_less_often_and_a_new_one_anew() -> None:
    engine, book = make(warm=True)
    for number in range(1, 151):
        engine.apply(trade(number, ts=T0 + number * 10 * MS))
    judge = Silence()
    asked = []
    now = book.last_recv
    for _ in range(4 * 900):
        now += SECOND // 4
        asked += [(now, suspect.urgent) for suspect in judge.look([book], now)]
    waits = [later - earlier for (earlier, _), (later, _) in pairwise(asked)]
    assert waits[: len(AGAIN)] == list(AGAIN)
    assert [urgent for _, urgent in asked[:5]] == [True, True, True, False, False]
    engine.apply(trade(151, ts=now))
    assert judge.look([book], now + FLOOR - 1) == []


@pytest.mark.parametrize("word", ["duplicate", "connection"])
def test_what_ends_a_silence(word: str) -> None:
    engine, book = make(warm=True)
    for number in range(1, 151):
        engine.apply(trade(number, ts=T0 + number * 10 * MS))
    now = book.last_recv + FLOOR
    if word == "duplicate":  # REST was faster: the stream speaks all the same
        engine.apply(trade(150, ts=T0 + 1_500 * MS, recv=now))
    else:
        engine.apply(FeedUp((KEY,), now, 1))  # the one it has: no news
        assert Silence().look([book], now)
        book.connections.clear()
        engine.apply(FeedUp((KEY,), now, 2))
    assert Silence().look([book], now) == []


def test_only_what_is_streamed_and_read_is_judged() -> None:
    engine, book = make(up=True)
    late = T0 + 100 * CEILING
    assert Silence().look([book], late) == []
    engine.apply(Refill(KEY, (), T0, warm=True))
    assert Silence().look([book], late)
    book.demand = True
    assert Silence().look([book], late) == []
    book.demand = False
    book.connections.clear()
    assert Silence().look([book], late) == []


def test_a_late_exchange_is_not_silent() -> None:
    engine, book = make(warm=True)
    for number in range(1, 151):
        engine.apply(trade(number, ts=T0 + number * 10 * MS, recv=T0 + number * 10 * MS + 8 * SECOND))
    assert Silence().look([book], T0 + 1_500 * MS + 8 * SECOND + FLOOR - 1) == []


def test_what_is_gone_is_forgotten() -> None:
    book = steady(10 * MS)
    judge = Silence()
    assert judge.look([book], book.last_recv + FLOOR)
    judge.keep([])
    assert judge.look([book], book.last_recv + FLOOR), "judged anew"


# -- whole days -----------------------------------------------------------------------------------------------------


class Day(NamedTuple):
    """What a day in virtual time came to."""

    questions: int
    alarms: int
    longest: int


def live_through(trades: Sequence[Trade], *, delay: int = 60 * MS, answer: int = 80 * MS, race: int = 300 * MS) -> Day:
    """The tape as a stream with `delay`; REST is asked as the judge wants and tells the truth of `answer` µs later."""
    times = [one.ts_event for one in trades]
    engine, book = make(threshold=10**30)
    engine.apply(FeedUp((KEY,), times[0], 1))
    engine.apply(Refill(KEY, (), times[0], warm=True))
    judge = Silence()
    questions = alarms = longest = 0
    step = SECOND // 4
    at, now = 0, times[0] - times[0] % step
    end = times[-1]
    while now < end:
        # Nothing can be suspected while trades come: go to the next look that finds a pause.
        while at < len(trades) and times[at] + delay <= now:
            one = trades[at]
            engine.apply(one)
            at += 1
        silent = now - book.last_recv if book.last_recv >= 0 else 0
        if silent < FLOOR and at < len(trades):
            now = max(now + step, times[at] + delay if silent + times[at] + delay - now < FLOOR else now + step)
            now += -now % step
            continue
        for suspect in judge.look([book], now):
            questions += 1
            longest = max(longest, silent)
            told = bisect_left(times, now + answer // 2 + 1)  # trades that REST knows when it answers
            heard = bisect_left(times, now + answer + race - delay + 1)
            if told > at and heard <= at:
                alarms += 1
            if told == at:
                engine.apply(Probe(suspect.book.instrument.key, trades[at - 1].id, now))
        now += step
    print(f"{len(trades)} trades: {questions} questions, {alarms} false alarms")
    return Day(questions, alarms, longest)


#: Of each day the middle: of the crash the hour before and its first ten minutes.
MOST: Final = 40_000


def days() -> list[tapefile.Tape]:
    """Recorded days: real daily files, and the crash of 2025-10-10."""
    wanted = ("BTCUSDC-spot-aggtrades-2025-10-04", "TRXUSDT-spot-2025-10-10", "XRPETH")
    return [tape for tape in tapefile.aggtrade_tapes() if tape.name.startswith(wanted)]


@pytest.mark.parametrize("tape", days(), ids=lambda tape: tape.name)
def test_a_recorded_day_has_no_false_alarm(tape: tapefile.Tape) -> None:
    rows = tape.rows()
    begin = max(0, len(rows) - MOST) // 2
    rows = rows[begin : begin + MOST]
    first = rows[0].id
    found = live_through(
        [trade(row.id - first + 1, ts=row.ts_us, recv=row.ts_us + 60 * MS) for row in sorted(rows, key=lambda r: r.id)]
    )
    assert found.alarms == 0
    assert found.questions > 0, "the judge was never in doubt: this proves nothing"
    span = (rows[-1].ts_us - rows[0].ts_us) / 86_400e6
    assert found.questions <= 2_000 * max(span, 0.1), "questions cost weight"


def test_a_made_up_day_has_no_false_alarm() -> None:
    rows = oracle.synthetic(7, 4_000, pause_us=1_500_000)
    found = live_through([trade(n, ts=row.ts_us, recv=row.ts_us + 60 * MS) for n, row in enumerate(rows, 1)])
    assert found.alarms == 0
    assert found.questions > 0


def test_a_look_at_a_whole_market_is_cheap() -> None:
    """1,370 books, all of them speaking: a comparison each."""
    engine, _ = make()
    for number in range(1_370):
        engine.add(Instrument("binance", f"S{number}USDT", f"S{number}", "USDT"))
    for book in engine.books.values():
        book.connections, book.warm, book.last_recv = {1}, True, T0
    judge = Silence()
    looked = [judge.look(engine.books.values(), T0 + FLOOR - 1) for _ in range(40)]
    assert not any(looked)
    assert BTC.key in engine.books


def test_where_warm_ups_take_long_cold_symbols_are_judged_once_they_hold_something() -> None:
    engine, book = make()
    engine.apply(FeedUp((KEY,), T0, 1))
    judge, cold = Silence(), Silence(cold=True)
    assert cold.look([book], T0 + 60 * SECOND) == []
    engine.apply(Refill(KEY, (trade(1, ts=T0 - SECOND),), T0))
    assert not book.warm
    assert judge.look([book], T0 + 60 * SECOND) == []
    assert judge.silent([book], T0 + 60 * SECOND) == []
    assert [one.book for one in cold.look([book], T0 + 60 * SECOND)] == [book]
    assert cold.silent([book], T0 + 61 * SECOND) == [book]
