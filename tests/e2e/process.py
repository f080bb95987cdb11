"""The command as a user starts it: a process of its own, its output line by line as it comes."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp

ROOT: Final = Path(__file__).parents[2]
PATIENCE: Final = 45.0


def environment(**more: str) -> dict[str, str]:
    """Our environment without what would change the command: settings, proxies, colours."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ORDERFLOW_", "PYTEST_"))
        and not name.lower().endswith("_proxy")
        and name not in {"NO_COLOR", "FORCE_COLOR", "PYTHONASYNCIODEBUG", "PYTHONDEVMODE"}
    }
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "default", **more}


class Command:
    """A running command; `out` and `err` are the lines so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.out: list[str] = []
        self.err: list[str] = []
        self._news = asyncio.Condition()
        assert process.stdout is not None
        assert process.stderr is not None
        self._readers = [
            asyncio.create_task(self._read(process.stdout, self.out)),
            asyncio.create_task(self._read(process.stderr, self.err)),
        ]

    async def _read(self, stream: asyncio.StreamReader, lines: list[str]) -> None:
        while raw := await stream.readline():
            async with self._news:
                lines.append(raw.decode().rstrip("\n"))
                self._news.notify_all()
        async with self._news:
            self._news.notify_all()

    async def line(self, pattern: str, lines: list[str] | None = None, *, after: int = 0) -> str:
        """The first line that holds `pattern` (a regular expression), of `err` unless told otherwise."""
        seen = self.err if lines is None else lines
        found: list[str] = []

        def look() -> bool:
            found[:] = [each for each in seen[after:] if re.search(pattern, each)]
            return bool(found) or all(reader.done() for reader in self._readers)

        async with self._news:
            await asyncio.wait_for(self._news.wait_for(look), PATIENCE)
        assert found, f"ended without {pattern!r}: {self.out} {self.err}"
        return found[0]

    def kill(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ended(self) -> int:
        """The exit code, once all output is read."""
        async with asyncio.timeout(PATIENCE):
            code = await self.process.wait()
            await asyncio.gather(*self._readers)
        return code


@asynccontextmanager
async def started(*arguments: str, cwd: Path, env: dict[str, str] | None = None) -> AsyncIterator[Command]:
    """`python -m orderflow_stream` with these arguments; killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "orderflow_stream", *arguments),
        cwd=cwd,
        env=env or environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=1 << 22,
    )
    command = Command(process)
    try:
        yield command
    finally:
        if process.returncode is None:
            process.kill()
        await command.ended()


async def run(*arguments: str, cwd: Path, env: dict[str, str] | None = None) -> tuple[int, str, str]:
    """The command to its end: exit code, standard output, standard error."""
    async with started(*arguments, cwd=cwd, env=env) as command:
        code = await command.ended()
    return code, "\n".join(command.out), "\n".join(command.err)


async def get(url: str) -> tuple[int, bytes]:
    """Status and body."""
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.read()


async def status(url: str, wanted: int, patience: float) -> float:
    """Seconds until `url` answers so; what refuses the connection is asked again."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(patience), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(url) as response:
                    if response.status == wanted:
                        return loop.time() - began
            except aiohttp.ClientConnectorError:
                pass
            await asyncio.sleep(0.05)


async def eventually(look: Callable[[], object]) -> None:
    """Until `look` is true: for what tells nobody that it has happened."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if look():
                return
            await asyncio.sleep(0.01)


def tree(root: Path) -> set[str]:
    """Every path below `root`."""
    return {str(path.relative_to(root)) for path in root.rglob("*")}


def url_of(lines: Sequence[str]) -> str:
    """The address that the demo prints."""
    for line in lines:
        if found := re.search(r"http://[0-9.]+:[0-9]+", line):
            return found[0]
    raise AssertionError(f"no address in {lines}")
