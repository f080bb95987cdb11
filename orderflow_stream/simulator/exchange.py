"""The exchange's books: which symbols exist and what each has traded."""

from __future__ import annotations

from collections.abc import Iterable

from orderflow_stream.simulator.listing import Listing
from orderflow_stream.simulator.tape import Tape
from orderflow_stream.simulator.wire import SPOT, Wire
from orderflow_stream.venues.binance_archive import ArchiveRow


class Exchange:
    """Listed symbols and their tapes, in listing order; `wire` is how their market writes a trade."""

    def __init__(self, wire: Wire = SPOT) -> None:
        self.wire = wire
        self.tapes: dict[str, Tape] = {}

    def add(self, listing: Listing, max_rows: int | None = None) -> Tape:
        """List a symbol, or state new facts (a status, say) of a listed one, whose tape stays."""
        tape = self.tapes.get(listing.symbol)
        if tape is None:
            tape = self.tapes[listing.symbol] = Tape(listing, max_rows, self.wire)
        else:
            tape.listing = listing
            tape.max_rows = max_rows
        return tape

    def __getitem__(self, symbol: str) -> Tape:
        try:
            return self.tapes[symbol]
        except KeyError:
            raise KeyError(f"{symbol} is not listed; listed are {', '.join(list(self.tapes)[:20])}") from None

    def add_history(self, symbol: str, rows: Iterable[ArchiveRow]) -> None:
        """Rows that were published in the past, each at its own time."""
        tape = self[symbol]
        for row in rows:
            tape.append(row, row.ts)
