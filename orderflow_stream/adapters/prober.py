"""Asks for the newest id of instruments whose feed is in doubt, and notices when a venue began its ids anew."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from msgspec import Struct

from orderflow_stream.adapters.minded import minded
from orderflow_stream.adapters.pages import Pages
from orderflow_stream.adapters.ranked import Ranked
from orderflow_stream.core.events import Instrument, Probe, Restarted, Trade
from orderflow_stream.feed.errors import UnknownSymbol, UpstreamFailed
from orderflow_stream.feed.upstream import Books, Sink

_PARALLEL: Final = 4
#: Seconds between the two answers that must agree before ids are believed to have begun anew.
_CONFIRM_S: Final = 2.0
#: Seconds that a stream gets to bring what REST had first, before it is called silent: both take their own way.
_RACE_S: Final = 0.3
#: A connection that has carried a symbol for so long (µs) should have brought what is the newest now.
_YOUNG: Final = 30_000_000
#: Seconds after a question that could wait, where questions are dear: a twelfth of the weight of a minute at most.
_TRICKLE_S: Final = 5.0

log = structlog.get_logger(__name__)


class _Item(Struct, eq=False):
    instrument: Instrument
    newest_id: int | None
    silent: bool
    ordered: int


class Prober:
    """`order` an instrument; `run` feeds a `Probe` for each, the most active first. `restarted` is told after a
    `Restarted` was fed, so that the past can be read again."""

    def __init__(
        self,
        pages: Pages,
        books: Books,
        sink: Sink,
        *,
        restarted: Callable[[Instrument], None],
        now: Callable[[], int],
        sleep: Callable[[float], Awaitable[object]],
        doubtful: Callable[[str], bool] = lambda key: False,
        patience: float = 0.0,
        up_since: Callable[[str], int] = lambda key: -1,
    ) -> None:
        """`doubtful`: whether an instrument is still unproven, though its newest id may have moved (by a refill).
        `up_since`: when (µs) it was connected again, where it has not spoken since; else -1.

        `patience`: seconds that one which is not silent gets to prove itself by its next trade, or by the list of all
        newest fills; then it is asked about, and such questions one after the other.
        """
        self._patience = patience
        self._up_since = up_since
        self._patient: deque[tuple[_Item, int]] = deque()  # by when they were ordered, at most one an instrument
        self._wake = asyncio.Event()
        self._pages = pages
        self._books = books
        self._sink = sink
        self._restarted = restarted
        self._now = now
        self._doubtful = doubtful
        self._sleep = sleep
        self._work = Ranked(self._probe, parallel=_PARALLEL, sleep=sleep, refused=self._refused)
        self._items: dict[str, _Item] = {}
        self._unknown: set[str] = set()
        self.probes = 0
        self.restarts = 0

    @property
    def failures(self) -> int:
        return self._work.failures

    def order(self, instrument: Instrument, rank: int, *, silent: bool = False) -> None:
        """Probe it, unless a newer trade arrives before its turn comes: that proves more.

        `silent`: its stream has brought nothing for longer than its rhythm explains. Where REST then has a newer id,
        the stream gets a moment to bring it, and the `Probe` says if it did not.
        """
        item = self._items.get(instrument.key)
        if item is not None:
            if silent and not item.silent:
                item.silent = True
                item.newest_id = self._books.newest_id(instrument.key)  # what came while it waited proves nothing now
                if self._patience:
                    self._work.put(item, rank)  # it waits no longer
            return
        newest = self._books.newest_id(instrument.key)
        item = self._items[instrument.key] = _Item(instrument, newest, silent, self._now())
        if self._patience and not silent:
            self._patient.append((item, rank))
            self._wake.set()
        else:
            self._work.put(item, rank)

    def forget(self, key: str) -> None:
        """The instrument was removed."""
        self._items.pop(key, None)
        self._unknown.discard(key)

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            await minded(
                group.create_task(self._work.run(), name="probes"),
                group.create_task(self._trickle(), name="patient probes"),
            )

    async def _trickle(self) -> None:
        """Ask about those that have not proven themselves, one after the other."""
        while True:
            while not self._patient:
                self._wake.clear()
                await self._wake.wait()
            item, rank = self._patient.popleft()
            key = item.instrument.key
            if (left := self._patience - (self._now() - item.ordered) / 1e6) > 0:
                await self._sleep(left)
            if self._items.get(key) is not item or item.silent:
                continue
            if self._doubtful(key):
                self._work.put(item, rank)
                await self._sleep(_TRICKLE_S)
            else:
                del self._items[key]

    async def _probe(self, item: _Item) -> None:
        key = item.instrument.key
        if self._items.get(key) is not item:
            return
        held = self._books.newest_id(key)
        if item.newest_id == held or self._doubtful(key):
            item.newest_id = held
            newest, sent = await self._newest(item.instrument)
            if self._began_anew(key, newest):
                await self._sleep(_CONFIRM_S)  # it empties the tape: said twice before it is believed
                newest, sent = await self._newest(item.instrument)
            if self._items.get(key) is not item:
                return
            held = self._books.newest_id(key)
            if newest is not None and self._began_anew(key, newest):
                self.restarts += 1
                log.warning("the venue began its ids anew", instrument=key, newest=newest.id)
                self._sink(Restarted(key, self._now()))
                self._restarted(item.instrument)
            elif held is not None and held == item.newest_id and (newest is None or newest.id < held):
                # It does not know yet what we know, so that it knows of nothing newer proves nothing.
                raise UpstreamFailed("REST is behind the stream")
            elif item.silent and newest is not None and (held is None or newest.id > held) and self._new(newest, sent):
                await self._sleep(_RACE_S)
                if self._items.get(key) is item and self._books.newest_id(key) == held:
                    self._sink(Probe(key, newest.id, sent, silent=True))
                # Else the stream speaks, and what it still lacks will show as a hole.
            else:
                self._sink(Probe(key, newest.id if newest else None, sent))
        if self._items.get(key) is item:
            del self._items[key]

    async def _newest(self, instrument: Instrument) -> tuple[Trade | None, int]:
        page = await self._pages.read(instrument, None, 1, kind="probe")
        self.probes += 1
        return (page.trades[-1] if page.trades else None), page.sent

    def _new(self, newest: Trade, sent: int) -> bool:
        """Whether a stream that listens should have brought it: what was traded before it was there, it cannot have.
        (Only for a while: times may be wrong, and a stream that is silent for good must not hide behind them.)"""
        up = self._up_since(newest.instrument)
        return newest.ts_event >= up or sent - up >= _YOUNG

    def _began_anew(self, key: str, newest: Trade | None) -> bool:
        """The newest trade is later than ours and has a lower id. (Of a lagging database both are lower.)"""
        held, held_ts = self._books.newest_id(key), self._books.newest_ts(key)
        return (
            newest is not None
            and held is not None
            and held_ts is not None
            and (newest.id < held and newest.ts_event > held_ts)
        )

    def _refused(self, item: _Item, error: UnknownSymbol) -> None:
        key = item.instrument.key
        if key not in self._unknown:  # asked about again for as long as it is wanted; said once
            self._unknown.add(key)
            log.error("cannot be probed", instrument=key, reason=error.reason)
        self._items.pop(key, None)
