"""The long form in a hundredth: it counts what it does, and what it finds becomes its exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from soak import fuzz


def test_a_piece_prints_its_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fuzz.main(["codec", "disconnects", "--seed", "3", "--share", "0.002", "--json", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "seed 3\n" in said
    assert "0 silent holes" in said
    figures = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    assert [each["part"] for each in figures] == ["codec", "disconnects"]
    assert all(each["cases"] >= 20 and not each["finding"] for each in figures)


def test_a_finding_is_exit_code_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(seed: int, cases: int) -> tuple[int, str]:
        raise RecursionError("it escaped")

    monkeypatch.setitem(fuzz.PARTS, "codec", (broken, 1))
    assert fuzz.main(["--piece", "1", "--seed", "3"]) == 1
    assert "FOUND RecursionError: it escaped" in capsys.readouterr().out


def test_what_cannot_run_is_never_a_pass(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert fuzz.main(["guided", "--seed", "3"]) == 3
    assert "guided: not run (atheris is not installed" in capsys.readouterr().out


def test_there_is_no_such_part() -> None:
    for argv in (["nothing"], ["--piece", "99"], ["--share", "0"]):
        with pytest.raises(SystemExit):
            fuzz.main(argv)
