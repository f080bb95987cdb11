"""JSON of everything that leaves the daemon: one function an answer or event, shared by REST and the stream.

Each returns UTF-8 JSON bytes without a newline. Numbers go through `encode_numbers`; see there for rounding.
"""

from orderflow_stream.delivery.encode_coverage import (
    corrected_event,
    coverage,
    gap_event,
    gaps_data,
    state_event,
)
from orderflow_stream.delivery.encode_flow import (
    ScreenerRow,
    flow_data,
    flow_event,
    screener_data,
    screener_row,
)
from orderflow_stream.delivery.encode_numbers import FIAT_AND_STABLE, Rules
from orderflow_stream.delivery.encode_trades import large_data, large_event, trade_event, trades_data

__all__ = [
    "FIAT_AND_STABLE",
    "Rules",
    "ScreenerRow",
    "corrected_event",
    "coverage",
    "flow_data",
    "flow_event",
    "gap_event",
    "gaps_data",
    "large_data",
    "large_event",
    "screener_data",
    "screener_row",
    "state_event",
    "trade_event",
    "trades_data",
]
