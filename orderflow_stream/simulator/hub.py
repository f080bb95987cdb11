"""From a published row to the outboxes of whoever is subscribed, through the faults in force."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from orderflow_stream.simulator.connection import Connection
from orderflow_stream.simulator.exchange import Exchange
from orderflow_stream.simulator.frames import TradeFrame
from orderflow_stream.simulator.stream_faults import StreamFaults
from orderflow_stream.simulator.tape import Tape
from orderflow_stream.venues.binance_archive import ArchiveRow


class Hub:
    """All connections, and the one path by which trades are published."""

    def __init__(self, exchange: Exchange, stream_faults: StreamFaults, clock: Callable[[], int]) -> None:
        self.exchange = exchange
        self.stream_faults = stream_faults
        self.clock = clock
        #: Every connection ever accepted, by index.
        self.connections: list[Connection] = []
        self._streams: dict[str, tuple[Connection, ...]] = {}
        self._names: dict[int, frozenset[str]] = {}
        self._changed = asyncio.Event()

    @property
    def open(self) -> list[Connection]:
        return [connection for connection in self.connections if connection.is_open]

    def on_change(self, connection: Connection) -> None:
        """A connection's subscriptions changed, or it ended."""
        before = self._names.get(connection.index, frozenset())
        after = frozenset(connection.streams) if connection.is_open else frozenset()
        for name in before - after:
            left = tuple(other for other in self._streams[name] if other is not connection)
            if left:
                self._streams[name] = left
            else:
                del self._streams[name]
        for name in after - before:
            self._streams[name] = (*self._streams.get(name, ()), connection)
        if after:
            self._names[connection.index] = after
        else:
            self._names.pop(connection.index, None)
        self._changed.set()

    def subscribers(self, symbol: str) -> Sequence[Connection]:
        return self._streams.get(self.exchange[symbol].listing.stream, ())

    async def until(self, holds: Callable[[], bool]) -> None:
        """Return once `holds()`; looked at whenever a connection opens, ends or changes its subscriptions."""
        while not holds():
            self._changed.clear()
            await self._changed.wait()

    def publish(self, symbol: str, rows: Iterable[ArchiveRow]) -> None:
        """Publish rows of one symbol now: onto the tape, and to every subscriber. Synchronous, writes nothing."""
        tape = self.exchange[symbol]
        listing = tape.listing
        now = self.clock()
        subscribers = self._streams.get(listing.stream, ())
        if self.stream_faults.rules:
            self._publish_faulty(tape, rows, subscribers, now)
            return
        for row in rows:
            frame = TradeFrame(listing, row, now)
            tape.append(row, now, frame.body)
            for connection in subscribers:
                connection.send(frame.cut(connection.divisor, connection.combined))

    def _publish_faulty(
        self, tape: Tape, rows: Iterable[ArchiveRow], subscribers: Sequence[Connection], now: int
    ) -> None:
        for row in rows:
            frame = TradeFrame(tape.listing, row, now)
            taken = self.stream_faults.take(tape.listing.symbol, frame)
            if not any(rule.hides_from_rest for rule in taken):
                tape.append(row, now, frame.body)
            for connection in subscribers:
                for delivered in self.stream_faults.deliver(connection.index, frame, taken):
                    connection.send(delivered.cut(connection.divisor, connection.combined))

    def replay(self, symbol: str, rows: Iterable[ArchiveRow], connections: Iterable[Connection]) -> None:
        """Send rows again that were published before."""
        tape = self.exchange[symbol]
        now = self.clock()
        for row in rows:
            frame = TradeFrame(tape.listing, row, now)
            for connection in connections:
                if tape.listing.stream in connection.streams:
                    connection.send(frame.cut(connection.divisor, connection.combined))

    async def drained(self) -> None:
        """Every frame queued so far is written (connections paused by a fault are not waited for)."""
        for connection in self.open:
            await connection.idle()

    async def room(self, frames: int) -> None:
        """Every connection has at most `frames` frames waiting: the pace of whoever reads slowest."""
        for connection in self.open:
            if connection.queued > frames:
                await connection.room(frames)
