"""The writer: nobody waits for it, what cannot be written is dropped and told, what can is written in order."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from orderflow_stream.adapters.journal.faults import JournalError
from orderflow_stream.adapters.journal.frame import FrameData, decode
from orderflow_stream.adapters.journal.jobs import (
    JOB_BYTES,
    ROW_BYTES,
    Change,
    DropJob,
    FlushJob,
    FrameJob,
    Job,
    MetaJob,
    SnapshotJob,
    Stats,
)
from orderflow_stream.adapters.journal.sqlite import SqliteLog
from orderflow_stream.adapters.journal.writer import Writer
from tests.adapters.journal.making import market
from tests.adapters.journal.stores import Disk

PATIENCE = 20.0


def job(n: int, trades: int = 2) -> FrameJob:
    return FrameJob(market(n, trades), trades)


class Rig:
    """A writer over a disk, with a clock of its own."""

    def __init__(self, disk: Disk, **options: float) -> None:
        self.disk = disk
        self.now = 0.0
        self.writer = Writer(disk.open(), disk.open, clock=lambda: self.now, **options)  # type: ignore[arg-type]
        self.writer.start()

    def offer(self, *jobs: Job) -> list[bool]:
        return [self.writer.offer(one) for one in jobs]

    def flush(self) -> bool:
        """Whether all that was offered is written; waits until that is known."""
        told: list[bool] = []
        done = threading.Event()

        def tell(ok: bool) -> None:
            told.append(ok)
            done.set()

        assert self.writer.offer(FlushJob(tell))
        assert done.wait(PATIENCE)
        return told[0]

    @property
    def stats(self) -> Stats:
        return self.writer.stats()

    def frames(self) -> list[FrameData]:
        return [decode(body) for _, body in self.disk.log.read()]


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def rig(disk: Disk) -> Iterator[Rig]:
    rig = Rig(disk)
    yield rig
    disk.go.set()
    assert rig.writer.close(PATIENCE)


def test_all_is_written_in_order_and_counted(rig: Rig) -> None:
    frames = [market(n, n + 1) for n in range(5)]
    for n, frame in enumerate(frames):
        assert rig.writer.offer(FrameJob(frame if n % 2 else lambda frame=frame: frame, n + 1))  # type: ignore[misc]
    rig.offer(
        SnapshotJob("a", 7, lambda: b"A"), SnapshotJob("b", 8, lambda: b"B"), DropJob("b"), MetaJob("epoch", b"x")
    )
    assert rig.flush()
    assert rig.frames() == frames
    assert rig.disk.kept_snapshots["a"][1:] == (5, 7, b"A")
    assert set(rig.disk.kept_snapshots) == {"a"}
    assert rig.disk.kept_metas == {"epoch": b"x"}
    stats = rig.stats
    assert (stats.state, stats.frames, stats.trades, stats.snapshots, stats.dropped_frames) == ("ok", 5, 15, 2, 0)
    assert stats.nbytes == sum(len(body) for _, body in rig.disk.log.read())
    assert stats.file == 4_096
    assert rig.writer.poll() == []


def test_what_waits_is_one_commit(rig: Rig) -> None:
    rig.disk.go.clear()
    rig.offer(job(1))
    assert rig.disk.waiting.wait(PATIENCE)
    rig.offer(*(job(n) for n in range(2, 30)))
    assert rig.stats.queue == 29
    rig.disk.go.set()
    assert rig.flush()
    assert rig.stats.frames == 29
    assert rig.disk.commits == 2
    assert (rig.stats.queue, rig.stats.queue_bytes) in {(0, 0), (1, JOB_BYTES)}  # the flush itself may still be there


def test_no_frame_waits_for_snapshots(rig: Rig) -> None:
    making, made, go = threading.Event(), [], threading.Event()

    def make(name: str) -> bytes:
        making.set()
        assert go.wait(PATIENCE)
        made.append((name, rig.disk.log.last))
        return name.encode()

    rig.offer(job(0), *(SnapshotJob(name, 1, lambda name=name: make(name)) for name in "abc"))  # type: ignore[misc]
    rig.offer(MetaJob("clean", b"of a, b and c", behind=True), MetaJob("epoch", b"x"))
    assert making.wait(PATIENCE)  # the first frame is written, and the first snapshot is under way
    rig.offer(*(job(n) for n in range(1, 4)))
    go.set()
    assert rig.flush()
    assert [name for name, _ in made] == ["a", "b", "c"]
    assert made[1][1] == 4  # all frames that came meanwhile were written before the second one was even made
    # and yet none of them is taken to be in a snapshot that was taken before
    assert {stored.seq for stored in rig.disk.kept_snapshots.values()} == {1}
    assert rig.disk.kept_metas == {"clean": b"of a, b and c", "epoch": b"x"}


def test_what_tells_of_snapshots_is_written_after_them(rig: Rig) -> None:
    found: list[bool] = []
    go = threading.Event()

    def make() -> bytes:
        assert go.wait(PATIENCE)
        found.append("clean" in rig.disk.kept_metas)
        return b"A"

    rig.offer(SnapshotJob("a", 1, make), MetaJob("clean", b"a is there", behind=True), job(1))
    go.set()
    assert rig.flush()
    assert found == [False]
    assert rig.disk.kept_metas["clean"] == b"a is there"


def test_a_stuck_disk_is_said_once_and_then_frames_are_dropped_and_counted(disk: Disk) -> None:
    rig = Rig(disk, most_jobs=10)
    disk.go.clear()
    assert rig.offer(job(0)) == [True]
    assert disk.waiting.wait(PATIENCE)
    rig.now = 1.9
    assert rig.stats.state == "ok"
    rig.now = 2.5
    assert rig.writer.poll() == [Change("slow", "the disk has been busy with one commit for 2.5 s")]
    accepted = rig.offer(*(job(n, 3) for n in range(1, 21)))
    assert accepted == [True] * 9 + [False] * 11
    assert rig.stats.dropped_frames == 11
    assert rig.stats.dropped_trades == 33
    assert rig.writer.offer(SnapshotJob("a", 1, lambda: b"")) is False
    assert rig.stats.dropped_snapshots == 1
    assert rig.writer.poll() == []
    assert not rig.writer.close(0.01)  # nobody hangs on it
    disk.go.set()
    assert rig.writer.close(PATIENCE)
    assert len(rig.frames()) == 10


def test_a_slow_disk_is_told_and_its_recovery_too(disk: Disk) -> None:
    rig = Rig(disk)
    disk.go.clear()
    rig.offer(job(0))
    assert disk.waiting.wait(PATIENCE)
    rig.now = 3.0
    disk.go.set()
    assert rig.flush()
    assert [one.state for one in rig.writer.poll()] == ["slow"]
    assert (rig.stats.commit, rig.stats.worst) == (3.0, 3.0)
    rig.offer(job(1))
    assert rig.flush()
    assert rig.writer.poll() == [Change("ok", "it is written again; 0 frames were dropped since the start")]
    assert (rig.stats.commit, rig.stats.worst) == (0.0, 3.0)
    assert rig.writer.close(PATIENCE)


def test_a_queue_full_of_bytes_refuses_snapshots_first(disk: Disk) -> None:
    rig = Rig(disk, most_bytes=100 * ROW_BYTES)
    disk.go.clear()
    rig.offer(job(0, 1))
    assert disk.waiting.wait(PATIENCE)
    assert rig.offer(job(1, 55)) == [True]
    assert rig.offer(SnapshotJob("a", 1, lambda: b"x")) == [False]
    assert rig.offer(job(2, 30), job(3, 30)) == [True, False]
    assert rig.offer(MetaJob("small", b"x")) == [True]
    assert rig.writer.poll()[0].state == "slow"
    disk.go.set()
    assert rig.flush()
    assert [len(frame) for frame in rig.frames()] == [1, 55, 30]
    assert rig.offer(job(4, 500)) == [True]  # alone, even what is larger than all that may wait
    assert rig.flush()
    assert rig.frames()[-1].lost == 1
    assert rig.writer.close(PATIENCE)


def test_a_full_disk_stops_the_writing_and_says_so_once_until_there_is_room(rig: Rig, disk: Disk) -> None:
    rig.offer(job(0))
    assert rig.flush()
    disk.fault = JournalError("/x: database or disk is full", "free space there")
    rig.offer(job(1))
    assert not rig.flush()
    (told,) = rig.writer.poll()
    assert told == Change("failed", "/x: database or disk is full (free space there); it is tried again every 10 s")
    assert rig.offer(job(2), SnapshotJob("a", 1, lambda: b"")) == [False, False]
    assert rig.stats.reason == told.text
    rig.now = 10.5
    assert rig.offer(job(3)) == [True]
    assert not rig.flush()
    assert rig.writer.poll() == []
    assert disk.opened == 2  # it was tried with a connection of its own
    disk.fault = None
    rig.now = 15.0
    assert rig.offer(job(4)) == [False]
    rig.now = 21.0
    assert rig.offer(job(5)) == [True]
    assert rig.flush()
    assert rig.writer.poll() == [Change("ok", "it is written again; 4 frames were dropped since the start")]
    assert rig.stats.reason == ""
    frames = rig.frames()
    assert [frame.lost for frame in frames] == [0, 4]  # what is missing is on record, where it is missing
    assert frames[1].since != frames[0].position


def test_values_of_a_time_without_disk_are_written_when_it_is_back(rig: Rig, disk: Disk) -> None:
    done: list[bool] = []
    rig.offer(MetaJob("epoch", b"e"))
    assert rig.flush()
    disk.fault = JournalError("sick")
    rig.offer(MetaJob("reserved", b"1000", durable=True, done=done.append))
    assert not rig.flush()
    assert (done, disk.syncs) == ([False], 0)
    disk.fault = None
    disk.kept_metas.clear()
    rig.now = 10.0
    rig.offer(MetaJob("other", b"x", durable=True, done=done.append))
    assert rig.flush()
    assert disk.kept_metas == {"epoch": b"e", "reserved": b"1000", "other": b"x"}
    assert (done, disk.syncs) == ([False, True], 1)


def test_what_is_written_and_not_yet_durable_is_not_written_twice(rig: Rig, disk: Disk) -> None:
    done: list[bool] = []
    disk.sync_fault = JournalError("sick")
    rig.offer(job(0), MetaJob("reserved", b"1", durable=True, done=done.append))
    rig.flush()
    assert done == [False]
    assert (len(rig.frames()), rig.stats.dropped_frames) == (1, 0)
    assert [one.state for one in rig.writer.poll()] == ["failed"]
    disk.sync_fault = None
    rig.now = 10.0
    rig.offer(job(1))
    assert rig.flush()
    assert [frame.lost for frame in rig.frames()] == [0, 0]


def test_a_damaged_file_is_written_anew(rig: Rig, disk: Disk) -> None:
    rig.offer(MetaJob("epoch", b"e"), job(0))
    assert rig.flush()
    disk.damaged = True
    rig.offer(job(1), SnapshotJob("a", 1, lambda: b"A"))
    assert rig.flush()
    assert len(rig.frames()) == 2
    assert disk.kept_metas == {"epoch": b"e"}
    assert rig.stats.renewed == 1
    assert rig.writer.poll() == [Change("ok", "it was set aside", finding=True)]
    assert rig.stats.dropped_frames == 0


def test_where_the_oldest_must_go_they_go(rig: Rig, disk: Disk) -> None:
    disk.room = 3
    for n in range(6):
        rig.offer(job(n))
        assert rig.flush()
    assert disk.log.last == 6
    assert rig.stats.state == "ok"


def test_one_that_cannot_be_written_down_does_not_take_others_with_it(rig: Rig) -> None:
    def broken() -> bytes:
        raise RuntimeError("no")

    torn = market(1, 3)
    torn.seq.pop()
    rig.offer(job(0), FrameJob(torn, 3), SnapshotJob("a", 1, broken), job(2))
    assert rig.flush()
    assert [len(frame) for frame in rig.frames()] == [2, 2]
    assert rig.frames()[1].lost == 1
    first, second = rig.writer.poll()
    assert (first.finding, first.state) == (True, "ok")
    assert "the columns differ in length" in first.text
    assert "RuntimeError('no')" in second.text
    assert (rig.stats.dropped_frames, rig.stats.dropped_snapshots) == (1, 1)


def test_a_fault_that_nobody_thought_of_is_told_too(rig: Rig, disk: Disk) -> None:
    disk.fault = MemoryError("nothing left")  # type: ignore[assignment]
    rig.offer(job(0))
    assert not rig.flush()
    assert rig.stats.state == "failed"
    assert "MemoryError" in rig.stats.reason


def test_a_disk_that_could_not_be_opened_at_the_start(disk: Disk) -> None:
    disk.open().put_meta("epoch", b"of another life")
    disk.refuses = JournalError("mounted read-only")
    now = [0.0]
    writer = Writer(None, disk.open, clock=lambda: now[0])
    writer.start()
    assert writer.stats().state == "failed"
    rig = Rig.__new__(Rig)
    rig.writer, rig.disk = writer, disk
    assert rig.offer(MetaJob("epoch", b"mine"), job(0)) == [True, True]
    assert not rig.flush()
    assert writer.poll() == [Change("failed", "mounted read-only; it is tried again every 10 s")]
    disk.refuses = None
    now[0] = 11.0
    assert rig.offer(job(1)) == [True]
    assert rig.flush()
    assert disk.anew == 1  # what it held nobody here has read
    assert disk.kept_metas == {"epoch": b"mine"}
    assert [frame.lost for frame in rig.frames()] == [1]
    assert writer.poll()[-1].state == "ok"
    assert writer.close(PATIENCE)


def test_what_was_read_otherwise_is_not_set_aside(disk: Disk) -> None:
    disk.open().put_meta("epoch", b"known")
    writer = Writer(None, disk.open, known=True)
    writer.start()
    assert writer.offer(job(0))
    assert writer.close(PATIENCE)
    assert (disk.anew, disk.log.last) == (0, 1)


def test_closing_writes_what_waits_and_takes_no_more(disk: Disk) -> None:
    rig = Rig(disk)
    rig.offer(*(job(n) for n in range(50)))
    assert rig.writer.close(PATIENCE)
    assert len(rig.frames()) == 50
    assert disk.closed == 1
    assert rig.offer(job(51)) == [False]
    assert rig.writer.close(1)


def test_closing_one_that_was_never_started_writes_too(disk: Disk) -> None:
    writer = Writer(disk.open(), disk.open)
    assert writer.offer(job(1))
    assert writer.close(PATIENCE)
    assert disk.log.last == 1


def test_over_a_real_file(tmp_path: Path) -> None:
    def reopen() -> SqliteLog:
        return SqliteLog.open(tmp_path)

    writer = Writer(reopen(), reopen)
    writer.start()
    frames = [market(n, 40) for n in range(30)]
    for frame in frames:
        assert writer.offer(FrameJob(frame, len(frame)))
    assert writer.offer(SnapshotJob("a", 5, lambda: b"A"))
    assert writer.offer(MetaJob("epoch", b"e", durable=True))
    assert writer.close(PATIENCE)
    log = reopen()
    assert [decode(body) for _, body in log.read()] == frames
    assert [tuple(one) for one in log.snapshots()] == [("a", 30, 5, b"A")]
    assert log.metas() == {"epoch": b"e"}
    log.close()
    assert writer.stats().file > 0
