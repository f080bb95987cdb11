"""The sample of a reverse proxy, run as it stands but for names and ports: streams arrive at once, clients are told
apart, the inside stays inside."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import trustme

from orderflow_stream.simulator import DEFAULT_LISTINGS, Simulator, SyntheticMarket, SyntheticPlayer
from tests.e2e.process import ROOT
from tests.tapes.kit import running, until
from tests.tools import needs

NAME = "orderflow.example.org"
SYMBOL = DEFAULT_LISTINGS[0].symbol


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@asynccontextmanager
async def nginx(folder: Path, authority: trustme.CA, daemon_port: int) -> AsyncIterator[int]:
    """nginx with our sample in front of that port; the port it listens on."""
    certificate = authority.issue_cert(NAME)
    chain, key = folder / "fullchain.pem", folder / "privkey.pem"
    chain.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    certificate.private_key_pem.write_to_path(str(key))
    port = free_port()
    sample = (ROOT / "deploy" / "nginx.conf").read_text()
    changes = {
        "server 127.0.0.1:8080;": f"server 127.0.0.1:{daemon_port};",
        "listen 443 ssl http2;": f"listen 127.0.0.1:{port} ssl http2;",
        "/etc/ssl/orderflow/fullchain.pem": str(chain),
        "/etc/ssl/orderflow/privkey.pem": str(key),
    }
    for old, new in changes.items():
        assert sample.count(old) == 1, old
        sample = sample.replace(old, new)
    (folder / "site.conf").write_text(sample)
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    # gzip for everything, as a careless main configuration may have it.
    (folder / "nginx.conf").write_text(
        f"daemon off;\npid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
        f"http {{\n{temporary}gzip on;\ngzip_types *;\ngzip_min_length 1;\ninclude {folder}/site.conf;\n}}\n"
    )
    process = await asyncio.create_subprocess_exec(needs("nginx"), "-c", f"{folder}/nginx.conf", "-p", str(folder))
    try:
        await until(lambda: _listens(port) or process.returncode is not None, "nginx listens")
        assert process.returncode is None, (folder / "error.log").read_text()
        yield port
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@asynccontextmanager
async def outside(authority: trustme.CA, port: int) -> AsyncIterator[aiohttp.ClientSession]:
    """A client that knows the public name and trusts its certificate."""
    context = ssl.create_default_context()
    authority.configure_trust(context)

    class Resolver(aiohttp.abc.AbstractResolver):
        async def resolve(
            self, host: str, at: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[aiohttp.abc.ResolveResult]:
            return [
                {"hostname": host, "host": "127.0.0.1", "port": port, "family": family, "proto": 0, "flags": 0},
            ]

        async def close(self) -> None:
            """Nothing is held."""

    connector = aiohttp.TCPConnector(ssl=context, resolver=Resolver())
    async with aiohttp.ClientSession(f"https://{NAME}:{port}", connector=connector) as session:
        yield session


async def test_streams_come_through_at_once_and_clients_are_told_apart(tmp_path: Path, authority: trustme.CA) -> None:
    market = SyntheticMarket(seed=4, listings=DEFAULT_LISTINGS[:1], rate=200.0)
    async with (
        Simulator(SyntheticPlayer(market, 30.0)) as simulator,
        running(
            simulator,
            SYMBOL,
            server__trusted_proxies=["127.0.0.1"],
            server__allowed_hosts=[NAME],
            delivery__max_clients_per_ip=1,
        ) as daemon,
        nginx(tmp_path, authority, int(daemon.url.rpartition(":")[2])) as port,
        outside(authority, port) as session,
    ):
        await until(lambda: bool(daemon.engine.books) and all(b.warm for b in daemon.engine.books.values()), "warm")
        loop = asyncio.get_running_loop()
        asked = {"Accept-Encoding": "gzip", "Accept": "text/event-stream"}
        began = loop.time()
        async with session.get("/v1/stream", params={"symbols": SYMBOL}, headers=asked) as stream:
            assert stream.status == 200
            assert "Content-Encoding" not in stream.headers
            first = await stream.content.readline()
            took = loop.time() - began
            assert first == b"event: hello\n"
            assert took < 1.0, f"the first event took {took:.2f} s: it was held back"
            # The same client once more: it is known by its own address, though all come from the proxy's.
            async with session.get("/v1/stream", params={"symbols": SYMBOL}, headers=asked) as second:
                assert b"event: busy" in await second.content.read()
        await until(lambda: not daemon.hub.stats().clients, "the first client has left")
        # What a client says of itself is not believed: this would else be another address with a place of its own.
        lie = {**asked, "X-Forwarded-For": "203.0.113.9"}
        async with session.get("/v1/stream", params={"symbols": SYMBOL}, headers=lie) as stream:
            assert await stream.content.readline() == b"event: hello\n"
            assert daemon.hub.room("127.0.0.1") == "max_clients_per_ip"
            assert daemon.hub.room("203.0.113.9") is None
        async with session.get(f"/v1/flow?symbol={SYMBOL}") as answer:
            assert (answer.status, (await answer.json())["status"]) == (200, "ok")
        for path in ("/metrics", "/admin/reload"):
            async with session.get(path) as answer:
                assert answer.status == 404
                assert "Server" in answer.headers
