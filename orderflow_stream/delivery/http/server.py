"""The server under the application: deadlines for slow peers, bounds, and failures of the parser in the envelope.

aiohttp itself waits for ever for the end of a request's headers and for a peer that does not read its answer, knows no
bound of connections, keeps idle ones for an hour, speaks HTTP/0.9, and logs a traceback for every malformed request;
each of them is a way to wear a daemon out.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, cast

from aiohttp import web, web_protocol, web_server
from aiohttp.http import HttpVersion10, HttpVersion11
from aiohttp.http_exceptions import BadHttpMethod
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader

from orderflow_stream.delivery.http.doors import Cut, Doors
from orderflow_stream.delivery.http.envelope import failure, request_id
from orderflow_stream.delivery.http.errors import ApiError
from orderflow_stream.delivery.http.guard import API_CSP
from orderflow_stream.delivery.http.quiet import Quiet

#: Seconds that the headers of a request may take, then its body, and seconds between two looks at a peer that takes
#: its answer slowly.
HEADER_DEADLINE: Final = 10.0
ANSWER_DEADLINE: Final = 10.0
#: Bytes of a long answer that a peer must take between two looks.
ANSWER_LEAST: Final = 32_768
#: A look that comes so many seconds late was held up by ourselves, and says nothing of the peer.
LATE: Final = 1.0
KEEP_ALIVE: Final = 75.0
#: A long list of symbols must fit into the request line, so it is not held shorter than aiohttp's own bound.
_LINE: Final = 8190
#: Bytes of all headers together.
_HEADERS: Final = 32_768

#: Methods that read, and have no body.
_READING: Final = ("GET", "HEAD", "OPTIONS")
_REQUEST_LINE: Final = re.compile(rb"([A-Za-z]{1,20}) \S{1,8190} HTTP/1\.[01]\r?\n")

_quiet = Quiet("malformed request")

_RequestHandler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Refused(Exception):
    """A request that the parser lets pass and we do not."""


class Handler(web_protocol.RequestHandler):
    """One connection.

    The headers of a request must be complete within a deadline of their first byte (for the first request, of the
    connection itself), so must its body; and a peer must take its answer at some speed, unless it is a stream, for
    which the hub has its own rules.
    """

    __slots__ = (
        *("_address", "_answer_due", "_body", "_deadline", "_doors", "_headers_due", "_link", "_long", "_partial"),
        *("_streaming", "_unread", "_word", "timed_out"),
    )

    def __init__(
        self, manager: web_server.Server, *, doors: Doors, header_deadline: float, answer_deadline: float, **kwargs: Any
    ) -> None:
        super().__init__(manager, **kwargs)
        self._doors = doors
        self._address: str | None = None
        self._link: asyncio.Transport | None = None  # as long as it is open; aiohttp forgets its own sooner
        self._headers_due = header_deadline
        self._answer_due = answer_deadline
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._body: StreamReader = EMPTY_PAYLOAD
        self._partial = 0  # bytes of headers that are not complete
        self._long = False  # the last packet was so long that its headers must be counted
        self._streaming = False
        self._word = ""  # the method that the parser did not know
        self.timed_out = False  # lost, because the peer has taken nothing for too long

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        link = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it
        self._address = self._doors.enter(link.get_extra_info("peername"))
        if self._address is None:
            self._manager = None
            link.abort()
            return
        self._link = link
        link.set_write_buffer_limits(high=0)  # whatever waits for the peer is looked at, be it a few bytes
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._address is None:
            return
        self._doors.leave(self._address)
        self.timed_out = isinstance(exc, TimeoutError)
        self._address = self._link = None
        self._disarm()
        self._calm()
        super().connection_lost(exc)

    async def start(self) -> None:
        try:
            await super().start()
        finally:
            # aiohttp has closed the transport, which waits for the peer to read the rest: not for ever.
            link = self._link
            if link is not None and link.get_write_buffer_size():
                self._loop.call_later(self._answer_due, link.abort)

    # -- headers and body -----------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        before = self._request_count
        super().data_received(data)
        if self._request_count > before:
            if self._deadline is not None:
                self._disarm()
            self._long = self._partial + len(data) > _HEADERS
            self._partial = 0
            message, body = self._messages[-1]
            self._body = body
            if body is EMPTY_PAYLOAD:
                if type(message) is web_protocol._ErrInfo:
                    self._blame(message.exc, data)
                elif not data.endswith(b"\n"):
                    self._arm()  # a further request has begun
            elif not body.is_eof():
                self._arm()
        elif data and not self._upgraded:
            if self._body is not EMPTY_PAYLOAD:
                if self._body.is_eof():
                    self._body = EMPTY_PAYLOAD
                    self._disarm()
                return
            self._partial += len(data)
            if self._deadline is None:
                self._arm()  # the first bytes of a further request on this connection
            if self._partial > _HEADERS and not self._force_close:
                self._refuse(f"its headers are longer than {_HEADERS} bytes together")

    def _blame(self, exc: BaseException, data: bytes) -> None:
        """Remember the method, if that is what was wrong (and not what a further request of the same packet has)."""
        line = _REQUEST_LINE.match(data) if isinstance(exc, BadHttpMethod) else None
        if line and (word := line[1].decode("ascii")) not in _READING:
            self._word = word

    def _refuse(self, reason: str) -> None:
        """Answer what has come so far, and nothing that comes after it."""
        self._disarm()
        self._partial = 0
        self._request_count += 1
        self._messages.append((web_protocol._ErrInfo(400, Refused(reason), reason), EMPTY_PAYLOAD))
        self._pause_transport_reading()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _arm(self) -> None:
        due = self._loop.time() + self._headers_due
        self._deadline = self._loop.call_at(due, self._expire, due)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _expire(self, due: float) -> None:
        self._deadline = None
        if self._loop.time() - due > LATE:
            self._arm()
        elif not self._body.is_eof():
            self._cut("body")
        elif self._waiter is not None and not self._waiter.done():
            self._cut("headers")
        elif not self._force_close:
            self._arm()  # it is being answered; what it has begun to send beside that can wait as long

    def _cut(self, reason: Cut) -> None:
        self._doors.cut[reason] += 1
        link = self._link
        self.force_close()
        if link is not None:
            link.abort()

    # -- peers that do not read -----------------------------------------------------------------------------------

    def stream(self) -> None:
        """The answer under way is a stream: how fast it must be read is not decided here."""
        self._streaming = True
        self._calm()

    def pause_writing(self) -> None:
        super().pause_writing()
        if not self._streaming and self._link is not None:
            self._watch(self._link.get_write_buffer_size())

    def resume_writing(self) -> None:
        self._calm()
        super().resume_writing()

    def _watch(self, buffered: int) -> None:
        due = self._loop.time() + self._answer_due
        self._unread = self._loop.call_at(due, self._look, due, buffered)

    def _calm(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _look(self, due: float, before: int) -> None:
        self._unread = None
        link = self._link
        if link is None:
            return
        buffered = link.get_write_buffer_size()
        if before - buffered < ANSWER_LEAST and self._loop.time() - due < LATE:
            self._cut("answer")
        else:
            self._watch(buffered)

    # -- requests that are none -----------------------------------------------------------------------------------

    def _handle_request(
        self, request: web.BaseRequest, start_time: float | None, request_handler: _RequestHandler
    ) -> Coroutine[Any, Any, tuple[web.StreamResponse, bool]]:
        # Compared with ==: a bound method is another object each time.
        if request_handler == self._request_handler and (reason := self._unacceptable(request)) is not None:
            request_handler = self._make_error_handler(web_protocol._ErrInfo(400, Refused(reason), reason))
        return super()._handle_request(request, start_time, request_handler)

    def _unacceptable(self, request: web.BaseRequest) -> str | None:
        """Why a request that was parsed is not answered, in words that follow "refused"."""
        version = request._version
        if version is not HttpVersion11 and version not in {HttpVersion11, HttpVersion10}:
            return f"HTTP/{version.major}.{version.minor} is not spoken here, HTTP/1.1 is"
        if request._payload is not EMPTY_PAYLOAD and request.method in _READING:
            return f"a {request.method} request has no body"
        if self._long and sum([len(name) + len(value) for name, value in request.raw_headers]) > _HEADERS:
            return f"its headers are longer than {_HEADERS} bytes together"
        return None

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What could not be parsed (or failed outside every route), in the envelope and in one line of the log."""
        _quiet.say(str(request.remote), f"{type(exc).__name__}: {message or exc}" if exc else str(message))
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was already on its way")
        response = failure(time.time_ns() // 1000, request_id(None), self._error(status, exc))
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Content-Security-Policy"] = API_CSP
        response.headers["Server"] = "orderflow-stream"
        response.force_close()
        request._version = HttpVersion11  # of what could not be read nothing is known, not even that it is old
        return response

    def _error(self, status: int, exc: BaseException | None) -> ApiError:
        if status >= 500:
            return ApiError(status, "internal_error", "the daemon failed to answer this; its log says why")
        if self._word:
            words = f"{self._word} is not allowed here; use GET"
            return ApiError(405, "method_not_allowed", words, allow=_READING)
        if isinstance(exc, Refused):
            return ApiError(status, "bad_parameter", f"this request is refused: {exc}")
        if type(exc).__name__ == "LineTooLong":
            return ApiError(status, "bad_parameter", f"the request line or a header is longer than {_LINE} bytes")
        return ApiError(status, "bad_parameter", "this is not a well-formed HTTP request")

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Without the traceback, and not as often as somebody likes."""
        error = kw.get("exc_info")
        _quiet.say(str(self.peername), f"{type(error).__name__}: {error}" if error else str(args[0] if args else ""))


class _Server(web_server.Server):
    """aiohttp's connection factory, with our handler."""

    doors = Doors()
    header_deadline = HEADER_DEADLINE
    answer_deadline = ANSWER_DEADLINE

    def __call__(self) -> web_protocol.RequestHandler:
        return Handler(
            self,
            doors=self.doors,
            header_deadline=self.header_deadline,
            answer_deadline=self.answer_deadline,
            loop=self._loop,
            **self._kwargs,
        )


class Runner(web.AppRunner):
    """Runs an application with the limits above; used like `web.AppRunner`, sites and all.

    `doors` bounds the connections, and may be shared by several runners; `shutdown_timeout` is how long `cleanup`
    waits for handlers that are still answering.
    """

    def __init__(
        self,
        app: web.Application,
        *,
        doors: Doors | None = None,
        header_deadline: float = HEADER_DEADLINE,
        answer_deadline: float = ANSWER_DEADLINE,
        keep_alive: float = KEEP_ALIVE,
        shutdown_timeout: float = 5.0,
    ) -> None:
        super().__init__(
            app,
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=keep_alive,
            max_line_size=_LINE,
            max_field_size=_LINE,
            max_headers=64,
            lingering_time=2.0,
            shutdown_timeout=shutdown_timeout,
        )
        self._doors = doors or Doors()
        self._header_deadline = header_deadline
        self._answer_deadline = answer_deadline

    async def _make_server(self) -> web_server.Server:
        plain = await super()._make_server()
        server = _Server(
            plain.request_handler,
            request_factory=plain.request_factory,
            handler_cancellation=plain.handler_cancellation,
            loop=plain._loop,
            **plain._kwargs,
        )
        server.doors = self._doors
        server.header_deadline = self._header_deadline
        server.answer_deadline = self._answer_deadline
        return server
