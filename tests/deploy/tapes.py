"""Recorded tapes as a market to play: times, ids and sides."""

from __future__ import annotations

import csv
import gzip
import json
from typing import Final

from orderflow_stream.core.events import BUY, SELL
from orderflow_stream.core.units import US_PER_S
from tests.deploy.quiet import Print
from tests.e2e.process import ROOT

TAPES: Final = ROOT.parent / "shared" / "tapes"
FILES: Final = {
    "BTCUSDC": "BTCUSDC-spot-aggtrades-2025-10-04.csv.gz",
    "XRPETH": "XRPETH-spot-aggtrades-rest-2019-10-11_13.json.gz",
    **{name: f"{name}USDT-spot-2025-10-10-aggtrades-derived.csv.gz" for name in ("BB", "POL", "TRX")},
}
#: Where every tape begins here: they are of different days.
START: Final = 1_760_000_400 * US_PER_S


def prints(name: str, *, hours: tuple[int, int] = (0, 24)) -> list[Print]:
    """A tape between two hours after its midnight, moved so that it begins at `START`; ascending."""
    low, high = (hour * 3_600 * US_PER_S for hour in hours)
    key = f"binance:{FILES[name].partition('-')[0]}"
    out: list[Print] = []
    midnight = -1
    for number, ts, sold in rows(FILES[name]):
        if midnight < 0:
            midnight = ts - ts % (86_400 * US_PER_S)
        at = ts - midnight
        if at >= high:
            break
        if at >= low:
            out.append(Print(key, number, START + at - low, SELL if sold else BUY))
    return out


def rows(name: str) -> list[tuple[int, int, bool]]:
    """(id, time in µs, sold) of a file."""
    if name.endswith(".json.gz"):
        with gzip.open(TAPES / name) as file:
            return [(row["a"], row["T"] * 1_000, row["m"]) for row in json.load(file)]
    with gzip.open(TAPES / name, "rt") as text:
        found = (row for row in csv.reader(text) if row[0].isdigit())
        return [(int(row[0]), int(row[5]), row[6].lower() == "true") for row in found]
