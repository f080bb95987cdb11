"""REST of Binance, as far as all its markets agree: requests, and bodies to plain values.

What differs from market to market is asked of the subclass: the prefix of the paths, the unit of times, weights, the
forms of `exchangeInfo` and of the 24 h ticker. Unknown keys are ignored.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import Struct

from orderflow_stream.core.events import BUY, UNKNOWN_FILL, Instrument, Trade
from orderflow_stream.core.units import parse_scaled
from orderflow_stream.venues.binance_rows import (
    LAST_US,
    MAX_INT,
    UNREADABLE,
    Row,
    fault_of,
    is_int,
    microseconds,
    to_trade,
)
from orderflow_stream.venues.values import AnswerError, ExchangeInfo, RateLimit, Request, RowFault

__all__ = [
    "MAX_PAGE", "AnswerError", "BinanceRest", "ExchangeInfo", "Filter", "RateLimit", "Request", "Row", "Ticker",
    "scaled_volume", "steps", "to_trade",
]  # fmt: skip

MAX_PAGE: Final = 1_000

_UNIT_SECONDS: Final = {"SECOND": 1, "MINUTE": 60, "HOUR": 3_600, "DAY": 86_400}


class _Time(Struct):
    serverTime: int  # noqa: N815 - the wire's own name


class _Limit(Struct):
    rateLimitType: str  # noqa: N815 - the wire's own names
    interval: str
    limit: int
    intervalNum: int = 1  # noqa: N815


class Filter(Struct):
    filterType: str  # noqa: N815 - the wire's own names
    tickSize: str = "0"  # noqa: N815
    stepSize: str = "0"  # noqa: N815


class _Info(Struct):
    # Raw: one call over the whole body would hold the interpreter for 100 ms and more, also from a worker thread;
    # symbol by symbol the event loop gets its turn in between.
    symbols: list[msgspec.Raw]
    rateLimits: list[_Limit] = []  # noqa: N815 - the wire's own names
    serverTime: int = 0  # noqa: N815


class Ticker(Struct):
    symbol: str
    quoteVolume: str  # noqa: N815 - the wire's own name
    lastId: int = UNKNOWN_FILL  # noqa: N815


_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode
_anything = msgspec.json.Decoder().decode
_info = msgspec.json.Decoder(_Info).decode
_time = msgspec.json.Decoder(_Time).decode

AnyTicker = Any
RowTrade = Callable[[str, Any, int], Trade | RowFault]


class BinanceRest(ABC):
    """The REST half of a codec. Stateless."""

    #: What every path begins with, with the version.
    prefix: str
    #: Sent with every question whose answer has times.
    headers: dict[str, str]
    trades_weight: int
    #: How far back pages of trades go, µs; None: as far as is worth asking.
    lookback: int | None = None
    #: The longest window (µs) that a question with both ends may span; None: any.
    window: int | None = None

    def __init__(self, row: type[Row], ticker: type[Struct], row_trade: RowTrade) -> None:
        """The types of a row and of a ticker, and what makes a trade of (key, row, ts_recv)."""
        self._rows: Callable[[bytes], list[Row]] = msgspec.json.Decoder(list[row]).decode  # type: ignore[valid-type]
        self._one_row: Callable[[msgspec.Raw], Row] = msgspec.json.Decoder(row).decode
        self._tickers: Callable[[bytes], Any] = msgspec.json.Decoder(list[ticker] | ticker).decode  # type: ignore[valid-type]
        self._row_trade = row_trade

    # -- what differs ------------------------------------------------------------------------------------------------

    @abstractmethod
    def _moment(self, us: int) -> str:
        """A time of ours as a parameter of theirs."""

    @abstractmethod
    def _instrument(self, raw: msgspec.Raw) -> Instrument:
        """One entry of `exchangeInfo`; raises one of `UNREADABLE`."""

    def _quote_volume(self, ticker: Any) -> int:
        """24 h quote volume (10^-8) of one ticker."""
        return scaled_volume(ticker.quoteVolume)

    @abstractmethod
    def exchange_info_request(self, status: str = "TRADING") -> Request:
        """The list of symbols that are in `status`; where the venue cannot choose, of all."""

    @abstractmethod
    def ticker_request(self) -> Request:
        """The 24 h volumes of every symbol."""

    # -- trades ------------------------------------------------------------------------------------------------------

    def trades_request(
        self,
        symbol: str,
        *,
        from_id: int | None = None,
        start: int | None = None,
        end: int | None = None,
        limit: int = MAX_PAGE,
    ) -> Request:
        """A page of trades, ascending: from `from_id` on, or from venue time `start` (us) on and not beyond `end`, or
        the newest `limit` (up to `end`)."""
        if from_id is not None and (start is not None or end is not None):
            raise ValueError("trades_request: name from_id or start, not both (the exchange refuses the pair)")
        if not 1 <= limit <= MAX_PAGE:
            raise ValueError(f"trades_request: limit must be 1 to {MAX_PAGE}, not {limit}")
        if start is not None and end is not None and self.window is not None and not 0 <= end - start < self.window:
            raise ValueError(f"trades_request: end must be after start by less than {self.window // 60_000_000} min")
        params = {"symbol": symbol, "limit": str(limit)}
        if from_id is not None:
            params["fromId"] = str(from_id)
        if start is not None:
            params["startTime"] = self._moment(start)
        if end is not None:
            params["endTime"] = self._moment(end)
        return Request(self.prefix + "/aggTrades", params, self.headers, self.trades_weight)

    def decode_trades(self, instrument: Instrument, body: bytes, ts_recv: int) -> list[Trade]:
        """A page as trades, in its own order. A row with a readable id and an absurd rest is an invalid row.

        Raises `AnswerError` where the body is no page of trades, or a row has no readable id (a page with a row left
        out would prove trades lost that are not).
        """
        try:
            rows: list[Row | int] = list(self._rows(body))
        except UNREADABLE:
            rows = self._salvage(body)
        key = instrument.key
        to_trade = self._row_trade
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

    def _salvage(self, body: bytes) -> list[Row | int]:
        """The rows of a page that does not decode as a whole; of an unreadable row only its id."""
        try:
            raws = _raws(body)
        except UNREADABLE as error:
            raise AnswerError("aggTrades", body, error) from error
        rows: list[Row | int] = []
        for raw in raws:
            try:
                rows.append(self._one_row(raw))
            except UNREADABLE:
                try:
                    row = _anything(raw)
                except UNREADABLE as error:
                    raise AnswerError("aggTrades", body, error) from error
                id_ = row.get("a") if isinstance(row, dict) else None
                if not is_int(id_) or not 0 <= id_ <= MAX_INT:
                    raise AnswerError("aggTrades", body, "a row has no readable id") from None
                rows.append(id_)
        return rows

    # -- lists -------------------------------------------------------------------------------------------------------

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
                instruments.append(self._instrument(raw))
            except UNREADABLE:
                skipped += 1
        limits = tuple(
            RateLimit(entry.rateLimitType, _UNIT_SECONDS[entry.interval] * entry.intervalNum, entry.limit)
            for entry in info.rateLimits
            if entry.interval in _UNIT_SECONDS and entry.intervalNum > 0 and entry.limit > 0
        )
        return ExchangeInfo(tuple(instruments), limits, microseconds(info.serverTime), skipped)

    def decode_ticker(self, body: bytes) -> dict[str, int]:
        """24 h quote volume by symbol at 10^-8, unbounded (a day in rupiah exceeds 64 bits). Raises `AnswerError`."""
        return {ticker.symbol: self._quote_volume(ticker) for ticker in self._ticker(body)}

    def decode_last_fills(self, body: bytes) -> dict[str, int]:
        """The same answer read for the newest fill of each symbol (the `l` of its newest trade, or on futures a fill
        that no trade tells of); `UNKNOWN_FILL` where there was none for 24 h. Raises `AnswerError`."""
        return {ticker.symbol: ticker.lastId for ticker in self._ticker(body)}

    def _ticker(self, body: bytes) -> list[Any]:
        try:
            tickers = self._tickers(body)
        except UNREADABLE as error:
            raise AnswerError("ticker/24hr", body, error) from error
        return tickers if isinstance(tickers, list) else [tickers]

    # -- the rest ----------------------------------------------------------------------------------------------------

    def time_request(self) -> Request:
        """The exchange's clock."""
        return Request(self.prefix + "/time", {}, self.headers, 1)

    def decode_time(self, body: bytes) -> int:
        """Microseconds since the epoch. Raises `AnswerError`."""
        try:
            time = microseconds(_time(body).serverTime)
        except UNREADABLE as error:
            raise AnswerError("time", body, error) from error
        if not 0 < time <= LAST_US:
            raise AnswerError("time", body, f"serverTime {time} is no time of an epoch")
        return time

    def ping_request(self) -> Request:
        """The cheapest question; the answer is `{}`."""
        return Request(self.prefix + "/ping", {}, {}, 1)

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


def steps(filters: list[Filter]) -> tuple[int, int]:
    """The steps of price and quantity (10^-8) that the filters of a symbol state, 0 where they state none."""
    tick = step = 0
    for rule in filters:
        if rule.filterType == "PRICE_FILTER":
            tick = parse_scaled(rule.tickSize)
        elif rule.filterType == "LOT_SIZE":
            step = parse_scaled(rule.stepSize)
    return tick, step


def scaled_volume(text: str) -> int:
    """A volume at 10^-8, cut there; 0 where it is none: only an order of precedence hangs on it."""
    whole, _, fraction = text.partition(".")
    if not (len(text) <= 60 and text.isascii() and whole.isdecimal() and (not fraction or fraction.isdecimal())):
        return 0
    return int(whole) * 10**8 + int(fraction[:8].ljust(8, "0"))
