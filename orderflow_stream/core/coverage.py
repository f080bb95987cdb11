"""Which ids an answer stands on, and how far it may be trusted."""

from __future__ import annotations

from msgspec import Struct

from orderflow_stream.core.events import Range, Source, State


class Coverage(Struct, frozen=True):
    """The account that goes with every answer; times in microseconds of venue time.

    `expected = last_id - first_id + 1 = received + missing_total` (all 0 and the ids None where nothing is held).
    `received` counts ids held, `invalid` those of them that carry no trade. `complete` is claimed up to `as_of`.
    `lag` is receipt minus venue time of the newest trade, `clock_offset` the venue's clock minus ours.
    """

    first_id: int | None
    last_id: int | None
    expected: int
    received: int
    invalid: int
    missing: tuple[Range, ...]
    missing_total: int
    requested_trades: int | None
    requested_from: int | None
    requested_to: int | None
    reaches_back: bool
    complete: bool
    state: State
    as_of: int | None
    generation: int
    source: Source
    last_trade_age: int | None
    lag: int | None
    clock_offset: int
