"""Bars of any interval with their CVD, and what is known of each: whether it is over, and whether it is whole.

A bar is *closed* when venue time has reached its end. It is *complete* when its ids prove it: ids step by one, so bars
hold everything exactly where they have as many trades (and ids known to carry none) as there are ids from their first
to their last, and the next bar goes on where the one before ended. That holds whatever happened in between (repairs,
losses, restarts) and needs no record of it. Venue times may be out of the order of ids; bars whose ids overlap are
judged together. What is beyond the newest trade no id proves: a bar that ends later than the feed was last known to be
alive is not complete, but for the one that is open, which is complete so far while the feed lives.

CVD(t) is the sum of deltas from the anchor to t, at every interval the same; before the anchor it goes on backwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Final, Literal

from msgspec import Struct, structs

from orderflow_stream.core.bars import Bar, BarRing, Bars
from orderflow_stream.core.book import Book
from orderflow_stream.core.coverage import Coverage
from orderflow_stream.core.events import State
from orderflow_stream.core.state import judge
from orderflow_stream.core.sums import Sums

Interval = Literal["1s", "5s", "1m", "5m", "1h"]
AnchorRule = Literal["session", "oldest"]

#: The intervals there are, in microseconds: those of seconds from the ring of seconds, the others from that of minutes.
INTERVALS: Final[dict[Interval, int]] = {
    "1s": 1_000_000,
    "5s": 5_000_000,
    "1m": 60_000_000,
    "5m": 300_000_000,
    "1h": 3_600_000_000,
}
ANCHORS: Final[tuple[AnchorRule, ...]] = ("session", "oldest")

_DAY: Final = 86_400_000_000
#: Minutes around an anchor among which times may be out of the order of ids.
_MIXED: Final = 3
#: Bars before those asked for that are looked at where ids overlap.
_MIXED_BARS: Final = 16
_HEALTHY: Final = frozenset[State]({"live", "quiet"})


def kept_for(interval: Interval) -> int:
    """How far back from the newest trade bars of that width are kept, in microseconds."""
    return Bars.SECONDS_SPAN if INTERVALS[interval] < Bars.MINUTE else Bars.MINUTES_SPAN


class Anchor(Struct, frozen=True):
    """Where the CVD is 0. `time` (µs) is midnight UTC, or the start of the minute of the oldest trade held; None where
    no trade is. `complete`: no trade since is known to be missing. `total` are the sums since."""

    rule: AnchorRule
    time: int | None
    complete: bool
    total: Sums


class BarView(Struct, frozen=True, gc=False):
    """One bar `[start, end)`, µs, with the CVD at its end."""

    bar: Bar
    end: int
    cvd_base: int
    cvd_quote: int
    closed: bool
    complete: bool

    @property
    def start(self) -> int:
        return self.bar.start


class BarsView(Struct, frozen=True):
    """Ascending bars of one instrument; `now` and `as_of` in µs of venue time."""

    interval: Interval
    anchor: Anchor
    bars: tuple[BarView, ...]
    now: int
    as_of: int | None
    state: State
    generation: int


def latest(book: Book, interval: Interval, rule: AnchorRule, now: int, limit: int) -> BarsView:
    """The newest `limit` bars in which there was a trade, as of engine time `now` (µs)."""
    return _read(book, interval, rule, now, limit)[0]


def over_bars(book: Book, interval: Interval, rule: AnchorRule, now: int, limit: int) -> tuple[BarsView, Coverage]:
    """The same, and the account of it: ids are those of the part that the tape holds, since each bar says itself
    whether it is whole. `reaches_back`: the bars go back as far as asked, or as they are kept at all."""
    view, whole, before = _read(book, interval, rule, now, limit)
    width = INTERVALS[interval]
    ring, here = _ring(book, interval), view.now
    asked = here - here % width - (limit - 1) * width
    since = max(asked, _edge(book, ring, width, here))
    bars = view.bars
    held = book.tape.first()
    first = max(bars[0].bar.first_id, held.id) if bars and held is not None else None
    found = book.coverage(first, now, since=since, until=here)
    back = before or (bool(bars) and bars[0].start < since) or (not bars and book.origin)
    complete = back and whole and not found.missing and found.state in _HEALTHY
    return view, structs.replace(found, reaches_back=back, complete=complete)


def anchor_of(book: Book, rule: AnchorRule, here: int) -> Anchor:
    """Where the CVD begins at venue time `here`. A session begins at 00:00 UTC; where it is not certain that everything
    since then was held, the oldest trade takes its place."""
    ring, now = book.bars.minutes, book.bars.now()
    low = ring.place(_edge(book, ring, ring.width, here))
    midnight = here - here % _DAY
    if rule == "session" and _held_before(book, ring, midnight):
        since = midnight
    else:
        rule = "oldest"
        if low < len(ring):
            since = ring.start(low)
        elif now is not None:
            since = now.start - now.start % ring.width
        else:
            return Anchor(rule, None, False, Sums())
    total = _with(ring.total(since), now, since)
    sums = Sums() if total is None else total.sums
    return Anchor(rule, since, _whole_since(book, ring, total, since, rule), sums)


def _read(book: Book, interval: Interval, rule: AnchorRule, now: int, limit: int) -> tuple[BarsView, bool, bool]:
    """The bars; whether their ids leave nothing out; whether the oldest of them is proven to begin where it does."""
    width, ring = INTERVALS[interval], _ring(book, interval)
    here = book.now(now)
    anchor = anchor_of(book, rule, here)
    edge = _edge(book, ring, width, here)
    bars, at = _bars(book, ring, width, edge, limit + 1)
    if bars and at and ring.start(at - 1) >= edge and ring.last_id(at - 1) >= min(bar.first_id for bar in bars):
        bars, at = _bars(book, ring, width, edge, limit + 1 + _MIXED_BARS)  # judged together with those before
    begins = _begins(book, ring, at, bars)
    sound = _sound(book, bars, begins)
    if len(bars) > limit:
        del bars[:-limit], sound[:-limit]
        begins = True
    known = book.known_alive(here)
    as_of = -1 if known is None else known
    alive = judge(book, here, 0, 0)[0] in _HEALTHY
    cvd_base, cvd_quote = anchor.total.delta_base, anchor.total.delta_quote
    views: list[BarView] = []
    for bar, whole in zip(reversed(bars), reversed(sound), strict=True):
        end, sums = bar.start + width, bar.sums
        closed = here >= end
        proven = end <= as_of or (alive and not closed)
        views.append(BarView(bar, end, cvd_base, cvd_quote, closed, whole and proven))
        cvd_base -= sums.buy_base - sums.sell_base
        cvd_quote -= sums.buy_quote - sums.sell_quote
    views.reverse()
    view = BarsView(interval, anchor, tuple(views), here, known, book.state, book.generation)
    return view, all(sound), begins


def _ring(book: Book, interval: Interval) -> BarRing:
    return book.bars.seconds if INTERVALS[interval] < Bars.MINUTE else book.bars.minutes


def _edge(book: Book, ring: BarRing, width: int, here: int) -> int:
    """Where the oldest bar of that width begins that the ring holds the whole of, however full it is. What lies before
    is let go of in strides, so that it is chance whether it is still there."""
    open_ = book.bars.now()
    newest = here if open_ is None else min(open_.start, here)  # a time beyond now must not push out what is held
    edge = newest - newest % ring.width - ring.span + ring.width
    return edge + -edge % width


def _bars(book: Book, ring: BarRing, width: int, edge: int, most: int) -> tuple[list[Bar], int]:
    """The newest `most` bars from `edge` on, ascending, and the place in the ring where they begin."""
    low, high = ring.place(edge), len(ring)
    now = book.bars.now()
    joins = False
    if now is not None:
        now.start -= now.start % width
        joins = high > low and ring.start(high - 1) // width * width == now.start
        most -= not joins
    bars: list[Bar]
    if width == ring.width:
        at = max(low, high - most)
        bars = ring.slice(at, high)
    else:
        bars, at = [], high
        while at > low and len(bars) < most:
            start = ring.start(at - 1) // width * width
            begin = ring.place(start, low, at)
            bars.append(structs.replace(ring.merged(begin, at), start=start))
            at = begin
        bars.reverse()
    if now is not None and joins:
        bars[-1].take(now)
    elif now is not None and now.start >= edge:
        bars.append(now)
    return bars, at


def _with(total: Bar | None, now: Bar | None, since: int) -> Bar | None:
    """With the open second."""
    if now is None or now.start < since:
        return total
    if total is None:
        return now
    total.take(now)
    return total


# -- what ids prove -----------------------------------------------------------------------------------------------


def _blank(book: Book, first: int, last: int) -> int:
    """How many ids in `first`..`last` are known to carry no trade."""
    return book.bars.blank_between(first, last) + book.sequence.invalid_between(first, last)


def _full(book: Book, first: int, last: int, trades: int) -> bool:
    """Whether so many trades are all that those ids can be."""
    span = last - first + 1
    return trades == span or trades + _blank(book, first, last) == span


def _origin(book: Book, first_id: int) -> bool:
    """Whether nothing older than that trade exists."""
    return book.origin and first_id <= book.tape.anchor_id


def _newest_before(ring: BarRing, at: int) -> tuple[int, int] | None:
    """Latest start and highest last id of what is before place `at`, let go of or not. (A late trade may have brought a
    bar back that had been let go of.)"""
    held = [(ring.start(at - 1), ring.last_id(at - 1))] if at > 0 else []
    known = held if ring.gone is None else [*held, ring.gone]
    return (max(start for start, _ in known), max(last for _, last in known)) if known else None


def _begins(book: Book, ring: BarRing, at: int, bars: Sequence[Bar]) -> bool:
    """Whether the oldest bar is proven to lack nothing at its beginning: the trade before its first lies before it."""
    if not bars:
        return False
    first = min(bar.first_id for bar in bars)
    if _origin(book, first):
        return True
    known = _newest_before(ring, at)
    return known is not None and known[0] < bars[0].start and _full(book, known[1] + 1, first - 1, 0)


def _sound(book: Book, bars: Sequence[Bar], begins: bool) -> list[bool]:
    """Of each bar, whether its ids prove it whole; `begins` says so of the beginning of the first."""
    sound = [True] * len(bars)
    if not bars:
        return sound
    # Between two bars the ids are cut clean where all before are below all after.
    lowest = list(accumulate(reversed([bar.first_id for bar in bars]), min))[::-1]
    lasts = [bar.last_id for bar in bars]
    if _full(book, lowest[0], max(lasts), sum([bar.sums.trades for bar in bars])):
        if begins:
            return sound
        # Nothing is missing between them: only what is judged together with the first bar is in doubt.
        ends = enumerate(zip(accumulate(lasts, max), lowest[1:], strict=False), 1)
        cut = next((i for i, (highest, following) in ends if following > highest), len(bars))
        return [False] * cut + sound[cut:]
    at, highest, trades, doubt = 0, -1, 0, not begins
    previous, ended = 0, -1  # where the bars before began that are judged together, and their last id
    for i, bar in enumerate(bars):
        highest = max(highest, bar.last_id)
        trades += bar.sums.trades
        if i + 1 < len(bars) and lowest[i + 1] <= highest:
            continue
        if at and not _full(book, ended + 1, lowest[at] - 1, 0):
            sound[previous:at] = [False] * (at - previous)
            doubt = True
        if doubt or not _full(book, lowest[at], highest, trades):
            sound[at : i + 1] = [False] * (i + 1 - at)
        previous, ended, at, trades, doubt = at, highest, i + 1, 0, False
    return sound


def _held_before(book: Book, ring: BarRing, since: int) -> bool:
    """Whether what was held goes back beyond that time."""
    now = book.bars.now()
    if now is None:
        return False
    oldest = ring.start(0) if len(ring) else now.start
    if oldest < since or (ring.gone is not None and ring.gone[0] < since):
        return True
    first = _with(ring.total(0), now, 0)
    return first is not None and _origin(book, first.first_id)


def _whole_since(book: Book, ring: BarRing, total: Bar | None, since: int, rule: AnchorRule) -> bool:
    """Whether the bars from `since` on (`total`) leave out no id that is known of."""
    if book.behind >= max(book.sequence.next, 0) or book.mute >= 0:
        return False
    if total is None:
        return True
    at = begin = ring.place(since)
    while begin and at - begin < _MIXED and ring.last_id(begin - 1) >= total.first_id:
        begin -= 1  # times around midnight are out of the order of ids: those before are counted with those after
    if begin < at:
        wider = ring.merged(begin, at)
        wider.take(total)
        total = wider
    elif rule == "session" and not _origin(book, total.first_id):
        before = _newest_before(ring, at)
        if before is None or not _full(book, before[1] + 1, total.first_id - 1, 0):
            return False
    return _full(book, total.first_id, total.last_id, total.sums.trades)
