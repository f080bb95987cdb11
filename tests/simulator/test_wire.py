"""Each market's own way to write the same trade."""

from __future__ import annotations

import orjson
import pytest
from msgspec.structs import replace

from orderflow_stream.simulator.tape import Tape
from orderflow_stream.simulator.wire import COINM, SPOT, USDM, Wire, row_body, trade_event
from tests.simulator.kit import BTC, NOON, row

TOLD = replace(row(7, NOON + 1999, "0.001", "100", maker=True), nq="90")


@pytest.mark.parametrize(
    "wire, members, tail",
    [
        (SPOT, b'"s":"X","a":7,"p":"0.001","q":"100","f":70,"l":71,', b',"m":true,"M":true}'),
        (USDM, b'"s":"X","a":7,"p":"0.001","q":"100","nq":"90","f":70,"l":71,', b',"m":true,"st":1}'),
        (COINM, b'"a":7,"s":"X","p":"0.001","q":"100","f":70,"l":71,', b',"m":true,"st":2}'),
    ],
)
def test_the_event_as_documented(wire: Wire, members: bytes, tail: bytes) -> None:
    given = TOLD if wire is USDM else replace(TOLD, nq="")
    assert trade_event("X", given, NOON + 5999, 1000, None, wire) == (
        b'{"e":"aggTrade","E":%d,%b"T":%d%b' % (NOON // 1000 + 5, members, NOON // 1000 + 1, tail)
    )


@pytest.mark.parametrize("wire, end", [(USDM, b'"m":true}]'), (COINM, b'"m":true}]')])
def test_pages_have_neither_m_nor_product(wire: Wire, end: bytes) -> None:
    tape = Tape(BTC, None, wire)
    tape.append(TOLD, NOON)
    page = tape.render(range(1), 1000)
    assert page.endswith(end)
    assert orjson.loads(page)[0]["nq"] == "90"
    # Times have the grain of the market.
    assert tape.row(0) == replace(TOLD, ts=NOON + 1000)


def test_a_row_that_tells_no_nq_has_none() -> None:
    assert b"nq" not in row_body(replace(TOLD, nq=""))
