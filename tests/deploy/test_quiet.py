"""Never paged by a quiet market: recorded and made-up hours through the rules as they are deployed; and the same judge
pages where there is a loss. Whole days: `make soak` (soak/quiet.py)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deploy.quiet import Player, Print, fired, judged, thin
from tests.deploy.tapes import TAPES, prints

#: Of each; promtool takes 2 s of CPU for it.
SECONDS = 600


def test_a_made_up_quiet_market_alerts_nobody(tmp_path: Path) -> None:
    world = Player(thin(6, SECONDS, seed=3), SECONDS).run()
    assert {"quiet", "live"} == world.states
    assert world.asked > 20, "nothing was ever in doubt: this market proves nothing"
    assert judged(tmp_path, world, [(fired(SECONDS), SECONDS - 1, [])]) == ""


@pytest.mark.skipif(not TAPES.is_dir(), reason="the recorded tapes are not here; the made-up market above is")
def test_a_recorded_quiet_market_alerts_nobody(tmp_path: Path) -> None:
    """The thinnest tape there is, in its night, beside a busier one."""
    market = prints("XRPETH", hours=(2, 3)) + prints("BTCUSDC", hours=(0, 1))
    world = Player(sorted(market, key=lambda each: each.ts), SECONDS).run()
    assert {"quiet", "live"} == world.states
    assert world.asked > 5
    assert judged(tmp_path, world, [(fired(SECONDS), SECONDS - 1, [])]) == ""


def test_the_same_judge_pages_within_ten_seconds_of_a_loss(tmp_path: Path) -> None:
    """A symbol that trades ten times a second goes on trading, and its trades no longer come."""
    quiet = thin(3, 200, seed=5)
    start = quiet[0].ts
    busy = [Print("binance:BUSYUSDT", n, start + n * 100_000) for n in range(1, 2_000)]
    loss = 120
    world = Player(sorted(quiet + busy, key=lambda each: each.ts), 160, stall=("binance:BUSYUSDT", loss)).run()
    assert "stale" in world.states
    stale = 'ALERTS{alertname="OrderFlowFeedStale",alertstate="firing"}'
    then = (f"count({stale})", loss + 10, [{"labels": "{}", "value": 1}])
    assert judged(tmp_path, world, [(fired(loss), loss, []), then]) == ""
    assert "OrderFlowFeedStale" in judged(tmp_path, world, [(fired(160), 159, [])]), "the judge does not judge"
