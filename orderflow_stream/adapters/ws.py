"""One websocket to a venue, on the `websockets` client: frames out in the order and at the time they came in.

Frames are taken where the library hands them over, before its own queue: a frame then costs half, and what was read at
once is dealt with at once. The library sends no pings (they count against the venue's 5 frames a second, and a busy
loop makes them fail; the session asks for one where it is in doubt), no compression. Errors say what they are, whether
trying again helps, and what a person could do.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import ssl
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.client import ClientProtocol
from websockets.exceptions import (
    InvalidProxy,
    InvalidURI,
    WebSocketException,
)
from websockets.frames import Frame, Opcode
from websockets.protocol import Event, State
from websockets.proxy import get_proxy, parse_proxy
from websockets.uri import parse_uri

from orderflow_stream.adapters.dial_faults import DialError, classify
from orderflow_stream.adapters.resolve import Resolver, connect_tcp

__all__ = ["DialError", "Wire", "WireClosed", "classify", "dial", "proxy_of"]

MAX_FRAME: Final = 2**20
#: Frames waiting before we stop reading the socket.
_HIGH_WATER: Final = 1_024
#: One read brings up to 256 KiB, some 1,300 frames, and parsing them takes 5 ms: too long for one stretch of the loop.
_PIECE: Final = 32 * 1024
#: A peer that vanished is found by the session's ping within 3 s and replaced. This is for the socket left behind: it
#: may come back to life within 10 s and bring what it held, then the kernel gives it up.
_KEEPALIVE: Final = (("TCP_KEEPIDLE", 3), ("TCP_KEEPINTVL", 2), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 10_000))

# The library formats every frame for its log where the root logger is at DEBUG.
_quiet = logging.getLogger("orderflow_stream.websocket")
_quiet.setLevel(logging.WARNING)


class WireClosed(Exception):
    """The connection is over and every frame of it was read. `code` is 1006 where there was no closing handshake."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"closed with {code}{f' {reason!r}' if reason else ''}")
        self.code = code
        self.reason = reason


class Wire(ClientConnection):
    """An open connection. `bytes_in` counts all that comes, `whole` the complete frames of every kind, `pings` those of
    them that were answered by a pong; `waiting` frames are unread."""

    def __init__(self, protocol: ClientProtocol, *, now: Callable[[], int], **options: Any) -> None:
        super().__init__(protocol, **options)
        self._now = now
        self._inbox: deque[tuple[int, list[bytes]]] = deque()
        self._fresh: list[bytes] = []
        self._parts: bytearray | None = None
        self.waiting = 0
        self._reader: asyncio.Future[None] | None = None
        self._rest: deque[tuple[int, bytes]] = deque()  # read and not yet parsed, by time of the read
        self._parsing = False  # a turn of the loop is booked for it
        self._stopped_reading = False
        self._lost = False
        self.bytes_in = 0
        self.whole = 0
        self.pings = 0

    async def read(self) -> tuple[int, list[bytes]]:
        """The frames of the oldest read, and when it was (`now`'s unit). Does not suspend where frames wait.

        Raises `WireClosed` after the last one. One reader at a time.
        """
        while not self._inbox:
            if self._lost:
                raise self._end()
            self._reader = self.loop.create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        stamp, frames = self._inbox.popleft()
        self.waiting -= len(frames)
        self._go_on()
        return stamp, frames

    def _end(self) -> WireClosed:
        protocol = self.protocol
        if protocol.close_rcvd is not None:
            return WireClosed(int(protocol.close_rcvd.code), protocol.close_rcvd.reason)
        if protocol.close_sent is not None and isinstance(protocol.parser_exc, WebSocketException):
            return WireClosed(int(protocol.close_sent.code), f"we failed it: {protocol.parser_exc}")
        return WireClosed(1006, str(self.connection_exc or ""))

    def send_now(self, text: str) -> bool:
        """Queues one text frame; False where the connection is no longer open."""
        if self.protocol.state is not State.OPEN:
            return False
        self.protocol.send_text(text.encode())
        self.send_data()
        return True

    def ping_now(self) -> None:
        """Queues one ping with no payload; the pong shows in `whole`."""
        if self.protocol.state is State.OPEN:
            self.protocol.send_ping(b"")
            self.send_data()

    def close_soon(self, code: int = 1000, timeout: float = 1.0) -> None:
        """Begins the closing handshake; after `timeout` seconds the socket is dropped in any case."""
        if self._lost:
            return
        if self.protocol.state is State.OPEN:
            self.protocol.send_close(code)
            self.send_data()
        self.loop.call_later(timeout, self.transport.abort)

    # -- the library's side ------------------------------------------------------------------------------------------

    def process_event(self, event: Event) -> None:
        if self.response is None or not isinstance(event, Frame):
            super().process_event(event)
            return
        opcode = event.opcode
        self.whole += 1
        if opcode is Opcode.CONT:
            if self._parts is not None:
                self._parts += event.data
                if event.fin:
                    self._fresh.append(bytes(self._parts))
                    self._parts = None
        elif opcode is Opcode.TEXT or opcode is Opcode.BINARY:
            if event.fin:
                self._fresh.append(bytes(event.data))  # no copy where it is bytes already
            else:
                self._parts = bytearray(event.data)
        else:
            if opcode is Opcode.PING:
                self.pings += 1  # the protocol has answered it already
            super().process_event(event)

    def data_received(self, data: bytes) -> None:
        self.bytes_in += len(data)
        stamp = self._now()
        if not self._rest and len(data) <= _PIECE:
            self._parse(stamp, data)
        else:
            self._rest.extend((stamp, data[at : at + _PIECE]) for at in range(0, len(data), _PIECE))
        if (self._rest or self.waiting > _HIGH_WATER) and not self._stopped_reading:
            self._stopped_reading = True
            self.transport.pause_reading()
        self._go_on()

    def _parse(self, stamp: int, data: bytes) -> None:
        super().data_received(data)
        if self._fresh:
            self._inbox.append((stamp, self._fresh))
            self.waiting += len(self._fresh)
            self._fresh = []
            self._wake()

    def _go_on(self) -> None:
        """Book the next piece, or let the socket be read again, as far as the reader has room."""
        if self._rest:
            if not self._parsing and self.waiting <= _HIGH_WATER:
                self._parsing = True
                self.loop.call_soon(self._parse_piece)
        elif self._stopped_reading and self.waiting < _HIGH_WATER // 4 and not self.transport.is_closing():
            self._stopped_reading = False
            self.transport.resume_reading()

    def _parse_piece(self) -> None:
        self._parsing = False
        if self._rest:
            self._parse(*self._rest.popleft())
            self._go_on()

    def _parse_rest(self) -> None:
        while self._rest:
            self._parse(*self._rest.popleft())

    def eof_received(self) -> None:
        self._parse_rest()
        super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._parse_rest()
        self._lost = True
        super().connection_lost(exc)
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)


