"""Puts the silence of symbols to REST: one by one where few are silent, all of them in one call where many are.

A question for one symbol weighs 4. The 24 h list of all of them weighs 80 and tells the newest fill of each: equal to
ours, the market is calm, which settles the many that trade seldom; what it does not settle is asked one by one. So a
market of 1,370 symbols of which most are silent at any moment costs at most 480 of 6,000 weight a minute, and a venue
that stops altogether 1,200 in its first one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final, Protocol

import structlog

from orderflow_stream.adapters.rest import LIST_BOUND, Answer, Rest
from orderflow_stream.core.book import Book
from orderflow_stream.core.events import UNKNOWN_FILL, Instrument, Probe
from orderflow_stream.core.units import US_PER_S
from orderflow_stream.feed.errors import UpstreamError
from orderflow_stream.feed.silence import FLOOR, Silence
from orderflow_stream.feed.upstream import RestRequest, Sink

#: Seconds between two looks.
LOOK: Final = 0.25
#: Symbols that may be asked one by one within `PERIOD` (µs); beyond, the list of all is asked.
SINGLES: Final = 20
PERIOD: Final = 20 * US_PER_S
#: How many of a connection's symbols are asked about when it falls silent: the busiest over so many trades.
BUSIEST: Final = 4
_PACE: Final = 100
#: Weight of the questions that the numbers here are for; where one weighs more, there are fewer of them.
_CHEAP: Final = 4
#: Where questions are dear: singles within `PERIOD` at most, and least time (µs) between two lists, also in a hurry.
_DEAR_SINGLES: Final = 4
_DEAR_PERIOD: Final = 30 * US_PER_S
_DEAR_HURRY: Final = 10 * US_PER_S
#: Least time (µs) between two lists where a busy symbol is silent; `PERIOD` where none is.
HURRY: Final = 5 * US_PER_S
_PATIENCE: Final = 10 * US_PER_S
_DAY: Final = 86_400 * US_PER_S

log = structlog.get_logger(__name__)


class FillList(Protocol):
    """The part of a codec that knows the list of newest fills."""

    def ticker_request(self) -> RestRequest: ...
    def decode_last_fills(self, body: bytes) -> dict[str, int]: ...


class Watcher:
    """`run` looks at `books` (by key) for ever. `probe` asks REST for the newest id of one silent instrument; `now` is
    venue time in µs."""

    def __init__(
        self,
        rest: Rest,
        venue: FillList,
        books: Mapping[str, Book],
        sink: Sink,
        *,
        probe: Callable[[Instrument], None],
        now: Callable[[], int],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._rest = rest
        self._venue = venue
        self._books = books
        self._sink = sink
        self._probe = probe
        self._now = now
        self._sleep = sleep
        self._dear = getattr(venue, "trades_weight", _CHEAP) > _CHEAP
        self._most, self._period, self._hurry = (
            (_DEAR_SINGLES, _DEAR_PERIOD, _DEAR_HURRY) if self._dear else (SINGLES, PERIOD, HURRY)
        )
        self._silence = Silence(cold=self._dear)
        self._waiting: dict[str, bool] = {}  # key -> busy: suspects that no single question was left for
        self._asked: deque[int] = deque()  # when single questions were asked, within `PERIOD`
        self._list_at = 0  # no list before
        self._list: asyncio.Task[None] | None = None
        self._kept_at = 0
        self.singles = 0
        self.lists = 0

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                await self._sleep(LOOK)
                self.look()
        finally:
            if self._list is not None:
                self._list.cancel()
                await asyncio.gather(self._list, return_exceptions=True)

    def look(self) -> None:
        """One look."""
        now = self._now()
        for suspect in self._silence.look(self._books.values(), now):
            key = suspect.book.instrument.key
            self._waiting[key] = self._waiting.get(key, False) or suspect.urgent
        if self._dear:
            self._note_unproven(now)
        if self._waiting:
            self._ask(now)
        if now - self._kept_at >= _DAY // 24:
            self._kept_at = now
            self._silence.keep(self._books)

    def _note_unproven(self, now: int) -> None:
        """What was connected again and has not traded since: the list proves the most of it whole, for one price."""
        for book in self._books.values():
            if book.verified or book.demand or not book.warm:  # what is cold is proven by the reading of its past
                continue
            if book.connections and book.silence(now) >= FLOOR:
                self._waiting.setdefault(book.instrument.key, False)

    def hurry(self, keys: Iterable[str]) -> None:
        """What carries these fell silent out of its rhythm: ask about the busiest of them at once."""
        now = self._now()
        self._forget(now)
        books = [book for key in keys if (book := self._books.get(key)) is not None and book.warm and not book.demand]
        books.sort(key=_pace, reverse=True)
        # Of a whole connection at least one, whatever the thin ones have asked lately: it is asked about seldom.
        left = max(1 if self._dear else 0, self._most - len(self._asked))
        chosen = [book.instrument.key for book in books[: min(BUSIEST, left)]]
        self._asked.extend([now] * len(chosen))
        self._singly(chosen)

    def _forget(self, now: int) -> None:
        while self._asked and now - self._asked[0] >= self._period:
            self._asked.popleft()

    def _ask(self, now: int) -> None:
        self._forget(now)
        if len(self._asked) + len(self._waiting) <= self._most:
            self._singly(self._waiting)
            self._asked.extend([now] * len(self._waiting))
            self._waiting.clear()
            return
        hurry = any(self._waiting.values())
        if now >= self._list_at - (self._period - self._hurry if hurry else 0) and self._list is None:
            self._list_at = now + self._period
            self._list = asyncio.create_task(self._ask_list())
            self._list.add_done_callback(self._listed)

    def _singly(self, keys: Iterable[str]) -> None:
        for key in keys:
            book = self._books.get(key)
            if book is not None:
                self.singles += 1
                self._probe(book.instrument)

    def _listed(self, task: asyncio.Task[None]) -> None:
        self._list = None
        if not task.cancelled():
            task.result()  # what it raised is a broken invariant: the loop's handler tells

    async def _ask_list(self) -> None:
        waiting, self._waiting = self._waiting, {}
        sent = self._now()
        self.lists += 1
        try:
            fills = await self._rest.fetch_slowly(
                self._venue.ticker_request(), "probe", self._decode, sent + _PATIENCE, bound=LIST_BOUND
            )
        except UpstreamError as error:
            log.info("the list of newest fills cannot be had; silent symbols wait", reason=error.reason)
            self._waiting = waiting | self._waiting
            return
        doubtful = []
        for book in self._silence.silent(self._books.values(), self._now()):
            if book.silence(self._now()) < self._now() - sent:
                continue  # it has spoken since
            if self._is_calm(book, fills.get(book.instrument.symbol, UNKNOWN_FILL), sent):
                self._sink(Probe(book.instrument.key, book.sequence.newest, sent))
            elif book.instrument.key in waiting:
                doubtful.append(book.instrument.key)
        if self._dear:  # the others when it is their turn
            now = self._now()
            self._forget(now)
            left = max(0, self._most - len(self._asked))
            self._waiting |= {key: waiting[key] for key in doubtful[left:]}
            self._asked.extend([now] * len(doubtful[:left]))
            doubtful = doubtful[:left]
        self._singly(doubtful)

    async def _decode(self, answer: Answer) -> dict[str, int]:
        return await asyncio.to_thread(self._venue.decode_last_fills, answer.body)

    def _is_calm(self, book: Book, fill: int, sent: int) -> bool:
        """Whether the venue's newest fill is the newest one held. (An older one is a database that lags.)"""
        newest = book.tape.newest()
        if fill == UNKNOWN_FILL:  # nothing for 24 hours
            return newest is None or newest.ts_event < sent - _DAY
        return newest is not None and newest.last_id == fill


def _pace(book: Book) -> int:
    """The later the trade `_PACE` trades ago, the busier."""
    row = book.tape.back(_PACE)
    return -1 if row is None else row.ts_event
