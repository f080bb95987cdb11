"""Whether memory grows: the daemon under a steady load, for as long as is asked, clients coming and going.

    python -m soak.memory                    ten minutes
    python -m soak.memory --seconds 60       a look

The tapes fill, which is no leak: what they say that they take (`orderflow_tape_bytes`) is taken off. Growth is what a
straight line through the second half of the samples then rises by. One line at the end, one JSON object with --json;
the exit code is 1 where it grows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import uvloop

from tests.clients.crowd import listen, rss
from tests.faults.house import House, house
from tests.faults.market import Steady

BUSY: Final = "AAAUSDT"
RATES: Final = {BUSY: 200.0, "BBBUSDT": 50.0, "CCCUSDT": 10.0, "DDDUSDT": 1.0}
#: Where a run is this short, what it takes to come to rest is most of what is seen.
SHORTEST_S: Final = 300.0
#: MiB an hour that count as none: what a page more or less makes of so short a time.
MOST: Final = 12.0


def slope(samples: Sequence[tuple[float, float]]) -> float:
    """By how much the second of each pair rises with the first: least squares. 0 for fewer than two."""
    count = len(samples)
    if count < 2:
        return 0.0
    x0, y0 = (sum(column) / count for column in zip(*samples, strict=True))
    spread = sum((x - x0) ** 2 for x, _ in samples)
    return sum((x - x0) * (y - y0) for x, y in samples) / spread if spread else 0.0


async def _load(home: House, n: int) -> None:
    """What users do, some of each."""
    path = f"/v1/stream?symbols=*&topics=flow,trade,large&min_notional={1_000_000 + n}"
    streams = await listen(home.url, path, 10)
    for window in ("1m", "5m", "1h"):
        await home.get("/v1/flow", symbols="*", window=window)
    for n_trades in (100, 1000 + n % 1000, 5000):
        await home.get("/v1/flow", symbol=BUSY, trades=n_trades)
        await home.get("/v1/large", symbol=BUSY, min_notional=100_000 + n, trades=n_trades)
    await home.raw("/v1/flow", symbol=f"NONE{n}USDT")  # nothing is kept of what a client made up
    await home.raw("/metrics")
    for stream in streams:
        stream.close()


async def run(seconds: float, folder: Path) -> dict[str, Any]:
    """So many seconds of it: the figures."""
    # What is bounded is small, and full from the start or soon: then it grows no more by itself.
    market = Steady(RATES, history=120_000)
    keys: dict[str, Any] = {
        "journal__directory": folder / "journal",
        "journal__snapshot_s": 10,
        "tape__budget_mb": 16,
        "delivery__ring_trades": 2_000,
        "delivery__ring_events": 2_000,
        "analytics__large__min_notional": 1_000_000,
    }
    async with house(folder, market, **keys) as home:
        pid, began, n = home.daemon.process.pid, time.monotonic(), 0
        samples: list[tuple[float, float]] = []
        beside: list[tuple[float, float]] = []  # without the tapes
        tapes = 0.0
        while (at := time.monotonic() - began) < seconds:
            await _load(home, n)
            n += 1
            tapes = await home.metric("orderflow_tape_bytes") / (1 << 20)
            samples.append((at, rss(pid)))
            beside.append((at, rss(pid) - tapes))
            await asyncio.sleep(max(0.0, began + at + 1.0 - time.monotonic()))
        later = [sample for sample in samples if sample[0] >= seconds / 2]
        rest = [sample for sample in beside if sample[0] >= seconds / 2]
        return {
            "seconds": round(seconds),
            "rounds": n,
            "rss_first_mib": round(samples[0][1], 1),
            "rss_half_mib": round(later[0][1], 1),
            "rss_last_mib": round(later[-1][1], 1),
            "tapes_last_mib": round(tapes, 1),
            "rss_growth_mib_per_hour": round(slope(later) * 3600, 1),
            "growth_mib_per_hour": round(slope(rest) * 3600, 1),
        }


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m soak.memory", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        figures = uvloop.run(run(given.seconds, Path(folder)))
    print(json.dumps(figures) if given.json else "memory: " + "  ".join(f"{k} {v}" for k, v in figures.items()))
    return int(given.seconds >= SHORTEST_S and figures["growth_mib_per_hour"] > MOST)


if __name__ == "__main__":
    sys.exit(main())
