"""Which instrument stands for a coin: the perpetual, then what is delivered first; by the list, not by names."""

from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from orderflow_stream.core.events import Instrument
from orderflow_stream.delivery.http.pairs import Pairs
from tests.delivery.http.venues import FIRST, INVERSE, LISTS, NEXT, PEPE, PERP, QUARTER, USDM
from tests.delivery.http.world import BTC, LISTED


@dataclass
class Case:
    listed: tuple[Instrument, ...]
    pair: tuple[str, str]
    expected: Instrument | None


@pytest.mark.parametrize(
    "case",
    [
        Case((QUARTER, PERP), ("BTC", "USDT"), PERP),
        Case((PERP, QUARTER), ("BTC", "USDT"), PERP),
        Case((replace(PERP, trading=False), QUARTER), ("BTC", "USDT"), replace(PERP, trading=False)),
        Case((NEXT, FIRST), ("XRP", "USD"), FIRST),
        Case((NEXT, replace(FIRST, trading=False)), ("XRP", "USD"), NEXT),
        Case((PEPE,), ("PEPE", "USDT"), None),
        Case((PEPE,), ("1000PEPE", "USDT"), PEPE),
        Case((PEPE,), ("1000PEPEU", "SDT"), None),
        Case((replace(BTC, base="btc"),), ("BTC", "USDT"), replace(BTC, base="btc")),
        Case((), ("BTC", "USDT"), None),
    ],
)
def test_the_one_of_a_pair(case: Case) -> None:
    assert Pairs().find(case.listed, *case.pair) == case.expected


def test_a_new_list_is_read_anew() -> None:
    pairs = Pairs()
    assert pairs.find((PERP,), "BTC", "USDT") is PERP
    assert pairs.find((INVERSE,), "BTC", "USDT") is None
    changed = replace(PERP, status="SETTLING")
    assert pairs.find((changed,), "BTC", "USDT") is changed
    assert pairs.find([PERP], "BTC", "USDT") is PERP


@pytest.mark.parametrize(
    "listed,quote", [(LISTED, "USDT"), (LISTS[USDM], "USDT"), ((INVERSE, FIRST), "USD"), ((), "USDT")]
)
def test_the_quote_of_a_coin_alone(listed: tuple[Instrument, ...], quote: str) -> None:
    assert Pairs().default_quote(listed) == quote


def test_what_else_there_is() -> None:
    pairs = Pairs()
    assert pairs.quotes(LISTED, "BTC") == ["USDC", "USDT"]
    assert pairs.quotes(LISTED, "NOPE") == []
    assert pairs.multiples(LISTS[USDM], "PEPE") == ["1000PEPE"]
    assert pairs.multiples(LISTS[USDM], "TC") == []
    assert pairs.multiples(LISTS[USDM], "") == []
