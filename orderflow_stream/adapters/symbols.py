"""The list of what a venue trades, kept fresh, and kept when the source is out.

The list is megabytes of JSON. It is decoded in a worker thread by the venue's codec, which goes symbol by symbol, so
that the interpreter lock is free in between: measured on a 20 MB list, the event loop waits 13-19 ms once (the pass
that finds the symbols), 7 ms on the filtered list that we ask for. A process of its own would cost more than it saves.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, Protocol, TypeVar

import msgspec
import structlog

from orderflow_stream.adapters.rest import LIST_BOUND, Answer, Rest
from orderflow_stream.core.events import Instrument
from orderflow_stream.feed.budget import Budget
from orderflow_stream.feed.errors import UpstreamError
from orderflow_stream.feed.upstream import RestRequest
from orderflow_stream.venues.guess import guess_instrument

T = TypeVar("T")

HOUR_S: Final = 3600.0
#: Seconds until a failed refresh is tried again; the last one repeats.
_AGAIN: Final = (5.0, 15.0, 60.0, 300.0)
#: States in which a symbol does not trade and the venue still tells of it: a halt, a maintenance, a delisting. (A venue
#: that lists all of them at once says so by its `resting`.)
RESTING: Final = ("BREAK", "HALT")
#: What a page of trades weighs where it is no matter.
_CHEAP: Final = 4
#: Seconds after the delivery of a contract until the list is asked what became of it.
_DELIVERED_S: Final = 60.0

log = structlog.get_logger(__name__)


class Limit(Protocol):
    """A rate limit as the venue states it."""

    @property
    def kind(self) -> str: ...
    @property
    def interval_s(self) -> int: ...
    @property
    def limit(self) -> int: ...


class Listed(Protocol):
    """The venue's list."""

    @property
    def instruments(self) -> Sequence[Instrument]: ...
    @property
    def limits(self) -> Sequence[Limit]: ...


class ListVenue(Protocol):
    """The part of a codec that speaks of symbols. Decoders raise `ValueError` on what is no answer."""

    @property
    def name(self) -> str: ...
    def exchange_info_request(self, status: str = ...) -> RestRequest: ...
    def decode_exchange_info(self, body: bytes) -> Listed: ...
    def ticker_request(self) -> RestRequest: ...
    def decode_ticker(self, body: bytes) -> dict[str, int]: ...


