"""A journal that is only looked at: a running daemon's too, and what of a damaged one is whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orderflow_stream.adapters.journal import connect
from orderflow_stream.adapters.journal.faults import JournalError
from orderflow_stream.adapters.journal.file import JournalFile
from orderflow_stream.adapters.journal.sqlite import NAME, SqliteLog
from tests.adapters.journal.keeping import FRAMES, change, fill, frame, kept, names


def test_all_of_it(tmp_path: Path) -> None:
    path = kept(tmp_path)
    before = path.read_bytes()
    file = JournalFile(path)
    assert [(one.seq, one.body) for one in file.frames()] == [(n, frame(n)) for n in range(1, FRAMES + 1)]
    assert [one.seq for one in file.frames(58)] == [58, 59, 60]
    assert (file.first, file.last) == (1, FRAMES)
    assert len(list(file.snapshots())) == 3
    assert file.metas()["epoch"] == b"abcdefgh"
    assert file.skipped == []
    file.close()
    assert path.read_bytes() == before
    assert names(tmp_path) == {NAME, "journal.lock"}


def test_while_a_daemon_writes_to_it(tmp_path: Path) -> None:
    log = SqliteLog.open(tmp_path)
    fill(log)
    file = JournalFile(tmp_path / NAME)
    seen = []
    for one in file.frames():
        seen.append(one.seq)
        if one.seq < 100:
            log.append(frame(log.last + 1))
    assert seen[:60] == list(range(1, 61))
    assert [one.seq for one in file.frames(100)][-1] == log.last
    log.sync()  # a reader does not keep the log of SQLite from being folded in
    assert log.nbytes < 10 << 20
    file.close()
    log.close()


def test_what_is_damaged_is_left_out_and_told_once(tmp_path: Path) -> None:
    path = kept(tmp_path)
    change(path, "UPDATE frame SET crc = 0 WHERE seq IN (5, 6)")
    change(path, "UPDATE snapshot SET seq = 1 WHERE key LIKE '%S0%'")
    change(path, "UPDATE meta SET value = x'00' WHERE name = 'epoch'")
    file = JournalFile(path)
    for _ in range(2):
        assert len(list(file.frames())) == FRAMES - 2
    assert len(list(file.snapshots())) == 2
    assert "epoch" not in file.metas()
    file.close()
    assert sorted(file.skipped) == [
        "frame 5 is damaged",
        "frame 6 is damaged",
        "the snapshot of binance:S0USDT is damaged",
        "the value epoch is damaged",
    ]
    assert names(tmp_path) == {NAME, "journal.lock"}


def test_a_file_with_a_damaged_page(tmp_path: Path) -> None:
    path = kept(tmp_path)
    data = bytearray(path.read_bytes())
    lost = 0
    for page in range(1, len(data) // 4096):
        path.write_bytes(data[: page * 4096] + b"\xa5" * 4096 + data[(page + 1) * 4096 :])
        file = JournalFile(path)
        found = [(one.seq, one.body) for one in file.frames()]
        assert all(body == frame(seq) for seq, body in found)
        assert len(found) == FRAMES or file.skipped
        lost += len(found) < FRAMES
        file.close()
    assert lost > 5


def test_one_that_is_cut_off(tmp_path: Path) -> None:
    path = kept(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    file = JournalFile(path)
    found = [(one.seq, one.body) for one in file.frames()]
    file.close()
    assert all(body == frame(seq) for seq, body in found)
    assert file.skipped[0] == "it is cut off"
    assert len(found) < FRAMES


@pytest.mark.parametrize(
    "content,words",
    [
        (b"", "is empty"),
        (b"x" * 5_000, "file is not a database"),
        (b"SQLite format 3\x00" + b"\xff" * 5_000, "file is not a database"),
    ],
)
def test_what_is_none(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(JournalError, match=words):
        JournalFile(path)
    with pytest.raises(JournalError, match="cannot be read: No such file"):
        JournalFile(tmp_path / "none")


def test_one_of_a_newer_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(connect, "VERSION", 7)
        path = kept(tmp_path)
    with pytest.raises(JournalError, match=r"format 7; this one knows 1"):
        JournalFile(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become someone else")
def test_in_a_directory_that_cannot_be_written_to(tmp_path: Path) -> None:
    path = kept(tmp_path / "journal")
    for each in (path, path.parent, *path.parents[1:-2]):
        each.chmod(0o755)
    code = (
        "import os, sys, pathlib; from orderflow_stream.adapters.journal.file import JournalFile; os.setuid(65534)\n"
        "print(len(list(JournalFile(pathlib.Path(sys.argv[1])).frames())))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stdout == f"{FRAMES}\n", done.stderr
