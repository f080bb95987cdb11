"""What waits is weighed by what it holds on to."""

from __future__ import annotations

from orderflow_stream.adapters.journal.frame import FrameData
from orderflow_stream.adapters.journal.jobs import (
    JOB_BYTES,
    ROW_BYTES,
    DropJob,
    FlushJob,
    FrameJob,
    MetaJob,
    SnapshotJob,
    Stats,
    weight,
)


def test_weights() -> None:
    assert weight(FrameJob(FrameData(0, 0, ()), 10)) == JOB_BYTES + 10 * ROW_BYTES
    assert weight(SnapshotJob("k", 0, bytes, 5_000)) == JOB_BYTES + 5_000
    for small in (DropJob("k"), MetaJob("n", b""), FlushJob(lambda well: None)):
        assert weight(small) == JOB_BYTES


def test_nothing_is_counted_at_first() -> None:
    stats = Stats()
    assert stats.state == "off"
    assert all(getattr(stats, name) in {0, "off", ""} for name in stats.__struct_fields__)
