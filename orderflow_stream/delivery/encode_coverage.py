"""`coverage` (what an answer stands on), and the log events about it: gaps, corrections, states."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

from orderflow_stream.core.events import Corrected, GapFound, Instrument, Range, StateChanged
from orderflow_stream.core.units import text
from orderflow_stream.delivery.encode_numbers import flag, millis, name, whole, word

if TYPE_CHECKING:
    from orderflow_stream.core.book import GapRecord
    from orderflow_stream.core.coverage import Coverage

#: Ranges listed in one answer; `missing_total` counts all.
MOST_RANGES: Final = 100

GAPS_NOTE: Final = (
    "ranges of trade ids that were skipped by the stream, newest first; open: being asked for; repaired: read again "
    "and in the sums; lost: the venue has them no more, and no answer that spans them is complete."
)


def ranges(pairs: Iterable[Range]) -> str:
    """`[[1,2],[5,5]]`"""
    return "[" + ",".join([f"[{first},{last}]" for first, last in pairs]) + "]"


def coverage_text(coverage: Coverage, position: str | None) -> str:
    """`coverage` as JSON text; times become milliseconds, `position` is `<epoch>-<seq>`."""
    c = coverage
    if c.requested_trades is not None:
        requested = f'{{"trades":{c.requested_trades}}}'
    elif c.requested_to is not None:
        requested = f'{{"from":{millis(c.requested_from)},"to":{millis(c.requested_to)}}}'
    else:
        requested = "null"
    missing = ranges(c.missing[:MOST_RANGES]) if c.missing else "[]"
    return (
        f'{{"first_id":{whole(c.first_id)},"last_id":{whole(c.last_id)},"expected":{c.expected},'
        f'"received":{c.received},"invalid":{c.invalid},"missing":{missing},"missing_total":{c.missing_total},'
        f'"requested":{requested},"reaches_back":{flag(c.reaches_back)},"complete":{flag(c.complete)},'
        f'"state":"{c.state}","as_of":{millis(c.as_of)},"position":{word(position)},'
        f'"generation":{c.generation},"source":"{c.source}","last_trade_age_ms":{millis(c.last_trade_age)},'
        f'"lag_ms":{millis(c.lag)},"clock_offset_ms":{millis(c.clock_offset)}}}'
    )


def coverage(coverage: Coverage, position: str | None) -> bytes:
    """`coverage` as JSON."""
    return coverage_text(coverage, position).encode()


def gap_event(instrument: Instrument, gap: GapFound) -> bytes:
    """`gap`: ids `first`..`last` were skipped; `time` is when that was found (ms)."""
    return (
        f'{{"symbol":{name(instrument.symbol)},"first":{gap.first},"last":{gap.last},'
        f'"trades":{gap.last - gap.first + 1},"time":{millis(gap.ts)}}}'
    ).encode()


def corrected_event(instrument: Instrument, corrected: Corrected, coverage: Coverage, position: str) -> bytes:
    """`corrected`: which ids came in (`filled`) or never will (`lost`), what is still `missing`, and the coverage."""
    return (
        f'{{"symbol":{name(instrument.symbol)},"filled":{ranges(corrected.filled[:MOST_RANGES])},'
        f'"lost":{ranges(corrected.lost[:MOST_RANGES])},"missing":{ranges(coverage.missing[:MOST_RANGES])},'
        f'"time":{millis(corrected.ts)},"coverage":{coverage_text(coverage, position)}}}'
    ).encode()


def state_event(instrument: Instrument, state: StateChanged) -> bytes:
    """`state`: the feed state of one instrument, since when (ms), and why."""
    return (
        f'{{"symbol":{name(instrument.symbol)},"state":"{state.state}","since":{millis(state.since)},'
        f'"reason":{word(state.reason)}}}'
    ).encode()


def _tenths(value: float | None) -> str:
    """Seconds with one decimal at most."""
    return "null" if value is None else text(round(value * 10), 1)


def gaps_data(
    instrument: Instrument,
    records: Sequence[GapRecord],
    missing: int,
    position: str | None,
    attempts: Callable[[int, int], tuple[int, int | None]] = lambda first, last: (0, None),
    ready_in: float | None = None,
) -> bytes:
    """`data` of `/v1/gaps`. `records` oldest first, written newest first; `missing` is how many ids lack right now;
    `attempts` tells how often such a range was asked for, and when (µs) it will be again; `ready_in` (seconds, None:
    nobody can tell) until all of the open ones will have been asked for."""
    asked = [(None, None) if r.status == "repaired" else attempts(r.first, r.last) for r in records]
    rows = ",".join(
        [
            f'{{"first":{r.first},"last":{r.last},"trades":{r.last - r.first + 1},"status":"{r.status}",'
            f'"found":{millis(r.found)},"closed":{millis(r.closed)},"source":{word(r.source)},'
            f'"attempts":{"null" if tries is None else tries},"next_attempt":{millis(due)}}}'
            for r, (tries, due) in zip(reversed(records), reversed(asked), strict=True)
        ]
    )
    counts = {"open": 0, "repaired": 0, "lost": 0}
    for record in records:
        counts[record.status] += 1
    return (
        f'{{"note":{name(GAPS_NOTE)},"source":"Binance","symbol":{name(instrument.symbol)},'
        f'"venue":{name(instrument.venue)},"market":"{instrument.market}","count":{len(records)},'
        f'"open":{counts["open"]},"repaired":{counts["repaired"]},"lost":{counts["lost"]},"missing_total":{missing},'
        f'"ready_in_s":{_tenths(ready_in)},"gaps":[{rows}],'
        f'"position":{word(position)}}}'
    ).encode()
