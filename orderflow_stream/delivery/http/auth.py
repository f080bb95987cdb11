"""Who may ask, and how much: the one gate that every request goes through before its route.

Without keys everybody may read, and addresses other than this machine's are limited by their number of requests. With
keys each route wants one with its scope; a key's plan limits its requests a second and a month and its open streams.
Nothing here waits, and nothing here writes a key anywhere.
"""

from __future__ import annotations

import hmac
import logging
import time
from collections import Counter
from collections.abc import Callable
from math import ceil
from typing import Final

from aiohttp import hdrs, web
from msgspec import Struct

from orderflow_stream.delivery.http.credentials import Refused, missing, presented, refuse_in_url, unauthorized
from orderflow_stream.delivery.http.keys import (
    AHEAD,
    Key,
    Pass,
    day_ends,
    digest_of,
    holds,
    id_of,
    parse_pass,
    pass_of,
    today,
)
from orderflow_stream.delivery.http.leases import LEASE, Lease, accepts_events
from orderflow_stream.delivery.http.limits import Addresses, Penalty, Rate, Usage, Verdict
from orderflow_stream.delivery.http.quiet import Quiet
from orderflow_stream.delivery.http.tickets import COOKIE, Tickets

#: What the answer to a request says in RateLimit-Policy and RateLimit.
FIELDS: Final = web.RequestKey("rate_limit_fields", tuple[str, str])
#: The cookie that it sets, and for how many seconds.
SET_COOKIE: Final = web.RequestKey("stream_cookie", tuple[str, int])

#: What an unknown id is compared with, so that it costs what a known one costs.
_NOBODY: Final = bytes(32)

_log = logging.getLogger("orderflow_stream.http")


class Policy(Struct, frozen=True, kw_only=True):
    """What the configuration says. `per_ip_per_second` 0: no limit by address."""

    keys: tuple[Key, ...] = ()
    per_ip_per_second: float = 0.0
    per_ip_burst: int = 1


class _Client(Struct):
    """One client of ours: the rate of its plan and what is left of it, and its open streams."""

    rate: Rate | None = None
    due: float = 0.0
    streams: int = 0


