"""Every venue, one line each: what the configuration offers, what the daemon can build."""

from __future__ import annotations

from typing import Final

from orderflow_stream.venues import binance, binance_coinm, binance_usdm
from orderflow_stream.venues.codec import Codec, Market, Spec

__all__ = ["NAMES", "VENUES", "Codec", "Market", "Spec", "spec"]

#: The first is the default of every route.
VENUES: Final[tuple[Spec, ...]] = (
    binance.SPEC,
    binance_usdm.SPEC,
    binance_coinm.SPEC,
)

NAMES: Final = tuple(each.name for each in VENUES)


def spec(name: str) -> Spec:
    """The venue of that name. Raises `KeyError` naming those that there are."""
    for each in VENUES:
        if each.name == name:
            return each
    raise KeyError(f"no venue {name!r}; there are {', '.join(NAMES)}")
