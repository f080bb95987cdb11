"""How far the warm-up is: a bar below the log on a terminal, lines in the log elsewhere."""

from __future__ import annotations

import asyncio
import io
import sys
from typing import TYPE_CHECKING, Final, TextIO, cast

import structlog
from rich.text import Text

if TYPE_CHECKING:
    from rich.progress import Progress

    from orderflow_stream.app import Daemon

#: Seconds between two drawings of the bar, and between two lines of the log.
_FRAME: Final = 0.2
_LINE: Final = 10.0

log = structlog.get_logger("orderflow_stream")


class LogStream(io.TextIOBase):
    """Standard error for the log: as long as a bar stands there, lines are printed above it."""

    def __init__(self) -> None:
        self._bar: Progress | None = None

    @property
    def terminal(self) -> bool:
        return sys.stderr.isatty()

    @property
    def text(self) -> TextIO:
        """The same, as what is written to."""
        return cast(TextIO, self)

    def begin(self, bar: Progress) -> None:
        """A bar is drawn from now on."""
        self._bar = bar
        bar.start()

    def end(self) -> None:
        """And no more."""
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.stop()

    def isatty(self) -> bool:
        return self.terminal

    def write(self, text: str) -> int:
        """One record."""
        if self._bar is None:
            return sys.stderr.write(text)
        if line := text.rstrip("\n"):
            self._bar.console.print(Text.from_ansi(line), soft_wrap=True)
        return len(text)

    def flush(self) -> None:
        sys.stderr.flush()


async def show(daemon: Daemon, stream: LogStream | None) -> None:
    """Until everything that is configured is warm. `stream` is what the log goes to, None where it is not ours."""
    await daemon.ready.wait()
    terminal = stream is not None and stream.terminal
    began = asyncio.get_running_loop().time()
    bar: Progress | None = None
    try:
        while True:
            await asyncio.sleep(_FRAME if terminal else _LINE)
            done, total, trades, eta = _progress(daemon)
            if total and done == total:
                return
            seconds = asyncio.get_running_loop().time() - began
            if stream is not None and terminal:
                if bar is None:
                    bar = _bar()
                    stream.begin(bar)
                _draw(bar, done, total, trades, seconds, eta)
            elif total:
                left = {} if eta is None else {"seconds_left": round(eta)}
                log.info("warming up", done=done, of=total, trades=trades, per_second=round(trades / seconds), **left)
    finally:
        if stream is not None:
            stream.end()


def _progress(daemon: Daemon) -> tuple[int, int, int, float | None]:
    """Instruments done, and of how many; trades read; seconds left, None where that is not known yet."""
    found = [market.backfiller.progress for market in daemon.markets.values()]
    etas = [each.eta_s for each in found]
    known = [each for each in etas if each is not None]
    return (
        sum(each.done for each in found),
        sum(each.total for each in found),
        sum(each.trades for each in found),
        max(known) if len(known) == len(etas) else None,  # venues work beside each other
    )


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    # Narrower than the terminal: the ^C that it echoes must not begin a line of its own.
    bar = Progress(
        TextColumn("warming up"),
        BarColumn(20),
        MofNCompleteColumn(),
        TextColumn("symbols {task.fields[more]}"),
        console=Console(stderr=True, highlight=False),
        transient=True,
        auto_refresh=False,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    bar.add_task("", total=None, more="")
    return bar


def _draw(bar: Progress, done: int, total: int, trades: int, seconds: float, eta: float | None) -> None:
    left = "" if eta is None else f" {int(eta) // 60}:{int(eta) % 60:02} left"
    more = f"{trades:,} trades {trades / seconds:,.0f}/s{left}"
    bar.update(bar.tasks[0].id, completed=done, total=total or None, more=more)
    bar.refresh()
