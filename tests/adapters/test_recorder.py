"""What is written down, when, and how little the loop has to do for it."""

from __future__ import annotations

import asyncio
from typing import Any

from structlog.testing import capture_logs

from orderflow_stream.adapters import kept, recorder
from orderflow_stream.adapters.journal.frame import FrameData, decode
from orderflow_stream.adapters.journal.jobs import Change, FrameJob, Job, MetaJob, SnapshotJob
from orderflow_stream.core.events import FeedUp, Refill
from tests.adapters.journal_desk import Desk, House
from tests.core.making import BTC, KEY, ONE, T0, run, trade
from tests.e2e.process import eventually


def begun(desk: Desk, **more: Any) -> House:
    house = House(desk)
    house.engine.add(BTC)
    house.record(**more)
    house.tell(FeedUp((KEY,), T0, 1))
    house.tell(Refill(KEY, (), T0, warm=True))
    return house


def frames(desk: Desk) -> list[FrameData]:
    return [decode(frame.body) for frame in desk.frames()]


def kinds(frame: FrameData) -> list[str]:
    return [kind for _, kind, _ in frame.entries]


def test_a_frame_holds_what_came_in_order() -> None:
    desk = Desk()
    house = begun(desk)
    assert house.recorder is not None
    for one in [trade(1), trade(2, -50 * ONE), trade(3, 0), trade(6)]:
        house.tell(one)
    house.tell(Refill(KEY, (trade(4), trade(5), trade(6)), T0, repair=True))
    house.recorder.seal()
    (frame,) = frames(desk)
    assert list(frame.ids) == [1, 2, 3, 6, 4, 5, 6]  # that 6 was there is found when it is read
    assert list(frame.qty) == [ONE, -50 * ONE, 0, ONE, ONE, ONE, ONE]
    assert {kept.INSTRUMENT, kept.LARGE, kept.NOTE, kept.LATE, kept.ACCOUNT} == set(kinds(frame))
    (late,) = [kept.late(body) for _, kind, body in frame.entries if kind == kept.LATE]
    assert late == list(frame.seq)[-3:-1]
    assert frame.seq[-1] < 0
    assert (frame.since, frame.position) == (0, house.log.seq)
    house.recorder.seal()
    assert len(desk.kept_frames) == 1  # nothing has happened since
    house.tell(trade(7))
    house.recorder.seal()
    assert [(one.since, list(one.ids)) for one in frames(desk)[1:]] == [(frame.position, [7])]


def test_a_warm_up_is_written_without_a_place_in_the_log() -> None:
    desk = Desk()
    house = House(desk)
    house.engine.add(BTC)
    house.record()
    house.tell(Refill(KEY, tuple(run(1, 5)), T0))
    assert house.recorder is not None
    house.recorder.seal()
    (frame,) = frames(desk)
    assert list(frame.ids) == [1, 2, 3, 4, 5]
    assert set(frame.seq) == {-1}


def test_what_is_read_on_demand_is_not_written() -> None:
    desk = Desk()
    house = House(desk)
    house.engine.add(BTC).demand = True
    house.record()
    house.tell(Refill(KEY, tuple(run(1, 5)), T0))
    assert house.recorder is not None
    house.recorder.turn()
    assert not any(len(frame) for frame in frames(desk))
    assert not desk.kept_snapshots


def test_a_snapshot_comes_after_the_frame_that_it_stands_on() -> None:
    desk = Desk()
    order: list[str] = []
    offer = desk.offer

    def noting(job: Job) -> bool:
        order.append(type(job).__name__)
        return offer(job)

    desk.offer = noting  # type: ignore[method-assign]
    house = begun(desk)
    for one in run(1, 10):
        house.tell(one)
    assert house.recorder is not None
    house.recorder.turn()
    order = [name for name in order if name != MetaJob.__name__]
    assert order == [FrameJob.__name__, SnapshotJob.__name__]
    words = kept.decode_snapshot(desk.kept_snapshots[KEY].body).words
    assert words.position == frames(desk)[-1].position == house.log.seq


