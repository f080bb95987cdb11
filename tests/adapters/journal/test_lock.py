"""One holder a directory, as long as it lives."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orderflow_stream.adapters.journal.faults import JournalError
from orderflow_stream.adapters.journal.lock import NAME, DirectoryLock


def test_one_holder(tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path)
    with pytest.raises(JournalError, match=rf"in use by another daemon \(process {os.getpid()}\)") as caught:
        DirectoryLock(tmp_path)
    assert not caught.value.passing
    lock.release()
    lock.release()
    again = DirectoryLock(tmp_path)
    assert (tmp_path / NAME).read_text() == f"{os.getpid()}\n"
    again.release()


def test_a_file_left_behind_is_no_holder(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("123456789 and words of another program\n")
    DirectoryLock(tmp_path).release()
    assert (tmp_path / NAME).read_text() == f"{os.getpid()}\n"


def test_it_ends_with_the_process(tmp_path: Path) -> None:
    code = (
        "import os, sys, pathlib; from orderflow_stream.adapters.journal.lock import DirectoryLock\n"
        "DirectoryLock(pathlib.Path(sys.argv[1])); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], timeout=30, check=False).returncode == 9
    DirectoryLock(tmp_path).release()


def test_nowhere(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="No such file"):
        DirectoryLock(tmp_path / "none")
