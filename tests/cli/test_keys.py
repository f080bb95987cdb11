"""What a terminal sends for a key."""

from __future__ import annotations

import os
import pty
import termios
from collections.abc import Iterator

import pytest

from orderflow_stream.cli.keys import Keys, names


@pytest.mark.parametrize(
    "sent,keys",
    [
        ("q", ["q"]),
        ("\x1b[A\x1b[B", ["up", "down"]),
        ("\x1bOC\x1bOD", ["right", "left"]),
        ("\x1b[5~\x1b[6~\x1b[H\x1b[F", ["page up", "page down", "home", "end"]),
        ("/btc\x7f\r", ["/", "b", "t", "c", "backspace", "enter"]),
        ("\x1b", ["escape"]),
        ("\x1bq", ["escape", "q"]),
        ("\x1b[1;5Cx\x1b[24~y", ["x", "y"]),  # Ctrl-right, F12: nothing of ours
        ("\x1b[99", []),
        ("\x00\x01é", ["é"]),
    ],
)
def test_names(sent: str, keys: list[str]) -> None:
    assert names(sent) == keys


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """A terminal as standard input: our end, its end."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "r", closefd=False) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        yield ours, theirs
    os.close(theirs)
    os.close(ours)


async def test_keys_come_one_by_one_and_the_terminal_is_as_it_was(typed: tuple[int, int]) -> None:
    ours, theirs = typed
    before = termios.tcgetattr(theirs)
    with Keys() as keys:
        assert not termios.tcgetattr(theirs)[3] & termios.ICANON
        assert termios.tcgetattr(theirs)[3] & termios.ISIG  # Ctrl-C stays a signal
        os.write(ours, b"\x1b[Ax")
        assert [await keys.queue.get(), await keys.queue.get()] == ["up", "x"]
    assert termios.tcgetattr(theirs) == before


async def test_without_a_terminal_there_are_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.devnull) as stdin:  # noqa: ASYNC230, PTH123 - nothing to wait for
        monkeypatch.setattr("sys.stdin", stdin)
        with Keys() as keys:
            assert keys.queue.empty()
