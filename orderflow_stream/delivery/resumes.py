"""Where a stream that comes back may take up again, and who has to come back because it may not any longer."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from orderflow_stream.delivery.client import Client
from orderflow_stream.delivery.ring import Entry, EventLog, Memory, Scope
from orderflow_stream.delivery.roster import Roster
from orderflow_stream.delivery.sse import Position, parse_position


class Resumes:
    """Judges positions by the event log, and by what their address was sent under which filter."""

    __slots__ = ("_log", "_memory", "_roster")

    def __init__(self, log: EventLog, roster: Roster) -> None:
        self._log: Final = log
        self._roster: Final = roster
        self._memory: Final = Memory()

    def find(
        self, scope: Scope, remote: str, last_event_id: str | None, now: float
    ) -> tuple[Position | None, list[Entry]]:
        """Where the stream may take up again and what has happened since; None where it cannot."""
        position = parse_position(last_event_id) if last_event_id is not None else None
        if position is None or position.epoch != self._log.epoch:
            return None, []
        # Under which filter a process before this one sent a position is not remembered: another stream of that
        # address, which was resumed from an older one, says nothing of it.
        if position.seq > self._log.began:
            sent = self._memory.scopes(remote, position.seq, now)
            sent += [one.group.scope for one in self._roster.of(remote) if one.first <= position.seq <= one.written]
            if sent and not any(other.covers(scope) for other in sent):
                return None, []
        entries = self._log.since(position, scope)
        return (None, []) if entries is None else (position, entries)

    def remember(self, client: Client, now: float) -> None:
        """A stream has ended."""
        self._memory.add(client.remote, client.group.remembered(), client.first, client.written, now)

    def lack(self, keys: Collection[str]) -> list[Client]:
        """Of these instruments something happened that the event log does not have; the streams that were resumed from
        before this process began and hear of one."""
        for key in keys:
            self._log.lack(key)
        return [
            client
            for client in self._roster.live()
            if client.first < self._log.began and any(key in client.group.instruments for key in keys)
        ]
