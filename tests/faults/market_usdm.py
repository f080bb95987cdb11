"""The steady market as the USD-M exchange tells it."""

from __future__ import annotations

from collections.abc import Mapping

from tests.faults.market import Steady


class SteadyContracts(Steady):
    """Rows tell the quantity without RPI; the simulator sends them in batches, with times in milliseconds."""

    def __init__(self, rates: Mapping[str, float], *, history: int = 600, seed: int = 1, nq: bool = True) -> None:
        super().__init__(rates, history=history, seed=seed, nq=nq)
