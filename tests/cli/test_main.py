"""The command line itself: help, version, wrong usage, exit codes, and what it costs to ask."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from orderflow_stream import __version__, cli

ROOT = Path(__file__).parents[2]
COMMANDS = ("serve", "demo", "check-config", "tail", "replay")
HEAVY = {"aiohttp", "pydantic", "pydantic_settings", "numpy", "structlog", "websockets", "uvloop", "prometheus_client"}


def call(*arguments: str) -> int:
    return cli.main(arguments)


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--help") == 0
    told = capsys.readouterr()
    assert told.err == ""
    for command in COMMANDS:
        assert f" {command} " in told.out


def test_no_command_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert call() == 2
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert "--help" in told.err


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(command, "--help") == 0
    told = capsys.readouterr()
    assert told.out.startswith(f"Usage: orderflow-stream {command}")
    assert told.err == ""


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--version") == 0
    assert capsys.readouterr().out == f"{__version__}\n"


@pytest.mark.parametrize(
    "arguments,words",
    [
        (("sevre",), 'Unknown command "sevre". Did you mean "serve"?'),
        (("serve", "--prot", "1"), "Unknown option: --prot. Did you mean --port?"),
        (("serve", "--port", "abc"), 'Invalid value for --port: unable to convert "abc" into int.'),
        (("serve", "--port"), "--port"),
        (("serve", "more"), "unexpected argument: more"),
        (("demo", "--symbols", "X"), "Unknown option: --symbols."),
        (("tail",), "SYMBOLS"),
        (("replay",), "FILES"),
        (("replay", "x.csv", "--trades", "1.5"), "--trades"),
        (("replay", "x.csv", "--trades", "99"), "--trades must be from 100 to 5000, not 99"),
        (("replay", "x.csv", "--min-notional", "abc"), "Invalid value for --min-notional: 'abc' is no plain decimal"),
        (("replay", "x.csv", "--min-notional", "0"), "--min-notional"),
        (("replay", "x.csv", "--min-notional", "-1"), "--min-notional"),
        (("replay", "x.csv", "--min-notional", "1e400"), "--min-notional"),
        (("replay", "x.csv", "--min-notional", "nan"), "--min-notional"),
        (("replay", "x.csv", "--min-notional", ""), "--min-notional"),
        (("tail", "BTCUSDT", "--min-notional", "1e3"), "--min-notional"),
        (("tail", "BTCUSDT", "--url", "ftp://x"), "--url ftp://x is not a URL"),
        (("demo", "--rate", "nan"), "--rate must be above 0"),
        (("demo", "--rate", "0"), "--rate must be above 0"),
        (("serve", "--log-level", "loud"), "log.level: must be one of"),
        (("serve", "--port", "65536"), "server.port: must be at most 65535"),
        (("check-config", "--config", "/no/such/file"), "cannot read /no/such/file"),
    ],
)
def test_wrong_usage_is_one_line_on_stderr(
    arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(*arguments) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert words in told.err
    assert told.err.count("\n") == 1


def test_ctrl_c_is_cut_short(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*args: object, **options: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(importlib.import_module("orderflow_stream.cli.replay"), "run", interrupted)
    assert call("replay", "BTCUSDT-x.csv") == 130
    assert capsys.readouterr().err == "cut short\n"


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["serve", "--help"], ["serve", "--nope"]])
def test_asking_is_cheap(arguments: list[str]) -> None:
    script = (
        "import json, sys\n"
        "from orderflow_stream.cli import main\n"
        f"main({arguments!r})\n"
        "print(json.dumps([name for name in sys.modules if '.' not in name]), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert not HEAVY & set(json.loads(done.stderr.splitlines()[-1]))


def test_a_reader_that_has_gone_is_no_failure(tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "orderflow_stream", "--help"],
            stdout=theirs,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            check=False,
        )
    finally:
        os.close(theirs)
    assert (done.returncode, done.stderr) == (0, b"")
