"""Archive files through the engine: every trade counted, holes declared lost, the tape as the clock."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from orderflow_stream.adapters.replay import ReplayError, in_order, journal_of, replay, replay_journal
from orderflow_stream.analytics.large import LargeTracker
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import Instrument
from orderflow_stream.venues.binance_archive import ArchiveError
from tests.adapters.journal.keeping import change
from tests.adapters.journal.recorded import record
from tests.reference import spans
from tests.reference.synthetic import synthetic
from tests.reference.tapefile import Row, write_csv

LTC = Instrument("binance", "LTCUSDT", "LTC", "USDT")
MINUTE = 60_000_000


def engine() -> Engine:
    made = Engine(windows=(MINUTE,), analytics=lambda book: (LargeTracker(book, 10**30, made.pending),))
    return made


def parts(rows: list[Row], folder: Path, *cuts: int) -> list[Path]:
    """The rows in several files, cut at these places."""
    edges = [0, *cuts, len(rows)]
    return [
        write_csv(rows[begin:end], folder / f"LTCUSDT-{number}.csv")
        for number, (begin, end) in enumerate(pairwise(edges))
    ]


def test_holes_and_invalid_rows_are_accounted_for(tmp_path: Path) -> None:
    rows = synthetic(4, 3_000, holes=5, invalid=4)
    book = replay(engine(), LTC, parts(rows, tmp_path))
    told = book.coverage(rows[0].id, book.tape.newest_ts)
    expected = spans.coverage(rows, trades=3_000)
    assert told.missing_total == expected["missing_total"] > 0
    assert [list(each) for each in told.missing] == expected["missing"]
    assert (told.received, told.invalid) == (3_000, 4)
    assert told.state == "partial"
    assert {record.status for record in book.gap_log} == {"lost"}
    assert book.tape.newest_ts == max(row.ts_us for row in rows)


def test_files_join_without_a_seam(tmp_path: Path) -> None:
    rows = synthetic(5, 2_000)
    whole = replay(engine(), LTC, parts(rows, tmp_path))
    several = parts(rows, tmp_path, 700, 701, 1_500)
    joined = replay(engine(), LTC, in_order(reversed(several)))
    assert in_order(reversed(several)) == several
    for count in (100, 777, 2_000):
        assert joined.tape.last_sums(count) == whole.tape.last_sums(count)
    assert joined.windows[MINUTE].sums(whole.tape.newest_ts) == whole.windows[MINUTE].sums(whole.tape.newest_ts)
    assert not joined.gap_log


def test_a_file_twice_changes_nothing(tmp_path: Path) -> None:
    rows = synthetic(6, 500)
    (file,) = parts(rows, tmp_path)
    book = replay(engine(), LTC, [file, file])
    assert book.counters.applied == 500
    assert book.counters.duplicate == 500


def test_progress_is_told(tmp_path: Path) -> None:
    rows = synthetic(7, 300)
    files = parts(rows, tmp_path, 100)
    told: list[tuple[Path, int]] = []
    replay(engine(), LTC, files, lambda path, count: told.append((path, count)))
    assert told == [(files[0], 100), (files[1], 300)]


def test_a_row_that_is_no_trade_is_named(tmp_path: Path) -> None:
    file = tmp_path / "LTCUSDT-x.csv"
    file.write_text("7,99999999999999999999,1,1,1,1750550398932,True,True\n")
    with pytest.raises(ReplayError, match=r"LTCUSDT-x\.csv: trade 7 has an unreadable price"):
        replay(engine(), LTC, [file])


def test_what_cannot_be_read_is_an_archive_error(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="cannot be read"):
        replay(engine(), LTC, [tmp_path / "LTCUSDT-none.csv"])
    with pytest.raises(ArchiveError, match="cannot be read"):
        in_order([tmp_path / "LTCUSDT-none.csv", tmp_path / "LTCUSDT-other.csv"])


def test_a_journal_is_told_from_an_archive(tmp_path: Path) -> None:
    assert journal_of(tmp_path) is None
    assert journal_of(tmp_path / "none.csv") is None
    assert journal_of(*parts(synthetic(1, 5), tmp_path)) is None
    file = record(tmp_path / "kept", {LTC: synthetic(1, 5)})
    assert journal_of(file) == journal_of(tmp_path / "kept") == file
    other = file.rename(tmp_path / "other")
    assert journal_of(other) == other


def test_a_journal_gives_the_tape_that_went_in(tmp_path: Path) -> None:
    rows, others = synthetic(4, 3_000, holes=5, invalid=4), synthetic(5, 300)
    btc = Instrument("binance", "BTCUSDT", "BTC", "USDT")
    file = record(tmp_path, {LTC: rows, btc: others})
    books, skipped = replay_journal(engine(), file, lambda instrument: instrument == LTC)
    assert skipped == []
    (book,) = books
    told = book.coverage(rows[0].id, book.tape.newest_ts)
    expected = spans.coverage(rows, trades=3_000)
    assert [list(each) for each in told.missing] == expected["missing"]
    assert (told.received, told.invalid, told.state, told.source) == (3_000, 4, "partial", "journal")
    whole = replay(engine(), LTC, parts(rows, tmp_path))
    for count in (100, 777, 3_000):
        assert book.tape.last_sums(count) == whole.tape.last_sums(count)
    (other,), _ = replay_journal(engine(), file, lambda instrument: instrument == btc)
    assert other.coverage(None, other.tape.newest_ts).state == "live"  # nothing is missing, and nothing newer is there


def test_what_of_a_journal_cannot_be_read_is_told(tmp_path: Path) -> None:
    rows = synthetic(6, 3_000)
    file = record(tmp_path, {LTC: rows})
    change(file, "UPDATE frame SET crc = 0 WHERE seq = (SELECT max(seq) FROM frame)")
    books, (line,) = replay_journal(engine(), file, lambda instrument: True)
    assert line.endswith("is damaged")
    assert rows[-200].id < (books[0].sequence.newest or 0) < rows[-1].id
    assert file.exists()  # it is only looked at
    file.write_bytes(b"SQLite format 3\x00 and then nothing of the kind" * 100)
    with pytest.raises(ReplayError):
        replay_journal(engine(), file, lambda instrument: True)
