"""Binance spot over REST: requests, and bodies to plain values; with the row that REST and the streams share.

The wire's `m` (true = the buyer was the maker = the taker sold) goes no further than `to_trade`. Unknown keys are
ignored, and milliseconds and microseconds are told apart by magnitude.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeGuard

import msgspec
from msgspec import Struct

from orderflow_stream.core.events import BUY, SELL, UNKNOWN_FILL, Instrument, Trade
from orderflow_stream.core.units import parse_scaled

NAME: Final = "binance"
REST_URL: Final = "https://api.binance.com"
#: Public hosts with the same routes; for use only where the user named no host of their own.
REST_FALLBACKS: Final = ("https://api-gcp.binance.com", "https://data-api.binance.vision")
MAX_PAGE: Final = 1_000
MAX_INT: Final = 2**63 - 1

_FIRST_US: Final = 10**14  # below: milliseconds (10^14 ms is the year 5138); from here on microseconds
_LAST_US: Final = 10**17
_MICROSECONDS: Final = {"X-MBX-TIME-UNIT": "MICROSECOND"}
_UNIT_SECONDS: Final = {"SECOND": 1, "MINUTE": 60, "HOUR": 3_600, "DAY": 86_400}

#: Why a row is no trade; a closed set, fit for a metric's label.
RowFault = Literal["id", "price", "quantity", "fills", "time"]


class Request(Struct, frozen=True):
    """One GET, relative to the venue's base URL. `params` are not percent-encoded; `weight` counts per minute."""

    path: str
    params: dict[str, str]
    headers: dict[str, str]
    weight: int


class RateLimit(Struct, frozen=True):
    """`limit` per `interval_s` seconds; `kind` is the venue's word (`REQUEST_WEIGHT`, `RAW_REQUESTS`, `ORDERS`)."""

    kind: str
    interval_s: int
    limit: int


class ExchangeInfo(Struct, frozen=True):
    """What is listed; `server_time` in microseconds (0 if unstated); `skipped` counts entries that were unreadable."""

    instruments: tuple[Instrument, ...]
    limits: tuple[RateLimit, ...]
    server_time: int
    skipped: int = 0


class AnswerError(ValueError):
    """A REST body that is not what was asked for; the message says what is wrong and shows its beginning."""

    def __init__(self, what: str, body: bytes, why: object = "") -> None:
        super().__init__(f"not an answer to {what}: {why or 'unexpected shape'}; it begins {body[:80]!r}")


class Row(Struct, gc=False):
    a: int
    p: str
    q: str
    T: int
    m: bool
    f: int = UNKNOWN_FILL
    l: int = UNKNOWN_FILL  # noqa: E741 - the wire's own name


class _Time(Struct):
    serverTime: int  # noqa: N815 - the wire's own name


class _Limit(Struct):
    rateLimitType: str  # noqa: N815 - the wire's own names
    interval: str
    limit: int
    intervalNum: int = 1  # noqa: N815


class _Filter(Struct):
    filterType: str  # noqa: N815 - the wire's own names
    tickSize: str = "0"  # noqa: N815
    stepSize: str = "0"  # noqa: N815


class _Symbol(Struct):
    symbol: str
    status: str
    baseAsset: str  # noqa: N815 - the wire's own names
    quoteAsset: str  # noqa: N815
    isSpotTradingAllowed: bool = True  # noqa: N815
    filters: list[_Filter] = []


class _Info(Struct):
    # Raw: one call over the whole body would hold the interpreter for 100 ms and more, also from a worker thread;
    # symbol by symbol the event loop gets its turn in between.
    symbols: list[msgspec.Raw]
    rateLimits: list[_Limit] = []  # noqa: N815 - the wire's own names
    serverTime: int = 0  # noqa: N815


class _Ticker(Struct):
    symbol: str
    quoteVolume: str  # noqa: N815 - the wire's own name
    lastId: int = UNKNOWN_FILL  # noqa: N815


_rows = msgspec.json.Decoder(list[Row]).decode
_one_row = msgspec.json.Decoder(Row).decode
_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode
_anything = msgspec.json.Decoder().decode
_info = msgspec.json.Decoder(_Info).decode
_symbol = msgspec.json.Decoder(_Symbol).decode
_time = msgspec.json.Decoder(_Time).decode
_tickers = msgspec.json.Decoder(list[_Ticker] | _Ticker).decode


#: All that a decoder can raise: msgspec's errors and UnicodeError are ValueErrors, deep nesting is a RecursionError.
UNREADABLE: Final = (ValueError, RecursionError)


