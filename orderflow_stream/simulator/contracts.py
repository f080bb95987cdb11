"""What the futures markets list: perpetuals, and quarterly contracts that are delivered on a date and followed by the
next one."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from msgspec.structs import replace

from orderflow_stream.simulator.listing import Listing, Status

Kind = Literal["PERPETUAL", "TRADIFI_PERPETUAL", "DELIVERY"]

_HOUR_US: Final = 3_600_000_000
#: Before its delivery a contract is said to come to it, then it is being delivered, then it is gone from the list. The
#: exchange documents the words, not the times.
_PRE_DELIVERY: Final = _HOUR_US // 6
_DELIVERING: Final = _HOUR_US // 12
_LISTED_AFTER: Final = _HOUR_US
#: Delivery is at 08:00 UTC of the last Friday of a quarter.
_DELIVERY_HOUR: Final = 8


class Contract(Listing, frozen=True):
    """One futures contract. `pair` is what it is on (`BTCUSD` of `BTCUSD_PERP`), `margin` the asset it is settled in,
    `contract_size` what one contract is worth in the quote asset (0: quantities are of the base asset), `delivery` and
    `onboard` times in µs (0: none, long ago)."""

    kind: Kind = "PERPETUAL"
    pair: str = ""
    margin: str = ""
    contract_size: int = 0
    delivery: int = 0
    onboard: int = 0

    def at(self, now: int) -> Status:
        """The status at a time: what the listing says, unless a date says otherwise."""
        if now < self.onboard:
            return "PENDING_TRADING"
        if not self.delivery or self.status != "TRADING" or now < self.delivery - _PRE_DELIVERY:
            return self.status
        if now < self.delivery:
            return "PRE_DELIVERING"
        return "DELIVERING" if now < self.delivery + _DELIVERING else "DELIVERED"

    def trades(self, now: int) -> bool:
        """Whether it may trade: from its first day to its delivery."""
        return self.onboard <= now and (not self.delivery or now < self.delivery)

    def listed(self, now: int) -> bool:
        """Whether the exchange still names it."""
        return not self.delivery or now < self.delivery + _LISTED_AFTER


def quarter_ends(now: int, count: int = 2) -> list[int]:
    """The next `count` delivery times after `now` (µs)."""
    day = datetime.fromtimestamp(now / 1e6, UTC)
    year, quarter = day.year, (day.month - 1) // 3
    ends: list[int] = []
    while len(ends) < count:
        month = quarter * 3 + 3
        last = datetime(year, month, calendar.monthrange(year, month)[1], _DELIVERY_HOUR, tzinfo=UTC)
        last -= timedelta(days=(last.weekday() - calendar.FRIDAY) % 7)
        end = int(last.timestamp()) * 1_000_000
        if end > now:
            ends.append(end)
        year, quarter = (year + 1, 0) if quarter == 3 else (year, quarter + 1)
    return ends


def dated(symbol: str, delivery: int) -> str:
    """`BTCUSDT` and a delivery time -> `BTCUSDT_260925`."""
    return f"{symbol}_{datetime.fromtimestamp(delivery / 1e6, UTC):%y%m%d}"


def usdm_contracts(now: int) -> tuple[Contract, ...]:
    """A small USD-M market at `now` (µs): perpetuals beside the default spot symbols, one of them of a thousand coins,
    one with a name that is not ASCII, one in USDC, and the current and the next quarter of BTCUSDT."""
    quarters = (
        Contract(dated("BTCUSDT", end), "BTC", "USDT", "0.1", "0.001", price="64218.5", weight=weight, kind="DELIVERY",
                 pair="BTCUSDT", margin="USDT", delivery=end)
        for end, weight in zip(quarter_ends(now), (2.0, 1.0), strict=True)
    )  # fmt: skip
    return (
        _linear("BTCUSDT", "BTC", "0.10", "0.001", "64218.5", 34.0),
        _linear("ETHUSDT", "ETH", "0.01", "0.001", "3187.42", 24.0),
        _linear("SOLUSDT", "SOL", "0.0100", "0.01", "148.37", 13.0),
        _linear("XRPUSDT", "XRP", "0.0001", "0.1", "0.5871", 9.0),
        _linear("DOGEUSDT", "DOGE", "0.000010", "1", "0.12493", 8.0),
        _linear("1000PEPEUSDT", "1000PEPE", "0.0000001", "1", "0.0113842", 4.0),
        _linear("币安人生USDT", "币安人生", "0.0000100", "1", "0.14360", 3.0),
        _linear("BTCUSDC", "BTC", "0.1", "0.001", "64218.5", 2.0, quote="USDC"),
        *quarters,
    )


def _linear(
    symbol: str, base: str, tick: str, step: str, price: str, weight: float, *, quote: str = "USDT"
) -> Contract:
    return Contract(symbol, base, quote, tick, step, price=price, weight=weight, pair=symbol, margin=quote)


def coinm_contracts(now: int) -> tuple[Contract, ...]:
    """A small COIN-M market at `now` (µs): perpetuals, and the current and the next quarter of BTCUSD. Quantities are
    contracts of 100 USD (BTC) or 10 USD."""
    coins = (("BTC", "0.1", "64218.5", 20.0), ("ETH", "0.01", "3187.42", 12.0), ("SOL", "0.001", "148.370", 5.0),
             ("XRP", "0.0001", "0.5871", 4.0), ("DOGE", "0.00001", "0.12493", 3.0))  # fmt: skip
    return (
        *(_inverse(f"{coin}USD_PERP", coin, tick, price, weight) for coin, tick, price, weight in coins),
        *(
            _inverse(dated("BTCUSD", end), "BTC", "0.1", "64218.5", weight, delivery=end)
            for end, weight in zip(quarter_ends(now), (3.0, 1.0), strict=True)
        ),
    )


def _inverse(symbol: str, base: str, tick: str, price: str, weight: float, *, delivery: int = 0) -> Contract:
    return Contract(symbol, base, "USD", tick, "1", price=price, weight=weight, pair=f"{base}USD", margin=base,
                    kind="DELIVERY" if delivery else "PERPETUAL", contract_size=100 if base == "BTC" else 10,
                    delivery=delivery)  # fmt: skip


def many_contracts(count: int) -> tuple[Contract, ...]:
    """`count` USD-M perpetuals whose activity falls like 1/rank; 775 is the size of the real market."""
    if count < 1:
        raise ValueError(f"symbols must be at least 1, not {count}")
    named = usdm_contracts(0)[:8]
    made = (
        _linear(f"SIM{rank:04d}USDT", f"SIM{rank:04d}", "0.0001", "0.1", "0.7326", 1.0)
        for rank in range(len(named) + 1, count + 1)
    )
    return tuple(replace(each, weight=1.0 / rank) for rank, each in enumerate((*named[:count], *made), 1))
