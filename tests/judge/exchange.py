"""A stand-in for one market of the exchange, of its own: written from the exchange's documents, not from the product.

Spot, USD-M or COIN-M by its listings; REST (`exchangeInfo`, `aggTrades`, `ticker/24hr`, `time`, `ping`) and combined
streams (`@aggTrade`, `!forceOrder@arr`) on one port. It knows no faults but rows that are kept from the streams, and
pages that are kept back.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from aiohttp import WSCloseCode, WSMsgType, web

from tests.judge.oracle import Contract
from tests.reference.tapefile import Row
from tests.tapes.kit import until

_REST: Final = {"spot": "/api/v3", "usdm": "/fapi/v1", "coinm": "/dapi/v1"}
_STREAMS: Final = {"spot": "", "usdm": "/market", "coinm": ""}
_ST: Final = {"usdm": 1, "coinm": 2}
HOUR_MS: Final = 3_600_000
LIQUIDATIONS: Final = "!forceOrder@arr"


@dataclass
class Weights:
    """What one address has used of its minute; the futures markets share one."""

    limit: int
    used: int = 0
    minute: int = 0
    refused: int = 0

    def take(self, weight: int) -> bool:
        minute = int(time.time() // 60)
        if minute != self.minute:
            self.minute, self.used = minute, 0
        self.used += weight
        self.refused += self.used > self.limit
        return self.used <= self.limit


@dataclass
class Listed:
    """One symbol: what has been published, and the quantities without RPI trades of those rows that tell them."""

    contract: Contract
    rows: list[Row] = field(default_factory=list)
    nq: dict[int, Decimal] = field(default_factory=dict)
    #: When (ms) each id was there to be had: a tape played in one go is later than its rows say.
    told: dict[int, int] = field(default_factory=dict)


class Exchange:
    """Listen with `start`; `streams`/`rest` are then its URLs."""

    def __init__(self, contracts: Sequence[Contract], weights: Weights) -> None:
        self.market = contracts[0].market
        self.venue = contracts[0].venue
        self.listed = {contract.symbol: Listed(contract) for contract in contracts}
        self.weights = weights
        self.asked: list[str] = []
        #: While it is not set, pages of trades are not answered.
        self.answers = asyncio.Event()
        self.answers.set()
        self._sockets: dict[web.WebSocketResponse, tuple[set[str], bool]] = {}
        self._runner: web.AppRunner | None = None
        self._port = 0

    # -- being there --------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/{tail:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        for socket in list(self._sockets):
            await socket.close(code=WSCloseCode.GOING_AWAY)
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def streams(self) -> str:
        return f"ws://127.0.0.1:{self._port}"

    @property
    def rest(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def subscribed(self, stream: str) -> int:
        """How many connections carry it."""
        return sum(stream in names for names, _ in self._sockets.values())

    async def carries(self, *streams: str) -> None:
        """Until each of them is subscribed."""
        await until(lambda: all(self.subscribed(stream) for stream in streams), f"{streams} are subscribed")

    # -- what happens -------------------------------------------------------------------------------------------------

    def keep(self, symbol: str, rows: Iterable[Row]) -> None:
        """Rows that were published before anybody listened, or while nobody did."""
        kept = list(rows)
        self.listed[symbol].rows.extend(kept)
        self.listed[symbol].told.update({row.id: row.ts_us // 1000 for row in kept})

    async def publish(self, symbol: str, rows: Sequence[Row], *, withhold: Collection[int] = ()) -> None:
        """Rows happen now: REST has them all, the streams all but those `withhold`."""
        listed = self.listed[symbol]
        listed.rows.extend(rows)
        listed.told.update(dict.fromkeys((row.id for row in rows), self._stamp(False)))
        for row in rows:
            if row.id in withhold:
                continue
            for socket, (names, micro) in list(self._sockets.items()):
                if stream_of(symbol) in names:
                    data = {"e": "aggTrade", "E": self._stamp(micro), "s": symbol, **self._row(listed, row, micro)}
                    if self.market != "spot":
                        data["st"] = _ST[self.market]
                    await self._send(socket, stream_of(symbol), data)

    async def liquidate(self, order: dict[str, Any], st: int | None = None) -> None:
        """A liquidation order as the exchange tells of it; `st`: of which market."""
        for socket, (names, _) in list(self._sockets.items()):
            if LIQUIDATIONS in names:
                event = {"e": "forceOrder", "E": order["T"] + 7, "o": order, "st": st or _ST[self.market]}
                await self._send(socket, LIQUIDATIONS, event)

    def restart_ids(self, symbol: str) -> None:
        """The exchange forgets its rows and counts anew."""
        self.listed[symbol].rows.clear()
        self.listed[symbol].nq.clear()
        self.listed[symbol].told.clear()

    # -- streams ------------------------------------------------------------------------------------------------------

    @staticmethod
    async def _send(socket: web.WebSocketResponse, stream: str, data: dict[str, Any]) -> None:
        try:
            await socket.send_str(json.dumps({"stream": stream, "data": data}, ensure_ascii=False))
        except ConnectionError:
            return  # it went while we wrote

    def _stamp(self, micro: bool) -> int:
        return time.time_ns() // (1_000 if micro else 1_000_000)

    def _row(self, listed: Listed, row: Row, micro: bool) -> dict[str, Any]:
        assert row.first is not None
        assert row.last is not None
        assert micro or row.ts_us % 1000 == 0 or self.market == "spot"
        told: dict[str, Any] = {"a": row.id, "p": f"{row.price:f}", "q": f"{row.qty:f}"}
        if row.id in listed.nq:
            told["nq"] = f"{listed.nq[row.id]:f}"
        time_ = row.ts_us if micro else row.ts_us // 1000
        return told | {"f": row.first, "l": row.last, "T": time_, "m": row.side == "sell"}

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(autoping=True, compress=False)
        await socket.prepare(request)
        names = {name for name in request.query.get("streams", "").split("/") if name}
        micro = request.query.get("timeUnit", "").upper() == "MICROSECOND" and self.market == "spot"
        # Below another path the exchange acknowledges and stays silent.
        silent = request.path != _STREAMS[self.market] + "/stream"
        self._sockets[socket] = (set() if silent else names, micro)
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    told = json.loads(message.data)
                    change = set(told.get("params", ()))
                    if told["method"] == "SUBSCRIBE" and not silent:
                        names |= change
                    elif told["method"] == "UNSUBSCRIBE":
                        names -= change
                    await socket.send_str(json.dumps({"result": None, "id": told["id"]}))
        finally:
            del self._sockets[socket]
        return socket

    # -- REST ---------------------------------------------------------------------------------------------------------

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._stream(request)
        name = request.path.removeprefix(_REST[self.market])
        self.asked.append(request.path_qs)
        page = 4 if self.market == "spot" else 20
        weight = {"/aggTrades": page, "/ticker/24hr": 40, "/exchangeInfo": 20 if self.market == "spot" else 1}
        fits = self.weights.take(weight.get(name, 1))
        headers = {"X-MBX-USED-WEIGHT-1M": str(self.weights.used)}
        if not fits:
            headers["Retry-After"] = "5"
            return web.json_response({"code": -1003, "msg": "Too many requests."}, status=429, headers=headers)
        micro = request.headers.get("X-MBX-TIME-UNIT", "").upper() == "MICROSECOND" and self.market == "spot"
        if name == "/aggTrades":
            await self.answers.wait()
            status, body = self._page(dict(request.query), micro)
        elif name == "/exchangeInfo":
            status, body = 200, self._info(request.query.get("symbolStatus", "TRADING"))
        elif name == "/ticker/24hr":
            status, body = 200, [self._ticker(listed) for listed in self.listed.values()]
        elif name == "/time":
            status, body = 200, {"serverTime": self._stamp(micro)}
        elif name == "/ping":
            status, body = 200, {}
        else:
            status, body = 404, {"code": -1, "msg": f"no {request.path} here"}
        return web.json_response(body, status=status, headers=headers)

    def _page(self, query: dict[str, str], micro: bool) -> tuple[int, Any]:
        listed = self.listed.get(query["symbol"])
        if listed is None:
            return 400, {"code": -1121, "msg": "Invalid symbol."}
        rows = listed.rows
        limit = int(query.get("limit", 500))
        unknown = set(query) - {"symbol", "fromId", "startTime", "endTime", "limit"}
        if unknown or limit > 1000 or ("fromId" in query and len(set(query) & {"startTime", "endTime"})):
            return 400, {"code": -1128, "msg": f"bad combination: {query}"}

        def us(name: str) -> int:
            value = int(query[name])
            return value * 1000 if value < 10**14 else value

        both = {"startTime", "endTime"} <= set(query) and self.market != "spot"
        if both and us("endTime") - us("startTime") >= HOUR_MS * 1000:
            return 400, {"code": -4166, "msg": "Search window is restricted to recent 1 hour."}
        if "fromId" in query:
            rows = [row for row in rows if row.id >= int(query["fromId"])][:limit]
        else:
            # An end in ms takes in all of that ms.
            begin = us("startTime") if "startTime" in query else 0
            end = us("endTime") + (999 if int(query["endTime"]) < 10**14 else 0) if "endTime" in query else None
            rows = [row for row in rows if row.ts_us >= begin and (end is None or row.ts_us <= end)]
            rows = rows[:limit] if "startTime" in query else rows[-limit:]
        return 200, [self._row(listed, row, micro) for row in rows]

    def _info(self, status: str) -> dict[str, Any]:
        limit = {
            "rateLimitType": "REQUEST_WEIGHT",
            "interval": "MINUTE",
            "intervalNum": 1,
            "limit": self.weights.limit,
        }
        found = [self._symbol(each.contract) for each in self.listed.values()] if status == "TRADING" else []
        return {"timezone": "UTC", "serverTime": self._stamp(False), "rateLimits": [limit], "symbols": found}

    def _symbol(self, contract: Contract) -> dict[str, Any]:
        filters = [
            {"filterType": "PRICE_FILTER", "tickSize": "0.00000001", "minPrice": "0", "maxPrice": "0"},
            {"filterType": "LOT_SIZE", "stepSize": "0.00000001", "minQty": "0", "maxQty": "0"},
        ]
        found: dict[str, Any] = {
            "symbol": contract.symbol,
            "baseAsset": contract.base,
            "quoteAsset": contract.quote,
            "filters": filters,
        }
        if self.market == "spot":
            return found | {
                "status": "TRADING",
                "isSpotTradingAllowed": True,
                "permissions": [],
                "permissionSets": [["SPOT"]],
            }
        perpetual = "_" not in contract.symbol or contract.symbol.endswith("_PERP")
        found |= {
            "pair": contract.symbol.partition("_")[0],
            "contractType": "PERPETUAL" if perpetual else "CURRENT_QUARTER",
            "deliveryDate": 4_133_404_800_000 if perpetual else self._stamp(False) + 30 * 24 * HOUR_MS,
            "onboardDate": 1_569_398_400_000,
            "marginAsset": contract.quote if self.market == "usdm" else contract.base,
            "pricePrecision": 2,
            "quantityPrecision": 0,
        }
        if self.market == "usdm":
            return found | {"status": "TRADING"}
        return found | {"contractStatus": "TRADING", "contractSize": int(contract.size)}

    def _ticker(self, listed: Listed) -> dict[str, Any]:
        rows = listed.rows
        return {
            "symbol": listed.contract.symbol,
            "lastPrice": f"{rows[-1].price:f}" if rows else "0",
            "weightedAvgPrice": "1",
            "volume": "1",
            "quoteVolume": "1",
            "baseVolume": "1",
            "firstId": rows[0].first if rows else -1,
            "lastId": rows[-1].last if rows else -1,
            "count": len(rows),
            "openTime": self._stamp(False) - 24 * HOUR_MS,
            "closeTime": self._stamp(False),
        }


def stream_of(symbol: str) -> str:
    return f"{symbol.lower()}@aggTrade"
