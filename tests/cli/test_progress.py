"""Bars of progress: how much there will be, and how they look in a terminal."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
from pathlib import Path

import pytest

from orderflow_stream.cli.progress import Reading, rows_of
from tests.cli.terminal import terminal

LINE = b"1234567,63930.50000000,0.10000000,1,1,1750550398932,True,True\n"


@pytest.mark.parametrize("rows", [1, 1_000, 40_000])
def test_rows_are_told_by_the_size_of_a_file(rows: int, tmp_path: Path) -> None:
    text = LINE * rows
    (tmp_path / "a.csv").write_bytes(text)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text, 1))
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", text)
    for name in ("a.csv", "a.csv.gz", "a.zip"):
        assert rows_of(tmp_path / name) == rows


@pytest.mark.parametrize("content", [None, b"", b"[]", b"\x1f\x8b", b"\x1f\x8btorn", b"PK\x05\x06" + bytes(18)])
def test_what_cannot_be_told_is_nothing(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "file"
    if content is not None:
        file.write_bytes(content)
    assert rows_of(file) == 0


def test_without_a_terminal_nothing_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Reading([tmp_path / "none"]) as progress:
        progress(tmp_path / "none", 5)
    assert capsys.readouterr() == ("", "")


def test_more_than_was_guessed_is_no_more_than_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Tty(io.StringIO):
        def isatty(self) -> bool:
            return True

    seen = Tty()
    monkeypatch.setattr("sys.stderr", seen)
    monkeypatch.setenv("COLUMNS", "100")
    file = tmp_path / "BTCUSDT-1.csv"
    file.write_bytes(LINE * 10)
    with Reading([file]) as progress:
        for rows in (1, 5, 10, 25):
            progress(file, rows)
    shares = [int(share) for share in re.findall(r"(\d+)%", seen.getvalue())]
    assert shares == sorted(shares)
    assert {10, 50, 100} == {share for share in shares if share}
    assert "25 rows" in seen.getvalue()


async def test_replay_draws_it_and_takes_it_away(tmp_path: Path) -> None:
    file = tmp_path / "LTCUSDT-x.csv"
    rows = (f"{n},80.5,0.1,{n},{n},{1_750_550_398_932 + n},True,True\n" for n in range(1, 25_001))
    file.write_text("".join(rows))
    async with terminal("replay", str(file), cwd=tmp_path, lines=60) as replay:
        await replay.has("trades read")
        assert await replay.ended() == 0
    assert b"LTCUSDT-x.csv" in replay.raw
    assert re.search(rb"[0-9,]+ rows", replay.raw)
    assert re.search(rb"[0-9,]+/s", replay.raw)
    assert not any(" rows" in line for line in replay.text)
