"""COIN-M futures: `/dapi/v1`, streams without a path of their own, quantities in contracts, `contractStatus`.

A trade has no `nq`, and the id stands before the symbol. The look-back is 24 hours; questions older than it are
answered as in `usdm.py`. The budget is one with USD-M: give both simulators the same `Weights`.
"""

from __future__ import annotations

from typing import Final

from orderflow_stream.simulator import contract_info, usdm, wire
from orderflow_stream.simulator.facts import Facts, Question


def _info(asked: Question) -> tuple[bytes, int]:
    return contract_info.exchange_info(asked.exchange, asked.now, asked.weight_limit, "contractStatus"), 1


FACTS: Final = Facts(
    name="coinm",
    rest="/dapi/v1",
    streams=("",),
    wire=wire.COINM,
    weight_limit=2400,
    trades_weight=20,
    info=_info,
    info_params=(),
    ticker=usdm.ticker,
    ticker_params=("symbol", "pair"),
    look_back=24 * usdm.HOUR_US,
    span=usdm.HOUR_US,
    mixing_times_out=True,
    batch=100_000,
    says_goodbye=False,
    product=2,
    limits=usdm.LIMITS,
)
