"""The journal's part of a scrape. `orderflow_journal_ok` is what to alert on."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric


class JournalNumbers(Struct, frozen=True, kw_only=True):
    """What the journal tells. `ok`: what happens is written. Counts are since the start; `file`, `queue` are as they
    stand, `commit` and `worst` the seconds of the last and the longest commit; `restored` the seconds that reading it
    back took at the start."""

    ok: bool
    frames: int = 0
    trades: int = 0
    snapshots: int = 0
    dropped: int = 0
    dropped_trades: int = 0
    nbytes: int = 0
    file: int = 0
    queue: int = 0
    commit: float = 0.0
    worst: float = 0.0
    restored: float = 0.0
    restored_trades: int = 0


def families(numbers: JournalNumbers | None) -> Iterable[Metric]:
    """None: there is no journal, and there are no series of one."""
    if numbers is None:
        return
    gauges: tuple[tuple[str, str, float], ...] = (
        ("ok", "Whether what happens is written to the journal (0: it is not, a restart would read it by REST).",
         int(numbers.ok)),
        ("file_bytes", "Size of the journal on the disk.", numbers.file),
        ("queue", "Frames and snapshots that wait to be written.", numbers.queue),
        ("commit_seconds", "How long the last commit took.", numbers.commit),
        ("commit_max_seconds", "How long the longest commit took.", numbers.worst),
        ("restore_seconds", "How long it took to read the journal at the start.", numbers.restored),
        ("restored_trades", "Trades that were read from it at the start.", numbers.restored_trades),
    )  # fmt: skip
    for name, help_, value in gauges:
        yield GaugeMetricFamily(f"orderflow_journal_{name}", help_, value=value)
    counters = (
        ("frames", "Frames written.", numbers.frames),
        ("trades", "Trades written.", numbers.trades),
        ("snapshots", "Snapshots written.", numbers.snapshots),
        ("bytes", "Bytes of the frames written.", numbers.nbytes),
        ("dropped_frames", "Frames not written, because of the disk.", numbers.dropped),
        ("dropped_trades", "Trades not written, because of the disk.", numbers.dropped_trades),
    )
    for name, help_, count in counters:
        yield CounterMetricFamily(f"orderflow_journal_{name}", help_, value=count)
