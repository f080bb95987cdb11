"""What both futures markets share: whose event it is, the quantity without RPI trades, the path of the streams."""

from __future__ import annotations

from pathlib import Path

import pytest

from orderflow_stream.core.events import SELL, UNTOLD, Trade
from orderflow_stream.venues.binance_archive import ArchiveError, ArchiveRow, archive_trade, read_archive
from orderflow_stream.venues.binance_futures import told
from orderflow_stream.venues.binance_stream import with_path
from orderflow_stream.venues.binance_usdm import BinanceUsdm
from orderflow_stream.venues.values import Rejected
from tests.venues.samples.binance_usdm import SAMPLE
from tests.venues.samples.kit import NOW, Facts

FACTS = Facts("BTCUSDT", 5, "1", "2", 1, 1_672_515_782_136_000, 1, 1, "2")


@pytest.mark.parametrize(
    "nq, expected",
    [
        ("2", 200_000_000), ("2.00000000", 200_000_000), ("0", 0), ("1.5", 150_000_000), ("2.1", UNTOLD),
        ("-1", UNTOLD), ("x", UNTOLD), ("", UNTOLD), (None, UNTOLD), (2, UNTOLD), (True, UNTOLD), (["2"], UNTOLD),
        ("1.123456789", UNTOLD),
    ],
)  # fmt: skip
def test_told(nq: object, expected: int) -> None:
    assert told(nq, 200_000_000) == expected


@pytest.mark.parametrize("st", [1, None, "2", True, 1.0, [], "x"])
def test_only_a_number_that_is_another_markets_makes_it_foreign(st: object) -> None:
    codec = BinanceUsdm()
    codec.watch(SAMPLE.watched)
    assert not isinstance(codec.decode(SAMPLE.wrap(SAMPLE.event(FACTS) | {"st": st}), NOW), Rejected)
    for other in (0, 2, 3, -1):
        message = codec.decode(SAMPLE.wrap(SAMPLE.event(FACTS) | {"st": other}), NOW)
        assert message == Rejected("market", "BTCUSDT", 5)


def test_an_invalid_row_tells_no_nq() -> None:
    codec = BinanceUsdm()
    codec.watch(SAMPLE.watched)
    event = SAMPLE.event(FACTS) | {"p": "0", "q": "0", "nq": "0", "f": -1, "l": -1}
    trade = codec.decode(SAMPLE.wrap(event), NOW)
    assert not isinstance(trade, Rejected)
    assert (getattr(trade, "qty", None), getattr(trade, "nq", None)) == (0, UNTOLD)


@pytest.mark.parametrize(
    "base, path, expected",
    [
        ("wss://h", "/market", "wss://h/market"),
        ("wss://h/market", "/market", "wss://h/market"),
        ("wss://h/market/ws", "/market", "wss://h/market"),
        ("wss://h/ws/", "/market", "wss://h/market"),
        ("wss://h/proxy", "/market", "wss://h/proxy/market"),
        ("wss://h/stream", "", "wss://h"),
        ("wss://h/", "", "wss://h"),
    ],
)
def test_with_path(base: str, path: str, expected: str) -> None:
    assert with_path(base, path) == expected


@pytest.mark.parametrize("nq, expected", [("", UNTOLD), ("2.5", 250_000_000), ("0", 0), ("3.1", UNTOLD)])
def test_a_row_of_an_archive_is_a_trade(nq: str, expected: int) -> None:
    row = ArchiveRow(7, "49.73", "3", 1, 2, 1_602_819_697_783_000, "ms", True, nq)
    assert archive_trade("binance-usdm:LTCUSDT", row) == Trade(
        "binance-usdm:LTCUSDT", 7, 4_973_000_000, 300_000_000, SELL, 1_602_819_697_783_000, 1, 2,
        1_602_819_697_783_000, expected,
    )  # fmt: skip
    assert archive_trade("k", ArchiveRow(7, "0", "3", 1, 2, 1_602_819_697_783_000, "ms", True)) == "price"


def test_rows_of_an_archive_that_tell_nq(tmp_path: Path) -> None:
    path = tmp_path / "LTCUSDT.json"
    path.write_text(
        '[{"a":7,"p":"49.73","q":"3","nq":"2.5","f":1,"l":2,"T":1602819697783,"m":true},'
        '{"a":8,"p":"49.73","q":"3","f":1,"l":2,"T":1602819697783,"m":true}]'
    )
    assert [row.nq for row in read_archive(path)] == ["2.5", ""]
    path.write_text('[{"a":7,"p":"49.73","q":"3","nq":"x","f":1,"l":2,"T":1602819697783,"m":true}]')
    with pytest.raises(ArchiveError):
        list(read_archive(path))
