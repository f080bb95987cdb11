"""One connection of the stream as the hub sees it: what it asked for, what it was sent, what still waits for it."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Protocol

from orderflow_stream.delivery.mailbox import Mailbox
from orderflow_stream.delivery.ring import Entry, Scope
from orderflow_stream.delivery.sse import Frame
from orderflow_stream.delivery.topics import Filter


class Sink(Protocol):
    """Where a client's bytes go. Nothing here waits."""

    @property
    def buffered(self) -> int:
        """Bytes written that the peer's system has not taken yet."""

    @property
    def closing(self) -> bool:
        """Whether the connection is gone or going."""

    @property
    def lost(self) -> str:
        """How the connection was lost: `gone`, or `timeout` where the peer had not taken anything for too long."""

    def write(self, frames: Sequence[Frame]) -> None:
        """Send these events, as one write."""

    def end(self) -> None:
        """The last event was written: end the response properly."""

    def abort(self) -> None:
        """Cut the connection."""


class Group:
    """All clients with the same filter: they are sent the same events. `instruments` grows where a pattern is."""

    __slots__ = ("_frozen", "clients", "filter", "instruments", "scope")

    def __init__(self, filter_: Filter, instruments: set[str]) -> None:
        self.filter = filter_
        self.instruments = instruments
        self.scope = filter_.scope(instruments)
        self.clients: dict[Client, None] = {}
        self._frozen: Scope | None = None

    def changed(self) -> None:
        """`instruments` has changed."""
        self._frozen = None

    def remembered(self) -> Scope:
        """The scope as it is now, which no later change of the group touches."""
        if self._frozen is None:
            self._frozen = self.filter.scope(frozenset(self.instruments))
        return self._frozen


class Client:
    """One open stream.

    `first` is the position it began at; log events up to `start` are not live for it; `position` is that up to which
    its mailbox has everything, `written` that up to which its connection has. At most `most_backlog` events may wait
    behind a replay. It began at `born` (the loop's clock), and lives `span` times as long as streams do on average.
    """

    __slots__ = (
        "backlog",
        "born",
        "ended",
        "first",
        "group",
        "mailbox",
        "most_backlog",
        "moved",
        "poll_at",
        "position",
        "queued",
        "remote",
        "shown",
        "sink",
        "snapshot",
        "span",
        "start",
        "written",
    )

    def __init__(
        self, group: Group, sink: Sink, remote: str, mailbox: Mailbox, *, first: int, start: int, most_backlog: int
    ) -> None:
        self.group = group
        self.sink = sink
        self.remote = remote
        self.mailbox = mailbox
        self.first = self.position = self.written = first
        self.start = start
        self.most_backlog = most_backlog
        self.backlog: deque[Entry] = deque()  # what is to be replayed, and what came meanwhile
        self.snapshot: OrderedDict[str, None] = OrderedDict()  # instruments whose first `flow` is still to come
        self.shown: dict[str, int] = {}  # versions of `flow` that it was shown between two that all are told
        self.born, self.span = 0.0, 1.0
        self.queued = False
        self.ended: str | None = None
        self.moved = 0.0  # when something last went out
        self.poll_at = 0.0

    def push_log(self, entry: Entry, frame: Frame, now: float) -> bool:
        """A log event for this client; true where its mailbox has grown."""
        if entry.seq <= self.start or self.ended is not None:
            return False
        if self.backlog:
            self.backlog.append(entry)
            return False
        self.mailbox.put_log(frame, now)
        self.position = entry.seq
        return True

    def push_state(self, key: str, frame: Frame) -> bool:
        """A state event for this client; true where its mailbox has grown.

        While a replay is going on it stays away, for its id would run ahead; the snapshot follows the replay.
        """
        if self.ended is not None or self.backlog:
            return False
        if key in self.snapshot:  # this is newer, and its first of that instrument
            del self.snapshot[key]
            frame = frame.missing(0)
        elif self.shown and (shown := self.shown.pop(key, None)) is not None:
            frame = frame.missing(max(0, frame.version - shown - 1))
        if frame.seq < self.position:
            frame = frame.at(self.position)
        else:
            self.position = frame.seq
        self.mailbox.put_state(key, frame)
        return True

    def push_beat(self, frame: Frame) -> bool:
        """A heartbeat: also during a replay, under the position that the replay has come to."""
        if self.ended is not None:
            return False
        if self.backlog:
            self.mailbox.put_state("heartbeat", frame.at(self.position))
            return True
        return self.push_state("heartbeat", frame)

    @property
    def waiting(self) -> bool:
        """Whether anything is still to be sent."""
        return bool(self.mailbox) or bool(self.backlog) or bool(self.snapshot)
