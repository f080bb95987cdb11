"""Every tape, played over real sockets into the daemon: each answer equals the decimal reference."""

from __future__ import annotations

from pathlib import Path

import pytest

from orderflow_stream.simulator import ArchivePlayer, Simulator
from tests.tapes.kit import Material, all_tapes, api_of, assert_all, moved, running, settle


@pytest.mark.parametrize("material", all_tapes(), ids=str)
async def test_a_whole_tape_live(material: Material, tmp_path: Path) -> None:
    rows = material.rows()
    player = ArchivePlayer(material.file(tmp_path), speed=None, history=min(len(rows) // 3, 12_000))
    async with Simulator(player, autoplay=False) as sim, running(sim, material.symbol) as daemon, api_of(daemon) as api:
        await sim.subscribed(material.symbol)
        sim.play()
        await sim.played()
        await settle(daemon, material, rows[-1].id)
        await assert_all(daemon, api, material, moved(rows, player.map_time), strings=(False, True))
