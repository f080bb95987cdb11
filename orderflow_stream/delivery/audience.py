"""Who wants what: streams with the same filter form a group, and each instrument knows the groups that hear of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from orderflow_stream.core.book import Book
from orderflow_stream.core.events import LargePrint, Liquidation
from orderflow_stream.delivery.bar_events import BarWatch
from orderflow_stream.delivery.client import Client, Group
from orderflow_stream.delivery.conflate import Conflator
from orderflow_stream.delivery.sse import Frame
from orderflow_stream.delivery.topics import BarSpec, Filter, Spec, matcher
from orderflow_stream.delivery.watch import Board


class Watched:
    """The groups that hear of one instrument, by topic. The lists are replaced, never changed: a delivery may still
    be going through one."""

    __slots__ = (
        "bars",
        "flows",
        "frames",
        "groups",
        "large",
        "liquidations",
        "shown",
        "states",
        "told",
        "trades",
        "version",
    )

    def __init__(self) -> None:
        self.groups: list[Group] = []
        self.large: list[Group] = []
        self.liquidations: list[Group] = []
        self.trades: list[Group] = []
        self.flows: dict[Spec, list[Group]] = {}
        self.bars: dict[BarSpec, BarWatch] = {}
        self.states = False  # whether any of these two is asked for
        self.frames: dict[Spec, Frame] = {}  # the newest `flow` of each kind
        self.shown: object = None  # the window sums that they tell
        self.version = 0  # how often its state has changed while somebody listened
        self.told: dict[Spec, int] = {}  # the version of the last `flow` of each kind that all were told

    def add(self, group: Group) -> None:
        filter_ = group.filter
        self.groups = [*self.groups, group]
        if "large" in filter_.topics:
            self.large = [*self.large, group]
        if "liquidation" in filter_.topics:
            self.liquidations = [*self.liquidations, group]
        if "trade" in filter_.topics:
            self.trades = [*self.trades, group]
        if "flow" in filter_.topics:
            self.flows[filter_.spec] = [*self.flows.get(filter_.spec, ()), group]
        if filter_.bars is not None:
            watch = self.bars.setdefault(filter_.bars, BarWatch())
            watch.groups = [*watch.groups, group]
        self.states = bool(self.flows or self.bars)

    def remove(self, group: Group) -> None:
        self.groups = [other for other in self.groups if other is not group]
        self.large = [other for other in self.large if other is not group]
        self.liquidations = [other for other in self.liquidations if other is not group]
        self.trades = [other for other in self.trades if other is not group]
        spec = group.filter.spec
        left = [other for other in self.flows.get(spec, ()) if other is not group]
        if left:
            self.flows[spec] = left
        else:
            self.flows.pop(spec, None)
            self.frames.pop(spec, None)
            self.told.pop(spec, None)
        bars = group.filter.bars
        if bars is not None and (watch := self.bars.get(bars)) is not None:
            watch.groups = [other for other in watch.groups if other is not group]
            if not watch.groups:
                del self.bars[bars]
        self.states = bool(self.flows or self.bars)

    def hear(self, update: LargePrint | Liquidation) -> list[Group]:
        """Those that are sent such events."""
        return self.large if isinstance(update, LargePrint) else self.liquidations


class Audience:
    """All groups, by filter and by instrument; `boards` by the window that is watched."""

    __slots__ = ("_books", "_conflator", "_groups", "_known", "boards", "watched")

    def __init__(self, books: Mapping[str, Book], conflator: Conflator) -> None:
        self._books: Final = books
        self._conflator: Final = conflator
        self._groups: dict[Filter, Group] = {}
        self._known: set[str] = set()
        self.watched: dict[str, Watched] = {}
        self.boards: dict[Spec, Board] = {}

    def join(self, filter_: Filter) -> Group:
        """The group of that filter; a new one hears of its named instruments and of all that match its patterns."""
        group = self._groups.get(filter_)
        if group is None:
            self.sync()
            group = self._groups[filter_] = Group(filter_, set())
            matching = self._matching(filter_, self._known)
            for key in filter_.keys | matching:
                self._hear(group, key)
            if "watch" in filter_.topics:
                self.boards.setdefault(filter_.spec.watched, Board(filter_.spec.watched)).groups[group] = None
        return group

    def leave(self, client: Client) -> None:
        """A client is gone; a group goes with its last one."""
        group = client.group
        del group.clients[client]
        board = self.boards.get(group.filter.spec.watched)
        if board is not None:
            board.fresh.discard(client)
        if group.clients:
            return
        del self._groups[group.filter]
        if board is not None:
            board.groups.pop(group, None)
            if not board.groups:
                del self.boards[board.spec]
        for key in group.instruments:
            self._forget(group, key)

    def sync(self) -> None:
        """The engine's instruments may have changed: let patterns follow. What was named stays, it may come back."""
        kept = {key for key, book in self._books.items() if not book.demand}
        if kept == self._known:
            return
        added, gone = kept - self._known, self._known - kept
        self._known = kept
        for group in self._groups.values():
            for key in (gone - group.filter.keys) & group.instruments:
                group.instruments.discard(key)
                group.changed()
                self._forget(group, key)
            for key in self._matching(group.filter, added) - group.instruments:
                self._hear(group, key)

    def groups(self) -> list[Group]:
        return list(self._groups.values())

    def _matching(self, filter_: Filter, keys: Iterable[str]) -> set[str]:
        if not filter_.patterns:
            return set()
        matches = matcher(filter_.patterns)
        venue = filter_.venue
        found: set[str] = set()
        for key in keys:
            instrument = self._books[key].instrument
            if instrument.venue == venue and matches(instrument.symbol):
                found.add(key)
        return found

    def _hear(self, group: Group, key: str) -> None:
        group.instruments.add(key)
        group.changed()
        self.watched.setdefault(key, Watched()).add(group)

    def _forget(self, group: Group, key: str) -> None:
        watched = self.watched[key]
        watched.remove(group)
        if not watched.groups:
            del self.watched[key]
            self._conflator.drop(key)
