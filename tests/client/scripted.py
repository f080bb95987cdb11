"""A server that does on each connection what the test says: for everything that a real daemon does too seldom."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import orjson

EPOCH = "ABCD2345"


class Connection:
    """One request, and what is answered."""

    def __init__(self, path: str, headers: dict[str, str], writer: asyncio.StreamWriter) -> None:
        self.path = path
        self.headers = headers
        self.writer = writer

    @property
    def resumed(self) -> str | None:
        """Where it asks to be taken up."""
        return self.headers.get("last-event-id")

    async def head(self, status: str = "200 OK", kind: str = "text/event-stream", **headers: str) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self.send("\r\n".join(lines) + "\r\n\r\n")

    async def send(self, data: str | bytes) -> None:
        self.writer.write(data.encode() if isinstance(data, str) else data)
        await self.writer.drain()

    async def hello(
        self,
        seq: int,
        *,
        recovered: bool = False,
        heartbeat_ms: int = 60_000,
        retry: int | None = 1,
        epoch: str = EPOCH,
    ) -> None:
        """The head and the first event."""
        await self.head()
        data = {
            "epoch": epoch,
            "seq": seq,
            "recovered": recovered,
            "resumed_from": self.resumed if recovered else None,
            "server_time": 1,
            "heartbeat_ms": heartbeat_ms,
        }
        await self.event("hello", seq, data, retry=retry, epoch=epoch)

    async def event(self, name: str, seq: int, data: object, *, retry: int | None = None, epoch: str = EPOCH) -> None:
        await self.send(block(name, seq, data, retry=retry, epoch=epoch))

    async def large(self, seq: int, id_: int) -> None:
        await self.event("large", seq, large(id_))

    async def json(self, status: str, body: object, **headers: str) -> None:
        data = orjson.dumps(body)
        await self.head(status, "application/json", Content_Length=str(len(data)), **headers)
        await self.send(data)

    async def fail(self, status: str, code: str, message: str = "no", param: str | None = None, **headers: str) -> None:
        await self.json(status, failure(code, message, param), **headers)

    def cut(self) -> None:
        """End it without a word."""
        self.writer.transport.abort()


def block(name: str, seq: int, data: object, *, retry: int | None = None, epoch: str = EPOCH) -> bytes:
    pause = "" if retry is None else f"retry: {retry}\n"
    return f"event: {name}\nid: {epoch}-{seq}\n{pause}data: ".encode() + orjson.dumps(data) + b"\n\n"


def large(id_: int) -> dict[str, object]:
    return {
        "symbol": "BTCUSDT",
        "group": "row",
        "id": id_,
        "qty": "2",
        "side": "buy",
        "time": 1,
        "price": "60000.1",
        "notional_usd": "120000.2",
        "late": False,
    }


def failure(code: str, message: str = "no", param: str | None = None) -> dict[str, object]:
    return {
        "data": None,
        "meta": {"timestamp": "2026-01-01T00:00:00.000Z", "request_id": "abc"},
        "status": "error",
        "message": message,
        "error": {"code": code, "param": param},
        "success": False,
    }


def success(data: object) -> dict[str, object]:
    meta = {"timestamp": "2026-01-01T00:00:00.000Z", "request_id": "abc"}
    return {"data": data, "meta": meta, "status": "ok", "message": "fine", "success": True}


Step = Callable[[Connection], Awaitable[None]]


class Server:
    """`asked` are the requests so far; `script` is what each gets, the last step all that come after it."""

    def __init__(self, script: list[Step]) -> None:
        self.asked: list[Connection] = []
        self.script = script
        self.url = ""
        self.over = asyncio.Event()
        self._open: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            line, *rest = head.split("\r\n")[:-2]
            headers = {name.lower(): value for name, _, value in (each.partition(": ") for each in rest)}
            connection = Connection(line.split(" ")[1], headers, writer)
            step = self.script[min(len(self.asked), len(self.script) - 1)]
            self.asked.append(connection)
            await step(connection)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has left, which is its right
        finally:
            writer.close()
            self._open.discard(task)

    async def hold(self, connection: Connection) -> None:
        """Say nothing more until the test is over."""
        await self.over.wait()

    async def close(self) -> None:
        self.over.set()
        await asyncio.wait_for(asyncio.gather(*self._open, return_exceptions=True), 10)


@asynccontextmanager
async def serving(*script: Step) -> AsyncIterator[Server]:
    """A server on a free port that goes by this script."""
    made = Server(list(script))
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
        await made.close()
        await server.wait_closed()
