"""A client of `/v1/stream` on a real socket, which leaves and comes back by the id of the last event it has seen."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, NamedTuple

import aiohttp

from tests.reference.oracle import load_json


class Event(NamedTuple):
    """One event; `data` with every number exact."""

    topic: str
    id: str
    data: Any


class Listener:
    """Everything that came, over all connections, in the order of its arrival."""

    def __init__(self, session: aiohttp.ClientSession, url: str, **query: object) -> None:
        self._session = session
        self._url = url
        self._query = {name: str(value) for name, value in query.items()}
        self._task: asyncio.Task[None] | None = None
        self._response: aiohttp.ClientResponse | None = None
        self.events: list[Event] = []
        self.connects = 0

    def of(self, *topics: str) -> list[Any]:
        """The data of all events of these topics."""
        return [event.data for event in self.events if event.topic in topics]

    async def connect(self) -> None:
        """Open the stream, from the last id on where there is one; returns when it has begun."""
        headers = {"Accept": "text/event-stream"}
        if self.events:
            headers["Last-Event-ID"] = self.events[-1].id
        response = await self._session.get(
            self._url + "/v1/stream", params=self._query, headers=headers, timeout=aiohttp.ClientTimeout(total=None)
        )
        assert response.status == 200, await response.read()
        self.connects += 1
        self._response = response
        self._task = asyncio.create_task(self._read(response))

    async def leave(self) -> None:
        """Drop the connection without a word, wherever it is."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._response is not None:
            self._response.close()

    async def _read(self, response: aiohttp.ClientResponse) -> None:
        fields: dict[str, str] = {}
        async for raw in response.content:
            line = raw.decode().rstrip("\n")
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif fields:
                self.events.append(Event(fields["event"], fields["id"], load_json(fields["data"])))
                fields = {}