def is_int(value: object) -> TypeGuard[int]:
    """An integer of the wire: Python counts `True` as one, JSON does not."""
    return isinstance(value, int) and not isinstance(value, bool)


def _microseconds(time: int) -> int:
    return time * 1_000 if time < _FIRST_US else time


def to_trade(key: str, row: Row, ts_recv: int) -> Trade | RowFault:
    """The row as a trade, or the reason why it cannot be one."""
    id_ = row.a
    if not 0 <= id_ <= MAX_INT:
        return "id"
    time = row.T
    if time < _FIRST_US:
        time *= 1_000
    if not 0 < time <= _LAST_US:
        return "time"
    first, last = row.f, row.l
    try:
        price = parse_scaled(row.p)
    except ValueError:
        return "price"
    try:
        qty = parse_scaled(row.q)
    except ValueError:
        return "quantity"
    if not price or not qty:
        if price == qty == 0 and first == last == UNKNOWN_FILL:  # marked invalid by the exchange, its id stands
            return Trade(key, id_, 0, 0, SELL if row.m else BUY, time, first, last, ts_recv)
        return "quantity" if price else "price"
    # Fills may be untold (-1, -1), never half told.
    if not UNKNOWN_FILL <= first <= last <= MAX_INT or (first == UNKNOWN_FILL and last != UNKNOWN_FILL):
        return "fills"
    return Trade(key, id_, price, qty, SELL if row.m else BUY, time, first, last, ts_recv)


def fault_of(answer: Mapping[str, Any]) -> tuple[int | None, str] | None:
    """Code and message of an error, documented flat (`code`, `msg`) and seen nested (`error: {…}`); None: no error."""
    error = answer.get("error")
    fault = error if isinstance(error, dict) else answer
    if error is None and "code" not in answer and "msg" not in answer:
        return None
    code, message = fault.get("code"), fault.get("msg", error)
    return (code if is_int(code) else None), str(message)[:200]


class BinanceRest:
    """The REST half of the codec. Stateless."""

    def trades_request(
        self, symbol: str, *, from_id: int | None = None, start: int | None = None, limit: int = MAX_PAGE
    ) -> Request:
        """A page of trades, ascending: from `from_id` on, or from venue time `start` (us) on, or the newest `limit`."""
        if from_id is not None and start is not None:
            raise ValueError("trades_request: name from_id or start, not both (the exchange refuses the pair)")
        if not 1 <= limit <= MAX_PAGE:
            raise ValueError(f"trades_request: limit must be 1 to {MAX_PAGE}, not {limit}")
        params = {"symbol": symbol, "limit": str(limit)}
        if from_id is not None:
            params["fromId"] = str(from_id)
        if start is not None:
            params["startTime"] = str(start)
        return Request("/api/v3/aggTrades", params, _MICROSECONDS, 4)

    def decode_trades(self, instrument: Instrument, body: bytes, ts_recv: int) -> list[Trade]:
        """A page as trades, in its own order. A row with a readable id and an absurd rest is an invalid row.

        Raises `AnswerError` where the body is no page of trades, or a row has no readable id (a page with a row left
        out would prove trades lost that are not).
        """
        try:
            rows: list[Row | int] = list(_rows(body))
        except UNREADABLE:
            rows = _salvage(body)
        key = instrument.key
        trades: list[Trade] = []
        time = 0  # of the row before: the place of a row whose own time is absurd
        for row in rows:
            trade = to_trade(key, row, ts_recv) if isinstance(row, Row) else None
            if not isinstance(trade, Trade):
                id_ = row.a if isinstance(row, Row) else row
                if trade == "id":
                    raise AnswerError("aggTrades", body, f"a row has the id {id_}")
                trade = Trade(key, id_, 0, 0, BUY, time or ts_recv, UNKNOWN_FILL, UNKNOWN_FILL, ts_recv)
            time = trade.ts_event
            trades.append(trade)
        return trades

    def exchange_info_request(self, status: str = "TRADING") -> Request:
        """Spot symbols that trade now (a quarter of the unfiltered 14-23 MB), or are in `BREAK` or `HALT`."""
        params = {"permissions": "SPOT", "symbolStatus": status, "showPermissionSets": "false"}
        return Request("/api/v3/exchangeInfo", params, _MICROSECONDS, 20)

    def decode_exchange_info(self, body: bytes) -> ExchangeInfo:
        """Any form of `exchangeInfo`; megabytes, so call it from a worker thread. Raises `AnswerError`."""
        try:
            info = _info(body)
        except UNREADABLE as error:
            raise AnswerError("exchangeInfo", body, error) from error
        instruments: list[Instrument] = []
        skipped = 0
        for raw in info.symbols:
            try:
                instruments.append(_instrument(_symbol(raw)))
            except UNREADABLE:
                skipped += 1
        limits = tuple(
            RateLimit(entry.rateLimitType, _UNIT_SECONDS[entry.interval] * entry.intervalNum, entry.limit)
            for entry in info.rateLimits
            if entry.interval in _UNIT_SECONDS and entry.intervalNum > 0 and entry.limit > 0
        )
        return ExchangeInfo(tuple(instruments), limits, _microseconds(info.serverTime), skipped)

    def ticker_request(self) -> Request:
        """The 24 h volumes of every symbol, in the short form."""
        return Request("/api/v3/ticker/24hr", {"type": "MINI"}, _MICROSECONDS, 80)

    def decode_ticker(self, body: bytes) -> dict[str, int]:
        """24 h quote volume by symbol at 10^-8, unbounded (a day in rupiah exceeds 64 bits). Raises `AnswerError`."""
        return {ticker.symbol: _volume(ticker.quoteVolume) for ticker in _ticker(body)}

    def decode_last_fills(self, body: bytes) -> dict[str, int]:
        """The same answer read for the newest fill of each symbol (the `l` of its newest trade); `UNKNOWN_FILL` where
        there was none for 24 h. Raises `AnswerError`."""
        return {ticker.symbol: ticker.lastId for ticker in _ticker(body)}

    def time_request(self) -> Request:
        """The exchange's clock."""
        return Request("/api/v3/time", {}, _MICROSECONDS, 1)

    def decode_time(self, body: bytes) -> int:
        """Microseconds since the epoch. Raises `AnswerError`."""
        try:
            time = _microseconds(_time(body).serverTime)
        except UNREADABLE as error:
            raise AnswerError("time", body, error) from error
        if not 0 < time <= _LAST_US:
            raise AnswerError("time", body, f"serverTime {time} is no time of an epoch")
        return time

    def ping_request(self) -> Request:
        """The cheapest question; the answer is `{}`."""
        return Request("/api/v3/ping", {}, {}, 1)

    def error(self, status: int, body: bytes) -> tuple[int | None, str]:
        """The exchange's own code and message of a failed request; a body without them is quoted, one short line."""
        try:
            answer = _anything(body)
        except UNREADABLE:
            answer = None
        fault = fault_of(answer) if isinstance(answer, dict) else None
        if fault is not None:
            return fault
        line = " ".join(body[:400].decode("utf-8", "replace").split())[:200]
        return None, line or f"HTTP {status} with an empty body"


