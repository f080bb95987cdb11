"""`GET /v1/meta`: every parameter, threshold and rule in force."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any, Final

import orjson
from aiohttp import web

from orderflow_stream.analytics.bars import INTERVALS, kept_for
from orderflow_stream.core.units import NOTIONAL_DECIMALS, SCALE, US_PER_S, text
from orderflow_stream.delivery.encode_numbers import (
    FIAT_PLACES,
    OTHER_PLACES,
    SECONDS_PLACES,
    SHARE_PLACES,
    VWAP_PLACES,
)
from orderflow_stream.delivery.http import resolve
from orderflow_stream.delivery.http.bars import DEFAULT_LIMIT as DEFAULT_BARS
from orderflow_stream.delivery.http.bars import MOST_BARS
from orderflow_stream.delivery.http.combine import USD_LIKE
from orderflow_stream.delivery.http.common import FEWEST_TRADES, MOST_READS, MOST_TRADES
from orderflow_stream.delivery.http.context import Context, VenueContext
from orderflow_stream.delivery.http.envelope import success
from orderflow_stream.delivery.http.params import Query
from orderflow_stream.delivery.http.route import ROUTES
from orderflow_stream.delivery.http.semantics import semantics

META_PARAMS: Final = (resolve.VENUE,)

STATES: Final = {
    "connecting": "no connection has carried this symbol yet",
    "warming": "connected; the recent past is still being read",
    "live": "trades arrive",
    "quiet": "connected and proven whole, no trade for longer than usual",
    "unverified": "connected again, not yet proven that nothing was missed",
    "gap": "trade ids are missing and are being read again",
    "stale": "the feed is down or silent where trades are known to exist",
    "partial": "trade ids are missing for good",
}
BARS: Final = {
    "intervals": {
        name: {"seconds": width // US_PER_S, "kept_for_s": kept_for(name) // US_PER_S}
        for name, width in INTERVALS.items()
    },
    "limit": {"max": MOST_BARS, "default": DEFAULT_BARS},
    "bar_rule": "half-open [start, end), start a multiple of the interval; a trade belongs to the bar of its venue "
    "time, open and close go by trade id; intervals without a trade are not listed",
    "anchors": {
        "session": "00:00 UTC of venue time; where it is not certain that everything since then was held, oldest",
        "oldest": "the oldest trade held in the bars of a minute; anchor.time is the start of its minute",
    },
    "cvd_rule": "the sum of deltas from anchor.time to the end of the bar, the same at every interval; before the "
    "anchor it goes on backwards",
    "closed_when": "venue time has reached the end of the bar",
    "complete_when": "the ids of the trades held prove that none is missing up to the end of the bar; of the open bar: "
    "up to now, while state is live or quiet",
}
NOTE: Final = (
    "symbol is a Binance pair (BTCUSDT) or coin=BTC&quote=USDT. flow scans up to 5000 recent trades (trades=N, default "
    "1000) or a span of venue time (window=5m). A taker buy lifts the ask; a taker sell hits the bid. delta_quote is "
    "the CVD over the window. Streamed symbols answer from memory, others are read on demand; every answer says in "
    "coverage which trade ids it stands on and which are missing."
)
DESCRIPTION: Final = (
    "Crypto order flow and Cumulative Volume Delta (CVD) of Binance's aggregated trade tape, streamed, exact and "
    "accounted for. flow returns taker-buy against taker-sell volume (base and quote), the delta/CVD, the buy/sell "
    "ratio, the buy-volume share and a net-pressure label; large surfaces the big aggressive prints, by row or by "
    "taker order; stream pushes both."
)


async def meta(request: web.Request, context: Context, query: Query) -> web.StreamResponse:
    where = resolve.venue(context, query)
    endpoints = [(f"{route.method} {route.path}", route.summary) for route in request.app[ROUTES] if not route.page]
    data = meta_data(context, where, endpoints)
    if query.has(resolve.VENUE):
        data["semantics"] = said = semantics(context, where)
        data["large"] = {
            **data["large"],
            "order_rule": said["order"]["rule"],
            "order_closes_after_ms": said["order"]["closes_after_ms"],
        }
    else:
        data["venues"] = list(context.venue_names)
    return success(request, context.now(), orjson.dumps(data), "Meta retrieved successfully")


def _decimal(value: Fraction) -> float:
    return float(value)  # a threshold for reading; what compares is the fraction itself


def _number(value: int, decimals: int) -> orjson.Fragment:
    return orjson.Fragment(text(value, decimals))


def meta_data(context: Context, where: VenueContext, endpoints: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """`data` of `/v1/meta` for one venue; `endpoints` are the routes with their method, and what each is for."""
    options = context.options
    rules = options.rules
    symbols = where.symbols
    refreshed = symbols.refreshed
    return {
        "note": NOTE,
        "source": "Binance public trade streams and REST (aggTrade, live)",
        "service": "orderflow_stream",
        "version": context.version,
        "endpoints": dict(endpoints),
        "description": DESCRIPTION,
        "trading_symbols": sum(1 for one in symbols.listed() if one.trading),
        "symbols_refreshed": None if refreshed is None else refreshed // 1000,
        "symbols_stale": symbols.stale,
        "streamed_symbols": len(resolve.streamed(context, where)),
        "venue": where.name,
        "market": where.market,
        "flow": {
            "windows": {name: span // US_PER_S for name, span in options.windows.items()},
            "window_rule": "half-open (now - window, now] in venue time, now never behind the newest trade; "
            "a trade that claims to be more than 10 s ahead of the venue's clock moves it where two others agree",
            "trades": {"min": FEWEST_TRADES, "max": MOST_TRADES, "default": 1_000},
            "pressure": {
                "by": "base imbalance (buy - sell) / (buy + sell)",
                "balanced_below": _decimal(rules.balanced),
                "strong_from": _decimal(rules.strong),
                "words": ["strong_sell", "sell", "balanced", "buy", "strong_buy"],
            },
            "buy_sell_ratio": "taker buy base / taker sell base; null where nothing was sold",
            "buy_volume_share": "taker buy base / all base; null where nothing traded",
        },
        "large": {
            "min_notional": _number(options.large, NOTIONAL_DECIMALS),
            "by_quote": {key: _number(value, NOTIONAL_DECIMALS) for key, value in options.large_by_quote.items()},
            "by_symbol": {key: _number(value, NOTIONAL_DECIMALS) for key, value in options.large_by_symbol.items()},
            "order_rule": "consecutive rows of the same time (µs) and side with chained fill ids are one taker order",
            "order_closes_after_ms": 25,
            "limit": {"max": 5_000, "default": 100},
        },
        "bars": BARS,
        "rounding": {
            "rule": "once, half to even; numbers=string gives every decimal exactly and rounds no sum",
            "base": "exact",
            "quote": {"fiat": FIAT_PLACES, "other": OTHER_PLACES},
            "buy_sell_ratio": SHARE_PLACES,
            "buy_volume_share": SHARE_PLACES,
            "window_seconds": SECONDS_PLACES,
            "vwap": VWAP_PLACES,
            "scale": SCALE,
        },
        "fiat": sorted(rules.fiat),
        "usd_like": sorted(USD_LIKE),
        "states": STATES,
        "complete_when": "nothing is missing, the answer reaches back as far as asked, and state is live or quiet",
        "limits": {
            "symbols_per_answer": resolve.MOST_SYMBOLS,
            "rest_reads_per_answer": MOST_READS,
            "on_demand": "at most 5000 trades or 20 request weight a read",
            "wait_seconds": 30,
        },
        "settings": options.stated,
        "journal": context.journal(),
    }
