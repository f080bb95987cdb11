"""Hundreds of broken connections: nothing missing, nothing twice, nothing out of order that was not said."""

from __future__ import annotations

import random

import pytest

from orderflow_stream.delivery.ring import EventLog
from tests.fuzz.disconnects import World

CUTS = 300


@pytest.mark.parametrize("drawn", [False, True], ids=["fixed", "fresh"])
def test_every_resume_is_complete_or_says_so(drawn: bool) -> None:
    seed = random.SystemRandom().randrange(1 << 31) if drawn else 7
    print(f"seed {seed}")  # shown where it fails
    counts = World(seed).run(CUTS)
    assert counts["recovered"] > CUTS // 4
    assert counts["not recovered"] > 0
    assert counts["events"] > CUTS


def test_a_replay_that_leaves_one_out_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    since = EventLog.since
    monkeypatch.setattr(
        EventLog, "since", lambda self, position, scope: (since(self, position, scope) or [])[1:] or None
    )
    with pytest.raises(AssertionError):
        World(7).run(CUTS)


def test_a_log_that_forgets_where_it_ends_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recovered although the ring has run over: the worst, a silent hole."""
    trade = EventLog.trade

    def forgetful(self: EventLog, payload: object) -> int:
        seq = trade(self, payload)  # type: ignore[arg-type]
        self._trade_floor = 0
        return seq

    monkeypatch.setattr(EventLog, "trade", forgetful)
    with pytest.raises(AssertionError):
        World(7).run(CUTS)
