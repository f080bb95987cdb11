"""A terminal of a size that we choose, and a command in it: what stands on its screen, and keys that are pressed."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import signal
import struct
import sys
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pyte

from tests.e2e.process import environment

PATIENCE = 30.0


class Terminal:
    """The screen of a running command. `raw` is all that it wrote."""

    def __init__(self, process: asyncio.subprocess.Process, fd: int, columns: int, lines: int) -> None:
        self.process = process
        self.raw = b""
        self._fd = fd
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self._news = asyncio.Event()

    def read(self) -> None:
        """What has come."""
        try:
            data = os.read(self._fd, 1 << 16)
        except OSError:  # the command has ended, and its side of the terminal is closed
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._fd)
        self.raw += data
        self._stream.feed(data)
        self._news.set()

    @property
    def text(self) -> list[str]:
        """The lines of the screen, without blanks at their ends."""
        return [line.rstrip() for line in self._screen.display]

    def colour(self, line: int, column: int) -> str:
        """The colour of a character, six hexadecimal digits or a name."""
        return str(self._screen.buffer[line][column].fg)

    async def until(self, look: Callable[[list[str]], bool]) -> list[str]:
        """The screen, once it looks so."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not look(self.text):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError("\n".join(self.text)) from None
        return self.text

    async def has(self, words: str) -> list[str]:
        """The screen, once these words are on it."""
        return await self.until(lambda lines: any(words in line for line in lines))

    def press(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def resize(self, columns: int, lines: int) -> None:
        self._screen.resize(lines, columns)
        _set_size(self._fd, columns, lines)
        self.process.send_signal(signal.SIGWINCH)

    async def ended(self) -> int:
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()


def _set_size(fd: int, columns: int, lines: int) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


@asynccontextmanager
async def terminal(
    *arguments: str, cwd: Path, columns: int = 80, lines: int = 24, env: dict[str, str] | None = None
) -> AsyncIterator[Terminal]:
    """`orderflow-stream` with these arguments in a terminal of its own; killed at the end if it still runs."""
    ours, theirs = pty.openpty()
    _set_size(theirs, columns, lines)
    environ = environment(TERM="xterm-256color", COLORTERM="truecolor", **(env or {}))
    for name in ("COLUMNS", "LINES"):  # the terminal says it
        environ.pop(name, None)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "orderflow_stream", *arguments),
        cwd=cwd,
        env=environ,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that Ctrl-C is a signal
    )
    os.close(theirs)
    screen = Terminal(process, ours, columns, lines)
    asyncio.get_running_loop().add_reader(ours, screen.read)
    try:
        yield screen
    finally:
        asyncio.get_running_loop().remove_reader(ours)
        if process.returncode is None:
            process.kill()
        await process.wait()
        os.close(ours)
