"""The warm-up as it is shown: a bar below the log in a terminal, lines of the log elsewhere."""

from __future__ import annotations

import asyncio
import io
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orderflow_stream import logs
from orderflow_stream.adapters.warmer import Progress
from orderflow_stream.app import Daemon
from orderflow_stream.cli import warmup
from orderflow_stream.simulator import DEFAULT_LISTINGS, Simulator, SyntheticMarket, SyntheticPlayer
from tests.cli.terminal import terminal
from tests.e2e.process import eventually


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


def daemon_of(*found: Progress) -> Daemon:
    """As much of a daemon as is looked at; each look sees the next."""
    left = list(found)

    class Backfiller:
        @property
        def progress(self) -> Progress:
            return left.pop(0) if len(left) > 1 else left[0]

    ready = asyncio.Event()
    ready.set()
    markets = {"binance": SimpleNamespace(backfiller=Backfiller())}
    return cast(Daemon, SimpleNamespace(ready=ready, markets=markets))


def step(done: int, eta: float | None, trades: int = 5_000) -> Progress:
    return Progress(done, 4, 9, trades, 40, eta)


async def test_a_bar_stands_below_the_log_and_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Tty()
    monkeypatch.setattr("sys.stderr", seen)
    monkeypatch.setattr(warmup, "_FRAME", 0.001)
    monkeypatch.setenv("COLUMNS", "80")
    stream = warmup.LogStream()
    assert stream.isatty()
    stream.write("before\n")
    await warmup.show(daemon_of(Progress(0, 0, 0, 0, 0, None), step(0, None), step(1, 83.0), step(4, 0.0)), stream)
    stream.write("after\n")
    told = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen.getvalue())
    assert told.startswith("before\n")
    assert "0/4 symbols 5,000 trades" in told
    assert "1/4 symbols 5,000 trades" in told
    assert " 1:23 left" in told
    assert seen.getvalue().endswith("after\n")
    assert "4/4" not in told


async def test_lines_of_the_log_are_printed_above_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Tty()
    monkeypatch.setattr("sys.stderr", seen)
    monkeypatch.setattr(warmup, "_FRAME", 0.001)
    stream = warmup.LogStream()
    task = asyncio.create_task(warmup.show(daemon_of(step(1, 5.0)), stream))
    await eventually(lambda: "symbols" in seen.getvalue())
    before = len(seen.getvalue())
    assert stream.write("a line of the log\n") == 18
    assert "a line of the log\n" in seen.getvalue()[before:]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    stream.write("last\n")
    assert seen.getvalue().endswith("last\n")


async def test_elsewhere_it_is_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(warmup, "_LINE", 0.001)
    stream = warmup.LogStream()
    logs.configure("info", "json", stream.text)
    await warmup.show(daemon_of(step(0, None), step(3, 7.4), step(4, 0.0)), stream)
    lines: list[dict[str, Any]] = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["event"], line["done"], line["of"], line["trades"]) for line in lines] == [
        ("warming up", 0, 4, 5_000),
        ("warming up", 3, 4, 5_000),
    ]
    assert "seconds_left" not in lines[0]
    assert lines[1]["seconds_left"] == 7


async def test_in_a_terminal(tmp_path: Path) -> None:
    listings = DEFAULT_LISTINGS[:3]
    async with Simulator(SyntheticPlayer(SyntheticMarket(seed=8, listings=listings, rate=60), 240)) as simulator:
        simulator.faults.rest("slow", path="aggTrades", delay=0.25)
        env = {
            "ORDERFLOW_VENUES__BINANCE__STREAM_URL": simulator.stream_url,
            "ORDERFLOW_VENUES__BINANCE__REST_URL": simulator.rest_url,
            "ORDERFLOW_VENUES__BINANCE__SYMBOLS": ",".join(listing.symbol for listing in listings),
        }
        async with terminal("serve", "--port", "0", cwd=tmp_path, env=env, columns=100, lines=30) as serve:
            await serve.has("/3 symbols")
            simulator.faults.clear()
            screen = await serve.until(
                lambda lines: (
                    any("warm-up complete" in each for each in lines)
                    and not any("/3 symbols" in each for each in lines)
                )
            )
            assert any("listening" in line for line in screen)
            serve.press("\x03")
            assert await serve.ended() == 0
