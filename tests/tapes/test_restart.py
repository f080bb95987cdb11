"""A daemon that comes late, or again: from REST alone it stands where the one before stood."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orderflow_stream.simulator import ArchivePlayer, Simulator
from tests.tapes.answers import LENGTHS, assert_all, thresholds
from tests.tapes.kit import Api, Material, api_of, made_up, moved, recorded_tapes, running, settle

RECORDED = ("BTCUSDT-spot-2024", "XRPETH", "BTCUSDT-um-2023")
TAPES = [
    made_up("AAAUSDT", "USDT", seed=51, n=9_000, holes=4, invalid=4),
    *(tape for tape in recorded_tapes() if tape.name.startswith(RECORDED)),
]


async def told(api: Api, material: Material, least: str) -> list[dict[str, Any]]:
    """The answers that do not depend on when they are asked for."""
    answers = [await api.get("/v1/flow", symbol=material.symbol, trades=trades) for trades in LENGTHS]
    answers += [
        await api.get("/v1/large", symbol=material.symbol, min_notional=least, group=group)
        for group in ("row", "order")
    ]
    for answer in answers:
        for name in ("as_of", "position", "source", "last_trade_age_ms", "lag_ms", "clock_offset_ms", "state"):
            del answer["coverage"][name]
    return answers


@pytest.mark.parametrize("material", TAPES, ids=str)
async def test_the_next_daemon_answers_the_same(material: Material, tmp_path: Path) -> None:
    rows = material.rows()[-20_000:]
    player = ArchivePlayer(
        material.file(tmp_path), speed=None, history=len(material.rows()) - min(len(rows) // 2, 4_000)
    )
    least = f"{thresholds(rows)['order'][1]:f}"
    async with Simulator(player, autoplay=False) as sim:
        async with running(sim, material.symbol) as daemon, api_of(daemon) as api:
            await sim.subscribed(material.symbol)
            sim.play()
            await settle(daemon, material, rows[-1].id)
            first = await told(api, material, least)
        assert not sim.open_connections
        async with running(sim, material.symbol) as daemon, api_of(daemon) as api:
            book = await settle(daemon, material, rows[-1].id)
            assert book.counters.applied == 0
            assert await told(api, material, least) == first
            shifted = moved(rows, player.map_time)
            oldest = book.cvd()[
                3
            ]  # the bars go back to the oldest trade that was read, though the tape may have left it
            await assert_all(daemon, api, material, [row for row in shifted if row.id >= oldest])
