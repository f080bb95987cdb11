"""`replay`: archive files through the engine, or a journal, answered as the API answers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from orderflow_stream.adapters.replay import ReplayError, in_order, journal_of, replay, replay_journal
from orderflow_stream.analytics import flow, large
from orderflow_stream.analytics.large import LargeTracker
from orderflow_stream.cli import FAILED, OK, USAGE
from orderflow_stream.core import units
from orderflow_stream.core.book import Book
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import Instrument
from orderflow_stream.delivery import encode
from orderflow_stream.venues.binance_archive import ArchiveError, symbol_of
from orderflow_stream.venues.guess import guess_instrument

WINDOWS: Final = tuple(units.parse_duration(text) for text in ("1m", "5m", "15m", "1h"))
#: So many symbols are listed at most.
_LISTED: Final = 20
MIN_NOTIONAL: Final = 100_000 * units.NOTIONAL_SCALE


def run(
    files: list[Path], symbol: str | None, quote: str | None, trades: int, min_notional: int | None, *, as_json: bool
) -> int:
    """Play the files, print what the routes would answer; one result a symbol. `min_notional` at 10^-16."""
    if not 100 <= trades <= 5000:
        return _wrong(f"--trades must be from 100 to 5000, not {trades}")
    least = min_notional or MIN_NOTIONAL
    journals = {path: file for path in files if (file := journal_of(path)) is not None}
    for file in journals.values():
        code = _journal(file, symbol, quote, trades, least, as_json=as_json)
        if code != OK:
            return code
    by_symbol: dict[str, list[Path]] = {}
    for path in files:
        if path in journals:
            continue
        try:
            name = symbol or symbol_of(path)
        except ArchiveError as error:
            if not path.exists():
                _say(f"replay: {path}: cannot be read: No such file or directory")
                return FAILED
            return _wrong(f"{path}: {error.message}; say it with --symbol")
        by_symbol.setdefault(name.upper(), []).append(path)
    instruments = {name: _instrument(name, quote) for name in by_symbol}
    for name, instrument in instruments.items():
        if instrument is None and quote is None:
            return _wrong(f"cannot tell the quote asset of {name}; say it with --quote")
        if instrument is None:
            return _wrong(f"--quote {quote}: {name} does not end in it")
    for name, paths in by_symbol.items():
        instrument = instruments[name]
        assert instrument is not None
        try:
            book = _play(instrument, paths, least)
        except (ArchiveError, ReplayError) as error:
            _say(f"replay: {error}")
            return FAILED
        _show(book, trades, least, as_json=as_json)
    return OK


def _journal(file: Path, symbol: str | None, quote: str | None, trades: int, least: int, *, as_json: bool) -> int:
    """What a journal holds of one symbol: the only one that fits, or there must be a word for which."""
    fitting: list[str] = []

    def wanted(instrument: Instrument) -> bool:
        fits = symbol in {None, instrument.symbol} and quote in {None, instrument.quote}
        if fits:
            fitting.append(instrument.symbol)
        return fits and len(fitting) == 1

    symbol, quote = symbol and symbol.upper(), quote and quote.upper()
    engine = _engine(least)
    try:
        books, skipped = replay_journal(engine, file, wanted)
    except ReplayError as error:
        _say(f"replay: {error}")
        return FAILED
    for line in skipped:
        _say(f"replay: {file}: not read: {line}")
    if len(fitting) > 1:
        more = f" and {len(fitting) - _LISTED} more" if len(fitting) > _LISTED else ""
        return _wrong(f"{file} holds {', '.join(sorted(fitting)[:_LISTED])}{more}; say which with --symbol")
    if not books:
        _say(f"replay: {file} holds no trades" + (f" of {symbol}" if symbol else ""))
        return FAILED
    _show(books[0], trades, least, as_json=as_json)
    return OK


def _engine(least: int) -> Engine:
    engine = Engine(windows=WINDOWS, analytics=lambda book: (LargeTracker(book, least, engine.pending),))
    return engine


def _wrong(message: str) -> int:
    _say(f"replay: {message}")
    return USAGE


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _instrument(symbol: str, quote: str | None) -> Instrument | None:
    if quote is None:
        return guess_instrument(symbol)
    quote = quote.upper()
    base = symbol.removesuffix(quote)
    return Instrument("binance", symbol, base, quote) if base not in {symbol, ""} else None


def _play(instrument: Instrument, paths: list[Path], least: int) -> Book:
    engine = _engine(least)
    terminal = sys.stderr.isatty()

    def progress(path: Path, rows: int) -> None:
        if terminal:
            print(f"\r\x1b[K{path.name}: {rows:,} rows", end="", file=sys.stderr, flush=True)

    try:
        return replay(engine, instrument, in_order(paths), progress)
    finally:
        if terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _show(book: Book, trades: int, least: int, *, as_json: bool) -> None:
    now = book.tape.newest_ts
    rules = encode.Rules()
    flow_data = encode.flow_data(rules, book.instrument, flow.over_trades(book, trades, now), None)
    prints = large.scan(book, min_notional=least, now=now)
    large_data = encode.large_data(rules, book.instrument, prints, None)
    if as_json:
        sys.stdout.buffer.write(b'{"flow":%b,"large":%b}\n' % (flow_data, large_data))
        sys.stdout.flush()
    else:
        from orderflow_stream.cli.show import exact, show_replay

        show_replay(exact(flow_data), exact(large_data), book)
