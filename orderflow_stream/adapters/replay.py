"""Archive files through the live path: the same conversion, the same engine, the tape as the clock. And journals."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from orderflow_stream.adapters.journal.faults import JournalError
from orderflow_stream.adapters.journal.file import JournalFile
from orderflow_stream.adapters.journal.sqlite import NAME
from orderflow_stream.adapters.restorer import restore
from orderflow_stream.core.book import Book
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import FeedUp, Instrument, Probe, Refill, Trade
from orderflow_stream.venues.binance_archive import ArchiveRow, archive_trade, read_archive

#: Rows between two calls of `progress`.
STRIDE: Final = 20_000
_SQLITE: Final = b"SQLite format 3\x00"


class ReplayError(ValueError):
    """A row of the archive that is no trade; `message` names file, id and what is wrong with it."""


def replay(
    engine: Engine,
    instrument: Instrument,
    files: Iterable[Path],
    progress: Callable[[Path, int], None] = lambda path, rows: None,
) -> Book:
    """Play the files, in the order given (`in_order` gives the tape's), into `engine`; the instrument's book.

    The newest trade is "now" at every moment. Ids that the files skip cannot be had from anywhere: they are declared
    lost. Raises `ReplayError` for a row that is no trade, `ArchiveError` for a file that cannot be read.
    """
    book = engine.add(instrument)
    key = instrument.key
    engine.apply(FeedUp((key,), 0, 0))
    engine.apply(Refill(key, (), 0, warm=True, source="stream"))
    rows = 0
    for path in files:
        for row in read_archive(path):
            trade = _trade(key, path, row)
            engine.apply(trade)
            rows += 1
            if rows % STRIDE == 0:
                progress(path, rows)
        progress(path, rows)
    now = book.tape.newest_ts
    if book.sequence.holes:
        engine.apply(Refill(key, (), now, lost=tuple(book.open_ranges()), source="stream"))
    engine.advance(now)
    return book


def journal_of(path: Path) -> Path | None:
    """The journal's file, where `path` is one or a directory that holds one; None for anything else."""
    if path.is_dir():
        file = path / NAME
        return file if file.exists() else None
    try:
        with path.open("rb") as file_:
            begins = file_.read(len(_SQLITE))
    except OSError:
        return None
    return path if begins == _SQLITE or path.name.startswith(NAME) else None


def replay_journal(engine: Engine, path: Path, wanted: Callable[[Instrument], bool]) -> tuple[list[Book], list[str]]:
    """Read a journal into `engine`, whose books have a `LargeTracker`: the books of the instruments that are `wanted`,
    and a line for every place that could not be read. The newest trade of each is "now"; what is missing is declared
    lost.

    The journal of a running daemon can be read, too. Raises `ReplayError` where it is none.
    """
    try:
        file = JournalFile(path)
    except JournalError as error:
        raise ReplayError(str(error)) from error
    try:
        restored = restore(file, engine, now=0, wanted=wanted)
        skipped = [*file.skipped, *restored.findings]
    finally:
        file.close()
    books = [book for book in engine.books.values() if len(book.tape)]
    for book in books:
        key, now = book.instrument.key, book.tape.newest_ts
        engine.apply(FeedUp((key,), 0, 0))
        engine.apply(Refill(key, (), now, lost=tuple(book.open_ranges()), warm=True, source="journal"))
        engine.apply(Probe(key, book.sequence.newest, now))  # nothing newer is in there
    return books, skipped


def in_order(files: Iterable[Path]) -> list[Path]:
    """The files by the id of their first trade: a shell sorts names, and a tape is read from its beginning.

    Raises `ArchiveError` for a file whose first row cannot be read.
    """
    files = list(files)
    if len(files) < 2:
        return files
    return sorted(files, key=lambda path: next(read_archive(path)).id)


def _trade(key: str, path: Path, row: ArchiveRow) -> Trade:
    trade = archive_trade(key, row)
    if isinstance(trade, Trade):
        return trade
    raise ReplayError(f"{path}: trade {row.id} has an unreadable {trade} (price {row.price!r}, quantity {row.qty!r})")
