"""What the stand-in lists: symbols with their grids, and how busy each of them is in a synthetic market."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

Status = Literal[
    "TRADING", "END_OF_DAY", "HALT", "BREAK", "CANCEL_ONLY",
    # futures only
    "PENDING_TRADING", "PRE_DELIVERING", "DELIVERING", "DELIVERED", "PRE_SETTLE", "SETTLING", "CLOSE", "TRADING_HALT",
    "TRADING_CANCEL_ONLY",
]  # fmt: skip

#: What one unit of a quote asset is worth in dollars: only the sizes of synthetic orders are drawn from it.
QUOTE_USD: Final = {"USDT": 1.0, "USDC": 1.0, "FDUSD": 1.0, "BTC": 64_000.0, "ETH": 3_200.0, "BNB": 600.0, "TRY": 0.025}


class Listing(msgspec.Struct, frozen=True):
    """One listed symbol. `tick` and `step` are decimal text as in `PRICE_FILTER` and `LOT_SIZE`; `price` (decimal
    text) and `weight` (share of the trades, relative) are where a synthetic market begins."""

    symbol: str
    base: str
    quote: str
    tick: str = "0.01"
    step: str = "0.00001"
    status: Status = "TRADING"
    price: str = "100"
    weight: float = 1.0
    permissions: tuple[str, ...] = ("SPOT", "MARGIN")

    @property
    def stream(self) -> str:
        """The one stream name that carries this symbol's trades."""
        return f"{self.symbol.lower()}@aggTrade"

    def at(self, now: int) -> Status:
        """The status at a time (µs)."""
        return self.status

    def trades(self, now: int) -> bool:
        """Whether anything may be published at a time (µs)."""
        return True


#: A small exchange: dollar quotes, a coin quote and a grid whose notionals need nine decimals, a name that begins
#: with digits and one that is not ASCII.
DEFAULT_LISTINGS: Final = (
    Listing("BTCUSDT", "BTC", "USDT", "0.01", "0.00001", price="64218.53", weight=34.0),
    Listing("ETHUSDT", "ETH", "USDT", "0.01", "0.0001", price="3187.42", weight=24.0),
    Listing("SOLUSDT", "SOL", "USDT", "0.01", "0.001", price="148.37", weight=14.0),
    Listing("XRPUSDT", "XRP", "USDT", "0.0001", "0.1", price="0.5871", weight=10.0),
    Listing("DOGEUSDT", "DOGE", "USDT", "0.00001", "1", price="0.12493", weight=8.0),
    Listing("ETHBTC", "ETH", "BTC", "0.00001", "0.0001", price="0.04963", weight=3.0),
    Listing("1000SATSUSDT", "1000SATS", "USDT", "0.00000001", "0.1", price="0.00021374", weight=3.5),
    Listing("币安人生USDT", "币安人生", "USDT", "0.0001", "0.1", price="0.1436", weight=3.5),
)

_GRIDS: Final = (
    ("0.01", "0.001", "31.27"),
    ("0.001", "0.01", "4.318"),
    ("0.0001", "0.1", "0.7326"),
    ("0.00001", "1", "0.04215"),
    ("0.0000001", "1", "0.0008391"),
)
_QUOTES: Final = ("USDT", "USDT", "USDT", "USDC", "FDUSD", "BTC", "TRY")


def many_listings(count: int) -> tuple[Listing, ...]:
    """`count` symbols whose activity falls like 1/rank, as on the real exchange: the default ones, then made-up ones.

    `many_listings(1370)` is the size of all of Binance spot.
    """
    if count < 1:
        raise ValueError(f"symbols must be at least 1, not {count}")
    listings = []
    for rank in range(1, count + 1):
        if rank <= len(DEFAULT_LISTINGS):
            listing = DEFAULT_LISTINGS[rank - 1]
        else:
            tick, step, price = _GRIDS[rank % len(_GRIDS)]
            quote = _QUOTES[rank % len(_QUOTES)]
            if quote == "BTC":
                tick, step, price = "0.00000001", "0.1", "0.00004127"
            base = f"SIM{rank:04d}"
            listing = Listing(base + quote, base, quote, tick, step, price=price)
        listings.append(msgspec.structs.replace(listing, weight=1.0 / rank))
    return tuple(listings)
