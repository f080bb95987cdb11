"""The tables of the venues: made of the catalogue, all with the same keys, on where they are given."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from orderflow_stream.config import ConfigError, load
from orderflow_stream.config.describe import describe, everything, example
from orderflow_stream.config.venues import DEFAULT, TABLES, near_venue
from orderflow_stream.venues.catalogue import VENUES, Spec

USDM = "binance-usdm"
OTHERS = [each.name for each in VENUES if each.name != DEFAULT]


def write(folder: Path, text: str) -> Path:
    path = folder / "c.toml"
    path.write_text(text)
    return path


def lines(path: Path | None, environ: dict[str, str] | None = None) -> list[str]:
    """What `load` complains of."""
    with pytest.raises(ConfigError) as caught:
        load(path, environ or {})
    return [str(fault) for fault in caught.value.faults]


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    return write(tmp_path, "")


def test_only_the_default_venue_is_on_by_default(empty: Path) -> None:
    assert list(load(empty, {}).venues.tables) == [DEFAULT] == [VENUES[0].name]


@pytest.mark.parametrize("venue", VENUES, ids=lambda venue: venue.name)
def test_defaults_are_the_catalogues(venue: Spec, tmp_path: Path) -> None:
    table = load(write(tmp_path, f"[venues.{venue.name}]\n"), {}).venues.tables[venue.name]
    assert (table.symbols, table.stream_url, table.rest_url) == (venue.symbols, venue.stream_url, venue.rest_url)
    assert (table.streams_per_connection, table.redundancy) == (200, "auto")
    assert table.urls_are_default
    moved = load(write(tmp_path, f"[venues.{venue.name}]\nrest_url = 'http://127.0.0.1:1'\n"), {})
    assert not moved.venues.tables[venue.name].urls_are_default


@pytest.mark.parametrize("name", OTHERS)
def test_a_venue_is_on_where_any_source_gives_its_table(name: str, tmp_path: Path, empty: Path) -> None:
    variable = f"ORDERFLOW_VENUES__{name.upper().replace('-', '_')}__SYMBOLS"
    given = (
        load(write(tmp_path, f"[venues.{name}]\n"), {}),
        load(empty, {variable: ""}),
        load(empty, {}, {f"venues.{name}.symbols": ""}),
    )
    for settings in given:
        assert list(settings.venues.tables) == [DEFAULT, name]
        assert settings.venues.tables[name].symbols == ()
    streamed = load(empty, {variable: "btcusdt, *usdt,top:5,BTCUSDT"})
    assert streamed.venues.tables[name].symbols == ("BTCUSDT", "*USDT", "top:5")


def test_several_are_in_the_order_of_the_catalogue(tmp_path: Path) -> None:
    text = "".join(f"[venues.{name}]\n" for name in reversed(OTHERS))
    assert list(load(write(tmp_path, text), {}).venues.tables) == [DEFAULT, *OTHERS]


def test_variable_before_file_before_default(tmp_path: Path) -> None:
    path = write(tmp_path, f"[venues.{USDM}]\nsymbols = ['ETHUSDT']\nredundancy = 2\n")
    table = load(path, {"ORDERFLOW_VENUES__BINANCE_USDM__SYMBOLS": "solusdt"}).venues.tables[USDM]
    assert (table.symbols, table.redundancy) == (("SOLUSDT",), 2)


def test_both_spellings_are_named_where_a_variable_is_wrong(empty: Path) -> None:
    (line,) = lines(empty, {"ORDERFLOW_VENUES__BINANCE_USDM__SYMBOLS": "BTCUSDT,ETH USDT"})
    assert line.startswith("ORDERFLOW_VENUES__BINANCE_USDM__SYMBOLS: venues.binance-usdm.symbols[1]: ")


@pytest.mark.parametrize(
    "text,words",
    [
        (
            "[venues.binance-usd]\n",
            'venues.binance-usd: unknown venue; did you mean "binance-usdm"? There are binance,',
        ),
        ("[venues.binance_usdm]\n", 'venues.binance_usdm: unknown venue; did you mean "binance-usdm"?'),
        ("[venues.Binance]\n", 'venues.Binance: unknown venue; did you mean "binance"?'),
        ("[venues.kraken]\n", "venues.kraken: unknown venue; there are binance, binance-usdm"),
        ("[venues.binance-usdm]\nsymbol = []\n", 'venues.binance-usdm.symbol: unknown key; did you mean "symbols"?'),
        ("[venues]\nbinance-usdm = 5\n", "venues.binance-usdm: expected a table, got 5"),
        ("[venues.binance-usdm]\nrest_url = 'wss://x'\n", "venues.binance-usdm.rest_url: must begin with http"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, words: str, tmp_path: Path) -> None:
    (line,) = lines(write(tmp_path, text))
    assert words in line
    assert line.startswith(f"{tmp_path}/c.toml:")


@pytest.mark.parametrize("name", ["ORDERFLOW_VENUES__BINANCE-USDM__SYMBOLS", "ORDERFLOW_VENUES__BINANCE_USD__SYMBOLS"])
def test_a_variable_that_is_almost_right_is_answered_with_the_right_one(name: str, empty: Path) -> None:
    assert lines(empty, {name: "X"}) == [
        f'{name}: unknown variable; did you mean "ORDERFLOW_VENUES__BINANCE_USDM__SYMBOLS"?'
    ]


def turned_on(text: str) -> str:
    """The example with the tables of all venues: its comments have a blank after their `#`."""
    return "\n".join(
        line[1:] if line.startswith("#") and not line.startswith("# ") else line for line in text.split("\n")
    )


def test_the_example_shows_every_table_and_turns_none_on() -> None:
    text = example()
    assert list(tomllib.loads(text)["venues"]) == [DEFAULT]
    tables = tomllib.loads(turned_on(text))["venues"]
    assert list(tables) == [each.name for each in VENUES]
    for each in everything():
        if each.key.startswith("venues."):
            _, venue, name = each.key.split(".")
            assert name in tables[venue]
            assert each.env in text
    kept = {each.key for each in describe()}
    assert len(everything()) == len(kept) + len(OTHERS) * sum(key.startswith(f"venues.{DEFAULT}.") for key in kept)


def test_the_example_turned_on_is_the_defaults(tmp_path: Path) -> None:
    tables = load(write(tmp_path, turned_on(example())), {}).venues.tables
    bare = load(write(tmp_path, "".join(f"[venues.{name}]\n" for name in OTHERS)), {}).venues.tables
    assert tables == bare


def test_thresholds_of_one_symbol_everywhere_or_on_one_venue(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        '[analytics.large.by_symbol]\nbtcusdt = 5\n"BINANCE-usdm:btcusdt" = 7\n"binance:ethusdt" = "0.5"\n',
    )
    assert dict(load(path, {}).analytics.large.by_symbol) == {
        "BTCUSDT": Decimal(5),
        "binance-usdm:BTCUSDT": Decimal(7),
        "binance:ETHUSDT": Decimal("0.5"),
    }


def test_a_variable_has_neither_dash_nor_colon(empty: Path) -> None:
    name = "ORDERFLOW_ANALYTICS__LARGE__BY_SYMBOL"
    environ = {f"{name}__BINANCE_USDM__BTCUSDT": "7", f"{name}__BTCUSD_PERP": "3", f"{name}__BINANCE__ETHUSDT": "2"}
    assert dict(load(empty, environ).analytics.large.by_symbol) == {
        "binance-usdm:BTCUSDT": Decimal(7),
        "BTCUSD_PERP": Decimal(3),
        "binance:ETHUSDT": Decimal(2),
    }
    (line,) = lines(empty, {f"{name}__BINANCE_USDM__BTCUSDT": "none"})
    assert line.startswith(f"{name}__BINANCE_USDM__BTCUSDT: analytics.large.by_symbol.binance-usdm:BTCUSDT: ")


@pytest.mark.parametrize(
    "key,words",
    [
        ("kraken:BTCUSDT", 'names an unknown venue: "kraken:BTCUSDT"; there are binance, binance-usdm'),
        ("binance-usd:BTCUSDT", 'did you mean "binance-usdm"?'),
        ("binance:", "is empty"),
        ("binance:*", 'is a pattern: "*"'),
        ("binance:a:b", "the only form with a colon is top:N"),
    ],
)
def test_a_threshold_of_no_symbol_is_a_fault(key: str, words: str, tmp_path: Path) -> None:
    (line,) = lines(write(tmp_path, f'[analytics.large.by_symbol]\n"{key}" = 1\n'))
    assert words in line


def test_one_symbol_is_given_once_however_it_is_written(tmp_path: Path) -> None:
    text = '[analytics.large.by_symbol]\n"binance-usdm:BTCUSDT" = 1\n"binance-usdm:btcusdt" = 2\n'
    (line,) = lines(write(tmp_path, text))
    assert "are the same key" in line


def test_near_names_never_invent_one() -> None:
    assert near_venue("zzz") == f"there are {', '.join(TABLES)}"
