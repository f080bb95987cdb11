"""`top`: every symbol of a running daemon on one screen, by the stream's topic `watch`; or once, as a table or JSON."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from rich.live import Live
from rich.table import Table
from rich.text import Text

from orderflow_stream.cli import FAILED, OK, USAGE
from orderflow_stream.cli.daemon import REMEDY, BadKey, base_of, nobody, read_key
from orderflow_stream.cli.keys import Keys
from orderflow_stream.cli.show import Out
from orderflow_stream.cli.watchlist import COLUMNS, FRAME, SORTS, SPARK, Watchlist, counted_symbols
from orderflow_stream.client import BadAnswer, Event, Failed, Lost, OrderFlow, OrderFlowError, Retrying, Unreachable
from orderflow_stream.client.stream import Stream

#: Seconds between two readings of a symbol's bars, and between two questions.
_BARS_AGE, _BARS_PAUSE = 60.0, 0.25


def run(
    symbols: list[str],
    url: str,
    *,
    window: str | None,
    sort: str,
    reverse: bool,
    venue: str | None,
    key_file: Path | None,
    once: bool,
    as_json: bool,
) -> int:
    """Show it until `q` or Ctrl-C; once, where there is no terminal."""
    if sort not in SORTS:
        return _say(f"--sort: there is no {sort}; there are {', '.join(SORTS)}", USAGE)
    try:
        key = read_key(key_file)
        api = OrderFlow(base_of(url), key or None)
    except (BadKey, ValueError) as error:
        return _say(str(error), USAGE)
    out = Out()
    list_ = Watchlist(sort=sort, reverse=reverse)
    top = Top(api, symbols, window, venue, list_, out)
    work = top.once(as_json=as_json) if once or as_json or not out.is_terminal else top.run()
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        return OK
    except Unreachable as error:
        why = str(error)
        return _say(f"{why}; {REMEDY}" if api.url in why else nobody(api.url, why), FAILED)
    except (Failed, BadAnswer) as error:
        return _say(str(error), FAILED)


def _say(message: str, code: int) -> int:
    print(f"top: {message}", file=sys.stderr)
    return code


class Top:
    """One screen over one stream; another window is another stream."""

    def __init__(
        self, api: OrderFlow, symbols: list[str], window: str | None, venue: str | None, list_: Watchlist, out: Out
    ) -> None:
        self._api = api
        self._symbols = symbols or ["*"]
        self._window = window
        self._venue = venue
        self._list = list_
        self._out = out
        self._windows: list[str] = []
        self._status = Text("connecting", style="yellow")
        self._connected = False
        self._news = asyncio.Event()
        self._stream: Stream | None = None
        self._typing = False

    # -- once -----------------------------------------------------------------------------------------------------

    async def once(self, *, as_json: bool) -> int:
        """The screener's answer, as a table or as JSON."""
        async with self._api as api:
            more: dict[str, Any] = {} if self._venue is None else {"venue": self._venue}
            answer = await api.screener(window=self._window, limit=5000, **more)
        self._list.take(row for row in answer.rows if self._wanted(row.symbol))
        rows = self._list.rows()
        if as_json:
            import msgspec

            listed = json.loads(msgspec.json.encode(rows))
            sys.stdout.write(json.dumps({"window": answer.window, "as_of": answer.as_of, "rows": listed}) + "\n")
            sys.stdout.flush()
            return OK
        table = Table(title=f"{counted_symbols(len(rows))}, {answer.window}", title_justify="left")
        columns = [column for column in COLUMNS if column.key is not None and column.shown <= self._out.width]
        for column in columns:
            table.add_column(column.title, justify="left" if column.left else "right", no_wrap=True)
        for row in rows:
            table.add_row(*(column.cell(row) for column in columns))
        self._out.print(table)
        return OK

    def _wanted(self, symbol: str) -> bool:
        from fnmatch import fnmatchcase

        return any(fnmatchcase(symbol, pattern.upper().replace("[", "[[]")) for pattern in self._symbols)

    # -- live -----------------------------------------------------------------------------------------------------

    async def run(self) -> int:
        """Until `q`."""
        loop = asyncio.get_running_loop()
        async with self._api as api:
            meta = await api.meta()
            self._windows = list(meta["flow"]["windows"])
            if self._window is None:
                self._window = "5m" if "5m" in self._windows else self._windows[0]
            elif self._window not in self._windows:
                return _say(f"--window: there is no {self._window}; there are {', '.join(self._windows)}", USAGE)
            with ExitStack() as stack:
                keys = stack.enter_context(Keys())
                live = stack.enter_context(
                    Live(console=self._out, screen=True, auto_refresh=False, get_renderable=self._render)
                )
                loop.add_signal_handler(signal.SIGWINCH, self._news.set)
                stack.callback(loop.remove_signal_handler, signal.SIGWINCH)
                work = {asyncio.create_task(each) for each in (self._listen(), self._press(keys), self._spark())}
                work.add(asyncio.create_task(self._draw(live)))
                try:
                    done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for task in work:
                        task.cancel()
                    await asyncio.gather(*work, return_exceptions=True)
                for task in done:
                    task.result()
        return OK

    async def _listen(self) -> None:
        """The stream of this window, and after it that of the next one."""
        while True:
            more: dict[str, Any] = {} if self._venue is None else {"venue": self._venue}
            stream = self._api.stream(self._symbols, topics=("watch",), window=self._window, **more)
            async with stream:
                self._stream = stream
                while True:
                    try:
                        event = await anext(stream)
                    except Lost:
                        continue  # of states, the newest is all there is to know
                    except StopAsyncIteration:
                        break
                    self._take(event)

    def _take(self, event: Event) -> None:
        if event.name == "hello":
            self._connected, self._status = True, Text("● live", style="green")
        elif isinstance(event.data, Retrying):
            self._connected = False
            why = {"bye": "the daemon ended", "busy": "the daemon is full"}.get(event.data.reason, "no connection")
            self._status = Text(f"✗ {why}, trying again in {event.data.pause:.1f} s: old numbers", style="bold red")
        elif isinstance(event.data, list):
            self._list.take(event.data)
        else:
            return
        self._news.set()

    async def _press(self, keys: Keys) -> None:
        while (key := await keys.queue.get()) != "q" or self._typing:
            await self._do(key)
            self._news.set()

    async def _do(self, key: str) -> None:
        list_ = self._list
        page = max(1, self._out.height - FRAME)
        if self._typing:
            self._type(key)
            return
        match key:
            case "left" | "right":
                list_.turn(1 if key == "right" else -1)
            case "r":
                list_.reverse = not list_.reverse
            case "up" | "down":
                list_.offset += 1 if key == "down" else -1
            case "page up" | "page down":
                list_.offset += page if key == "page down" else -page
            case "home":
                list_.offset = 0
            case "end":
                list_.offset = 1 << 30
            case " ":
                list_.freeze()
            case "/":
                self._typing = True
            case "escape":
                list_.filter = ""
            case _ if key.isdecimal() and 0 < int(key) <= len(self._windows):
                await self._switch(self._windows[int(key) - 1])

    def _type(self, key: str) -> None:
        """A key while the filter is written."""
        if key in {"enter", "escape"}:
            self._typing = False
            if key == "escape":
                self._list.filter = ""
        elif key == "backspace":
            self._list.filter = self._list.filter[:-1]
        elif len(key) == 1:
            self._list.filter += key.upper()
        self._list.offset = 0

    async def _switch(self, window: str) -> None:
        if window == self._window:
            return
        self._window = window
        self._list.clear()
        self._status = Text("connecting", style="yellow")
        if self._stream is not None:
            await self._stream.close()

    async def _spark(self) -> None:
        """The CVD of what is on the screen, from bars, a symbol at a time."""
        loop = asyncio.get_running_loop()
        read: dict[str, float] = {}
        while True:
            await asyncio.sleep(_BARS_PAUSE)
            if not self._connected or self._list.frozen:
                continue
            now = loop.time()
            due = [
                row
                for row in self._list.visible(self._out.height)
                if read.get(row.symbol, -_BARS_AGE) <= now - _BARS_AGE
            ]
            if not due:
                continue
            row = due[0]
            read[row.symbol] = now
            try:
                bars = await self._api.bars(row.symbol, interval="1m", limit=SPARK, venue=row.venue)
            except OrderFlowError:
                continue  # an ornament: what is wrong, the stream says
            self._list.sparks[row.symbol] = [bar.cvd_quote for bar in bars.bars]
            self._news.set()

    # -- drawing --------------------------------------------------------------------------------------------------

    async def _draw(self, live: Live) -> None:
        while True:
            live.refresh()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), 1.0)
            self._news.clear()
            await asyncio.sleep(0.05)  # what comes together is drawn together

    def _render(self) -> Text:
        head = Text(f"orderflow-stream top  {self._window}  ", style="bold")
        head.append_text(self._status if not self._list.frozen else Text("❚❚ frozen", style="bold yellow"))
        if self._list.filter and not self._typing:
            head.append(f"  filter {self._list.filter}")
        foot = (
            Text(f"filter: {self._list.filter}▏ enter keeps, escape clears", style="reverse") if self._typing else None
        )
        width, height = self._out.size
        return Text("\n").join(self._list.draw(width, height, head, foot, stale=not self._connected))
