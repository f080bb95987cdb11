"""The one client for a venue's REST: every call waits for its turn in the weight budget and is retried by rule.

Retried with full-jitter back-off: time-outs, resets, 5xx, and a 200 that is no answer (HTML of a portal, a torn
body). 429 and 418 stop all calls until `Retry-After`, to the second. 451 and 403, an unknown symbol and other
refusals are not retried; each error carries one line of advice.

The loop is our own, not `stamina`: its pauses cannot be given a clock, and a pause here has to respect three things at
once, the caller's deadline, the venue's stop and the next turn of the budget.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Final, Self, TypeVar

import aiohttp
import msgspec
import structlog
from yarl import URL

from orderflow_stream.adapters.resolve import Names
from orderflow_stream.adapters.rest_faults import classify, refusal
from orderflow_stream.feed.budget import Budget, Granted, Kind
from orderflow_stream.feed.errors import Blocked, UpstreamBusy, UpstreamError, UpstreamFailed
from orderflow_stream.feed.upstream import RestRequest

T = TypeVar("T")

#: Largest body accepted, after decompression; the list of symbols is the one that may have `LIST_BOUND`.
BODY_BOUND: Final = 4 * 2**20
LIST_BOUND: Final = 64 * 2**20

ATTEMPTS: Final = 5
_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 8.0
#: The venue itself gives up after 10 s (-1007), so a longer wait for the first byte waits for nothing.
_TOTAL: Final = 12.0
_TOTAL_LIST: Final = 90.0
_CONNECT: Final = 5.0
_READ: Final = 10.0
#: A turn that leaves the venue less than this to answer is none: its silence would be our lateness.
_ROOM_US: Final = 1_000_000
#: A sleep is cut into pieces, since the venue clock may be corrected meanwhile.
_LONGEST_SLEEP_US: Final = 30_000_000
#: How long a fallback host is used before the first one is tried again.
_FALLBACK_US: Final = 600_000_000
_USED: Final = "X-MBX-USED-WEIGHT-1M"

log = structlog.get_logger(__name__)


class RestCounters(msgspec.Struct):
    """Monotone, read at scrape time. `calls` by path and status (an HTTP code, or `timeout dns connect tls broken`)."""

    calls: dict[tuple[str, str], int] = {}
    weight: int = 0
    retries: int = 0
    garbage: int = 0
    stops: int = 0
    latency_ns: int = 0
    answered: int = 0


class Answer(msgspec.Struct, frozen=True):
    """A body, and when its request left and the head of its answer arrived (`time.perf_counter_ns`)."""

    body: bytes
    sent: int
    received: int


class _Stopped(Exception):
    """429 or 418: the budget knows until when."""


class Rest:
    """Calls `bases[0]`, and the others (the venue's public fallbacks) only where that one does not answer.

    `now` gives venue time (µs), the clock of the budget and of deadlines; `explain` is the venue's reader of refusals;
    `symbol_code` its code for an unknown symbol. Use as an async context manager, or `close()` it.
    """

    def __init__(
        self,
        bases: Sequence[str],
        budget: Budget,
        *,
        now: Callable[[], int],
        explain: Callable[[int, bytes], tuple[int | None, str]],
        symbol_code: int = -1121,
        user_agent: str = "orderflow-stream",
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
        total: float = _TOTAL,
    ) -> None:
        if not bases:
            raise ValueError("bases: at least one REST base URL is needed")
        for base in bases:
            if URL(base).scheme not in {"http", "https"} or not URL(base).host:
                raise ValueError(f"bases: {base!r} is no http(s) URL")
        self.bases = tuple(base.rstrip("/") for base in bases)
        self.budget = budget
        self.counters = RestCounters()
        self.failing: str | None = None  # one line while nothing gets through, for /readyz and people
        self._now = now
        self._explain = explain
        self._symbol_code = symbol_code
        self._sleep = sleep
        self._chance = chance
        self._total = total
        self._headers = {"User-Agent": user_agent, "Accept": "application/json"}
        self._base = 0
        self._back_at = 0
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End every connection; calls after it raise `UpstreamFailed`."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    async def call(
        self, request: RestRequest, kind: Kind, deadline: int | None = None, *, bound: int = BODY_BOUND
    ) -> bytes:
        """The body of a 200. `deadline`: venue time (µs) by which the caller needs it; None waits for as long as the
        budget or a ban takes. Raises `UpstreamFailed` (`Blocked`), `UpstreamBusy`, `UnknownSymbol`."""
        return (await self.exchange(request, kind, deadline, bound=bound)).body

    async def exchange(
        self, request: RestRequest, kind: Kind, deadline: int | None = None, *, bound: int = BODY_BOUND
    ) -> Answer:
        """As `call`, with the times of the attempt that succeeded."""
        return await self.fetch(request, kind, _itself, deadline, bound=bound)

    async def fetch(
        self,
        request: RestRequest,
        kind: Kind,
        read: Callable[[Answer], T],
        deadline: int | None = None,
        *,
        bound: int = BODY_BOUND,
    ) -> T:
        """As `call`, through `read`; its `ValueError` is garbage like any other and is retried."""

        async def at_once(answer: Answer) -> T:
            return read(answer)

        return await self.fetch_slowly(request, kind, at_once, deadline, bound=bound)

    async def fetch_slowly(
        self,
        request: RestRequest,
        kind: Kind,
        read: Callable[[Answer], Awaitable[T]],
        deadline: int | None = None,
        *,
        bound: int = BODY_BOUND,
    ) -> T:
        """As `fetch`, where reading takes a thread."""
        attempt, hosts = 0, 1
        while True:
            attempt += 1
            try:
                answer = await self._attempt(request, kind, deadline, bound)
                value = await read(answer)
            except Blocked as error:
                self._note(error)
                if hosts >= len(self.bases):
                    raise
                hosts += 1
                self._next_base()
                continue
            except (ValueError, msgspec.MsgspecError) as error:
                self.counters.garbage += 1
                failure = UpstreamFailed(f"{self.bases[self._base]} answered garbage: {error}")
            except UpstreamFailed as error:
                if error.retry == "never":
                    self._note(error)
                    raise
                failure = error
            else:
                if self.failing is not None:
                    log.info("rest answers again", host=self.bases[self._base])
                    self.failing = None
                return value
            self._note(failure)
            self._next_base()
            pause = self._chance() * min(_FIRST_PAUSE * 2 ** (attempt - 1), _LONGEST_PAUSE)
            if attempt >= ATTEMPTS or (deadline is not None and self._now() + int(pause * 1e6) >= deadline):
                raise failure
            self.counters.retries += 1
            await self._sleep(pause)

    async def _attempt(self, request: RestRequest, kind: Kind, deadline: int | None, bound: int) -> Answer:
        """One try that reaches the venue; an order to stop is waited out first (or is too long: `UpstreamBusy`)."""
        while True:
            grant = await self._turn(request, kind, deadline)
            header: list[int] = []
            try:
                return await self._send(request, deadline, bound, header)
            except _Stopped:
                continue
            finally:
                self.budget.settle(grant, self._now(), header[0] if header else None)

    async def _turn(self, request: RestRequest, kind: Kind, deadline: int | None) -> Granted:
        while True:
            now = self._now()
            try:
                turn = self.budget.ask(kind, request.weight, now)
            except ValueError as error:
                raise UpstreamFailed(str(error), retry="never") from error
            if isinstance(turn, Granted):
                self.counters.weight += request.weight
                return turn
            if deadline is not None and turn.until > deadline - _ROOM_US:
                seconds = -(-(turn.until - now) // 1_000_000)
                why = "the venue said stop" if self.budget.blocked_until > now else "the request weight is used up"
                raise UpstreamBusy(f"{why} for another {seconds} s", retry_after=seconds)
            await self._sleep(min(turn.until - now, _LONGEST_SLEEP_US) / 1e6)

    async def _send(self, request: RestRequest, deadline: int | None, bound: int, header: list[int]) -> Answer:
        if self._base and self._now() >= self._back_at:
            self._base = 0
        base = self.bases[self._base]
        total = self._total if bound <= BODY_BOUND else max(self._total, _TOTAL_LIST)
        if deadline is not None:
            total = min(total, max((deadline - self._now()) / 1e6, 0.001))
        timeout = aiohttp.ClientTimeout(total=total, sock_connect=min(_CONNECT, total), sock_read=min(_READ, total))
        url = URL(base + request.path).with_query(request.params)
        session = self._open()
        sent = time.perf_counter_ns()
        status = "broken"
        try:
            async with session.get(url, headers=request.headers, timeout=timeout, allow_redirects=False) as reply:
                received = time.perf_counter_ns()
                status = str(reply.status)
                used = reply.headers.get(_USED, "")
                if used.isascii() and used.isdecimal():
                    header.append(int(used[:12]))
                body = await _body(reply, bound)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            label, failure = classify(error, base)
            status = label if status == "broken" else status
            raise failure from error
        finally:
            key = (request.path, status)
            self.counters.calls[key] = self.counters.calls.get(key, 0) + 1
        self.counters.latency_ns += time.perf_counter_ns() - sent
        self.counters.answered += 1
        if reply.status in {418, 429}:
            self._stop(reply.status, reply.headers.get("Retry-After"))
            raise _Stopped
        if reply.status != 200:
            code, message = self._explain(reply.status, body)
            raise refusal(reply.status, code, message, base, self._symbol_code)
        if body.lstrip()[:1] not in {b"{", b"["}:
            self.counters.garbage += 1
            raise UpstreamFailed(
                f"{base} answered 200 with something that is not JSON", hint="a portal or proxy in between?"
            )
        return Answer(body, sent, received)

    def _stop(self, status: int, retry_after: str | None) -> None:
        self.counters.stops += 1
        before = self.budget.blocked_until
        seconds = self.budget.block(status, retry_after, self._now())
        if self.budget.blocked_until > before:
            log.warning("the venue told us to stop asking REST", status=status, seconds=seconds)

    def _open(self) -> aiohttp.ClientSession:
        if self._closed:
            raise UpstreamFailed("the REST client is closed", retry="never")
        if self._session is None:
            # trust_env: HTTPS_PROXY and .netrc of the environment. No cookies: nothing here has a session.
            self._session = aiohttp.ClientSession(
                headers=self._headers,
                trust_env=True,
                cookie_jar=aiohttp.DummyCookieJar(),
                connector=aiohttp.TCPConnector(limit=32, keepalive_timeout=60, resolver=Names()),
            )
        return self._session

    def _next_base(self) -> None:
        if len(self.bases) > 1:
            self._base = (self._base + 1) % len(self.bases)
            self._back_at = self._now() + _FALLBACK_US

    def _note(self, error: UpstreamError) -> None:
        if self.failing is None:
            log.warning("rest does not answer", reason=error.reason, hint=error.hint)
        self.failing = error.line()


async def _body(reply: aiohttp.ClientResponse, bound: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for piece in reply.content.iter_any():
        size += len(piece)
        if size > bound:
            raise UpstreamFailed(f"{reply.url.host} answers with more than {bound} bytes", retry="never")
        pieces.append(piece)
    return b"".join(pieces)


def _itself(answer: Answer) -> Answer:
    return answer
