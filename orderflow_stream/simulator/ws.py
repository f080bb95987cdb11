"""The websocket doors: `/ws`, `/ws/<names>` and `/stream?streams=`, under the paths of the market, with the exchange's
limits and its pings."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from aiohttp import WSMsgType, web

from orderflow_stream.simulator import control
from orderflow_stream.simulator.connection import Connection
from orderflow_stream.simulator.facts import Facts, StreamLimits
from orderflow_stream.simulator.faults import Faults
from orderflow_stream.simulator.frames import ping_frame, pong_frame, text_frame
from orderflow_stream.simulator.hub import Hub
from orderflow_stream.simulator.reset import reset

_CLOSE_TIMEOUT_S: Final = 2.0
_COUNTED: Final = {WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.PING, WSMsgType.PONG}

__all__ = ["StreamLimits", "StreamServer"]


class _AiohttpSocket:
    """Raw frames onto an upgraded aiohttp connection: one write for many frames that are cut already."""

    def __init__(self, websocket: web.WebSocketResponse, request: web.Request) -> None:
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client left during the handshake")
        self._websocket = websocket
        self._transport = transport
        self._protocol = request.protocol
        # Paused as soon as anything is left in user space: `flush` then means "the kernel has it".
        transport.set_write_buffer_limits(high=0)

    def write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    async def flush(self) -> None:
        with suppress(ConnectionError):  # the reader sees the end of the connection and says so
            await self._protocol._drain_helper()  # aiohttp has no public one for raw writes

    def abort(self) -> None:
        reset(self._transport)

    async def close(self, code: int, reason: str) -> None:
        await self._websocket.close(code=code, message=reason.encode())


_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class StreamServer:
    """Accepts stream connections and runs each of them."""

    def __init__(self, hub: Hub, faults: Faults, facts: Facts, limits: StreamLimits, now: Callable[[], float]) -> None:
        self.facts = facts
        self.hub = hub
        self.faults = faults
        self.limits = limits
        self._now = now
        #: Every connection attempt, refused ones too.
        self.attempts = 0
        self._recent: deque[float] = deque()

    def routes(self) -> list[web.RouteDef]:
        routes: list[web.RouteDef] = []
        for prefix in (*self.facts.streams, *self.facts.silent):
            bare, wrapped = self._ws(f"{prefix}/ws"), self._stream(f"{prefix}/stream")
            routes += [
                web.get(f"{prefix}/ws", bare),
                web.get(f"{prefix}/ws/{{names:.*}}", bare),
                web.get(f"{prefix}/stream", wrapped),
            ]
        return routes

    def _ws(self, door: str) -> _Handler:
        async def serve(request: web.Request) -> web.StreamResponse:
            return await self._serve(request, request.match_info.get("names", ""), door, combined=False)

        return serve

    def _stream(self, door: str) -> _Handler:
        async def serve(request: web.Request) -> web.StreamResponse:
            return await self._serve(request, request.query.get("streams", ""), door, combined=True)

        return serve

    async def _serve(self, request: web.Request, joined: str, door: str, *, combined: bool) -> web.StreamResponse:
        refusal = self._refusal(request, names := [name for name in joined.split("/") if name])
        if refusal is not None:
            return refusal
        websocket = web.WebSocketResponse(
            autoping=False, compress=False, timeout=_CLOSE_TIMEOUT_S, max_msg_size=2**20
        )  # fmt: skip
        await websocket.prepare(request)
        connection = Connection(
            len(self.hub.connections),
            _AiohttpSocket(websocket, request),
            opened=self.hub.clock(),
            combined=combined,
            divisor=self._divisor(request) or 1000,
            on_change=self.hub.on_change,
            max_queued=self.limits.max_queued,
            door=door,
        )
        self.hub.connections.append(connection)
        connection.subscribe(names)
        helpers = [
            asyncio.create_task(connection.write_forever()),
            asyncio.create_task(self._ping_forever(connection)),
            asyncio.create_task(self._end_of_life(connection)),
        ]
        try:
            await self._read(websocket, connection)
        finally:
            connection.closed(websocket.close_code or 1006, "the client left")
            for task in helpers:
                task.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
        return websocket

    def _refusal(self, request: web.Request, names: list[str]) -> web.Response | None:
        self.attempts += 1
        now = self._now()
        while self._recent and self._recent[0] <= now - 300:
            self._recent.popleft()
        self._recent.append(now)
        if self.faults.refuses():
            return web.Response(status=self.faults.refuse_status)
        if len(self._recent) > self.limits.max_attempts:
            return web.Response(status=429, headers={"Retry-After": "300"})
        if len(names) > self.limits.max_streams or self._divisor(request) is None:
            return web.Response(status=400)
        return None

    def _divisor(self, request: web.Request) -> int | None:
        """What times are divided by; None where the unit asked for is none."""
        if self.facts.units is None:
            return 1000
        return self.facts.units.get(request.query.get("timeUnit", "millisecond").lower())

    async def _read(self, websocket: web.WebSocketResponse, connection: Connection) -> None:
        recent: deque[float] = deque()
        while True:
            message = await websocket.receive()
            if message.type not in _COUNTED:
                return
            connection.frames_in += 1
            now = self._now()
            while recent and recent[0] <= now - 1.0:
                recent.popleft()
            recent.append(now)
            if len(recent) > self.limits.frames_per_second:
                await connection.close(1008, "Too many requests")
                return
            if message.type is WSMsgType.TEXT:
                self._answer(message.data, connection)
            elif message.type is WSMsgType.PING:
                connection.send(pong_frame(bytes(message.data)))
            elif message.type is WSMsgType.PONG and bytes(message.data) == connection.ping_payload:
                connection.pongs += 1
                connection.last_pong = now

    def _answer(self, text: str, connection: Connection) -> None:
        connection.control.append(text)
        if len(text.encode()) > self.limits.max_control_bytes:
            return
        connection.send(text_frame(control.answer(text, connection, self.limits.max_streams)))

    async def _ping_forever(self, connection: Connection) -> None:
        connection.last_pong = self._now()
        while True:
            await asyncio.sleep(self.limits.ping_interval)
            if self._now() - connection.last_pong > self.limits.pong_timeout:
                await connection.close(1008, "Pong timeout")
                return
            connection.ping_payload = str(self.hub.clock() // 1000).encode()
            connection.send(ping_frame(connection.ping_payload))

    async def _end_of_life(self, connection: Connection) -> None:
        await asyncio.sleep(self.limits.max_lifetime)
        await connection.close(1001, "24 hours are over")

    async def close(self) -> None:
        """End every connection as a server that goes down does."""
        await asyncio.gather(*(connection.close(1001, "going away") for connection in self.hub.open))
