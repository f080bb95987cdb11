"""What can be asked about the tape, as plain functions like those of `calls`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from orderflow_stream.client.listings import Alive, Gaps, Liquidations, Ready, Screener, Symbols
from orderflow_stream.client.wire import Call, query


def gaps(
    symbol: str | None = None, *, coin: str | None = None, quote: str | None = None, venue: str | None = None
) -> Call[Gaps]:
    """Ranges of trade ids that the stream skipped, newest first, and what became of each.

    Example:

        gaps = await api.gaps("BTCUSDT")
        print(gaps.missing_total, [(gap.first, gap.last, gap.status) for gap in gaps.gaps])
    """
    return Call("/v1/gaps", query(symbol=symbol, coin=coin, quote=quote, venue=venue), Gaps)


def screener(
    *,
    window: str | None = None,
    sort: str | None = None,
    order: Literal["asc", "desc"] | None = None,
    limit: int | None = None,
    quote: str | None = None,
    venue: str | None = None,
) -> Call[Screener]:
    """Every streamed symbol over one `window` (default "5m"), sorted by `sort` (default "delta_quote").

    Example:

        board = await api.screener(window="1m", sort="delta_quote", limit=10)
        print([(row.symbol, row.delta_quote, row.state) for row in board.rows])
    """
    return Call(
        "/v1/screener",
        query(window=window, sort=sort, order=order, limit=limit, quote=quote, venue=venue, numbers="string"),
        Screener,
    )


def symbols(*, quote: str | None = None, venue: str | None = None) -> Call[Symbols]:
    """The symbols that can be asked for, of one quote asset or all.

    Example:

        print((await api.symbols(quote="USDT")).symbols)
    """
    return Call("/v1/symbols", query(quote=quote, venue=venue), Symbols)


def meta(*, venue: str | None = None) -> Call[dict[str, Any]]:
    """Every parameter, threshold and rule that is in force, as a plain dict (`version`, `windows`, `endpoints` …).

    Example:

        print((await api.meta())["version"])
    """
    return Call("/v1/meta", query(venue=venue), dict[str, Any])


def liquidations(
    symbol: str | None = None,
    *,
    symbols: Iterable[str] | str | None = None,
    coin: str | None = None,
    quote: str | None = None,
    venue: str | None = None,
    limit: int | None = None,
    since: int | None = None,
) -> Call[Liquidations]:
    """Liquidation orders, newest first: a sample (the venue tells at most one a second and symbol). `since` in ms.
    Raises `NotFound` where no venue that is on tells of any.

    Example:

        print((await api.liquidations(symbols="*", venue="binance-usdm", limit=20)).liquidations)
    """
    return Call(
        "/v1/liquidations",
        query(
            symbol=symbol,
            symbols=symbols,
            coin=coin,
            quote=quote,
            venue=venue,
            limit=limit,
            since=since,
            numbers="string",
        ),
        Liquidations,
    )


def ready(*, strict: bool = False) -> Call[Ready]:
    """Whether the feeds are live (`strict`: and every symbol warm and complete). Not being ready is an answer here, no
    exception: see `ready.reasons`.

    Example:

        ready = await api.ready(strict=True)
        print(ready.ready, ready.reasons)
    """
    return Call("/readyz", query(strict=strict), Ready, answers=frozenset({503}))


def alive() -> Call[Alive]:
    """Whether the process answers at all, and its version.

    Example:

        print((await api.alive()).version)
    """
    return Call("/healthz", {}, Alive)
