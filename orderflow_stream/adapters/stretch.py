"""What a stretch of the journal's frames holds, sorted by instrument: for the restorer."""

from __future__ import annotations

import msgspec
import numpy as np

from orderflow_stream.adapters import kept
from orderflow_stream.adapters.journal.frame import FrameData
from orderflow_stream.core.columns import Ints, Rows
from orderflow_stream.core.events import BUY, SELL, UNTOLD, Instrument, LargePrint, Liquidation, Trade
from orderflow_stream.core.restore import Account

#: A log event read back; the trades that came by a repair are wrapped.
Payload = Trade | LargePrint | kept.Note | Liquidation


class Frames:
    """All that a stretch of frames holds, by instrument."""

    def __init__(self, findings: list[str]) -> None:
        self.findings = findings
        self.count = 0
        self.first = 0
        self.position = 0
        self.floor: int | None = None
        self.resumed: list[tuple[int, kept.Resumed]] = []
        self.instruments: dict[str, Instrument] = {}
        self.cuts: dict[str, list[tuple[int, kept.Cut]]] = {}
        self.accounts: dict[str, tuple[int, Account]] = {}
        self.liquidations: dict[str, list[tuple[int, Liquidation]]] = {}
        self.prints: dict[str, list[tuple[int, LargePrint]]] = {}
        self.events: list[tuple[int, Payload]] = []
        self.late: set[int] = set()
        self.generations: dict[str, int] = {}
        self._keys: dict[str, int] = {}
        self._parts: list[tuple[Ints, ...]] = []
        self._nq: dict[int, Ints] = {}  # by the number of its part
        self._odd = 0

    def add(self, frame: FrameData) -> None:
        """The next one."""
        if not self.count:
            self.first = frame.since
        self.count += 1
        before, self.position = self.position, frame.position
        if len(frame):
            keys = np.array([self._keys.setdefault(key, len(self._keys)) for key in frame.instruments], np.int64)
            which, *columns = frame.columns()
            if len(frame.nq):
                self._nq[len(self._parts)] = np.frombuffer(frame.nq, np.int64)
            self._parts.append((keys[which], *columns))
        for seq, kind, body in frame.entries:
            try:
                self._entry(seq, kind, body)
            except (msgspec.MsgspecError, kept.KeptError):
                self._odd += 1
        resumed = self.resumed[-1] if self.resumed and self.resumed[-1][0] == frame.since else None
        if self.floor is None:
            self.floor = frame.since if resumed is None else resumed[1].position
        elif frame.lost or before != (frame.since if resumed is None else resumed[1].position):
            self.floor = frame.since  # what was logged before is not all here

    def floor_of(self, key: str) -> int:
        """The position after which nothing was lost of that instrument, as far as what other processes told goes."""
        cuts = (seq for seq, _ in self.cuts.get(key, ()))
        return max((*cuts, *(since for since, resumed in self.resumed if key not in resumed.keys)), default=0)

    def _entry(self, seq: int, kind: str, body: bytes) -> None:
        if kind == kept.LARGE:
            found = kept.large(body)
            self.events.append((seq, found))
            if found.group == "order":
                self.prints.setdefault(found.instrument, []).append((seq, found))
        elif kind == kept.NOTE:
            self.events.append((seq, kept.note(body)))
        elif kind == kept.LATE:
            self.late.update(kept.late(body))
        elif kind == kept.CUT:
            cut = kept.cut(body)
            self.cuts.setdefault(cut.key, []).append((seq, cut))
        elif kind == kept.ACCOUNT:
            accounted = kept.accounted(body)
            self.accounts[accounted.key] = seq, accounted.account
        elif kind == kept.INSTRUMENT:
            one = kept.instrument(body)
            self.instruments[one.key] = one
        elif kind == kept.LIQUIDATION:
            told = kept.liquidation(body)
            self.events.append((seq, told))
            self.liquidations.setdefault(told.instrument, []).append((seq, told))
        elif kind == kept.RESUMED:
            self.resumed.append((seq, kept.resumed(body)))
        elif kind == kept.GENERATIONS:
            self.generations |= kept.generations(body)
        else:
            self._odd += 1

    def close(self) -> None:
        """All were added: sort the rows by instrument, in order of arrival."""
        if self._odd:
            self.findings.append(f"{self._odd} entries of the journal cannot be read and are left out")
        empty: Ints = np.empty(0, np.int64)
        parts = self._parts or [(empty,) * 8]
        self._which, *columns = (np.concatenate(column) for column in zip(*parts, strict=True))
        nq = None
        if self._nq:
            untold = (np.full(len(part[0]), UNTOLD, np.int64) for part in parts)
            nq = np.concatenate([self._nq.get(number, none) for number, none in enumerate(untold)])
        self._parts, self._nq = [], {}
        self._order = np.argsort(self._which, kind="stable")
        self._edges = np.searchsorted(self._which[self._order], np.arange(len(self._keys) + 1))
        ids, price, qty, ts, first, last, self._seqs = columns
        self._rows = Rows(ids, price, qty, ts, first, last, nq)

    def of(self, key: str) -> tuple[Rows, Ints]:
        """The rows of an instrument and their places in the event log."""
        number = self._keys.get(key)
        if number is None:
            return Rows.none(), np.empty(0, np.int64)
        index = self._order[self._edges[number] : self._edges[number + 1]]
        return self._rows.take(index), self._seqs[index]

    def trades(self, most: int) -> list[tuple[int, Trade]]:
        """The newest trades that were log events."""
        index = np.flatnonzero(self._seqs > 0)[-most:]
        keys = list(self._keys)
        rows = self._rows.take(index).telling(True)
        columns = [column.tolist() for column in (self._seqs[index], self._which[index], *rows)]
        return [
            (seq, Trade(keys[which], id_, price, abs(qty), SELL if qty < 0 else BUY, ts, first, last, ts, nq))
            for seq, which, id_, price, qty, ts, first, last, nq in zip(*columns, strict=True)
        ]

    def keys(self) -> set[str]:
        return set(self._keys) | set(self.accounts)
