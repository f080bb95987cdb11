"""Every route of the daemon, in one explicit list."""

from __future__ import annotations

from typing import Final

from orderflow_stream.delivery.http import flow, health, large, pages, schemas, screener, stream, symbols, trades
from orderflow_stream.delivery.http.route import Route

DATA_ROUTES: Final[tuple[Route, ...]] = (
    Route(
        "/v1/flow",
        flow.flow,
        "Taker buy/sell volume, delta/CVD, ratio and pressure of a symbol, or of several "
        "(symbol=BTCUSDT, trades=1000 or window=5m).",
        flow.PARAMS,
        schemas.Flow | list[schemas.Flow],
        errors=(304, 404, 502, 503),
    ),
    Route(
        "/v1/large",
        large.large,
        "Large aggressive prints above a notional threshold, tagged buy/sell, by row or by taker order "
        "(symbol=BTCUSDT, min_notional=100000).",
        large.PARAMS,
        schemas.Large,
        errors=(304, 404, 502, 503),
    ),
    Route(
        "/v1/trades",
        trades.trades,
        "The tape itself, ascending (symbol=BTCUSDT, from_id, limit).",
        trades.TRADES_PARAMS,
        schemas.Trades,
        errors=(404, 502, 503),
    ),
    Route(
        "/v1/gaps",
        trades.gaps,
        "Ranges of trade ids that were missing, and how they were filled (symbol=BTCUSDT).",
        trades.GAPS_PARAMS,
        schemas.Gaps,
        errors=(404, 502, 503),
    ),
    Route(
        "/v1/screener",
        screener.screener,
        "Every streamed symbol over one window, in one answer (window=5m, sort=delta_quote, limit=50).",
        screener.PARAMS,
        schemas.Screener,
    ),
    Route(
        "/v1/symbols",
        symbols.symbols,
        "Tradable Binance pairs, optionally filtered by quote (quote=USDT).",
        symbols.SYMBOLS_PARAMS,
        schemas.Symbols,
        errors=(502,),
    ),
    Route(
        "/v1/meta", symbols.meta, "Every parameter, threshold and rule in force.", symbols.META_PARAMS, schemas.SpecMeta
    ),
    Route(
        "/v1/stream",
        stream.stream,
        "Server-sent events: flow, large prints, trades, gaps, states (symbols=BTCUSDT,ETHUSDT, topics=flow,large).",
        stream.PARAMS,
        media="text/event-stream",
        errors=(404, 503),
        tag="live",
    ),
)

OPERATION_ROUTES: Final[tuple[Route, ...]] = (
    Route("/healthz", health.healthz, "The process answers.", (), schemas.Alive, tag="operation"),
    Route(
        "/readyz",
        health.readyz,
        "Start-up is over and the feeds are live; strict=1: every symbol is warm and complete.",
        health.READY_PARAMS,
        schemas.Ready,
        errors=(503,),
        tag="operation",
    ),
)

METRICS_ROUTE: Final = Route(
    "/metrics",
    health.metrics,
    "Prometheus metrics.",
    None,
    media="text/plain",
    tag="operation",
)

PAGE_ROUTES: Final[tuple[Route, ...]] = (
    Route("/openapi.json", pages.openapi, "This document (OpenAPI 3.1).", None, tag="operation"),
    Route("/docs", pages.docs, "The documentation as a page.", None, media="text/html", tag="operation"),
    Route("/", pages.dashboard, "The dashboard.", None, media="text/html", page=True),
    Route("/favicon.ico", pages.favicon, "The icon.", None, media="image/svg+xml", page=True),
    Route("/static/{name}", pages.static, "What the pages need.", None, page=True),
)


def routes(*, metrics: bool) -> tuple[Route, ...]:
    """The API's routes; `metrics` says whether /metrics is one of them or has a listener of its own."""
    return (*DATA_ROUTES, *OPERATION_ROUTES, *((METRICS_ROUTE,) if metrics else ()), *PAGE_ROUTES)
