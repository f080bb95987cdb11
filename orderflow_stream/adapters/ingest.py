"""What follows from what happened: a stream that is up is warmed up, a hole repaired, a symbol in demand streamed.

The shell that connects connections, backfill and on-demand reads for one venue. `saw` is told of every event with its
updates, synchronously and on the path of a trade only where there are updates.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final

import msgspec
import structlog

from orderflow_stream.adapters.backfiller import Backfiller
from orderflow_stream.adapters.clock import Clock
from orderflow_stream.adapters.connections import Connections
from orderflow_stream.adapters.notes import Notes
from orderflow_stream.adapters.reader import Reader
from orderflow_stream.adapters.symbols import Symbols
from orderflow_stream.core.book import Book
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import (
    Corrected,
    Event,
    FeedDown,
    FeedUp,
    GapFound,
    Instrument,
    Probe,
    StateChanged,
    Update,
)
from orderflow_stream.feed.repair import Outlook
from orderflow_stream.feed.selection import Fault, Selection, is_pattern, select

#: Seconds between two looks for on-demand symbols that nobody asks for any more.
IDLE_LOOK: Final = 15.0
#: What was asked for within so long (µs) is wanted: it comes before others that nobody asks for.
LATELY: Final = 600_000_000
#: Trades read of a symbol on demand where a time window is asked for.
DEMAND_TRADES: Final = 5_000

#: µs before its delivery from which on a contract that does not trade any more is said to be delivered.
_DELIVERING: Final = 3_600_000_000
#: µs that the times of consecutive ids may go back.
_GOES_BACK: Final = 1_000_000

_WORTH_A_NOTE: Final = (GapFound, Corrected, StateChanged)

log = structlog.get_logger(__name__)


class Held:
    """The engine's tapes as the planners of `feed` see them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def newest_id(self, key: str) -> int | None:
        book = self._engine.book(key)
        return None if book is None else book.sequence.newest

    def newest_ts(self, key: str) -> int | None:
        book = self._engine.book(key)
        newest = None if book is None else book.tape.newest()
        if book is None or newest is None:
            return None
        # An old id with a time far beyond that of the newest one is of another generation, spliced in before anyone
        # knew: it must not hide that the ids began anew. Merged rows may go back by a little.
        latest = book.tape.newest_ts
        return latest if latest - newest.ts_event <= _GOES_BACK else newest.ts_event

    def oldest_id(self, key: str) -> int | None:
        book = self._engine.book(key)
        return None if book is None else book.sequence.first

    def oldest_ts(self, key: str) -> int | None:
        book = self._engine.book(key)
        oldest = None if book is None else book.tape.first()
        return None if oldest is None else oldest.ts_event

    def count(self, key: str) -> int:
        book = self._engine.book(key)
        return 0 if book is None else len(book.tape)

    def warming(self, key: str) -> bool:
        book = self._engine.book(key)
        return book is not None and not book.demand and not book.warm

    def reset(self, key: str) -> None:
        book = self._engine.book(key)
        if book is not None and book.demand:  # a read may have begun before a stream took the symbol over
            self._engine.remove(key)
            self._engine.add(book.instrument).demand = True


