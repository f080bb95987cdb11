"""The journal's file: a log like any other, one writer, bounded, and what is beside the frames."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orderflow_stream.adapters.journal import connect
from orderflow_stream.adapters.journal.faults import JournalError
from orderflow_stream.adapters.journal.log import Log
from orderflow_stream.adapters.journal.rows import Snapshot
from orderflow_stream.adapters.journal.sqlite import NAME, SqliteLog
from tests.adapters.journal.compliance import LogCompliance, Reopen
from tests.adapters.journal.keeping import change, fill, frame, kept, names, whole

HOUR = 3_600_000_000
NOW = 1_760_000_000.0


OPEN = """
import os, sys, pathlib
from orderflow_stream.adapters.journal.sqlite import SqliteLog, JournalError
{first}
try:
    SqliteLog.open(pathlib.Path(sys.argv[1]))
except JournalError as error:
    print(error.passing, error)
"""


def elsewhere(directory: Path, first: str = "") -> str:
    """What another process is told that wants to open it."""
    command = [sys.executable, "-c", OPEN.format(first=first), str(directory)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout


class TestSqliteLog(LogCompliance):
    @pytest.fixture
    def reopen(self, tmp_path: Path) -> Reopen:
        opened: list[Log] = []

        def again() -> Log:
            for log in opened:
                log.close()
            opened.append(SqliteLog.open(tmp_path / "journal", max_mb=64))
            return opened[-1]

        return again


def test_all_of_it_is_there_again(tmp_path: Path) -> None:
    kept(tmp_path)
    log = SqliteLog.open(tmp_path)
    assert whole(log)
    assert (log.findings, log.renewed) == ([], 0)
    log.put_meta("epoch", b"other")
    log.put_snapshot(Snapshot("binance:S1USDT", 99, 7, b"newer"))
    log.drop_snapshot("binance:S2USDT")
    log.drop_snapshot("none")
    log.sync()
    log.close()
    log = SqliteLog.open(tmp_path)
    assert log.metas() == {"epoch": b"other"}
    assert sorted(one.body[:10] for one in log.snapshots()) == [b"newer", b"snapshot 0"]
    assert [one.ts for one in log.frames(59)] == [59_000_000, 60_000_000]
    log.close()


def test_a_batch_is_kept_together_or_not_at_all(tmp_path: Path) -> None:
    log = SqliteLog.open(tmp_path)
    log.append(b"one")

    def torn() -> None:
        with log.batch():
            assert log.append(b"two") == 2
            log.put_meta("epoch", b"x")
            log.trim(2)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        torn()
    assert (log.first, log.last, list(log.read()), log.metas()) == (1, 1, [(1, b"one")], {})
    with log.batch(), log.batch():
        assert log.append(b"two") == 2
    assert list(log.read(2)) == [(2, b"two")]
    log.close()


def test_one_writer_a_directory(tmp_path: Path) -> None:
    log = SqliteLog.open(tmp_path)
    with pytest.raises(JournalError, match=rf"in use by another daemon \(process {os.getpid()}\).*stop the other"):
        SqliteLog.open(tmp_path)
    assert "in use by another daemon" in elsewhere(tmp_path)
    log.close()
    SqliteLog.open(tmp_path).close()


def test_a_directory_is_made_for_this_user_alone(tmp_path: Path) -> None:
    SqliteLog.open(tmp_path / "a" / "b").close()
    assert (tmp_path / "a" / "b").stat().st_mode & 0o077 == 0


def test_what_is_no_directory_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    for path in (file, file / "below"):
        with pytest.raises(JournalError, match=r"file.*journal\.directory names a directory") as caught:
            SqliteLog.open(path)
        assert not caught.value.passing
    (tmp_path / NAME).mkdir()
    with pytest.raises(JournalError, match=f"{NAME}: Is a directory"):
        SqliteLog.open(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become someone else")
def test_a_directory_of_someone_else_is_refused(tmp_path: Path) -> None:
    kept(tmp_path / "journal")
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:-2]:
        parent.chmod(0o755)
    told = elsewhere(tmp_path / "journal", "os.setgid(65534); os.setuid(65534)")
    assert told.startswith("False ")
    assert "make the directory and its files writable" in told or "make the directory writable" in told


def test_old_frames_are_forgotten(tmp_path: Path) -> None:
    clock = [NOW]
    log = SqliteLog.open(tmp_path, keep_h=2, now=lambda: clock[0])
    newest = int(NOW * 1e6)
    for hours in (5, 4, 3, 1, 0):
        log.append(b"x", newest - hours * HOUR)
    assert log.prune() == 3
    assert log.prune() == 0
    assert (log.first, log.last) == (4, 5)
    log.append(b"of another century", newest + 900_000 * HOUR)
    assert log.prune() == 0  # one frame's word is not enough: this machine's clock does not say so
    clock[0] += 3600
    assert log.prune() == 1
    clock[0] += 36_000_000
    log.append(b"y", newest + 900_000 * HOUR + 1)
    assert log.prune() == 1
    log.close()


def test_a_file_is_bounded_and_stays_flat(tmp_path: Path) -> None:
    log = SqliteLog.open(tmp_path, max_mb=16)
    body = os.urandom(30_000)
    sizes = []
    for n in range(1_500):
        log.append(body, n)
        if n % 10 == 9:
            log.prune()
            sizes.append(log.nbytes)
    assert max(sizes) <= 16 << 20
    assert min(sizes[60:]) > 12 << 20
    assert (log.first, log.last) > (1_000, 1_499)
    assert [seq for seq, _ in log.read()] == list(range(log.first, 1_501))
    log.close()
    log = SqliteLog.open(tmp_path, max_mb=32)  # a smaller limit than the file: it shrinks to it
    for n in range(900):
        log.append(body, n)
        if n % 10 == 9:
            log.prune()
    assert log.nbytes > 20 << 20
    log.close()
    log = SqliteLog.open(tmp_path, max_mb=16)
    while log.prune():
        pass
    for _ in range(30):
        log.prune()
    log.sync()
    assert log.nbytes <= 20 << 20
    log.close()


def test_where_nothing_is_left_to_forget_the_key_is_named(tmp_path: Path) -> None:
    log = SqliteLog.open(tmp_path, max_mb=16)
    log.append(b"x")

    def too_many() -> None:
        for n in range(20):
            log.put_snapshot(Snapshot(f"k{n}", 1, 1, os.urandom(1 << 20)))

    with pytest.raises(JournalError, match=r"beyond journal\.max_mb.*raise journal\.max_mb") as caught:
        too_many()
    assert caught.value.passing
    assert len(list(log.snapshots())) >= 11
    log.append(b"small things still go")
    assert log.nbytes <= 16 << 20
    log.close()


def test_a_newer_format_is_refused_and_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "VERSION", 2)
    path = kept(tmp_path)
    monkeypatch.undo()
    before = path.read_bytes()
    with pytest.raises(JournalError, match=r"newer version of this program \(format 2; this one knows 1\)") as caught:
        SqliteLog.open(tmp_path)
    assert not caught.value.passing
    assert path.read_bytes() == before
    assert names(tmp_path) == {NAME, "journal.lock"}


def test_an_older_format_is_migrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = kept(tmp_path)
    monkeypatch.setattr(connect, "VERSION", 3)
    monkeypatch.setattr(
        connect, "MIGRATIONS", {1: ("ALTER TABLE frame ADD COLUMN more",), 2: ("UPDATE frame SET more = 'said'",)}
    )
    log = SqliteLog.open(tmp_path)
    assert whole(log)
    log.close()
    assert [line.partition("journal.sqlite3 ")[2] for line in log.findings] == [
        "was of format 1 and is now of format 3"
    ]
    assert change(path, "SELECT DISTINCT more FROM frame") == [("said",)]
    assert change(path, "PRAGMA user_version") == [(3,)]
    again = SqliteLog.open(tmp_path)
    assert again.findings == []
    again.close()


def test_a_migration_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(connect, "VERSION", 2)
        patch.setattr(connect, "MIGRATIONS", {1: ("ALTER TABLE frame ADD COLUMN more", "NONSENSE")})
        log = SqliteLog.open(tmp_path)
        assert "set aside" in log.findings[0]
        assert whole(log)  # taken over into a new file of the new format
        log.close()


def test_what_was_never_read_is_set_aside(tmp_path: Path) -> None:
    kept(tmp_path)
    log = SqliteLog.open(tmp_path, now=lambda: NOW)
    log.begin_anew()
    assert (log.first, log.last, log.metas()) == (1, 0, {})
    assert names(tmp_path) == {NAME, "journal.lock", f"{NAME}.unread-20251009T085320Z"}
    log.close()


def test_closed_is_said(tmp_path: Path) -> None:
    log = SqliteLog.open(tmp_path)
    fill(log)
    log.close()
    with pytest.raises(JournalError, match="is closed"):
        log.append(frame(1))
