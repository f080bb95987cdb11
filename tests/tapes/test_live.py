"""Every tape, played over real sockets into the daemon: each answer equals the decimal reference."""

from __future__ import annotations

from pathlib import Path

import pytest

from orderflow_stream.simulator import ArchivePlayer, RowsPlayer, Simulator
from tests.tapes.answers import assert_all
from tests.tapes.kit import Material, all_tapes, api_of, archive_row, moved, running, settle

#: A day of this one is played from its file as it is, of the others the last rows (`replay` plays every file whole).
WHOLE = ("LTCUSDT",)
MOST = 12_000


@pytest.mark.parametrize("material", all_tapes(), ids=str)
async def test_a_tape_live(material: Material, tmp_path: Path) -> None:
    rows = material.rows()
    history = min(len(rows) // 3, 12_000)
    if len(rows) <= MOST or material.name.startswith(WHOLE):
        player: RowsPlayer = ArchivePlayer(material.file(tmp_path), speed=None, history=history)
    else:
        rows = rows[-MOST:]
        player = RowsPlayer(material.symbol, map(archive_row, rows), speed=None, history=history)
    async with Simulator(player, autoplay=False) as sim, running(sim, material.symbol) as daemon, api_of(daemon) as api:
        await sim.subscribed(material.symbol)
        sim.play()
        await sim.played()
        await settle(daemon, material, rows[-1].id)
        await assert_all(daemon, api, material, moved(rows, player.map_time), strings=(False, True))
