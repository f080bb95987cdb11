"""Faults of the REST side: which answer the next calls get instead of the true one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, get_args

RestKind = Literal[
    "429", "418", "500", "502", "503", "451", "403", "html", "empty", "truncated", "slow", "timeout", "reset"
]
REST_KINDS: Final[tuple[str, ...]] = get_args(RestKind)

#: Status and body of each refusal, as seen in the wild.
REFUSALS: Final[dict[str, tuple[int, str, bytes]]] = {
    "429": (429, "application/json", b'{"code":-1003,"msg":"Too much request weight used; current limit is 6000 '
            b'request weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the '
            b'API."}'),
    "418": (418, "application/json", b'{"code":-1003,"msg":"Way too much request weight used; IP banned until %d. '
            b'Please use WebSocket Streams for live updates to avoid bans."}'),
    "500": (500, "application/json", b'{"code":-1000,"msg":"An unknown error occurred while processing the request."}'),
    "502": (502, "text/html", b"<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1>"
            b"</center></body></html>"),
    "503": (503, "application/json", b'{"code":-1008,"msg":"Server is currently overloaded with other requests. Please '
            b'try again in a few minutes."}'),
    "451": (451, "application/json", b'{"code":0,"msg":"Service unavailable from a restricted location according to '
            b"'b. Eligibility' in https://www.binance.com/en/terms. Please contact customer service if you believe you "
            b'received this message in error."}'),
    "403": (403, "text/html", b"<html><head><title>403 Forbidden</title></head><body><center><h1>403 Forbidden</h1>"
            b"</center></body></html>"),
    "html": (200, "text/html", b"<!DOCTYPE html><html><head><title>Just a moment</title></head><body></body></html>"),
    "timeout": (408, "application/json", b'{"code":-1007,"msg":"Timeout waiting for response from backend server. Send '
                b'status unknown; execution status unknown."}'),
}  # fmt: skip


@dataclass(slots=True)
class RestRule:
    """One fault. `left` None means until cleared (or `until`, on the rules' clock); `path` and `symbol` narrow it."""

    kind: RestKind
    left: int | None = None
    until: float | None = None
    path: str | None = None
    symbol: str | None = None
    retry_after: int | None = None
    delay: float = 0.0

    def state(self) -> dict[str, object]:
        return {"fault": "rest", "kind": self.kind, "path": self.path, "symbol": self.symbol, "left": self.left}


class RestFaults:
    """The rules in force; the first that matches a call decides it."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.rules: list[RestRule] = []
        self._now = now

    def take(self, path: str, symbol: str | None) -> RestRule | None:
        """The rule for this call, counted down."""
        now = self._now()
        self.rules = [rule for rule in self.rules if rule.until is None or now < rule.until]
        for rule in self.rules:
            if rule.path is not None and not path.endswith(rule.path):
                continue
            if rule.symbol is not None and rule.symbol != symbol:
                continue
            if rule.left is not None:
                rule.left -= 1
                if rule.left <= 0:
                    self.rules.remove(rule)
            return rule
        return None
