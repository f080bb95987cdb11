"""What of the configuration can change while the daemon runs, and who takes it up. Every key that is not here needs a
restart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import structlog

from orderflow_stream import logs
from orderflow_stream.analytics.large import LargeTracker
from orderflow_stream.app.listeners import most_connections
from orderflow_stream.app.options import auth_policy, http_options, hub_limits
from orderflow_stream.app.reload import Apply, Outcome
from orderflow_stream.config import Settings
from orderflow_stream.config.venues import DEFAULT
from orderflow_stream.core.engine import Engine

if TYPE_CHECKING:
    from orderflow_stream.app.daemon import Daemon

log = structlog.get_logger("orderflow_stream")


def live(daemon: Daemon) -> Mapping[str, Apply]:
    """By dotted key (or a table of them), in the order in which they are applied."""

    def options(settings: Settings) -> None:
        """Whatever the routes go by, and what `/v1/meta` says of it."""
        daemon.options = daemon.context.options = http_options(settings, daemon.windows)
        daemon.hub.renderer.rules = daemon.options.rules

    def limits(settings: Settings) -> None:
        options(settings)
        daemon.hub.set_limits(hub_limits(settings))

    def large(settings: Settings) -> None:
        options(settings)
        set_thresholds(daemon.engine, daemon)

    def doors(settings: Settings) -> None:
        options(settings)
        server = settings.server
        daemon.doors.set_limits(most_connections(server), server.max_connections_per_ip, server.trusted_proxies)

    def keys(settings: Settings) -> None:
        options(settings)
        daemon.auth.replace(auth_policy(settings))

    def tape(settings: Settings) -> None:
        options(settings)
        budget = settings.tape.budget_mb * 1_000_000
        daemon.engine.set_limits(keep_trades=settings.tape.trades, budget_bytes=budget)

    def metrics(settings: Settings) -> None:
        options(settings)
        daemon.metrics.max_symbols = settings.metrics.max_symbols

    def drain(settings: Settings) -> None:
        options(settings)
        daemon.drain_s = settings.delivery.drain_s

    return {
        "log": lambda settings: logs.configure(settings.log.level, settings.log.format),
        "server.allowed_hosts": options,
        "server.allowed_origins": options,
        "server.trusted_proxies": doors,
        "server.max_connections": doors,
        "server.max_connections_per_ip": doors,
        "server.allow_unauthenticated": options,  # it was judged when the configuration was read
        "auth.keys": keys,
        "auth.keys_file": keys,
        "auth.plans": keys,
        "auth.per_ip_per_second": keys,
        "auth.per_ip_burst": keys,
        "analytics.flow.pressure_balanced": options,
        "analytics.flow.pressure_strong": options,
        "analytics.large": large,
        "tape.budget_mb": tape,
        "delivery.tick_ms": limits,
        "delivery.heartbeat_s": limits,
        "delivery.max_clients": limits,
        "delivery.max_clients_per_ip": limits,
        "delivery.mailbox_kb": limits,
        "delivery.mailbox_s": limits,
        "delivery.stream_age_s": limits,
        "delivery.drain_s": drain,
        "metrics.max_symbols": metrics,
        **of_venue(DEFAULT, daemon),
    }


def live_venues(daemon: Daemon) -> Mapping[str, Apply]:
    """The same for the tables of the other venues that are on."""
    found: dict[str, Apply] = {}
    for name in daemon.markets:
        if name != DEFAULT:
            found |= of_venue(name, daemon)
    return found


def of_venue(name: str, daemon: Daemon) -> Mapping[str, Apply]:
    """What one venue's table can change."""

    def symbols(settings: Settings) -> None:
        daemon.markets[name].set_symbols(settings.venues.tables[name].symbols, daemon.spawn)

    def redundancy(settings: Settings) -> None:
        daemon.markets[name].set_redundancy(settings.venues.tables[name].redundancy)

    return {f"venues.{name}.redundancy": redundancy, f"venues.{name}.symbols": symbols}


def set_thresholds(engine: Engine, daemon: Daemon) -> None:
    """Every tracker by the threshold of its instrument."""
    for book in engine.books.values():
        for analytic in book.analytics:
            if isinstance(analytic, LargeTracker):
                analytic.set_threshold(daemon.options.threshold(book.instrument))


def tell(outcome: Outcome) -> None:
    """The operator reads it in the log, whoever asked for it."""
    if outcome.faults:
        for fault in outcome.faults:
            log.error("configuration not reloaded: nothing was changed", fault=fault)
        return
    log.info("configuration reloaded", changed=", ".join(outcome.changed) or "nothing")
    if outcome.restart:
        log.warning("these keys differ and need a restart", keys=", ".join(outcome.restart))
