"""What must hold whatever comes in: one function a surface, each raising AssertionError (or what escaped).

They take plain values, so that hypothesis, the long form and a coverage-guided fuzzer can all call them.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from orderflow_stream.config import ConfigError, load
from orderflow_stream.core.events import BUY, SELL, UNKNOWN_FILL, Instrument, Trade
from orderflow_stream.delivery.sse import NOWHERE, echo, parse_position
from orderflow_stream.venues.binance import REASONS, Ack, BinanceSpot, Refused, Rejected, Shutdown
from orderflow_stream.venues.binance_archive import ArchiveError, ArchiveRow, read_archive
from orderflow_stream.venues.binance_rest import AnswerError, ExchangeInfo
from tests.fuzz.inputs import RECV, WATCHED

_INSTRUMENTS: Final = [Instrument("binance", symbol, symbol.removesuffix("USDT"), "USDT") for symbol in WATCHED]
_MOST: Final = 2**63 - 1


def codec() -> BinanceSpot:
    """A codec that watches three symbols."""
    spot = BinanceSpot()
    spot.watch(_INSTRUMENTS)
    return spot


_CODEC: Final = codec()


def frame(data: bytes) -> str:
    """The websocket codec: never raises, always says the same, and a trade is exactly what the bytes say.

    Returns what it was taken for.
    """
    said = _CODEC.decode(data, RECV)
    assert said == codec().decode(data, RECV), "the answer depends on what came before"
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = None
    if text is not None:
        assert _CODEC.decode(text, RECV) == said, "bytes and text are told apart"
    if isinstance(said, Trade):
        # What is ignored need not be UTF-8 (a websocket's text frames are, or the connection is closed).
        _trade_is_its_json(said, data.decode(errors="replace"))
        return "trade"
    assert isinstance(said, Ack | Refused | Shutdown | Rejected)
    if isinstance(said, Rejected):
        assert said.reason in REASONS
        assert said.id is None or 0 <= said.id <= _MOST
        assert said.symbol is None or isinstance(said.symbol, str)
        return said.reason
    assert isinstance(said, Shutdown) or said.id is None or isinstance(said.id, int)
    return said.kind


def _trade_is_its_json(trade: Trade, text: str) -> None:
    """Against the standard library's parser, with every number exact."""
    outer = json.loads(text, parse_float=Decimal)
    event = outer["data"] if isinstance(outer.get("data"), dict) and "p" in outer["data"] else outer
    assert event["e"] == "aggTrade"
    assert trade.instrument == f"binance:{event['s']}"
    assert event["s"] in WATCHED
    assert trade.id == event["a"]
    assert 0 <= trade.id <= _MOST
    assert (Decimal(trade.price), Decimal(trade.qty)) == (Decimal(event["p"]) * 10**8, Decimal(event["q"]) * 10**8)
    assert 0 <= trade.price <= _MOST
    assert 0 <= trade.qty <= _MOST
    assert bool(trade.price) == bool(trade.qty), "half a trade"
    assert trade.side == (SELL if event["m"] is True else BUY)
    assert isinstance(event["m"], bool)
    assert trade.ts_event in {event["T"], event["T"] * 1_000}
    assert 0 < trade.ts_event <= 10**17
    assert (trade.first_id, trade.last_id) == (event.get("f", UNKNOWN_FILL), event.get("l", UNKNOWN_FILL))
    assert trade.ts_recv == RECV


def rest(body: bytes) -> None:
    """Every decoder of REST bodies: a value of its type, or `AnswerError`; the reader of failures: always words."""
    instrument = _INSTRUMENTS[0]
    trades = _or_answer_error(lambda: _CODEC.decode_trades(instrument, body, RECV))
    for trade in trades or ():
        assert isinstance(trade, Trade)
        assert 0 <= trade.id <= _MOST
        assert 0 <= trade.price <= _MOST
        assert 0 <= trade.qty <= _MOST
        assert 0 < trade.ts_event <= 10**17
    if trades:  # no row may be left out: a page with a row missing would prove trades lost that are not
        assert [trade.id for trade in trades] == [row["a"] for row in json.loads(body.decode(errors="replace"))]
    info = _or_answer_error(lambda: _CODEC.decode_exchange_info(body))
    assert info is None or isinstance(info, ExchangeInfo)
    ticker = _or_answer_error(lambda: _CODEC.decode_ticker(body))
    assert ticker is None or all(isinstance(volume, int) and volume >= 0 for volume in ticker.values())
    time = _or_answer_error(lambda: _CODEC.decode_time(body))
    assert time is None or 0 < time <= 10**17
    code, message = _CODEC.error(400, body)
    assert code is None or isinstance(code, int)
    assert isinstance(message, str)
    assert len(message) <= 200


def _or_answer_error(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except AnswerError as error:
        _one_line(error)
        return None


def _one_line(error: Exception) -> None:
    assert "\n" not in str(error)


def archive(data: bytes) -> int:
    """The archive reader: rows, or `ArchiveError` that says where and what to do. Returns the number of rows."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "BTCUSDT-aggTrades-2025-10-04.csv"
        path.write_bytes(data)
        rows = 0
        try:
            for row in read_archive(path):
                rows += 1
                assert isinstance(row, ArchiveRow)
                assert 0 <= row.id <= _MOST
                assert Decimal(row.price) >= 0
                assert Decimal(row.qty) >= 0
                assert row.first >= UNKNOWN_FILL
                assert row.last >= UNKNOWN_FILL
                assert 10**14 <= row.ts < 10**17
        except ArchiveError as error:
            _says_where(error, path)
        else:
            assert rows, "an archive without rows is an error"
        return rows


def _says_where(error: ArchiveError, path: Path) -> None:
    assert error.path == path
    assert error.line >= 0
    assert error.message
    assert error.hint


def config_file(data: bytes) -> bool:
    """The configuration from a file: settings, or `ConfigError` whose every fault names its key. Returns whether it
    was accepted."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_bytes(data)
        return _loads(lambda: load(path, {}, {}))


def config_environment(environ: Mapping[str, str]) -> bool:
    """The same from variables."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.touch()
        return _loads(lambda: load(path, environ, {}))


def _loads(call: Callable[[], object]) -> bool:
    try:
        call()
    except ConfigError as error:
        _says_what(error)
        return False
    return True


def _says_what(error: ConfigError) -> None:
    assert error.faults, "an error without a fault"
    for fault in error.faults:
        assert fault.key, f"a fault without a key: {fault}"
        assert fault.message
        assert str(fault).isprintable(), "a fault is one line that no terminal trips over"
        assert len(str(fault)) < 6_000, "a fault that quotes its input at length"


def resume_id(text: str) -> None:
    """The position of a stream, and what is echoed of it: safe as an id, whatever came."""
    position = parse_position(text)
    if position is not None:
        epoch, _, seq = text.rpartition("-")
        assert (position.epoch, position.seq) == (epoch, int(seq))
        assert parse_position(str(position)) == position
    back = echo(text)
    assert back is not None
    assert back in {text, NOWHERE}
    assert back.isascii()
    assert 0 < len(back) <= 128
    assert not set(back) & set(' \t\r\n\0:<>?@{}"')


#: Surfaces that take bytes, for a fuzzer that is guided by coverage.
BYTES: Final[Mapping[str, Callable[[bytes], object]]] = {
    "codec": frame,
    "rest": rest,
    "archive": archive,
    "config": config_file,
    "resume": lambda data: resume_id(data.decode("utf-8", "surrogateescape")),
}
