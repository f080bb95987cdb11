"""The event log that a stream resumes from: one counter over all log events, and the newest of them in memory.

Everything is kept whether or not anybody listens, for all instruments and topics alike. So a replay is complete for
any filter as long as the rings reach back to the position; where they do not, there is no replay at all, never a part
of one. Trades have a ring of their own: a burst of them must not push the rest out.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Collection, Iterable, Mapping
from operator import itemgetter
from typing import Final, Literal, NamedTuple

from msgspec import Struct

from orderflow_stream.core.events import LargePrint, Liquidation, Trade
from orderflow_stream.delivery.sse import Position


class Late(Struct, frozen=True):
    """A trade that a repair brought."""

    trade: Trade
    instrument: str


class Notice(Struct, frozen=True):
    """A `gap`, a `corrected` or a `state`, encoded when it happened: everybody who hears of the instrument gets it."""

    instrument: str
    topic: Literal["gap", "corrected", "state"]
    body: bytes


Payload = Trade | Late | LargePrint | Notice | Liquidation


class Entry(NamedTuple):
    """One log event and its place."""

    seq: int
    payload: Payload


_by_seq = itemgetter(0)


class Scope(Struct, frozen=True):
    """What of the log a connection is sent. `topics` are all that it asked for; `min_notional` is at 10^-16."""

    instruments: Collection[str]
    topics: frozenset[str]
    group: str
    min_notional: int = 0

    def wants(self, payload: Payload) -> bool:
        """Whether such an event belongs to this connection."""
        kind = type(payload)
        if payload.instrument not in self.instruments:
            return False
        if kind is Trade:
            return "trade" in self.topics and payload.qty != 0  # type: ignore[union-attr]  # narrowed by `kind`
        if isinstance(payload, LargePrint):
            return "large" in self.topics and payload.group == self.group and payload.notional >= self.min_notional
        if kind is Liquidation:
            return "liquidation" in self.topics
        return kind is Notice or "trade" in self.topics

    def covers(self, other: Scope) -> bool:
        """Whether a connection with this scope was sent everything that one with `other` would have been."""
        return (
            other.topics <= self.topics
            and all(key in self.instruments for key in other.instruments)
            and ("large" not in other.topics or (self.group == other.group and self.min_notional <= other.min_notional))
        )


class EventLog:
    """Counter and rings. `epoch` names the life of this log; `seq` is that of the newest event, 0 before the first."""

    __slots__ = (
        "_event_floor",
        "_events",
        "_floors",
        "_highest",
        "_last",
        "_most_events",
        "_most_trades",
        "_origin",
        "_trade_floor",
        "_trades",
        "began",
        "epoch",
        "seq",
        "tap",
    )

    def __init__(self, epoch: str, *, trades: int, events: int) -> None:
        """`trades` and `events`: how many of each are kept."""
        self.epoch = epoch
        self.seq = 0
        self.tap: list[tuple[int, Payload]] | None = None  # what was logged, for a journal that empties it
        self._most_trades: Final = trades
        self._most_events: Final = events
        self._trades: deque[tuple[int, Trade | Late]] = deque(maxlen=trades)
        self._events: deque[Entry] = deque(maxlen=events)
        self._trade_floor = 0  # the newest event of each kind that is gone
        self._event_floor = 0
        self._origin = 0  # what was before is not known by instrument
        self._last: dict[str, int] = {}  # by instrument, when its trades last changed
        self.began = 0  # where this process began to count; what came before was told by others
        self._floors: dict[str, int] = {}  # by instrument: what was before cannot be told, `began` where none is said
        self._highest = 0  # of all of them

    @property
    def position(self) -> str:
        """Where the log stands, `<epoch>-<seq>`."""
        return f"{self.epoch}-{self.seq}"

    def trade(self, trade: Trade | Late) -> int:
        """Log one trade: constant work, nothing is encoded."""
        seq = self.seq = self.seq + 1
        ring = self._trades
        if len(ring) == self._most_trades:
            self._trade_floor = ring[0][0]
        entry = (seq, trade)
        ring.append(entry)
        if self.tap is not None:
            self.tap.append(entry)
        self._last[trade.instrument] = seq
        return seq

    def event(self, payload: LargePrint | Notice | Liquidation) -> int:
        """Log anything else."""
        seq = self.seq = self.seq + 1
        ring = self._events
        if len(ring) == self._most_events:
            self._event_floor = ring[0].seq
        entry = Entry(seq, payload)
        ring.append(entry)
        if self.tap is not None:
            self.tap.append(entry)
        return seq

    def moved(self, key: str) -> None:
        """The tape of an instrument changed without an event of its own (a warm-up, an on-demand read)."""
        self._last[key] = self.seq = self.seq + 1

    def lack(self, key: str) -> None:
        """Something happened of that instrument that is not in here: nothing before now is resumed from with it."""
        self.seq += 1
        self._floors[key] = self._highest = self.seq

    def knows(self, key: str) -> bool:
        """Whether it is known from where on nothing of that instrument lacks, or there was nothing before."""
        return key in self._floors or not self.began

    def resume(
        self, epoch: str, seq: int, floor: int, entries: Iterable[tuple[int, Payload]], floors: Mapping[str, int]
    ) -> None:
        """Go on where another process ended, before anything is logged here: `entries` (ascending) are all that it
        logged after `floor`; what comes next comes after `seq`.

        `floors` are the instruments of which all that happened since will be told as well, each with the position
        from which on that is true. Of any other it is not known what the other process told of it last, so that
        nothing before `seq` is resumed from with it.
        """
        self.epoch, self.seq = epoch, seq
        self.began = self._highest = seq
        self._floors = dict(floors)
        self._trade_floor = self._event_floor = self._origin = floor
        for number, payload in entries:
            if isinstance(payload, LargePrint | Notice | Liquidation):
                if len(self._events) == self._most_events:
                    self._event_floor = self._events[0].seq
                self._events.append(Entry(number, payload))
            else:
                if len(self._trades) == self._most_trades:
                    self._trade_floor = self._trades[0][0]
                self._trades.append((number, payload))
                self._last[payload.instrument] = number

    def last_change(self, key: str) -> int:
        """The seq at which the tape of an instrument last changed, at the latest; 0: never."""
        return self._last.get(key, self._origin)

    def since(self, position: Position | None, scope: Scope) -> list[Entry] | None:
        """The events of `scope` after that position, in order; None where not all of them can be told."""
        if position is None or position.epoch != self.epoch or position.seq > self.seq:
            return None
        seq = position.seq
        trades = "trade" in scope.topics
        if seq < self._event_floor or (trades and seq < self._trade_floor):
            return None
        if seq < self._highest and any(seq < self._floors.get(key, self.began) for key in scope.instruments):
            return None
        found: list[Entry] = []
        for entry in reversed(self._events):
            if entry.seq <= seq:
                break
            if scope.wants(entry.payload):
                found.append(entry)
        if trades:
            instruments = scope.instruments
            for number, trade in reversed(self._trades):
                if number <= seq:
                    break
                if trade.instrument in instruments and scope.wants(trade):
                    found.append(Entry(number, trade))
        found.sort(key=_by_seq)
        return found


class _Sent(NamedTuple):
    first: int
    last: int
    scope: Scope
    until: float


class Memory:
    """What ended connections were sent, for a while: so that a resume which asks for more is known as one.

    A position says nothing of the filter it was sent under, and has no room to. So each ended connection leaves its
    scope and the span of positions it was sent; a resume from inside such a span, from the same address, must be
    covered by one of them. A position that no connection was sent (it came from a REST answer, say) is judged by the
    rings alone, which hold every instrument and topic.
    """

    __slots__ = ("_each", "_remotes", "_seconds", "_sent")

    def __init__(self, *, remotes: int = 4_096, each: int = 64, seconds: float = 900.0) -> None:
        """`remotes`: addresses remembered, the newest; `each`: connections of one address; `seconds`: for how long."""
        self._remotes: Final = remotes
        self._each: Final = each
        self._seconds: Final = seconds
        self._sent: OrderedDict[str, deque[_Sent]] = OrderedDict()

    def __len__(self) -> int:
        return sum(len(sent) for sent in self._sent.values())

    def add(self, remote: str, scope: Scope, first: int, last: int, now: float) -> None:
        """A connection from `remote` has ended; it was sent the positions `first`..`last`."""
        sent = self._sent.setdefault(remote, deque(maxlen=self._each))
        sent.append(_Sent(first, last, scope, now + self._seconds))
        self._sent.move_to_end(remote)
        while len(self._sent) > self._remotes or next(iter(self._sent.values()))[-1].until <= now:
            self._sent.popitem(last=False)

    def scopes(self, remote: str, seq: int, now: float) -> list[Scope]:
        """The scopes under which that address may have been sent that position."""
        sent = self._sent.get(remote, ())
        return [one.scope for one in sent if one.first <= seq <= one.last and one.until > now]
