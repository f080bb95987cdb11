"""What the files of the conformance suite share: the venues as parameters, and trades of any kind."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import strategies as st

from orderflow_stream.core.events import BUY, SELL, Liquidation, Trade
from orderflow_stream.venues.catalogue import VENUES, Codec, Spec
from orderflow_stream.venues.values import REASONS, Ack, Refused, Rejected, Shutdown
from tests.venues.samples.kit import Facts, sample

#: Every test of the suite, once a venue.
every_venue = pytest.mark.parametrize("spec", VENUES, ids=lambda spec: spec.name)
with_liquidations = pytest.mark.parametrize(
    "spec", [each for each in VENUES if each.liquidations], ids=lambda spec: spec.name
)

MOST = 2**63 - 1


def codec(spec: Spec) -> Codec:
    """A codec that watches the instruments of the samples."""
    made = spec.codec()
    made.watch(sample(spec).watched)
    return made


def dump(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def decimals(most: int) -> st.SearchStrategy[str]:
    """Decimal text above 0 in any of the forms a venue may send: with and without trailing zeros."""
    return st.builds(
        lambda value, cut: f"{value // 10**8}.{value % 10**8:08d}" if cut else f"{value // 10**8 or 1}",
        st.integers(1, most), st.booleans(),
    )  # fmt: skip


def facts(spec: Spec) -> st.SearchStrategy[Facts]:
    """A trade of one of the watched instruments."""
    given = sample(spec)

    def build(
        symbol: str, id_: int, price: str, qty: str, side: int, ts: int, fills: tuple[int, int], nq: str
    ) -> Facts:
        first, last = sorted(fills)
        told = {"all": qty, "none": "0", "untold": None}[nq] if given.tells_nq else None
        return Facts(symbol, id_, price, qty, side, ts * given.unit, first, last, told)

    return st.builds(
        build,
        st.sampled_from([each.symbol for each in given.watched]),
        st.integers(0, MOST),
        decimals(MOST),
        decimals(MOST),
        st.sampled_from([BUY, SELL]),
        st.integers(10**14, 10**17 - 1).map(lambda us: us // given.unit),
        st.tuples(st.integers(0, MOST), st.integers(0, MOST)),
        st.sampled_from(["all", "none", "untold"]),
    )


def is_sound(message: object) -> None:
    """What holds of any answer of any codec to any bytes."""
    assert isinstance(message, Trade | Liquidation | Ack | Refused | Shutdown | Rejected)
    if isinstance(message, Trade):
        assert 0 <= message.id <= MOST
        assert (0 < message.price <= MOST and 0 < message.qty <= MOST) or message.price == message.qty == 0
        assert 0 < message.ts_event <= 10**17
        assert -1 <= message.first_id <= message.last_id <= MOST
        assert message.side in {BUY, SELL}
        assert -1 <= message.nq <= message.qty
    elif isinstance(message, Liquidation):
        assert 0 < message.qty <= MOST
        assert 0 <= message.filled <= MOST
        assert 0 < max(message.price, message.avg_price) <= MOST
        assert 0 < message.ts_event <= 10**17
        assert message.side in {BUY, SELL}
    elif isinstance(message, Rejected):
        assert message.reason in REASONS
        assert message.id is None or 0 <= message.id <= MOST
        assert message.symbol is None or isinstance(message.symbol, str)
    elif isinstance(message, Ack | Refused):
        assert message.id is None or isinstance(message.id, int)


ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 10**30, -(10**30), 2**63, "", "0", "-1", "1e5", "NaN", "9" * 4_300, " 1", "٣", "BUY",
    [], {}, [[]], {"e": "aggTrade"}, ["1", "2"],
)  # fmt: skip


def places(value: object, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a JSON value, by its path."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for key, each in inner for place in places(each, (*at, key)))]


def put(value: Any, at: tuple[Any, ...], new: object) -> Any:
    """The value with `new` at that place."""
    if not at:
        return new
    copy = value.copy()
    copy[at[0]] = put(value[at[0]], at[1:], new)
    return copy


def strewn(value: Any) -> Any:
    """The value with unknown keys in every object, and the order of keys turned round."""
    if isinstance(value, dict):
        turned = {key: strewn(each) for key, each in reversed(value.items())}
        return {"zz_new": [{"deep": None}], **turned, "zz_more": "1"}
    return [strewn(each) for each in value] if isinstance(value, list) else value
