"""`GET /v1/symbols`: what can be asked for, of one venue."""

from __future__ import annotations

from typing import Final

import orjson
from aiohttp import web

from orderflow_stream.core.events import Instrument
from orderflow_stream.core.units import DECIMALS, US_PER_MS, text
from orderflow_stream.delivery.http import resolve
from orderflow_stream.delivery.http.context import Context
from orderflow_stream.delivery.http.envelope import success
from orderflow_stream.delivery.http.errors import ApiError
from orderflow_stream.delivery.http.params import Param, Query

QUOTE: Final = Param("quote", "text", "only symbols of this quote asset", example="USDT")
SYMBOLS_PARAMS: Final = (QUOTE, resolve.VENUE)


async def symbols(request: web.Request, context: Context, query: Query) -> web.StreamResponse:
    where = resolve.venue(context, query)
    quote = query.text(QUOTE)
    source = where.symbols
    if source.refreshed is None:
        raise ApiError(
            502, "upstream_failed", "the venue has not told its symbols yet; try again shortly", retry_after=5
        )
    asset = quote.strip().upper() if quote is not None else None
    listed = [one for one in source.listed() if one.trading and (asset is None or one.quote.upper() == asset)]
    listed.sort(key=_name)
    names = [one.symbol for one in listed]
    data: dict[str, object] = {
        "count": len(names),
        "quote": asset,
        "source": "Binance",
        "venue": where.name,
        "refreshed": source.refreshed // 1000,
        "stale": source.stale,
        "symbols": names,
        "resting": {
            one.symbol: one.status
            for one in sorted((book.instrument for book in context.engine.books.values()), key=_name)
            if one.venue == where.name and not one.trading and (asset is None or one.quote.upper() == asset)
        },
    }
    if where.market != "spot":
        data["contracts"] = [_contract(one) for one in listed]
    return success(request, context.now(), orjson.dumps(data), "Symbols retrieved successfully")


def _name(instrument: Instrument) -> str:
    return instrument.symbol


def _contract(one: Instrument) -> dict[str, object]:
    """What a symbol of a futures venue is. `contract_size` is in the quote asset, null where quantities are in the
    base asset; `delivery_time` is null where it never is delivered."""
    return {
        "symbol": one.symbol,
        "kind": one.kind,
        "pair": one.pair,
        "base": one.base,
        "quote": one.quote,
        "settle": one.settle,
        "contract_size": orjson.Fragment(text(one.contract, DECIMALS)) if one.inverse else None,
        "delivery_time": one.delivery // US_PER_MS if one.delivery else None,
        "status": one.status,
    }
