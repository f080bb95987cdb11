"""Everything of one venue: from its frames to the engine, from its REST to the tapes, and back to what it is asked.

Engine, hub and journal are one for all venues; clock and budget are those of the venue's pool. Nothing of a market
waits for another one: where a venue cannot be reached, the others do not notice.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import structlog
from msgspec import Struct

from orderflow_stream.adapters.backfiller import Backfiller
from orderflow_stream.adapters.connections import Connections, Redundancy
from orderflow_stream.adapters.ingest import Held, Ingest
from orderflow_stream.adapters.joiner import worthless
from orderflow_stream.adapters.liquidations import Liquidations
from orderflow_stream.adapters.minded import minded
from orderflow_stream.adapters.reader import Reader
from orderflow_stream.adapters.rest import Rest
from orderflow_stream.adapters.symbols import Symbols
from orderflow_stream.adapters.watcher import Watcher
from orderflow_stream.app.journal import Journal
from orderflow_stream.app.listing import Listing
from orderflow_stream.app.pool import Pool
from orderflow_stream.config import Venue
from orderflow_stream.core.book import Book
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import Event, GapFound, Instrument, Liquidation, LiquidationFeed, Trade, Update
from orderflow_stream.core.units import US_PER_S
from orderflow_stream.delivery.http.context import VenueContext
from orderflow_stream.delivery.hub import Hub
from orderflow_stream.delivery.metrics import FeedNumbers, RestNumbers, VenueSource
from orderflow_stream.feed.demand import Demand
from orderflow_stream.feed.selection import is_pattern, needs_volumes
from orderflow_stream.venues.catalogue import Spec


class House(Struct, frozen=True):
    """What all markets share. `trades` and `window` (µs) are how far back a warm-up reads, `patience` (µs) is how long
    the streams wait for a venue's list of symbols."""

    engine: Engine
    hub: Hub
    journal: Journal
    trades: int
    window: int
    patience: int


