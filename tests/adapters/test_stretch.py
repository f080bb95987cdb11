"""Frames, some with quantities without RPI trades and some not, sorted by instrument."""

from __future__ import annotations

from orderflow_stream.adapters import kept
from orderflow_stream.adapters.journal.frame import FrameData
from orderflow_stream.adapters.stretch import Frames
from orderflow_stream.core.events import SELL, UNTOLD, Liquidation
from tests.core.contracts import USDM, of
from tests.core.making import KEY, ONE, T0, trade


def sealed(
    position: int, *rows: tuple[int, int, int], entries: list[tuple[int, str, bytes]] | None = None
) -> FrameData:
    """Rows of (which, id, nq); their place in the log is their id."""
    frame = FrameData(T0, position, (KEY, USDM.key), position - 10, entries=entries or [])
    for which, id_, nq in rows:
        frame.add(which, id_, 5 * ONE, -2 * ONE, T0 + id_, -1, -1, id_, nq)
    return frame


def test_those_that_tell_and_those_that_do_not() -> None:
    findings: list[str] = []
    frames = Frames(findings)
    frames.add(sealed(10, (0, 1, UNTOLD), (1, 2, UNTOLD)))
    frames.add(sealed(20, (1, 11, ONE), (0, 12, UNTOLD)))
    frames.close()
    rows, seqs = frames.of(USDM.key)
    assert rows.nq is not None
    assert (rows.ids.tolist(), rows.nq.tolist(), seqs.tolist()) == ([2, 11], [UNTOLD, ONE], [2, 11])
    sold = [trade(id_, -2 * ONE, price=5 * ONE, ts=T0 + id_) for id_ in (1, 2, 11, 12)]
    told = [sold[0], of(USDM, sold[1]), of(USDM, sold[2], ONE), sold[3]]
    assert frames.trades(10) == [(one.id, one) for one in told]
    assert [seq for seq, _ in frames.trades(2)] == [11, 12]
    assert findings == []


def test_where_nobody_tells_there_is_no_column() -> None:
    frames = Frames([])
    frames.add(sealed(10, (0, 1, UNTOLD), (1, 2, UNTOLD)))
    frames.close()
    assert frames.of(KEY)[0].nq is None
    assert [one.nq for _, one in frames.trades(10)] == [UNTOLD, UNTOLD]


def test_liquidations_are_found_by_instrument_and_in_the_log() -> None:
    one = Liquidation(USDM.key, SELL, ONE, ONE, ONE, ONE, T0, T0, "FILLED")
    findings: list[str] = []
    frames = Frames(findings)
    frames.add(sealed(10, entries=[(3, kept.LIQUIDATION, kept.to_pack(one)), (4, "tomorrow", b"?")]))
    frames.close()
    assert frames.liquidations == {USDM.key: [(3, one)]}
    assert frames.events == [(3, one)]
    assert findings == ["1 entries of the journal cannot be read and are left out"]
