"""Keys, and clocks that only the test moves."""

from __future__ import annotations

import ipaddress
from typing import Any

from orderflow_stream.delivery.http.auth import Auth, Policy
from orderflow_stream.delivery.http.keys import Key, Plan, anchor_of, digest_of, id_of, make

#: 2026-11-22T10:00:00Z, a Sunday.
START = 1_795_341_600.0
#: The daemon's peer is a proxy: so a test says by X-Forwarded-For where a request comes from.
BEHIND_PROXY: dict[str, Any] = {"trusted_proxies": (ipaddress.ip_network("127.0.0.1"),)}


class Clock:
    """Both clocks of the gate."""

    def __init__(self, wall: float = START) -> None:
        self.wall_at = wall
        self.at = 1_000.0

    def wall(self) -> float:
        return self.wall_at

    def mono(self) -> float:
        return self.at

    def pass_(self, seconds: float) -> None:
        self.at += seconds
        self.wall_at += seconds


def kept(secret: str, **fields: Any) -> Key:
    """What the configuration keeps of a key; `scopes` may be text."""
    scopes = fields.pop("scopes", "read+stream")
    ident = id_of(secret)
    assert ident is not None
    return Key(
        id=ident, digest=digest_of(secret), anchor=anchor_of(secret), scopes=frozenset(scopes.split("+")), **fields
    )


def pair(**fields: Any) -> tuple[str, Key]:
    """A new key, and what is kept of it."""
    secret = make()
    return secret, kept(secret, **fields)


def plan(**fields: Any) -> Plan:
    return Plan(name="test", **fields)


def gate(clock: Clock, *keys: Key, **fields: Any) -> Auth:
    return Auth(Policy(keys=keys, **fields), wall=clock.wall, clock=clock.mono)
