"""Time-scaled request weight: the futures exchange's 2,400 "a minute", where a minute is some seconds.

The exchange states the interval in its `exchangeInfo` and counts by it. The daemon never believes a futures market that
states more than 2,400 a minute (two markets share the count), so that one bound is lifted in its process, by a
`sitecustomize` that changes nothing else; everything that plans, asks and tells is as it is.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Final

import orjson

from orderflow_stream.simulator import Simulator, Weights
from orderflow_stream.simulator.facts import Facts, Question
from tests.e2e.process import ROOT

LIMIT: Final = 2400
#: What a page of trades weighs there.
PAGE_WEIGHT: Final = 20
_HOOK: Final = """
from orderflow_stream.feed import budget

class Budget(budget.Budget):
    def __init__(self, limit, *, percent=90, guard=budget.GUARD, most=None):
        super().__init__(limit, percent=percent, guard=guard)

budget.Budget = Budget
"""


class ScaledWeights(Weights):
    """Counts by windows of `seconds`."""

    def __init__(self, seconds: int, limit: int = LIMIT) -> None:
        super().__init__(limit)
        self.seconds = seconds
        self.worst = 0  # the most that was used in a window
        self._window = -1

    def _turn(self, now: int) -> None:
        window = now // (self.seconds * 1_000_000)
        if window != self._window:
            self._window = window
            self.used = self._ignored = 0

    def charge(self, weight: int, now: int) -> None:
        try:
            super().charge(weight, now)
        finally:
            self.worst = max(self.worst, self.used)


def scale(sim: Simulator, seconds: int) -> ScaledWeights:
    """From now on (before it is asked anything) that exchange counts and states a minute of so many seconds."""
    weights = ScaledWeights(seconds)
    sim.weights = sim.rest.weights = weights
    sim.rest.facts = dataclasses.replace(sim.rest.facts, info=_stating(sim.rest.facts, seconds))
    return weights


def _stating(facts: Facts, seconds: int) -> Any:
    def info(asked: Question) -> tuple[bytes, int]:
        body, weight = facts.info(asked)
        told = orjson.loads(body)
        for limit in told["rateLimits"]:
            if limit["rateLimitType"] == "REQUEST_WEIGHT":
                limit |= {"interval": "SECOND", "intervalNum": seconds}
        return orjson.dumps(told), weight

    return info


def believing(folder: Path) -> dict[str, str]:
    """Environment of a daemon that believes such an exchange."""
    return hooked(folder, _HOOK)


def hooked(folder: Path, code: str) -> dict[str, str]:
    """Environment of a process that runs this code before anything else."""
    hooks = folder / "hooks"
    hooks.mkdir(exist_ok=True)
    (hooks / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": f"{hooks}:{ROOT}"}
