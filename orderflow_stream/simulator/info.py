"""`/api/v3/exchangeInfo` and `/api/v3/ticker/24hr`: what is listed, filtered as the exchange filters it."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import orjson

from orderflow_stream.core.units import parse_scaled
from orderflow_stream.simulator.exchange import Exchange
from orderflow_stream.simulator.listing import Listing
from orderflow_stream.simulator.market import scaled_text
from orderflow_stream.simulator.params import ApiError, Params, bad_combination, bad_symbol, check_symbol, missing

_STATUSES: Final = ("TRADING", "HALT", "BREAK")
#: The real lists are this long: the weight of an unfiltered answer is part of what a client must bear.
_TRADE_GROUPS: Final = tuple(f"TRD_GRP_{number:03d}" for number in range(4, 238))


def exchange_info(exchange: Exchange, params: Params, now: int, divisor: int, weight_limit: int) -> bytes:
    """The whole answer as JSON."""
    symbol, symbols = params.symbol("symbol"), params.words("symbols")
    permissions, status = params.words("permissions"), params.text("symbolStatus")
    with_sets = params.flag("showPermissionSets", default=True)
    named = symbol is not None or symbols is not None
    if (symbol is not None and symbols is not None) or (named and (permissions is not None or status is not None)):
        raise bad_combination()
    if status is not None and status not in _STATUSES:
        raise ApiError(-1122, "Invalid symbolStatus.")
    wanted = _named(exchange, symbol, symbols)
    if wanted is None:
        allowed = set(permissions or ("SPOT", "MARGIN", "LEVERAGED"))
        wanted = [
            tape.listing
            for tape in exchange.tapes.values()
            if allowed & {*tape.listing.permissions, *_TRADE_GROUPS}
            and (status is None or tape.listing.status == status)
        ]  # fmt: skip
    answer = {
        "timezone": "UTC",
        "serverTime": now // divisor,
        "rateLimits": [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": weight_limit},
            {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
            {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200_000},
            {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 300_000},
        ],
        "exchangeFilters": [],
        "symbols": [_symbol_object(listing, with_sets) for listing in wanted],
    }
    return orjson.dumps(answer)


def ticker(exchange: Exchange, params: Params, now: int) -> tuple[object, int]:
    """The 24 h ticker (one object for `symbol`, else a list) and the weight of the call."""
    symbol, symbols = params.symbol("symbol"), params.words("symbols")
    kind = params.text("type") or "FULL"
    if symbol is not None and symbols is not None:
        raise bad_combination()
    if kind not in {"FULL", "MINI"}:
        raise missing("type")
    wanted = _named(exchange, symbol, symbols)
    listings = [tape.listing for tape in exchange.tapes.values()] if wanted is None else wanted
    rows = [exchange[listing.symbol].stats.render(listing.symbol, now, kind == "MINI") for listing in listings]
    return (rows[0] if symbol is not None else rows), ticker_weight(None if wanted is None else len(wanted))


def ticker_weight(symbols: int | None) -> int:
    """Weight of a 24 h ticker call for so many symbols (None: all)."""
    if symbols is None or symbols > 100:
        return 80
    return 2 if symbols <= 20 else 40


def _named(exchange: Exchange, symbol: str | None, symbols: list[str] | None) -> list[Listing] | None:
    names = [symbol] if symbol is not None else symbols
    if names is None:
        return None
    for name in names:
        if check_symbol("symbols", name) not in exchange.tapes:
            raise bad_symbol()
    return [exchange[name].listing for name in dict.fromkeys(names)]


@lru_cache(maxsize=8192)
def _symbol_object(listing: Listing, with_sets: bool) -> orjson.Fragment:
    spot = "SPOT" in listing.permissions
    tick, step = scaled_text(parse_scaled(listing.tick)), scaled_text(parse_scaled(listing.step))
    members = {
        "symbol": listing.symbol,
        "status": listing.status,
        "baseAsset": listing.base,
        "baseAssetPrecision": 8,
        "quoteAsset": listing.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT",
                       "TAKE_PROFIT_LIMIT"],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "isSpotTradingAllowed": spot,
        "isMarginTradingAllowed": "MARGIN" in listing.permissions,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000.00000000", "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": step, "maxQty": "92141578.00000000", "stepSize": step},
            {"filterType": "ICEBERG_PARTS", "limit": 10},
            {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True,
             "maxNotional": "9000000.00000000", "applyMaxToMarket": False, "avgPriceMins": 5},
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
        ],
        "permissions": [],
        "permissionSets": [[*listing.permissions, *_TRADE_GROUPS]] if with_sets else [],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT"],
    }  # fmt: skip
    return orjson.Fragment(orjson.dumps(members))
