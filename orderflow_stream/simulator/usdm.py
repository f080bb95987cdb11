"""USD-M futures: `/fapi/v1`; trades under `/market` only.

Since the paths were split (2026-04-23) the bare `/ws` and `/stream`, and those of the other categories (`/public`,
`/private`), still accept a connection and acknowledge a subscription to aggTrade, and stay silent. Trades leave every
100 ms, merged by price and side. Times are milliseconds; asking for another unit is ignored, not refused.

What the exchange does with a question that is too old is not documented. Here: a `fromId` from before the 48 hours is
answered from the oldest row there is (as users have seen it with the limit of a year), a `startTime` from before them
with the newest rows, as if it had not been sent (seen in 2024; an empty list was seen in 2022: this is the harsher of
the two, since the rows look like an answer), and an `endTime` from before them with nothing. `fromId` together with
times "may time out": it does.
"""

from __future__ import annotations

from typing import Final

from orderflow_stream.simulator import contract_info, wire
from orderflow_stream.simulator.facts import Facts, Question, StreamLimits

HOUR_US: Final = 3_600_000_000


def _info(asked: Question) -> tuple[bytes, int]:
    return contract_info.exchange_info(asked.exchange, asked.now, asked.weight_limit, "status"), 1


def ticker(asked: Question) -> tuple[bytes, int]:
    """`ticker/24hr`, alike on both futures markets but for the members."""
    return contract_info.ticker(asked.exchange, asked.params, asked.now)


#: Pings every 3 minutes, cut after 10 without a pong; ten frames a second. How many connections an address may open is
#: not documented: spot's limit is taken.
LIMITS: Final = StreamLimits(ping_interval=180.0, pong_timeout=600.0, frames_per_second=10)

FACTS: Final = Facts(
    name="usdm",
    rest="/fapi/v1",
    streams=("/market",),
    silent=("", "/public", "/private"),
    wire=wire.USDM,
    weight_limit=2400,
    trades_weight=20,
    info=_info,
    info_params=(),
    ticker=ticker,
    ticker_params=("symbol",),
    look_back=48 * HOUR_US,
    span=HOUR_US,
    mixing_times_out=True,
    batch=100_000,
    says_goodbye=False,
    product=1,
    limits=LIMITS,
)
