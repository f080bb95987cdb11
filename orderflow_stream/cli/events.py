"""Server-sent events as a client reads them."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from typing import NamedTuple


class Event(NamedTuple):
    """One event: `data` is its JSON as sent, `retry` the pause in seconds that the stream last asked for (0: none)."""

    name: str
    id: str
    data: str
    retry: float


async def events(lines: AsyncIterable[bytes]) -> AsyncIterator[Event]:
    """The events of a stream of lines. One that the end of the stream cuts off is dropped, as the standard says."""
    name = id_ = data = ""
    retry = 0.0
    async for raw in lines:
        line = raw.decode().rstrip("\r\n")
        if not line:
            if data:
                yield Event(name or "message", id_, data, retry)
            name, data = "", ""
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "id":
            id_ = value
        elif field == "data":
            data = f"{data}\n{value}" if data else value
        elif field == "retry" and value.isascii() and value.isdecimal():
            retry = int(value) / 1000
