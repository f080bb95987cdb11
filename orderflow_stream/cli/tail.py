"""`tail`: the live tape of a running daemon, in a terminal. Trades go to standard output, all else to the other."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import aiohttp
import orjson

from orderflow_stream.cli import FAILED, OK, USAGE
from orderflow_stream.cli.daemon import BadKey, base_of, nobody, read_key
from orderflow_stream.cli.events import Event, events
from orderflow_stream.cli.show import Out
from orderflow_stream.cli.tape import Board, TradeLines
from orderflow_stream.cli.tape_screen import TapeScreen

#: Seconds without any event after which the connection is taken for dead (the daemon sends a heartbeat every 2 s).
SILENCE: Final = 15.0
#: Seconds between attempts when the daemon states none.
PAUSE: Final = 2.0
#: The longest line that is read; a heartbeat names every symbol there is.
_BUFFER: Final = 1 << 20


def run(
    symbols: list[str],
    url: str,
    min_notional: int | None,
    *,
    as_json: bool,
    key_file: Path | None = None,
    venue: str | None = None,
    window: str = "1m",
    summary: float | None = None,
) -> int:
    """Print trades as they come until Ctrl-C. `min_notional` at 10^-16; `venue` None is the daemon's default.

    On a terminal the delta over `window` and the CVD of each symbol stand below the tape; elsewhere they are lines of
    their own every `summary` seconds, None for never. JSON has trades only.
    """
    if summary is not None and not 0 < summary <= 86_400:
        _say(f"tail: --summary must be above 0 and at most 86400 seconds, not {summary:g}")
        return USAGE
    try:
        key = read_key(key_file)
    except BadKey as error:
        _say(f"tail: {error}")
        return USAGE
    out = Out()
    lines = TradeLines(min_notional, as_json=as_json, symbols=symbols, out=out)
    screen: TapeScreen | None = None
    if not as_json and (summary is not None or out.is_terminal):
        screen = TapeScreen(out, lines, Board(window), summary)
    try:
        return asyncio.run(
            _follow(Tail(symbols, base_of(url), lines, key, venue, None if screen is None else screen.board), screen)
        )
    except KeyboardInterrupt:
        return OK


async def _follow(tail: Tail, screen: TapeScreen | None) -> int:
    if screen is None:
        return await tail.run()
    with screen:
        drawing = asyncio.create_task(screen.draw())
        try:
            return await tail.run()
        finally:
            drawing.cancel()
            with suppress(asyncio.CancelledError):
                await drawing


class _Refused(Exception):
    """The daemon will not have it; the message says why."""


class Tail:
    """One tape, over as many connections as it takes: each resumes where the one before ended."""

    def __init__(
        self,
        symbols: list[str],
        url: str,
        lines: TradeLines,
        key: str = "",
        venue: str | None = None,
        board: Board | None = None,
    ) -> None:
        """`board` sums up what is told, over its window; None: trades only."""
        self._url = url
        self._key = key
        self._board = board
        self._params = {"symbols": ",".join(symbols), "topics": "trade"}
        if board is not None:
            self._params |= {"topics": "trade,watch", "window": board.window}
        if venue is not None:
            self._params["venue"] = venue
        self._lines = lines
        self._position = ""
        self._resuming = False  # this connection was asked to go on where the last one ended
        self._reached = False
        self._away = False  # the loss of the daemon was told
        self._pause = PAUSE

    async def run(self) -> int:
        """Until cancelled, or refused."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=SILENCE)
        async with aiohttp.ClientSession(timeout=timeout, read_bufsize=_BUFFER) as session:
            while True:
                self._pause = PAUSE
                try:
                    await self._once(session)
                except _Refused as error:
                    _say(f"tail: {error}")
                    return FAILED
                except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
                    _say(f"tail: --url {self._url} is not a URL; write http://host:port")
                    return USAGE
                except (aiohttp.ClientError, TimeoutError) as error:
                    if not self._reached:
                        _say(f"tail: {nobody(self._url, _words(error))}")
                        return FAILED
                    if not self._away:
                        self._away = True
                        _say(f"-- the connection is lost, trying until it is back ({_words(error)})")
                await asyncio.sleep(self._pause)

    async def _once(self, session: aiohttp.ClientSession) -> None:
        headers = {"Accept": "text/event-stream"}
        if self._key:
            headers["X-API-Key"] = self._key
        self._resuming = bool(self._position)
        if self._resuming:
            headers["Last-Event-ID"] = self._position
        async with session.get(f"{self._url}/v1/stream", params=self._params, headers=headers) as response:
            if response.status >= 500 and self._reached:
                raise aiohttp.ClientResponseError(
                    response.request_info, (), status=response.status, message=response.reason or ""
                )
            if response.status != 200 or response.content_type != "text/event-stream":
                raise _Refused(await _why(response))
            self._reached = True
            try:
                async for event in events(response.content):
                    self._position = event.id or self._position
                    self._pause = event.retry or self._pause
                    self._take(event)
            except ValueError as error:
                raise _Refused(f"{self._url} sends what is no event stream: {error}") from error

    def _take(self, event: Event) -> None:
        """Print one event, or what it means."""
        match event.name:
            case "trade":
                self._lines.trade(event.data)
                if self._board is not None:
                    self._board.trade(event.data)
            case "watch":
                if self._board is not None:
                    self._board.rows(event.data)
            case "hello":
                self._hello(orjson.loads(event.data))
            case "slow":
                _say("-- this terminal is too slow for the tape: the daemon ended the stream, resuming where it was")
            case "busy":
                _say(f"-- the daemon has no room for another stream; trying again in {self._pause:.0f} s")
            case "bye":
                self._away = True
                reason = orjson.loads(event.data).get("reason")
                _say(f"-- the daemon said goodbye ({reason}); trying again in {self._pause:.1f} s")
            case "gap" | "corrected" | "state":
                _say(f"-- {_told(event.name, orjson.loads(event.data))}")

    def _hello(self, hello: dict[str, Any]) -> None:
        if self._away:
            _say("-- connected again")
        self._away = False
        if self._resuming and not hello.get("recovered"):
            _say("-- what was traded meanwhile is not here: the daemon's log does not reach back that far")
            if self._board is not None:
                self._board.restart()


def _told(name: str, data: dict[str, Any]) -> str:
    """A gap, its repair, or a change of state, for a person."""
    symbol = data.get("symbol", "?")
    if name == "state":
        reason = data.get("reason")
        return f"{symbol} is {data.get('state')}{f': {reason}' if reason else ''}"
    missing = ", ".join(f"{first}-{last}" for first, last in (data.get("missing") or [])[:5])
    if name == "gap":
        return f"{symbol}: trades are missing{f' ({missing})' if missing else ''}"
    return f"{symbol}: " + (f"still missing: {missing}" if missing else "no trade is missing any more")


async def _why(response: aiohttp.ClientResponse) -> str:
    origin = response.url.origin()
    try:
        message = orjson.loads(await response.read())["message"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return f"{origin} answers {response.status} and no event stream; is it an orderflow-stream daemon?"
    return f"{origin} answers {response.status}: {message}"


def _words(error: BaseException) -> str:
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "its name cannot be resolved"
        case aiohttp.ClientConnectorError(os_error=cause):
            return cause.strerror if cause.strerror and "Connect call" not in str(cause) else "connection refused"
        case TimeoutError():
            return "no answer in time"
    return str(error) or type(error).__name__


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
