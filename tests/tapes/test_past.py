"""A past in which the venue itself lacks ids: it is read to its end all the same, and the holes are declared."""

from __future__ import annotations

import pytest

from orderflow_stream.simulator import RowsPlayer, Simulator
from tests.reference import oracle
from tests.reference.oracle import assert_same
from tests.reference.tapefile import Row
from tests.tapes.answers import IGNORE, assert_all, assert_coverage
from tests.tapes.kit import Material, api_of, archive_row, moved, running, settle

PAGE = 1_000


def past(before: int, after: int) -> Material:
    """7,000 rows; `before` and `after` ids lack around the one that the second page is asked from."""
    rows = oracle.synthetic(71, 7_000 + before + after)
    asked = rows[-1].id - PAGE + 1 - PAGE
    kept: list[Row] = [row for row in rows if not asked - before <= row.id < asked + after]
    return Material(f"past-{before}-{after}", "AAAUSDT", "USDT", lambda: kept)


@pytest.mark.parametrize("before, after", [(0, 1), (40, 0), (0, 990), (2_500, 300)])
async def test_a_hole_where_a_page_begins(before: int, after: int) -> None:
    material = past(before, after)
    rows = material.rows()
    player = RowsPlayer(material.symbol, map(archive_row, rows), speed=None, history=len(rows))
    async with Simulator(player) as sim, running(sim, material.symbol) as daemon, api_of(daemon) as api:
        await sim.subscribed(material.symbol)
        await settle(daemon, material, rows[-1].id)
        await assert_all(daemon, api, material, moved(rows, player.map_time))


@pytest.mark.parametrize("before, after", [(0, 1), (3, 4), (40, 0)])
async def test_a_hole_where_a_page_begins_on_demand(before: int, after: int) -> None:
    material = past(before, after)
    rows = material.rows()
    player = RowsPlayer(material.symbol, map(archive_row, rows), speed=None, history=len(rows))
    async with Simulator(player) as sim, running(sim) as daemon, api_of(daemon) as api:
        data = await api.get("/v1/flow", symbol=material.symbol, trades=5000)
        held = [row for row in moved(rows, player.map_time) if row.id >= data["coverage"]["first_id"]]
        # Five pages at most, of which one may go into finding out that the past does not end at the hole.
        assert 3_900 <= len(held) <= 5_000
        expected = oracle.flow(held, trades=5000, symbol=material.symbol, quote=material.quote)
        assert_same(data, expected, ignore=IGNORE)
        assert_coverage(data["coverage"], oracle.coverage(held, trades=5000), back=len(held) == 5_000)
