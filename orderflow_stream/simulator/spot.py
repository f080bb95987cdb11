"""Spot: `/api/v3`, both time units, nothing merged beyond a taker order's fills at one price."""

from __future__ import annotations

from typing import Final

import orjson

from orderflow_stream.simulator import info, wire
from orderflow_stream.simulator.facts import BOTH_UNITS, Facts, Question


def _info(asked: Question) -> tuple[bytes, int]:
    return info.exchange_info(*asked), 20


def _ticker(asked: Question) -> tuple[bytes, int]:
    answer, weight = info.ticker(asked.exchange, asked.params, asked.now)
    return orjson.dumps(answer), weight


FACTS: Final = Facts(
    name="spot",
    rest="/api/v3",
    streams=("",),
    wire=wire.SPOT,
    weight_limit=6000,
    trades_weight=4,
    info=_info,
    info_params=("symbol", "symbols", "permissions", "showPermissionSets", "symbolStatus"),
    ticker=_ticker,
    ticker_params=("symbol", "symbols", "type"),
    units=BOTH_UNITS,
)
