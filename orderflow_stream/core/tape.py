"""The ring of recent trades of one instrument: columns in chunks, ordered by id.

Each chunk holds up to `CHUNK` rows in six 64-bit columns and remembers the exact running sums *before* its first row.
So the sums over the last N trades are a difference of two running sums plus at most half a chunk of rows added up:
the cost does not grow with N, and nothing is ever approximated. Quantities are stored signed (negative: taker sell).
What inverse contracts, and quantities without RPI trades, need beside is in `wide`.

Only trades live here. Ids that carry no trade, and ids that are missing, are the business of `sequence`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from operator import gt
from typing import Final

from orderflow_stream.core.chunk import Chunk, Row
from orderflow_stream.core.events import UNTOLD, Trade
from orderflow_stream.core.sums import NqSums, Sums

__all__ = ["CHUNK", "CHUNK_BYTES", "ROW_BYTES", "Chunk", "Row", "Tape"]

CHUNK: Final = 256

#: What a row weighs (six columns of eight bytes, grown a little ahead), and the objects around a chunk.
ROW_BYTES: Final = 50
CHUNK_BYTES: Final = 1_000


class Tape:
    """The trades held of one instrument. Grows at the tail, is trimmed at the head, is spliced anywhere."""

    __slots__ = (
        "anchor_id",
        "anchor_ts",
        "buy_base",
        "buy_quote",
        "buy_trades",
        "chunks",
        "evicted",
        "inversions",
        "last_price",
        "newest_ts",
        "sell_base",
        "sell_quote",
        "sell_trades",
        "tail",
        "version",
    )

    def __init__(self) -> None:
        self.buy_trades = self.sell_trades = 0  # the six running sums at the tail, over every trade ever held
        self.buy_base = self.sell_base = 0
        self.buy_quote = self.sell_quote = 0
        self.tail = self.chunk(Sums())
        self.chunks = [self.tail]
        self.version = 0  # changes when rows move: cursors into chunks are then void
        self.evicted = 0  # trades that left at the head
        self.inversions = 0  # rows held whose time is behind that of the row before; 0: the tape is sorted by time
        self.newest_ts = -1
        self.last_price = 0
        self.anchor_id = -1  # the oldest trade ever held: where the running sums begin
        self.anchor_ts = -1

    def __len__(self) -> int:
        return self.buy_trades + self.sell_trades - self.chunks[0].rank

    @property
    def rpi(self) -> bool:
        """Whether `nq` is kept of its rows."""
        return False

    def chunk(self, before: Sums) -> Chunk:
        """An empty chunk of this kind of tape."""
        return Chunk(before)

    def take(self, trade: Trade) -> bool:
        """Add the newest trade; true when a new chunk was begun (the moment to look at memory)."""
        chunk = self.tail
        ids = chunk.ids
        rolled = False
        held = len(ids)
        if not held:
            if self.anchor_id < 0:
                self.anchor_id, self.anchor_ts = trade.id, trade.ts_event
        elif held >= CHUNK:
            chunk = self._roll()
            ids = chunk.ids
            rolled = True
        price, qty, ts = trade.price, trade.qty, trade.ts_event
        if trade.side > 0:
            chunk.qty.append(qty)
            self.buy_trades += 1
            self.buy_base += qty
            self.buy_quote += price * qty
        else:
            chunk.qty.append(-qty)
            self.sell_trades += 1
            self.sell_base += qty
            self.sell_quote += price * qty
        ids.append(trade.id)
        chunk.price.append(price)
        chunk.ts.append(ts)
        chunk.first.append(trade.first_id)
        chunk.last.append(trade.last_id)
        self.last_price = price
        if ts >= self.newest_ts:
            self.newest_ts = ts
        elif ts < (chunk.ts[-2] if len(chunk.ts) > 1 else self.chunks[-2].ts[-1]):
            chunk.inversions += 1
            self.inversions += 1
        return rolled

    def append(
        self, id_: int, price: int, qty: int, side: int, ts: int, first: int, last: int, nq: int = UNTOLD
    ) -> bool:
        """`take`, of a trade told by its parts."""
        return self.take(Trade("", id_, price, qty, side, ts, first, last, ts, nq))

    def _roll(self) -> Chunk:
        chunk = self.chunk(self.head())
        self.tail.next = chunk
        self.tail = chunk
        self.chunks.append(chunk)
        return chunk

    def head(self) -> Sums:
        """The running sums after the newest trade, over every trade ever held."""
        return Sums(self.buy_trades, self.sell_trades, self.buy_base, self.sell_base, self.buy_quote, self.sell_quote)

    def sums_of(self, rows: Iterable[Row]) -> Sums:
        """The exact sums of rows of this instrument, wherever they are."""
        return Sums.of((row.price, row.qty) for row in rows)

    # -- places ---------------------------------------------------------------------------------------------------

    def place_of_rank(self, rank: int) -> tuple[int, int]:
        """(chunk number, row) of the trade before which `rank` trades were ever held; clipped to the tape."""
        index = max(0, bisect_right(self.chunks, rank, key=_rank) - 1)
        return index, max(0, rank - self.chunks[index].rank)

    def place_after_id(self, id_: int) -> tuple[int, int]:
        """(chunk number, row) of the first trade with an id above `id_`; may be one past the last row of a chunk."""
        index = max(0, bisect_right(self.chunks, id_, key=_first_id) - 1)
        return index, bisect_right(self.chunks[index].ids, id_)

    def place_after_time(self, ts: int) -> tuple[int, int]:
        """(chunk number, row) of the first trade later than `ts`; only meaningful while `inversions` is 0."""
        index = max(0, bisect_right(self.chunks, ts, key=_first_ts) - 1)
        return index, bisect_right(self.chunks[index].ts, ts)

    def sums_before(self, index: int, row: int) -> Sums:
        """The running sums ahead of that place. Adds up the nearer part of the chunk, at most half of it."""
        chunk = self.chunks[index]
        if row * 2 <= len(chunk):
            return chunk.before + chunk.sums(0, row)
        return chunk.following(self) - chunk.sums(row)

    def at(self, index: int, row: int) -> Row | None:
        """The trade at that place, stepping into the next chunk where `row` is one past the last; None at the end."""
        while index < len(self.chunks):
            chunk = self.chunks[index]
            if row < len(chunk):
                return chunk.row(row)
            index, row = index + 1, 0
        return None

    def first(self) -> Row | None:
        return self.at(0, 0)

    def newest(self) -> Row | None:
        for chunk in reversed(self.chunks):
            if len(chunk):
                return chunk.row(len(chunk) - 1)
        return None

    def back(self, trades: int) -> Row | None:
        """The oldest of the last `trades` trades (of all, where fewer are held)."""
        return self.at(*self.place_of_rank(self.buy_trades + self.sell_trades - trades))

    # -- reading --------------------------------------------------------------------------------------------------

    def last_sums(self, trades: int) -> tuple[Sums, Row | None]:
        """The exact sums of the last `trades` trades (fewer where fewer are held), and the oldest of them."""
        head = self.head()
        place = self.place_of_rank(max(head.trades - trades, self.chunks[0].rank))
        return head - self.sums_before(*place), self.at(*place)

    def last_nq(self, trades: int) -> Sums | None:
        """The sums of the last `trades` trades without RPI trades; None where they are not told of all of them."""
        return None

    def nq_later_than(self, ts: int) -> Sums | None:
        """The same of the trades later than `ts`, whatever the order of their times."""
        return None

    def rows_from(self, index: int, row: int) -> Iterator[Row]:
        """The trades from that place on, ascending by id."""
        for chunk in self.chunks[index:]:
            yield from chunk.rows(row)
            row = 0

    def rows(self, from_id: int, limit: int) -> list[Row]:
        """Up to `limit` trades with ids from `from_id` on, ascending."""
        out: list[Row] = []
        index, row = self.place_after_id(from_id - 1)
        for chunk in self.chunks[index:]:
            out.extend(chunk.rows(row, row + limit - len(out)))
            row = 0
            if len(out) >= limit:
                break
        return out

    def last_rows(self, trades: int) -> Iterator[Row]:
        """The last `trades` trades, ascending."""
        rank = max(self.buy_trades + self.sell_trades - trades, self.chunks[0].rank)
        return self.rows_from(*self.place_of_rank(rank))

    def rows_before(self, id_: int) -> Iterator[Row]:
        """The trades with ids below `id_`, newest first."""
        index, row = self.place_after_id(id_ - 1)
        while index >= 0:
            chunk = self.chunks[index]
            for i in range(row - 1, -1, -1):
                yield chunk.row(i)
            index -= 1
            row = len(self.chunks[index]) if index >= 0 else 0

    def sums_later_than(self, ts: int) -> tuple[Sums, Row | None, Row | None]:
        """Sums, first and last by id of the trades later than `ts`, whatever the order of their times.

        Looks at every chunk, but only adds up those whose times are mixed, or of which a part is later.
        """
        total, first, last = Sums(), None, None
        for chunk in self.chunks:
            if not len(chunk):
                continue
            earliest, latest = (min(chunk.ts), max(chunk.ts)) if chunk.inversions else (chunk.ts[0], chunk.ts[-1])
            if latest <= ts:
                continue
            if earliest > ts:
                total += chunk.following(self) - chunk.before
                first = first or chunk.row(0)
                last = chunk.row(len(chunk) - 1)
                continue
            rows = [row for row in chunk.rows() if row.ts_event > ts]
            total += self.sums_of(rows)
            first = first or rows[0]
            last = rows[-1]
        return total, first, last

    # -- changing -------------------------------------------------------------------------------------------------

    def splice(self, rows: Sequence[Row]) -> Sums:
        """Put trades (ascending ids, none of them held) where they belong; the sums of what came in are returned.

        Afterwards the tape is what it would be had they never been missing. Only chunks around the new rows are
        made anew, evenly filled; the running sums of all later ones are carried forward.
        """
        added = self.sums_of(rows)
        if not self.evicted and (not self.chunks[0].ids or rows[0].id < self.chunks[0].ids[0]):
            self.anchor_id, self.anchor_ts = rows[0].id, rows[0].ts_event
        low, high = self._range(rows)
        old = self.chunks[low : high + 1]
        merged = sorted([*rows, *(row for chunk in old for row in chunk.rows())])
        parts = -(-len(merged) // CHUNK)
        fresh: list[Chunk] = []
        running = old[0].before
        for part in range(parts):
            chunk = self.chunk(running)
            chunk.extend(merged[part * len(merged) // parts : (part + 1) * len(merged) // parts])
            running = running + chunk.sums()
            fresh.append(chunk)
        for chunk in old:  # cursors may hold them for a while: they must not hold what follows
            chunk.next = None
        self.chunks[low : high + 1] = fresh
        later = low + parts
        for chunk in self.chunks[later:]:
            chunk.before = chunk.before + added
            chunk.rank += added.trades
        for index in range(max(low - 1, 0), later):
            following = self.chunks[index + 1] if index + 1 < len(self.chunks) else None
            self.chunks[index].next = following
        self.tail = self.chunks[-1]
        self.inversions -= sum(chunk.inversions for chunk in old)
        self._recount(low, later)
        self.buy_trades += added.buy_trades
        self.sell_trades += added.sell_trades
        self.buy_base += added.buy_base
        self.sell_base += added.sell_base
        self.buy_quote += added.buy_quote
        self.sell_quote += added.sell_quote
        self.newest_ts = max(self.newest_ts, *(row.ts_event for row in rows))
        self.last_price = self.tail.price[-1]
        self.version += 1
        self._spliced(rows, old[0].nq_before, low, later)
        return added

    def _spliced(self, rows: Sequence[Row], nq_before: NqSums | None, low: int, later: int) -> None:
        """The chunks `low`..`later - 1` are new because of `rows`; `nq_before` is that of the first one there was."""

    def _range(self, rows: Sequence[Row]) -> tuple[int, int]:
        """The chunks that `rows` fall into, and a neighbour where both fit one: single rows leave no crumbs."""
        low, high = self.place_after_id(rows[0].id)[0], self.place_after_id(rows[-1].id)[0]
        size = len(rows) + sum(len(chunk) for chunk in self.chunks[low : high + 1])
        if low and size + len(self.chunks[low - 1]) <= CHUNK:
            low -= 1
        elif high + 1 < len(self.chunks) and size + len(self.chunks[high + 1]) <= CHUNK:
            high += 1
        return low, high

    def _recount(self, low: int, high: int) -> None:
        """Count where times go back: in the new chunks `low`..`high - 1`, and anew in the one after them."""
        if high < len(self.chunks):
            self.inversions -= self.chunks[high].inversions
            high += 1
        for index in range(low, high):
            chunk = self.chunks[index]
            ts = chunk.ts
            chunk.inversions = sum(map(gt, ts, ts[1:]))
            if index and self.chunks[index - 1].ts[-1] > ts[0]:
                chunk.inversions += 1
            self.inversions += chunk.inversions

    def drop_oldest(self) -> int:
        """Let the oldest chunk go; returns the number of trades gone. The newest chunk never goes."""
        if len(self.chunks) < 2:
            return 0
        chunk = self.chunks.pop(0)
        chunk.next = None  # a cursor of a window nobody asks for would keep alive all that follows
        self.evicted += len(chunk)
        self.inversions -= chunk.inversions
        if self.chunks[0].inversions:
            self._recount(0, 0)
        self.version += 1
        return len(chunk)

    def spare(self, keep: int) -> int:
        """How many trades are held beyond `keep` and the oldest chunk; negative: that chunk may not go."""
        return len(self) - keep - len(self.chunks[0]) if len(self.chunks) > 1 else -1

    @property
    def nbytes(self) -> int:
        """What the tape weighs in memory, bytes (columns and the objects around them)."""
        return len(self.chunks) * CHUNK_BYTES + len(self) * ROW_BYTES

    def has(self, ids: Iterable[int]) -> set[int]:
        """Those of `ids` that are held."""
        held: set[int] = set()
        for id_ in ids:
            index, _ = self.place_after_id(id_)
            column = self.chunks[index].ids
            at = bisect_left(column, id_)
            if at < len(column) and column[at] == id_:
                held.add(id_)
        return held


def _rank(chunk: Chunk) -> int:
    return chunk.rank


def _first_id(chunk: Chunk) -> int:
    return chunk.ids[0] if chunk.ids else 0


def _first_ts(chunk: Chunk) -> int:
    return chunk.ts[0] if chunk.ts else 0
