"""How a stream takes up again: the rules, without a socket or a clock.

A `Course` is told what comes in and how connections end; it says which position to ask for, what of it the reader is to
be told, and how long to wait before the next attempt.
"""

from __future__ import annotations

import random
from typing import Final

from orderflow_stream.client.errors import Lost
from orderflow_stream.client.events import Ended, Event, Hello, Retrying, decode, reason_of
from orderflow_stream.client.sse import Block

#: Seconds between attempts where the daemon has named none.
PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 30.0
#: A heartbeat is late after so many intervals.
LATE: Final = 2.5
#: Seconds between heartbeats until `hello` has said.
HEARTBEAT: Final = 2.0
#: Everybody waits as long as they were told, and a random part of this share longer.
_JITTER: Final = 0.25
#: What the daemon says before it ends a stream.
_ENDS: Final[frozenset[str]] = frozenset({"bye", "slow", "busy"})


class Course:
    """One stream over all its connections. `position` is the id of the last event read (empty before the first)."""

    def __init__(self, position: str = "", *, heartbeats: bool = False, rng: random.Random | None = None) -> None:
        """`position`: to resume from. `heartbeats`: pass them on to the reader."""
        self.position = position
        self.connected = False  # hello was heard on this connection
        self.ever = False
        self._asked = ""  # what this connection was asked to take up from
        self._heartbeats: Final = heartbeats
        self._interval = HEARTBEAT
        self._pause: float | None = None
        self._failures = 0
        self._rng: Final = rng or random.Random()

    @property
    def patience(self) -> float:
        """Seconds without any event after which a connection is dead. Its beginning may take longer than a quick
        heartbeat does."""
        return LATE * (self._interval if self.connected else max(self._interval, HEARTBEAT))

    def begin(self) -> dict[str, str]:
        """A connection is tried: its headers."""
        self.connected = False
        self._asked = self.position
        return {"Last-Event-ID": self.position} if self.position else {}

    def take(self, block: Block) -> tuple[list[Event | Lost], Retrying | None]:
        """What the reader is told of one event; and, where it ends the connection, how that goes on. Raises
        `BadAnswer`; the position has then passed the event, so that it does not come again."""
        self.position = block.id or self.position
        if block.retry is not None:
            self._pause = block.retry
        if block.name in _ENDS:
            reason: Ended = "bye" if block.name == "bye" else "slow" if block.name == "slow" else "busy"
            return [], self._after(reason, reason_of(block.name, block.data), self._pause or PAUSE)
        data = decode(block.name, block.data)
        if data is None or (block.name == "heartbeat" and not self._heartbeats):
            return [], None
        event = Event(block.name, self.position, data)
        if not isinstance(data, Hello):
            return [event], None
        self.connected = self.ever = True
        self._failures = 0
        self._interval = max(data.heartbeat_ms, 1) / 1_000
        if self._asked and not data.recovered:
            return [Lost(self._asked, self.position), event], None
        return [event], None

    def broken(self, reason: Ended, detail: str, *, at_least: float = 0.0) -> Retrying:
        """The connection ended without a word, or there was none. Each failure in a row doubles the pause."""
        self._failures += 1
        pause = max(self._pause or PAUSE, at_least) * 2.0 ** min(self._failures - 1, 10)
        return self._after(reason, detail, max(min(pause, LONGEST_PAUSE), at_least))

    def _after(self, reason: Ended, detail: str, pause: float) -> Retrying:
        self.connected = False
        return Retrying(reason=reason, detail=detail, pause=pause * (1 + self._rng.random() * _JITTER))
