"""`POST /admin/reload`: always by a key, whatever the daemon else asks for."""

from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from orderflow_stream.shapes.answers import Reloaded
from tests.delivery.http.keyring import Clock, gate, pair
from tests.delivery.http.world import Daemon, Start


@dataclass
class Outcome:
    changed: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


@dataclass
class Reload:
    outcome: Outcome
    calls: int = 0
    more: list[str] = field(default_factory=list)

    def __call__(self) -> Outcome:
        self.calls += 1
        return self.outcome


async def post(daemon: Daemon, **headers: str) -> tuple[int, Any]:
    async with daemon.session.post(f"{daemon.url}/admin/reload", headers=headers) as response:
        return response.status, await response.json()


async def test_what_came_of_it(start: Start) -> None:
    secret, key = pair(scopes="admin")
    reload = Reload(Outcome(("venues.binance.symbols", "log.level"), ("server.port",)))
    daemon = await start(auth=gate(Clock(), key), reload=reload)
    status, body = await post(daemon, **{"x-api-key": secret})
    assert (status, reload.calls) == (200, 1)
    assert body["data"] == {"changed": ["venues.binance.symbols", "log.level"], "restart": ["server.port"]}
    msgspec.convert(body["data"], Reloaded, strict=True)
    assert body["message"] == "2 keys changed; a restart is needed for server.port"


async def test_a_faulty_configuration_changes_nothing(start: Start) -> None:
    secret, key = pair(scopes="admin")
    reload = Reload(Outcome(faults=("config.toml:2: server.port: must be at most 65535, got 99999", "b: unknown key")))
    daemon = await start(auth=gate(Clock(), key), reload=reload)
    status, body = await post(daemon, **{"x-api-key": secret})
    assert (status, body["error"]["code"]) == (409, "bad_configuration")
    assert "server.port" in body["message"]
    assert "b: unknown key" in body["message"]


async def test_where_it_cannot_be_read_anew(start: Start) -> None:
    secret, key = pair(scopes="admin")
    daemon = await start(auth=gate(Clock(), key))
    assert (await post(daemon, **{"x-api-key": secret}))[0] == 503


@pytest.mark.parametrize("scopes", ["read+stream", "metrics", "read+stream+metrics"])
async def test_other_keys_may_not(start: Start, scopes: str) -> None:
    secret, key = pair(scopes=scopes)
    reload = Reload(Outcome())
    daemon = await start(auth=gate(Clock(), key), reload=reload)
    status, body = await post(daemon, **{"x-api-key": secret})
    assert (status, body["error"]["code"]) == (403, "forbidden")
    assert "admin" in body["message"]
    assert (await post(daemon))[0] == 401
    assert reload.calls == 0


async def test_without_keys_nobody_may_not_even_on_loopback(start: Start) -> None:
    reload = Reload(Outcome())
    daemon = await start(reload=reload)
    secret, _ = pair(scopes="admin")
    for headers in ({}, {"x-api-key": secret}):
        status, body = await post(daemon, **headers)
        assert (status, body["error"]["code"]) == (403, "forbidden")
        assert "key new --scopes admin" in body["message"]
    assert reload.calls == 0


async def test_only_by_post(start: Start) -> None:
    secret, key = pair(scopes="admin")
    daemon = await start(auth=gate(Clock(), key), reload=Reload(Outcome()))
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        async with daemon.session.request(
            method, f"{daemon.url}/admin/reload", headers={"x-api-key": secret}
        ) as response:
            assert response.status == 405
            assert response.headers["Allow"] == "OPTIONS,POST"
