"""The REST doors of a market: parameter rules, weights, headers and errors."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from aiohttp import web

from orderflow_stream.simulator import spot
from orderflow_stream.simulator.exchange import Exchange
from orderflow_stream.simulator.facts import Facts, Question
from orderflow_stream.simulator.params import (
    ApiError,
    Params,
    bad_combination,
    bad_symbol,
    missing,
    timed_out,
    too_long,
)
from orderflow_stream.simulator.reset import reset
from orderflow_stream.simulator.rest_faults import REFUSALS, RestFaults, RestRule
from orderflow_stream.simulator.weights import Weights

_AGG_TRADES: Final = ("symbol", "fromId", "startTime", "endTime", "limit")
_COMPRESS_FROM: Final = 1024
_RETRY_AFTER: Final = {"429": 1, "418": 120}


class RestCall(msgspec.Struct, frozen=True):
    """One request as the log keeps it. `status` 0: no answer was given (reset, or the client left)."""

    ts: int
    path: str
    query: dict[str, str]
    status: int
    weight: int
    used_weight: int


Handler = Callable[[web.Request, int, int], tuple[bytes, int]]


class RestServer:
    """Answers REST calls. `lag` (s) is how far the trades it shows stay behind the streams: it reads a database."""

    def __init__(
        self,
        exchange: Exchange,
        weights: Weights,
        faults: RestFaults,
        clock: Callable[[], int],
        *,
        lag: float = 0.0,
        facts: Facts = spot.FACTS,
    ) -> None:
        self.facts = facts
        self.exchange = exchange
        self.weights = weights
        self.faults = faults
        self.clock = clock
        self.lag = lag
        #: The newest 100,000 calls.
        self.calls: deque[RestCall] = deque(maxlen=100_000)
        self.calls_total = 0

    def routes(self) -> list[web.RouteDef]:
        root = self.facts.rest
        return [
            web.get(f"{root}/ping", self._endpoint(self._ping)),
            web.get(f"{root}/time", self._endpoint(self._time)),
            web.get(f"{root}/exchangeInfo", self._endpoint(self._exchange_info)),
            web.get(f"{root}/ticker/24hr", self._endpoint(self._ticker)),
            web.get(f"{root}/aggTrades", self._endpoint(self._agg_trades)),
        ]

    # Each handler returns the body and the weight; it is charged before the body is sent.

    def _ping(self, request: web.Request, now: int, divisor: int) -> tuple[bytes, int]:
        Params(request.query.items(), ())
        return b"{}", 1

    def _time(self, request: web.Request, now: int, divisor: int) -> tuple[bytes, int]:
        Params(request.query.items(), ())
        return b'{"serverTime":%d}' % (now // divisor), 1

    def _exchange_info(self, request: web.Request, now: int, divisor: int) -> tuple[bytes, int]:
        params = Params(request.query.items(), self.facts.info_params)
        return self.facts.info(Question(self.exchange, params, now, divisor, self.weights.limit))

    def _ticker(self, request: web.Request, now: int, divisor: int) -> tuple[bytes, int]:
        params = Params(request.query.items(), self.facts.ticker_params)
        return self.facts.ticker(Question(self.exchange, params, now, divisor, self.weights.limit))

    def _agg_trades(self, request: web.Request, now: int, divisor: int) -> tuple[bytes, int]:
        params = Params(request.query.items(), _AGG_TRADES)
        symbol = params.symbol()
        if symbol is None:
            raise missing("symbol")
        from_id = params.number("fromId")
        start, end = params.time_us("startTime"), params.time_us("endTime", end=True)
        limit = params.number("limit", 1, 1000) or 500
        if from_id is not None and (start is not None or end is not None):
            raise timed_out() if self.facts.mixing_times_out else bad_combination()
        if start is not None and end is not None and start > end:
            raise bad_combination()
        span = self.facts.span
        if span is not None and start is not None and end is not None and end - start > span:
            raise too_long(span)
        tape = self.exchange.tapes.get(symbol)
        if tape is None:
            raise bad_symbol()
        visible = tape.visible(now - round(self.lag * 1e6) if self.lag else None)
        # What REST still has: where it looks back a limited time, the rows from `oldest` on (see `usdm.py`).
        oldest = 0 if self.facts.look_back is None else now - self.facts.look_back
        if start is not None and start < oldest:
            start = end = None
        if from_id is not None:
            positions = tape.from_id(max(from_id, tape.first_id(oldest)), limit, visible)
        elif start is not None:
            positions = tape.from_time(start, end, limit, visible)
        elif end is not None:
            positions = tape.until_time(end, limit, visible)
        else:
            positions = tape.newest(limit, visible)
        if oldest and positions and tape.time(positions[0]) < oldest:
            positions = tape.clipped(positions, oldest)
        return tape.render(positions, divisor), self.facts.trades_weight

    def _endpoint(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def serve(request: web.Request) -> web.StreamResponse:
            fault = self.faults.take(request.path, request.query.get("symbol"))
            if fault is not None and fault.delay:
                await asyncio.sleep(fault.delay)
            if fault is not None and fault.kind == "reset":
                self._log(request, 0, 0)
                if request.transport is not None:
                    reset(request.transport)
                return web.Response()
            response, weight = self._answer(request, handler, fault)
            response.headers["X-MBX-USED-WEIGHT-1M"] = str(self.weights.used)
            response.headers["X-MBX-USED-WEIGHT"] = str(self.weights.used)
            size = response.content_length or 0
            if "gzip" in request.headers.get("Accept-Encoding", "") and size >= _COMPRESS_FROM:
                response.enable_compression(web.ContentCoding.gzip)
            self._log(request, response.status, weight)
            return response

        return serve

    def _answer(self, request: web.Request, handler: Handler, fault: RestRule | None) -> tuple[web.Response, int]:
        now = self.clock()
        weight = 1
        try:
            body, weight = self._body(request, handler, now)
            self.weights.charge(weight, now)
        except ApiError as error:
            if error.status == 400:  # a refused parameter is charged as well
                try:
                    self.weights.charge(weight, now)
                except ApiError as over:
                    error = over
            return _failure(error), weight
        if fault is None or fault.kind == "slow":
            return _json(body), weight
        if fault.kind == "empty":
            return _json(b"[]"), weight
        if fault.kind == "truncated":
            return _json(body[: len(body) // 2]), weight
        status, content_type, text = REFUSALS[fault.kind]
        wait = _RETRY_AFTER.get(fault.kind) if fault.retry_after is None else fault.retry_after
        if fault.kind == "418":
            text %= now // 1000 + (wait or 0) * 1000
        response = web.Response(status=status, body=text, content_type=content_type)
        if wait is not None:
            response.headers["Retry-After"] = str(wait)
        return response, weight

    def _body(self, request: web.Request, handler: Handler, now: int) -> tuple[bytes, int]:
        units = self.facts.units
        if units is None:
            return handler(request, now, 1000)
        unit = request.headers.get("X-MBX-TIME-UNIT", "MILLISECOND").lower()
        if unit not in units:
            raise ApiError(-1130, "Data sent for header 'X-MBX-TIME-UNIT' is not valid.")
        return handler(request, now, units[unit])

    def _log(self, request: web.Request, status: int, weight: int) -> None:
        self.calls_total += 1
        self.calls.append(
            RestCall(self.clock(), request.path, dict(request.query), status, weight, self.weights.used)
        )  # fmt: skip


def _json(body: bytes, status: int = 200) -> web.Response:
    return web.Response(status=status, body=body, content_type="application/json", charset="utf-8")


def _failure(error: ApiError) -> web.Response:
    response = _json(error.body(), error.status)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response
