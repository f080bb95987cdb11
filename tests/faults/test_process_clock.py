"""The machine's clock is stepped by hours while the daemon runs: P9.

Only the wall clock: libfaketime, whose time is written to a file, with the monotonic clock left alone.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tests.faults.house import House, house
from tests.faults.judge import Verdict, judge_flow, sources
from tests.faults.market import Steady
from tests.tools import needs

BUSY, CALM = "AAAUSDT", "CCCUSDT"


def library() -> Path:
    """libfaketime itself: the command is only a wrapper around it, and cannot be told another time later."""
    needs("faketime")
    found = [path for root in ("/usr/lib", "/usr/local/lib") for path in Path(root).rglob("libfaketimeMT.so.1")]
    assert found, "libfaketimeMT.so.1 is not where the package puts it"
    return found[0]


async def judged(home: House, seconds: float) -> set[str]:
    """States seen in so many seconds; every answer in them is exact over the ids and the span that it claims."""
    loop = asyncio.get_running_loop()
    states, flows, end = set(), [], loop.time() + seconds
    while loop.time() < end:
        for query in ({"window": "1m"}, {"trades": 100}):
            flow = await home.flow(BUSY, **query)
            states.add(flow["coverage"]["state"])
            flows.append(flow)
        states.add((await home.coverage(CALM, trades=100))["state"])
        await asyncio.sleep(0.1)
    truth, verdict = sources(home.sim), Verdict()
    for flow in flows:
        judge_flow(truth[BUSY], flow, verdict)
    assert not verdict.problems, verdict.problems[:5]
    return states


async def test_the_wall_clock_is_stepped_by_hours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No time-out fires, no window moves, no symbol is called stale; within seconds `clock_offset_ms` says by how much
    the clock is off. An hour forwards, then two back."""
    time_file = tmp_path / "faketime"
    time_file.write_text("+0")
    script = tmp_path / "python"
    script.write_text(
        f"#!/bin/sh\nexport LD_PRELOAD={library()} FAKETIME_TIMESTAMP_FILE={time_file} FAKETIME_NO_CACHE=1 "
        f'FAKETIME_DONT_FAKE_MONOTONIC=1 DONT_FAKE_MONOTONIC=1\nexec {sys.executable} "$@"\n'
    )
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    async with house(tmp_path, Steady({BUSY: 80, CALM: 0})) as home:
        attempts = home.sim.attempts
        gaps = await home.metric("orderflow_gaps_total")
        assert abs((await home.coverage(BUSY))["clock_offset_ms"]) < 100
        for hours in (1, -1):
            new = tmp_path / "new"
            new.write_text(f"{3600 * hours:+d}")
            new.replace(time_file)  # at one stroke: it is read all the time

            async def measured(hours: int = hours) -> bool:
                offset = (await home.coverage(BUSY))["clock_offset_ms"]
                return bool(abs(offset + 3_600_000 * hours) < 100)

            watching = asyncio.create_task(judged(home, 7.0))
            took = await home.until(measured, f"an offset of {-hours} h", 15.0)
            states = await watching
            assert states <= {"live", "quiet"}, (hours, states)
            assert took < 8.0
            assert abs(await home.metric("orderflow_clock_offset_seconds") + 3600 * hours) < 0.1
            await home.until_whole()
        assert home.sim.attempts == attempts
        assert await home.metric("orderflow_gaps_total") == gaps
        await home.assert_whole()
        home.assert_quiet_log()
