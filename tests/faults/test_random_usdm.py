"""Random faults on USD-M, short: one seed that stays, and one that is new each time. The long form is `make soak`."""

from __future__ import annotations

import os
import secrets

import pytest

from soak.random_faults import USDM, short
from tests.faults.test_random import SEED, Tell, judged


@pytest.mark.timeout(120)
def test_a_fixed_seed_on_usdm(record_property: Tell) -> None:
    judged(short(1, seconds=3.5, venue=USDM, patience=60.0), record_property)


@pytest.mark.timeout(150)
def test_a_fresh_seed_on_usdm(record_property: Tell) -> None:
    seed = int(os.environ.get(SEED) or secrets.randbelow(10**6) + 1_000)
    judged(short(seed, seconds=10.0, venue=USDM, patience=60.0), record_property)
