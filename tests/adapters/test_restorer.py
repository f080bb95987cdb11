"""What is read back is what was there: whatever happened before, and wherever it ended."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from orderflow_stream.adapters import kept
from orderflow_stream.analytics import flow
from orderflow_stream.core.book import Book
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import (
    FeedUp,
    Forget,
    Instrument,
    LargePrint,
    LateTrades,
    Probe,
    Refill,
    Restarted,
    StateChanged,
    Trade,
)
from orderflow_stream.delivery.ring import EventLog, Scope
from orderflow_stream.delivery.sse import parse_position
from tests.adapters.journal_desk import Desk, House
from tests.core.making import (
    BTC,
    DOLLAR,
    KEY,
    ONE,
    SECOND,
    T0,
    answers,
    check_tape,
    law,
    run,
    tapes,
    tracker,
    trade,
)

Act = tuple[Any, ...]


@st.composite
def stories(draw: st.DrawFn) -> list[Act]:
    """What may happen to one instrument: trades in turn, skipped, late, twice; refills; ids that begin anew; frames
    and snapshots at any moment."""
    story: list[Act] = []
    skipped: list[Trade] = []
    whole = draw(tapes(most=40))
    for one in whole:
        what = draw(st.integers(0, 19))
        if what < 3:
            skipped.append(one)
            continue
        story.append((one,))
        if what == 3:
            story.append((one,))
        elif what == 4:
            story.append(("seal",))
        elif what == 5:
            story.append(("snapshot",))
        elif what == 6:
            story.append((None,))
        elif what == 7 and skipped:
            story.append((skipped.pop(draw(st.integers(0, len(skipped) - 1))),))
        elif what in {8, 9} and skipped:
            some = draw(st.integers(1, len(skipped)))
            late, skipped = skipped[:some], skipped[some:]
            story.append((Refill(KEY, tuple(late), one.ts_event, repair=True),))
        elif what == 10 and skipped:
            gone = skipped.pop(0)
            story.append((Refill(KEY, (), one.ts_event, lost=((gone.id, gone.id),), repair=True),))
        elif what == 11:
            older = [trade(id_, 2 * ONE, price=7 * ONE, ts=T0 - 60 * SECOND + id_) for id_ in range(90, 100)]
            story.append((Refill(KEY, tuple(older), one.ts_event, warm=True, origin=draw(st.booleans())),))
        elif what == 12 and draw(st.booleans()):
            story.append((Restarted(KEY, one.ts_event),))
        elif what == 13 and draw(st.booleans()):
            story.append((Forget(KEY, one.id - draw(st.integers(-1, 9)), one.ts_event),))
    return story


def play(house: House, story: list[Act]) -> None:
    recorder = house.recorder
    assert recorder is not None
    for (act,) in story:
        if act == "seal":
            recorder.seal()
        elif act == "snapshot":
            house.clock += 1_000
            recorder.turn()
        else:
            house.tell(act)
    recorder.seal()


def ledger(book: Book) -> dict[str, Any]:
    """What of a book no answer tells directly."""
    sequence = book.sequence
    return {
        "generation": book.generation,
        "origin": book.origin,
        "gaps": [msgspec.structs.astuple(one) for one in book.gap_log],
        "lost": [(hole.first, hole.last) for hole in sequence.holes if hole.lost],
        "counts": (sequence.open, sequence.lost),
        "invalid": sequence.invalid,
        "evicted": book.tape.evicted,
        "anchor": book.cvd(),
    }


def now_of(engine: Engine) -> int:
    return max(T0 + 3_600 * SECOND, *(book.tape.newest_ts for book in engine.books.values()))


@law(120)
@given(stories())
def test_whatever_happened_is_there_again(story: list[Act]) -> None:
    note("\n".join(map(repr, story)))
    check(story)


def check(story: list[Act]) -> None:
    desk = Desk()
    house = House(desk)
    house.engine.add(BTC)
    house.record()
    house.tell(FeedUp((KEY,), T0, 1))
    play(house, story)
    again = House(desk)
    found = again.read()
    assert found.findings == []
    live, back = house.engine.books[KEY], again.engine.add(BTC)
    check_tape(back.tape)
    now = now_of(house.engine)
    assert answers(again.engine, back, now) == answers(house.engine, live, now)
    assert ledger(back) == ledger(live)
    assert found.seq >= house.log.seq


def lived(desk: Desk, trades: list[Trade], **more: Any) -> House:
    """A house that has lived through these trades, with its past read and a frame after each tenth."""
    house = House(desk, **more)
    house.engine.add(BTC)
    house.record()
    house.tell(FeedUp((KEY,), T0, 1))
    house.tell(Refill(KEY, (), T0, warm=True))
    for number, one in enumerate(trades):
        house.tell(one)
        if number % 10 == 9:
            assert house.recorder is not None
            house.recorder.seal()
    return house


def test_what_is_read_back_claims_nothing_until_it_is_proven() -> None:
    desk = Desk()
    lived(desk, run(100, 199))
    again = House(desk, keep_trades=50, windows=(10 * SECOND,))
    again.read()
    book = again.engine.books[KEY]
    now = book.tape.newest_ts
    cover = flow.over_trades(book, 10, now).coverage
    assert (cover.state, cover.source, cover.complete, cover.as_of) == ("connecting", "journal", False, now)
    assert book.warm
    again.tell(FeedUp((KEY,), now + 1, 1))
    cover = flow.over_trades(book, 10, now).coverage
    assert (cover.state, cover.source, cover.complete) == ("unverified", "journal", False)
    updates = again.tell(trade(200))
    assert [update.state for update in updates or () if isinstance(update, StateChanged)] == ["live"]
    cover = flow.over_trades(book, 10, now).coverage
    assert (cover.state, cover.source, cover.complete) == ("live", "mixed", True)


def test_what_the_downtime_missed_comes_late_and_each_once() -> None:
    desk = Desk()
    lived(desk, run(100, 199))
    again = House(desk, threshold=DOLLAR, keep_trades=50, windows=(10 * SECOND,))
    again.read()
    again.tell(FeedUp((KEY,), T0 + 300 * SECOND, 1))
    missed = [trade(id_, 5 * ONE, ts=T0 + id_ * SECOND) for id_ in range(190, 210)]
    updates = again.tell(Refill(KEY, tuple(missed), T0 + 301 * SECOND, repair=True)) or ()
    prints = [update for update in updates if isinstance(update, LargePrint) and update.group == "row"]
    assert [one.id for one in prints] == list(range(200, 210))
    assert all(one.late for one in prints)
    again.tell(Probe(KEY, 209, T0 + 302 * SECOND))
    assert flow.over_trades(again.engine.books[KEY], 10, 0).coverage.complete


@pytest.mark.parametrize("keep", [60, 101])
def test_what_was_still_missing_when_it_ended_comes_late_however_far_the_tape_goes_back(keep: int) -> None:
    desk = Desk()
    lived(desk, [*run(100, 149), *run(160, 199)])  # the hole was not filled yet
    again = House(desk, threshold=DOLLAR, keep_trades=keep, windows=(10 * SECOND,))
    assert [(gap.first, gap.last) for gap in again.read().holes] == [(150, 159)]
    assert again.engine.books[KEY].warm is (keep == 60)
    again.tell(FeedUp((KEY,), T0 + 300 * SECOND, 1))
    missed = [trade(id_, 5 * ONE, ts=T0 + id_ * SECOND) for id_ in range(150, 160)]
    updates = again.tell(Refill(KEY, tuple(missed), T0 + 301 * SECOND, repair=True)) or ()
    assert [[one.id for one in each.trades] for each in updates if isinstance(each, LateTrades)] == [
        list(range(150, 160))
    ]


def test_an_order_that_nobody_was_told_of_is_told_late() -> None:
    desk = Desk()
    house = lived(desk, [trade(100), trade(101, 50 * ONE)])
    assert house.recorder is not None
    house.recorder.seal()  # and then the process dies, before the order is closed
    again = House(desk)
    again.read()
    told = [update for update in again.tell(None) or () if isinstance(update, LargePrint)]
    assert [(one.id, one.group, one.late) for one in told] == [(101, "order", True)]
    assert not again.tell(None)
    house.tell(None)
    house.recorder.seal()  # the other way round: it was told
    again = House(desk)
    again.read()
    assert not again.tell(None)
    assert [one.id for one in tracker(again.engine.books[KEY]).ring] == [101]


def test_a_stream_takes_up_again_where_it_was_told_last() -> None:
    desk = Desk()
    house = lived(desk, [trade(id_, (50 if id_ % 7 == 0 else 1) * ONE) for id_ in range(100, 200)])
    scope = Scope(frozenset({KEY}), frozenset({"large", "trade"}), "order")
    middle = parse_position(house.log.position.replace(str(house.log.seq), str(house.log.seq // 2)))
    before = house.log.since(middle, scope)
    assert before
    again = House(desk)
    found = again.read()
    assert (again.log.epoch, again.log.seq) == (house.log.epoch, found.seq)
    assert again.log.since(middle, scope) == before
    assert again.log.since(parse_position(house.log.position), scope) == []
    small = House(desk)
    small.log = EventLog("other234", trades=10, events=1000)
    small.read(most_trades=10)
    assert small.log.since(middle, scope) is None  # its ring does not reach back so far


def test_frames_that_were_dropped_leave_holes_and_no_false_promise() -> None:
    desk = Desk()
    house = lived(desk, run(100, 119))
    recorder = house.recorder
    assert recorder is not None
    early = parse_position(house.log.position)
    desk.drop = True
    for one in run(120, 129):
        house.tell(one)
    recorder.seal()
    desk.drop = False
    for one in run(130, 139):
        house.tell(one)
    recorder.seal()
    again = House(desk)
    found = again.read()
    book = again.engine.books[KEY]
    assert [(hole.first, hole.last) for hole in book.sequence.holes] == [(120, 129)]
    assert [(one.first, one.last) for one in found.holes] == [(120, 129)]
    assert [(one.first, one.last, one.status) for one in book.gap_log] == [(120, 129, "open")]
    scope = Scope(frozenset({KEY}), frozenset({"trade"}), "order")
    assert again.log.since(early, scope) is None
    assert again.log.since(parse_position(house.log.position), scope) == []


def test_ids_that_began_anew_in_a_frame_that_was_dropped_do_not_mix() -> None:
    desk = Desk()
    house = lived(desk, run(1_000, 1_099))
    recorder = house.recorder
    assert recorder is not None
    recorder.turn()
    desk.drop = True
    house.tell(Restarted(KEY, T0))
    recorder.seal()
    desk.drop = False
    for one in run(1, 20):
        house.tell(one)
    recorder.seal()
    again = House(desk)
    found = again.read()
    assert again.engine.book(KEY) is None
    assert any("began its ids anew" in line for line in found.findings)


def test_a_damaged_snapshot_or_entry_is_left_out_and_said() -> None:
    desk = Desk()
    house = lived(desk, run(100, 199))
    assert house.recorder is not None
    house.recorder.turn()
    stored = desk.kept_snapshots[KEY]
    desk.kept_snapshots[KEY] = stored._replace(body=stored.body[:-7])
    again = House(desk)
    found = again.read()
    assert len(found.findings) == 1
    assert KEY in found.findings[0]
    assert [row.id for row in again.engine.books[KEY].tape.rows_from(0, 0)] == list(range(100, 200))  # from the frames


def test_only_what_is_wanted_and_by_the_thresholds_of_now() -> None:
    desk = Desk()
    lived(desk, [trade(id_, (id_ - 99) * ONE) for id_ in range(100, 130)])
    assert House(desk).read(wanted=lambda one: False).instruments == 0
    for threshold in (5, 20, 500):
        again = House(desk, threshold=threshold * DOLLAR)
        again.read()
        ring = tracker(again.engine.books[KEY]).ring
        assert [one.id for one in ring] == [id_ for id_ in range(100, 129) if id_ - 99 >= threshold]


def test_a_snapshot_is_enough_and_frames_before_it_are_not_read() -> None:
    desk = Desk()
    house = lived(desk, run(100, 199))
    recorder = house.recorder
    assert recorder is not None
    recorder.turn()
    for seq in list(desk.kept_frames):
        del desk.kept_frames[seq]
    house.tell(trade(200))
    recorder.seal()
    again = House(desk)
    again.read(tail=0)
    now = now_of(house.engine)
    assert answers(again.engine, again.engine.books[KEY], now) == answers(house.engine, house.engine.books[KEY], now)


def test_what_has_not_changed_need_not_be_written_again() -> None:
    desk = Desk()
    house = lived(desk, run(100, 199))
    recorder = house.recorder
    assert recorder is not None
    recorder.turn()
    other = Instrument("binance", "ETHUSDT", "ETH", "USDT")
    house.engine.add(other)
    house.tell(Refill(other.key, (), T0, warm=True))
    for number in range(50):  # an hour in which only the other one trades
        house.clock += 100
        house.tell(trade(number, key=other.key))
        recorder.turn()
    assert desk.counts.snapshots < 20
    read: list[int] = []
    frames = desk.frames

    def counting(from_seq: int = 0) -> Any:
        for frame in frames(from_seq):
            read.append(frame.seq)
            yield frame

    desk.frames = counting  # type: ignore[method-assign]
    again = House(desk)
    again.read(tail=0)
    assert len(set(read)) < 30
    assert len(again.engine.books[KEY].tape) == 100
    assert len(again.engine.books[other.key].tape) == 50


def test_a_tape_that_does_not_go_back_far_enough_is_not_warm() -> None:
    desk = Desk()
    lived(desk, run(100, 199))
    for keep, warm in ((100, True), (101, False)):
        again = House(desk, keep_trades=keep, windows=(10 * SECOND,))
        again.read()
        assert again.engine.books[KEY].warm is warm


def again_after(desk: Desk, **more: Any) -> House:
    """A process that took up what the desk holds, and writes on as the daemon does."""
    house = House(desk, **more)
    found = house.read()
    resumed = None if found.whole is None else kept.Resumed(found.whole, sorted(found.floors))
    house.record().begin(found.seq + 1_000, found.done, since=found.since, resumed=resumed)
    desk.values["reserved"] = b"%d" % (found.seq + 1_000)
    return house


def begun(desk: Desk, *instruments: Instrument) -> House:
    """The first process over a desk, warm."""
    house = House(desk)
    for one in instruments:
        house.engine.add(one)
    house.record().begin(1_000)
    for one in instruments:
        house.tell(FeedUp((one.key,), T0, 1))
        house.tell(Refill(one.key, (), T0, warm=True))
    return house


ETH = Instrument("binance", "ETHUSDT", "ETH", "USDT")
BOTH = Scope(frozenset({KEY, ETH.key}), frozenset({"trade"}), "order")
ONLY = Scope(frozenset({KEY}), frozenset({"trade"}), "order")


def test_what_was_streamed_and_not_written_down_is_not_resumed() -> None:
    desk = Desk()
    house = begun(desk, BTC, ETH)
    assert house.recorder is not None
    house.tell(trade(100))
    house.recorder.seal()
    house.tell(trade(7, key=ETH.key))  # told, and then the process dies
    told = parse_position(house.log.position)
    again = again_after(desk)
    assert again.log.since(told, ONLY) == []
    assert again.log.since(told, BOTH) is None  # nobody knows which of its trades were missed
    assert again.log.knows(KEY)
    assert not again.log.knows(ETH.key)


def test_a_position_holds_over_several_restarts() -> None:
    desk = Desk()
    house = begun(desk, BTC, ETH)
    assert house.recorder is not None
    house.tell(trade(100))
    house.tell(trade(7, key=ETH.key))
    house.recorder.seal()
    told = parse_position(house.log.position)
    for number in (101, 102, 103):
        house = again_after(desk)
        assert house.recorder is not None
        missed = house.log.since(told, BOTH)
        assert missed is not None
        assert [entry.payload.id for entry in missed] == list(range(101, number))  # type: ignore[union-attr]
        house.tell(trade(number))
        house.recorder.seal()


def test_what_one_restart_lost_is_not_resumed_after_the_next_either() -> None:
    desk = Desk()
    house = begun(desk, BTC, ETH)
    assert house.recorder is not None
    house.tell(trade(100))
    house.recorder.seal()
    house.tell(trade(7, key=ETH.key))
    told = parse_position(house.log.position)
    house = again_after(desk)
    assert house.recorder is not None
    house.engine.add(ETH)
    house.tell(Refill(ETH.key, (trade(9, key=ETH.key),), T0, warm=True))
    house.recorder.seal()
    then = parse_position(house.log.position)
    house = again_after(desk)
    assert house.log.since(told, BOTH) is None
    assert house.log.since(told, ONLY) == []
    assert house.log.since(then, BOTH) == []


def test_a_frame_lost_after_a_restart_is_lost() -> None:
    desk = Desk()
    house = begun(desk, BTC)
    assert house.recorder is not None
    house.tell(trade(100))
    house.recorder.seal()
    told = parse_position(house.log.position)
    house = again_after(desk)
    assert house.recorder is not None
    desk.drop = True
    house.tell(trade(101))
    house.recorder.seal()
    desk.drop = False
    house.tell(trade(102))
    house.recorder.seal()
    assert again_after(desk).log.since(told, ONLY) is None


@pytest.mark.parametrize("event", [Restarted(KEY, T0), Forget(KEY, 1_005, T0)])
def test_what_was_given_up_is_not_resumed_over(event: Restarted | Forget) -> None:
    desk = Desk()
    house = begun(desk, BTC, ETH)
    assert house.recorder is not None
    house.tell(trade(1_000))
    house.tell(trade(7, key=ETH.key))
    told = parse_position(house.log.position)
    house.tell(event)
    house.tell(trade(1_010))
    house.recorder.seal()
    again = again_after(desk)
    assert again.log.since(told, ONLY) is None
    assert again.log.since(told, Scope(frozenset({ETH.key}), frozenset({"trade"}), "order")) == []


def test_what_has_no_snapshot_yet_is_read_from_old_frames_too() -> None:
    desk = Desk()
    house = begun(desk, BTC)
    recorder = house.recorder
    assert recorder is not None
    house.tell(trade(100))
    recorder.turn()  # with a snapshot
    house.engine.add(ETH)  # whose past takes minutes to be read
    for number in range(20):
        house.clock += 10
        for key in (KEY, ETH.key):
            house.tell(trade(101 + number, key=key))
        recorder.turn()
    assert set(desk.kept_snapshots) == {KEY}
    house.clock += 200
    recorder.turn()
    for again in (House(desk), again_after(desk)):
        if again.recorder is None:
            again.read(tail=1)
        assert len(again.engine.books[ETH.key].tape) == 20
    assert again.recorder is not None
    again.recorder.turn()  # it remembers, too
    once_more = House(desk)
    once_more.read(tail=1)
    assert len(once_more.engine.books[ETH.key].tape) == 20


def test_a_name_that_was_told_before_anything_happened_is_read_too() -> None:
    desk = Desk()
    house = House(desk)
    house.engine.add(BTC)
    house.engine.add(ETH)  # whose past takes minutes to be read
    recorder = house.record()
    recorder.begin(1_000)
    recorder.turn()  # a frame of names, and of no event
    house.tell(FeedUp((KEY, ETH.key), T0, 1))
    house.tell(Refill(KEY, (), T0, warm=True))
    for number in range(20):
        house.clock += 10
        for key in (KEY, ETH.key):
            house.tell(trade(100 + number, key=key))
        recorder.turn()
    assert set(desk.kept_snapshots) == {KEY}
    again = House(desk)
    assert again.read(tail=1).instruments == 2
    assert len(again.engine.books[ETH.key].tape) == 20
