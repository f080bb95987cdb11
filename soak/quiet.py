"""`python -m soak.quiet N`: a whole recorded day through the alert rules as they are deployed, a scrape a second.

N: 1 a busy symbol's day, 2 the thinnest symbol's, 3 the crash of 2025-10-10 on three, 4 a made-up day of silences (the
one that there is without recordings; exit code 3 for the others then). Prints what was played; exit code 1 where any
alert fired.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.deploy.quiet import Player, Print, fired, judged, thin
from tests.deploy.tapes import TAPES, prints

DAY = 86_400
MARKETS = {1: ("BTCUSDC",), 2: ("XRPETH",), 3: ("BB", "POL", "TRX"), 4: ()}


def market(number: int) -> list[Print]:
    """Its trades by time."""
    names = MARKETS[number]
    found = [one for name in names for one in prints(name)] if names else thin(8, DAY, seed=number)
    return sorted(found, key=lambda one: one.ts)


def main(number: int, seconds: int = DAY) -> int:
    """The exit code."""
    if MARKETS[number] and not TAPES.is_dir():
        print("no recorded tapes here")
        return 3
    began = time.monotonic()
    trades = market(number)
    world = Player(trades, seconds).run()
    with tempfile.TemporaryDirectory() as folder:
        said = judged(Path(folder), world, [(fired(seconds), seconds - 1, [])])
    what = "+".join(MARKETS[number]) or "made up"
    print(
        f"{what}: {seconds / 3_600:.0f} h, {len(trades):,} trades, {seconds:,} scrapes of {len(world.series)} series, "
        f"{world.asked:,} silences put to REST, {world.renewals} connections renewed, states {sorted(world.states)}: "
        f"{'no alert fired' if not said else 'ALERTS FIRED'} ({time.monotonic() - began:.0f} s)"
    )
    if said:
        print(said[-2_000:])
    return int(bool(said))


if __name__ == "__main__":
    raise SystemExit(main(*map(int, sys.argv[1:])))
