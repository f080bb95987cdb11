"""A frame is made of what was logged: trades as rows, everything else as entries."""

from __future__ import annotations

from typing import Any

from orderflow_stream.adapters import kept
from orderflow_stream.adapters.sealing import Taken, frame
from orderflow_stream.core.events import BUY, SELL, Liquidation, Restarted
from orderflow_stream.delivery.ring import Late, Notice
from tests.core.contracts import USDM, of
from tests.core.making import BTC, KEY, ONE, T0, trade

LIQUIDATION = Liquidation(USDM.key, SELL, ONE, ONE, ONE, ONE, T0, T0 + 5, "FILLED")


def taken(came: list[tuple[int, Any]], **more: Any) -> Taken:
    return Taken(T0, 10, 20, came, [], [BTC], {}, **more)


def test_rows_and_entries_in_the_order_they_came() -> None:
    made = frame(
        taken([
            (11, trade(1, 3 * ONE)), (12, LIQUIDATION), (13, of(USDM, trade(7, -ONE))), (14, Late(trade(0), KEY)),
            (15, Notice(KEY, "gap", b"{}")), (16, Restarted(KEY, T0)),
        ])
    )  # fmt: skip
    assert (made.since, made.position, made.instruments) == (10, 20, (KEY, USDM.key))
    rows = zip(made.which, made.ids, made.qty, made.seq, strict=True)
    assert list(rows) == [(0, 1, 3 * ONE, 11), (1, 7, -ONE, 13), (0, 0, ONE, 14)]
    assert [(seq, kind) for seq, kind, _ in made.entries] == [
        (10, kept.INSTRUMENT),
        (12, kept.LIQUIDATION),
        (15, kept.NOTE),
        (16, kept.CUT),
        (14, kept.LATE),
    ]
    assert kept.liquidation(made.entries[1][2]) == LIQUIDATION


def test_quantities_without_rpi_trades_only_where_somebody_tells_them() -> None:
    told = [(11, trade(1)), (12, of(USDM, trade(1, 4 * ONE), 3 * ONE)), (13, of(USDM, trade(2, ONE)))]
    assert list(frame(taken(told, rpi=True)).nq) == [-1, 3 * ONE, -1]
    assert list(frame(taken([told[0], told[2]], rpi=True)).nq) == []
    assert list(frame(taken(told[:1])).nq) == []
    assert trade(1).side == BUY
