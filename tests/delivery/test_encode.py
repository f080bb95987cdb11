"""What holds for all encoders: one line of strict UTF-8 JSON, whatever the names and the style of numbers."""

import math
from collections.abc import Callable

import orjson
import pytest

from orderflow_stream.core.book import GapRecord
from orderflow_stream.core.events import BUY, Corrected, GapFound, StateChanged, Trade
from orderflow_stream.core.sums import Sums
from orderflow_stream.core.tape import Row
from orderflow_stream.delivery import encode
from tests.delivery.encoding import CHINESE, ORIGINAL, RULES, covered, decoded, flow, print_of, view

KEY = CHINESE.key
HUGE = Trade(KEY, 2**62, 2**62, 2**62, BUY, 2**60, 1, 2, 0)
SCREENED = encode.ScreenerRow(CHINESE, ORIGINAL, 2**62, 2**60, 2**62, "live", 0, True)

ENCODERS: dict[str, Callable[[bool], bytes]] = {
    "coverage": lambda exact: encode.coverage(covered(), 'a"b\n'),
    "flow_data": lambda exact: encode.flow_data(RULES, CHINESE, flow(ORIGINAL), "e-1", window='5"m', exact=exact),
    "flow_event": lambda exact: encode.flow_event(
        RULES, CHINESE, flow(Sums()), {'1"m': ORIGINAL}, 0, None, exact=exact
    ),
    "gap_event": lambda exact: encode.gap_event(CHINESE, GapFound(KEY, 1, 2**62, 0)),
    "corrected_event": lambda exact: encode.corrected_event(
        CHINESE, Corrected(KEY, ((1, 2),), ((3, 4),), 5), covered(), "e-1"
    ),
    "state_event": lambda exact: encode.state_event(CHINESE, StateChanged(KEY, "stale", 1, '\\ "\n\u2028')),
    "gaps_data": lambda exact: encode.gaps_data(CHINESE, [GapRecord(1, 2, 3)], 2, None),
    "large_data": lambda exact: encode.large_data(
        RULES, CHINESE, view("order", print_of(group="order")), None, group="order", exact=exact
    ),
    "large_event": lambda exact: encode.large_event(RULES, CHINESE, print_of(), exact=exact),
    "trade_event": lambda exact: encode.trade_event(CHINESE, HUGE, exact=exact),
    "trades_data": lambda exact: encode.trades_data(
        CHINESE,
        [Row(1, 2**62, -(2**62), 2**60, -1, -1)],
        held=None,
        missing=[],
        next_from_id=None,
        position=None,
        state="connecting",
        generation=1,
        exact=exact,
    ),
    "screener_row": lambda exact: encode.screener_row(RULES, SCREENED, exact=exact),
    "screener_data": lambda exact: encode.screener_data(
        [encode.screener_row(RULES, SCREENED, exact=exact)] * 2,
        venue="binance",
        market="spot",
        window='"',
        sort="trades",
        order="desc",
        instruments=2,
        as_of=1,
        position=None,
    ),
}


def test_every_encoder_is_here() -> None:
    assert set(ENCODERS) == {name for name in encode.__all__ if name[0].islower()}


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("name", ENCODERS)
def test_one_line_of_json(name: str, exact: bool) -> None:
    body = ENCODERS[name](exact)
    assert b"\n" not in body
    assert b"\r" not in body
    data = decoded(body)  # every name once
    if name not in {"coverage", "screener_data"}:
        assert data["symbol"] == CHINESE.symbol
        assert CHINESE.symbol[:2].encode() in body  # as it is, not as an escape
    for value in flat(orjson.loads(body)):
        assert not isinstance(value, float) or math.isfinite(value)


def flat(value: object) -> list[object]:
    """Every value in a tree of JSON."""
    if isinstance(value, dict):
        return [leaf for child in value.values() for leaf in flat(child)]
    return [leaf for child in value for leaf in flat(child)] if isinstance(value, list) else [value]
