"""Messages to systemd."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from orderflow_stream.cli.notify import Notifier


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(5)
        yield sock


def heard(manager: socket.socket) -> str:
    return manager.recv(1000).decode()


def test_what_is_said(manager: socket.socket) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager.getsockname()})
    notifier.ready()
    assert heard(manager) == f"READY=1\nMAINPID={os.getpid()}"
    notifier.reloading()
    assert heard(manager).startswith("RELOADING=1\nMONOTONIC_USEC=")
    notifier.status("two\nlines")
    assert heard(manager) == "STATUS=two lines"
    notifier.stopping()
    assert heard(manager) == "STOPPING=1"
    assert notifier.watchdog is None


def test_an_abstract_address() -> None:
    name = f"orderflow-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(f"\0{name}")
        sock.settimeout(5)
        Notifier({"NOTIFY_SOCKET": f"@{name}"}).stopping()
        assert heard(sock) == "STOPPING=1"


@pytest.mark.parametrize("address", ["", "/nowhere/at/all", "relative"])
async def test_without_a_manager_nothing_happens(address: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": address})
    notifier.ready()
    notifier.stopping()
    await asyncio.wait_for(notifier.keep_alive(), 5)


@pytest.mark.parametrize(
    "usec,pid,seconds",
    [
        ("30000000", "", 30.0),
        ("30000000", "ours", 30.0),
        ("30000000", "1", None),  # meant for another process
        ("0", "", None),
        ("", "", None),
        ("soon", "", None),
        ("-5", "", None),
    ],
)
def test_the_watchdog_is_ours_or_it_is_not(usec: str, pid: str, seconds: float | None) -> None:
    pid = str(os.getpid()) if pid == "ours" else pid
    given = {"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": usec, "WATCHDOG_PID": pid}
    assert Notifier(given).watchdog == seconds


async def test_it_is_fed_three_times_as_often_as_it_asks(manager: socket.socket) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "90000"})
    loop = asyncio.get_running_loop()
    feeding = asyncio.create_task(notifier.keep_alive())
    began = loop.time()
    for _ in range(6):
        assert await asyncio.to_thread(heard, manager) == "WATCHDOG=1"
    assert loop.time() - began >= 4 * 0.03
    feeding.cancel()
