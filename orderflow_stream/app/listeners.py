"""The listeners: the API, and where they are configured those of its own for the metrics and for the pages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import structlog
from aiohttp import web

from orderflow_stream.app import descriptors
from orderflow_stream.app.addresses import METRICS_KEY, PAGES_KEY, PORT_KEYS, bind
from orderflow_stream.config import Server
from orderflow_stream.delivery.http.app import build_app, build_metrics_app, build_pages_app
from orderflow_stream.delivery.http.context import Context
from orderflow_stream.delivery.http.doors import Doors
from orderflow_stream.delivery.http.server import Runner

#: Seconds that answers under way get at the end, after the streams were drained: long polls are cut.
GRACE: Final = 1.0

log = structlog.get_logger("orderflow_stream")


@dataclass
class Listeners:
    """What listens, and where. Addresses are empty where there is no such listener."""

    runners: list[web.AppRunner] = field(default_factory=list)
    url: str = ""
    metrics_url: str = ""
    pages_url: str = ""

    async def close(self) -> None:
        for runner in self.runners:
            await runner.cleanup()


def doors_of(server: Server) -> Doors:
    """The bounds of connections."""
    return Doors(most_connections(server), server.max_connections_per_ip, server.trusted_proxies)


def most_connections(server: Server) -> int:
    """As many as configured, but no more than files may be open; that there are fewer is told."""
    most = descriptors.connections(server.max_connections, limit := descriptors.raise_limit())
    if most < server.max_connections:
        log.warning(
            "fewer connections than configured: the system allows fewer open files",
            connections=most,
            configured=server.max_connections,
            open_files=limit,
            hint="raise the limit (systemd: LimitNOFILE=, shell: ulimit -n), or lower server.max_connections",
        )
    return most


async def listen(server: Server, context: Context, doors: Doors) -> Listeners:
    """Begin to listen on every configured address. Raises `StartError` where one cannot be had."""
    out = Listeners()

    async def begin(app: web.Application, host: str, port: int, key: str) -> str:
        runner = Runner(app, doors=doors, shutdown_timeout=GRACE)
        out.runners.append(runner)
        await runner.setup()
        return await bind(runner, host, port, key)

    try:
        out.url = await begin(build_app(context), server.host, server.port, PORT_KEYS)
        if (own := server.metrics_listen) is not None:
            out.metrics_url = await begin(build_metrics_app(context, own.host), own.host, own.port, METRICS_KEY)
        if (own := server.pages_listen) is not None:
            out.pages_url = await begin(build_pages_app(context, own.host), own.host, own.port, PAGES_KEY)
    except BaseException:
        await out.close()
        raise
    return out
