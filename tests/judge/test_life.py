"""A futures daemon with a journal that is killed and comes back, and a market whose ids begin anew."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.judge.house import House, house
from tests.judge.judge import Judge
from tests.judge.markets import CM_BTC, SPOT_BTC, UM_BTC, UM_VAST, Tape, order_edge, recorded, to_end_now, ugly, vast
from tests.reference.tapefile import Row


def tapes_of() -> list[Tape]:
    return [
        recorded(UM_BTC, "BTCUSDT-um-2024-07-19-agg", 1_500, seed=2),
        vast(UM_VAST, 700, seed=5),
        ugly(CM_BTC, 900, seed=6, price="63123.7"),
        recorded(SPOT_BTC, "BTCUSDT-spot-2024-08-08-agg", 600, seed=1),
    ]


async def bars_from_the_journal(judge: Judge) -> None:
    """What a daemon says of bars that it has read back, before and while its feed comes up: no digit is another's, and
    nothing is claimed of what was traded while it was away."""
    for interval in ("1s", "1m"):
        for listed in judge.listed.values():
            await judge.bars(listed, exact=True, whole=False, intervals=[interval])
    assert judge.compared["bars"]


async def publish(home: House, tape: Tape, begin: int, end: int) -> None:
    await home.exchanges[tape.contract.venue].publish(tape.contract.symbol, tape.rows[begin:end])


def begin_anew(home: House, tape: Tape, rows: int) -> list[Row]:
    """The venue counts anew: the newest rows once more, now, from id 1 on; not published yet."""
    exchange, symbol = home.exchanges[tape.contract.venue], tape.contract.symbol
    exchange.restart_ids(symbol)
    fresh = to_end_now(tape.rows[-rows:])
    shift = fresh[0].id - 1
    nq = {row.id - shift: tape.nq[row.id] for row in fresh if row.id in tape.nq}
    exchange.listed[symbol].nq.update(nq)
    fills = min(row.first for row in fresh if row.valid and row.first is not None) - 1
    return [
        row._replace(id=row.id - shift, first=row.first - fills, last=row.last - fills)
        if row.valid and row.first is not None and row.last is not None
        else row._replace(id=row.id - shift)
        for row in fresh
    ]


@pytest.mark.slow
@pytest.mark.timeout(150)  # walks every tape many times: on a crowded machine beyond the usual minute
async def test_ids_begin_anew_then_killed_and_restarted(tmp_path: Path) -> None:
    tapes = tapes_of()
    first, _, third, _ = tapes
    async with house(tapes, tmp_path, ORDERFLOW_JOURNAL__DIRECTORY=str(tmp_path / "journal")) as home:
        cuts = {tape.contract: [order_edge(tape, len(tape.rows) * part // 10) for part in (5, 7, 8)] for tape in tapes}
        for tape in tapes:
            home.exchanges[tape.contract.venue].keep(tape.contract.symbol, tape.rows[: cuts[tape.contract][0]])
        fresh = {}
        async with home.serving() as judge:
            await home.carried()
            for tape in tapes:
                await publish(home, tape, *cuts[tape.contract][:2])
            await home.whole()
            await judge.everything(exact=[False])
            for tape in (first, third):
                fresh[tape.contract] = rows = begin_anew(home, tape, 300)
                await home.exchanges[tape.contract.venue].publish(tape.contract.symbol, rows[:150])
                home.generations[tape.contract] = 2
            await home.whole()
            await judge.everything(exact=[True])
            home.daemon.kill(signal.SIGKILL)
            await home.daemon.ended()
        for tape in tapes:  # while nobody listens
            if tape.contract in fresh:
                await home.exchanges[tape.contract.venue].publish(tape.contract.symbol, fresh[tape.contract][150:250])
            else:
                await publish(home, tape, *cuts[tape.contract][1:])
        async with home.serving(bars_from_the_journal) as judge:
            await home.daemon.line("journal read")
            await home.carried()
            for tape in tapes:
                if tape.contract in fresh:
                    await home.exchanges[tape.contract.venue].publish(tape.contract.symbol, fresh[tape.contract][250:])
                else:
                    await publish(home, tape, cuts[tape.contract][2], len(tape.rows))
            await home.whole()
            await judge.everything(exact=[False, True])
            home.daemon.kill(signal.SIGTERM)
            await home.daemon.ended()
        async with home.serving(bars_from_the_journal) as judge:
            for listed in judge.listed.values():
                await judge.bars(listed, exact=True, intervals=("1s", "1h"))