def _ticker(body: bytes) -> list[_Ticker]:
    try:
        tickers = _tickers(body)
    except UNREADABLE as error:
        raise AnswerError("ticker/24hr", body, error) from error
    return [tickers] if isinstance(tickers, _Ticker) else tickers


def _salvage(body: bytes) -> list[Row | int]:
    """The rows of a page that does not decode as a whole; of an unreadable row only its id."""
    try:
        raws = _raws(body)
    except UNREADABLE as error:
        raise AnswerError("aggTrades", body, error) from error
    rows: list[Row | int] = []
    for raw in raws:
        try:
            rows.append(_one_row(raw))
        except UNREADABLE:
            try:
                row = _anything(raw)
            except UNREADABLE as error:
                raise AnswerError("aggTrades", body, error) from error
            id_ = row.get("a") if isinstance(row, dict) else None
            if not isinstance(id_, int) or isinstance(id_, bool) or not 0 <= id_ <= MAX_INT:
                raise AnswerError("aggTrades", body, "a row has no readable id") from None
            rows.append(id_)
    return rows


def _instrument(entry: _Symbol) -> Instrument:
    if not entry.symbol or not entry.baseAsset or not entry.quoteAsset:
        raise ValueError("a symbol without a name")
    tick = step = 0
    for rule in entry.filters:
        if rule.filterType == "PRICE_FILTER":
            tick = parse_scaled(rule.tickSize)
        elif rule.filterType == "LOT_SIZE":
            step = parse_scaled(rule.stepSize)
    trading = entry.status == "TRADING" and entry.isSpotTradingAllowed
    return Instrument(NAME, entry.symbol, entry.baseAsset, entry.quoteAsset, "spot", trading, tick, step, entry.status)


def _volume(text: str) -> int:
    whole, _, fraction = text.partition(".")
    if not (len(text) <= 60 and text.isascii() and whole.isdecimal() and (not fraction or fraction.isdecimal())):
        return 0  # only an order of precedence hangs on it
    return int(whole) * 10**8 + int(fraction[:8].ljust(8, "0"))