class Ingest:
    """Keeps the books of `patterns` (configured symbols and patterns) fed, and of what is asked for beside them."""

    def __init__(
        self,
        *,
        engine: Engine,
        connections: Connections,
        backfiller: Backfiller,
        reader: Reader,
        symbols: Symbols,
        clock: Clock,
        patterns: Sequence[str],
        listened: Callable[[str], bool] = lambda key: False,
        silent: Callable[[str], None] = lambda symbol: None,
    ) -> None:
        """`listened` tells whether somebody follows an instrument other than by asking (an open stream); `silent` gets
        the symbols whose stream lacks what REST has: another connection should carry them too."""
        self._engine = engine
        self._connections = connections
        self._backfiller = backfiller
        self._reader = reader
        self._symbols = symbols
        self._clock = clock
        self._patterns = tuple(patterns)
        self._listened = listened
        self._silent = silent
        self._promoted: set[str] = set()
        self._restored: set[str] = set()  # read from a journal, and not confirmed by a selection yet
        self._told: set[str] = set()
        self._asked: dict[str, int] = {}  # when somebody last asked for an instrument
        backfiller.followed = self.followed
        self.configured: dict[str, Instrument] = {}
        self._notes = Notes(clock.now, self.streams)
        self._began = clock.monotonic()
        self._all_up = False  # once: every configured symbol has had its stream
        self._closed = False
        self.started = False
        self.faults: tuple[Fault, ...] = ()  # patterns that select nothing, as of the newest list

    # -- what happened --------------------------------------------------------------------------------------------

    def saw(self, event: Event | None, updates: tuple[Update, ...]) -> None:
        """`event` was applied (None: time was) and `updates` came of it."""
        if isinstance(event, FeedUp):
            self._up(event.instruments)
            if not self._all_up:
                self._look_if_up()
        elif isinstance(event, Probe) and event.silent:
            self._silent(event.instrument.partition(":")[2])
        if not updates:
            return
        for update in updates:
            if isinstance(update, GapFound):
                self._backfiller.repair(update)
            elif isinstance(update, Corrected):
                self._backfiller.corrected(update)
            elif isinstance(update, StateChanged) and update.state == "unverified":
                self._doubt(update.instrument)
        # That a connection ended is told by those who held it, once for all its symbols.
        told = self._closed or isinstance(event, FeedDown)
        if not told and any(isinstance(update, _WORTH_A_NOTE) for update in updates):
            self._notes.saw(updates)

    def _doubt(self, key: str) -> None:
        """What came may not be all there is: ask REST for the newest id."""
        book = self._engine.book(key)
        if book is not None and not book.demand:
            self._backfiller.probe(book.instrument)

    def _look_if_up(self) -> None:
        books = [self._engine.book(key) for key in self.configured]
        if books and all(book is not None and book.was_up for book in books):
            self._all_up = True
            seconds = round(self._clock.monotonic() - self._began, 1)
            log.info("every configured symbol is streamed", symbols=len(books), seconds=seconds)

    def _up(self, keys: Iterable[str]) -> None:
        for key in keys:
            book = self._engine.book(key)
            if book is None:
                continue
            if not book.warm or key in self._promoted:
                self._promoted.discard(key)
                self._backfiller.warm(book.instrument)
            elif not book.verified or book.mute >= 0:
                self._backfiller.probe(book.instrument)

    # -- the set of instruments -----------------------------------------------------------------------------------

    def may_want(self, instrument: Instrument) -> bool:
        """Whether the configuration may ask for it: before there is a list, a pattern may select anything."""
        return any(is_pattern(one) or one.strip().upper() == instrument.symbol for one in self._patterns)

    def restored(self, key: str) -> None:
        """Its book was read from a journal."""
        self._restored.add(key)
        self._backfiller.restored(key)

    def refreshed(self) -> None:
        """The symbol list is new: patterns may select more, or less."""
        selection = self._select()
        self.faults = selection.faults
        for fault in selection.faults:
            if fault.pattern not in self._told:
                self._told.add(fault.pattern)
                near = f"; did you mean {', '.join(fault.near)}?" if fault.near else ""
                log.error("configured symbol cannot be streamed", symbol=fault.pattern, reason=fault.message + near)
        wanted = {instrument.key: instrument for instrument in selection.instruments}
        fresh = [instrument for key, instrument in wanted.items() if key not in self.configured]
        gone = [] if self._symbols.fetched_at is None else [key for key in self.configured if key not in wanted]
        self._tell_rest(wanted.values())
        for instrument in wanted.values():
            book = self._engine.add(instrument)
            if book.demand:  # asked for before it was configured: from now on its stream tells, and nothing removes it
                book.demand = book.warm = book.verified = False
        for key in gone:
            self._drop(key, self.configured[key].symbol)
        if self._symbols.fetched_at is not None or not any(map(is_pattern, self._patterns)):
            for key in self._restored - wanted.keys():
                self._drop(key, key.partition(":")[2])
            self._restored.clear()
        self.configured = wanted
        if fresh:
            self._connections.add(fresh)
        if self.started and (fresh or gone):
            log.info(
                "the symbol list changed",
                new=", ".join(instrument.symbol for instrument in fresh),
                gone=", ".join(key.partition(":")[2] for key in gone),
            )

    def set_patterns(self, patterns: Sequence[str]) -> None:
        """Other symbols are configured from now on: what is no longer among them is dropped, what is new streamed."""
        self._patterns = tuple(patterns)
        self._told.intersection_update(self._patterns)
        self.refreshed()

    def _select(self) -> Selection:
        names = [pattern.strip().upper() for pattern in self._patterns if not is_pattern(pattern)]
        symbols = self._symbols
        symbols.names = tuple(names)
        if symbols.fetched_at is None:
            # Never had a list: plain names are streamed all the same, with base and quote as their names suggest, and
            # what a journal brought back as it was then.
            books = self._engine.books.items()
            known = {book.instrument.symbol: book.instrument for key, book in books if key in self._restored}
            plain: dict[str, Instrument] = {}
            for name in names:
                with suppress(LookupError):  # no guess will do: it waits for the list
                    plain[name] = known.get(name) or symbols.provisional(name)
            return Selection(tuple((plain | known if any(map(is_pattern, self._patterns)) else plain).values()), ())
        listed = {each.symbol: each for each in symbols.instruments}
        listed |= {each.symbol: each for name in names if (each := symbols.by_symbol(name)) is not None}
        # What a pattern selected while it traded stays while it rests: a maintenance must not take every tape.
        kept = {each.symbol for each in self.configured.values()}
        awake = [
            msgspec.structs.replace(each, trading=True) if each.symbol in kept else each for each in listed.values()
        ]
        found = select(self._patterns, awake, symbols.volumes)
        return Selection(tuple(listed[each.symbol] for each in found.instruments), found.faults)

    def _tell_rest(self, wanted: Iterable[Instrument]) -> None:
        """One line for what stopped to trade, one for what trades again."""
        resting: list[str] = []
        delivered: list[str] = []
        awake: list[str] = []
        for instrument in wanted:
            before = self.configured.get(instrument.key)
            if instrument.trading and before is not None and not before.trading:
                awake.append(instrument.symbol)
            elif not instrument.trading and (before is None or before.trading):
                if instrument.delivery and instrument.delivery <= self._clock.now() + _DELIVERING:
                    delivered.append(f"{instrument.symbol} ({instrument.status or 'no longer listed'})")
                else:
                    resting.append(f"{instrument.symbol} ({instrument.status or 'no longer listed'})")
        if resting:
            log.warning("symbols do not trade now; what is known of them is kept", symbols=", ".join(resting))
        if delivered:
            log.info("contracts are delivered: no more trades come, their tapes are kept", symbols=", ".join(delivered))
        if awake:
            log.info("symbols trade again", symbols=", ".join(awake))

    def _drop(self, key: str, symbol: str) -> None:
        self._connections.remove([symbol])
        self._backfiller.forget(key)
        self._asked.pop(key, None)
        self._engine.remove(key)

    # -- on demand ------------------------------------------------------------------------------------------------

    def streams(self, key: str) -> bool:
        """Whether a stream feeds this instrument, or is being opened for it."""
        book = self._engine.book(key)
        return key in self.configured or key in self._promoted or (book is not None and not book.demand)

    def fleeting(self, key: str) -> bool:
        """Whether this instrument is kept only because it was asked for."""
        return key in self._reader.demand and key not in self.configured

    def attempts(self, key: str, first: int, last: int) -> tuple[int, int | None]:
        """How often these missing ids were asked of REST, and when (µs) they will be again (None: never, or now)."""
        return self._backfiller.holes.attempts(key, first, last)

    def outlook(self) -> Outlook:
        """What is left to be read of missing trades: symbols, calls, trades, seconds."""
        return self._backfiller.outlook()

    def ready_in(self, key: str) -> float | None:
        """Seconds until what an instrument lacks will have been asked for, in the order of importance (0: it lacks
        nothing, None: nobody can tell)."""
        return self._backfiller.ready_in(key)

    def followed(self, key: str) -> bool:
        """Whether somebody has a stream open on this instrument, or asked for it lately."""
        asked = self._asked.get(key)
        return self._listened(key) or (asked is not None and self._clock.now() - asked < LATELY)

    def touch(self, key: str) -> None:
        """Somebody asks for an instrument that is in memory: one that is there on demand is not idle."""
        now = self._asked[key] = self._clock.now()
        demand = self._reader.demand
        if key in demand:
            demand.asked(key, now)

    async def read(
        self, instrument: Instrument, trades: int | None, window: int | None, fresh: bool, deadline: float
    ) -> Book:
        """The book of an instrument after a REST read on behalf of a user: of one that is not configured, or (`fresh`)
        of what is newer than memory. `deadline` in seconds. Raises `UpstreamError` and its kinds."""
        key = instrument.key
        book = self._engine.book(key)
        if book is None:
            book = self._engine.add(instrument)
            book.demand = True
        # Of what a stream keeps whole only the newest trades can be lacking; else the past is read as well.
        whole = not book.demand and (book.warm or not self.fleeting(key))
        try:
            result = await self._reader.read(
                instrument,
                trades=trades or DEMAND_TRADES,
                window=window,
                fresh=whole,
                deadline=self._clock.now() + int(deadline * 1e6),
            )
        except Exception:  # whatever it was goes on to the caller
            book = self._engine.book(key)
            if book is not None and book.demand and not len(book.tape):
                self._engine.remove(key)  # nothing was had: leave no empty book behind
            raise
        book = self._engine.add(instrument)
        if result.promote and book.demand and key not in self._promoted and key not in self.configured:
            log.info("symbol in demand: streaming it", symbol=instrument.symbol)
            self._promoted.add(key)
            self._connections.add([instrument])
        return book

    async def run(self) -> None:
        """Until cancelled: give up symbols that nobody asks for any more."""
        while True:
            await asyncio.sleep(IDLE_LOOK)
            now = self._clock.now()
            for key in self._engine.books:
                if key not in self.configured and self._listened(key):
                    self.touch(key)
            for key in self._reader.tick(now):
                book = self._engine.book(key)
                if book is not None and key not in self.configured:
                    log.info("symbol not asked for lately: dropped", symbol=book.instrument.symbol)
                    self._promoted.discard(key)
                    self._drop(key, book.instrument.symbol)

    async def close(self) -> None:
        """End the reads under way; who waits for them is told so. From here on nothing is news."""
        self._closed = True
        await self._reader.close()
