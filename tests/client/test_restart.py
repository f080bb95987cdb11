"""A real daemon with a journal ends and begins again under an open stream: no `large` is lost, none comes twice."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from orderflow_stream.client import Event, LargeEvent, Lost, OrderFlow, Retrying, Stream
from orderflow_stream.delivery.hub import Hub
from orderflow_stream.venues.binance_archive import ArchiveRow
from tests.e2e.inside import market, running
from tests.e2e.process import eventually

#: Large from here on: low enough that there are many a second.
LEAST = 500


@pytest.fixture(autouse=True)
def _soon_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client is told to wait half a second to five: half of the time that this test would take."""
    monkeypatch.setattr(Hub, "retry", lambda self, *, busy=False: 100)


async def warm(api: OrderFlow) -> None:
    """Until all is loaded: what a daemon does not know yet it cannot write down."""
    async with asyncio.timeout(20):
        while True:
            if (await api.ready(strict=True)).ready:
                return
            await asyncio.sleep(0.05)


async def read(stream: Stream, seen: list[Event], more: int) -> None:
    """So many more prints."""
    wanted = len(prints(seen)) + more
    async with asyncio.timeout(30):
        async for event in stream:
            seen.append(event)
            if len(prints(seen)) >= wanted:
                return


def worth(row: ArchiveRow) -> Decimal:
    return Decimal(row.price) * Decimal(row.qty)


def prints(seen: list[Event]) -> list[LargeEvent]:
    return [event.data for event in seen if isinstance(event.data, LargeEvent)]


def reasons(seen: list[Event]) -> list[str]:
    return [event.data.reason for event in seen if isinstance(event.data, Retrying)]


async def test_with_a_journal_nothing_is_lost_and_nothing_comes_twice(tmp_path: Path) -> None:
    over: dict[str, object] = {
        "analytics__large__min_notional": LEAST,
        "journal__directory": tmp_path / "journal",
    }
    seen: list[Event] = []
    async with market(rate=200) as simulator:
        async with running(simulator, tmp_path, **over) as daemon:
            url = daemon.url
            over["server__port"] = urlsplit(url).port
            api = OrderFlow(url)
            await warm(api)
            stream = api.stream("BTCUSDT", "large", group="row")
            await read(stream, seen, 8)
        reading = asyncio.create_task(read(stream, seen, 25))  # over the time when nobody is there
        before = len(simulator.published("BTCUSDT"))
        await eventually(lambda: len(simulator.published("BTCUSDT")) >= before + 40)
        async with running(simulator, tmp_path, **over):
            await reading
            first, newest = prints(seen)[0].id, max(one.id for one in prints(seen))
            rows = simulator.published("BTCUSDT")
            wanted = {row.id for row in rows if first <= row.id <= newest and worth(row) >= LEAST}
            while wanted - {one.id for one in prints(seen)}:  # what was traded meanwhile comes after what is live
                await read(stream, seen, 1)
            await api.close()
    ids = [one.id for one in prints(seen)]
    assert len(ids) == len(set(ids)) >= 33
    assert {id_ for id_ in ids if id_ <= newest} == wanted
    assert any(one.late for one in prints(seen)), "what was traded meanwhile was told afterwards"
    assert reasons(seen)[0] == "bye"
    assert [event.name for event in seen].count("hello") >= 2


async def test_without_a_journal_the_loss_is_said_and_can_be_made_good(tmp_path: Path) -> None:
    over: dict[str, object] = {"analytics__large__min_notional": LEAST}
    seen: list[Event] = []
    async with market(rate=200) as simulator:
        async with running(simulator, tmp_path, **over) as daemon:
            over["server__port"] = urlsplit(daemon.url).port
            api = OrderFlow(daemon.url)
            stream = api.stream("BTCUSDT", "large", group="row")
            await read(stream, seen, 10)
            at = stream.position
        async with running(simulator, tmp_path, **over):
            with pytest.raises(Lost) as lost:
                await read(stream, seen, 1_000)
            assert lost.value.epoch_changed
            assert lost.value.from_position >= at
            newest = prints(seen)[-1].id
            async with asyncio.timeout(20):
                while True:  # until the new process has read back as far
                    made_good = await api.large("BTCUSDT", min_notional=LEAST, since_id=newest, limit=5000)
                    if (first := made_good.coverage.first_id) is not None and first <= newest:
                        break
                    await asyncio.sleep(0.05)
            await read(stream, seen, 5)
            await api.close()
        rows = simulator.published("BTCUSDT")
    told = {one.id for one in prints(seen)} | {one.id for one in made_good.largest}
    large = {row.id for row in rows if worth(row) >= LEAST}
    assert {id_ for id_ in large if min(told) <= id_ <= max(told)} == told