async def dial(
    url: str,
    *,
    now: Callable[[], int],
    tls: ssl.SSLContext | None = None,
    open_timeout: float = 10.0,
    close_timeout: float = 1.0,
    max_size: int = MAX_FRAME,
    resolver: Resolver | None = None,
) -> Wire:
    """Opens one connection. `now` stamps what is read; `tls` is used for `wss` only (None: the system's certificates).

    Through the proxy that the environment names, if any, but never to this very machine; else to the addresses that
    `resolver` finds. All of it within `open_timeout` seconds. Raises `DialError`.
    """
    options: dict[str, Any] = {"ssl": tls} if tls is not None and url.startswith("wss:") else {}
    host, proxy = "?", proxy_of(url)
    try:
        uri = parse_uri(url)
        host = uri.host
        async with asyncio.timeout(open_timeout):
            if proxy is None:
                addresses = await (resolver or Resolver()).resolve(host, uri.port)
                options["sock"] = await connect_tcp(addresses)
            connection = await connect(
                url,
                create_connection=partial(Wire, now=now),  # type: ignore[arg-type]  # any callable will do
                compression=None,
                ping_interval=None,
                open_timeout=None,
                close_timeout=close_timeout,
                max_size=max_size,
                proxy=None if proxy is None else True,
                logger=_quiet,
                **options,
            )
    except (OSError, WebSocketException, EOFError, ValueError, ImportError) as error:
        if "sock" in options:
            options["sock"].close()
        raise classify(error, host, proxy) from error
    except BaseException:
        if "sock" in options:
            options["sock"].close()
        raise
    assert isinstance(connection, Wire)
    _keep_alive(connection.transport.get_extra_info("socket"))
    return connection


def proxy_of(url: str) -> str | None:
    """`host:port` of the proxy that `dial` would use for `url`, without credentials; None for a direct connection."""
    try:
        uri = parse_uri(url)
        proxy = None if _is_local(uri.host) else get_proxy(uri)
        if proxy is None:
            return None
        parsed = parse_proxy(proxy)
    except (InvalidURI, InvalidProxy, ValueError):
        return None
    return f"{parsed.host}:{parsed.port}"


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _keep_alive(sock: Any) -> None:
    if sock is None or sock.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEPALIVE:  # not every platform has every one
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
