"""A running daemon takes up another configuration, and nothing else is disturbed."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest

from orderflow_stream.app import Daemon
from orderflow_stream.app.live import live
from orderflow_stream.cli import main
from orderflow_stream.config import describe, load
from orderflow_stream.simulator import DEFAULT_LISTINGS, Simulator, SyntheticMarket, SyntheticPlayer
from tests.tapes.kit import until

FIRST, SECOND, THIRD = (listing.symbol for listing in DEFAULT_LISTINGS[:3])


class House:
    """A daemon with a file that can be written anew."""

    def __init__(self, sim: Simulator, file: Path) -> None:
        self.sim = sim
        self.file = file
        self.write(f"symbols = ['{FIRST}', '{SECOND}']")
        self.daemon = Daemon(load(file, {}), reread=lambda: load(file, {}))

    def write(self, binance: str, rest: str = "") -> None:
        self.file.write_text(
            "[venues.binance]\n"
            f"stream_url = '{self.sim.stream_url}'\nrest_url = '{self.sim.rest_url}'\n{binance}\n"
            f"[server]\nport = 0\n{rest}"
        )

    def streamed(self, *symbols: str) -> bool:
        books = self.daemon.engine.books
        return {book.instrument.symbol for book in books.values() if book.warm and book.verified} == set(symbols)


@pytest.fixture
async def house(tmp_path: Path, logs_restored: None) -> AsyncIterator[House]:
    market = SyntheticMarket(seed=5, listings=DEFAULT_LISTINGS[:3], rate=300.0)
    async with Simulator(SyntheticPlayer(market, 60.0)) as sim:
        house = House(sim, tmp_path / "config.toml")
        async with running(house.daemon):
            await until(lambda: house.streamed(FIRST, SECOND), "both are streamed")
            yield house


@asynccontextmanager
async def running(daemon: Daemon) -> AsyncIterator[None]:
    task = asyncio.create_task(daemon.run())
    await daemon.ready.wait()
    try:
        yield
    finally:
        daemon.stop()
        await task


async def get(house: House, path: str) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(house.daemon.url + path) as response:
        answer: dict[str, Any] = (await response.json())["data"]
        return answer


def test_every_key_that_changes_live_exists() -> None:
    known = {each.key for each in describe()}
    tables = {key.rpartition(".")[0] for key in known} | {key.partition(".")[0] for key in known}

    for key in live(cast(Daemon, None)):  # it looks at the daemon only when something is applied
        assert key in known | tables, key


async def test_symbols_come_and_go_and_the_others_are_not_disturbed(house: House) -> None:
    daemon = house.daemon
    kept = daemon.engine.books[f"binance:{FIRST}"]
    before = kept.counters.applied
    house.write(f"symbols = ['{FIRST}', '{THIRD}']")
    assert daemon.reload().changed == ("venues.binance.symbols",)
    await until(lambda: house.streamed(FIRST, THIRD), "the third is streamed instead of the second")
    assert daemon.engine.books[f"binance:{FIRST}"] is kept
    assert kept.counters.applied > before
    assert (kept.counters.gaps, kept.state) == (0, "live")
    assert sum(daemon.connections.stats().reconnects.values()) == 0


async def test_thresholds_limits_and_words_change_at_once(house: House) -> None:
    daemon = house.daemon
    clients = daemon.hub.limits.max_clients
    house.write(
        f"symbols = ['{FIRST}', '{SECOND}']",
        "allowed_hosts = ['flow.example']\nmax_connections_per_ip = 7\n"
        "[analytics.large]\nmin_notional = 5\n[analytics.flow]\npressure_balanced = 0.01\npressure_strong = 0.02\n"
        "[delivery]\ntick_ms = 40\n[metrics]\nmax_symbols = 1\n[tape]\nbudget_mb = 64\n[log]\nlevel = 'error'\n",
    )
    outcome = daemon.reload()
    assert outcome.restart == ()
    assert outcome.faults == ()
    assert len(outcome.changed) == 9
    meta = await get(house, "/v1/meta")
    assert meta["large"]["min_notional"] == 5
    assert meta["flow"]["pressure"]["balanced_below"] == 0.01
    assert meta["settings"]["delivery"]["tick_ms"] == 40
    large = await get(house, f"/v1/large?symbol={FIRST}&group=order")
    assert large["min_notional"] == 5
    assert large["count"] > 0
    [tracker] = daemon.engine.books[f"binance:{FIRST}"].analytics
    assert len(tracker.ring) > 0  # type: ignore[attr-defined]
    assert (daemon.hub.limits.tick, daemon.hub.limits.max_clients) == (0.04, clients)
    assert daemon.doors.per_address == 7
    assert daemon.engine.keeper.budget == 64_000_000
    host = {"Host": "flow.example"}
    async with aiohttp.ClientSession() as session, session.get(daemon.url + "/metrics", headers=host) as response:
        text = await response.text()
    assert "orderflow_symbols_cut 1.0" in text


async def test_what_needs_a_restart_is_named_and_not_taken_for_in_force(house: House) -> None:
    before = house.daemon.settings.delivery.ring_events
    house.write(f"symbols = ['{FIRST}', '{SECOND}']", "[delivery]\nring_events = 500\ntick_ms = 40\n")
    outcome = house.daemon.reload()
    assert (outcome.changed, outcome.restart) == (("delivery.tick_ms",), ("delivery.ring_events",))
    meta = await get(house, "/v1/meta")
    assert meta["settings"]["delivery"]["tick_ms"] == 40
    assert meta["settings"]["delivery"]["ring_events"] == before


async def test_symbols_by_volume_are_chosen_once_the_volumes_are_known(house: House) -> None:
    assert not house.daemon.symbols.volumes
    house.write("symbols = ['top:1']")
    assert house.daemon.reload().changed == ("venues.binance.symbols",)
    await until(lambda: len(house.daemon.ingest.configured) == 1 and bool(house.daemon.symbols.volumes), "one is left")


async def test_keys_are_asked_for_from_now_on(house: House) -> None:
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(io.StringIO()):
        assert main(["key", "new", "--scopes", "read+admin"]) == 0
    secret, line = out.getvalue().splitlines()
    url = house.daemon.url
    async with aiohttp.ClientSession() as session:
        async with session.post(url + "/admin/reload") as response:
            assert response.status == 403  # without keys there is nobody who could be trusted with it
        house.write(f"symbols = ['{FIRST}', '{SECOND}']", f"[auth]\nkeys = ['{line}']\n")
        assert house.daemon.reload().changed == ("auth.keys",)
        async with session.get(f"{url}/v1/flow?symbol={FIRST}") as response:
            assert response.status == 401
        mine = {"x-api-key": secret}
        async with session.get(f"{url}/v1/flow?symbol={FIRST}", headers=mine) as response:
            assert response.status == 200
        house.write(f"symbols = ['{FIRST}']", f"[auth]\nkeys = ['{line}']\n")
        async with session.post(url + "/admin/reload", headers=mine) as response:
            assert response.status == 200
            assert (await response.json())["data"] == {"changed": ["venues.binance.symbols"], "restart": []}
        house.write("symbols = ['BTC USDT']", f"[auth]\nkeys = ['{line}']\n")
        async with session.post(url + "/admin/reload", headers=mine) as response:
            assert response.status == 409
            assert "venues.binance.symbols" in (await response.json())["message"]
    assert house.streamed(FIRST)
