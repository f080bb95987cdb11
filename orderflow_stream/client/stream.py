"""`GET /v1/stream` as an iterator that outlives its connections.

Nothing runs beside the reader: whoever asks for the next event reads the socket, so that a reader who stops leaves no
task behind, and one who is slow is held up by TCP and told so by the daemon.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Final

from orderflow_stream.client.course import Course
from orderflow_stream.client.errors import BadAnswer, Failed, Lost, Unreachable
from orderflow_stream.client.events import Event, Retrying
from orderflow_stream.client.sse import Parser, TooLong

if TYPE_CHECKING:
    import aiohttp

#: Opens a connection with these headers: its response, of status 200 and the right type. Raises `Failed`, `BadAnswer`
#: and `Unreachable`.
Open = Callable[[dict[str, str]], Awaitable["aiohttp.ClientResponse"]]


class Stream:
    """An open stream: an async iterator of `Event`, and a context manager that closes it.

    `position` is that of the last event handed out: store it, and a later `stream(position=…)` goes on there.
    `connected` is false while there is no connection: nothing that was told is known to be so still.
    """

    def __init__(self, open_: Open, course: Course, url: str, *, give_up: float | None = None) -> None:
        """`give_up`: seconds without a connection after which `Unreachable` is raised; None: never."""
        self.position = course.position
        self.url: Final = url
        self._open: Final = open_
        self._course: Final = course
        self._give_up: Final = give_up
        self._queue: deque[Event | Lost] = deque()
        self._response: aiohttp.ClientResponse | None = None
        self._parser = Parser()
        self._left = 0.0  # seconds of patience with this connection
        self._due: float | None = None  # loop time of the next attempt
        self._away: float | None = None  # since when there is no connection
        self._why = ""
        self._over: Final = asyncio.Event()

    @property
    def connected(self) -> bool:
        """Whether a connection stands and the daemon has said hello on it."""
        return self._response is not None and self._course.connected

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> Event:
        """The next event. Raises `Lost` (iterating may go on after it), `Unreachable`, `Failed`, `BadAnswer`."""
        await self._fill()
        if not self._queue:
            raise StopAsyncIteration
        return self._next()

    async def batch(self) -> list[Event]:
        """At least one event, and all that have been read with it; empty once the stream is closed."""
        await self._fill()
        out = [self._next()] if self._queue else []
        while self._queue and not isinstance(self._queue[0], Lost):
            out.append(self._next())
        return out

    async def close(self) -> None:
        """End it; iterating ends."""
        self._over.set()
        self._queue.clear()
        self._drop()

    async def __aenter__(self) -> Stream:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _next(self) -> Event:
        item = self._queue.popleft()
        if isinstance(item, Lost):
            raise item
        self.position = item.position
        return item

    async def _fill(self) -> None:
        while not self._queue and not self._over.is_set():
            if self._response is None:
                await self._connect()
            else:
                await self._read(self._response)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        self._bear(loop.time())
        if self._due is not None and (pause := self._due - loop.time()) > 0:
            with suppress(TimeoutError):  # cut short by a cancellation, the next call waits for what is left
                async with asyncio.timeout(pause):
                    await self._over.wait()
        if self._over.is_set():
            return
        try:
            response = await self._open(self._course.begin())
        except Unreachable as error:
            if not self._course.ever:
                raise
            self._again(self._course.broken("refused", str(error)))
        except Failed as error:
            if error.status < 500 and error.status != 429:
                raise
            self._again(self._course.broken("failed", str(error), at_least=error.retry_after or 0.0))
        else:
            if self._over.is_set():  # meanwhile
                response.close()
                return
            self._response, self._parser, self._left = response, Parser(), self._course.patience

    def _bear(self, now: float) -> None:
        """Raise where the next attempt would come too late for `give_up`."""
        if self._give_up is None or self._away is None or max(now, self._due or now) - self._away <= self._give_up:
            return
        self._away = None  # whoever goes on all the same has as much patience again
        raise Unreachable(f"no stream for {self._give_up:g} s: {self._why}", self.url)

    async def _read(self, response: aiohttp.ClientResponse) -> None:
        from aiohttp import ClientError

        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(self._left):
                data = await response.content.readany()
        except TimeoutError:
            late = f"no event for {self._course.patience:.1f} s, where a heartbeat was due"
            self._again(self._course.broken("silence", late))
            return
        except (ClientError, OSError) as error:
            if self._over.is_set():
                return
            self._again(self._course.broken("gone", str(error) or type(error).__name__))
            return
        if not data:
            self._again(self._course.broken("gone", "the connection was closed without a bye"))
            return
        self._left -= loop.time() - began  # bytes that never become an event are no sign of life
        try:
            blocks = self._parser.feed(data)
            for block in blocks:
                items, end = self._course.take(block)
                self._queue.extend(items)
                if self._course.connected:
                    self._away = None
                if end is not None:
                    self._again(end)
                    return
        except TooLong as error:
            self._drop()
            raise BadAnswer(f"the daemon sent {error}; is it an orderflow-stream daemon?") from error
        except BadAnswer:
            self._drop()
            raise
        if blocks:
            self._left = self._course.patience

    def _again(self, retrying: Retrying) -> None:
        """This connection is over: tell, and try again when it is time."""
        self._drop()
        now = asyncio.get_running_loop().time()
        if self._away is None:
            self._away = now
        self._due, self._why = now + retrying.pause, retrying.detail
        self._queue.append(Event("retrying", self._course.position, retrying))

    def _drop(self) -> None:
        response, self._response = self._response, None
        if response is not None:
            response.close()
