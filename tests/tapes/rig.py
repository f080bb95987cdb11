"""A tape published by hand, step by step, so that things go wrong between two known trades."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from orderflow_stream.app import Daemon
from orderflow_stream.core.book import Book, BookCounters
from orderflow_stream.simulator import Simulator
from orderflow_stream.simulator.player import listing_of
from orderflow_stream.simulator.server import wall_clock
from tests.reference import oracle
from tests.reference.tapefile import Row
from tests.tapes.answers import assert_all
from tests.tapes.kit import Api, Material, api_of, archive_row, book_of, running, settle, until

#: Rows that lie in the past when the daemon starts: fewer than the longest answer, so that both kinds make it up.
HISTORY: Final = 2_000


class Play:
    """The rows of one tape on their way: `published` so far, `hidden` ids that nobody will ever be told."""

    daemon: Daemon
    api: Api

    def __init__(self, sim: Simulator, material: Material, rows: list[Row]) -> None:
        self.sim = sim
        self.material = material
        self.rows = rows
        self.at = 0
        self.hidden: set[int] = set()

    @property
    def symbol(self) -> str:
        return self.material.symbol

    @property
    def book(self) -> Book:
        return book_of(self.daemon, self.material)

    @property
    def counters(self) -> BookCounters:
        return self.book.counters

    @property
    def left(self) -> int:
        return len(self.rows) - self.at

    @property
    def told(self) -> list[Row]:
        """What the venue has published and not hidden: the truth of now."""
        return [row for row in self.rows[: self.at] if row.id not in self.hidden]

    def publish(self, count: int, *, hidden: bool = False) -> list[Row]:
        """The next rows, now; `hidden` says that a fault in force keeps them from everyone."""
        rows = self.rows[self.at : self.at + count]
        assert len(rows) == count, "the tape is too short for this play"
        self.at += count
        if hidden:
            self.hidden.update(row.id for row in rows)
        self.sim.publish(self.symbol, map(archive_row, rows))
        return rows

    def keep_as_past(self, count: int) -> None:
        """About `count` rows were published before anyone listened: REST has them, no stream does."""
        count = self.up_to_order(count)
        self.sim.add_history(self.symbol, map(archive_row, self.rows[self.at : self.at + count]))
        self.at += count

    def up_to_order(self, least: int) -> int:
        """How many rows from here on end with the end of a taker order: at least so many."""
        count = least
        while count < self.left:
            pair = [row for row in self.rows[self.at + count - 1 : self.at + count + 1] if row.valid]
            if len(oracle.orders(pair)) != 1:
                break
            count += 1
        return count

    async def arrived(self) -> None:
        """The newest published trade has been applied."""
        newest = self.rows[self.at - 1].id
        await until(lambda: self.book.sequence.newest == newest, lambda: f"{newest}, not {self.book.sequence.newest}")

    async def settled(self, patience: float = 30.0) -> Book:
        """Everything published is held or proven lost, and the feed is proven."""
        return await settle(self.daemon, self.material, self.told[-1].id, patience)

    async def subscribed(self, connections: int = 1) -> None:
        """So many connections carry the symbol, and the daemon knows."""
        await self.sim.subscribed(self.symbol, connections=connections)
        await until(lambda: len(self.book.connections) >= connections, "connections are up")

    async def down(self) -> None:
        """No connection carries the symbol, and the daemon knows."""
        await until(lambda: not self.book.connections, "the loss was noticed", pause=0)  # the next is dialled at once

    def reconnects(self) -> int:
        return sum(self.daemon.connections.stats().reconnects.values())

    def rejected(self) -> int:
        return sum(self.daemon.connections.stats().bad.values())

    def failures(self) -> int:
        """REST calls that had to be made again, or failed."""
        return self.daemon.backfiller.counters.failures + self.daemon.rest.counters.retries

    def assert_no_id_missing(self) -> None:
        """Ids from the first held to the newest, less those that were hidden: each is held, none is open."""
        book = self.book
        assert book.sequence.newest == self.told[-1].id
        assert not book.open_ranges()
        held = {row.id for row in book.tape.rows(0, len(self.rows))} | set(book.sequence.invalid)
        assert held == {row.id for row in self.told if row.id >= (book.sequence.first or 0)}

    async def assert_whole(self, *, strings: Sequence[bool] = (False,)) -> None:
        """The same answers as of a tape that nothing ever happened to, complete."""
        self.assert_no_id_missing()
        await assert_all(self.daemon, self.api, self.material, self.told, strings=strings)


@asynccontextmanager
async def playing(
    material: Material, *, rows: int = 6_000, warm: bool = True, configured: bool = True, **overrides: Any
) -> AsyncIterator[Play]:
    """A daemon that streams `material` (its first `rows` rows), with the past read and the rest still to publish."""
    part = material.head(rows)
    shift = wall_clock() // 1000 * 1000 - part[-1].ts_us // 1000 * 1000
    part = [row._replace(ts_us=row.ts_us + shift) for row in part]
    symbols = [material.symbol] if configured else []
    async with Simulator(listings=[listing_of(material.symbol)], fault_seed=5) as sim:
        play = Play(sim, material, part)
        play.keep_as_past(min(HISTORY, len(part) // 2))
        async with running(sim, *symbols, **overrides) as daemon, api_of(daemon) as api:
            play.daemon, play.api = daemon, api
            if configured:
                await play.subscribed()
                if warm:
                    await play.settled()
            yield play
