"""`--json` is everywhere: every command that prints anything has it, and what it prints is JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from cyclopts import App

from orderflow_stream.app import Daemon
from orderflow_stream.cli import app, main
from orderflow_stream.cli.demo import _announce
from tests.reference.synthetic import synthetic
from tests.reference.tapefile import write_csv

#: What prints nothing but a log (`log.format`), speaks JSON anyway, or prints what a shell reads.
WITHOUT = {("serve",), ("mcp",), ("openapi",), ("completion",), ("--install-completion",)}


def commands(of: App, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], App]]:
    """Every command that does something, by the words that call it."""
    for name in of:
        if name in {"--help", "-h", "--version"}:
            continue
        child = of[name]
        if child.default_command is not None:
            yield (*above, name), child
        yield from commands(child, (*above, name))


COMMANDS = dict(commands(app))


def test_every_command_that_prints_has_it() -> None:
    assert {("check-config",), ("key", "new"), ("replay",), ("tail",), ("top",), ("demo",)} <= set(COMMANDS)
    without = {
        words
        for words, command in COMMANDS.items()
        if not any("--json" in (argument.parameter.name or ()) for argument in command.assemble_argument_collection())
    }
    assert without <= WITHOUT


def printed(capsys: pytest.CaptureFixture[str], *arguments: str | Path, code: int = 0) -> Any:
    assert main(list(map(str, arguments))) == code
    told = capsys.readouterr()
    assert told.err == ""
    assert told.out.count("\n") == 1
    return json.loads(told.out)


def test_what_ends_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    config = printed(capsys, "check-config", "--json")
    assert config["ok"] is True
    assert config["listens"] == {"host": "127.0.0.1", "port": 8080}
    assert "BTCUSDT" in config["venues"]["binance"]
    (tmp_path / "bad.toml").write_text('[server]\nport = "eighty"\nhots = 1\n')
    bad = printed(capsys, "check-config", "--config", "bad.toml", "--json", code=2)
    assert bad["ok"] is False
    assert [(one["key"], one["where"]) for one in bad["faults"]] == [
        ("server.port", "bad.toml:2"),
        ("server.hots", "bad.toml:3"),
    ]
    assert bad["faults"][1]["hint"] == 'did you mean "host"?'
    key = printed(capsys, "key", "new", "--name", "desk", "--json")
    assert key["line"].startswith(f"{key['key'][:12]} ")
    assert key["id"] in key["key"]
    assert "name=desk" in key["line"]
    assert key["key"] not in key["line"]
    file = write_csv(synthetic(3, 500), tmp_path / "BTCUSDT-1.csv")
    assert set(printed(capsys, "replay", file, "--json")) == {"flow", "large"}


async def test_the_demo_says_where_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    ready = asyncio.Event()
    ready.set()
    await _announce(cast(Daemon, SimpleNamespace(ready=ready, url="http://127.0.0.1:5")), as_json=True)
    assert json.loads(capsys.readouterr().out) == {"url": "http://127.0.0.1:5", "synthetic": True}
