"""Reads a journal back: books as they were, and the newest part of the event log.

What the journal lacks (a damaged snapshot, frames that were dropped) is missing here too, and found by its ids: REST
fills it like any other hole. Nothing is read trade by trade.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import Final, Protocol

import msgspec
import numpy as np
from msgspec import Struct, field

from orderflow_stream.adapters import kept
from orderflow_stream.adapters.journal.frame import FrameData, FrameError, decode
from orderflow_stream.adapters.journal.rows import Frame
from orderflow_stream.adapters.journal.rows import Snapshot as Stored
from orderflow_stream.adapters.recorder import CLEAN, EPOCH, RESERVED, tracker
from orderflow_stream.adapters.stretch import Frames, Payload
from orderflow_stream.core import liquidations
from orderflow_stream.core.book import Book
from orderflow_stream.core.columns import Ints, Rows
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import GapFound, Instrument
from orderflow_stream.core.restore import Account, Base, base_of, fill, forget, settle

#: Frames of at least so long (µs) before the end are read, so that streams can resume from before it.
TAIL: Final = 120_000_000
_END: Final = 1 << 62
_clean: Final = msgspec.msgpack.Decoder(dict[str, tuple[int, int]]).decode

__all__ = ["Payload", "Restored", "Source", "restore"]


class Source(Protocol):
    """A journal, running or not."""

    def snapshots(self) -> Iterable[Stored]: ...
    def frames(self, from_seq: int = 0) -> Iterable[Frame]: ...
    def metas(self) -> dict[str, bytes]: ...


class Restored(Struct):
    """What was read. The event log goes on from `epoch` (None: the journal has none) and `seq`; `entries` (seq, event,
    whether it came late) are all of its events after `floor`, up to `whole` (None: some at the end are lost). `floors`
    are the instruments that were read back, each with the position after which nothing of it was lost. `holes` are to
    be filled, `done` are the positions of the snapshots there are, `since` is where the frames that were read begin.
    `findings` are lines for the operator."""

    epoch: str | None = None
    seq: int = 0
    floor: int = 0
    whole: int | None = None
    floors: dict[str, int] = field(default_factory=dict)
    since: int = 0
    entries: list[tuple[int, Payload, bool]] = field(default_factory=list)
    holes: list[GapFound] = field(default_factory=list)
    done: dict[str, int] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)
    instruments: int = 0
    trades: int = 0
    frames: int = 0
    seconds: float = 0.0


def restore(
    source: Source,
    engine: Engine,
    *,
    now: int,
    wanted: Callable[[Instrument], bool] = lambda instrument: True,
    most_trades: int = 0,
    tail: int = TAIL,
) -> Restored:
    """Put the books of `engine` (which has none yet) together from a journal, for those instruments that are `wanted`.

    `most_trades`: how many of the newest trades are wanted as log events; `now` is venue time (µs).
    """
    began = time.perf_counter()
    restored = Restored()
    metas = source.metas()
    clean = _read_clean(metas)
    seqs = {stored.key: stored.seq for stored in source.snapshots()}
    frames = Frames(restored.findings)
    for frame in _frames(source, seqs, clean, tail, restored.findings):
        frames.add(frame)
    frames.close()
    positions = [frames.position]
    for stored in source.snapshots():
        try:
            snapshot = kept.decode_snapshot(stored.body)
        except kept.KeptError as error:
            restored.findings.append(f"the snapshot of {stored.key} cannot be read ({error}): it is read by REST")
            continue
        positions.append(snapshot.words.position)
        restored.done[stored.key] = snapshot.words.position
        instrument = frames.instruments.pop(stored.key, snapshot.words.instrument)
        if wanted(instrument):
            _bring_back(engine, instrument, snapshot, frames, restored, now)
    for key in sorted(frames.keys() - restored.done.keys()):
        known = frames.instruments.get(key)
        if known is not None and wanted(known):
            _bring_back(engine, known, None, frames, restored, now)
    _event_log(restored, metas, frames, max(positions), most_trades)
    for key, book in engine.books.items():
        if book.sequence.newest is not None:  # what comes after that is asked of REST, and told late
            restored.floors[key] = frames.floor_of(key)
    restored.since = frames.first
    restored.frames = frames.count
    restored.seconds = time.perf_counter() - began
    return restored


def _read_clean(metas: dict[str, bytes]) -> dict[str, tuple[int, int]]:
    try:
        return _clean(metas[CLEAN]) if CLEAN in metas else {}
    except msgspec.MsgspecError:
        return {}  # then more frames are read than need be


def _frames(
    source: Source, seqs: dict[str, int], clean: dict[str, tuple[int, int]], tail: int, findings: list[str]
) -> Iterator[FrameData]:
    """Those that some snapshot lacks, and the newest ones."""
    first, last = getattr(source, "first", 0), getattr(source, "last", 0)
    start = 0
    if last >= first > 0 and seqs:
        stale = [seq for key, seq in seqs.items() if key not in clean]
        needed = min([*stale, last]) + 1
        if clean:
            valid = min(until for _, until in clean.values())
            # What has no snapshot is named in the frame that begins there, which may hold no event.
            needed = min(needed, _search(source, first, last, lambda f: f.position > valid or f.since >= valid))
        newest = _decode(next(iter(source.frames(last)), None), [])
        if newest is not None:
            since = newest.ts - tail
            needed = min(needed, _search(source, first, last, lambda frame: frame.ts >= since))
        start = needed
    for stored in source.frames(start):
        frame = _decode(stored, findings)
        if frame is not None:
            yield frame


def _search(source: Source, low: int, high: int, enough: Callable[[FrameData], bool]) -> int:
    """The first frame for which `enough` holds; it holds for all that follow."""
    high += 1
    while low < high:
        middle = (low + high) // 2
        frame = _decode(next(iter(source.frames(middle)), None), [])
        if frame is None or enough(frame):
            high = middle
        else:
            low = middle + 1
    return low


def _decode(stored: Frame | None, findings: list[str]) -> FrameData | None:
    if stored is None:
        return None
    try:
        return decode(stored.body)
    except FrameError as error:
        findings.append(f"frame {stored.seq} of the journal is left out: {error}")
        return None


def _bring_back(
    engine: Engine,
    instrument: Instrument,
    snapshot: kept.Snapshot | None,
    frames: Frames,
    restored: Restored,
    now: int,
) -> None:
    """One book."""
    key = instrument.key
    position = -1 if snapshot is None else snapshot.words.position
    rows, seqs = frames.of(key)
    came = np.abs(seqs)
    new = came > position
    rows, seqs, came = rows.take(new), seqs[new], came[new]
    cuts = [(seq, cut) for seq, cut in frames.cuts.get(key, ()) if seq > position]
    at, known = frames.accounts.get(key, (-1, None))
    if at <= position:
        known = None if snapshot is None else snapshot.words.facts.account
    base = None if snapshot is None else snapshot.base
    generation = (1 if base is None else base.facts.account.generation) + sum(cut.before is None for _, cut in cuts)
    if frames.generations.get(key, generation) > generation:
        restored.findings.append(f"{key} began its ids anew where the journal has a gap: it is read by REST")
        return
    ring = [] if snapshot is None else snapshot.words.ring
    untold = snapshot is not None and snapshot.words.untold
    prints, done = [one for one in frames.prints.get(key, ()) if one[0] > position], -1
    # Its columns and sums are of what the venue said then; what it said last comes after.
    book = engine.add(instrument if snapshot is None else snapshot.words.instrument)
    large = tracker(book)
    try:
        for seq, cut in [*cuts, (_END, None)]:
            part = (came > done) & (came <= seq)
            first = known.first if cut is None and known is not None else None
            untold = _untold(rows.take(part), seqs[part], base, untold)
            fill(book, base, rows.take(part), first)
            large.load(ring + [found for at, found in prints if done < at <= seq], untold)
            if cut is None:
                break
            if cut.before is None:
                book.restart(cut.ts)
            else:
                forget(book, cut.before, cut.ts)
            base, done = base_of(book), seq
            ring, untold = large.dump()
    except ValueError as error:
        engine.remove(key)
        restored.findings.append(f"the snapshot of {key} makes no sense ({error}): it is read by REST")
        return
    engine.add(instrument)
    settle(book, known, now)
    told = [] if snapshot is None else snapshot.words.liquidations
    liquidations.load(book, [*told, *(one for seq, one in frames.liquidations.get(key, ()) if seq > position)], now)
    engine.keeper.keep(book, now)
    book.warm = book.warm and _reaches(book, engine, known)
    if not book.warm and book.sequence.newest is not None:
        # What comes after it would have been streamed, and so would what was missing when the process before ended.
        book.streamed_from = min([book.sequence.newest + 1, *(first for first, _ in book.open_ranges())])
    restored.holes += [GapFound(key, first, last, now) for first, last in book.open_ranges()]
    restored.instruments += 1
    restored.trades += len(book.tape)


def _untold(rows: Rows, seqs: Ints, base: Base | None, before: bool) -> bool:
    """Whether the newest trade came live: the order that it ends may not have been told yet. `before`: whether that
    of `base` had been told."""
    real = rows.qty != 0
    ids = rows.ids[real]
    old = -1 if base is None or not len(base.rows.ids) else int(base.rows.ids[-1])
    if len(ids) and int(ids.max()) > old:
        return bool(seqs[real][int(np.argmax(ids))] > 0)
    return before


def _reaches(book: Book, engine: Engine, known: Account | None) -> bool:
    """Whether its tape goes back as far as a warm-up would have read."""
    tape, first = book.tape, book.sequence.first
    if known is not None and known.first is not None and first is not None and first > known.first and not tape.evicted:
        return False  # its beginning is lost
    oldest = tape.first()
    if tape.evicted or book.origin or oldest is None:
        return bool(tape.evicted or book.origin)
    keeper = engine.keeper
    return len(tape) >= keeper.trades and oldest.ts_event <= tape.newest_ts - keeper.span


def _event_log(restored: Restored, metas: dict[str, bytes], frames: Frames, position: int, most_trades: int) -> None:
    """Where the event log goes on, and what of it can be told again."""
    try:
        restored.epoch = metas[EPOCH].decode("ascii")
        restored.seq = max(int(metas[RESERVED]), position)
    except (KeyError, ValueError):
        restored.epoch = None
        return
    # A snapshot that is newer than the newest frame holds trades whose events are nowhere.
    restored.floor = restored.seq
    if frames.floor is not None and position == frames.position:
        restored.floor, restored.whole = frames.floor, position
    # One more than there is room for: the ring then knows that older ones are gone.
    events: list[tuple[int, Payload]] = [*frames.events, *frames.trades(most_trades + 1)]
    events.sort(key=itemgetter(0))
    restored.entries = [(seq, event, seq in frames.late) for seq, event in events if seq > restored.floor]
