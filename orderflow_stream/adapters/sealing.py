"""What came since the last frame, and the frame made of it: the latter in the thread that writes."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from orderflow_stream.adapters import kept
from orderflow_stream.adapters.journal.frame import FrameData
from orderflow_stream.core.events import UNTOLD, Forget, Instrument, LargePrint, Liquidation, Restarted, Trade


class Taken(Struct):
    """What a frame is made of, once the thread comes to it."""

    ts: int
    since: int
    position: int
    came: list[tuple[int, Any]]
    accounts: list[kept.Accounted]
    instruments: list[Instrument]
    generations: dict[str, int]
    resumed: kept.Resumed | None = None
    rpi: bool = False  # some venue tells quantities without RPI trades


def frame(taken: Taken) -> FrameData:
    """The frame of what was taken: for the thread that writes."""
    which: dict[str, int] = {}
    rows: list[tuple[int, Trade]] = []
    late: list[int] = []
    entries = [(taken.since, kept.INSTRUMENT, kept.to_pack(one)) for one in taken.instruments]
    if taken.resumed is not None:
        entries.append((taken.since, kept.RESUMED, kept.to_pack(taken.resumed)))
    for seq, payload in taken.came:
        kind = type(payload)
        if kind is Trade:
            rows.append((seq, payload))
        elif kind is LargePrint:
            entries.append((seq, kept.LARGE, kept.to_large(payload)))
        elif kind is Liquidation:
            entries.append((seq, kept.LIQUIDATION, kept.to_pack(payload)))
        elif kind is Restarted:
            entries.append((seq, kept.CUT, kept.to_pack(kept.Cut(payload.instrument, payload.ts))))
        elif kind is Forget:
            entries.append((seq, kept.CUT, kept.to_pack(kept.Cut(payload.instrument, payload.ts, payload.before))))
        elif hasattr(payload, "trade"):  # what the event log wraps a repaired trade in
            rows.append((seq, payload.trade))
            late.append(seq)
        else:
            told = kept.Note(payload.instrument, payload.topic, payload.body)
            entries.append((seq, kept.NOTE, kept.to_pack(told)))
    if late:
        entries.append((late[-1], kept.LATE, kept.to_late(late)))
    entries += [(taken.position, kept.ACCOUNT, kept.to_pack(one)) for one in taken.accounts]
    if taken.generations:
        entries.append((taken.position, kept.GENERATIONS, kept.to_pack(taken.generations)))
    made = FrameData(taken.ts, taken.position, (), taken.since, entries=entries)
    made.which.extend([which.setdefault(one.instrument, len(which)) for _, one in rows])
    made.ids.extend([one.id for _, one in rows])
    made.price.extend([one.price for _, one in rows])
    made.qty.extend([one.qty if one.side > 0 else -one.qty for _, one in rows])
    made.ts_event.extend([one.ts_event for _, one in rows])
    made.first.extend([one.first_id for _, one in rows])
    made.last.extend([one.last_id for _, one in rows])
    made.seq.extend([seq for seq, _ in rows])
    if taken.rpi:
        nq = [one.nq for _, one in rows]
        if any(one != UNTOLD for one in nq):
            made.nq.extend(nq)
    made.instruments = tuple(which)
    return made
