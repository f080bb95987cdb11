"""The kinds of value that answers and events are made of, each with its unit.

A unit stands in the schema as `x-unit`, where programs find it: `quote` is "of the instrument's quote asset", `base`
of its base asset, `1` a pure number. A decimal is a JSON number, or with `numbers=string` a plain decimal string.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

from msgspec import Meta

from orderflow_stream.core.events import Source, State

__all__ = [
    "CODES",
    "DECIMAL",
    "Base",
    "Code",
    "ContractCount",
    "Count",
    "FillId",
    "Ids",
    "Market",
    "Micros",
    "Millis",
    "Number",
    "Percent",
    "Plain",
    "PlainSeconds",
    "Pressure",
    "Price",
    "Quote",
    "Ratio",
    "Seconds",
    "Side",
    "Source",
    "Span",
    "State",
    "TradeCount",
    "TradeId",
    "Usd",
    "WholeSeconds",
    "says",
    "unit",
]

#: A plain decimal: no exponent, no plus, no needless zero in front.
DECIMAL: Final = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$"


def says(text: str) -> Meta:
    """What a field means."""
    return Meta(description=text)


def unit(name: str) -> Meta:
    """What a number counts."""
    return Meta(extra_json_schema={"x-unit": name})


#: Any decimal; with `numbers=string` exact, as a string.
Number = float | Annotated[str, Meta(pattern=DECIMAL)]

Base = Annotated[Number, unit("base")]
Quote = Annotated[Number, unit("quote")]
Usd = Annotated[Number, unit("USD")]
Price = Annotated[Number, unit("quote per base")]
Ratio = Annotated[Number, unit("1")]
Seconds = Annotated[Number, unit("s")]
Percent = Annotated[Number, unit("%")]
ContractCount = Annotated[Number, unit("contracts")]
#: Seconds, a rate, a share that is a JSON number in either style.
PlainSeconds = Annotated[float, unit("s")]
Plain = Annotated[float, unit("1")]

Millis = Annotated[int, unit("ms since the epoch")]
Micros = Annotated[int, unit("µs since the epoch")]
Span = Annotated[int, unit("ms")]
WholeSeconds = Annotated[int, unit("s")]
Count = Annotated[int, unit("1")]
TradeCount = Annotated[int, unit("trades")]
TradeId = Annotated[int, unit("trade id")]
FillId = Annotated[int, unit("fill id")]
#: First and last id of a range. (A list of bounded length and no tuple: `items: false` stops generators of clients.)
Ids = Annotated[
    list[TradeId], Meta(min_length=2, max_length=2, description="first and last id of a range, both of them in it")
]

Side = Literal["buy", "sell"]
Market = Literal["spot", "usdm", "coinm"]
Pressure = Literal["strong_sell", "sell", "balanced", "buy", "strong_buy"]

#: Every `error.code` there is.
Code = Literal[
    "missing_parameter",
    "bad_parameter",
    "unknown_parameter",
    "conflicting_parameters",
    "unauthorized",
    "forbidden",
    "unknown_symbol",
    "not_found",
    "method_not_allowed",
    "rate_limited",
    "bad_configuration",
    "internal_error",
    "not_ready",
    "upstream_failed",
    "upstream_busy",
    "over_capacity",
]
CODES: Final[tuple[str, ...]] = get_args(Code)
