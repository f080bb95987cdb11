"""Settings as the plain values that the floors below take."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from orderflow_stream.config import Settings
from orderflow_stream.core.units import parse_notional
from orderflow_stream.delivery import encode
from orderflow_stream.delivery.http.auth import Policy
from orderflow_stream.delivery.http.context import Options
from orderflow_stream.delivery.http.keys import Key, Plan
from orderflow_stream.delivery.limits import Limits


def hub_limits(settings: Settings) -> Limits:
    """Pace and bounds of the streams."""
    delivery = settings.delivery
    return Limits(
        tick=delivery.tick_ms / 1000,
        heartbeat=delivery.heartbeat_s,
        max_clients=delivery.max_clients,
        max_clients_per_ip=delivery.max_clients_per_ip,
        mailbox_bytes=delivery.mailbox_kb * 1024,
        mailbox_age=delivery.mailbox_s,
        backlog=delivery.ring_events + delivery.ring_trades,
        stall=2 * delivery.mailbox_s,
        age=delivery.stream_age_s,
    )


def auth_policy(settings: Settings) -> Policy:
    """Who may ask, and how much."""
    auth = settings.auth

    def plan(title: str) -> Plan | None:
        if not title:
            return None
        found = auth.plan(title)
        return Plan(
            name=title,
            per_second=found.per_second,
            burst=found.at_once,
            per_month=found.per_month,
            streams=found.streams,
        )

    return Policy(
        keys=tuple(
            Key(
                id=line.id,
                digest=line.sha256,
                anchor=line.stream,
                name=line.name,
                plan=plan(line.plan),
                scopes=line.scopes,
                expires=line.until,
            )
            for line in auth.lines
        ),
        per_ip_per_second=auth.per_ip_per_second,
        per_ip_burst=auth.per_ip_burst,
    )


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
        pages_here=server.pages_listen is None,
        stated={
            "tape": {"trades": settings.tape.trades, "budget_mb": settings.tape.budget_mb},
            "delivery": settings.delivery.model_dump(),
            "metrics": settings.metrics.model_dump(),
            "auth": {
                "key_needed": bool(settings.auth.lines),
                "per_ip_per_second": settings.auth.per_ip_per_second,
                "per_ip_burst": settings.auth.per_ip_burst,
            },
        },
    )