class Auth:
    """The gate. `wall` (seconds since the epoch) judges dates, `clock` (monotonic seconds) spans.

    `refused` counts by reason; `usage` is what clients have used this month.
    """

    def __init__(
        self,
        policy: Policy | None = None,
        *,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall: Final = wall
        self._clock: Final = clock
        self._keys: dict[str, Key] = {}
        self._clients: dict[str, _Client] = {}
        self._address_rate: Rate | None = None
        self._addresses: Final = Addresses()
        self._penalty: Final = Penalty()
        self._tickets: Final = Tickets()
        self._passes: dict[str, Pass] = {}  # the newest made of each key
        self._leases: dict[Lease, None] = {}
        self._quiet: Final = Quiet("too many wrong keys", clock=clock)
        self.usage: Final = Usage(wall())
        self.refused: Final[Counter[str]] = Counter()
        self.replace(policy or Policy())

    @property
    def required(self) -> bool:
        """Whether requests need a key."""
        return bool(self._keys)

    def replace(self, policy: Policy) -> None:
        """Go by another configuration from now on. Streams that would not be let in any more are ended; what clients
        have used stays used."""
        before, self._keys = self._keys, {key.id: key for key in policy.keys}
        rate, burst = policy.per_ip_per_second, policy.per_ip_burst
        self._address_rate = Rate.of("ip", rate, burst) if rate else None
        clients: dict[str, _Client] = {}
        for key in policy.keys:
            client = clients[key.client] = self._clients.get(key.client) or _Client()
            plan = key.plan
            client.rate = Rate.of("key", plan.per_second, plan.burst) if plan and plan.per_second else None
            if not self._live(key):
                _log.warning("key %s%s has expired: it opens nothing", key.id, f" ({key.name})" if key.name else "")
        self._clients = clients
        for ident, key in before.items():
            new = self._keys.get(ident)
            if new is None or new.digest != key.digest:
                self._tickets.void(ident)
                self._passes.pop(ident, None)
        for lease in list(self._leases):
            if not self._may_stream(lease.key):
                lease.end("revoked")

    def _may_stream(self, key: Key | None) -> bool:
        if key is None:
            return not self._keys
        new = self._keys.get(key.id)
        return new is not None and new.digest == key.digest and "stream" in new.scopes and self._live(new)

    def _live(self, key: Key) -> bool:
        return key.expires is None or self._wall() < key.expires

    # -- the gate -------------------------------------------------------------------------------------------------

    def admit(self, request: web.Request, scope: str, address: str | None) -> web.Response | None:
        """Let a request in, or raise the `ApiError` that says why not. An answer is given instead of the route's.

        `scope` is what its route wants: one of `SCOPES`, `page` (no key, but the limit by address), `open` (nothing)
        or `any` (a key, whatever it may do). `address` is the one to count for; None: not to be limited.
        """
        try:
            refuse_in_url(request)
            if scope == "open":
                return None
            return self._admit(request, scope, address)
        except Refused as refused:
            self.refused[refused.reason] += 1
            raise

    def _admit(self, request: web.Request, scope: str, address: str | None) -> web.Response | None:
        stream = scope == "stream" and request.method == hdrs.METH_GET
        if scope == "page" or not self._keys:
            if scope == "admin":
                raise Refused(
                    "no_keys",
                    403,
                    "forbidden",
                    "this needs a key of scope admin and none is configured; make one with "
                    "`orderflow-stream key new --scopes admin` and put its line in auth.keys",
                )
            full = self._limit_address(request, address, stream)
            if stream:
                self._lease(request, None, full)
            return None
        try:
            found = self._who(request, scope, address)
        except Refused:
            self._limit_address(request, address, stream=False)
            raise
        if isinstance(found, Key):
            full = self._limit_key(request, found, stream)
            if stream:
                self._lease(request, found, full)
            return None
        return found

    def _who(self, request: web.Request, scope: str, address: str | None) -> Key | web.Response:
        """The live key that asks, with the scope it needs."""
        text = presented(request)
        if text is None:
            found = self._by_cookie(request) if scope == "stream" and request.method != hdrs.METH_POST else None
            if found is None:
                raise missing(request)
            return found
        key = self._find(text)
        if key is None or not self._live(key):
            wait, begins = self._penalty.wrong(address or "", self._clock())
            if begins:
                self._quiet.say(address or "this machine", "more of them are answered 429 for a minute")
            if wait:
                told = "too many wrong keys came from this address"
                raise Refused("penalty", 429, "rate_limited", told, retry_after=ceil(wait))
            if key is None:
                raise unauthorized("wrong", "this key is not known here", invalid=True)
            raise unauthorized("expired", "this key has expired", invalid=True)
        if scope != "any" and scope not in key.scopes:
            told = f"this key may {', '.join(sorted(key.scopes))}, and this route needs the scope {scope}"
            raise Refused("scope", 403, "forbidden", told)
        return key

    def _find(self, text: str) -> Key | None:
        """The key of that text. What has the form of one costs the same whether its id is known or not."""
        ident = id_of(text)
        if ident is None:
            return None
        key = self._keys.get(ident)
        same = hmac.compare_digest(digest_of(text), _NOBODY if key is None else key.digest)
        return key if same else None

    def usage_state(self) -> dict[str, object]:
        """What clients have used this month, for the disk."""
        return self.usage.state(self._wall())

    def usage_restore(self, state: object) -> None:
        """And back; ValueError where it is not that."""
        self.usage.restore(state, self._wall())

    # -- browsers' streams ----------------------------------------------------------------------------------------

    def ticket(self, request: web.Request) -> tuple[str, int]:
        """A ticket for the key that this request was let in by, and for how many seconds its cookie will do. Where no
        key is asked for, nobody looks at tickets, and any text is one."""
        text = presented(request) if self._keys else None
        ident = id_of(text) if text is not None else None
        if text is None or ident is None:
            return "none-needed", 0
        now = self._wall()
        made = self._passes.get(ident)
        if made is None or made.day < today(now) + AHEAD:  # once a day: it is thousands of hashes
            made = self._passes[ident] = pass_of(text, ident, now)
        return self._tickets.issue(made, self._clock()), int(day_ends(made.day) - now)

    def _by_cookie(self, request: web.Request) -> Key | web.Response | None:
        """The key behind a ticket or a cookie. One that is no more: 204, which ends an EventSource for good."""
        offered, cookie = request.query.get("ticket"), request.cookies.get(COOKIE)
        if offered is not None and request.method == hdrs.METH_GET:
            claim = self._tickets.use(offered, self._clock())
            key = self._keys.get(claim.key) if claim is not None else None
            if claim is not None and key is not None and self._may_stream(key):
                request[SET_COOKIE] = (str(claim), int(day_ends(claim.day) - self._wall()))
                return key
        claim = parse_pass(cookie) if cookie is not None else None
        if claim is not None:
            key = self._keys.get(claim.key)
            if key is None or not self._may_stream(key):
                if accepts_events(request):
                    self.refused["revoked"] += 1
                    return web.Response(status=204)
            elif self._holds(claim, key):
                return key
        if offered is None and cookie is None:
            return None
        told = "the ticket is used up or too old, and no cookie stands in for it; POST /v1/ticket gives another"
        raise unauthorized("ticket", told)

    def _holds(self, claim: Pass, key: Key) -> bool:
        now, made = self._wall(), self._passes.get(key.id)
        if made is not None and made.day == claim.day and claim.day >= today(now):
            return hmac.compare_digest(claim.proof, made.proof)
        return holds(claim, key.anchor, now)

    def _lease(self, request: web.Request, key: Key | None, full: bool) -> None:
        client = self._clients[key.client] if key is not None else None
        if client is not None:
            client.streams += 1

        def release(lease: Lease) -> None:
            self._leases.pop(lease, None)
            if client is not None:
                client.streams -= 1

        lease = request[LEASE] = Lease(key, full=full, release=release)
        self._leases[lease] = None
        if key is not None and (expires := key.expires) is not None:
            lease.expire(lambda: expires - self._wall())

    # -- limits ---------------------------------------------------------------------------------------------------

    def _limit_address(self, request: web.Request, address: str | None, stream: bool) -> bool:
        """Whether a stream is to be told that there is no room now. Whoever else asks too much gets a 429."""
        if address is None or self._address_rate is None:
            return False
        verdict = self._addresses.take(address, self._address_rate, self._clock())
        request[FIELDS] = (verdict.policy, verdict.state)
        return bool(verdict.wait) and self._too_many(request, "ip", "this address", verdict, stream)

    def _limit_key(self, request: web.Request, key: Key, stream: bool) -> bool:
        """The same, by the key's plan."""
        client, plan = self._clients[key.client], key.plan
        if plan is None:
            return False
        policy, state = "", ""
        if client.rate is not None:
            client.due, verdict = client.rate.take(client.due, self._clock())
            policy, state = verdict.policy, verdict.state
            request[FIELDS] = (policy, state)
            if verdict.wait:
                return self._too_many(request, "key", f"plan {plan.name} in a second", verdict, stream)
        if plan.per_month:
            verdict = self.usage.take(key.client, plan.per_month, self._wall())
            policy = f"{policy}, {verdict.policy}" if policy else verdict.policy
            state = f"{state}, {verdict.state}" if state else verdict.state
            request[FIELDS] = (policy, state)
            if verdict.wait:
                return self._too_many(request, "month", f"plan {plan.name} in a month", verdict, stream)
        if stream and plan.streams and client.streams >= plan.streams:
            self.refused["streams"] += 1
            return True
        return False

    def _too_many(self, request: web.Request, reason: str, whose: str, verdict: Verdict, stream: bool) -> bool:
        if stream and accepts_events(request):
            self.refused[reason] += 1
            return True
        wait = ceil(verdict.wait)
        raise Refused(reason, 429, "rate_limited", f"too many requests for {whose}; wait {wait} s", retry_after=wait)
