"""The tape on a terminal: trades roll by, and the lines of delta and CVD stand still below them."""

from __future__ import annotations

import asyncio
import sys
from types import TracebackType
from typing import Final, Self

from rich.console import Group, RenderableType
from rich.live import Live
from rich.rule import Rule

from orderflow_stream.cli.show import Out
from orderflow_stream.cli.tape import Board, TradeLines

#: Seconds between two drawings: what a person can read is far less.
_FRAME: Final = 0.1


class TapeScreen:
    """Draws while `draw` runs. Where standard output is no terminal, or lines of the board were asked for every so many
    seconds (`summary`), these are printed among the trades instead."""

    def __init__(self, out: Out, lines: TradeLines, board: Board, summary: float | None) -> None:
        self.board: Final = board
        self._out = out
        self._lines = lines
        self._summary = summary
        self._live: Live | None = None
        if summary is None and out.is_terminal:
            # What is said to a terminal belongs above the lines; what is said to a file does not come by here.
            self._live = Live(
                console=out,
                get_renderable=self._below,
                auto_refresh=False,
                redirect_stdout=False,
                redirect_stderr=sys.stderr.isatty(),
                vertical_overflow="crop",
            )

    def __enter__(self) -> Self:
        if self._live is not None:
            self._lines.hold()
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._live is not None:
            self._lines.release()
            self._live.stop()

    async def draw(self) -> None:
        """Until cancelled."""
        if self._live is None:
            while self._summary is not None:
                await asyncio.sleep(self._summary)
                for line in self.board.lines():
                    self._out.print(line, soft_wrap=True)
                sys.stdout.flush()
            return
        while True:
            await asyncio.sleep(_FRAME)
            self._lines.release()
            self._live.refresh()

    def _below(self) -> RenderableType:
        lines = self.board.lines(max(1, self._out.height // 3))
        for line in lines:
            line.no_wrap, line.overflow = True, "ellipsis"
        return Group(Rule(style="dim"), *lines) if lines else Group()
