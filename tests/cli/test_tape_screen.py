"""`tail` in a real terminal: trades roll by, delta and CVD stand below them."""

from __future__ import annotations

import re
import signal
from pathlib import Path

from tests.cli.terminal import terminal
from tests.e2e.inside import market, running
from tests.e2e.process import started

BOARD = r"(BTC|ETH)USDT +Δ 1m +[▲▼ ] [-+]?[0-9,.]+ +CVD +[▲▼ ] [-+]?[0-9,.]+ since \d\d:\d\d:\d\d( +\w+)?"


async def test_delta_and_cvd_stand_below_the_tape(tmp_path: Path) -> None:
    async with market() as simulator, running(simulator, tmp_path) as daemon:
        async with terminal("tail", "BTCUSDT", "ETHUSDT", "--url", daemon.url, cwd=tmp_path) as tail:
            screen = await tail.until(
                lambda lines: all(re.fullmatch(BOARD, line) for line in lines[-2:]) and " x " in lines[0]
            )
            assert [line[:7] for line in screen[-2:]] == ["BTCUSDT", "ETHUSDT"]
            assert set(screen[-3]) == {"─"}
            assert all(" x " in line for line in screen[:-3])
            at = re.search("[▲▼]", screen[0])
            assert at is not None
            assert tail.colour(0, at.start()) in {"648fff", "fe6100"}
            tail.press("\x03")
            assert await tail.ended() == 0
        async with terminal(
            "tail", "BTCUSDT", "--url", daemon.url, cwd=tmp_path, columns=60, lines=8, env={"NO_COLOR": "1"}
        ) as tail:
            await tail.until(lambda lines: "Δ 1m" in lines[-1])  # cut off, and on one line all the same
            await tail.until(lambda lines: sum(" x " in line for line in lines) >= 3)
            assert b"\x1b[38" not in tail.raw


async def test_in_a_pipe_they_are_lines_where_they_are_asked_for(tmp_path: Path) -> None:
    async with market() as simulator, running(simulator, tmp_path) as daemon:
        arguments = ("tail", "BTCUSDT", "ETHUSDT", "--url", daemon.url, "--summary", "0.2")
        async with started(*arguments, cwd=tmp_path) as tail:
            line = await tail.line("CVD .*since", tail.out)
            assert re.fullmatch(BOARD, line)
            await tail.line(" x ", tail.out)
            tail.kill(signal.SIGINT)
            assert await tail.ended() == 0
        assert not any("\x1b" in line for line in tail.out)
