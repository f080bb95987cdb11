"""A journal of what spot has none of: inverse contracts, quantities without RPI trades, liquidations."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from orderflow_stream.adapters import kept
from orderflow_stream.adapters.journal.frame import decode
from orderflow_stream.adapters.journal.rows import Frame, Snapshot
from orderflow_stream.adapters.journal.sqlite import NAME, SqliteLog
from orderflow_stream.adapters.replay import replay_journal
from orderflow_stream.core.book import Book
from orderflow_stream.core.events import SELL, UNTOLD, Instrument, Liquidation, Refill, Trade
from orderflow_stream.core.liquidations import SPAN
from orderflow_stream.core.restore import dump
from tests.adapters.journal.kept_before import FRAME, SNAPSHOT
from tests.adapters.journal_desk import Desk, House
from tests.core.contracts import BOTH, INVERSE, KINDS, USDM, decimal_nq, decimal_sums, of, traded
from tests.core.making import BTC, DOLLAR, HOUR, MINUTE, ONE, SECOND, T0, WINDOWS, law, run, trade

WIDE = [pytest.param(one, id=one.symbol) for one in KINDS]


class Wide(House):
    """With the instruments of this file; liquidations are log events."""

    def begin(self, *instruments: Instrument) -> None:
        for one in instruments:
            self.engine.add(one)
            self.tell(Refill(one.key, (), T0, warm=True))

    def liquidated(self, one: Liquidation) -> bool:
        updates = self.engine.apply(one)
        if not updates:
            return False
        for update in updates:
            self.log.event(update)
        assert self.recorder is not None
        self.recorder.saw(None, updates)
        return True


def liquidation(key: str, ts: int, qty: int = ONE, *, recv: int = 0) -> Liquidation:
    return Liquidation(key, SELL, 30_000 * ONE, 29_990 * ONE, qty, qty, ts, recv or ts + 50_000, "FILLED")


def held(book: Book, now: int) -> dict[str, Any]:
    """All that the sums of a book answer."""
    tape = book.tape
    return {
        "rows": list(tape.rows_from(0, 0)),
        "head": tape.head(),
        "windows": [(book.window_sums(span, now), book.window_nq(span, now)) for span in WINDOWS],
        "last": [(tape.last_sums(count)[0], tape.last_nq(count)) for count in (1, 3, 10, 5_000)],
        "seconds": book.bars.second_bars(),
        "minutes": book.bars.minute_bars(),
        "liquidations": book.liquidations,
    }


@pytest.mark.parametrize("instrument", WIDE)
@law(15)
@given(data=st.data())
def test_whatever_happened_is_there_again(instrument: Instrument, data: st.DataObject) -> None:
    trades = data.draw(traded(instrument, most=40, backwards=False))
    desk = Desk()
    house = Wide(desk)
    recorder = house.record()
    recorder.begin(0)
    house.begin(instrument)
    for n, one in enumerate(trades):
        house.tell(one)
        if n % 5 == 0:
            house.liquidated(liquidation(instrument.key, one.ts_event))
        if data.draw(st.integers(0, 5)) == 0:
            house.clock += data.draw(st.sampled_from([0.2, 400.0]))
            recorder.seal()
            recorder.snapshots()
    recorder.seal()
    now = max(one.ts_event for one in trades)
    book = house.engine.books[instrument.key]

    again = Wide(desk)
    found = again.read(now=now)
    assert found.findings == []
    restored = again.engine.books[instrument.key]
    assert restored.instrument == instrument
    assert held(restored, now) == held(book, now)
    assert restored.liquidations_since == -1
    valid = [one for one in trades if one.qty]
    assert restored.tape.head() == decimal_sums(instrument, valid)
    assert restored.tape.last_nq(len(valid) or 1) == decimal_nq(instrument, valid)
    # It goes on like the one it was.
    more = [of(instrument, one, one.qty) for one in run(trades[-1].id + 1, trades[-1].id + 300)]
    for one in more:
        house.engine.apply(one)
        again.engine.apply(one)
    assert restored.tape.head() == book.tape.head() == decimal_sums(instrument, [*trades, *more])
    assert restored.tape.last_nq(200) == book.tape.last_nq(200)
    assert restored.window_nq(MINUTE, now + 10 * MINUTE) == book.window_nq(MINUTE, now + 10 * MINUTE)


def test_spot_and_futures_share_frames_and_spot_pays_nothing() -> None:
    """The same trades of spot, with and without a perpetual beside: rows of a frame without `nq` are as before."""

    def frames(*instruments: Instrument, tell: bool) -> list[int]:
        desk = Desk()
        house = Wide(desk)
        recorder = house.record()
        recorder.begin(0)
        house.begin(*instruments)
        recorder.seal()
        for one in run(1, 200):
            house.tell(one)
        if tell:
            house.tell(of(USDM, trade(1, 3 * ONE), 2 * ONE))
        recorder.seal()
        return [desk.kept_frames[desk.last].body[2], len(desk.kept_frames[desk.last].body)]

    alone, beside, told = frames(BTC, tell=False), frames(BTC, USDM, tell=False), frames(BTC, USDM, tell=True)
    assert (alone[0], beside[0], told[0]) == (1, 1, 2)
    assert beside[1] == alone[1]
    assert told[1] - alone[1] < 90  # one more instrument and one row of it


def test_trades_of_the_event_log_tell_again_what_they_told() -> None:
    desk = Desk()
    house = Wide(desk)
    recorder = house.record()
    recorder.begin(0)
    house.begin(BTC, USDM)
    recorder.seal()
    sent = [trade(1, ONE), of(USDM, trade(1, 3 * ONE), 2 * ONE), of(USDM, trade(2, 3 * ONE), UNTOLD)]
    for one in sent:
        house.tell(one)
    found = liquidation(USDM.key, T0 + 2 * SECOND)
    assert house.liquidated(found)
    assert not house.liquidated(replace(found, ts_recv=found.ts_recv + 1))
    recorder.seal()
    again = Wide(desk).read(now=T0 + MINUTE)
    told = [event for _, event, _ in again.entries]
    assert [one for one in told if isinstance(one, Trade)] == sent
    assert [one for one in told if isinstance(one, Liquidation)] == [found]


def test_liquidations_of_a_day_outlive_restarts() -> None:
    desk = Desk()
    house = Wide(desk)
    recorder = house.record()
    recorder.begin(0)
    house.begin(USDM, INVERSE)
    for key in (USDM.key, INVERSE.key):
        house.tell(replace(trade(1), instrument=key))
    old, young = liquidation(USDM.key, T0), liquidation(USDM.key, T0 + SPAN - HOUR, 2 * ONE)
    house.engine.advance(T0 + 5 * SECOND)
    assert house.liquidated(old)
    recorder.turn()  # a snapshot with the first, the second after it: no trade has come since
    house.clock += 1
    assert house.liquidated(young)
    recorder.turn()
    for id_ in (2, 3):  # long after, when only the other instrument trades: what is still true need not be read again
        house.clock += 400
        house.tell(replace(trade(id_), instrument=INVERSE.key))
        recorder.turn()
    first = Wide(desk)
    first.read(now=T0 + SPAN - HOUR)
    assert first.engine.books[USDM.key].liquidations == [old, young]
    assert first.engine.books[INVERSE.key].liquidations == []
    second = Wide(desk)
    second.read(now=T0 + SPAN + HOUR)
    assert second.engine.books[USDM.key].liquidations == [young]


def test_what_the_venue_says_now_of_a_contract_counts() -> None:
    """The journal knows a contract of another worth: what is held is added up anew, what is gone is not guessed."""
    desk = Desk()
    house = Wide(desk)
    recorder = house.record()
    recorder.begin(0)
    house.begin(INVERSE)
    trades = [of(INVERSE, one) for one in run(1, 700)]
    for one in trades:
        house.tell(one)
    recorder.turn()
    dearer = replace(INVERSE, contract=10 * ONE)
    house.engine.add(dearer)
    house.tell(of(INVERSE, trade(701)))
    recorder.turn()
    again = Wide(desk)
    assert again.read(now=T0).findings == []
    for book in (house.engine.books[INVERSE.key], again.engine.books[INVERSE.key]):
        assert book.instrument == dearer
        assert book.tape.head() == decimal_sums(dearer, [*trades, of(INVERSE, trade(701))])
        total = sum((bar.sums for bar in book.bars.minute_bars()), start=type(book.tape.head())())
        assert total == book.tape.head()


def test_what_the_version_before_wrote_is_read() -> None:
    snapshot = kept.decode_snapshot(SNAPSHOT)
    assert snapshot.words.version == 1
    assert snapshot.words.liquidations == []
    assert (snapshot.words.instrument.key, snapshot.words.instrument.kind) == ("binance:BTCUSDT", "spot")
    desk = Desk()
    house = Wide(desk, threshold=100_000 * DOLLAR)
    desk.last = 1
    desk.kept_frames[1] = Frame(1, decode(FRAME).ts, FRAME)
    desk.kept_snapshots["binance:BTCUSDT"] = Snapshot("binance:BTCUSDT", 1, T0, SNAPSHOT)
    assert house.read(now=T0).findings == []
    book = house.engine.books["binance:BTCUSDT"]
    trades = [
        trade(n, (84_000 if n % 3 else ONE) * (1 if n % 2 else -1), price=12_233_579 * 10**6 + n * 10**6,
              ts=T0 + n * 900_000)
        for n in range(500, 512)
    ]  # fmt: skip
    assert [row.id for row in book.tape.rows_from(0, 0)] == list(range(500, 512))
    assert book.tape.head() == decimal_sums(BTC, trades)
    assert sum(bar.sums.trades for bar in book.bars.minute_bars()) == 12


def test_a_snapshot_says_its_version() -> None:
    for instrument, version in ((BTC, 1), (USDM, 2), (INVERSE, 2), (BOTH, 2)):
        desk = Desk()
        house = Wide(desk)
        recorder = house.record()
        recorder.begin(0)
        house.begin(instrument)
        house.tell(replace(trade(1), instrument=instrument.key))
        recorder.turn()
        body = desk.kept_snapshots[instrument.key].body
        assert kept.decode_snapshot(body).words.version == version
    book = Wide(Desk()).engine.add(BTC)
    later = kept.encode_snapshot(replace(kept.decode_snapshot(SNAPSHOT).words, version=3), dump(book))
    with pytest.raises(kept.KeptError, match=r"version 3 is not known here \(1 and 2 are\)"):
        kept.decode_snapshot(later)


def test_entries_come_back() -> None:
    found = liquidation(USDM.key, T0, 2**62)
    assert kept.liquidation(kept.to_pack(found)) == found
    assert kept.instrument(kept.to_pack(BOTH)) == BOTH
    bare = msgspec.msgpack.encode({"venue": "v", "symbol": "s", "base": "b", "quote": "q"})
    assert kept.instrument(bare) == Instrument("v", "s", "b", "q")


def test_a_journal_of_futures_is_replayed(tmp_path: Any) -> None:
    """Through the file, as `replay` reads it."""
    desk = Desk()
    house = Wide(desk)
    recorder = house.record()
    recorder.begin(0)
    house.begin(INVERSE, USDM)
    trades = {
        one.key: [of(one, each, each.qty // 2 if one.rpi else UNTOLD) for each in run(1, 50)] for one in (INVERSE, USDM)
    }
    for one in sorted((one for each in trades.values() for one in each), key=lambda one: one.ts_event):
        house.tell(one)
    house.liquidated(liquidation(USDM.key, T0 + 30 * SECOND))
    recorder.seal()
    store = SqliteLog.open(tmp_path)
    for seq, frame in sorted(desk.kept_frames.items()):
        assert store.append(frame.body, frame.ts) == seq
    for key, snapshot in desk.kept_snapshots.items():
        store.put_snapshot(Snapshot(key, snapshot.seq, snapshot.ts, snapshot.body))
    for name, value in desk.values.items():
        store.put_meta(name, value)
    store.close()
    again = Wide(Desk())
    books, skipped = replay_journal(again.engine, tmp_path / NAME, lambda instrument: True)
    assert skipped == []
    assert {book.instrument.key for book in books} == set(trades)
    for book in books:
        mine = trades[book.instrument.key]
        assert book.tape.head() == decimal_sums(book.instrument, mine)
        assert book.tape.last_nq(50) == decimal_nq(book.instrument, mine)
        assert len(book.liquidations) == (book.instrument == USDM)
