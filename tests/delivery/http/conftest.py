"""Real servers on free ports, over what `world` has."""

from collections.abc import AsyncIterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from orderflow_stream.delivery.encode import Rules
from orderflow_stream.delivery.http.app import build_app
from orderflow_stream.delivery.http.context import Context, Options
from orderflow_stream.delivery.http.server import Runner
from orderflow_stream.delivery.http.stats import HttpStats
from orderflow_stream.delivery.metrics import Metrics, Sources
from tests.delivery.http.venues import engine_of_venues, venues_of
from tests.delivery.http.world import (
    NOW,
    WINDOWS,
    Daemon,
    FakeDemand,
    FakeHub,
    FakeSymbols,
    Start,
    live_engine,
)


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start daemons; keywords replace fields of the context (`options` takes a dict of Options' fields)."""
    running: list[tuple[Runner, aiohttp.ClientSession]] = []

    async def begin(*, header_deadline: float = 10.0, options: dict[str, Any] | None = None, **fields: Any) -> Daemon:
        engine = fields.pop("engine", None) or live_engine()
        hub, stats = FakeHub(), HttpStats(fields.pop("doors", None))
        demand = FakeDemand(engine)
        symbols = fields.pop("symbols", None) or FakeSymbols()
        rules = fields.pop("rules", None) or Rules(Fraction(1, 10), Fraction(3, 10))
        chosen = Options(windows=WINDOWS, rules=rules, **(options or {}))
        scrape = Metrics(
            Sources(engine=engine, now=lambda: NOW, windows=WINDOWS, version="1.2.3", http=stats), max_symbols=100
        )
        context = Context(
            engine=engine,
            hub=hub,
            symbols=symbols,
            demand=demand,
            options=chosen,
            now=lambda: NOW,
            version="1.2.3",
            metrics=scrape.render,
            stats=stats,
        )
        context = replace(context, **fields)
        runner = Runner(build_app(context), doors=stats.doors, header_deadline=header_deadline)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        session = aiohttp.ClientSession()
        running.append((runner, session))
        return Daemon(context, hub, demand, symbols, session, f"http://127.0.0.1:{port}", port)

    yield begin
    for runner, session in running:
        await session.close()
        await runner.cleanup()


@pytest.fixture
async def daemon(start: Start) -> Daemon:
    return await start()


@pytest.fixture
async def many(start: Start) -> Daemon:
    """One with three venues."""
    engine = engine_of_venues()
    return await start(engine=engine, venues=venues_of(engine))
