"""What REST answers instead of the truth: U18-U20."""

from __future__ import annotations

import asyncio
import email.utils
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from orderflow_stream.simulator.rest_faults import RestKind
from orderflow_stream.simulator.tape import Tape
from tests.faults.house import House, house
from tests.faults.market import Steady

pytestmark = pytest.mark.asyncio(loop_scope="module")

BUSY, SLOW = "AAAUSDT", "BBBUSDT"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    folder: Path = tmp_path_factory.mktemp("daemon")
    async with house(folder, Steady({BUSY: 60, SLOW: 15})) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def home(shared: House) -> AsyncIterator[House]:
    """Whole before and after; nothing in force."""
    await shared.until_whole()
    yield shared
    shared.sim.faults.clear()
    shared.rest.clear()
    await shared.assert_whole()
    shared.assert_quiet_log()


def refusal(status: int, retry_after: str | None) -> bytes:
    field = "" if retry_after is None else f"Retry-After: {retry_after}\r\n"
    body = '{"code":-1003,"msg":"Too much request weight used."}'
    return (
        f"HTTP/1.1 {status} No\r\nContent-Type: application/json\r\n{field}Connection: close\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def in_two_seconds() -> str:
    return email.utils.formatdate(time.time() + 3, usegmt=True)  # whole seconds: between two and three


async def told_to_stop(home: House, status: int, retry_after: str | None) -> float:
    """REST says stop from now on; when (monotonic) it said so to the first that asked."""
    home.rest.canned = refusal(status, retry_after)
    home.rest.reset_all()  # connections that were kept alive
    links = len(home.rest.links)
    home.sim.faults.skip(BUSY, 20)

    async def asked() -> bool:
        return len(home.rest.links) > links and bool(home.rest.links[links].request)

    await home.until(asked, "REST was asked")
    told = home.rest.links[links].at
    await asyncio.sleep(0.1)  # what was on its way at that moment
    home.rest.canned = None
    return told


async def goes_on(home: House) -> None:
    """The streams do not notice."""
    newest = home.sim.exchange[BUSY].newest_id or 0

    async def live() -> bool:
        return int((await home.coverage(BUSY, trades=100))["last_id"]) > newest

    await home.until(live, "the streams go on")


@pytest.mark.parametrize("status,retry_after,least", [(429, "1", 1.0), (429, "date", 1.9), (418, "2", 2.0)])
async def test_told_to_stop(home: House, status: int, retry_after: str, least: float) -> None:
    """U18: nothing at all is asked of REST before `Retry-After`, by nobody. Then the repair goes on. The streams do not
    notice."""
    told = await told_to_stop(home, status, in_two_seconds() if retry_after == "date" else retry_after)
    links = len(home.rest.links)
    await goes_on(home)

    async def again() -> bool:
        return len(home.rest.links) > links

    await home.until(again, "REST is asked again")
    assert home.rest.links[links].at - told >= least


@pytest.mark.parametrize("status,retry_after", [(429, None), (429, "soon"), (418, "120")])
async def test_told_to_stop_for_long(tmp_path: Path, status: int, retry_after: str | None) -> None:
    """U18: without a time that makes sense we stop all the same, for long; a user who asks for more than is in memory
    is told when to come back, at once."""
    async with house(tmp_path, Steady({BUSY: 60, SLOW: 15})) as home:
        await told_to_stop(home, status, retry_after)
        links = len(home.rest.links)
        await goes_on(home)
        began = time.monotonic()
        code, body = await home.raw("/v1/flow", symbol=SLOW, trades=100, fresh="true")
        assert time.monotonic() - began < 1.0
        assert (code, json.loads(body)["error"]["code"]) == (503, "upstream_busy")
        assert not (await home.coverage(BUSY))["complete"]
        await asyncio.sleep(1.5)
        assert len(home.rest.links) == links
        assert len(home.said("told us to stop")) == 1
        home.assert_quiet_log()


@pytest.mark.parametrize("kind", ["500", "502", "503", "html", "empty", "truncated", "timeout", "reset"])
async def test_no_answer(home: House, kind: RestKind) -> None:
    """U19: asked again, less and less often; nothing of it is taken for trades."""
    home.sim.faults.rest(kind, count=2, path="aggTrades")
    home.sim.faults.skip(BUSY, 30)

    published = home.sim.exchange[BUSY].published_total

    async def repaired() -> bool:
        # Once the thirty have been skipped and the two answers been given.
        if home.sim.exchange[BUSY].published_total < published + 31 or home.sim.faults.state():
            return False
        return bool((await home.coverage(BUSY))["missing_total"] == 0)

    await home.until(repaired, "repaired")


@pytest.mark.parametrize("disorder", ["backwards", "overlapping"])
async def test_pages_in_disorder(home: House, disorder: str) -> None:
    """U19: rows in the wrong order, or more of them than were asked for, are put right or asked for again."""
    tape = home.sim.exchange[BUSY]
    honest = Tape.render
    left = [2]

    def render(positions: range, divisor: int) -> bytes:
        if not left[0]:
            return honest(tape, positions, divisor)
        left[0] -= 1
        if disorder == "overlapping":
            positions = range(max(0, positions.start - 7), positions.stop)
        rows: list[Any] = json.loads(honest(tape, positions, divisor))
        return json.dumps(rows[::-1] if disorder == "backwards" else rows).encode()

    tape.render = render  # type: ignore[method-assign]
    try:
        home.sim.faults.skip(BUSY, 40)

        async def done() -> bool:
            return left[0] < 2 and not (await home.coverage(BUSY))["missing_total"]

        await home.until(done, "such a page was read")
    finally:
        del tape.render


async def test_the_budget_is_nearly_used(tmp_path: Path) -> None:
    """U20: others on this address have used 95 % of the weight: never asked beyond the rest, live untouched, and a user
    who would have to wait is told so."""
    async with house(tmp_path, Steady({BUSY: 60, SLOW: 15, "FFFUSDT": 0}), symbols=[BUSY, SLOW],
                     sim={"weight_limit": 6000}) as home:  # fmt: skip
        home.sim.weights.used = 5_700
        calls = len(home.sim.calls)
        for _ in range(6):
            home.sim.faults.skip(BUSY, 5)
            published = home.sim.exchange[BUSY].published_total

            async def on(until: int = published + 12) -> bool:
                return home.sim.exchange[BUSY].published_total >= until

            await home.until(on, "trades go on")
            status, body = await home.raw("/v1/flow", symbol="FFFUSDT", trades=5000, fresh="true")
            assert status in {200, 503}
            if status == 503:
                assert json.loads(body)["error"]["code"] == "upstream_busy"
        newest = home.sim.exchange[BUSY].newest_id or 0

        async def live() -> bool:
            return int((await home.coverage(BUSY, trades=100))["last_id"]) >= newest

        await home.until(live, "the streams go on")
        later = list(home.sim.calls)[calls:]
        assert not [call for call in later if call.status in {418, 429}]
        assert sum(call.weight for call in later) <= 300
        home.assert_quiet_log()
