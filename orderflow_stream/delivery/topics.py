"""What a stream may ask for, and what each topic says: from the engine's state to the bytes of one event."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from fnmatch import translate
from typing import Final, Protocol

from msgspec import Struct

from orderflow_stream.analytics.bars import AnchorRule, BarsView, Interval, latest
from orderflow_stream.analytics.flow import over_trades, over_window
from orderflow_stream.core.book import Book
from orderflow_stream.core.events import (
    Corrected,
    GapFound,
    Instrument,
    LargePrint,
    Liquidation,
    Range,
    StateChanged,
    Trade,
)
from orderflow_stream.core.sums import Sums
from orderflow_stream.delivery import encode
from orderflow_stream.delivery.encode_bars import bar_event
from orderflow_stream.delivery.encode_liquidations import liquidation_event
from orderflow_stream.delivery.ring import Late, Scope
from orderflow_stream.delivery.sse import to_json

TOPICS: Final = ("flow", "bar", "watch", "large", "trade", "liquidation")
DEFAULT_TOPICS: Final = ("flow", "large")

#: The span that a `corrected` event accounts for: everything that a count window can reach.
_ALL_TRADES: Final = 5_000
#: Bars in one `bar` event.
_BARS: Final = 3


class Spec(Struct, frozen=True):
    """Over what a `flow` (or a `watch` row) is formed: the window of that name and span (µs), or the last `trades`."""

    window: str
    span: int
    trades: int | None = None
    exact: bool = False

    @property
    def watched(self) -> Spec:
        """The span of the screener rows that go with it: rows are by window only."""
        return Spec(self.window, self.span, None, self.exact)


class BarSpec(Struct, frozen=True):
    """Which bars a `bar` event is of."""

    interval: Interval = "1m"
    anchor: AnchorRule = "session"
    exact: bool = False


class Filter(Struct, frozen=True):
    """One stream's wishes. `keys` are the instruments named, `patterns` stand for all that match, now and later;
    `min_notional` (10^-16) is 0 where the configured thresholds are enough. `bars` is None where `bar` is not among
    the topics."""

    spec: Spec
    keys: frozenset[str] = frozenset()
    patterns: tuple[str, ...] = ()
    topics: frozenset[str] = frozenset(DEFAULT_TOPICS)
    group: str = "order"
    min_notional: int = 0
    venue: str = "binance"
    bars: BarSpec | None = None

    def scope(self, instruments: Collection[str]) -> Scope:
        """What of the log belongs to it, its patterns resolved to `instruments`."""
        return Scope(instruments, self.topics, self.group, self.min_notional)


def matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Whether a symbol matches one of the patterns, in any case; only `*` and `?` are special."""
    merged = "|".join(translate(pattern.upper().replace("[", "[[]")) for pattern in patterns)
    if not merged:
        return lambda symbol: False
    compiled = re.compile(merged)
    return lambda symbol: compiled.match(symbol.upper()) is not None


class Books(Protocol):
    """The engine as seen from here."""

    @property
    def books(self) -> Mapping[str, Book]:
        """All books by key."""


