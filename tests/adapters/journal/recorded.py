"""A journal as a daemon writes it: trades through an engine, its event log and the recorder, into a real file."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from orderflow_stream.adapters.journal.sqlite import NAME, SqliteLog
from orderflow_stream.adapters.journal.writer import Writer
from orderflow_stream.core.events import BUY, SELL, UNKNOWN_FILL, FeedUp, Instrument, Refill, Trade
from tests.adapters.journal_desk import House
from tests.reference.tapefile import Row


def as_trade(key: str, row: Row) -> Trade:
    first, last = (UNKNOWN_FILL if fill is None else fill for fill in (row.first, row.last))
    price, qty = (int(value * 10**8) if row.valid else 0 for value in (row.price, row.qty))
    return Trade(key, row.id, price, qty, BUY if row.side == "buy" else SELL, row.ts_us, first, last, row.ts_us)


def record(directory: Path, tapes: dict[Instrument, Sequence[Row]], *, turns: int = 50) -> Path:
    """Play the tapes side by side; the journal's file. A frame every so many rows (`turns` in all)."""
    log = SqliteLog.open(directory)
    writer = Writer(log, lambda: SqliteLog.open(directory))
    writer.start()
    house = House(writer, keep_trades=5_000)  # type: ignore[arg-type]  # what a desk stands in for
    recorder = house.record(snapshot_s=10.0)
    for instrument in tapes:
        house.engine.add(instrument)
        house.tell(FeedUp((instrument.key,), 0, 1))
        house.tell(Refill(instrument.key, (), 0, warm=True, source="stream"))
    rounds = list(zip_longest(*([(one.key, row) for row in rows] for one, rows in tapes.items())))
    for number, turn in enumerate(rounds):
        for each in turn:
            if each is not None:
                house.tell(as_trade(*each))
        if number % max(1, len(rounds) // turns) == 0:
            house.clock += 1
            recorder.turn()
    recorder.seal()
    assert writer.close(30)
    return directory / NAME
