"""One browser and one daemon for all of these tests that a worker runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from orderflow_stream.app import Daemon
from orderflow_stream.simulator import Simulator
from tests.page.rig import RATES, SLOW, Market, chromium, serving


class House(NamedTuple):
    sim: Simulator
    daemon: Daemon

    @property
    def url(self) -> str:
        return self.daemon.url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as found:
        yield found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Live symbols, one that is quiet, and one whose past is never read."""
    async with Simulator(Market(RATES, history=900), weight_limit=60_000) as simulator:
        simulator.faults.rest("slow", delay=600.0, symbol=SLOW)
        async with serving(simulator, tmp_path_factory.mktemp("page")) as daemon:
            yield House(simulator, daemon)
