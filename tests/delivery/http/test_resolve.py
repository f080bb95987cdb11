"""From what a client writes to instruments."""

import pytest

from orderflow_stream.delivery.http.resolve import near_matches

NAMES = frozenset({"BTCUSDT", "BTCUSDC", "ETHUSDT", "ETHBTC", "1000PEPEUSDT", "币安人生USDT", "A", "BTCTRY"})


@pytest.mark.parametrize(
    "written,expected",
    [
        ("BTCUSD", ["BTCUSDC", "BTCUSDT"]),  # a letter is missing
        ("BTUSDT", ["BTCUSDT"]),
        ("BTCUSTD", ["BTCUSDT"]),  # two are swapped
        ("BTCUSDDT", ["BTCUSDT"]),
        ("ETHUSDR", ["ETHUSDT"]),
        ("BTC", ["BTCTRY", "BTCUSDC", "BTCUSDT"]),
        ("1000PEPE", ["1000PEPEUSDT"]),
        ("ZZZZ", []),
        ("B", []),
        ("币安人生", ["币安人生USDT"]),
        ("X" * 40, []),
    ],
)
def test_near_matches(written: str, expected: list[str]) -> None:
    assert near_matches(written, NAMES) == expected


def test_near_matches_are_few() -> None:
    names = {f"BTC{n:03}" for n in range(900)}
    assert near_matches("BTC", names) == [f"BTC{n:03}" for n in range(5)]
