"""Fields that many answers and events have, and what each means."""

from __future__ import annotations

from typing import Annotated

from orderflow_stream.shapes.units import Count, Market, Pressure, Price, Ratio, State, says

Note = Annotated[str, says("what this answer is, for a person")]
Origin = Annotated[str, says("the exchange whose data this is")]
Symbol = Annotated[str, says("the venue's symbol, such as BTCUSDT")]
Venue = Annotated[str, says("the venue: binance (spot), binance-usdm, binance-coinm")]
OnMarket = Annotated[Market, says("spot; usdm: futures margined in the quote asset; coinm: in the coin itself")]
Position = Annotated[
    str | None,
    says(
        "place in the daemon's event log, as the stream's id: give it as after= for a long poll; "
        "null where there is no log"
    ),
]
FeedState = Annotated[
    State,
    says(
        "state of the feed: connecting, warming (the past is being read), live, quiet (proven whole, no trade), "
        "unverified (connected again, not proven yet), gap (ids missing, being read), stale (feed down), "
        "partial (ids lost for good)"
    ),
]
Generation = Annotated[Count, says("raised when the venue restarts its trade ids; no answer spans two generations")]
LastPrice = Annotated[Price | None, says("price of the newest trade held; null before the first")]
NetPressure = Annotated[
    Pressure | None,
    says(
        "word for the base imbalance (buy - sell) / (buy + sell), with the thresholds stated in /v1/meta; "
        "null where nothing traded"
    ),
]
BuyShare = Annotated[
    Ratio | None, says("taker buy volume over all volume, in base, 4 decimals; null where nothing traded")
]
