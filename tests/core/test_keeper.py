import time

from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream.analytics import flow
from orderflow_stream.core.book import Book
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import Instrument, Refill, Restarted
from orderflow_stream.core.tape import CHUNK, CHUNK_BYTES, ROW_BYTES
from tests.core.making import HOUR, KEY, MINUTE, SECOND, T0, check_tape, feed, law, make, run, trade

FULL = CHUNK_BYTES + CHUNK * ROW_BYTES


def other(engine: Engine, name: str) -> Book:
    return engine.add(Instrument("binance", name, name, "USDT"))


def test_it_keeps_the_longer_of_count_and_window() -> None:
    engine, book = make(windows=(MINUTE,), keep_trades=1_000)
    feed(engine, run(1, 5_000))  # one a second: a minute is less than 1,000
    assert 1_000 <= len(book.tape) < 1_000 + 2 * CHUNK
    engine, book = make(windows=(HOUR,), keep_trades=1_000)
    feed(engine, run(1, 8_000))
    assert 3_600 <= len(book.tape) < 3_600 + 2 * CHUNK
    assert book.sequence.first == book.tape.chunks[0].ids[0]


@law(40)
@given(
    st.lists(st.sampled_from([0, 1, SECOND, 20 * SECOND, 5 * MINUTE]), min_size=300, max_size=700),
    st.sampled_from([50, 300]),
)
def test_never_fewer_trades_and_never_less_than_the_window(steps: list[int], keep: int) -> None:
    engine, book = make(windows=(MINUTE, HOUR), keep_trades=keep)
    ts, fed = T0, []
    for index, step in enumerate(steps):
        ts += step
        fed.append(trade(index, ts=ts))
        feed(engine, fed[-1:])
        assert len(book.tape) >= min(keep, len(fed))
    held = len(book.tape)
    for now in (ts, ts + MINUTE, ts + 2 * HOUR):
        answer = flow.over_window(book, HOUR, now)
        assert answer.trades == sum(one.ts_event > now - HOUR for one in fed)
        assert answer.coverage.reaches_back == (book.tape.chunks[0].ts[0] <= now - HOUR)
        if held < len(fed):
            assert answer.coverage.reaches_back
        assert flow.over_trades(book, len(fed), now).coverage.reaches_back == (held == len(fed))


def test_the_trade_before_the_window_stays_even_where_a_chunk_ends_with_it() -> None:
    engine, book = make(windows=(MINUTE,), keep_trades=10)
    feed(engine, [trade(id_, ts=T0 + id_) for id_ in range(CHUNK)])
    feed(engine, [trade(id_, ts=T0 + HOUR + id_) for id_ in range(CHUNK, 4 * CHUNK)])
    found = flow.over_window(book, MINUTE, book.tape.newest_ts)
    assert (found.trades, found.coverage.reaches_back) == (3 * CHUNK, True)


def test_over_budget_the_longest_tape_gives_and_the_answers_say_so() -> None:
    engine, book = make(keep_trades=300, budget_bytes=20 * FULL)
    quiet = other(engine, "ETHUSDT")
    feed(engine, [trade(id_, key=quiet.instrument.key, ts=T0) for id_ in range(1, 301)])
    feed(engine, [trade(id_, ts=T0 + id_ * 1_000) for id_ in range(1, 20_001)])
    assert engine.nbytes <= 20 * FULL
    assert engine.nbytes == sum(one.nbytes for one in engine.books.values()) or engine.nbytes > 15 * FULL
    assert len(quiet.tape) == 300
    assert len(book.tape) > 10 * CHUNK
    assert engine.keeper.cut > 50
    now = book.tape.newest_ts
    answer = flow.over_window(book, HOUR, now)
    assert not answer.coverage.reaches_back
    assert not answer.coverage.complete
    assert answer.trades == len(book.tape)
    assert flow.over_trades(book, 300, now).coverage.reaches_back
    check_tape(book.tape)


def test_the_last_trades_never_go_whatever_the_budget() -> None:
    engine, book = make(keep_trades=700, budget_bytes=1)
    more = other(engine, "ETHUSDT")
    feed(engine, run(1, 3_000))
    feed(engine, run(1, 3_000, key=more.instrument.key))
    for one in (book, more):
        assert 700 <= len(one.tape) < 700 + CHUNK + 1


def test_origin_is_gone_with_the_first_chunk() -> None:
    engine, book = make(warm=True, origin=True, windows=(MINUTE,), keep_trades=300)
    feed(engine, run(0, 200))
    assert flow.over_trades(book, 5_000, T0).coverage.reaches_back
    feed(engine, run(201, 2_000))
    assert not flow.over_trades(book, 5_000, T0).coverage.reaches_back
    assert flow.over_trades(book, 300, T0).coverage.reaches_back


def test_a_hole_that_leaves_the_tape_unfilled_is_not_called_repaired() -> None:
    engine, book = make(warm=True, windows=(MINUTE,), keep_trades=300)
    feed(engine, [*run(1, 10), *run(15, 20), *run(25, 2_000)])
    assert book.sequence.holes == []
    assert [(record.status, record.source) for record in book.gap_log] == [("lost", "evicted")] * 2
    assert all(record.closed is not None for record in book.gap_log)
    assert book.counters.lost == 0  # nothing was proven
    assert book.state == "live"
    engine.apply(Refill(KEY, tuple(run(11, 14)), T0, repair=True))
    assert book.counters.dropped == {"too_old": 4}
    assert [record.status for record in book.gap_log] == ["lost", "lost"]


def test_bytes_are_counted_where_they_change() -> None:
    engine, book = make()
    feed(engine, run(1, 2_000))
    engine.keeper.weigh(book)
    assert engine.nbytes == book.nbytes > 2_000 * 48
    engine.apply(Refill(KEY, tuple(run(3_000, 9_000)), T0, repair=True))
    assert engine.nbytes == book.nbytes > 8_000 * 48
    engine.apply(Restarted(KEY, T0))
    assert engine.nbytes == book.nbytes
    assert book.tape.nbytes < 2_000
    engine.remove(KEY)
    assert engine.nbytes == 0


def test_a_late_trade_cannot_push_it_over_the_budget() -> None:
    engine, book = make(keep_trades=300, budget_bytes=10 * FULL)
    feed(engine, [trade(id_, ts=T0 + id_) for id_ in range(1, 20_000) if id_ % 2 or id_ < 15_000])
    for id_ in range(15_000, 20_000, 2):
        engine.apply(trade(id_, ts=T0 + id_))
    assert engine.nbytes <= 10 * FULL
    assert len(book.tape) > 300


def test_many_books_over_the_budget_do_not_stall_a_trade() -> None:
    engine, _ = make(keep_trades=CHUNK, budget_bytes=200 * FULL)
    books = [other(engine, f"S{index}USDT") for index in range(100)]
    for book in books:
        engine.apply(
            Refill(book.instrument.key, tuple(trade(i, key=book.instrument.key, ts=T0) for i in range(3 * CHUNK)), T0)
        )
    began = time.process_time()
    feed(engine, [trade(id_, ts=T0 + id_) for id_ in range(20 * CHUNK)])
    assert engine.nbytes <= 200 * FULL
    assert time.process_time() - began < 1.0  # 20 chunks begun, each with a look at 100 books: about 10 ms
