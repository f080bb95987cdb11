"""`replay`: archive files through the engine, answered as the API answers."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path

import orjson

from orderflow_stream.adapters.replay import ReplayError, replay
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

WINDOWS = tuple(units.parse_duration(text) for text in ("1m", "5m", "15m", "1h"))


def run(
    files: list[Path], symbol: str | None, quote: str | None, trades: int, min_notional: Decimal, *, as_json: bool
) -> int:
    """Play the files, print what the routes would answer; one result a symbol."""
    if not 100 <= trades <= 5000:
        return _wrong(f"--trades must be from 100 to 5000, not {trades}")
    try:
        least = units.parse_notional(format(min_notional, "f"))
    except ValueError:
        return _wrong(f"--min-notional must be a positive number, not {min_notional}")
    if not least:
        return _wrong("--min-notional must be above 0")
    by_symbol: dict[str, list[Path]] = {}
    for path in files:
        by_symbol.setdefault((symbol or symbol_of(path)).upper(), []).append(path)
    for name, paths in by_symbol.items():
        instrument = _instrument(name, quote)
        if instrument is None:
            return _wrong(f"cannot tell the quote asset of {name}: say it with --quote")
        try:
            book = _play(instrument, paths, least)
        except (ArchiveError, ReplayError, OSError) as error:
            print(f"replay: {error}", file=sys.stderr)
            return FAILED
        _show(book, trades, least, as_json=as_json)
    return OK


def _wrong(message: str) -> int:
    print(f"replay: {message}", file=sys.stderr)
    return USAGE


def _instrument(symbol: str, quote: str | None) -> Instrument | None:
    if quote is None:
        return guess_instrument(symbol)
    quote = quote.upper()
    base = symbol.removesuffix(quote)
    return Instrument("binance", symbol, base, quote) if base != symbol else None


def _play(instrument: Instrument, paths: list[Path], least: int) -> Book:
    engine = Engine(windows=WINDOWS, analytics=lambda book: (LargeTracker(book, least, engine.pending),))

    def progress(path: Path, rows: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{path.name}: {rows:,} rows", end="", file=sys.stderr, flush=True)

    book = replay(engine, instrument, paths, progress)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return book


def _show(book: Book, trades: int, least: int, *, as_json: bool) -> None:
    now = book.tape.newest_ts
    rules = encode.Rules()
    view = flow.over_trades(book, trades, now)
    prints = large.scan(book, min_notional=least, now=now)
    answer = {
        "flow": orjson.Fragment(encode.flow_data(rules, book.instrument, view, None)),
        "large": orjson.Fragment(encode.large_data(rules, book.instrument, prints, None)),
    }
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
        sys.stdout.flush()
    else:
        from orderflow_stream.cli.show import show_replay

        show_replay(orjson.loads(orjson.dumps(answer)), book)
