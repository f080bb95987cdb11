"""What a user writes, resolved against what the venue lists."""

from __future__ import annotations

import pytest

from orderflow_stream.core.events import Instrument
from orderflow_stream.feed.selection import Fault, is_pattern, needs_volumes, select


def spot(base: str, quote: str, trading: bool = True) -> Instrument:
    return Instrument("binance", base + quote, base, quote, trading=trading)


LISTED = [
    spot("BTC", "USDT"), spot("ETH", "USDT"), spot("币安人生", "USDT"), spot("HALT", "USDT", trading=False),
    spot("BTC", "USDC"), spot("ETH", "BTC"), spot("BTC", "IDR"), spot("BTC", "U"), spot("1000SATS", "USDT"),
    spot("BTCST", "USDT"), spot("XU", "TRY"),
]  # fmt: skip
VOLUMES = {
    "BTCUSDT": 900, "ETHUSDT": 800, "币安人生USDT": 50, "1000SATSUSDT": 60, "BTCSTUSDT": 1, "BTCUSDC": 70,
    "ETHBTC": 5, "BTCIDR": 10**15, "BTCU": 2,
}  # fmt: skip


def names(*patterns: str, volumes: dict[str, int] | None = VOLUMES) -> list[str]:
    selection = select(patterns, LISTED, volumes)
    assert selection.faults == ()
    return [instrument.symbol for instrument in selection.instruments]


def fault(pattern: str, volumes: dict[str, int] | None = VOLUMES) -> Fault:
    selection = select([pattern], LISTED, volumes)
    assert selection.instruments == ()
    (only,) = selection.faults
    assert only.pattern == pattern.strip()
    return only


def test_names_in_any_case_and_script() -> None:
    assert names("ethusdt", " BTCUSDT ", "币安人生usdt") == ["BTCUSDT", "ETHUSDT", "币安人生USDT"]
    assert names("HALTUSDT") == ["HALTUSDT"]  # a halt may end at any time


def test_order_is_as_written_where_no_volume_is_known() -> None:
    assert names("ethusdt", "BTCUSDC", "BTCUSDT", volumes=None) == ["ETHUSDT", "BTCUSDC", "BTCUSDT"]
    assert names("HALTUSDT", "ETHUSDT") == ["ETHUSDT", "HALTUSDT"]  # the unknown comes last


def test_quote_and_base_come_from_the_list_not_from_the_name() -> None:
    assert set(names("*USDT")) == {"BTCUSDT", "ETHUSDT", "币安人生USDT", "1000SATSUSDT", "BTCSTUSDT"}
    assert names("*U") == ["BTCU"]
    assert set(names("BTC*")) == {"BTCUSDT", "BTCUSDC", "BTCIDR", "BTCU"}
    assert names("*btc") == ["ETHBTC"]


def test_any_other_star_is_a_glob_and_brackets_are_plain() -> None:
    assert set(names("*SATS*")) == {"1000SATSUSDT"}
    assert names("B*TUSDT") == ["BTCSTUSDT"]
    assert fault("[A-Z]*").message == "no symbol that trades matches"


def test_everything_that_trades_busiest_of_each_quote_first() -> None:
    everything = names("*")
    assert len(everything) == 10
    assert everything[:2] == ["BTCUSDT", "ETHBTC"]
    assert everything.index("ETHUSDT") > everything.index("BTCIDR")  # rank by rank: a rupiah is not a dollar
    assert everything[-1] == "XUTRY"  # no volume known
    assert everything == names("*", "*USDT", "BTCUSDT")  # a symbol is selected once


def test_top() -> None:
    assert names("top:2") == ["BTCUSDT", "ETHUSDT"]
    assert names("TOP:3:usdt") == ["BTCUSDT", "ETHUSDT", "1000SATSUSDT"]
    assert names("top:9:USDC") == ["BTCUSDC"]
    assert names("top:1", "ETHBTC") == ["BTCUSDT", "ETHBTC"]


@pytest.mark.parametrize(
    "pattern", ["top:", "top:0", "top:x", "top:-1", "top:1:USDT:2", "top:999999", "top:٣", "top:1e2"]
)
def test_malformed_top(pattern: str) -> None:
    assert "write top:N" in fault(pattern).message


def test_top_of_an_unknown_quote_or_without_volumes() -> None:
    unknown = fault("top:5:USD")
    assert "quoted in USD" in unknown.message
    assert "USDT" in unknown.near
    assert "volumes are not available" in fault("top:5", volumes=None).message
    assert "volumes are not available" in fault("top:5", volumes={}).message


def test_unknown_names_come_with_near_ones() -> None:
    found = fault("BTCUSTD")
    assert "BTCUSDT" in found.near
    assert "BTCUSDT" in found.message
    assert fault("QQQQQQ").near == ()
    assert "empty" in fault("  ").message
    assert fault("*XYZ").message == "no symbol that trades matches"


def test_good_and_bad_together() -> None:
    selection = select(["BTCUSDT", "NOPE", "top:0"], LISTED, VOLUMES)
    assert [instrument.symbol for instrument in selection.instruments] == ["BTCUSDT"]
    assert [one.pattern for one in selection.faults] == ["NOPE", "top:0"]


def test_what_kind_of_thing_it_is() -> None:
    assert needs_volumes(["BTCUSDT", " Top:5"])
    assert not needs_volumes(["BTCUSDT", "*"])
    assert is_pattern("*USDT")
    assert is_pattern("top:5")
    assert not is_pattern("BTCUSDT")


def test_where_nothing_is_quoted_in_usdt_the_usual_quote_is_meant() -> None:
    coins = [Instrument("other", f"{base}USD_PERP", base, "USD") for base in ("BTC", "ETH", "XRP")]
    volumes = {"BTCUSD_PERP": 1, "ETHUSD_PERP": 3, "XRPUSD_PERP": 2}
    found = select(["top:2"], coins, volumes)
    assert [one.symbol for one in found.instruments] == ["ETHUSD_PERP", "XRPUSD_PERP"]
    assert select(["top:2:USDT"], coins, volumes).faults
