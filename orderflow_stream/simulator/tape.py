"""One symbol's published trades: what REST reads and what the websocket frames are cut from.

A row is kept as its wire text up to the time (`"a":…,"l":…,"T":`), which REST and the streams share, beside columns
of ids and times: about 200 bytes a row.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

import msgspec

from orderflow_stream.simulator.listing import Listing
from orderflow_stream.simulator.ticker import DayStats
from orderflow_stream.simulator.wire import SPOT, Wire, row_body
from orderflow_stream.venues.binance_archive import ArchiveRow


class _Body(msgspec.Struct):
    a: int
    p: str
    q: str
    f: int
    l: int  # noqa: E741 - the wire's own name
    nq: str = ""


_decode_body = msgspec.json.Decoder(_Body).decode


class Tape:
    """Rows in id order. `max_rows` (None: all) trims the oldest, as the exchange's own database forgets; times are on
    the grain of the market's `wire`."""

    def __init__(self, listing: Listing, max_rows: int | None = None, wire: Wire = SPOT) -> None:
        self.wire = wire
        self.listing = listing
        self.max_rows = max_rows
        self.stats = DayStats()
        self.published_total = 0
        self._ids = array("q")
        self._times = array("q")
        self._published = array("q")
        self._makers = bytearray()
        self._bodies: list[bytes] = []

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def newest_id(self) -> int | None:
        return self._ids[-1] if self._ids else None

    @property
    def oldest_id(self) -> int | None:
        return self._ids[0] if self._ids else None

    def append(self, row: ArchiveRow, published: int, body: bytes | None = None) -> None:
        """Publish one row at `published` (µs). An id behind the newest goes to its place; one already held is
        ignored, as a database with a unique key would."""
        body = row_body(row) if body is None else body
        ts = row.ts - row.ts % self.wire.grain
        if not self._ids or row.id > self._ids[-1]:
            self._ids.append(row.id)
            self._times.append(ts)
            self._published.append(published)
            self._makers.append(row.buyer_is_maker)
            self._bodies.append(body)
            if self.max_rows is not None and len(self._ids) > self.max_rows + self.max_rows // 4:
                self._trim(len(self._ids) - self.max_rows)
        else:
            at = bisect_left(self._ids, row.id)
            if self._ids[at] == row.id:
                return
            self._ids.insert(at, row.id)
            self._times.insert(at, ts)
            self._published.insert(at, published)
            self._makers.insert(at, row.buyer_is_maker)
            self._bodies.insert(at, body)
        self.published_total += 1
        self.stats.add(row)

    def forget(self) -> None:
        """Drop every row: ids may then begin anywhere."""
        self._trim(len(self._ids))

    def _trim(self, count: int) -> None:
        for column in (self._ids, self._times, self._published):
            del column[:count]
        del self._makers[:count]
        del self._bodies[:count]

    def row(self, index: int) -> ArchiveRow:
        """The row at a position (negative: from the end), as it was published."""
        body = _decode_body(b"{" + self._bodies[index][: -len(b',"T":')] + b"}")
        return ArchiveRow(
            body.a, body.p, body.q, body.f, body.l, self._times[index], "us", bool(self._makers[index]), body.nq
        )  # fmt: skip

    def rows(self) -> Iterator[ArchiveRow]:
        """Every row held, in id order."""
        return (self.row(index) for index in range(len(self)))

    def position_of(self, id_: int) -> int | None:
        at = bisect_left(self._ids, id_)
        return at if at < len(self._ids) and self._ids[at] == id_ else None

    def visible(self, cutoff: int | None) -> int:
        """How many rows had been published by `cutoff` (µs; None: all)."""
        return len(self) if cutoff is None else bisect_right(self._published, cutoff)

    def newest(self, limit: int, visible: int) -> range:
        """Positions of the newest `limit` rows."""
        return range(max(0, visible - limit), visible)

    def from_id(self, id_: int, limit: int, visible: int) -> range:
        """Positions of the first `limit` rows with an id of `id_` or above."""
        start = min(bisect_left(self._ids, id_), visible)
        return range(start, min(start + limit, visible))

    def first_id(self, since: int) -> int:
        """The id of the first row with T >= since (µs), 0 where every row is that young."""
        at = bisect_left(self._times, since)
        return 0 if at == 0 else self._ids[at] if at < len(self._ids) else self._ids[-1] + 1

    def clipped(self, positions: range, since: int) -> range:
        """Those of the positions with T >= since (µs)."""
        return range(min(max(positions.start, bisect_left(self._times, since)), positions.stop), positions.stop)

    def price_at(self, ts: int) -> str | None:
        """The price of the last row with T <= ts (µs) that is a trade; None where there is none."""
        for at in range(bisect_right(self._times, ts) - 1, -1, -1):
            if (row := self.row(at)).first >= 0 or row.price != "0":
                return row.price
        return None

    def time(self, index: int) -> int:
        return self._times[index]

    def from_time(self, start: int, end: int | None, limit: int, visible: int) -> range:
        """Positions of the first `limit` rows with start <= T <= end (µs)."""
        first = min(bisect_left(self._times, start), visible)
        last = visible if end is None else min(bisect_right(self._times, end), visible)
        return range(first, max(first, min(first + limit, last)))

    def until_time(self, end: int, limit: int, visible: int) -> range:
        """Positions of the newest `limit` rows with T <= end (µs)."""
        last = min(bisect_right(self._times, end), visible)
        return range(max(0, last - limit), last)

    def render(self, positions: range, divisor: int) -> bytes:
        """These rows as the JSON array of `aggTrades`; `divisor` is 1 for µs, 1000 for ms."""
        bodies, times, makers, tail = self._bodies, self._times, self._makers, self.wire.page
        return b"[" + b",".join([b"{%b%d%b" % (bodies[i], times[i] // divisor, tail[makers[i]])
                                 for i in positions]) + b"]"  # fmt: skip
