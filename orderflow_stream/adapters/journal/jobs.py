"""What can be asked of the thread that writes, and what it tells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from msgspec import Struct

from orderflow_stream.adapters.journal.frame import FrameData

State = Literal["off", "ok", "slow", "failed"]

#: What a row of a frame is taken to weigh while it waits (the trade and a reference to it), and any job.
ROW_BYTES: Final = 256
JOB_BYTES: Final = 512


class FrameJob(NamedTuple):
    """A frame, or what makes it: called in the thread. `rows` is about how many trades it has."""

    frame: FrameData | Callable[[], FrameData]
    rows: int


class SnapshotJob(NamedTuple):
    """What makes a snapshot, called in the thread; `nbytes` is about what it holds on to while it waits.

    It must contain all that was offered before it: it is kept under the seq of a frame that was. Frames offered later
    may be written earlier: a snapshot can come again, and they are had once.
    """

    key: str
    ts: int
    make: Callable[[], bytes]
    nbytes: int = 0


class DropJob(NamedTuple):
    """Forget the snapshot of `key`."""

    key: str


class MetaJob(NamedTuple):
    """A named value. `durable`: it must survive a power cut; `done(True)` once it does, `done(False)` where it was
    dropped, called in the thread. `behind`: it tells of snapshots, and is written after those offered before it."""

    name: str
    value: bytes
    durable: bool = False
    done: Callable[[bool], None] | None = None
    behind: bool = False


class FlushJob(NamedTuple):
    """Calls `done` in the thread: with True when all that was offered before it is committed, False where it is not."""

    done: Callable[[bool], None]


Job = FrameJob | SnapshotJob | DropJob | MetaJob | FlushJob


class Change(NamedTuple):
    """News for the operator: the state is now this, and why. `finding`: the state did not change, but something was
    found (a damaged file was set aside, say). `text` is one line, with what can be done about it."""

    state: State
    text: str
    finding: bool = False


class Stats(Struct):
    """Monotone counts since the start, and how it stands. `commit`/`worst` are the seconds of the last and the longest
    commit, `nbytes` what frames came to in bytes, `file` the size on the disk as last looked at."""

    state: State = "off"
    reason: str = ""
    frames: int = 0
    trades: int = 0
    nbytes: int = 0
    snapshots: int = 0
    commits: int = 0
    dropped_frames: int = 0
    dropped_trades: int = 0
    dropped_snapshots: int = 0
    renewed: int = 0
    queue: int = 0
    queue_bytes: int = 0
    commit: float = 0.0
    worst: float = 0.0
    file: int = 0


def weight(job: Job) -> int:
    """About how many bytes it holds on to while it waits."""
    if isinstance(job, FrameJob):
        return JOB_BYTES + job.rows * ROW_BYTES
    if isinstance(job, SnapshotJob):
        return JOB_BYTES + job.nbytes
    return JOB_BYTES


def patient(job: Job) -> bool:
    """Whether it is written when no frame waits: it can come again, or tells of what can."""
    return isinstance(job, SnapshotJob | DropJob) or (isinstance(job, MetaJob) and job.behind)
