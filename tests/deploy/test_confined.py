"""The daemon as the container runs it: a number for a user, no capability, a root that cannot be written to."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from orderflow_stream.simulator import DEFAULT_LISTINGS, Simulator, SyntheticMarket, SyntheticPlayer
from tests.e2e.process import ROOT, Command, environment, get, status, tree
from tests.tools import needs

#: As in deploy/Dockerfile.
USER = "65532"


def confined(volume: Path) -> list[str]:
    """What `docker run --read-only --cap-drop all --user 65532 -v volume:/var/lib/orderflow-stream` comes to."""
    return [
        needs("bwrap"),
        *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"),
        *("--ro-bind", str(ROOT), str(ROOT)),  # in case it lies below /tmp
        *("--ro-bind", sys.prefix, sys.prefix),
        *("--bind", str(volume), str(volume)),
        *("--unshare-user", "--unshare-pid", "--uid", USER, "--gid", USER, "--cap-drop", "ALL"),
        *("--new-session", "--die-with-parent", "--chdir", "/"),
    ]


async def run_confined(volume: Path, *arguments: str, **env: str) -> Command:
    process = await asyncio.create_subprocess_exec(
        *confined(volume),
        sys.executable,
        *arguments,
        env=environment(**env),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    return Command(process)


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    folder = tmp_path / "volume"
    folder.mkdir()
    folder.chmod(0o777)
    for parent in folder.parents:  # pytest keeps its folders to itself; this user is another
        if parent.stat().st_uid == os.getuid() and parent != Path("/") and parent.is_relative_to("/tmp"):
            parent.chmod(parent.stat().st_mode | 0o011)
    return folder


async def test_the_cage_is_one(volume: Path) -> None:
    program = f"""
import os, pathlib
status = pathlib.Path("/proc/self/status").read_text()
print(os.getuid(), *[line.split()[1] for line in status.splitlines() if line.startswith("CapEff")])
for place in ("/etc/x", {str(ROOT / "x")!r}, {str(volume / "x")!r}):
    try:
        pathlib.Path(place).write_text("x")
        print("written")
    except OSError as error:
        print(type(error).__name__)
"""
    command = await run_confined(volume, "-c", program)
    assert await command.ended() == 0, command.err
    assert command.out == [f"{USER} 0000000000000000", "OSError", "OSError", "written"]


async def test_the_daemon_runs_in_it_and_writes_only_to_its_volume(volume: Path) -> None:
    market = SyntheticMarket(seed=3, listings=DEFAULT_LISTINGS[:2], rate=100.0)
    async with Simulator(SyntheticPlayer(market, 60.0)) as simulator:
        command = await run_confined(
            volume,
            *("-m", "orderflow_stream", "serve", "--port", "0"),
            ORDERFLOW_VENUES__BINANCE__STREAM_URL=simulator.stream_url,
            ORDERFLOW_VENUES__BINANCE__REST_URL=simulator.rest_url,
            ORDERFLOW_VENUES__BINANCE__SYMBOLS=DEFAULT_LISTINGS[0].symbol,
            ORDERFLOW_JOURNAL__DIRECTORY=str(volume),
            ORDERFLOW_LOG__FORMAT="json",
        )
        try:
            line = await command.line('"event": ?"listening"')
            url = line.partition('"url":')[2].split('"')[1]
            await status(f"{url}/readyz", 200, 20.0)
            code, body = await get(f"{url}/v1/flow?symbol={DEFAULT_LISTINGS[0].symbol}&trades=100")
            assert code == 200, body
        finally:
            command.process.terminate()
            await command.ended()
    assert tree(volume), "the journal was not written"
    assert not [line for line in command.err if '"level":"error"' in line.replace(" ", "")], command.err
