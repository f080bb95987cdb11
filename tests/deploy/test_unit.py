"""The unit of systemd: what it locks away, judged by systemd's own tool, and what it says of the daemon."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orderflow_stream.config import Settings, describe
from orderflow_stream.simulator import DEFAULT_LISTINGS, Simulator, SyntheticMarket, SyntheticPlayer
from tests.e2e.process import ROOT, Command, environment
from tests.tools import needs

UNIT = ROOT / "deploy" / "orderflow-stream.service"
#: Of systemd's exposure, in tenths: 1.5.
MOST_EXPOSED = 15


def lines() -> set[str]:
    return set(UNIT.read_text().splitlines())


def value(name: str) -> str:
    (found,) = (line.partition("=")[2] for line in lines() if line.startswith(f"{name}="))
    return found


def analyze(unit: Path, threshold: int) -> subprocess.CompletedProcess[str]:
    command = [
        needs("systemd-analyze"), "security", "--no-pager", "--offline=true", f"--threshold={threshold}", str(unit),
    ]  # fmt: skip
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)


def test_its_exposure_is_low() -> None:
    done = analyze(UNIT, MOST_EXPOSED)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Overall exposure level for orderflow-stream.service: 1." in done.stdout


@pytest.mark.parametrize("line", ["PrivateUsers=yes", "CapabilityBoundingSet=", "SystemCallFilter=@system-service"])
def test_the_judge_would_find_out(line: str, tmp_path: Path) -> None:
    """Each of these alone matters to it."""
    text = UNIT.read_text()
    assert f"\n{line}\n" in text
    weaker = tmp_path / UNIT.name
    weaker.write_text(text.replace(f"\n{line}\n", "\n"))
    kept, found = (exposure(analyze(each, 100).stdout) for each in (UNIT, weaker))
    assert found > kept


def exposure(text: str) -> float:
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", text)
    assert found is not None, text
    return float(found[1])


def test_what_the_judge_does_not_weigh_is_there_too() -> None:
    assert {
        "DynamicUser=yes",
        "ProtectSystem=strict",
        "StateDirectory=orderflow-stream",
        "UMask=0077",
        "MemoryDenyWriteExecute=yes",
        "LimitCORE=0",
        "ExecReload=/bin/kill -HUP $MAINPID",
        "RestartPreventExitStatus=2",
    } <= lines()


def test_it_fits_the_configuration() -> None:
    drain = Settings().delivery.drain_s
    assert int(value("TimeoutStopSec")) >= drain + 10, "the journal is written after clients were told goodbye"
    assert int(value("LimitNOFILE")) >= Settings().server.max_connections + 256
    known = {each.env for each in describe()} | {"ORDERFLOW_CONFIG"}
    assert set(re.findall(r"ORDERFLOW_[A-Z_]*[A-Z]", UNIT.read_text())) - {"ORDERFLOW"} <= known | {"ORDERFLOW_"}


def test_its_memory_is_more_than_the_daemon_takes() -> None:
    assert value("MemoryMax") == "4G"
    budget = Settings().tape.budget_mb * 1_000_000
    assert budget * 2 < 4 << 30, "the tapes at their budget, and as much again for everything else"


async def test_the_manager_is_told_and_the_watchdog_fed(tmp_path: Path) -> None:
    """Type=notify and WatchdogSec against the real process: READY once it listens, WATCHDOG from its loop, STOPPING; a
    loop that stands still is silent, which is what the manager's watchdog acts upon."""
    assert {"Type=notify", "NotifyAccess=main", "WatchdogSec=30", "Restart=always"} <= lines()
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(tmp_path / "notify"))
    manager.setblocking(False)
    loop = asyncio.get_running_loop()

    async def told() -> str:
        return (await asyncio.wait_for(loop.sock_recv(manager, 4096), 20)).decode()

    market = SyntheticMarket(seed=3, listings=DEFAULT_LISTINGS[:1], rate=20.0)
    async with Simulator(SyntheticPlayer(market, 60.0)) as simulator:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "orderflow_stream", "serve", "--port", "0"),
            cwd=tmp_path,
            env=environment(
                ORDERFLOW_VENUES__BINANCE__STREAM_URL=simulator.stream_url,
                ORDERFLOW_VENUES__BINANCE__REST_URL=simulator.rest_url,
                ORDERFLOW_VENUES__BINANCE__SYMBOLS=DEFAULT_LISTINGS[0].symbol,
                NOTIFY_SOCKET=str(tmp_path / "notify"),
                WATCHDOG_USEC="600000",
            ),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        daemon = Command(process)
        try:
            assert await told() == f"READY=1\nMAINPID={process.pid}"
            await daemon.line('"listening"')
            began = time.monotonic()
            assert {await told() for _ in range(4)} == {"WATCHDOG=1"}
            assert time.monotonic() - began < 1.8, "three times as often as is asked for"
            process.send_signal(signal.SIGSTOP)
            await asyncio.to_thread(os.waitid, os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
            while True:  # what it said before it stood still
                try:
                    manager.recv(4096)
                except BlockingIOError:
                    break
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(loop.sock_recv(manager, 4096), 1.0)
            process.send_signal(signal.SIGCONT)
            assert await told() == "WATCHDOG=1"
            process.terminate()
            while (message := await told()) == "WATCHDOG=1":
                pass
            assert message == "STOPPING=1"
            assert await daemon.ended() == 0
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                await daemon.ended()
            manager.close()


def test_systemd_can_read_it(tmp_path: Path) -> None:
    """No key that it does not know, no value that it does not understand: it says so, and goes on without them."""

    def said(text: str) -> str:
        unit = tmp_path / UNIT.name
        # What is not installed here has some other program in its place.
        unit.write_text(text.replace("/opt/orderflow-stream/.venv/bin/orderflow-stream", "/bin/true"))
        command = [needs("systemd-analyze"), "verify", "--man=no", str(unit)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
        return "\n".join(line for line in done.stderr.splitlines() if UNIT.name in line)

    text = UNIT.read_text()
    assert said(text) == ""
    assert "WatchdogSeconds" in said(text.replace("WatchdogSec=", "WatchdogSeconds="))
