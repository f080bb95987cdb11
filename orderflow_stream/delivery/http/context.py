"""What the routes stand on: the engine they read, the hub they wait on, and plain values of the configuration."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from aiohttp import web

from orderflow_stream.core.book import Book
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import Instrument
from orderflow_stream.core.units import NOTIONAL_SCALE
from orderflow_stream.delivery.encode import Rules
from orderflow_stream.delivery.http.auth import Auth
from orderflow_stream.delivery.http.pairs import Pairs
from orderflow_stream.delivery.http.stats import HttpStats
from orderflow_stream.feed.repair import Outlook

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Hub(Protocol):
    """The part of the hub that REST needs. A position is `<epoch>-<seq>`."""

    def position(self) -> str:
        """The newest position of the event log."""

    def traded_beyond(self, key: str, position: str) -> bool:
        """Whether that instrument has traded since; true for a position of another epoch, which cannot be compared."""

    async def wait_trade(self, key: str, position: str, timeout: float) -> object:
        """Return as soon as `traded_beyond` holds, or after `timeout` seconds."""


class Symbols(Protocol):
    """What the venue lists, refreshed now and then and kept through an outage of the venue."""

    def get(self, symbol: str) -> Instrument | None:
        """The instrument of that name (the venue's spelling), trading or not."""

    def listed(self) -> Collection[Instrument]:
        """All of them; empty as long as the venue has never answered."""

    @property
    def refreshed(self) -> int | None:
        """When the list was last read, venue time in µs; None: never."""

    @property
    def stale(self) -> bool:
        """Whether a refresh is overdue, because the venue does not answer."""


class Demand(Protocol):
    """REST reads on behalf of a user. Raises `feed.errors.UpstreamError` and its kinds."""

    def streams(self, key: str) -> bool:
        """Whether a stream feeds this instrument, or is being opened for it."""

    def fleeting(self, key: str) -> bool:
        """Whether that instrument is kept only because it was asked for."""

    def touch(self, key: str) -> None:
        """Somebody asks for that instrument, and is answered from memory: one that is streamed only because it was
        asked for goes on being so."""

    def attempts(self, key: str, first: int, last: int) -> tuple[int, int | None]:
        """How often these missing ids were asked of the venue, and when (µs) they will be again (None: not known)."""

    def outlook(self) -> Outlook:
        """What is still to be read of the trades that are missing, and how long that takes."""

    def ready_in(self, key: str) -> float | None:
        """Seconds until what that instrument lacks will have been asked for (0: nothing, None: nobody can tell)."""

    async def read(
        self, instrument: Instrument, trades: int | None, window: int | None, fresh: bool, deadline: float
    ) -> Book:
        """Read what is newer than memory (and, the first time, `trades` back or `window` µs back) and return the
        instrument's book, which has at least what it had (a `demand` book where no stream follows the instrument).
        Gives up after `deadline` seconds. `fresh`: even where the last read is only moments ago."""


class Outcome(Protocol):
    """What came of reading the configuration anew: dotted keys, or why nothing was changed."""

    @property
    def changed(self) -> Sequence[str]: ...

    @property
    def restart(self) -> Sequence[str]: ...

    @property
    def faults(self) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Plain values of the configuration. Notionals at 10^-16, windows in µs by name, in their configured order."""

    windows: Mapping[str, int]
    venue: str = "binance"
    market: str = "spot"
    rules: Rules = field(default_factory=Rules)
    large: int = 100_000 * NOTIONAL_SCALE
    large_by_quote: Mapping[str, int] = field(default_factory=dict)
    large_by_symbol: Mapping[str, int] = field(default_factory=dict)
    bound_host: str = "127.0.0.1"
    allowed_hosts: Sequence[str] = ()
    allowed_origins: Sequence[str] = ()
    trusted_proxies: Sequence[Network] = ()
    metrics_here: bool = True  # false where /metrics has a listener of its own
    pages_here: bool = True  # false where the dashboard and the docs have
    read_deadline: float = 10.0  # seconds that a request waits for REST
    #: Further values in force, stated in `/v1/meta` as they are (JSON-ready), by table of the configuration.
    stated: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    def threshold(self, instrument: Instrument) -> int:
        """The notional (10^-16) from which a print of this instrument is large."""
        by_symbol = self.large_by_symbol
        found = by_symbol.get(instrument.key, by_symbol.get(instrument.symbol))  # of one venue, or of all
        return self.large_by_quote.get(instrument.quote, self.large) if found is None else found


@dataclass(frozen=True, slots=True)
class VenueContext:
    """One venue that is on. `market` is the kind of its instruments, `started` tells whether its streams are wanted by
    now, `liquidations` whether it tells of liquidations.

    `stated` is what `/v1/meta?venue=` says of its REST and streams as it is (JSON-ready), by name: `trades_weight` (one
    page of trades), `weight_limit` (a minute), `weight_pool` (who shares it), `lookback_s` (how far back REST reaches;
    None: all the way), `row_span_ms` (what a row spans in time), and whatever else is in force.
    """

    name: str
    market: str
    symbols: Symbols
    demand: Demand
    started: Callable[[], bool] = lambda: True
    stated: Mapping[str, object] = field(default_factory=dict)
    liquidations: bool = False
    pairs: Pairs = field(default_factory=Pairs, compare=False)


@dataclass(slots=True, kw_only=True)
class Context:
    """Everything a handler may use; in the application under `CONTEXT`. `symbols` and `demand` are the default
    venue's, `venues` has all that are on (left empty: just the default one).

    `now` is venue time in µs (in a replay, the tape's). `started` tells whether start-up is over, `closing` whether
    the daemon is on its way out. `metrics` renders the scrape. `options` is another one after a reload. `auth` says who
    may ask; `reload` reads the configuration anew (None: it cannot).
    """

    engine: Engine
    hub: Hub
    symbols: Symbols
    demand: Demand
    options: Options
    now: Callable[[], int]
    version: str
    started: Callable[[], bool] = lambda: True
    closing: Callable[[], bool] = lambda: False
    metrics: Callable[[], Awaitable[bytes]] | None = None
    journal: Callable[[], Mapping[str, object]] = lambda: {"state": "off", "reason": None}  # is it written?
    stats: HttpStats = field(default_factory=HttpStats)
    auth: Auth = field(default_factory=Auth)
    reload: Callable[[], Outcome] | None = None
    venues: Mapping[str, VenueContext] = field(default_factory=dict)
    _alone: VenueContext | None = field(default=None, init=False, repr=False, compare=False)

    def venue(self, name: str) -> VenueContext:
        """The venue of that name; `KeyError` where it is not on."""
        found = self.venues.get(name)
        if found is not None:
            return found
        if self.venues or name != self.options.venue:
            raise KeyError(name)
        if self._alone is None or self._alone.name != name:
            options = self.options
            self._alone = VenueContext(name, options.market, self.symbols, self.demand, self.started)
        return self._alone

    @property
    def venue_names(self) -> tuple[str, ...]:
        """The venues that are on, the default one first."""
        default = self.options.venue
        return (default, *(name for name in self.venues if name != default))


CONTEXT: Final = web.AppKey("context", Context)
