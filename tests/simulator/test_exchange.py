"""The exchange's books."""

from __future__ import annotations

import msgspec
import pytest

from orderflow_stream.simulator.exchange import Exchange
from tests.simulator.kit import BTC, ETH, NOON, rows


def test_listing_again_keeps_the_tape() -> None:
    exchange = Exchange()
    exchange.add(BTC)
    exchange.add_history("BTCUSDT", rows(1, 3))
    exchange.add(msgspec.structs.replace(BTC, status="BREAK"))
    assert (len(exchange["BTCUSDT"]), exchange["BTCUSDT"].listing.status) == (3, "BREAK")


def test_history_is_published_at_its_own_time() -> None:
    exchange = Exchange()
    exchange.add(BTC)
    exchange.add_history("BTCUSDT", rows(1, 3, step=1000))
    assert exchange["BTCUSDT"].visible(NOON + 1000) == 2


def test_an_unlisted_symbol_is_named() -> None:
    exchange = Exchange()
    exchange.add(ETH)
    with pytest.raises(KeyError, match="BTCUSDT is not listed; listed are ETHUSDT"):
        exchange["BTCUSDT"]
