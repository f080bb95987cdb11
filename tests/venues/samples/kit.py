"""What a venue hands to the conformance suite: a maker of its messages from neutral facts, and recorded ones with what
they mean. One module of `tests.venues.samples` a venue, named as the venue with `_` for `-`, with `SAMPLE` in it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from orderflow_stream.core.events import UNTOLD, Instrument, Liquidation, Trade
from orderflow_stream.venues.catalogue import Spec
from orderflow_stream.venues.values import RateLimit, Reason, Rejected, Reply

NOW = 1_790_000_000_000_000


@dataclass(frozen=True)
class Facts:
    """A trade as nobody's wire has it; price and quantities are decimal text, `ts` is µs."""

    symbol: str
    id: int
    price: str
    qty: str
    side: int
    ts: int
    first: int
    last: int
    nq: str | None = None


@dataclass(frozen=True)
class Sample:
    """`event` and `row` make the JSON object of a trade in a frame and in a page of REST, `wrap` the frame around it;
    `watched`: at least two instruments, one of them beyond ASCII where the venue has such."""

    watched: tuple[Instrument, ...]
    event: Callable[[Facts], dict[str, Any]]
    wrap: Callable[[object], bytes]
    row: Callable[[Facts], dict[str, Any]]
    tells_nq: bool
    #: The unit of the venue's times in µs.
    unit: int
    #: Frames as recorded, and what they are; at least a trade, an acknowledgement and a refusal.
    frames: tuple[tuple[bytes, Trade | Reply], ...]
    #: Changes to an event that make no trade of it, and why.
    faults: tuple[tuple[Mapping[str, object], Reason], ...]
    #: A page of trades as recorded.
    page: tuple[bytes, tuple[Trade, ...]]
    info: bytes
    instruments: tuple[Instrument, ...]
    limits: tuple[RateLimit, ...]
    skipped: int
    ticker: bytes
    volumes: Mapping[str, int]
    fills: Mapping[str, int]
    time: tuple[bytes, int]
    #: Failed requests: status, body, code and words.
    errors: tuple[tuple[int, bytes, tuple[int | None, str]], ...]
    #: Weight of: a page of trades, the list of symbols, the list of tickers, the time, a ping.
    weights: tuple[int, int, int, int, int]
    liquidations: tuple[tuple[bytes, Liquidation | Rejected], ...] = ()
    #: Names of the venue, and whether they may be streamed on a guess.
    guesses: Mapping[str, bool] = field(default_factory=dict)


def sample(spec: Spec) -> Sample:
    """The samples of one venue. A venue without them fails every test of the suite, by this import."""
    module = importlib.import_module(f"tests.venues.samples.{spec.name.replace('-', '_')}")
    found = module.SAMPLE
    assert isinstance(found, Sample)
    return found


def scaled(text: str) -> int:
    """Decimal text at 10^-8, by another road than the codec's."""
    value = Decimal(text).scaleb(8)
    assert value == int(value)
    return int(value)


def trade(instrument: Instrument, facts: Facts, ts_recv: int = NOW) -> Trade:
    """What those facts must come out as."""
    nq = UNTOLD if facts.nq is None else scaled(facts.nq)
    return Trade(
        instrument.key, facts.id, scaled(facts.price), scaled(facts.qty), facts.side, facts.ts, facts.first, facts.last,
        ts_recv, nq,
    )  # fmt: skip
