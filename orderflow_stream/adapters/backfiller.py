"""Fills the tapes from REST: the warm-up of an instrument, the repair of its holes, the question for its newest id.

The planners of `feed` decide what to ask; the parts put together here ask, a bounded number at a time and the most
active first, and feed every page to the sink the moment it is here. An outage of REST only ever delays: no hole is
given up while the tape has room for it, and nothing spins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog
from msgspec import Struct

from orderflow_stream.adapters.joiner import Joiner
from orderflow_stream.adapters.mender import Mender
from orderflow_stream.adapters.minded import minded
from orderflow_stream.adapters.pages import Pages
from orderflow_stream.adapters.prober import Prober
from orderflow_stream.adapters.rest import Rest
from orderflow_stream.adapters.warmer import Progress, Warmer
from orderflow_stream.core.events import Corrected, Forget, GapFound, Instrument
from orderflow_stream.feed.backfill import CAP, MARGIN, Plan
from orderflow_stream.feed.errors import UpstreamError
from orderflow_stream.feed.repair import DELAY, Outlook, Repair
from orderflow_stream.feed.upstream import Books, RestVenue, Sink

PARALLEL: Final = 10
_HOUR: Final = 3_600_000_000
#: A page that weighs more than this is dear: warm-ups then go in rounds, and what is in doubt gets so many seconds to
#: prove itself before it is asked about.
CHEAP: Final = 4
_PATIENCE_S: Final = 20.0
_JOIN_PATIENCE_S: Final = 5.0
#: Symbols of a connection that never spoke that are asked about at a time, how long (µs) an answer may take, and by how
#: much a trade must be younger than the subscription.
_CANARIES: Final = 2
_CANARY_US: Final = 15_000_000
_YOUNGER_US: Final = 1_000_000
#: Above every 24 h volume: what somebody follows comes first.
_FOLLOWED: Final = 10**60

log = structlog.get_logger(__name__)


class BackfillCounters(Struct, frozen=True):
    """Monotone counts, read at scrape time."""

    warmed: int
    warm_pages: int
    warm_trades: int
    repair_fetches: int
    repair_trades: int
    lost: int
    given_up: int
    probes: int
    restarts: int
    failures: int


class Backfiller:
    """All methods but `run` are synchronous and return at once; call them from the loop that runs it.

    `instrument_of` finds an instrument by key (None once it was removed); `doubtful` says whether one is not proven to
    be whole; `activity` ranks one (higher first); `trades` and `window` (µs) are how far a warm-up reads back, `cap`
    the rows it reads at most; `repair_delay` (µs) is how long late frames may fill a hole first. `cold` says whether
    one lacks a part of its past; `up_since` when (µs) it was connected again; `worthless` whether what lies before a
    hole is worth less than the hole.

    `followed` (to be set by whoever knows) tells whether somebody follows an instrument, or asked for it lately: these
    come first, before any activity.
    """

    def __init__(
        self,
        rest: Rest,
        venue: RestVenue,
        books: Books,
        sink: Sink,
        *,
        now: Callable[[], int],
        instrument_of: Callable[[str], Instrument | None],
        doubtful: Callable[[str], bool] = lambda key: False,
        up_since: Callable[[str], int] = lambda key: -1,
        cold: Callable[[str], bool] = lambda key: False,
        worthless: Callable[[GapFound], bool] = lambda gap: False,
        activity: Callable[[Instrument], int] = lambda _: 0,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        trades: int = 5000,
        window: int = _HOUR,
        cap: int = CAP,
        repair_delay: int = DELAY,
        parallel: int = PARALLEL,
    ) -> None:
        pages = self._pages = Pages(rest, venue, now)
        self._moved = 0
        dear = pages.weight > CHEAP
        self.followed: Callable[[str], bool] = lambda key: False
        self._activity = activity
        self._instrument_of = instrument_of
        self._sink = sink
        self._now = now
        self._cold = cold
        self._worthless = worthless
        self._mender = Mender(
            pages,
            books,
            sink,
            Repair(delay=repair_delay, lookback=pages.lookback),
            instrument_of=instrument_of,
            now=now,
            sleep=sleep,
            rank=self._importance,
        )
        self._warmer = Warmer(
            pages,
            books,
            sink,
            plan=lambda: Plan(trades=trades, window=window + MARGIN, cap=cap, lookback=pages.lookback),
            unjoined=self.repair,
            now=now,
            sleep=sleep,
            parallel=parallel,
            rounds=dear,
            hold=lambda: self._mender.long,
        )
        self._prober = Prober(
            pages,
            books,
            sink,
            restarted=self._begin_anew,
            now=now,
            sleep=sleep,
            doubtful=doubtful,
            patience=_PATIENCE_S if dear else 0.0,
            up_since=up_since,
        )
        self._joiner = Joiner(
            pages,
            books,
            sink,
            joined=self._joined,
            doubt=self._ask,
            doubtful=doubtful,
            now=now,
            sleep=sleep,
            parallel=parallel,
            patience=_JOIN_PATIENCE_S if dear else 0.0,
        )

    def restored(self, key: str) -> None:
        """What is held of this instrument was read from a journal: it is joined to what REST has, once its stream is
        up, and read further back from where it begins."""
        self._joiner.expect(key)

    def warm(self, instrument: Instrument) -> None:
        """Read its past, once its stream is up. While that is under way, another order changes nothing."""
        if instrument.key in self._joiner:
            self._joiner.order(instrument, self._rank(instrument))
        else:
            self._warmer.order(instrument, self._rank(instrument))

    def repair(self, gap: GapFound) -> None:
        """Fill this hole, after the delay; or begin anew after it, where that is cheaper."""
        if self._worthless(gap):
            self._begin_after(gap)
        else:
            self._mender.found(gap)

    def corrected(self, update: Corrected) -> None:
        """The tape filled (a part of) a hole: it need not be asked for."""
        self._mender.filled(update.instrument, update.filled)

    def probe(self, instrument: Instrument, *, silent: bool = False) -> None:
        """Ask for its newest id and feed `Probe`, unless a newer trade arrives before its turn comes. `silent`: its
        stream is out of rhythm (see `Prober.order`).

        Where the answer shows that the venue began its ids anew, `Restarted` is fed instead, and the past read again.
        """
        if instrument.key in self._joiner:
            self._joiner.order(instrument, self._rank(instrument))
        else:
            self._prober.order(instrument, self._rank(instrument), silent=silent)

    def forget(self, key: str) -> None:
        """The instrument was removed: drop all work for it."""
        self._warmer.forget(key)
        self._prober.forget(key)
        self._joiner.forget(key)
        self._mender.holes.forget(key)

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            await minded(
                group.create_task(self._warmer.run(), name="warmer"),
                group.create_task(self._prober.run(), name="prober"),
                group.create_task(self._joiner.run(), name="joiner"),
                group.create_task(self._mender.run(), name="mender"),
            )

    async def moves(self, keys: Sequence[str], since: int) -> str | None:
        """Which of these instruments (most active first) has traded after venue time `since` (µs), says REST; None:
        none of the few that are asked about (others each time), or nobody can tell."""
        asked, self._moved = self._moved, self._moved + _CANARIES
        for index in range(min(_CANARIES, len(keys))):
            instrument = self._instrument_of(keys[(asked + index) % len(keys)])
            if instrument is None:
                continue
            try:
                page = await self._pages.read(instrument, None, 1, kind="probe", deadline=self._now() + _CANARY_US)
            except UpstreamError:
                continue
            if page.trades and page.trades[-1].ts_event > since + _YOUNGER_US:
                return instrument.key
        return None

    def outlook(self) -> Outlook:
        """What is left to be read of missing trades, and in how many seconds that will have been done."""
        return self._mender.outlook()

    def ready_in(self, key: str) -> float | None:
        """Seconds until what this instrument lacks will have been asked for (0: it lacks nothing, None: nobody can
        tell)."""
        return self._mender.ready_in(key)

    @property
    def progress(self) -> Progress:
        """Of the warm-ups ordered since the last time that none was left."""
        return self._warmer.progress

    @property
    def holes(self) -> Repair:
        """The account of open and lost holes."""
        return self._mender.holes

    @property
    def counters(self) -> BackfillCounters:
        """What was done so far."""
        warmer, mender, prober, joiner = self._warmer, self._mender, self._prober, self._joiner
        return BackfillCounters(
            warmed=warmer.warmed,
            warm_pages=warmer.pages,
            warm_trades=warmer.trades,
            repair_fetches=mender.fetches + joiner.fetches,
            repair_trades=mender.trades + joiner.trades,
            lost=warmer.lost + mender.lost,
            given_up=mender.holes.given_up,
            probes=prober.probes,
            restarts=prober.restarts,
            failures=warmer.failures + mender.failures + prober.failures + joiner.failures,
        )

    def _rank(self, instrument: Instrument) -> int:
        return self._activity(instrument) + (_FOLLOWED if self.followed(instrument.key) else 0)

    def _importance(self, key: str) -> tuple[int, ...]:
        """Followed ones first, then by the magnitude of their volume: within one, what a few calls complete goes first
        (a tenth of a volume more or less is no reason to let ten others wait)."""
        instrument = self._instrument_of(key)
        volume = self._activity(instrument) if instrument is not None else 0
        return (not self.followed(key), -len(str(volume)))

    def _ask(self, instrument: Instrument) -> None:
        self._prober.order(instrument, self._rank(instrument))

    def _joined(self, instrument: Instrument) -> None:
        if self._cold(instrument.key):
            self._warmer.order(instrument, self._rank(instrument), onward=True)

    def _begin_after(self, gap: GapFound) -> None:
        """Give up all that is older than the end of that hole, and read the past from there."""
        key, before = gap.instrument, gap.last + 1
        instrument = self._instrument_of(key)
        if instrument is None:
            return
        log.info(
            "too long away: what is held is older than every window, so it is read anew",
            instrument=key,
            missing=gap.last - gap.first + 1,
        )
        self._mender.holes.forget(key, before)
        self._warmer.forget(key)
        self._joiner.forget(key)
        self._sink(Forget(key, before, self._now()))
        self._warmer.order(instrument, self._rank(instrument), onward=True)

    def _begin_anew(self, instrument: Instrument) -> None:
        self._mender.holes.forget(instrument.key)
        self._joiner.forget(instrument.key)
        self._warmer.forget(instrument.key)
        self.warm(instrument)
