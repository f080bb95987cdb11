"""Request weight per calendar minute, and what happens to whoever ignores the limit: 429, then 418 and a ban."""

from __future__ import annotations

from typing import Final

from orderflow_stream.simulator.params import ApiError

_MINUTE_US: Final = 60_000_000
_FIRST_BAN_S: Final = 120
_LONGEST_BAN_S: Final = 3 * 86_400


class Weights:
    """One address's budget: `limit` a minute; `ban_after` more requests while over it earn a ban."""

    def __init__(self, limit: int = 6000, ban_after: int = 10) -> None:
        if limit < 1 or ban_after < 1:
            raise ValueError("weight limit and ban_after must be at least 1")
        self.limit = limit
        self.ban_after = ban_after
        self.used = 0
        self.banned_until = 0
        self.bans = 0
        self._minute = -1
        self._ignored = 0

    def used_at(self, now: int) -> int:
        """Weight used in the minute of `now` (µs)."""
        self._turn(now)
        return self.used

    def charge(self, weight: int, now: int) -> None:
        """Count a request; raises `ApiError` 429 over the limit, 418 while banned."""
        self._turn(now)
        self.used += weight
        if now < self.banned_until:
            raise self._banned(now)
        if self.used <= self.limit:
            return
        self._ignored += 1
        if self._ignored > self.ban_after:
            self.ban(min(_FIRST_BAN_S * 2**self.bans, _LONGEST_BAN_S), now)
            raise self._banned(now)
        rest = _MINUTE_US - now % _MINUTE_US
        raise ApiError(
            -1003,
            f"Too much request weight used; current limit is {self.limit} request weight per 1 MINUTE. "
            "Please use WebSocket Streams for live updates to avoid polling the API.",
            429,
            -(-rest // 1_000_000),
        )

    def ban(self, seconds: int, now: int) -> None:
        self.banned_until = now + seconds * 1_000_000
        self.bans += 1
        self._ignored = 0

    def _banned(self, now: int) -> ApiError:
        return ApiError(
            -1003,
            f"Way too much request weight used; IP banned until {self.banned_until // 1000}. "
            "Please use WebSocket Streams for live updates to avoid bans.",
            418,
            -(-(self.banned_until - now) // 1_000_000),
        )

    def _turn(self, now: int) -> None:
        minute = now // _MINUTE_US
        if minute != self._minute:
            self._minute = minute
            self.used = 0
            self._ignored = 0