class Renderer:
    """Forms events from the engine's books. Every method returns one JSON value without line ends.

    `windows` are the configured windows (µs) by name; `clock` is venue time in µs.
    """

    def __init__(
        self, engine: Books, *, rules: encode.Rules, windows: Mapping[str, int], clock: Callable[[], int]
    ) -> None:
        self.books: Final = engine.books
        self.windows: Final = dict(windows)
        self.rules = rules  # may change while running
        self.clock: Final = clock

    def instrument(self, key: str) -> Instrument | None:
        book = self.books.get(key)
        return None if book is None else book.instrument

    def sums(self, key: str) -> dict[str, Sums] | None:
        """The sums of every configured window, now; None for an instrument that is not kept."""
        book = self.books.get(key)
        if book is None:
            return None
        now = self.clock()
        return {name: book.window_sums(span, now) for name, span in self.windows.items()}

    def flow(self, key: str, spec: Spec, sums: Mapping[str, Sums], position: str) -> bytes | None:
        """`flow`; `sums` as from `sums`."""
        book = self.books.get(key)
        if book is None:
            return None
        now = self.clock()
        if spec.trades is not None:
            view, window = over_trades(book, spec.trades, now), None
        else:
            view, window = over_window(book, spec.span, now), spec.window
        return encode.flow_event(self.rules, book.instrument, view, sums, 0, position, window=window, exact=spec.exact)

    def bars(self, key: str, spec: BarSpec) -> BarsView | None:
        """What a `bar` event tells, not yet encoded."""
        book = self.books.get(key)
        return None if book is None else latest(book, spec.interval, spec.anchor, self.clock(), _BARS)

    def bar(self, key: str, view: BarsView, exact: bool) -> bytes | None:
        """`bar`; `view` as from `bars`."""
        book = self.books.get(key)
        return None if book is None else bar_event(self.rules, book.instrument, view, exact=exact)

    def now(self, key: str) -> int | None:
        """Venue time for that instrument (µs)."""
        book = self.books.get(key)
        return None if book is None else book.now(self.clock())

    def as_of(self, key: str) -> int | None:
        """Up to when (venue time, µs) its feed is known to have been alive."""
        book = self.books.get(key)
        return None if book is None else book.known_alive(book.now(self.clock()))

    def row(self, key: str, spec: Spec) -> encode.ScreenerRow | None:
        """One instrument's row of `watch`, not yet encoded; rows compare equal where they say the same."""
        book = self.books.get(key)
        if book is None:
            return None
        view = over_window(book, spec.span, self.clock())
        tape = book.tape
        held = tape.newest_ts >= 0
        return encode.ScreenerRow(
            instrument=book.instrument,
            sums=view.sums,
            last_price=tape.last_price if held else None,
            last_time=tape.newest_ts if held else None,
            last_id=book.sequence.newest,
            state=book.state,
            missing=view.coverage.missing_total,
            reaches_back=view.coverage.reaches_back,
        )

    def row_bytes(self, row: encode.ScreenerRow, exact: bool) -> bytes:
        return encode.screener_row(self.rules, row, exact=exact)

    def log(self, payload: Trade | Late | LargePrint | Liquidation, exact: bool) -> bytes | None:
        """`trade`, `large` or `liquidation`; None where the instrument is not kept any more."""
        book = self.books.get(payload.instrument)
        if book is None:
            return None
        if isinstance(payload, LargePrint):
            return encode.large_event(self.rules, book.instrument, payload, exact=exact)
        if isinstance(payload, Liquidation):
            return liquidation_event(self.rules, book.instrument, payload, exact=exact)
        if isinstance(payload, Late):
            return encode.trade_event(book.instrument, payload.trade, late=True, exact=exact)
        return encode.trade_event(book.instrument, payload, exact=exact)

    def missing(self, key: str, first: int, last: int) -> list[Range]:
        """What of those ids is missing now: holes, and what the venue has beyond the newest trade held."""
        book = self.books.get(key)
        if book is None:
            return []
        newest = book.sequence.newest
        holes = [(hole.first, hole.last) for hole in book.sequence.missing(first, last)]
        if newest is None or last > newest:
            holes.append((first if newest is None else max(first, newest + 1), last))
        return holes

    def gap(self, gap: GapFound) -> bytes | None:
        book = self.books.get(gap.instrument)
        return None if book is None else encode.gap_event(book.instrument, gap)

    def corrected(self, corrected: Corrected, position: str) -> bytes | None:
        """`corrected`, with the coverage of everything a count window can reach."""
        book = self.books.get(corrected.instrument)
        if book is None:
            return None
        view = over_trades(book, _ALL_TRADES, self.clock())
        return encode.corrected_event(book.instrument, corrected, view.coverage, position)

    def state(self, state: StateChanged) -> bytes | None:
        book = self.books.get(state.instrument)
        return None if book is None else encode.state_event(book.instrument, state)

    def heartbeat(self, keys: Iterable[str], server_time: int) -> bytes:
        """`heartbeat`: `server_time` (ms), the newest trade id of each instrument (null before the first), and
        `lag_ms`, receipt minus venue time of the trade that came in last."""
        symbols: dict[str, int | None] = {}
        last_recv, lag = -1, None
        for key in keys:
            book = self.books.get(key)
            if book is None:
                continue
            symbols[book.instrument.symbol] = book.sequence.newest
            if book.last_recv > last_recv and book.tape.newest_ts >= 0:
                last_recv, lag = book.last_recv, (book.last_recv - book.tape.newest_ts) // 1_000
        return to_json({"server_time": server_time, "lag_ms": lag, "symbols": symbols})
