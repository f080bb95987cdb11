"""Listeners and their bounds."""

import resource
from pathlib import Path

import aiohttp
import pytest

from orderflow_stream.app import descriptors
from orderflow_stream.app.listeners import doors_of
from orderflow_stream.config import Server
from tests.e2e.inside import market, running


async def test_pages_have_a_listener_of_their_own(tmp_path: Path) -> None:
    over = {"server__pages_listen": "127.0.0.1:0", "server__metrics_listen": "127.0.0.1:0"}
    async with market() as simulator, running(simulator, tmp_path, **over) as daemon:
        assert len({daemon.url, daemon.pages_url, daemon.metrics_url}) == 3
        async with aiohttp.ClientSession() as session:
            for url, path, status in (
                (daemon.pages_url, "/", 200),
                (daemon.pages_url, "/v1/meta", 200),
                (daemon.pages_url, "/metrics", 404),
                (daemon.url, "/", 404),
                (daemon.url, "/v1/meta", 200),
                (daemon.metrics_url, "/", 404),
            ):
                async with session.get(url + path) as response:
                    assert (response.status, url, path) == (status, url, path)
            async with session.get(f"{daemon.pages_url}/v1/stream?symbols=BTCUSDT") as stream:
                assert b"hello" in await stream.content.readline()
                async with session.get(f"{daemon.metrics_url}/metrics") as response:
                    scraped = await response.text()
        # One bound and one count for all of them: the idle ones of three listeners, the stream, and the scrape.
        (line,) = [line for line in scraped.splitlines() if line.startswith("orderflow_http_connections ")]
        assert float(line.split()[1]) >= 3


def test_bounds_are_the_configurations() -> None:
    given = {"max_connections": 77, "max_connections_per_ip": 3, "trusted_proxies": ["10.0.0.0/8"]}
    doors = doors_of(Server.model_validate(given))
    assert (doors.most, doors.per_address) == (77, 3)
    for _ in range(4):
        assert doors.enter(("10.1.1.1", 5)) is not None


def test_fewer_where_the_system_allows_fewer_files(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(descriptors, "raise_limit", lambda: 1_024)
    assert doors_of(Server()).most == 1_024 - 128
    said = capsys.readouterr()
    assert "fewer connections than configured" in said.out + said.err + caplog.text
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 0
