"""Every route of the daemon, in one explicit list."""

from __future__ import annotations

from typing import Final

from orderflow_stream.delivery.http import (
    admin,
    bars,
    flow,
    guide,
    health,
    large,
    liquidations,
    meta,
    openapi_stream,
    pages,
    screener,
    stream,
    symbols,
    tickets,
    trades,
)
from orderflow_stream.delivery.http.route import Route
from orderflow_stream.shapes import answers, futures
from orderflow_stream.shapes import bars as bar_shapes

DATA_ROUTES: Final[tuple[Route, ...]] = (
    Route(
        "/v1/flow",
        flow.flow,
        "Taker buy/sell volume, delta/CVD, ratio and pressure of a symbol, or of several "
        "(symbol=BTCUSDT, trades=1000 or window=5m); of one coin on several venues with its sum in USD, spot against "
        "perpetual (coin=BTC, venues=binance,binance-usdm).",
        flow.PARAMS,
        answers.Flow | list[answers.Flow],
        errors=(304, 404, 502, 503),
        also=(futures.FuturesFlow | list[futures.FuturesFlow], futures.Combined),
    ),
    Route(
        "/v1/large",
        large.large,
        "Large aggressive prints above a notional threshold, tagged buy/sell, by row or by taker order "
        "(symbol=BTCUSDT, min_notional=100000).",
        large.PARAMS,
        answers.Large,
        errors=(304, 404, 502, 503),
        also=(futures.FuturesLarge,),
    ),
    Route(
        "/v1/bars",
        bars.bars,
        "Bars with OHLC, volumes by aggressor, delta and CVD (symbol=BTCUSDT, interval=1s|5s|1m|5m|1h, limit).",
        bars.PARAMS,
        bar_shapes.Bars,
        errors=(304, 404, 502, 503),
    ),
    Route(
        "/v1/trades",
        trades.trades,
        "The tape itself, ascending (symbol=BTCUSDT, from_id, limit).",
        trades.TRADES_PARAMS,
        answers.Trades,
        errors=(404, 502, 503),
        also=(futures.FuturesTrades,),
    ),
    Route(
        "/v1/gaps",
        trades.gaps,
        "Ranges of trade ids that were missing, and how they were filled (symbol=BTCUSDT).",
        trades.GAPS_PARAMS,
        answers.Gaps,
        errors=(404, 502, 503),
    ),
    Route(
        "/v1/screener",
        screener.screener,
        "Every streamed symbol over one window, in one answer (window=5m, sort=delta_quote, limit=50).",
        screener.PARAMS,
        answers.Screener,
    ),
    Route(
        "/v1/symbols",
        symbols.symbols,
        "Tradable Binance pairs, optionally filtered by quote (quote=USDT).",
        symbols.SYMBOLS_PARAMS,
        answers.Symbols,
        errors=(502,),
        also=(futures.FuturesSymbols,),
    ),
    Route("/v1/meta", meta.meta, "Every parameter, threshold and rule in force.", meta.META_PARAMS, answers.SpecMeta),
    Route(
        "/v1/stream",
        stream.stream,
        "Server-sent events: flow, large prints, trades, gaps, states (symbols=BTCUSDT,ETHUSDT, topics=flow,large).",
        stream.PARAMS,
        media="text/event-stream",
        errors=(204, 404, 503),
        tag="live",
        scope="stream",
        about=openapi_stream.ABOUT,
    ),
)

#: Only where a venue that is on tells of liquidations.
LIQUIDATIONS_ROUTE: Final = Route(
    liquidations.PATH,
    liquidations.liquidations,
    "Liquidation orders, newest first: a sample, at most one per symbol and second (symbol=BTCUSDT or symbols=*, "
    "limit, since).",
    liquidations.PARAMS,
    futures.Liquidations,
    errors=(404, 502),
)

#: What is asked by POST, because it changes something.
ACTION_ROUTES: Final[tuple[Route, ...]] = (
    Route(
        "/v1/ticket",
        tickets.ticket,
        "A ticket for one /v1/stream?ticket=, which then sets a cookie: for EventSource, which can send no key.",
        (),
        answers.Ticket,
        tag="live",
        method="POST",
        scope="stream",
    ),
    Route(
        "/admin/reload",
        admin.reload,
        "Read the configuration anew; says which keys have changed and which need a restart.",
        (),
        answers.Reloaded,
        errors=(409, 503),
        tag="operation",
        method="POST",
        scope="admin",
    ),
)

OPERATION_ROUTES: Final[tuple[Route, ...]] = (
    Route("/healthz", health.healthz, "The process answers.", (), answers.Alive, tag="operation", scope="open"),
    Route(
        "/readyz",
        health.readyz,
        "Start-up is over and the feeds are live; strict=1: every symbol is warm and complete.",
        health.READY_PARAMS,
        answers.Ready,
        errors=(503,),
        also=(futures.VenuesReady,),
        failure=futures.VenuesFailure,
        tag="operation",
        scope="open",
    ),
)

METRICS_ROUTE: Final = Route(
    "/metrics",
    health.metrics,
    "Prometheus metrics.",
    None,
    media="text/plain",
    tag="operation",
    scope="metrics",
)

#: Holds no data, and says how a key is sent: like the pages, it needs none.
DOCUMENT_ROUTE: Final = Route(
    "/openapi.json", pages.openapi, "This document (OpenAPI 3.1).", None, tag="operation", scope="page"
)

GUIDE_ROUTE: Final = Route(
    "/llms.txt",
    guide.guide,
    "The same as plain text, for programs that read text.",
    None,
    media="text/plain",
    tag="operation",
    scope="page",
)

PAGE_ROUTES: Final[tuple[Route, ...]] = (
    DOCUMENT_ROUTE,
    GUIDE_ROUTE,
    Route("/docs", pages.docs, "The documentation as a page.", None, media="text/html", tag="operation", scope="page"),
    Route("/", pages.dashboard, "The dashboard.", None, media="text/html", page=True, scope="page"),
    Route("/favicon.ico", pages.favicon, "The icon.", None, media="image/svg+xml", page=True, scope="page"),
    Route("/static/{name}", pages.static, "What the pages need.", None, page=True, scope="page", deep=True),
)


def routes(*, metrics: bool, pages: bool = True, liquidations: bool = False) -> tuple[Route, ...]:
    """The API's routes; `metrics` and `pages` say whether those are among them or have a listener of their own,
    `liquidations` whether a venue tells of any."""
    data = (*DATA_ROUTES, LIQUIDATIONS_ROUTE) if liquidations else DATA_ROUTES
    shown = PAGE_ROUTES if pages else (DOCUMENT_ROUTE, GUIDE_ROUTE)
    return (*data, *ACTION_ROUTES, *OPERATION_ROUTES, *((METRICS_ROUTE,) if metrics else ()), *shown)
