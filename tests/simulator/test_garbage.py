"""Every kind of garbage is a whole frame, and none is a trade with a plausible id of a listed symbol."""

from __future__ import annotations

import orjson
import pytest

from orderflow_stream.simulator.garbage import KINDS, garbage_frame
from tests.simulator.kit import BTC


def payload(frame: bytes) -> bytes:
    return frame[{126: 4, 127: 10}.get(frame[1], 2) :]


@pytest.mark.parametrize("is_combined", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_no_trade(kind: str, is_combined: bool) -> None:
    frame = garbage_frame(kind, BTC, is_combined)
    assert frame[0] in {0x81, 0x82}
    try:
        message = orjson.loads(payload(frame))
    except orjson.JSONDecodeError:
        return
    event = message.get("data") if isinstance(message, dict) and "stream" in message else message
    if isinstance(event, dict) and event.get("e") == "aggTrade" and event.get("s") == "BTCUSDT":
        assert not isinstance(event.get("a"), int) or event["a"] < 0 or event["a"] > 2**63


def test_the_kinds_differ() -> None:
    assert len({garbage_frame(kind, BTC, False) for kind in KINDS}) == len(KINDS)


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(ValueError, match="kind must be one of"):
        garbage_frame("nice", BTC, False)
