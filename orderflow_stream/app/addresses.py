"""Where the daemon listens, and what is said where it cannot."""

from __future__ import annotations

import errno
from typing import Final

from aiohttp import web

from orderflow_stream.config import Settings

PORT_KEYS: Final = "--port or server.port"
METRICS_KEY: Final = "server.metrics_listen"
PAGES_KEY: Final = "server.pages_listen"
#: Connections that may wait to be accepted: all clients of a daemon that was restarted come back within seconds.
BACKLOG: Final = 4096


class StartError(Exception):
    """The daemon cannot start; the message is one line with the remedy."""


async def try_addresses(settings: Settings) -> None:
    """Raise the `StartError` of `Daemon.run` where an address to listen on cannot be had, before anything is built."""
    runner = web.AppRunner(web.Application())
    await runner.setup()
    try:
        server = settings.server
        await bind(runner, server.host, server.port, PORT_KEYS)
        if server.metrics_listen is not None:
            await bind(runner, server.metrics_listen.host, server.metrics_listen.port, METRICS_KEY)
        if server.pages_listen is not None:
            await bind(runner, server.pages_listen.host, server.pages_listen.port, PAGES_KEY)
    finally:
        await runner.cleanup()


async def bind(runner: web.AppRunner, host: str, port: int, key: str) -> str:
    """Listen there; the URL. A port that is taken is a `StartError`; `key` says how to choose another."""
    site = web.TCPSite(runner, host, port, reuse_address=True, backlog=BACKLOG)
    try:
        await site.start()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            reason = f"port {port} of {host} is in use (is another one running?); choose another with {key}"
        else:
            reason = f"cannot listen on {host}:{port}: {error.strerror or error}; choose another address with {key}"
        raise StartError(reason) from None
    address = runner.addresses[0]
    shown = f"[{address[0]}]" if ":" in address[0] else address[0]
    return f"http://{shown}:{address[1]}"
