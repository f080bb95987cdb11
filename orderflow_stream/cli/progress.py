"""Bars of progress with rate and time left, on standard error, where that is a terminal."""

from __future__ import annotations

import gzip
import io
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

if TYPE_CHECKING:
    from typing import IO

#: Bytes of a file that are looked at to tell how long its lines are.
_SAMPLE: Final = 1 << 16


class RateColumn(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        """Empty before there is anything to tell by."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s")


def bars(unit: str) -> Progress:
    """Bars that leave nothing behind, drawn when told to: `unit` are counted."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(24),
        TaskProgressColumn(),
        TextColumn("{task.completed:,.0f} " + unit),
        RateColumn(),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        console=Console(stderr=True, highlight=False),
        transient=True,
        auto_refresh=False,
        redirect_stdout=False,
        redirect_stderr=False,
    )


class Reading:
    """A bar over files that are read row by row; without a terminal, nothing. How many rows there will be is guessed
    from the size of the files and their first lines, and known at the end."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._bars = bars("rows") if sys.stderr.isatty() else None
        if self._bars is not None:
            self._task = self._bars.add_task("", total=sum(map(rows_of, files)) or None)

    def __enter__(self) -> Self:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bars is not None:
            self._bars.stop()

    def __call__(self, path: Path, rows: int) -> None:
        """`rows` so far, of all files; `path` is the one being read."""
        if self._bars is not None:
            total = self._bars.tasks[0].total
            more = rows if total is not None and rows > total else total
            self._bars.update(self._task, description=path.name, completed=rows, total=more)
            self._bars.refresh()


def rows_of(path: Path) -> int:
    """About how many lines a file has; 0 where that cannot be told."""
    try:
        with path.open("rb") as raw:
            sample, size = _sample(path, raw)
    except (OSError, EOFError, zipfile.BadZipFile, IndexError):
        return 0  # what is wrong with it, the reader says
    lines = sample.count(b"\n")
    return 0 if not lines else round(size * lines / len(sample[: sample.rfind(b"\n") + 1]))


def _sample(path: Path, raw: IO[bytes]) -> tuple[bytes, int]:
    """The first bytes of what is in it, and how many there are in all."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            member = archive.infolist()[0]
            with archive.open(member) as opened:
                return opened.read(_SAMPLE), member.file_size
    if raw.read(2) == b"\x1f\x8b":
        raw.seek(-4, io.SEEK_END)
        size = int.from_bytes(raw.read(4), "little")  # of the last 4 GiB, which is enough for a bar
        with gzip.open(path) as unzipped:
            return unzipped.read(_SAMPLE), size
    raw.seek(0)
    return raw.read(_SAMPLE), path.stat().st_size
