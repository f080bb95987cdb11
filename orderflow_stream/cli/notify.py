"""systemd's notification protocol (`man sd_notify`): that the daemon is ready, is ending, and is still turning.

Without `NOTIFY_SOCKET` in the environment, that is without systemd, everything here does nothing.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Final


class Notifier:
    """Messages to the service manager; none of them can fail the daemon.

    `watchdog` is the time (seconds) within which the manager wants to hear of us again, None where it does not.
    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        """Reads `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`."""
        given = os.environ if environ is None else environ
        self._address: Final = given.get("NOTIFY_SOCKET", "")
        self.watchdog: Final = _watchdog(given) if self._address else None

    def ready(self) -> None:
        """It listens."""
        self._send(f"READY=1\nMAINPID={os.getpid()}")

    def reloading(self) -> None:
        """It reads its configuration anew; `ready` ends that."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """It drains."""
        self._send("STOPPING=1")

    def status(self, line: str) -> None:
        """What `systemctl status` shows."""
        self._send(f"STATUS={' '.join(line.split())}")

    async def keep_alive(self) -> None:
        """Tell the watchdog, from the event loop itself, for as long as it turns: a loop that is stuck falls silent,
        and systemd starts the daemon anew. Never returns where there is a watchdog."""
        if self.watchdog is None:
            return
        while True:
            self._send("WATCHDOG=1")
            await asyncio.sleep(self.watchdog / 3)

    def _send(self, message: str) -> None:
        if not self._address:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)  # a manager that is stuck does not hold us up
            sock.connect(address)
            sock.send(message.encode())


def _watchdog(given: Mapping[str, str]) -> float | None:
    pid, micros = given.get("WATCHDOG_PID", ""), given.get("WATCHDOG_USEC", "")
    if not micros.isdecimal() or int(micros) == 0 or (pid and pid != str(os.getpid())):
        return None
    return int(micros) / 1e6