class Symbols:
    """What is listed. `stale_since` (venue time, µs) is set while the source is out, with `error` for a person;
    `fetched_at` is when the list was had, None if never."""

    def __init__(
        self,
        rest: Rest,
        venue: ListVenue,
        *,
        now: Callable[[], int],
        budget: Budget | None = None,
        volumes: bool = False,
        names: Iterable[str] = (),
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """`volumes`: also keep the 24 h volumes (80 weight an hour), for `top:N` and for the order of work. `names`:
        symbols that are wanted whether they trade or not."""
        names = tuple(names)
        self._rest = rest
        self._venue = venue
        self._now = now
        self._budget = budget
        # Where a page of trades is dear, importance decides over minutes: 40 weight an hour are well spent on it.
        self.want_volumes = volumes or (bool(names) and getattr(venue, "trades_weight", 0) > _CHEAP)
        self._sleep = sleep
        self.names = names
        self._by_symbol: dict[str, Instrument] = {}
        self._resting: dict[str, Instrument] = {}
        self._guessed: dict[str, Instrument] = {}
        self.volumes: dict[str, int] = {}
        self.fetched_at: int | None = None
        self.stale_since: int | None = None
        self.error: str | None = None

    # -- what is known -----------------------------------------------------------------------------------------------

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """Everything that traded while we ran, what does not now with `trading` false; by symbol."""
        return tuple(self._by_symbol.values())

    def by_symbol(self, symbol: str) -> Instrument | None:
        """The instrument of that exact (upper-case) name, also of one that does not trade; a provisional one where it
        was made."""
        return self._by_symbol.get(symbol) or self._resting.get(symbol) or self._guessed.get(symbol)

    def provisional(self, symbol: str) -> Instrument:
        """The instrument of a name that a user configured, also while no list was ever had: its base and quote are
        then a guess by the longest known quote, until the list arrives. `LookupError` where the venue's codec would
        not guess, since numbers could be wrong."""
        known = self.by_symbol(symbol)
        if known is not None:
            return known
        by_venue: Callable[[str], Instrument | None] = getattr(self._venue, "guess", self._guess)
        guess = by_venue(symbol)
        if guess is None:
            raise LookupError(f"{symbol}: what it is worth is not known without the list of {self._venue.name}")
        self._guessed[symbol] = guess
        return guess

    def _guess(self, symbol: str) -> Instrument:
        venue = self._venue.name
        return guess_instrument(symbol, venue) or Instrument(venue, symbol, symbol, "")

    def is_provisional(self, symbol: str) -> bool:
        """Whether base and quote of this name are a guess."""
        return symbol in self._guessed and symbol not in self._by_symbol

    def quotes(self) -> dict[str, int]:
        """Quote assets with the number of instruments that trade in them, the most first."""
        return dict(Counter(each.quote for each in self._by_symbol.values() if each.trading).most_common())

    def activity(self, instrument: Instrument) -> int:
        """24 h quote volume at 10^-8 (0 where unknown): a rank inside one quote asset, a rough one across them."""
        return self.volumes.get(instrument.symbol, 0)

    # -- keeping it fresh --------------------------------------------------------------------------------------------

    async def refresh(self, deadline: int | None = None) -> bool:
        """Fetch the list (and volumes) now. On failure the last good list stays, and False is returned."""
        try:
            listed = await self._rest.fetch_slowly(
                self._venue.exchange_info_request(),
                "warmup",
                lambda answer: _off_loop(self._venue.decode_exchange_info, answer),
                deadline,
                bound=LIST_BOUND,
            )
        except UpstreamError as error:
            self._out(error.line())
            return False
        if not listed.instruments:
            self._out("the venue's list of symbols is empty")
            return False
        self._take(listed.instruments)
        self._limit(listed.limits)
        if any(name.upper() not in self._by_symbol for name in self.names):
            await self.refresh_resting(deadline)
        if self.want_volumes:
            await self._refresh_volumes(deadline)
        return True

    async def refresh_resting(self, deadline: int | None = None) -> bool:
        """Fetch what is listed and does not trade: configured symbols among it are kept and said to rest, others may
        still be read on demand. On failure what was known stays. Returns whether it is news."""
        found: dict[str, Instrument] = {}
        statuses: tuple[str, ...] = getattr(self._venue, "resting", RESTING)
        if not statuses:
            return False  # the one list has them all
        try:
            for status in statuses:
                listed = await self._rest.fetch_slowly(
                    self._venue.exchange_info_request(status),
                    "warmup",
                    lambda answer: _off_loop(self._venue.decode_exchange_info, answer),
                    deadline,
                    bound=LIST_BOUND,
                )
                found.update((each.symbol, each) for each in listed.instruments if not each.trading)
        except UpstreamError as error:
            log.info("the symbols that rest cannot be listed", reason=error.reason)
            return False
        news = found != self._resting
        self._resting = found
        for symbol, old in self._by_symbol.items():
            if not old.trading:
                self._by_symbol[symbol] = found.get(symbol, _gone(old))
        for symbol in [symbol for symbol in self._guessed if symbol in found]:
            del self._guessed[symbol]
        return news

    async def run(self, changed: Callable[[], None] = lambda: None, *, first: bool = True) -> None:
        """Refresh every hour, sooner after a failure; `changed` is called after each good one. `first`: begin with a
        refresh instead of a pause."""
        failures = 0
        had = not first
        while True:
            if had or await self.refresh():
                if not had:
                    changed()
                had = False
                failures = 0
                if await self.refresh_resting():
                    changed()
                await self._sleep(self._pause())
            else:
                await self._sleep(_AGAIN[min(failures, len(_AGAIN) - 1)])
                failures += 1

    def _pause(self) -> float:
        """Seconds until the next refresh: an hour, or just after the next delivery of a contract."""
        now = self._now()
        left = min((each.delivery - now for each in self._by_symbol.values() if each.delivery > now), default=0) / 1e6
        return left + _DELIVERED_S if 0 < left < HOUR_S - _DELIVERED_S else HOUR_S

    async def _refresh_volumes(self, deadline: int | None) -> None:
        try:
            self.volumes = await self._rest.fetch_slowly(
                self._venue.ticker_request(),
                "warmup",
                lambda answer: _off_loop(self._venue.decode_ticker, answer),
                deadline,
                bound=LIST_BOUND,
            )
        except UpstreamError as error:
            log.warning("no 24 h volumes: the order of symbols is a guess", reason=error.reason, hint=error.hint)

    def _take(self, instruments: Iterable[Instrument]) -> None:
        fresh = {each.symbol: each for each in instruments}
        if not getattr(self._venue, "resting", RESTING):
            # What has not traded while we ran is known, and not among what does.
            self._resting = {
                name: each for name, each in fresh.items() if not each.trading and name not in self._by_symbol
            }
            fresh = {name: each for name, each in fresh.items() if name not in self._resting}
        for symbol, old in self._by_symbol.items():
            if symbol not in fresh:  # delisted, or a maintenance: it comes back under the same name
                fresh[symbol] = self._resting.get(symbol) or _gone(old)
        self._by_symbol = dict(sorted(fresh.items()))
        for symbol, instrument in fresh.items():
            if instrument.trading:
                self._resting.pop(symbol, None)
        for symbol in [symbol for symbol in self._guessed if symbol in fresh]:
            del self._guessed[symbol]
        if self.stale_since is not None:
            log.info("the list of symbols can be read again", symbols=len(fresh))
        self.fetched_at = self._now()
        self.stale_since = self.error = None

    def _limit(self, limits: Iterable[Limit]) -> None:
        weights = [limit for limit in limits if limit.kind == "REQUEST_WEIGHT"]
        if weights and self._budget is not None:
            tightest = min(weights, key=lambda limit: limit.limit / limit.interval_s)
            self._budget.set_limit(tightest.limit, tightest.interval_s, by=self._venue.name)

    def _out(self, reason: str) -> None:
        self.error = reason
        if self.stale_since is None:
            self.stale_since = self._now()
            log.warning(
                "the list of symbols cannot be read; the last one stays", reason=reason, symbols=len(self._by_symbol)
            )


async def _off_loop(decode: Callable[[bytes], T], answer: Answer) -> T:
    return await asyncio.to_thread(decode, answer.body)


def _gone(instrument: Instrument) -> Instrument:
    """The same, listed nowhere any more."""
    return msgspec.structs.replace(instrument, trading=False, status="")
