"""`replay`: archive files through the engine, or a journal, answered as the API answers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import msgspec

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
from orderflow_stream.venues.binance_futures import ROW_SPAN
from orderflow_stream.venues.catalogue import NAMES, Spec, spec
from orderflow_stream.venues.guess import guess_instrument

WINDOWS: Final = tuple(units.parse_duration(text) for text in ("1m", "5m", "15m", "1h"))
#: So many symbols are listed at most.
_LISTED: Final = 20
MIN_NOTIONAL: Final = 100_000 * units.NOTIONAL_SCALE


class _Wrong(Exception):
    """The command line does not say what must be known; the message says what."""


def run(
    files: list[Path],
    symbol: str | None,
    quote: str | None,
    trades: int,
    min_notional: int | None,
    *,
    as_json: bool,
    venue: str | None = None,
    contract_size: int | None = None,
) -> int:
    """Play the files, print what the routes would answer; one result a symbol. `min_notional` at 10^-16. Without a
    `venue` archives are of the default one; `contract_size` (10^-8) is what a contract is worth where quantities count
    contracts."""
    if not 100 <= trades <= 5000:
        return _wrong(f"--trades must be from 100 to 5000, not {trades}")
    if venue is not None and venue not in NAMES:
        return _wrong(f"--venue: there is no {venue}; there are {', '.join(NAMES)}")
    least = min_notional or MIN_NOTIONAL
    journals = {path: file for path in files if (file := journal_of(path)) is not None}
    for file in journals.values():
        code = _journal(file, Wanted(venue, symbol, quote), trades, least, as_json=as_json)
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
    try:
        of = spec(venue or NAMES[0])
        instruments = {name: instrument_of(of, name, quote, contract_size) for name in by_symbol}
    except _Wrong as error:
        return _wrong(str(error))
    for name, paths in by_symbol.items():
        try:
            book = _play(instruments[name], paths, least)
        except (ArchiveError, ReplayError) as error:
            _say(f"replay: {error}")
            return FAILED
        _show(book, trades, least, as_json=as_json)
    return OK


class Wanted:
    """What of a journal is asked for; `fitting` are the instruments that would do."""

    def __init__(self, venue: str | None, symbol: str | None, quote: str | None) -> None:
        self.venue, self.symbol, self.quote = venue, symbol and symbol.upper(), quote and quote.upper()
        self.fitting: list[Instrument] = []

    def __call__(self, instrument: Instrument) -> bool:
        fits = (
            self.venue in {None, instrument.venue}
            and self.symbol in {None, instrument.symbol}
            and self.quote in {None, instrument.quote}
        )
        if fits:
            self.fitting.append(instrument)
        return fits and len(self.fitting) == 1

    def which(self) -> str:
        """The choice there is, and how to make it."""
        several = len({each.venue for each in self.fitting}) > 1
        names = sorted(each.key if several else each.symbol for each in self.fitting)
        more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        options = "--symbol and --venue" if several else "--symbol"
        return f"{', '.join(names[:_LISTED])}{more}; say which with {options}"


def _journal(file: Path, wanted: Wanted, trades: int, least: int, *, as_json: bool) -> int:
    """What a journal holds of one symbol: the only one that fits, or there must be a word for which."""
    engine = _engine(least)
    try:
        books, skipped = replay_journal(engine, file, wanted)
    except ReplayError as error:
        _say(f"replay: {error}")
        return FAILED
    for line in skipped:
        _say(f"replay: {file}: not read: {line}")
    if len(wanted.fitting) > 1:
        return _wrong(f"{file} holds {wanted.which()}")
    if not books:
        named = ":".join(each for each in (wanted.venue, wanted.symbol) if each)
        _say(f"replay: {file} holds no trades" + (f" of {named}" if named else ""))
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


def instrument_of(of: Spec, symbol: str, quote: str | None, contract_size: int | None) -> Instrument:
    """The instrument of an archive, by its symbol and what the command line says beside. Raises `_Wrong`."""
    codec = of.codec()
    guess = codec.guess(symbol)
    if guess is not None and contract_size is not None:
        raise _Wrong(f"--contract-size: quantities of {of.name} are in the base asset, not in contracts")
    if guess is None and contract_size is None:
        raise _Wrong(
            f"quantities of {symbol} on {of.name} are contracts; say what one is worth in the quote asset with "
            "--contract-size"
        )
    pair, dated, date = symbol.partition("_")
    if quote is None:
        known = guess if guess is not None and guess.quote else guess_instrument(pair)
        if known is None:
            raise _Wrong(f"cannot tell the quote asset of {symbol}; say it with --quote")
        base, quote = known.base, known.quote
    else:
        quote = quote.upper()
        base = pair.removesuffix(quote)
        if base in {pair, ""}:
            raise _Wrong(f"--quote {quote.lower()}: {symbol} does not end in it")
    if guess is not None:
        return msgspec.structs.replace(guess, base=base, quote=quote)
    assert contract_size is not None
    return Instrument(
        of.name,
        symbol,
        base,
        quote,
        codec.market,
        contract=contract_size,
        kind="delivery" if dated and date.isdecimal() else "perpetual",
        pair=pair,
        row_span=ROW_SPAN,
    )


def _play(instrument: Instrument, paths: list[Path], least: int) -> Book:
    from orderflow_stream.cli.progress import Reading

    ordered = in_order(paths)
    with Reading(ordered) as progress:
        return replay(_engine(least), instrument, ordered, progress)


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
