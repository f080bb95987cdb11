"""The journal in a scrape."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.registry import Collector

from orderflow_stream.delivery.metrics_journal import JournalNumbers, families


def scrape(numbers: JournalNumbers | None) -> dict[str, float]:
    class Only(Collector):
        def collect(self):  # type: ignore[no-untyped-def]  # the library's signature has types of its own
            return families(numbers)

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Only())
    lines = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_every_number_is_there() -> None:
    found = scrape(JournalNumbers(ok=False, frames=2, trades=3, dropped=4, file=5, queue=6, commit=0.5, restored=7.5))
    assert found["orderflow_journal_ok"] == 0
    assert found["orderflow_journal_frames_total"] == 2
    assert found["orderflow_journal_trades_total"] == 3
    assert found["orderflow_journal_dropped_frames_total"] == 4
    assert found["orderflow_journal_file_bytes"] == 5
    assert found["orderflow_journal_queue"] == 6
    assert found["orderflow_journal_commit_seconds"] == 0.5
    assert found["orderflow_journal_restore_seconds"] == 7.5
    assert scrape(JournalNumbers(ok=True))["orderflow_journal_ok"] == 1


def test_without_a_journal_there_is_nothing() -> None:
    assert scrape(None) == {}
