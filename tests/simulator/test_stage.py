"""The one part that waits: everything is published when it is due, by the given clock."""

from __future__ import annotations

from collections.abc import Sequence

from orderflow_stream.simulator.exchange import Exchange
from orderflow_stream.simulator.hub import Hub
from orderflow_stream.simulator.market import SyntheticMarket
from orderflow_stream.simulator.player import RowsPlayer, SyntheticPlayer
from orderflow_stream.simulator.stage import Stage
from orderflow_stream.simulator.stream_faults import StreamFaults
from tests.simulator.kit import NOON, Clock, rows


class Watched(Clock):
    """Remembers how long every sleep was."""

    def __init__(self) -> None:
        super().__init__()
        self.sleeps: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        await super().sleep(seconds)


def stage_of(source: RowsPlayer | SyntheticPlayer, clock: Clock) -> tuple[Stage, Exchange]:
    exchange = Exchange()
    return Stage(source, Hub(exchange, StreamFaults(lambda: 0.0), clock), clock, clock.sleep), exchange


def published(exchange: Exchange, symbol: str) -> Sequence[int]:
    return exchange[symbol]._published


async def test_rows_are_published_when_due() -> None:
    clock = Watched()
    stage, exchange = stage_of(RowsPlayer("BTCUSDT", rows(1, 40, step=150_000), history=10), clock)
    await stage.prepare()
    assert len(exchange["BTCUSDT"]) == 10
    await stage.play()
    tape = exchange["BTCUSDT"]
    assert stage.published == 30
    assert all(0 <= at - row.ts <= 1000 for at, row in zip(published(exchange, "BTCUSDT"), tape.rows(), strict=True))
    assert clock.now == NOON + 29 * 150_000


async def test_long_waits_are_cut_so_that_a_clock_may_jump() -> None:
    clock = Watched()
    stage, _ = stage_of(RowsPlayer("BTCUSDT", rows(1, 2, step=5_500_000)), clock)
    await stage.prepare()
    await stage.play()
    assert max(clock.sleeps) == 1.0
    assert len(clock.sleeps) == 6


async def test_as_fast_as_read_never_waits() -> None:
    clock = Watched()
    stage, exchange = stage_of(RowsPlayer("BTCUSDT", rows(1, 5000, step=10**6), speed=None), clock)
    await stage.prepare()
    await stage.play()
    assert clock.sleeps == []
    assert len(exchange["BTCUSDT"]) == 5000


async def test_a_synthetic_market_lists_all_its_symbols() -> None:
    clock = Watched()
    player = SyntheticPlayer(SyntheticMarket(seed=3), history_s=60, max_rows=500)
    stage, exchange = stage_of(player, clock)
    await stage.prepare()
    assert list(exchange.tapes) == [listing.symbol for listing in player.listings]
    assert sum(tape.published_total for tape in exchange.tapes.values()) > 1000
    assert all(len(tape) <= 625 for tape in exchange.tapes.values())
