"""The journal as the roof keeps it: what it refuses to begin with, what it serves without, what it brings back."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from orderflow_stream.adapters.journal import sqlite
from orderflow_stream.adapters.journal.faults import JournalError
from orderflow_stream.analytics.large import LargeTracker
from orderflow_stream.app.addresses import StartError
from orderflow_stream.app.journal import Journal
from orderflow_stream.config import load
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import Refill, Trade
from orderflow_stream.delivery.ring import EventLog
from tests.core.making import BTC, DOLLAR, KEY, T0, WINDOWS, run, trade


class House:
    """A journal between an engine and an event log, as the daemon has it."""

    def __init__(self, folder: Path, directory: str | None = None) -> None:
        empty = folder / "empty.toml"
        empty.touch()
        settings = load(empty, {}, {"journal.directory": str(folder / "journal") if directory is None else directory})
        self.engine: Engine = Engine(
            windows=WINDOWS, analytics=lambda book: (LargeTracker(book, 10 * DOLLAR, self.engine.pending),)
        )
        self.log = EventLog("epoch234", trades=100, events=100)
        self.journal = Journal(settings, self.engine, self.log, lambda: T0)

    def tell(self, event: Trade | Refill) -> None:
        updates = self.engine.apply(event) or ()
        if isinstance(event, Trade):
            self.log.trade(event)
        else:
            self.log.moved(event.instrument)
        self.journal.saw(event, updates)


async def test_what_was_there_is_there_again(tmp_path: Path) -> None:
    first = House(tmp_path)
    async with first.journal:
        first.journal.start(lambda one: True)
        first.engine.add(BTC)
        first.tell(Refill(KEY, (), T0, warm=True))
        for one in run(1, 300):
            first.tell(one)
        assert first.journal.state() == {"state": "ok", "reason": None}
    second = House(tmp_path)
    second.log.epoch = "notthis2"
    async with second.journal:
        with capture_logs() as logs:
            restored = second.journal.start(lambda one: True)
        assert (restored.instruments, restored.trades) == (1, 300)
        assert second.engine.books[KEY].tape.head() == first.engine.books[KEY].tape.head()
        assert second.log.position == first.log.position
        assert [line["event"] for line in logs] == ["journal read"]
        numbers = second.journal.numbers()
        assert numbers is not None
        assert numbers.ok
        assert numbers.restored_trades == 300


async def test_off_is_off(tmp_path: Path) -> None:
    house = House(tmp_path, "")
    async with house.journal:
        assert house.journal.start(lambda one: True).instruments == 0
        house.engine.add(BTC)
        house.tell(trade(1))
        assert house.journal.numbers() is None
        assert house.journal.state() == {"state": "off", "reason": None}
        assert house.log.tap is None  # nothing is collected for nobody


async def test_a_directory_that_another_has_is_refused(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.journal:
        house.journal.start(lambda one: True)
        with pytest.raises(StartError, match=r"journal\.directory: .* is in use by another daemon"):
            House(tmp_path).journal.start(lambda one: True)


async def test_a_disk_that_is_full_at_the_start_is_served_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> sqlite.SqliteLog:
        raise JournalError("no space left", "free some", passing=True)

    monkeypatch.setattr(sqlite.SqliteLog, "open", full)
    house = House(tmp_path)
    async with house.journal:
        with capture_logs() as logs:
            house.journal.start(lambda one: True)
        assert [(line["log_level"], line["reason"]) for line in logs] == [("error", "no space left")]
        assert house.journal.state()["state"] == "failed"
        numbers = house.journal.numbers()
        assert numbers is not None
        assert not numbers.ok
        house.engine.add(BTC)
        house.tell(trade(1))
        assert len(house.engine.books[KEY].tape) == 1


async def fill(house: House) -> None:
    async with house.journal:
        house.journal.start(lambda one: True)
        house.engine.add(BTC)
        house.tell(Refill(KEY, (), T0, warm=True))
        for one in run(1, 300):
            house.tell(one)


async def test_what_a_full_disk_holds_is_brought_back_under_a_new_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = House(tmp_path)
    await fill(first)

    def full(*_: object, **__: object) -> sqlite.SqliteLog:
        raise JournalError("no space left", "free some", passing=True)

    monkeypatch.setattr(sqlite.SqliteLog, "open", full)
    second = House(tmp_path)
    second.log.epoch = "another2"
    async with second.journal:
        restored = second.journal.start(lambda one: True)
        assert (restored.instruments, restored.trades) == (1, 300)
        assert second.engine.books[KEY].tape.head() == first.engine.books[KEY].tape.head()
        # What a later process may count again must not pass for this one's: nobody resumes, and it counts on.
        assert second.log.epoch == "another2"
        assert second.log.seq >= first.log.seq


async def test_what_was_read_stays_where_the_mark_cannot_be_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = House(tmp_path)
    await fill(first)

    def full(*_: object) -> None:
        raise JournalError("no space left", "free some", passing=True)

    monkeypatch.setattr(sqlite.SqliteLog, "put_meta", full)
    second = House(tmp_path)
    second.log.epoch = "another2"
    async with second.journal:
        with capture_logs() as logs:
            second.journal.start(lambda one: True)
        assert [line["event"] for line in logs] == ["journal read", "the journal cannot be written"]
        assert second.engine.books[KEY].tape.head() == first.engine.books[KEY].tape.head()
        assert (second.log.epoch, second.log.seq >= first.log.seq) == ("another2", True)
    monkeypatch.undo()
    assert not list((tmp_path / "journal").glob("*.unread-*")), "the good file was set aside"
