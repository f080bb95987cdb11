"""The measure of growth."""

from __future__ import annotations

import pytest

from soak.memory import slope


@pytest.mark.parametrize(
    "samples,rise",
    [
        ([], 0.0),
        ([(1.0, 90.0)], 0.0),
        ([(0.0, 90.0), (1.0, 90.0), (2.0, 90.0)], 0.0),
        ([(0.0, 90.0), (1.0, 92.0), (2.0, 94.0)], 2.0),
        ([(0.0, 90.0), (1.0, 91.0), (2.0, 89.0), (3.0, 90.0)], -0.2),
        ([(5.0, 90.0), (5.0, 91.0)], 0.0),
    ],
)
def test_slope(samples: list[tuple[float, float]], rise: float) -> None:
    assert slope(samples) == pytest.approx(rise)
