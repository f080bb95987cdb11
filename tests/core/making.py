"""What the tests of the core and of the analytics are made of: trades, books, and a book's answers as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st

from orderflow_stream.analytics import flow
from orderflow_stream.analytics.large import LargeTracker
from orderflow_stream.core.book import Book
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import (
    BUY,
    SELL,
    UNKNOWN_FILL,
    FeedUp,
    Instrument,
    Refill,
    Trade,
    Update,
)
from orderflow_stream.core.sums import Sums
from orderflow_stream.core.tape import Row, Tape
from tests.reference import tapefile
from tests.reference.oracle import to_units

BTC = Instrument("binance", "BTCUSDT", "BTC", "USDT")
KEY = BTC.key
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
T0 = 1_759_996_800_000_000  # a whole hour
ONE = 10**8  # one unit of price or quantity
BIG = 9 * 10**18  # 9e10 units at 10^-8: two digits below the end of 64 bits
DOLLAR = 10**16

WINDOWS = (10 * SECOND, MINUTE, HOUR)


def trade(
    id_: int,
    qty: int = ONE,
    *,
    price: int = ONE,
    ts: int | None = None,
    fills: tuple[int, int] = (UNKNOWN_FILL, UNKNOWN_FILL),
    recv: int | None = None,
    key: str = KEY,
) -> Trade:
    """One trade; a negative quantity is a taker sell, 0 an invalid row. Without `ts` one a second, from T0 on."""
    when = T0 + id_ * SECOND if ts is None else ts
    side = BUY if qty >= 0 else SELL
    return Trade(
        key, id_, price if qty else 0, abs(qty), side, when, fills[0], fills[1], when if recv is None else recv
    )


def run(first: int, last: int, **more: Any) -> list[Trade]:
    """Trades `first`..`last`, one a second."""
    return [trade(id_, ONE if id_ % 3 else -2 * ONE, price=ONE + id_ % 7, **more) for id_ in range(first, last + 1)]


def as_row(one: Trade) -> Row:
    return Row(one.id, one.price, one.qty * one.side, one.ts_event, one.first_id, one.last_id)


def from_reference(row: tapefile.Row, key: str = KEY) -> Trade:
    """A row of the recorded or made-up tapes as the codec would hand it over."""
    return Trade(
        key,
        row.id,
        to_units(row.price),
        to_units(row.qty),
        BUY if row.side == "buy" else SELL,
        row.ts_us,
        UNKNOWN_FILL if row.first is None else row.first,
        UNKNOWN_FILL if row.last is None else row.last,
        row.ts_us,
    )


def to_reference(one: Trade) -> tapefile.Row:
    """The other way: as the judge reads it."""
    told = one.first_id != UNKNOWN_FILL
    return tapefile.Row(
        one.id,
        Decimal(one.price).scaleb(-8, tapefile.EXACT),
        Decimal(one.qty).scaleb(-8, tapefile.EXACT),
        one.first_id if told else None,
        one.last_id if told else None,
        one.ts_event,
        "buy" if one.side == BUY else "sell",
    )


def make(
    *, threshold: int = 10 * DOLLAR, up: bool = False, warm: bool = False, origin: bool = False, **more: Any
) -> tuple[Engine, Book]:
    """An engine with one book that is followed for large prints; `up` and `warm` bring it on the air first."""
    engine: Engine = Engine(
        **{
            "windows": WINDOWS,
            "analytics": lambda book: (LargeTracker(book, threshold, engine.pending),),
            **more,
        }
    )
    book = engine.add(BTC)
    if up or warm:
        engine.apply(FeedUp((KEY,), T0, 1))
    if warm:
        engine.apply(Refill(KEY, (), T0, warm=True, origin=origin))
    return engine, book


def feed(engine: Engine, trades: Sequence[Trade]) -> list[Update]:
    """All that came of these trades."""
    return [update for one in trades for update in engine.apply(one) or ()]


def tracker(book: Book) -> LargeTracker:
    (found,) = book.analytics
    assert isinstance(found, LargeTracker)
    return found


def kinds(updates: Sequence[Update] | None) -> list[str]:
    return [type(update).__name__ for update in updates or ()]


def sums_of(trades: Sequence[Trade]) -> Sums:
    """Brute force, one trade at a time."""
    total = Sums()
    for one in trades:
        if not one.qty:
            continue
        if one.side == BUY:
            total += Sums(1, 0, one.qty, 0, one.price * one.qty, 0)
        else:
            total += Sums(0, 1, 0, one.qty, 0, one.price * one.qty)
    return total


def check_tape(tape: Tape) -> None:
    """What must hold of a tape at all times, whatever was done to it."""
    rows = list(tape.rows_from(0, 0))
    assert len(rows) == len(tape)
    assert all(one.id < two.id for one, two in pairwise(rows))
    running = tape.chunks[0].before
    for index, chunk in enumerate(tape.chunks):
        assert chunk.before == running
        assert chunk.rank == running.trades
        assert chunk.next is (tape.chunks[index + 1] if index + 1 < len(tape.chunks) else None)
        running = running + chunk.sums()
    assert running == tape.head()
    assert tape.tail is tape.chunks[-1]
    assert tape.inversions == sum(chunk.inversions for chunk in tape.chunks)
    assert tape.inversions == sum(one.ts_event > two.ts_event for one, two in pairwise(rows))
    if rows:
        assert tape.last_price == rows[-1].price
        assert tape.newest_ts >= max(row.ts_event for row in rows)


def answers(engine: Engine, book: Book, now: int) -> dict[str, Any]:
    """Everything a book answers at `now`, as plain values, but for how its trades came (late or not, and by what)."""
    covers = {}
    for count in (1, 7, 100, 5_000):
        covers[f"trades {count}"] = msgspec.to_builtins(flow.over_trades(book, count, now))
    for span in engine.windows:
        covers[f"window {span}"] = msgspec.to_builtins(flow.over_window(book, span, now))
        assert book.window_sums(span, now) == flow.over_window(book, span, now).sums
    for answer in covers.values():
        for history in ("source", "lag", "state", "complete"):
            del answer["coverage"][history]
    return {
        "rows": list(book.tape.rows_from(0, 0)),
        "sums": book.tape.head(),
        "cvd": book.cvd(),
        "seconds": book.bars.second_bars(),
        "minutes": book.bars.minute_bars(),
        "ring": [msgspec.structs.replace(found, late=False) for found in tracker(book).ring],
        "holes": [(hole.first, hole.last) for hole in book.sequence.holes],
        **covers,
    }


def law(examples: int) -> settings:
    """So many examples, the same ones each time: a suite that fails must fail again."""
    return settings(max_examples=examples, derandomize=True)


prices = st.sampled_from([1, 7, ONE, 122_335 * ONE + 79_000_000, BIG])
quantities = st.sampled_from([1, -1, 3, 84_000, -84_000, ONE, -ONE, 25 * ONE, -25 * ONE, BIG, -BIG])


@st.composite
def tapes(
    draw: st.DrawFn, *, most: int = 60, backwards: bool = True, invalid: bool = True, first: int = 100
) -> list[Trade]:
    """Trades with consecutive ids: bursts at one time, orders in several rows, lulls, and what never should be:
    times that go backwards, notionals near 10^38, rows that carry no trade."""
    steps = [0, 0, 0, 1, 400_000, SECOND, 9 * SECOND, 10 * SECOND, MINUTE]
    if backwards:
        steps += [-1, -SECOND, -15 * SECOND]
    found: list[Trade] = []
    ts, fill = T0, 1
    for index in range(draw(st.integers(1, most))):
        ts += draw(st.sampled_from(steps))
        qty = 0 if invalid and draw(st.integers(0, 9)) == 0 else draw(quantities)
        fills = (fill, fill) if draw(st.integers(0, 5)) else (fill + 1, fill + 1)
        if not qty or draw(st.integers(0, 9)) == 0:
            fills = (UNKNOWN_FILL, UNKNOWN_FILL)
        else:
            fill = fills[1] + 1
        found.append(trade(first + index, qty, price=draw(prices), ts=ts, fills=fills))
    return found
