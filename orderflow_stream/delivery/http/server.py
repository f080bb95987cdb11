"""The server under the application: deadlines for slow senders, and failures of the parser in the envelope.

aiohttp itself waits for ever for the end of a request's headers, keeps idle connections for an hour, and logs a
traceback for every malformed request; all three are ways to wear a daemon out.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any, Final

from aiohttp import web, web_protocol, web_server

from orderflow_stream.delivery.http.envelope import failure, request_id
from orderflow_stream.delivery.http.errors import ApiError, clean
from orderflow_stream.delivery.http.guard import API_CSP

HEADER_DEADLINE: Final = 10.0
KEEP_ALIVE: Final = 75.0
_LINE: Final = 8190
_LOG_EVERY: Final = 10.0

_log = logging.getLogger("orderflow_stream.http")


class _Quiet:
    """At most one line in ten seconds about malformed requests, with the number of those it stands for."""

    def __init__(self) -> None:
        self._next = 0.0
        self._held = 0

    def say(self, peer: str, reason: str) -> None:
        now = time.monotonic()
        if now < self._next:
            self._held += 1
            return
        more = f" (and {self._held} more since the last such line)" if self._held else ""
        _log.warning("malformed request from %s: %s%s", peer, clean(reason), more)
        self._next, self._held = now + _LOG_EVERY, 0


_quiet = _Quiet()


class Handler(web_protocol.RequestHandler):
    """One connection: the headers of a request must be complete within a deadline of their first byte (for the first
    request, of the connection itself)."""

    __slots__ = ("_deadline", "_headers_due")

    def __init__(self, manager: web_server.Server, *, header_deadline: float, **kwargs: Any) -> None:
        super().__init__(manager, **kwargs)
        self._headers_due = header_deadline
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        before = self._request_count
        super().data_received(data)
        if self._request_count > before:
            self._disarm()
        elif data and self._deadline is None and self._waiter is not None and not self._waiter.done():
            self._arm()  # the first bytes of a further request on this connection

    def _arm(self) -> None:
        self._deadline = self._loop.call_later(self._headers_due, self._expire)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _expire(self) -> None:
        self._deadline = None
        self.force_close()

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
        if status >= 500:
            error = ApiError(status, "internal_error", "the daemon failed to answer this; its log says why")
        elif type(exc).__name__ == "LineTooLong":
            error = ApiError(status, "bad_parameter", f"the request line or a header is longer than {_LINE} bytes")
        else:
            error = ApiError(status, "bad_parameter", "this is not a well-formed HTTP request")
        response = failure(time.time_ns() // 1000, request_id(None), error)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Content-Security-Policy"] = API_CSP
        response.headers["Server"] = "orderflow-stream"
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Without the traceback, and not as often as somebody likes."""
        error = kw.get("exc_info")
        _quiet.say(str(self.peername), f"{type(error).__name__}: {error}" if error else str(args[0] if args else ""))


class _Server(web_server.Server):
    """aiohttp's connection factory, with our handler."""

    header_deadline = HEADER_DEADLINE

    def __call__(self) -> web_protocol.RequestHandler:
        return Handler(self, header_deadline=self.header_deadline, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """Runs an application with the limits above; used like `web.AppRunner`, sites and all.

    `shutdown_timeout` is how long `cleanup` waits for handlers that are still answering.
    """

    def __init__(
        self,
        app: web.Application,
        *,
        header_deadline: float = HEADER_DEADLINE,
        keep_alive: float = KEEP_ALIVE,
        shutdown_timeout: float = 5.0,
    ) -> None:
        super().__init__(
            app,
            access_log=None,
            keepalive_timeout=keep_alive,
            max_line_size=_LINE,
            max_field_size=_LINE,
            max_headers=64,
            lingering_time=2.0,
            shutdown_timeout=shutdown_timeout,
        )
        self._header_deadline = header_deadline

    async def _make_server(self) -> web_server.Server:
        plain = await super()._make_server()
        server = _Server(
            plain.request_handler,
            request_factory=plain.request_factory,
            handler_cancellation=plain.handler_cancellation,
            loop=plain._loop,
            **plain._kwargs,
        )
        server.header_deadline = self._header_deadline
        return server
