"""Single keys of a terminal, as they are pressed."""

from __future__ import annotations

import asyncio
import os
import sys
import termios
import tty
from types import TracebackType
from typing import Final, Self

_SEQUENCES: Final = {
    "\x1b[A": "up", "\x1b[B": "down", "\x1b[C": "right", "\x1b[D": "left",
    "\x1bOA": "up", "\x1bOB": "down", "\x1bOC": "right", "\x1bOD": "left",
    "\x1b[5~": "page up", "\x1b[6~": "page down", "\x1b[H": "home", "\x1b[F": "end",
    "\x1b[1~": "home", "\x1b[4~": "end",
    "\r": "enter", "\n": "enter", "\x7f": "backspace", "\x08": "backspace", "\x1b": "escape",
}  # fmt: skip
_LONGEST: Final = max(map(len, _SEQUENCES))


class Keys:
    """While it is entered, `queue` gets a name for each key: a character, or a word such as `up`.

    Where standard input is no terminal there are no keys. Ctrl-C stays a signal.
    """

    def __init__(self) -> None:
        self.queue: asyncio.Queue[str] = asyncio.Queue()
        self._fd = sys.stdin.fileno() if sys.stdin.isatty() else -1
        self._before: list[object] = []

    def __enter__(self) -> Self:
        if self._fd >= 0:
            self._before = termios.tcgetattr(self._fd)
            tty.setcbreak(self._fd)
            asyncio.get_running_loop().add_reader(self._fd, self._read)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)  # type: ignore[arg-type]  # as it was given

    def _read(self) -> None:
        data = os.read(self._fd, 1024)
        if not data:  # the terminal has gone
            asyncio.get_running_loop().remove_reader(self._fd)
            self.queue.put_nowait("q")
            return
        for name in names(data.decode(errors="ignore")):
            self.queue.put_nowait(name)


def names(text: str) -> list[str]:
    """The keys behind what a terminal sends; sequences that are not known are passed over."""
    found: list[str] = []
    while text:
        for length in range(min(_LONGEST, len(text)), 0, -1):
            if (name := _SEQUENCES.get(text[:length])) is not None:
                break
        else:
            length, name = 1, text[0] if text[0].isprintable() else ""
        if name == "escape" and len(text) > 1 and text[1] in "[O":
            length, name = _unknown(text), ""
        text = text[length:]
        if name:
            found.append(name)
    return found


def _unknown(text: str) -> int:
    """The length of an escape sequence: up to its final letter."""
    for at, character in enumerate(text[2:], 2):
        if character.isalpha() or character == "~":
            return at + 1
    return len(text)
