"""`exchangeInfo` and `ticker/24hr` of the futures markets: what both have alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import orjson

from orderflow_stream.core.units import DECIMALS, SCALE, divide_half_even, parse_scaled
from orderflow_stream.simulator.contracts import Contract
from orderflow_stream.simulator.exchange import Exchange
from orderflow_stream.simulator.listing import Listing
from orderflow_stream.simulator.params import ApiError, Params, bad_symbol

#: The day a perpetual contract is "delivered", in ms.
_NEVER_MS: Final = 4_133_404_800_000
_LONG_AGO_MS: Final = 1_569_398_400_000
_QUARTERS: Final = ("CURRENT_QUARTER", "NEXT_QUARTER")


def contract_of(listing: Listing) -> Contract:
    """A listing as a contract: one that is none is a perpetual on itself (an archive file's symbol)."""
    if isinstance(listing, Contract):
        return listing
    return Contract(listing.symbol, listing.base, listing.quote, listing.tick, listing.step, listing.status,
                    listing.price, listing.weight, pair=listing.symbol, margin=listing.quote)  # fmt: skip


def contract_types(contracts: Iterable[Contract], now: int) -> dict[str, str]:
    """`contractType` by symbol: of one pair the quarterly contract that is delivered next is the current quarter's."""
    types: dict[str, str] = {}
    ahead: dict[str, int] = {}
    for each in sorted(contracts, key=lambda contract: contract.delivery):
        if each.kind != "DELIVERY":
            types[each.symbol] = each.kind
        elif now >= each.delivery:
            types[each.symbol] = f"{_QUARTERS[0]} DELIVERING"
        else:
            at = ahead[each.pair] = ahead.get(each.pair, -1) + 1
            types[each.symbol] = _QUARTERS[min(at, 1)]
    return types


def exchange_info(exchange: Exchange, now: int, weight_limit: int, status_member: str) -> bytes:
    """The whole answer; `status_member` is what the market calls the status."""
    contracts = [contract_of(tape.listing) for tape in exchange.tapes.values()]
    listed = [each for each in contracts if each.listed(now)]
    types = contract_types(listed, now)
    margins = dict.fromkeys(each.margin for each in listed)
    return orjson.dumps({
        "exchangeFilters": [],
        "rateLimits": [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": weight_limit},
            {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 1200},
        ],
        "serverTime": now // 1000,
        "assets": [{"asset": asset, "marginAvailable": True, "autoAssetExchange": "0"} for asset in margins],
        "symbols": [_symbol(each, types[each.symbol], now, status_member) for each in listed],
        "timezone": "UTC",
    })  # fmt: skip


def _symbol(each: Contract, contract_type: str, now: int, status_member: str) -> dict[str, Any]:
    # Shown as text without the tail of zeros that spot has. Precisions are the coarse ones that are no grid.
    return {
        "symbol": each.symbol,
        "pair": each.pair,
        "contractType": contract_type,
        "deliveryDate": each.delivery // 1000 or _NEVER_MS,
        "onboardDate": each.onboard // 1000 or _LONG_AGO_MS,
        status_member: each.at(now),
        **({"contractSize": each.contract_size} if each.contract_size else {}),
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": each.base,
        "quoteAsset": each.quote,
        "marginAsset": each.margin,
        "pricePrecision": places(each.tick) + 1,
        "quantityPrecision": places(each.step),
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10000,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": each.tick, "maxPrice": "4529764", "tickSize": each.tick},
            {"filterType": "LOT_SIZE", "minQty": each.step, "maxQty": "1000000", "stepSize": each.step},
            {"filterType": "MARKET_LOT_SIZE", "minQty": each.step, "maxQty": "120000", "stepSize": each.step},
            {"filterType": "MAX_NUM_ORDERS", "limit": 200},
            {"filterType": "PERCENT_PRICE", "multiplierUp": "1.0500", "multiplierDown": "0.9500",
             "multiplierDecimal": "4"},
        ],
        "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET",
                       "TRAILING_STOP_MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
    }  # fmt: skip


def places(step: str) -> int:
    """Decimals of a grid's text: `0.001` -> 3, `0.10` -> 1, `1` -> 0."""
    return len(step.partition(".")[2].rstrip("0"))


def ticker(exchange: Exchange, params: Params, now: int) -> tuple[bytes, int]:
    """The 24 h ticker: one object (weight 1; a list of those of a `pair`) or all (weight 40)."""
    symbol, pair = params.symbol("symbol"), params.symbol("pair")
    if symbol is not None and pair is not None:
        raise ApiError(-4046, "Only one of symbol and pair may be sent.")
    contracts = [contract_of(tape.listing) for tape in exchange.tapes.values()]
    wanted = [each for each in contracts if each.listed(now)]
    if symbol is not None or pair is not None:
        wanted = [each for each in wanted if each.symbol == symbol or (pair is not None and each.pair == pair)]
        if not wanted:
            raise bad_symbol()
    rows = [_ticker_row(exchange, each, now) for each in wanted]
    return orjson.dumps(rows[0] if symbol is not None else rows), 40 if symbol is None and pair is None else 1


def _ticker_row(exchange: Exchange, each: Contract, now: int) -> dict[str, Any]:
    row = exchange[each.symbol].stats.render(each.symbol, now, mini=False)
    for member in ("prevClosePrice", "bidPrice", "bidQty", "askPrice", "askQty"):  # spot's own
        del row[member]
    if each.contract_size:
        # Contracts, and what they are worth in coins at the average price: near enough for a ranking.
        contracts, average = parse_scaled(row["volume"]), parse_scaled(row["weightedAvgPrice"])
        coins = divide_half_even(contracts * each.contract_size * SCALE, average) if average else 0
        row |= {"pair": each.pair, "baseVolume": f"{coins // SCALE}.{coins % SCALE:0{DECIMALS}d}"}
        del row["quoteVolume"]
    return row
