"""Damage of every kind: found, set aside and told; what is whole is taken over, what is not is never given out."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from orderflow_stream.adapters.journal import aside, rows
from orderflow_stream.adapters.journal.faults import JournalError
from orderflow_stream.adapters.journal.sqlite import NAME, SqliteLog
from tests.adapters.journal.keeping import FRAMES, change, fill, frame, kept, names, whole

NOW = 1_760_000_000.0


def damaged(directory: Path) -> set[str]:
    return {name for name in names(directory) if "damaged" in name}


def test_a_bit_flipped_anywhere(tmp_path: Path) -> None:
    """Either it is found and said, or it was in a place that holds nothing; the rest is as it was written."""
    data = kept(tmp_path / "sound").read_bytes()
    missed, found, lost = 0, 0, 0
    for at in [*range(0, 100, 5), *range(101, len(data), len(data) // 40)]:
        directory = tmp_path / "flipped"
        directory.mkdir()
        (directory / NAME).write_bytes(data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :])
        log = SqliteLog.open(directory, max_mb=16)
        complete = whole(log)
        log.append(frame(log.last + 1))  # it can be written to
        log.close()
        if log.findings:
            assert len(damaged(directory)) == log.renewed >= 1
            assert all(str(directory) in line or "taken over" in line for line in log.findings)
            found += 1
            lost += not complete
        else:
            assert complete, at
            missed += 1
        again = SqliteLog.open(directory, max_mb=16)
        whole(again)
        again.close()
        assert again.findings == []
        shutil.rmtree(directory)
    assert found > missed
    assert lost < found  # most of the file is often whole


def test_a_file_cut_off_anywhere(tmp_path: Path) -> None:
    data = kept(tmp_path / "sound").read_bytes()
    for at in (0, 1, 50, 100, 511, 4096, 4097, len(data) // 2, len(data) - 4096, len(data) - 1):
        directory = tmp_path / str(at)
        directory.mkdir()
        (directory / NAME).write_bytes(data[:at])
        log = SqliteLog.open(directory, max_mb=16)
        assert not whole(log) or at >= len(data) - 4096  # the last page may hold nothing
        assert log.append(frame(log.last + 1)) == log.last
        log.close()
        assert bool(log.findings) == (at > 0), at  # an empty file is what a kill at the first opening leaves


@pytest.mark.parametrize("content", [b"x" * 10_000, b"SQLite format 3\x00" + b"\xff" * 9_000, os.urandom(5_000)])
def test_a_file_of_another_kind(content: bytes, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(content)
    log = SqliteLog.open(tmp_path, now=lambda: NOW)
    assert log.append(b"x") == 1
    log.close()
    assert log.findings[0].endswith(f"it was set aside as {NAME}.damaged-20251009T085320Z")
    assert (tmp_path / f"{NAME}.damaged-20251009T085320Z").read_bytes() == content


def test_a_database_of_another_program(tmp_path: Path) -> None:
    change(tmp_path / NAME, "CREATE TABLE frame (seq, other)")
    log = SqliteLog.open(tmp_path)
    assert "it is not a journal" in log.findings[0]
    assert list(log.read()) == []
    log.close()


def test_a_torn_log_of_sqlite_ends_at_its_last_whole_commit(tmp_path: Path) -> None:
    log = SqliteLog.open(tmp_path / "live", max_mb=16)
    for n in range(1, 31):
        log.append(frame(n))
    wal = (tmp_path / "live" / f"{NAME}-wal").read_bytes()
    file = (tmp_path / "live" / NAME).read_bytes()
    log.close()
    before = 30
    for at in sorted({*range(0, len(wal), len(wal) // 25), len(wal)}, reverse=True):
        directory = tmp_path / str(at)
        directory.mkdir()
        (directory / NAME).write_bytes(file)
        (directory / f"{NAME}-wal").write_bytes(wal[:at])
        torn = SqliteLog.open(directory, max_mb=16)
        found = [seq for seq, body in torn.read() if body == frame(seq)]
        assert found == list(range(1, torn.last + 1))
        assert torn.last <= before
        before = torn.last
        torn.close()
    assert before == 0


def test_a_bit_flipped_in_the_log_of_sqlite_takes_back_what_came_after_it(tmp_path: Path) -> None:
    """As a power cut may, too: it is refilled by id. What must not be taken back is moved into the file by `sync`."""
    log = SqliteLog.open(tmp_path / "live", max_mb=16)
    log.put_meta("reserved", b"1000")
    log.sync()
    for n in range(1, 31):
        log.append(frame(n))
    wal = (tmp_path / "live" / f"{NAME}-wal").read_bytes()
    file = (tmp_path / "live" / NAME).read_bytes()
    log.close()
    for at in range(40, len(wal), len(wal) // 12):
        directory = tmp_path / str(at)
        directory.mkdir()
        (directory / NAME).write_bytes(file)
        (directory / f"{NAME}-wal").write_bytes(wal[:at] + bytes([wal[at] ^ 4]) + wal[at + 1 :])
        torn = SqliteLog.open(directory, max_mb=16)
        assert [seq for seq, body in torn.read() if body == frame(seq)] == list(range(1, torn.last + 1))
        assert torn.metas() == {"reserved": b"1000"}
        assert torn.append(b"x") == torn.last
        torn.close()


def test_a_damaged_row_is_found_when_it_is_read(tmp_path: Path) -> None:
    path = kept(tmp_path)
    change(path, "UPDATE frame SET body = ? WHERE seq = 30", frame(31))
    change(path, "UPDATE frame SET body = 'text', ts = 'text' WHERE seq = 40")
    change(path, "UPDATE snapshot SET body = x'00' WHERE key LIKE '%S1%'")
    log = SqliteLog.open(tmp_path)
    found = [seq for seq, body in log.read() if body == frame(seq)]
    assert found == [n for n in range(1, FRAMES + 1) if n not in {30, 40}]
    assert sorted(one.key for one in log.snapshots()) == ["binance:S0USDT", "binance:S2USDT"]
    assert log.metas() == {"epoch": b"abcdefgh"}
    assert log.last == FRAMES
    told = "\n".join(log.findings)
    assert "frame 30 is damaged" in told
    assert "58 frames and 2 snapshots; 3 places could not be read" in told
    assert log.renewed == 1
    change(path, "UPDATE meta SET value = x'00' WHERE name = 'epoch'")
    assert log.metas() == {}
    assert "the value epoch is damaged" in log.findings[-2]
    log.close()


def test_numbers_of_lost_frames_are_not_given_again(tmp_path: Path) -> None:
    """A snapshot says that it contains the frames up to 90: a frame to come must not be taken for one of them."""
    path = kept(tmp_path)
    log = SqliteLog.open(tmp_path)
    log.put_snapshot(rows.Snapshot("binance:S9USDT", 90, 0, b"x"))
    log.close()
    change(path, "DELETE FROM frame WHERE seq > 50")
    change(path, "UPDATE frame SET crc = 0 WHERE seq = 50")
    log = SqliteLog.open(tmp_path)
    assert [seq for seq, _ in log.read()][-1] == 49
    assert log.append(b"next") == 91
    log.close()


def test_damage_met_while_writing(tmp_path: Path) -> None:
    path = kept(tmp_path)
    log = SqliteLog.open(tmp_path, now=lambda: NOW)
    change(path, "DROP TABLE snapshot")
    with pytest.raises(JournalError, match="write it again") as caught:
        log.put_snapshot(rows.Snapshot("k", 1, 1, b"x"))
    assert caught.value.passing
    log.put_snapshot(rows.Snapshot("k", 1, 1, b"x"))
    assert len(list(log.read())) == FRAMES
    assert log.renewed == 1
    log.close()


def test_a_disk_that_damages_everything_is_given_up(tmp_path: Path) -> None:
    log = SqliteLog.open(tmp_path, now=lambda: NOW)
    for _ in range(3):
        fill(log, 5)
        change(tmp_path / NAME, "UPDATE frame SET crc = 0")
        assert list(log.read()) == []
    fill(log, 5)
    change(tmp_path / NAME, "UPDATE frame SET crc = 0")
    with pytest.raises(JournalError, match=r"damaged 3 times within the hour.*look at the disk"):
        list(log.read())
    assert len(damaged(tmp_path)) == 2  # of those set aside only the newest are kept
    assert any(line.startswith("removed ") for line in log.findings)
    log.close()


def test_of_a_large_file_the_newest_frames_are_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "_MOST", 1 << 20)
    log = SqliteLog.open(tmp_path)
    with log.batch():
        for _ in range(400):
            log.append(os.urandom(10_000))
    log.close()
    change(tmp_path / NAME, "UPDATE frame SET crc = 0 WHERE seq = 390")
    log = SqliteLog.open(tmp_path)
    seqs = [seq for seq, _ in log.read(390)]
    assert seqs == list(range(391, 401))
    assert 250 < log.first < 350
    log.close()


def test_no_room_for_what_is_whole_is_no_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = kept(tmp_path)
    change(path, "UPDATE frame SET crc = 0 WHERE seq = 1")
    real = SqliteLog._insert

    def full(self: SqliteLog, one: rows.Frame) -> None:
        if one.seq == 20:
            raise JournalError("no space")
        real(self, one)

    monkeypatch.setattr(SqliteLog, "_insert", full)
    log = SqliteLog.open(tmp_path)
    assert list(log.read()) == []
    assert "could be taken over: no space" in log.findings[-1]
    assert log.append(b"x") == FRAMES + 1
    log.close()


def test_names_do_not_collide(tmp_path: Path) -> None:
    path = tmp_path / NAME
    found = []
    for n in range(3):
        path.write_text(str(n))
        path.with_name(f"{NAME}-wal").write_text("wal")
        found.append(aside.move(path, "damaged", NOW))
    stem = f"{NAME}.damaged-20251009T085320Z"
    assert [one.name for one in found] == [stem, f"{stem}-2", f"{stem}-3"]
    assert [one.read_text() for one in found] == ["0", "1", "2"]
    assert aside.forget_old(path) == [f"removed {stem}: only the newest 2 files set aside are kept"]
    assert len(list(tmp_path.iterdir())) == 4
