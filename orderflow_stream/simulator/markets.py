"""The markets that the stand-in speaks, one line a market."""

from __future__ import annotations

from typing import Final

from orderflow_stream.simulator import coinm, spot, usdm
from orderflow_stream.simulator.contracts import coinm_contracts, usdm_contracts
from orderflow_stream.simulator.facts import Facts
from orderflow_stream.simulator.listing import DEFAULT_LISTINGS, Listing

MARKETS: Final[dict[str, Facts]] = {facts.name: facts for facts in (spot.FACTS, usdm.FACTS, coinm.FACTS)}


def facts_of(market: str) -> Facts:
    """`ValueError` where the market is none of `MARKETS`."""
    try:
        return MARKETS[market]
    except KeyError:
        raise ValueError(f"market must be one of {', '.join(MARKETS)}, not {market!r}") from None


def default_listings(market: str, now: int) -> tuple[Listing, ...]:
    """A small exchange of one market; the quarterly contracts are those of `now` (µs)."""
    facts_of(market)
    if market == "spot":
        return DEFAULT_LISTINGS
    return usdm_contracts(now) if market == "usdm" else coinm_contracts(now)
