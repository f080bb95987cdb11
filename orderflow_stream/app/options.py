"""Settings as the plain values that the floors below take."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from orderflow_stream.config import Settings
from orderflow_stream.core.units import parse_notional
from orderflow_stream.delivery import encode
from orderflow_stream.delivery.http.context import Options


def http_options(settings: Settings, windows: dict[str, int]) -> Options:
    """What the routes are given."""
    server, flow, large = settings.server, settings.analytics.flow, settings.analytics.large

    def scaled(values: Any) -> dict[str, int]:
        return {name: parse_notional(format(value, "f")) for name, value in values.items()}

    return Options(
        windows=windows,
        rules=encode.Rules(balanced=Fraction(flow.pressure_balanced), strong=Fraction(flow.pressure_strong)),
        large=parse_notional(format(large.min_notional, "f")),
        large_by_quote=scaled(large.by_quote),
        large_by_symbol=scaled(large.by_symbol),
        bound_host=server.host,
        allowed_hosts=server.allowed_hosts,
        allowed_origins=server.allowed_origins,
        trusted_proxies=server.trusted_proxies,
        metrics_here=server.metrics_listen is None,
        stated={
            "tape": {"trades": settings.tape.trades, "budget_mb": settings.tape.budget_mb},
            "delivery": settings.delivery.model_dump(),
            "metrics": settings.metrics.model_dump(),
        },
    )
