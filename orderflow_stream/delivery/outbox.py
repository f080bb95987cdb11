"""The turns in which the hub works: deliveries in order, then writes, a few milliseconds at a time.

Log and state events share one queue of deliveries, so that the id of a state event never runs ahead of a log event
that a client has not been sent. Clients are written to in turn; one whose transport is full is looked at again later,
soon at first and then seldom, and ended when it keeps too much waiting or too long.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

from orderflow_stream.delivery.client import Client
from orderflow_stream.delivery.sse import Frame

#: Bytes that a transport may hold unsent; more waits in the mailbox.
HIGH_WATER: Final = 65_536
#: Seconds between two looks at a client whose transport is full.
POLL: Final = 0.02
POLL_MOST: Final = 0.25
#: Steps of work between two looks at the clock.
_STRIDE: Final = 16


class Handle(Protocol):
    def cancel(self) -> None:
        """It is not to be called any more."""


class Scheduler(Protocol):
    """The event loop, as far as delivery needs it."""

    def time(self) -> float:
        """Seconds on the loop's clock."""

    def call_soon(self, callback: Callable[[], None], /) -> object:
        """Call in the next turn."""

    def call_at(self, when: float, callback: Callable[[], None], /) -> Handle:
        """Call at that time."""


class Source(Protocol):
    """Where the events come from."""

    def states(self, until: Callable[[], bool]) -> float | None:
        """Queue the states that may be told now, until that says stop; when to come again, None: not by itself."""

    def refill(self, client: Client, room: int) -> bool:
        """Put what the client still has to get (replay, snapshot) into its empty mailbox; false: there is nothing."""


class Owner(Protocol):
    """Who ends clients."""

    def gone(self, client: Client) -> None:
        """Its connection is closed."""

    def slow(self, client: Client, reason: str) -> None:
        """It cannot keep up."""

    def behind(self) -> None:
        """We cannot keep up ourselves: more waits to be delivered than may."""


class Outbox:
    """Queues and turns. `written` counts events by topic."""

    def __init__(
        self,
        source: Source,
        owner: Owner,
        loop: Scheduler,
        elapsed: Callable[[], float],
        piece: float,
        stall: float,
        most: int = 1 << 20,
    ) -> None:
        """`elapsed` measures work in seconds, `piece` is how long one turn may take of them; `stall` is how long a
        client may take nothing (seconds on the loop's clock); at most `most` log events wait to be delivered."""
        self.written: Counter[str] = Counter()
        self._source: Final = source
        self._owner: Final = owner
        self._loop: Final = loop
        self._elapsed: Final = elapsed
        self.piece = piece
        self.stall = stall
        self.most = most
        self._deliveries: deque[tuple[int | None, Iterator[None]]] = deque()
        self._undelivered: deque[int] = deque()
        self._flushes: deque[Client] = deque()
        self._blocked: dict[Client, None] = {}
        self._awake = False
        self._polling = False
        self._alarm: tuple[float, Handle] | None = None

    def deliver(self, steps: Iterator[None], seq: int | None = None) -> None:
        """Queue a delivery, worked off step by step; `seq` where it is that of a log event."""
        if seq is not None:
            if len(self._undelivered) >= self.most:
                # What has waited for so long would be replayed from the log just as well: memory is not for it.
                self._deliveries.clear()
                self._undelivered.clear()
                self._owner.behind()
            self._undelivered.append(seq)
        self._deliveries.append((seq, steps))
        self.wake()

    def delivered(self, seq: int) -> int:
        """The position up to which every log event has reached the mailboxes; `seq` is the log's newest."""
        return self._undelivered[0] - 1 if self._undelivered else seq

    def mark(self, client: Client) -> None:
        """There is something for this client."""
        if not client.queued:
            client.queued = True
            self._flushes.append(client)
            self.wake()

    def wake(self) -> None:
        """Work in the next turn of the loop."""
        if not self._awake:
            self._awake = True
            self._loop.call_soon(self._turn)

    def forget(self, client: Client) -> None:
        """It has ended."""
        self._blocked.pop(client, None)

    def blocked(self, client: Client) -> bool:
        """Whether its transport is full."""
        return client in self._blocked

    def send(self, client: Client, frames: Sequence[Frame]) -> None:
        """Write events to a client, as one write."""
        client.sink.write(frames)
        client.written = frames[-1].seq
        client.moved = self._loop.time()
        for frame in frames:
            self.written[frame.topic] += 1

    # -- turns ----------------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        self._awake = False
        began = self._elapsed()
        stop = began + self.piece / 2
        self._work(stop)
        due = self._source.states(lambda: self._elapsed() >= stop)
        self._work(stop)
        self._write(began + self.piece)
        if self._deliveries or self._flushes:
            self.wake()
        if due is not None:
            self._set_alarm(due)

    def _work(self, stop: float) -> None:
        """Deliver, until the queue is empty or the time is up."""
        steps = 0
        while self._deliveries:
            seq, delivery = self._deliveries[0]
            for _ in delivery:
                steps += 1
                if not steps % _STRIDE and self._elapsed() >= stop:
                    return
            self._deliveries.popleft()
            if seq is not None:
                self._undelivered.popleft()
            if self._elapsed() >= stop:
                return

    def _write(self, stop: float) -> None:
        while self._flushes:
            client = self._flushes.popleft()
            client.queued = False
            if client.ended is None:
                self._flush(client, stop)
            if self._elapsed() >= stop:
                return

    def _flush(self, client: Client, stop: float) -> None:
        """Write to one client what waits for it, as far as its transport takes it."""
        sink = client.sink
        if sink.closing:
            self._owner.gone(client)
            return
        while client.waiting:
            room = HIGH_WATER - sink.buffered
            if room <= 0:
                self._block(client)
                return
            if not client.mailbox and not self._source.refill(client, room):
                break
            if client.mailbox:
                self.send(client, client.mailbox.take(room))
            if self._elapsed() >= stop and client.waiting:
                self.mark(client)
                return
        self._blocked.pop(client, None)

    # -- clients that do not read ---------------------------------------------------------------------------------

    def _block(self, client: Client) -> None:
        now = self._loop.time()
        reason: str | None = client.mailbox.slow(now, client.sink.buffered)
        if reason is None and client.backlog:  # a replay may be long: what counts is that it moves
            if now - client.moved > client.mailbox.patience:
                reason = "age"
            elif len(client.backlog) > client.most_backlog:
                reason = "bytes"
        if reason is None and now - client.moved > self.stall:
            reason = "stall"
        if reason is not None:
            self._owner.slow(client, reason)
            return
        client.queued = True  # it is looked at by time, not by what comes for it
        client.poll_at = now + min(POLL_MOST, max(POLL, (now - client.moved) / 8))
        self._blocked[client] = None
        if not self._polling:
            self._polling = True
            self._loop.call_at(now + POLL, self._poll)

    def _poll(self) -> None:
        now = self._loop.time()
        for client in [client for client in self._blocked if client.poll_at <= now]:
            del self._blocked[client]
            client.queued = False
            self.mark(client)
        self._polling = bool(self._blocked)
        if self._polling:
            self._loop.call_at(now + POLL, self._poll)

    def _set_alarm(self, when: float) -> None:
        if self._alarm is not None:
            if self._alarm[0] <= when:
                return
            self._alarm[1].cancel()
        self._alarm = (when, self._loop.call_at(when, self._ring))

    def _ring(self) -> None:
        self._alarm = None
        self.wake()
