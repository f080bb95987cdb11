"""Bars of whole tapes, every interval, every digit: as `numbers=string` has them against exact decimals of the rows."""

from __future__ import annotations

import random

import orjson
import pytest

from orderflow_stream.analytics.bars import ANCHORS, INTERVALS, over_bars
from orderflow_stream.core.engine import Engine
from orderflow_stream.core.events import FeedUp, Instrument, Refill
from orderflow_stream.delivery.encode import Rules
from orderflow_stream.delivery.encode_bars import bar_text
from tests.core.making import from_reference
from tests.reference import bar_oracle
from tests.tapes.kit import Material, all_tapes

MOST = 800


@pytest.mark.parametrize("tape", all_tapes(), ids=str)
def test_every_digit(tape: Material) -> None:
    """The first part is read by REST, the rest comes live, some of it late: the bars are those of the rows."""
    rows = tape.head(MOST)
    instrument = Instrument("binance", tape.symbol, tape.symbol.removesuffix(tape.quote), tape.quote)
    engine = Engine(windows=(60_000_000, 3_600_000_000), analytics=lambda book: ())
    book = engine.add(instrument)
    trades = [from_reference(row, tape.key) for row in rows]
    now = max(row.ts_us for row in rows)
    engine.apply(FeedUp((tape.key,), trades[0].ts_event, 1))
    warm = len(trades) // 3
    rng = random.Random(1)
    late = set(rng.sample([one.id for one in trades[warm + 1 : -1]], k=min(200, len(trades) // 4)))
    for one in trades[warm:]:
        if one.id not in late:
            engine.apply(one)
    engine.apply(Refill(tape.key, tuple(trades[:warm]), now, warm=True))
    engine.apply(Refill(tape.key, tuple(one for one in trades if one.id in late), now, repair=True))
    ids = {row.id for row in rows}
    whole = len(ids) == max(ids) - min(ids) + 1
    for rule in ANCHORS:
        anchor = bar_oracle.anchor(rows, now, rule)
        for interval in INTERVALS:
            view, account = over_bars(book, interval, rule, now, 5_000)
            assert (view.anchor.rule, view.anchor.time) == (anchor["rule"], anchor["time"])
            found = [orjson.loads(bar_text(Rules(), instrument, one, True)) for one in view.bars]
            flags = [(bar.pop("closed"), bar.pop("complete")) for bar in found]
            assert found == bar_oracle.bars(rows, interval, anchor["time"])
            if whole:
                oldest = 1 if view.bars[0].bar.first_id == min(row.id for row in rows if row.valid) else 0
                assert all(complete for closed, complete in flags[oldest:] if closed)
                assert view.anchor.complete
            else:
                assert account.missing_total or not account.complete or view.bars[0].bar.first_id > min(ids)
