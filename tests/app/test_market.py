"""Several venues under one roof: each its own way to the engine, none in the way of another."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from orderflow_stream.app import Daemon
from orderflow_stream.app.reload import Outcome
from orderflow_stream.config import load
from orderflow_stream.core.events import GapFound, StateChanged, Update
from orderflow_stream.core.units import NOTIONAL_SCALE
from orderflow_stream.simulator.server import wall_clock
from orderflow_stream.venues.catalogue import VENUES
from tests.e2e.inside import build
from tests.e2e.markets import exchange, over, settings_for, symbols_of
from tests.tapes.kit import until

SPOT, USDM = "binance", "binance-usdm"
ALL = tuple(each.name for each in VENUES)


@asynccontextmanager
async def alive(daemon: Daemon) -> AsyncIterator[Daemon]:
    task = asyncio.create_task(daemon.run())
    ready = asyncio.create_task(daemon.ready.wait())
    await asyncio.wait((task, ready), return_when=asyncio.FIRST_COMPLETED)
    ready.cancel()
    try:
        yield daemon
    finally:
        daemon.stop()
        await asyncio.wait_for(task, 20)


def whole(daemon: Daemon, venue: str) -> bool:
    """Whether everything of that venue is streamed, warm and proven."""
    books = [book for book in daemon.engine.books.values() if book.instrument.venue == venue]
    return len(books) == len(symbols_of(venue)) and all(
        book.warm and book.verified and book.state in {"live", "quiet"} for book in books
    )


def warm(daemon: Daemon, key: str) -> bool:
    book = daemon.engine.book(key)
    return book is not None and book.warm


async def get(daemon: Daemon, path: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.get(daemon.url + path) as response:
        return response.status, await response.json()


@asynccontextmanager
async def deaf() -> AsyncIterator[str]:
    """A host that takes connections and never says a word; `host:port`."""
    held: list[asyncio.StreamWriter] = []

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)
        with contextlib.suppress(ConnectionError):
            while await reader.read(4096):
                pass

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        for writer in held:
            writer.close()
        server.close()
        await server.wait_closed()


async def test_all_venues_at_once_each_with_its_own_symbols(tmp_path: Path) -> None:
    async with exchange() as markets, alive(over(markets, tmp_path)) as daemon:
        for name in ALL:
            await until(lambda name=name: whole(daemon, name), name)  # type: ignore[misc]
        assert set(daemon.engine.books) == {f"{name}:{symbol}" for name in ALL for symbol in symbols_of(name)}
        assert {book.instrument.market for book in daemon.engine.books.values()} == {each.market for each in VENUES}
        status, body = await get(daemon, "/readyz")
        assert status == 200, body
        for name in ALL:
            symbol = symbols_of(name)[0]
            status, body = await get(daemon, f"/v1/flow?venue={name}&symbol={symbol}&trades=100")
            assert status == 200, body
            assert (body["data"]["venue"], body["data"]["symbol"]) == (name, symbol)
            assert body["data"]["trades_scanned"] == 100
            assert body["data"]["coverage"]["missing_total"] == 0


async def test_a_venue_that_says_nothing_delays_no_other(tmp_path: Path) -> None:
    async with exchange(SPOT) as markets, deaf() as host:
        moved = {
            f"venues.{USDM}.rest_url": f"http://{host}",
            f"venues.{USDM}.stream_url": f"ws://{host}",
            f"venues.{USDM}.symbols": ["BTCUSDT", "*USDC"],
        }
        async with alive(build(settings_for(markets) | moved, tmp_path / "empty.toml")) as daemon:
            await until(lambda: whole(daemon, SPOT), "spot is whole")
            assert not daemon.markets[USDM].ingest.started  # its list of symbols is being waited for all the while
            status, body = await get(daemon, "/v1/flow?symbol=BTCUSDT&window=1m")
            assert status == 200
            assert body["data"]["coverage"]["complete"] is True
            assert daemon.clock.measured_at is not None
            status, body = await get(daemon, "/readyz")
            assert status == 503
            assert "start-up is not over" in body["message"]
            await until(lambda: daemon.markets[USDM].ingest.started, "it connects without the list")
            status, body = await get(daemon, "/readyz")
            assert status == 503
            assert f"{USDM}: 1 of 1 instruments have no live feed" in body["message"]
            assert whole(daemon, SPOT)


async def test_an_outage_of_one_is_no_event_of_another(tmp_path: Path) -> None:
    async with exchange() as markets, alive(over(markets, tmp_path)) as daemon:
        for name in ALL:
            await until(lambda name=name: whole(daemon, name), name)  # type: ignore[misc]
        told: list[str] = []
        apply = daemon.engine.apply

        def heard(event: Any) -> Any:
            updates: tuple[Update, ...] | None = apply(event)
            told.extend(update.instrument for update in updates or () if isinstance(update, GapFound | StateChanged))
            return updates

        daemon.engine.apply = heard  # type: ignore[method-assign]
        await markets[USDM].stop()
        down = [f"{USDM}:{symbol}" for symbol in symbols_of(USDM)]
        await until(lambda: all(daemon.engine.books[key].state == "stale" for key in down), "it is told")
        spot = daemon.engine.books[f"{SPOT}:BTCUSDT"]
        before = spot.counters.applied
        await until(lambda: spot.counters.applied > before + 50, "spot goes on")
        assert set(told) <= set(down)
        assert spot.counters.gaps == 0
        for name in ALL:
            if name != USDM:
                assert whole(daemon, name)
                assert not daemon.markets[name].connections.stats().reconnects
                assert daemon.markets[name].rest.failing is None
        status, body = await get(daemon, "/readyz")
        assert status == 503
        assert f"{USDM}: 2 of 2 instruments have no live feed" in body["message"]
        status, body = await get(daemon, f"/v1/flow?venue={USDM}&symbol=BTCUSDT")
        assert (status, body["data"]["coverage"]["state"]) == (200, "stale")


async def test_a_ban_stops_the_pool_and_nobody_else(tmp_path: Path) -> None:
    async with exchange() as markets, alive(over(markets, tmp_path)) as daemon:
        for name in ALL:
            await until(lambda name=name: whole(daemon, name), name)  # type: ignore[misc]
        daemon.pools[daemon.markets[USDM].pool.name].budget.block(418, "120", wall_clock())
        spot, futures = daemon.markets[SPOT], daemon.markets[USDM]
        assert all(
            market.pool.budget.blocked_until > wall_clock()
            for market in daemon.markets.values()
            if market.spec.pool == futures.spec.pool
        )
        status, body = await get(daemon, "/v1/flow?symbol=ETHUSDT&fresh=true")
        assert status == 200, body
        status, body = await get(daemon, f"/v1/flow?venue={USDM}&symbol=ETHUSDT&fresh=true")
        assert (status, body["error"]["code"]) == (503, "upstream_busy")
        markets[SPOT].faults.skip("BTCUSDT", 3)
        book = daemon.engine.books[f"{SPOT}:BTCUSDT"]
        await until(lambda: book.counters.refilled >= 3, "a hole of spot is repaired meanwhile")
        assert spot.rest.failing is None


async def test_each_venue_goes_by_its_own_clock(tmp_path: Path) -> None:
    ahead = 3_000_000
    faster = {USDM: lambda: wall_clock() + ahead}
    async with exchange(SPOT, USDM, clocks=faster) as markets, alive(over(markets, tmp_path)) as daemon:
        for name in (SPOT, USDM):
            await until(lambda name=name: whole(daemon, name), name)  # type: ignore[misc]
        ours, theirs = (daemon.engine.books[f"{name}:BTCUSDT"] for name in (SPOT, USDM))
        await until(lambda: abs(theirs.skew - ahead) < 200_000, "its clock is measured")
        assert abs(theirs.clock_offset - ahead) < 200_000
        assert ours.skew == 0
        assert abs(ours.clock_offset) < 200_000
        now = daemon.clock.now()
        assert abs(theirs.now(now) - ours.now(now) - ahead) < 1_000_000
        assert abs(daemon.markets[USDM].pool.clock.offset - ahead) < 200_000


async def test_what_comes_of_time_goes_to_its_market(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with exchange(SPOT, USDM) as markets:
        daemon = over(markets, tmp_path)
        seen: dict[str, list[tuple[Update, ...]]] = {name: [] for name in daemon.markets}
        for name, market in daemon.markets.items():
            monkeypatch.setattr(market, "passed", seen[name].append)
        one, two = (StateChanged(f"{name}:BTCUSDT", "quiet", 1, "") for name in (SPOT, USDM))
        third = StateChanged(f"{USDM}:ETHUSDT", "live", 1, "")
        daemon._route((one, two, third))
        daemon._route((two,))
        assert seen == {SPOT: [(one,)], USDM: [(two, third), (two,)]}


async def test_a_restart_brings_back_the_books_of_every_venue_that_is_on(tmp_path: Path) -> None:
    journal = str(tmp_path / "journal")
    async with exchange(SPOT, USDM) as markets:
        async with alive(over(markets, tmp_path, journal__directory=journal)) as daemon:
            for name in (SPOT, USDM):
                await until(lambda name=name: whole(daemon, name), name)  # type: ignore[misc]
            held = {key: book.sequence.first for key, book in daemon.engine.books.items()}
        both = over(markets, tmp_path, journal__directory=journal)
        async with alive(both) as daemon:
            assert daemon.journal.restored.instruments == len(held)
            for name in (SPOT, USDM):
                await until(lambda name=name: whole(daemon, name), name)  # type: ignore[misc]
            assert {key: book.sequence.first for key, book in daemon.engine.books.items()} == held
            assert not any(book.open_ranges() for book in daemon.engine.books.values())
        alone = settings_for({SPOT: markets[SPOT]}) | {"journal.directory": journal}
        with capture_logs() as lines:
            async with alive(build(alone, tmp_path / "empty.toml")) as daemon:
                await until(lambda: whole(daemon, SPOT), SPOT)
                assert set(daemon.engine.books) == {key for key in held if key.startswith(f"{SPOT}:")}
        (line,) = [line for line in lines if "off" in line["event"]]
        assert (line["venue"], line["symbols"]) == (USDM, 2)


async def test_lines_name_the_venue_where_there_are_several(tmp_path: Path) -> None:
    import structlog

    async def said(*venues: str) -> list[dict[str, Any]]:
        lines: list[dict[str, Any]] = []
        before = structlog.get_config()

        def keep(_: object, __: str, event: Any) -> Any:
            lines.append(dict(event))
            raise structlog.DropEvent

        structlog.configure(processors=[structlog.contextvars.merge_contextvars, keep])
        try:
            async with exchange(*venues) as markets, alive(over(markets, tmp_path)) as daemon:
                for name in venues:
                    await until(lambda name=name: whole(daemon, name), name)  # type: ignore[misc]
        finally:
            structlog.configure(**before)
        return [line for line in lines if line["event"] == "every configured symbol is streamed"]

    assert {line["venue"] for line in await said(SPOT, USDM)} == {SPOT, USDM}
    assert ["venue" in line for line in await said(SPOT)] == [False]


async def test_thresholds_are_of_all_venues_or_of_one(tmp_path: Path) -> None:
    async with exchange(SPOT, USDM) as markets:
        large = {"btcusdt": 5, f"{USDM}:BTCUSDT": 7, f"{USDM}:ETHUSDT": 9}
        daemon = over(markets, tmp_path, analytics__large__by_symbol=large)
        async with alive(daemon):
            for name in (SPOT, USDM):
                await until(lambda name=name: whole(daemon, name), name)  # type: ignore[misc]
            found = {key: daemon.options.threshold(book.instrument) for key, book in daemon.engine.books.items()}
        assert found == {
            f"{SPOT}:BTCUSDT": 5 * NOTIONAL_SCALE,
            f"{SPOT}:ETHUSDT": 100_000 * NOTIONAL_SCALE,
            f"{USDM}:BTCUSDT": 7 * NOTIONAL_SCALE,
            f"{USDM}:ETHUSDT": 9 * NOTIONAL_SCALE,
        }


class House:
    """A daemon over spot and USD-M with a file that can be written anew."""

    def __init__(self, markets: Any, file: Path) -> None:
        self.markets = markets
        self.file = file

    def write(self, usdm: str | None, more: str = "") -> None:
        tables = {SPOT: "symbols = ['BTCUSDT']"} | ({USDM: usdm} if usdm is not None else {})
        text = "".join(
            f"[venues.{name}]\nstream_url = '{self.markets[name].stream_url}'\n"
            f"rest_url = '{self.markets[name].rest_url}'\n{keys}\n"
            for name, keys in tables.items()
        )
        self.file.write_text(f"{text}[server]\nport = 0\n{more}")

    def build(self) -> Daemon:
        return Daemon(load(self.file, {}), reread=lambda: load(self.file, {}))


async def test_symbols_and_redundancy_of_a_further_venue_change_live(tmp_path: Path) -> None:
    async with exchange(SPOT, USDM) as markets:
        house = House(markets, tmp_path / "config.toml")
        house.write("symbols = ['BTCUSDT']")
        async with alive(house.build()) as daemon:
            market = daemon.markets[USDM]
            await until(lambda: warm(daemon, f"{USDM}:BTCUSDT"), "it is streamed")
            assert market.connections.redundancy == 2
            house.write("symbols = ['ETHUSDT']\nredundancy = 1")
            assert daemon.reload().changed == (f"venues.{USDM}.symbols", f"venues.{USDM}.redundancy")
            await until(lambda: warm(daemon, f"{USDM}:ETHUSDT"), "the other one is")
            assert f"{USDM}:BTCUSDT" not in daemon.engine.books
            assert f"{SPOT}:BTCUSDT" in daemon.engine.books
            assert market.connections.redundancy == 1
            house.write("symbols = ['top:1']")
            assert daemon.reload().changed == (f"venues.{USDM}.symbols", f"venues.{USDM}.redundancy")
            await until(lambda: len(market.ingest.configured) == 1 and bool(market.symbols.volumes), "one is left")


async def test_a_venue_on_or_off_needs_a_restart_and_the_rest_is_taken_up(tmp_path: Path) -> None:
    async with exchange(SPOT, USDM) as markets:
        house = House(markets, tmp_path / "config.toml")
        house.write(None)
        daemon = house.build()
        house.write("symbols = ['BTCUSDT']", "[delivery]\ntick_ms = 40\n")
        assert daemon.reload() == Outcome(changed=("delivery.tick_ms",), restart=(f"venues.{USDM}",))
        assert list(daemon.markets) == [SPOT]
        house.write(None, "[delivery]\ntick_ms = 40\n")
        assert daemon.reload() == Outcome()
        house.write("symbols = ['BTCUSDT']")
        daemon = house.build()
        house.write(None, "[delivery]\ntick_ms = 40\n")
        assert daemon.reload() == Outcome(changed=("delivery.tick_ms",), restart=(f"venues.{USDM}",))
        assert list(daemon.markets) == [SPOT, USDM]
        assert daemon.options.stated["delivery"]["tick_ms"] == 40


async def test_a_further_venue_without_symbols_reads_on_demand(tmp_path: Path) -> None:
    async with exchange(SPOT, USDM) as markets:
        daemon = build(settings_for(markets) | {f"venues.{USDM}.symbols": []}, tmp_path / "empty.toml")
        async with alive(daemon):
            await until(lambda: whole(daemon, SPOT), SPOT)
            status, body = await get(daemon, "/readyz")
            assert status == 200, body
            status, body = await get(daemon, f"/v1/flow?venue={USDM}&symbol=BTCUSDT&trades=100")
            assert status == 200, body
            assert (body["data"]["venue"], body["data"]["trades_scanned"]) == (USDM, 100)
            assert daemon.engine.books[f"{USDM}:BTCUSDT"].demand
            assert daemon.markets[USDM].rest.counters.weight > 0


async def test_liquidations_of_a_venue_are_kept_with_its_books(tmp_path: Path) -> None:
    async with exchange(SPOT, USDM) as markets, alive(over(markets, tmp_path)) as daemon:
        book_key = f"{USDM}:BTCUSDT"
        await until(lambda: whole(daemon, USDM), USDM)
        book = daemon.engine.books[book_key]
        await until(lambda: book.liquidations_since >= 0, "the stream is up")
        markets[USDM].publish_liquidation("BTCUSDT", "SELL", "64000.10", "12.345")
        await until(lambda: any(one.qty == 1_234_500_000 for one in book.liquidations), "it is told")
        assert daemon.engine.books[f"{SPOT}:BTCUSDT"].liquidations_since == -1
        assert daemon.markets[SPOT].liquidations is None


async def test_what_is_missing_and_how_long_it_takes_is_told_everywhere(tmp_path: Path) -> None:
    async with exchange(SPOT, USDM) as markets, alive(over(markets, tmp_path)) as daemon:
        for name in (SPOT, USDM):
            await until(lambda name=name: whole(daemon, name), name)  # type: ignore[misc]
        _, body = await get(daemon, "/readyz")
        assert "repair" not in body["data"]
        daemon.markets[USDM].pool.budget.block(418, "120", wall_clock())
        markets[USDM].faults.skip("BTCUSDT", 3)
        await until(lambda: bool(daemon.markets[USDM].ingest.outlook().calls), "a hole")
        _, body = await get(daemon, "/readyz")
        left = body["data"]["repair"]
        assert (left["symbols"], left["calls"], left["trades"]) == (1, 1, 3)
        assert 60 < left["seconds_left"] <= 121
        assert body["data"]["venues"][USDM]["repair"] == left
        assert "repair" not in body["data"]["venues"][SPOT]
        _, body = await get(daemon, f"/v1/gaps?venue={USDM}&symbol=BTCUSDT")
        assert body["data"]["open"] == 1
        assert 60 < body["data"]["ready_in_s"] <= 121
        assert (await get(daemon, f"/v1/gaps?venue={USDM}&symbol=ETHUSDT"))[1]["data"]["ready_in_s"] == 0
        async with aiohttp.ClientSession() as session, session.get(f"{daemon.url}/metrics") as response:
            scrape = await response.text()
        assert f'orderflow_repair_calls{{venue="{USDM}"}} 1.0' in scrape
        assert f'orderflow_repair_symbols{{venue="{SPOT}"}} 0.0' in scrape
