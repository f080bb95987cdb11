"""Where it listens: the address that was asked for, or one line with the remedy."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest
from aiohttp import web

from orderflow_stream.app.addresses import StartError, bind, try_addresses
from orderflow_stream.config import load


@pytest.fixture
def taken() -> Iterator[socket.socket]:
    """A port that somebody has."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        yield holder


@pytest.mark.parametrize("host,shown", [("127.0.0.1", "http://127.0.0.1:"), ("::1", "http://[::1]:")])
async def test_the_url_says_where(host: str, shown: str) -> None:
    runner = web.AppRunner(web.Application())
    await runner.setup()
    try:
        url = await bind(runner, host, 0, "server.port")
        assert url.startswith(shown)
        assert int(url.rpartition(":")[2]) > 0
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    "key,over",
    [
        ("server.port", lambda port: {"server.port": port}),
        ("server.metrics_listen", lambda port: {"server.port": 0, "server.metrics_listen": f"127.0.0.1:{port}"}),
        ("server.pages_listen", lambda port: {"server.port": 0, "server.pages_listen": f"127.0.0.1:{port}"}),
    ],
)
async def test_a_port_that_is_taken_is_told_with_the_key(
    key: str, over: Callable[[int], dict[str, object]], taken: socket.socket
) -> None:
    port = taken.getsockname()[1]
    settings = load(environ={}, overrides=over(port))
    with pytest.raises(StartError, match=rf"port {port} of 127\.0\.0\.1 is in use .*{key}$"):
        await try_addresses(settings)
    taken.close()
    await try_addresses(settings)  # free again: nothing was left bound


async def test_an_address_that_is_not_ours_is_told() -> None:
    settings = load(environ={}, overrides={"server.host": "203.0.113.7", "server.allow_unauthenticated": True})
    with pytest.raises(StartError, match=r"cannot listen on 203\.0\.113\.7:8080: .*; choose another address with"):
        await try_addresses(settings)