def test_snapshots_are_taken_in_time_and_only_of_what_changed() -> None:
    desk = Desk()
    house = begun(desk, snapshot_s=100.0)
    assert house.recorder is not None
    for seconds, wanted in ((0, 1), (50, 1), (101, 2), (202, 2), (303, 3)):
        if seconds != 202:
            house.tell(trade(seconds + 1))
        house.clock = float(seconds)
        house.recorder.turn()
        assert desk.counts.snapshots == wanted, seconds


def test_the_loop_is_not_held_up_by_many_snapshots() -> None:
    desk = Desk()
    house = House(desk)
    ticks = iter(range(10_000))
    writer = house.record(elapsed=lambda: next(ticks) * recorder.STRETCH * 0.6)
    for number in range(20):
        one = house.engine.add(BTC.__class__("binance", f"S{number}USDT", f"S{number}", "USDT"))
        one.warm = True
        house.tell(trade(1, key=one.instrument.key))
    writer.turn()
    assert 0 < desk.counts.snapshots < 5
    for _ in range(20):
        writer.turn()
    assert desk.counts.snapshots == 20


def test_snapshots_that_were_lost_are_taken_anew() -> None:
    desk = Desk()
    house = begun(desk)
    assert house.recorder is not None
    house.tell(trade(1))
    house.recorder.turn()
    assert desk.counts.snapshots == 1
    desk.counts.renewed += 1
    house.tell(trade(2))
    house.recorder.turn()
    assert desk.counts.snapshots == 2


def test_the_log_never_counts_beyond_what_is_reserved() -> None:
    desk = Desk()
    house = begun(desk, block=100)
    assert house.recorder is not None
    for id_ in range(1, 500):
        house.tell(trade(id_))
        if id_ % 10 == 0:
            house.clock += 11
            house.recorder.seal()
            assert house.log.seq <= int(desk.values["reserved"])
    assert desk.values["epoch"] == house.log.epoch.encode()


async def test_the_end_is_written_down_exactly() -> None:
    desk = Desk()
    house = begun(desk)
    assert house.recorder is not None
    house.tell(trade(1))
    assert await house.recorder.close(5.0)
    assert int(desk.values["reserved"]) == house.log.seq
    assert list(frames(desk)[-1].ids) == [1]
    assert house.log.tap is None
    again = House(desk)
    assert again.read().seq == house.log.seq


async def test_a_stuck_disk_does_not_hold_up_the_end() -> None:
    desk = Desk()
    house = begun(desk)
    assert house.recorder is not None
    desk.offer = lambda job: True  # type: ignore[method-assign]  # taken, and never written
    desk.close = lambda timeout: False  # type: ignore[method-assign]
    async with asyncio.timeout(5):
        assert not await house.recorder.close(0.05)


async def test_it_runs_by_itself_and_tells_of_the_disk() -> None:
    desk = Desk()
    house = begun(desk, frame_s=0.001)
    assert house.recorder is not None
    news = [Change("failed", "no space"), Change("ok", "it is written again")]
    desk.poll = lambda: [news.pop(0)] if news else []  # type: ignore[method-assign]
    house.tell(trade(1))
    with capture_logs() as logs:
        task = asyncio.create_task(house.recorder.run())
        await eventually(lambda: not news)
        task.cancel()
    assert [(line["log_level"], line["state"], line["reason"]) for line in logs] == [
        ("warning", "failed", "no space"),
        ("info", "ok", "it is written again"),
    ]
    assert desk.kept_frames


def test_a_new_file_gets_the_place_in_the_log_too() -> None:
    desk = Desk()
    house = House(desk)
    house.record().begin(5_000, {KEY: 3})
    assert (desk.values["epoch"], desk.values["reserved"]) == (b"epoch234", b"5000")
