"""What the encoder is given in its tests, and how its answers are read back."""

import json
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from typing import Any

from orderflow_stream.analytics.flow import Flow
from orderflow_stream.analytics.large import LargeView
from orderflow_stream.core.coverage import Coverage
from orderflow_stream.core.events import BUY, SELL, Instrument, LargePrint
from orderflow_stream.core.sums import Sums
from orderflow_stream.delivery.encode import Rules

BTCUSDT = Instrument("binance", "BTCUSDT", "BTC", "USDT")
ETHBTC = Instrument("binance", "ETHBTC", "ETH", "BTC")
CHINESE = Instrument("binance", '币安"人生USDT', "币安人生", "USDT")
RULES = Rules(Fraction(1, 10), Fraction(3, 10))


def covered(**changes: Any) -> Coverage:
    fields: dict[str, Any] = {
        "first_id": 1000,
        "last_id": 2999,
        "expected": 2000,
        "received": 2000,
        "invalid": 0,
        "missing": (),
        "missing_total": 0,
        "requested_trades": 2000,
        "requested_from": None,
        "requested_to": None,
        "reaches_back": True,
        "complete": True,
        "state": "live",
        "as_of": 1_781_228_423_554_999,
        "generation": 1,
        "source": "stream",
        "last_trade_age": 1_500,
        "lag": 42_999,
        "clock_offset": -1_000,
    }
    return Coverage(**{**fields, **changes})


def decoded(body: bytes) -> dict[str, Any]:
    """JSON as a strict reader sees it: numbers as Decimal, no NaN, each name once."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(items)) == len(items)
        return dict(items)

    found: dict[str, Any] = json.loads(body, parse_float=Decimal, parse_int=Decimal, object_pairs_hook=pairs)
    return found


#: The example of the original: 1066 buys of 37.98445 and 934 sells of 38.66305.
ORIGINAL = Sums(1066, 934, 3_798_445_000, 3_866_305_000, 24_064_937_249_999_999_999_999, 24_494_593_150_000_000_000_001)


def flow(sums: Sums, **changes: Any) -> Flow:
    fields: dict[str, Any] = {
        "first_time": 1_781_228_085_154_000,
        "last_time": 1_781_228_423_554_999,
        "last_price": 6_335_469_000_000,
        "coverage": covered(),
    }
    return Flow(sums=sums, **{**fields, **changes})


def print_of(**changes: Any) -> LargePrint:
    fields: dict[str, Any] = {
        "instrument": BTCUSDT.key,
        "group": "row",
        "id": 9,
        "side": BUY,
        "price": 6_334_246_000_000,
        "qty": 298_439_000,
        "notional": 6_334_246_000_000 * 298_439_000,
        "ts_event": 1_781_228_423_554_321,
        "first_id": 9,
        "last_id": 9,
        "legs": 1,
        "levels": 1,
    }
    return LargePrint(**{**fields, **changes})


ORDER = print_of(
    group="order", id=12, side=SELL, qty=300_000_000, notional=3 * 10**8 * 10**8 + 10**8, first_id=10, last_id=12
)


def view(group: Any, *prints: LargePrint) -> LargeView:
    return LargeView(
        group=group,
        min_notional=100_000 * 10**16 + 5,
        trades_scanned=2000,
        first_time=1_781_228_085_154_000,
        last_time=1_781_228_423_554_999,
        count=7,
        buy_count=4,
        sell_count=3,
        buy_notional=189_038_605 * 10**13,
        sell_notional=1,
        prints=prints,
        coverage=covered(),
    )


def rounded(value: Decimal, places: int) -> Decimal:
    with localcontext() as context:
        context.prec = 200
        return value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)


def of(value: int, decimals: int) -> Decimal:
    with localcontext() as context:
        context.prec = 200
        return Decimal(value).scaleb(-decimals)
