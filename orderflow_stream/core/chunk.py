"""A stretch of a tape: consecutive rows of one instrument, in columns."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from orderflow_stream.core.events import UNTOLD
from orderflow_stream.core.sums import NqSums, Sums

if TYPE_CHECKING:
    from orderflow_stream.core.tape import Tape

Column: TypeAlias = "array[int]"


class Row(NamedTuple):
    """One trade of the tape. `qty` is signed: negative is a taker sell; `nq` is not (`UNTOLD` where nobody says)."""

    id: int
    price: int
    qty: int
    ts_event: int
    first_id: int
    last_id: int
    nq: int = UNTOLD


class Chunk:
    """Consecutive rows. `before` are the tape's running sums ahead of the first of them.

    The column `nq`, and `nq_before`, are only there where the venue tells such quantities.
    """

    __slots__ = (
        "before",
        "contract",
        "first",
        "ids",
        "inversions",
        "last",
        "next",
        "nq",
        "nq_before",
        "price",
        "qty",
        "rank",
        "ts",
    )

    def __init__(self, before: Sums, contract: int = 0, nq_before: NqSums | None = None) -> None:
        self.ids = array("q")
        self.ts = array("q")
        self.price = array("q")
        self.qty = array("q")
        self.first = array("q")
        self.last = array("q")
        self.before = before
        self.rank = before.buy_trades + before.sell_trades
        self.next: Chunk | None = None
        self.inversions = 0
        self.contract = contract
        self.nq = None if nq_before is None else array("q")
        self.nq_before = nq_before

    def __len__(self) -> int:
        return len(self.ids)

    def columns(self) -> tuple[Column, ...]:
        """In the order of `Row`'s fields; the last of them only where it is kept."""
        six = self.ids, self.price, self.qty, self.ts, self.first, self.last
        return six if self.nq is None else (*six, self.nq)

    def extend(self, rows: Sequence[Row]) -> None:
        # Not strict: without a column for `nq`, nobody is told of it.
        for column, values in zip(self.columns(), zip(*rows, strict=True), strict=False):
            column.extend(values)

    def row(self, i: int) -> Row:
        nq = UNTOLD if self.nq is None else self.nq[i]
        return Row(self.ids[i], self.price[i], self.qty[i], self.ts[i], self.first[i], self.last[i], nq)

    def rows(self, start: int = 0, stop: int | None = None) -> Iterator[Row]:
        return map(Row, *(column[start:stop] for column in self.columns()))

    def following(self, tape: Tape) -> Sums:
        """The tape's running sums after the last row of this chunk."""
        return self.next.before if self.next is not None else tape.head()

    def sums(self, start: int = 0, stop: int | None = None) -> Sums:
        """The exact sums of some of its rows."""
        return Sums.of(zip(self.price[start:stop], self.qty[start:stop], strict=True), self.contract)

    def nq_sums(self, start: int = 0, stop: int | None = None) -> NqSums:
        """The same without RPI trades; only where the tape keeps `nq`."""
        assert self.nq is not None
        columns = self.price[start:stop], self.qty[start:stop], self.nq[start:stop]
        return NqSums.of(zip(*columns, strict=True), self.contract)
