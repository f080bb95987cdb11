"""What can be asked of the tape, as plain functions: parameters in, a `Call` out.

`OrderFlow` (async) and `sync.OrderFlow` have each of them as a method of the same name and parameters, which asks the
call and returns what its type says. Nothing is checked here that the daemon checks: it says so better.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final, Literal

from orderflow_stream.client.answers import Bars, Combined, Flow, Group, Large, Trades
from orderflow_stream.client.wire import Call, query

Number = int | float | Decimal

#: Seconds that the daemon waits where `after` is given and `wait` is not.
_WAIT: Final = 5.0
_FRESH: Final = 10.0


def flow(
    symbol: str | None = None,
    *,
    coin: str | None = None,
    quote: str | None = None,
    venue: str | None = None,
    trades: int | None = None,
    window: str | None = None,
    after: str | None = None,
    wait: float | None = None,
    fresh: bool = False,
) -> Call[Flow]:
    """Taker buys against taker sells of one symbol: volumes, delta, CVD, share, pressure.

    `symbol`, or `coin` (with `quote`, USDT where it is left out). Over the last `trades` (100 to 5000, default 1000) or
    a configured `window` ("1m", "5m" …). With `after` (`flow.coverage.position` of an earlier answer) it is a long
    poll: answered as soon as the symbol has traded beyond that, or after `wait` seconds (0 to 30, default 5). `fresh`
    asks the exchange for what is newer than memory first.

    Returns `Flow`: quantities in base, notionals in quote, exact `Decimal`s; `flow.coverage.complete` says whether it
    is the whole truth. Raises `NotFound`, `BadRequest`, `UpstreamFailed`.

    Example:

        flow = await api.flow("BTCUSDT", window="5m")
        print(flow.delta_base, flow.buy_volume_share, flow.coverage.complete)
    """
    poll = 0.0 if after is None else _WAIT if wait is None else wait
    return Call(
        "/v1/flow",
        query(
            **_who(symbol, coin, quote, venue),
            trades=trades,
            window=window,
            after=after,
            wait=wait,
            fresh=fresh,
            numbers="string",
        ),
        Flow,
        extra=poll + (_FRESH if fresh else 0.0),
    )


def flows(
    symbols: Iterable[str] | str,
    *,
    venue: str | None = None,
    trades: int | None = None,
    window: str | None = None,
    fresh: bool = False,
) -> Call[list[Flow]]:
    """The flow of several symbols at one instant, in the order asked. `symbols` are names and patterns (`"*USDT"`);
    the rest is as of `flow`.

    Example:

        for flow in await api.flows(["BTCUSDT", "ETHUSDT"], window="1m"):
            print(flow.symbol, flow.delta_quote)
    """
    return Call(
        "/v1/flow",
        query(symbols=symbols, venue=venue, trades=trades, window=window, fresh=fresh, numbers="string"),
        list[Flow],
        extra=_FRESH if fresh else 0.0,
    )


def combined(
    coin: str,
    venues: Iterable[str] | str,
    *,
    quote: str | None = None,
    trades: int | None = None,
    window: str | None = None,
) -> Call[Combined]:
    """One coin on several venues at one instant: each part's flow, their sum in USD, and spot against perpetuals.

    Example:

        both = await api.combined("BTC", ["binance", "binance-usdm"], window="5m")
        print(both.combined.delta_usd, both.spot_perp and both.spot_perp.share_difference)
    """
    return Call(
        "/v1/flow",
        query(coin=coin, venues=venues, quote=quote, trades=trades, window=window, numbers="string"),
        Combined,
        extra=_FRESH,
    )


def large(
    symbol: str | None = None,
    *,
    coin: str | None = None,
    quote: str | None = None,
    venue: str | None = None,
    min_notional: Number | str | None = None,
    percentile: Number | str | None = None,
    trades: int | None = None,
    limit: int | None = None,
    group: Group | None = None,
    since_id: int | None = None,
    fresh: bool = False,
) -> Call[Large]:
    """Large prints among the last `trades` (100 to 5000, default 5000), the largest first, at most `limit` (default
    100) of them.

    `min_notional` in the quote asset (default: as configured, 100000), or `percentile` (50 to 99.999): the threshold
    that so many percent of the prints are below. `group="order"` merges the rows of one taker order. `since_id`: only
    those with an id above it. A `float` is taken as it prints; a `Decimal` or text is safest.

    Example:

        large = await api.large("BTCUSDT", min_notional=250_000, group="order")
        print(large.net_notional, [print.side for print in large.largest])
    """
    return Call(
        "/v1/large",
        query(
            **_who(symbol, coin, quote, venue),
            min_notional=min_notional,
            percentile=percentile,
            trades=trades,
            limit=limit,
            group=group,
            since_id=since_id,
            fresh=fresh,
            numbers="string",
        ),
        Large,
        extra=_FRESH if fresh else 0.0,
    )


def bars(
    symbol: str | None = None,
    interval: Literal["1s", "5s", "1m", "5m", "1h"] = "1m",
    *,
    coin: str | None = None,
    quote: str | None = None,
    venue: str | None = None,
    limit: int | None = None,
    anchor: Literal["session", "oldest"] | None = None,
) -> Call[Bars]:
    """The newest `limit` (1 to 5000, default 500) bars, ascending: OHLC, buy and sell volume, delta, CVD.

    "1s" and "5s" reach back an hour, the others a day. CVD counts from the `anchor`: midnight UTC ("session", the
    default), or the oldest trade held; `bars.anchor` says which it was. Spans without a trade are not listed.

    Example:

        bars = await api.bars("BTCUSDT", "1m", limit=60)
        print([(bar.start, bar.close, bar.cvd_base) for bar in bars.bars if bar.complete])
    """
    return Call(
        "/v1/bars",
        query(**_who(symbol, coin, quote, venue), interval=interval, limit=limit, anchor=anchor, numbers="string"),
        Bars,
    )


def trades(
    symbol: str | None = None,
    *,
    coin: str | None = None,
    quote: str | None = None,
    venue: str | None = None,
    from_id: int | None = None,
    limit: int | None = None,
) -> Call[Trades]:
    """The tape itself, ascending: the newest `limit` (1 to 5000, default 500), or those from `from_id` on.

    Example:

        page = await api.trades("BTCUSDT", limit=10)
        print([(trade.id, trade.side, trade.price, trade.qty) for trade in page.trades])
    """
    return Call(
        "/v1/trades",
        query(**_who(symbol, coin, quote, venue), from_id=from_id, limit=limit, numbers="string"),
        Trades,
    )


def _who(symbol: str | None, coin: str | None, quote: str | None, venue: str | None) -> dict[str, str | None]:
    return {"symbol": symbol, "coin": coin, "quote": quote, "venue": venue}
