"""`make bench`: every measurement, one after the other, as tables. Ratios within one run are what counts.

Loopback only, bounded, and it stops by itself. Nothing is updated: `bench/RESULTS.md` is written by hand from this.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import subprocess
import sys
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table


def ingest(console: Console, frames: int, symbols: int, repeats: int) -> None:
    """CPU per trade from the socket to the windows, against receiving and decoding the same frames."""
    table = Table(title=f"CPU per trade, µs (median of {repeats}; {symbols} symbols, Zipf)")
    for column in ("frames", "floor", "daemon", "ratio", "lost"):
        table.add_column(column, justify="right")
    for name, count, batch, gap in (("many a read", frames, 64, 0.0), ("one a read", frames // 40, 1, 0.0002)):
        runs: dict[str, list[dict[str, Any]]] = {"floor": [], "daemon": []}
        for _ in range(repeats):  # in turn, so that a busy neighbour disturbs both
            for mode, results in runs.items():
                results.append(_consume(mode, count, symbols, batch, gap))
        floor, daemon = (statistics.median(one["cpu_us"] for one in runs[mode]) for mode in ("floor", "daemon"))
        lost = sum(int(one["missing"]) for one in runs["daemon"])
        table.add_row(name, f"{floor:.1f}", f"{daemon:.1f}", f"{daemon / floor:.2f}", str(lost))
    console.print(table)


def _consume(mode: str, frames: int, symbols: int, batch: int, gap: float) -> dict[str, Any]:
    generator = subprocess.Popen(
        [sys.executable, "-m", "bench.generator", "--frames", str(frames), "--symbols", str(symbols),
         "--batch", str(batch), "--gap", str(gap)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert generator.stdout is not None
        port = generator.stdout.readline().strip()
        consumer = [sys.executable, "-m", "bench.consumer", mode, "--port", port, "--frames", str(frames),
                    "--symbols", str(symbols)]  # fmt: skip
        done = subprocess.run(consumer, stdout=subprocess.PIPE, timeout=60, check=True)
        result: dict[str, Any] = orjson.loads(done.stdout)
        return result
    finally:
        generator.kill()
        generator.wait()


def stall(console: Console, symbols: int, seconds: float) -> None:
    """The worst stall of the loop while everything streams."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.stall", "--symbols", str(symbols), "--seconds", str(seconds)],
        stdout=subprocess.PIPE, timeout=900, check=True,
    )  # fmt: skip
    result = orjson.loads(done.stdout)
    table = Table(title=f"Event loop, ms late ({symbols} symbols, {result['applied']:,} trades applied)")
    for column in ("loop", "p50", "p99", "p99.9", "worst"):
        table.add_column(column, justify="right")
    for name, key in (("idle", "idle_ms"), ("warming up", "starting_ms"), ("scrapes and lists", "loaded_ms")):
        table.add_row(name, *(f"{result[key][column]:.2f}" for column in ("p50", "p99", "p99.9", "worst")))
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, to see that it runs")
    args = parser.parse_args()
    console = Console(width=100)
    console.print(f"{platform.platform()}, Python {platform.python_version()}")
    share = 10 if args.quick else 1
    ingest(console, 200_000 // share, 1370, 1 if args.quick else 3)
    stall(console, 1370 // share, 20 / share)


if __name__ == "__main__":
    main()
