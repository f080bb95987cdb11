"""Everything that is asked of Prometheus, asked of a real one that scrapes a real daemon: dashboards, records, alerts;
and how long a loss takes to be told."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import aiohttp

from orderflow_stream.simulator import Simulator
from tests.deploy.observed import Prometheus, prometheus, queries, rules, selectors
from tests.e2e.inside import LISTINGS, market, running

#: What a healthy daemon on a spot market has no series of.
NONE_OF: Final = (
    "orderflow_liquidations",
    "orderflow_frames_rejected",
    "orderflow_reconnects",
    "orderflow_auth_refused",
    'code="500"',
    'status!="200"',
)
#: Of the paragraph in the alert file: how long a loss may take to page somebody.
WITHIN_S: Final = 10.0


async def test_every_query_finds_what_it_is_for_and_a_loss_pages_within_ten_seconds(tmp_path: Path) -> None:
    async with (
        market() as simulator,
        running(simulator, tmp_path, journal__directory=str(tmp_path / "journal")) as daemon,
        prometheus(tmp_path, daemon.url.removeprefix("http://")) as server,
        aiohttp.ClientSession(daemon.url) as session,
        session.get("/v1/stream?symbols=*") as stream,
    ):
        assert stream.status == 200
        async with session.get("/v1/flow?symbol=BTCUSDT") as answer:
            assert answer.status == 200
        await server.until('count_over_time(up{job="orderflow-stream"}[1m]) >= 3')
        await find_everything(server)
        assert await server.firing() == {}
        await page_somebody(server, simulator)


async def find_everything(server: Prometheus) -> None:
    """Each query has data, and each alert reads what there is."""
    asked = dict(queries())
    assert len(asked) > 50
    empty = await asyncio.gather(*(finds_nothing(server, expr) for expr in asked.values()))
    assert {where for where, nothing in zip(asked, empty, strict=True) if nothing} == {
        where for where, expr in asked.items() if any(each in expr for each in NONE_OF)
    }
    read = {each for rule in rules("alerts.yml") for each in selectors(rule["expr"])}
    assert len(read) > 20
    found = {each for each in read if await server.ask(each)}
    assert {each for each in read - found if not any(name in each for name in NONE_OF)} == set()
    # They are in force as they stand in the files, and none of them failed.
    groups = (await server.get("/api/v1/rules"))["groups"]
    in_force = [rule for group in groups for rule in group["rules"]]
    assert {rule["name"] for rule in in_force} == {
        rule.get("alert") or rule["record"] for name in ("alerts.yml", "records.yml") for rule in rules(name)
    }
    assert {rule["health"] for rule in in_force} <= {"ok", "unknown"}


async def finds_nothing(server: Prometheus, expr: str) -> bool:
    if any(each in expr for each in NONE_OF):
        return not await server.ask(expr)
    try:
        await server.until(expr)
    except TimeoutError:
        return True
    return False


async def page_somebody(server: Prometheus, simulator: Simulator) -> None:
    """The whole feed is gone, and does not come back."""
    loop = asyncio.get_running_loop()
    simulator.faults.refuse()
    simulator.faults.cut()
    began = loop.time()
    alert = await server.until_firing("OrderFlowFeedStale", 2 * WITHIN_S)
    took = loop.time() - began
    assert took <= WITHIN_S, f"{took:.1f} s"
    assert alert["labels"]["severity"] == "page"
    assert alert["annotations"]["summary"] == "3 symbols of binance trade, and their trades do not come"
    assert alert["annotations"]["description"].split() == [listing.symbol for listing in LISTINGS]