class Market:
    """One venue that is on. `named`: its log lines say which venue they are of."""

    def __init__(self, spec: Spec, table: Venue, pool: Pool, house: House, *, named: bool) -> None:
        self.spec = spec
        self.name = spec.name
        self.pool = pool
        self._engine = engine = house.engine
        self._hub = house.hub
        self._journal = house.journal
        self._named = named
        self._patience = house.patience
        self._known = False  # a journal told what was streamed
        self._settled = False
        clock = pool.clock
        self.codec = spec.codec()
        self._stated: dict[str, object] = {
            "trades_weight": self.codec.trades_weight,
            "weight_limit": pool.budget.limit,
            "weight_pool": pool.name,
            "lookback_s": None if spec.lookback is None else spec.lookback // US_PER_S,
        }
        bases = (table.rest_url, *(spec.rest_fallbacks if table.urls_are_default else ()))
        self.rest = Rest(bases, pool.budget, now=clock.now, explain=self.codec.error)
        self.symbols = Symbols(
            self.rest,
            self.codec,
            now=clock.now,
            budget=pool.budget,
            volumes=needs_volumes(table.symbols) or any("*" in pattern for pattern in table.symbols),
            names=[pattern for pattern in table.symbols if not is_pattern(pattern)],
        )
        self.listing = Listing(self.symbols, self.codec.guess)
        held = Held(engine)
        self.backfiller = Backfiller(
            self.rest,
            self.codec,
            held,
            self.sink,
            now=clock.now,
            instrument_of=self._instrument_of,
            doubtful=self._doubtful,
            up_since=self._up_since,
            cold=self._cold,
            worthless=lambda gap: worthless(engine, gap, clock.now()),
            activity=self.symbols.activity,
            trades=house.trades,
            window=house.window,
        )
        self.watcher = Watcher(
            self.rest,
            self.codec,
            _Books(engine.books, spec.name) if named else engine.books,
            self.sink,
            probe=lambda instrument: self.backfiller.probe(instrument, silent=True),
            now=clock.now,
        )
        self.connections = Connections(
            self.codec,
            table.stream_url,
            clock,
            self.sink,
            streams_per_connection=table.streams_per_connection,
            redundancy=table.redundancy,
            fallbacks=table.urls_are_default,
            hushed=self.watcher.hurry,
            moves=self.backfiller.moves,
        )
        self.liquidations = self._liquidations(table)
        demand = Demand()
        self.backfiller.followed = lambda key: house.hub.listened(key) or key in demand
        self.ingest = Ingest(
            engine=engine,
            connections=self.connections,
            backfiller=self.backfiller,
            reader=Reader(self.rest, self.codec, held, self.sink, now=clock.now, demand=demand),
            symbols=self.symbols,
            clock=clock,
            patterns=table.symbols,
            listened=house.hub.listened,
            silent=self.connections.doubt,
        )

    def _liquidations(self, table: Venue) -> Liquidations | None:
        """The connections for the venue's liquidations, where it tells of any."""
        stream = self.codec.liquidations_venue()
        if stream is None:
            return None
        return Liquidations(
            stream,
            table.stream_url,
            self.pool.clock,
            self.liquidated,
            redundancy=table.redundancy,
            fallbacks=table.urls_are_default,
        )

    # -- the way of an event --------------------------------------------------------------------------------------

    def sink(self, event: Event) -> None:
        """What this venue brought, on its one way: engine, clients, journal, and what follows from it here."""
        updates = self._engine.apply(event)
        if updates is None:
            return
        self._hub.publish(event, updates)
        if updates or type(event) is not Trade:
            self._journal.saw(event, updates)
        self.ingest.saw(event, updates)

    def liquidated(self, event: Liquidation | LiquidationFeed) -> None:
        """The same for the venue's liquidations, which no tape depends on."""
        updates = self._engine.apply(event)
        if updates is not None:
            self._hub.publish(event, updates)
            self._journal.saw(event, updates)

    def passed(self, updates: tuple[Update, ...]) -> None:
        """Time has passed, and these came of it here."""
        self.ingest.saw(None, updates)

    def _doubtful(self, key: str) -> bool:
        book = self._engine.book(key)
        return book is not None and not book.verified

    def _up_since(self, key: str) -> int:
        """When that instrument was connected again, until a trade came since."""
        book = self._engine.book(key)
        return book.newest_up if book is not None and 0 <= book.last_recv < book.newest_up else -1

    def _cold(self, key: str) -> bool:
        book = self._engine.book(key)
        return book is not None and not book.warm

    def _instrument_of(self, key: str) -> Instrument | None:
        book = self._engine.book(key)
        return None if book is None else book.instrument

    # -- start and end --------------------------------------------------------------------------------------------

    def restored(self, key: str) -> None:
        """That book of this venue was read from a journal."""
        self._known = True
        self.ingest.restored(key)

    def repair(self, hole: GapFound) -> None:
        """A hole that the journal told of."""
        self.backfiller.repair(hole)

    def start(self, group: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """All that goes on for this venue."""
        context = contextvars.copy_context()
        if self._named:
            context.run(structlog.contextvars.bind_contextvars, venue=self.name)
        work = {
            "feed": self._feed(),
            "backfill": self.backfiller.run(),
            "ingest": self.ingest.run(),
            "watcher": self.watcher.run(),
        }
        if self.liquidations is not None:
            work["liquidations"] = self.liquidations.run()
        return [group.create_task(each, name=name, context=context) for name, each in work.items()]

    async def close(self) -> None:
        """Take leave of the venue. From here on nothing is news."""
        await self.ingest.close()
        if self.liquidations is not None:
            await self.liquidations.aclose()
        await self.connections.aclose()

    async def _feed(self) -> None:
        """The symbol list first, if it comes soon and no journal knows what was streamed; then the streams, and the
        list again every hour."""
        had = not self._known and await self.symbols.refresh(self.pool.clock.now() + self._patience)
        self._refreshed()
        self.ingest.started = True
        async with asyncio.TaskGroup() as group:
            await minded(
                group.create_task(self.connections.run(), name="connections"),
                group.create_task(self.symbols.run(self._refreshed, first=not had), name="symbols"),
            )

    def _refreshed(self) -> None:
        """The symbol list is new. What it selects and no journal brought back, a process before may have told of."""
        self.ingest.refreshed()
        self._stated["weight_limit"] = self.pool.budget.limit
        log = self._hub.log
        if not self._settled and log.began:
            self._hub.lack([key for key in self.ingest.configured if not log.knows(key)])
        self._settled = self._settled or self.symbols.fetched_at is not None

    # -- another configuration ------------------------------------------------------------------------------------

    def set_symbols(self, patterns: tuple[str, ...], spawn: Callable[[Any], None]) -> None:
        """Other symbols from now on; where their volumes must be read first, that is `spawn`ed."""
        if needs_volumes(patterns) and not self.symbols.want_volumes:
            spawn(self._set_symbols_by_volume(patterns))
        else:
            self._set_symbols(patterns)

    async def _set_symbols_by_volume(self, patterns: tuple[str, ...]) -> None:
        """Symbols chosen by a volume that nobody wanted to know before: it is read first."""
        self.symbols.want_volumes = True
        await self.symbols.refresh()
        self._set_symbols(patterns)

    def _set_symbols(self, patterns: tuple[str, ...]) -> None:
        with structlog.contextvars.bound_contextvars(**({"venue": self.name} if self._named else {})):
            self.ingest.set_patterns(patterns)

    def set_redundancy(self, redundancy: Redundancy) -> None:
        """So many connections for the same symbols from now on."""
        self.connections.set_redundancy(redundancy)
        if self.liquidations is not None:
            self.liquidations.set_redundancy(redundancy)

    # -- what others ask of it ------------------------------------------------------------------------------------

    def context(self) -> VenueContext:
        """For the routes."""
        spec, started = self.spec, lambda: self.ingest.started
        return VenueContext(self.name, spec.market, self.listing, self.ingest, started, self._stated, spec.liquidations)

    def source(self) -> VenueSource:
        """For a scrape."""
        return VenueSource(
            feed=self._feed_numbers,
            rest=self._rest_numbers,
            offset=lambda: self.pool.clock.offset,
            pool=self.pool.name,
            liquidations=self.spec.liquidations,
            repair=self.backfiller.outlook,
        )

    def _feed_numbers(self) -> FeedNumbers:
        """What the connections tell."""
        stats = self.connections.stats()
        return FeedNumbers(
            connections=len(stats.connections),
            reconnects=stats.reconnects,
            since={f"{one.shard}{one.place}": one.since for one in stats.connections},
            last_message={f"{one.shard}{one.place}": one.last_frame for one in stats.connections},
            lag={f"{one.shard}{one.place}": one.lag for one in stats.connections if one.lag is not None},
            rejected=stats.bad,
        )

    def _rest_numbers(self) -> RestNumbers:
        """What the REST client tells; used weight and limit are those of the pool."""
        counters = self.rest.counters
        now = self.pool.clock.now()
        weights = self.pool.budget.weights(now)
        return RestNumbers(
            calls=counters.calls,
            weight=counters.weight,
            used=weights.used,
            limit=weights.limit,
            retries=counters.retries,
            blocked=self.pool.budget.blocked_until - now,
        )


class _Books(Mapping[str, Book]):
    """Those of one venue, as they are at any moment."""

    def __init__(self, books: Mapping[str, Book], venue: str) -> None:
        self._books = books
        self._venue = venue

    def __getitem__(self, key: str) -> Book:
        book = self._books[key]
        if book.instrument.venue != self._venue:
            raise KeyError(key)
        return book

    def __iter__(self) -> Iterator[str]:
        venue = self._venue
        return (key for key, book in self._books.items() if book.instrument.venue == venue)

    def __len__(self) -> int:
        return sum(1 for _ in self)
