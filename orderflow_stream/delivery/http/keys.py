"""API keys: their form, and what is kept of one.

A key is `ofd_<id>_<secret>`: eight characters that name it, and 256 random bits. Whoever keeps the configuration keeps
two values that open nothing: the SHA-256 of the key, and the end of a hash chain that begins with it. A random secret
of that length needs no slow hash; one that a person made up does not have this form and is refused.

The chain is what a browser's stream is let in by (an `EventSource` cannot send a key). The `pass` of a day is the key's
seed hashed `LAST_DAY - day` times, so it proves itself by hashing it `day` times more, which must give the kept end.
From one day's pass those of earlier days can be made, never those of later ones: a pass ends by itself, outlives a
restart without being stored, and can be made neither from the configuration nor from another pass (Lamport 1981).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final, Literal, get_args

from msgspec import Struct

Scope = Literal["read", "stream", "metrics", "admin"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)

PREFIX: Final = "ofd_"
_KEY: Final = re.compile(r"ofd_([a-z2-7]{8})_[A-Za-z0-9_-]{43}", re.ASCII)
_PASS: Final = re.compile(r"([a-z2-7]{8})\.([0-9]{1,5})\.([A-Za-z0-9_-]{43})", re.ASCII)
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"

DAY: Final = 86_400
#: Day 0 of the passes, seconds since the epoch (2026-01-01), and the last one: thirty years on.
FIRST_DAY: Final = 1_767_225_600
LAST_DAY: Final = 10_957
#: Days that a pass goes beyond the one it is made on: it holds 24 to 48 hours.
AHEAD: Final = 1


class Plan(Struct, frozen=True, kw_only=True):
    """What one client may ask for. 0 is "no limit"; `burst` requests may come at once."""

    name: str
    per_second: float = 0.0
    burst: int = 1
    per_month: int = 0
    streams: int = 0


class Key(Struct, frozen=True, kw_only=True):
    """A key as it is kept. `expires` is the first moment (seconds since the epoch) that it is not accepted at.

    Keys of one `name` are one client's: they share the limits of their plan, so that a key can be changed for another
    while both work.
    """

    id: str
    digest: bytes
    anchor: bytes
    name: str = ""
    plan: Plan | None = None
    scopes: frozenset[str] = frozenset({"read", "stream"})
    expires: float | None = None

    @property
    def client(self) -> str:
        """Whom its use is counted for."""
        return self.name or self.id


class Pass(Struct, frozen=True):
    """What a stream's cookie says: the key's id, the last day it holds, and the proof."""

    key: str
    day: int
    proof: bytes

    def __str__(self) -> str:
        return f"{self.key}.{self.day}.{to_text(self.proof)}"


def make() -> str:
    """A new key, from the system's source of randomness."""
    ident = "".join(secrets.choice(_ALPHABET) for _ in range(8))
    return f"{PREFIX}{ident}_{secrets.token_urlsafe(32)}"


def id_of(key: str) -> str | None:
    """The id of what has the form of a key; None where it has not."""
    found = _KEY.fullmatch(key)
    return found[1] if found is not None else None


def digest_of(key: str) -> bytes:
    """What a presented key is compared by."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def anchor_of(key: str) -> bytes:
    """The kept end of its chain."""
    return _chain(_seed(key), LAST_DAY)


def today(now: float) -> int:
    """The number of the UTC day at `now` (seconds since the epoch)."""
    return max(0, int((now - FIRST_DAY) // DAY))


def day_ends(day: int) -> float:
    """When that day is over, seconds since the epoch."""
    return float(FIRST_DAY + (day + 1) * DAY)


def pass_of(key: str, ident: str, now: float) -> Pass:
    """The pass for streams that begin today or tomorrow."""
    day = min(today(now) + AHEAD, LAST_DAY)
    return Pass(ident, day, _chain(_seed(key), LAST_DAY - day))


def parse_pass(text: str) -> Pass | None:
    """A cookie's value as a pass, proven or not; None where it has not even the form."""
    found = _PASS.fullmatch(text)
    return None if found is None else Pass(found[1], int(found[2]), from_text(found[3]))


def holds(claim: Pass, anchor: bytes, now: float) -> bool:
    """Whether the pass was made from the key behind `anchor`, and its days are not over."""
    day = today(now)
    # Days that no honest pass names yet are refused before they cost anything.
    if not day <= claim.day <= min(day + AHEAD, LAST_DAY):
        return False
    return hmac.compare_digest(_chain(claim.proof, claim.day), anchor)


def to_text(value: bytes) -> str:
    """32 bytes as 43 characters."""
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def from_text(text: str) -> bytes:
    """And back; ValueError where it is not that."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _seed(key: str) -> bytes:
    return hmac.digest(key.encode(), b"orderflow_stream: pass for streams", "sha256")


def _chain(value: bytes, times: int) -> bytes:
    for _ in range(times):
        value = hashlib.sha256(value).digest()
    return value
