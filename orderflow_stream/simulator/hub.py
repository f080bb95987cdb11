"""From a published row to the outboxes of whoever is subscribed, through the faults in force."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec.structs import replace

from orderflow_stream.simulator.connection import Connection
from orderflow_stream.simulator.exchange import Exchange
from orderflow_stream.simulator.frames import TradeFrame, combined, text_frame
from orderflow_stream.simulator.liquidations import Liquidation
from orderflow_stream.simulator.stream_faults import StreamFaults
from orderflow_stream.simulator.tape import Tape
from orderflow_stream.venues.binance_archive import ArchiveRow


class Hub:
    """All connections, and the one path by which trades are published."""

    def __init__(
        self,
        exchange: Exchange,
        stream_faults: StreamFaults,
        clock: Callable[[], int],
        doors: Mapping[str, bool] | None = None,
    ) -> None:
        #: Every path of the market, and whether trades come through it; a path that is not here speaks.
        self.doors = dict(doors or {})
        self.usual_doors = dict(self.doors)
        self.exchange = exchange
        self.stream_faults = stream_faults
        self.clock = clock
        #: Every connection ever accepted, by index.
        self.connections: list[Connection] = []
        self._streams: dict[str, tuple[Connection, ...]] = {}
        self._names: dict[int, frozenset[str]] = {}
        self._changed = asyncio.Event()
        # Ids that began anew: what is added to those of a source, once its first row has come (None: not yet).
        self._restarts: dict[str, tuple[int, int | None]] = {}

    @property
    def open(self) -> list[Connection]:
        return [connection for connection in self.connections if connection.is_open]

    def on_change(self, connection: Connection) -> None:
        """A connection's subscriptions changed, or it ended."""
        before = self._names.get(connection.index, frozenset())
        speaks = connection.is_open and self.doors.get(connection.door, True)
        after = frozenset(connection.streams) if speaks else frozenset()
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

    def set_doors(self, doors: Mapping[str, bool]) -> None:
        """Which paths speak from now on, for connections that are open too."""
        self.doors = dict(doors)
        for connection in self.open:
            self.on_change(connection)

    def restart_ids(self, symbol: str, first: int) -> None:
        """The ids of a symbol begin anew at `first` with the next row; its tape forgets what was."""
        self._restarts[symbol] = (first, None)
        self.exchange[symbol].forget()

    def _renumbered(self, symbol: str, rows: Iterable[ArchiveRow]) -> Iterable[ArchiveRow]:
        for row in rows:
            first, offset = self._restarts[symbol]
            if offset is None:
                offset = first - row.id
                self._restarts[symbol] = (first, offset)
            yield replace(row, id=row.id + offset)

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
        listing, wire = tape.listing, tape.wire
        now = self.clock()
        if not listing.trades(now):
            return
        if symbol in self._restarts:
            rows = self._renumbered(symbol, rows)
        subscribers = self._streams.get(listing.stream, ())
        if self.stream_faults.rules:
            self._publish_faulty(tape, rows, subscribers, now)
            return
        for row in rows:
            frame = TradeFrame(listing, row, now, None, wire)
            tape.append(row, now, frame.body)
            for connection in subscribers:
                connection.send(frame.cut(connection.divisor, connection.combined))

    def _publish_faulty(
        self, tape: Tape, rows: Iterable[ArchiveRow], subscribers: Sequence[Connection], now: int
    ) -> None:
        for row in rows:
            frame = TradeFrame(tape.listing, row, now, None, tape.wire)
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
            frame = TradeFrame(tape.listing, row, now, None, tape.wire)
            for connection in connections:
                if tape.listing.stream in connection.streams:
                    connection.send(frame.cut(connection.divisor, connection.combined))

    def tell(self, one: Liquidation) -> None:
        """Send a forced order to everyone who listens to it."""
        event = one.event(self.clock())
        for stream in one.streams:
            for connection in self._streams.get(stream, ()):
                connection.send(text_frame(combined(stream, event) if connection.combined else event))

    async def drained(self) -> None:
        """Every frame queued so far is written (connections paused by a fault are not waited for)."""
        for connection in self.open:
            await connection.idle()

    async def room(self, frames: int) -> None:
        """Every connection has at most `frames` frames waiting: the pace of whoever reads slowest."""
        for connection in self.open:
            if connection.queued > frames:
                await connection.room(frames)
