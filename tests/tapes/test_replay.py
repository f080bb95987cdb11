"""`orderflow-stream replay`: a file through the same engine gives the answers of the reference and of the live tape."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orderflow_stream.cli import main
from orderflow_stream.simulator import ArchivePlayer, Simulator
from tests.reference import oracle
from tests.reference.oracle import assert_same, load_json
from tests.reference.tapefile import Row
from tests.tapes.answers import IGNORE, assert_coverage, thresholds, within_reach
from tests.tapes.kit import Material, all_tapes, api_of, made_up, running, settle


def replayed(material: Material, path: Path, trades: int, least: str) -> list[str]:
    return [
        *("replay", str(path), "--symbol", material.symbol, "--quote", material.quote),
        *("--trades", str(trades), "--min-notional", least, "--json"),
    ]


def assert_answers(found: Any, material: Material, rows: list[Row], trades: int, least: Any) -> None:
    near = within_reach(rows)
    about: dict[str, Any] = {"symbol": material.symbol, "quote": material.quote}
    assert set(found) == {"flow", "large"}
    assert_same(found["flow"], oracle.flow(near, trades=trades, **about), ignore=IGNORE)
    assert_coverage(found["flow"]["coverage"], oracle.coverage(near, trades=trades), back=len(near) >= trades)
    assert_same(found["large"], oracle.rows_large(near, least, **about), ignore=IGNORE)
    assert_coverage(found["large"]["coverage"], oracle.coverage(near, trades=5000), back=len(near) >= 5000)


@pytest.mark.parametrize("material", all_tapes(), ids=str)
def test_a_whole_file(
    material: Material, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = material.rows()
    trades = 1000 if len(rows) >= 5000 else 777
    least = thresholds(within_reach(rows))["row"][1]
    code = main(replayed(material, material.file(tmp_path), trades, f"{least:f}"))
    assert code == 0
    assert_answers(load_json(capsysbinary.readouterr().out), material, rows, trades, least)


def test_as_a_process(tmp_path: Path) -> None:
    """The real command, over several files, the symbol from their names."""
    material = made_up("AAAUSDT", "USDT", seed=41, n=6_000, invalid=2)
    rows = material.rows()
    least = thresholds(rows)["row"][0]
    path = material.file(tmp_path)
    command = [sys.executable, "-m", "orderflow_stream", "replay", str(path), "--json", "--min-notional", f"{least:f}"]
    ended = subprocess.run([*command, "--trades", "5000"], capture_output=True, timeout=50, check=False)
    assert ended.returncode == 0, ended.stderr
    assert_answers(load_json(ended.stdout), material, rows, 5000, least)


async def test_replayed_equals_live(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """Field by field the same as the daemon says of the tape played live, but for the times, which were moved."""
    material = made_up("AAAUSDT", "USDT", seed=42, n=6_000, holes=3, invalid=2)
    path, rows = material.file(tmp_path), material.rows()
    least = f"{thresholds(rows)['row'][1]:f}"
    assert main(replayed(material, path, 1000, least)) == 0
    replay = load_json(capsysbinary.readouterr().out)
    player = ArchivePlayer(path, speed=None, history=1_000)
    async with Simulator(player, autoplay=False) as sim, running(sim, material.symbol) as daemon, api_of(daemon) as api:
        await sim.subscribed(material.symbol)
        sim.play()
        await settle(daemon, material, rows[-1].id)
        flow = await api.get("/v1/flow", symbol=material.symbol, trades=1000)
        large = await api.get("/v1/large", symbol=material.symbol, min_notional=least)
    shift = (player.map_time(rows[-1].ts_us) - rows[-1].ts_us) // 1000
    for answer in (flow, large):
        for entry in (answer, *answer.get("largest", ())):
            for name in ("first_time", "last_time", "time"):
                if name in entry:
                    entry[name] -= shift
        of_the_moment = ("state", "as_of", "position", "source", "last_trade_age_ms", "lag_ms", "clock_offset_ms")
        other = replay["flow" if answer is flow else "large"]
        for name in of_the_moment:
            assert name in answer["coverage"]
            del answer["coverage"][name], other["coverage"][name]
        assert answer == other
