"""Everything kept of one instrument: its tape, its id order, its windows and bars, and what is known of its feed."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from typing import Final, Protocol

from msgspec import Struct, field

from orderflow_stream.core.bars import Bars
from orderflow_stream.core.coverage import Coverage
from orderflow_stream.core.events import (
    BUY,
    SELL,
    Instrument,
    LargePrint,
    Liquidation,
    Range,
    Source,
    State,
    Trade,
)
from orderflow_stream.core.sequence import Sequence
from orderflow_stream.core.state import LEAD, believed, judge, why_silent
from orderflow_stream.core.sums import Sums
from orderflow_stream.core.tape import Row
from orderflow_stream.core.wide import tape_of
from orderflow_stream.core.window import Window

#: Gap records kept for `/v1/gaps`.
GAP_LOG: Final = 1_000


class GapRecord(Struct):
    """One range of missing ids and what became of it; times in microseconds of venue time.

    `source` says what closed it. `evicted`: it left the tape before all of it was had, so it counts as lost.
    """

    first: int
    last: int
    found: int
    status: str = "open"  # open, repaired, lost
    closed: int | None = None
    source: str | None = None


class BookCounters(Struct):
    """Monotone counts of one instrument since the process began.

    `lost` are ids that were proven lost at some time; those that the venue got back since are in `refilled` as well.
    How many are lost now, `Sequence.lost` tells.
    """

    received: int = 0
    applied: int = 0
    duplicate: int = 0
    late: int = 0
    invalid: int = 0
    gaps: int = 0
    gap_trades: int = 0
    refilled: int = 0
    lost: int = 0
    dropped: dict[str, int] = field(default_factory=dict)


class Analytic(Protocol):
    """What an analytic that follows each trade provides; `analytics/` has one file each."""

    def on_trade(self, trade: Trade) -> tuple[LargePrint, ...] | None:
        """A live trade, already in the tape; what it completed."""

    def on_splice(self, rows: list[Row], late: bool) -> tuple[LargePrint, ...]:
        """Trades were put into the tape out of turn (ascending ids); what is new because of them, where `late`."""

    def on_reset(self) -> None:
        """The tape begins anew."""

    def advance(self, now: int) -> tuple[LargePrint, ...] | None:
        """Time has passed; what it completed."""

    @property
    def due(self) -> int | None:
        """When `advance` has something to say, if no trade comes; None: never."""


class Book:
    """One instrument's state. Written by the engine only; read synchronously by everyone."""

    __slots__ = (
        "analytics",
        "as_of",
        "attention",
        "bars",
        "behind",
        "behind_at",
        "clock_offset",
        "connections",
        "counters",
        "demand",
        "gap_log",
        "generation",
        "heard",
        "instrument",
        "large_count",
        "last_recv",
        "liquidation_count",
        "liquidations",
        "liquidations_since",
        "mute",
        "mute_answered",
        "mute_reason",
        "newest_up",
        "origin",
        "past_live",
        "reconnected",
        "refilled",
        "sequence",
        "skew",
        "state",
        "state_reason",
        "state_since",
        "streamed",
        "streamed_from",
        "suspect",
        "tape",
        "told_trading",
        "up_at",
        "verified",
        "warm",
        "warm_sums",
        "was_up",
        "windows",
    )

    def __init__(self, instrument: Instrument, spans: tuple[int, ...]) -> None:
        self.instrument = instrument
        self.tape = tape_of(instrument)
        self.sequence = Sequence()
        self.bars = Bars(self.tape, instrument.inverse)
        self.windows = {span: Window(self.tape, span) for span in spans}
        self.analytics: tuple[Analytic, ...] = ()
        self.counters = BookCounters()
        self.gap_log: deque[GapRecord] = deque(maxlen=GAP_LOG)
        self.large_count = {BUY: 0, SELL: 0}  # large orders reported, monotone; kept by the analytic that finds them
        self.generation = 1
        self.origin = False  # the venue has proven that nothing older exists than what was first held
        self.refilled: dict[Source, int] = {}  # the highest id that came by another way than a stream
        self.streamed = -1  # the highest streamed id as of the last refill; later ones need no note
        self.streamed_from = -1  # the lowest one, likewise
        self.behind = -1  # an id that the venue has and no connection brought
        self.behind_at = -1  # as of when nothing newer than that existed
        self.warm_sums = Sums()  # what warm-ups put into the tape: not part of the live counters
        self.past_live = Sums()  # live sums of earlier generations
        self.connections: set[int] = set()
        self.was_up = False
        self.reconnected = False  # there was a time without a connection: what was missed in it is not known
        self.up_at = -1  # since when there is a connection
        self.warm = False
        self.verified = False
        self.demand = False  # read by REST on demand, no stream behind it
        self.as_of: int | None = None
        self.last_recv = -1
        self.heard = -1  # receipt of the newest duplicate: a stream that tells nothing new is no silent one
        self.mute = -1  # an id that REST has, and the stream did not bring when it had had the time to
        self.mute_answered = -1  # since when a connection carries the symbol that did not when it fell silent
        self.mute_reason = ""
        self.newest_up = -1  # since when the newest of its connections carries it
        self.told_trading = instrument.trading
        self.clock_offset = 0
        self.skew = 0  # what the engine's `now` lacks (µs) of this venue's time
        self.liquidations: list[Liquidation] = []  # of 24 h, by time, newest last: see `core.liquidations`
        self.liquidation_count = {BUY: 0, SELL: 0}  # those told since the process began, monotone
        self.liquidations_since = -1  # since when (µs) their stream has been up without a break; -1: it is not
        self.suspect: int | None = None  # an id far beyond the order, believed only when its successor comes
        self.state: State = "connecting"
        self.state_since = 0
        self.state_reason = "not connected yet"
        self.attention = True  # a trade may change the state

    def restart(self, now: int) -> None:
        """The venue began its ids anew: the tape, its order, its windows and bars begin empty and cold.

        No answer spans two generations; and what of two is in one bar could not be put in order by its ids."""
        self.past_live = self.live
        self.warm_sums = Sums()
        self.tape = tape_of(self.instrument)
        self.sequence = Sequence()
        self.bars = Bars(self.tape, self.instrument.inverse)
        self.windows = {span: Window(self.tape, span) for span in self.windows}
        self.generation += 1
        self.origin = self.warm = False
        self.refilled, self.streamed, self.streamed_from, self.behind, self.suspect = {}, -1, -1, -1, None
        self.as_of = None
        self.last_recv = self.mute = -1
        self.attention = True
        for record in self.gap_log:
            if record.status == "open":
                record.status, record.closed, record.source = "lost", now, "evicted"
        for analytic in self.analytics:
            analytic.on_reset()

    def follow(self, now: int) -> None:
        """The tape let go of its oldest trades: the id order answers no longer for what was before the oldest left."""
        oldest = self.tape.chunks[0].ids[0]
        holes = self.sequence.holes
        if holes and holes[0].first < oldest:
            for record in self.gap_log:
                if record.status == "open" and record.first < oldest:
                    left = self.sequence.missing(record.first, min(record.last, oldest - 1))
                    if any(not hole.lost for hole in left):
                        record.status, record.closed, record.source = "lost", now, "evicted"
        if self.sequence.invalid:
            self.bars.note_blank(self.sequence.invalid[: bisect_left(self.sequence.invalid, oldest)])
        self.sequence.forget_before(oldest)

    @property
    def nbytes(self) -> int:
        """Bytes that the tape and the bars of this instrument take."""
        return self.tape.nbytes + self.bars.seconds.nbytes + self.bars.minutes.nbytes

    # -- numbers --------------------------------------------------------------------------------------------------

    def now(self, now: int) -> int:
        """Venue time for this instrument, where it is `now` for the engine: never behind its newest trade."""
        return self.at(now + self.skew if now >= 0 else now)

    def at(self, now: int) -> int:
        """The same where `now` is this venue's time already.

        But one trade that claims to be of the far future must not age all others: more than `LEAD` ahead of our
        (corrected) clock, a time is believed where at least three of the last nine trades are that late too. The trade
        itself counts all the same, in every window until its own time has passed.
        """
        newest = self.tape.newest_ts
        if newest <= now:
            return now
        return newest if newest - now <= LEAD or now < 0 else believed(self, now)

    def silence(self, now: int) -> int:
        """For how long (µs) no stream has brought anything of it; a connection that came up since counts as a word."""
        return now - max(self.last_recv, self.heard, self.up_at)

    @property
    def live(self) -> Sums:
        """Monotone sums of the trades that came live or by repair, warm-ups left out."""
        return self.past_live + self.tape.head() - self.warm_sums

    def cvd(self) -> tuple[int, int, int, int]:
        """CVD in base (10^-8) and quote (10^-16), and its anchor: time (µs) and id of the oldest trade ever held."""
        head = self.tape.head()
        return head.delta_base, head.delta_quote, self.tape.anchor_ts, self.tape.anchor_id

    def window_sums(self, span: int, now: int) -> Sums:
        """The sums of a configured window that ends now."""
        return self.windows[span].sums(self.now(now))

    def window_nq(self, span: int, now: int) -> Sums | None:
        """The same without RPI trades; None where they are not told of every trade in it."""
        return self.windows[span].nq(self.now(now))

    # -- state ----------------------------------------------------------------------------------------------------

    # -- coverage -------------------------------------------------------------------------------------------------

    def coverage(
        self,
        first: int | None,
        now: int,
        *,
        trades: int | None = None,
        since: int | None = None,
        until: int | None = None,
    ) -> Coverage:
        """The account of an answer that stands on the ids from `first` (its oldest trade) to the newest.

        `trades` or `since`/`until` (µs) say what was asked for. Where that is time, or more trades than are held, it
        stands also on the hole between `first` and the trade before: what is missing there may belong to it.
        """
        now = self.now(now)
        sequence = self.sequence
        last = sequence.newest
        open_ = lost = invalid = expected = 0
        missing: tuple[Range, ...] = ()
        if sequence.holes and (since is not None or (trades is not None and len(self.tape) < trades)):
            begin = sequence.next if first is None else first
            before = next(self.tape.rows_before(begin), None)
            doubtful = sequence.first_missing(before.id if before is not None else -1, begin)
            first = doubtful if doubtful is not None else first
        if first is None or last is None:
            first = last = None
        else:
            holes = sequence.missing(first, last) if sequence.holes else []
            missing = tuple((hole.first, hole.last) for hole in holes)
            open_ = sum(hole.size for hole in holes if not hole.lost)
            lost = sum(hole.size for hole in holes if hole.lost)
            invalid = sequence.invalid_between(first, last)
            expected = last - first + 1
        back = self._reaches_back(trades, since)
        state, _ = judge(self, now, open_, lost)
        newest = self.tape.newest_ts
        return Coverage(
            first_id=first,
            last_id=last,
            expected=expected,
            received=expected - open_ - lost,
            invalid=invalid,
            missing=missing,
            missing_total=open_ + lost,
            requested_trades=trades,
            requested_from=since,
            requested_to=until,
            reaches_back=back,
            complete=not missing and back and state in {"live", "quiet"},
            state=state,
            as_of=self.known_alive(now),
            generation=self.generation,
            source=self._source(first),
            last_trade_age=max(0, now - newest) if newest >= 0 else None,
            lag=self.last_recv - newest if self.last_recv >= 0 and newest >= 0 else None,
            clock_offset=self.clock_offset,
        )

    def alive(self, ts: int) -> None:
        """All that existed at venue time `ts` is held, or known to be missing."""
        self.as_of = max(ts, -1 if self.as_of is None else self.as_of)
        if ts >= self.up_at:  # asked after the connection was up: whatever came since has come by it
            self.verified = True
            if 0 <= self.mute_answered <= ts:
                self.mute = self.mute_answered = -1  # another connection listens, and there is nothing to hear

    def doubt(self) -> None:
        """An id came that makes no sense: the venue may have begun its ids anew. Nothing is proven until it is asked,
        or the order goes on."""
        self.verified = False
        self.attention = True

    def silent(self, told: int, ts: int) -> None:
        """REST had id `told` at `ts`, and the stream, given the time, did not bring it."""
        if self.mute < 0:
            self.mute_answered, self.mute_reason = -1, why_silent(self, ts)
        self.mute = told

    def explained(self) -> None:
        """What REST had and the stream did not bring is here. If it is older than the newest connection, and that one
        had missed nothing when REST was asked, those who listen now are not the ones that were silent."""
        if 0 <= self.mute < self.sequence.next:
            rows = self.tape.rows(self.mute, 1)
            if rows and rows[0].id == self.mute and rows[0].ts_event < self.newest_up <= self.behind_at:
                self.spoke(self.mute)

    def spoke(self, id_: int) -> None:
        """A stream brought this id: that ends the silence, once it has come to what REST knew."""
        if 0 <= self.mute <= id_:
            self.mute = self.mute_answered = -1
            self.attention = True

    def note_streamed(self) -> None:
        """To be told before a refill: the newest id, if no refill brought it, came by a stream."""
        newest = self.sequence.newest
        refilled = max(self.refilled.values(), default=-1)
        if newest is not None and newest > refilled:
            self.streamed = newest
            if self.streamed_from < 0:
                self.streamed_from = refilled + 1 if self.refilled else self.sequence.first or 0

    def _source(self, first: int | None) -> Source:
        """How the ids from `first` to the newest came."""
        if first is None:
            first = self.sequence.first
        if first is None:
            return "stream"
        refilled = self.refilled
        found: set[Source] = {source for source, newest in refilled.items() if newest >= first}
        if self.streamed >= first or self.sequence.next - 1 > max(refilled.values(), default=-1):
            found.add("stream")
        return found.pop() if len(found) == 1 else "mixed"

    def _reaches_back(self, trades: int | None, since: int | None) -> bool:
        if self.origin and not self.tape.evicted:
            return True
        if trades is not None:
            return len(self.tape) >= trades
        oldest = self.tape.first()
        return oldest is not None and since is not None and oldest.ts_event <= since

    def known_alive(self, now: int) -> int | None:
        """Venue time at which the feed was last known to be alive: the newest trade, or a later REST probe."""
        known = max(-1 if self.as_of is None else self.as_of, min(self.tape.newest_ts, now))
        return known if known >= 0 else None

    def open_ranges(self) -> list[Range]:
        """The holes that may still be filled."""
        return [(hole.first, hole.last) for hole in self.sequence.holes if not hole.lost]
