"""`top` in a real terminal against a real daemon: what is on the screen, its keys, a resize, a restart; and once."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from rich.cells import cell_len

from orderflow_stream import cli
from tests.cli.terminal import terminal
from tests.e2e.inside import LISTINGS, market, running
from tests.e2e.process import eventually, get, status

SYMBOLS = [listing.symbol for listing in LISTINGS]
#: A row that has everything.
ROW = re.compile(r"[A-Z]+USDT +[0-9.]+ +[▲▼] [+-][0-9.kM]+ +[0-9]+% [▲▼a-z ]+ [▁-█ ]*[▁-█] live")


def listed(lines: list[str]) -> list[str]:
    """The symbols on the screen, from the top."""
    return [line.split()[0] for line in lines if line.split() and line.split()[0] in SYMBOLS]


async def test_the_screen_its_keys_a_resize_and_a_restart(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    async with market() as simulator, AsyncExitStack() as stack:
        async with running(simulator, tmp_path, server__port=port):
            top = await stack.enter_async_context(terminal("top", "--url", url, cwd=tmp_path))
            screen = await top.until(lambda lines: sum(ROW.fullmatch(line) is not None for line in lines) == 3)
            assert screen[0].startswith("orderflow-stream top  5m  ● live")
            assert screen[0].endswith("3 symbols")
            assert "delta▼" in screen[1]
            assert screen[-1].startswith("q quit")
            assert all(cell_len(line) <= 80 for line in screen)
            row = next(line for line in screen if line.startswith("BTCUSDT"))
            at = screen.index(row)
            arrow = re.search("[▲▼]", row)
            assert arrow is not None
            assert top.colour(at, arrow.start()) == {"▲": "648fff", "▼": "fe6100"}[arrow[0]]

            top.press("\x1b[D")  # to the left: by last price
            names = ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
            await top.until(lambda lines: "last▼" in lines[1] and listed(lines) == names)
            top.press("r")
            await top.until(lambda lines: "last▲" in lines[1] and listed(lines) == names[::-1])
            top.press("/eth")
            await top.until(lambda lines: listed(lines) == ["ETHUSDT"] and lines[-1].startswith("filter: ETH"))
            top.press("\r")
            await top.has("filter ETH")
            top.press("\x1b")
            await top.until(lambda lines: len(listed(lines)) == 3)
            top.press(" ")
            await top.has("❚❚ frozen")
            top.press(" 1")
            await top.until(lambda lines: "top  1m  ● live" in lines[0] and len(listed(lines)) == 3)

            top.resize(120, 10)
            screen = await top.has(" volume ")
            assert len(screen) == 10
            assert screen[-1].startswith("q quit")
            top.resize(80, 24)
            await top.until(lambda lines: not any(" volume " in line for line in lines) and lines[23].startswith("q "))
        await top.has("✗ the daemon ended, trying again in")
        async with running(simulator, tmp_path, server__port=port):
            await top.until(lambda lines: "● live" in lines[0] and len(listed(lines)) == 3)
            top.press("q")
            assert await top.ended() == 0
        await eventually(lambda: b"\x1b[?1049l" in top.raw)  # the screen that was there before is back
        assert b"\x1b[?25h" in top.raw  # and so is the cursor


async def test_once_as_a_table_and_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with market() as simulator, running(simulator, tmp_path) as daemon:
        await status(f"{daemon.url}/readyz", 200, 20)

        async def call(*arguments: str) -> tuple[int, str, str]:
            code = await asyncio.to_thread(cli.main, ["top", *arguments, "--url", daemon.url])
            told = capsys.readouterr()  # the daemon, which is in this process too, logs
            out = [line for line in told.out.splitlines() if not re.match(r"\d{4}-\d\d-\d\d ", line)]
            return code, "\n".join(out), "".join(line for line in told.err.splitlines() if line.startswith("top"))

        code, out, err = await call("--sort", "symbol")  # no terminal: once
        assert (code, err) == (0, "")
        assert "\x1b" not in out
        assert re.findall(r"^│ ([A-Z]+USDT)", out, re.MULTILINE) == SYMBOLS
        code, out, err = await call("BTC*", "--window", "1m", "--json")
        assert (code, err) == (0, "")
        answer = json.loads(out)
        assert answer["window"] == "1m"
        (row,) = answer["rows"]
        _, body = await get(f"{daemon.url}/v1/screener?window=1m&numbers=string&sort=symbol")
        assert set(row) == set(json.loads(body)["data"]["rows"][0])
        assert isinstance(row["delta_quote"], str)
        code, out, err = await call("--window", "7m", "--once")
        assert (code, out) == (1, "")
        assert "configured are 1m, 5m, 15m, 1h" in err


@pytest.mark.parametrize(
    "arguments,code,words",
    [
        (("--sort", "size"), 2, "top: --sort: there is no size; there are symbol, last, delta"),
        (("--url", "ftp://x"), 2, "top: 'ftp://x' is no address of a daemon; write http://host:port"),
        (("--key-file", "/no/such/file"), 2, "top: cannot read --key-file /no/such/file: No such file or directory"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], code: int, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["top", *arguments]) == code
    told = capsys.readouterr()
    assert told.out == ""
    assert words in told.err
    assert told.err.count("\n") == 1


def test_no_daemon_is_one_line_with_the_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert cli.main(["top", "--url", f"127.0.0.1:{port}"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert f"http://127.0.0.1:{port}" in told.err
    assert told.err.endswith("start one: orderflow-stream serve\n")
    assert told.err.count("\n") == 1
