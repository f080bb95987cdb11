"""Who is connected: all open streams, by address too, and what became of those that were."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import Final

from orderflow_stream.delivery.client import Client
from orderflow_stream.delivery.limits import Limits


class Roster:
    """`open` also has those that have ended and whose response is not over yet; `clients` counts the others.
    `aborted` and `refused` count by reason and only grow."""

    __slots__ = ("_left", "_remotes", "aborted", "clients", "open", "refused")

    def __init__(self) -> None:
        self.open: Final[dict[Client, None]] = {}
        self.aborted: Final[Counter[str]] = Counter()
        self.refused: Final[Counter[str]] = Counter()
        self.clients = 0
        self._remotes: Final[dict[str, dict[Client, None]]] = {}
        self._left: Final = asyncio.Event()

    def full(self, remote: str, limits: Limits) -> str | None:
        """Why one more of that address is too many; None where it is not."""
        if self.clients >= limits.max_clients:
            return "max_clients"
        if len(self._remotes.get(remote, ())) >= limits.max_clients_per_ip:
            return "max_clients_per_ip"
        return None

    def of(self, remote: str) -> Iterable[Client]:
        """The streams of one address."""
        return self._remotes.get(remote, ())

    def live(self) -> list[Client]:
        """All that have not ended."""
        return [client for client in self.open if client.ended is None]

    def add(self, client: Client) -> None:
        self.open[client] = None
        self._remotes.setdefault(client.remote, {})[client] = None
        self.clients += 1

    def ended(self, client: Client, reason: str) -> None:
        """It counts no longer; its response may not be over yet."""
        client.ended = reason
        self.aborted[reason] += 1
        self.clients -= 1
        mine = self._remotes[client.remote]
        del mine[client]
        if not mine:
            del self._remotes[client.remote]

    def over(self, client: Client) -> None:
        """Its response is over."""
        self.open.pop(client, None)
        self._left.set()

    async def empty(self) -> None:
        """Wait until every response is over."""
        while self.open:
            self._left.clear()
            await self._left.wait()
