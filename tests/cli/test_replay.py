"""`replay` prints what the routes would answer, held against the decimal reference; and says what it cannot read."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest

from orderflow_stream import cli
from orderflow_stream.core.events import Instrument
from orderflow_stream.venues.catalogue import VENUES, spec
from tests.adapters.journal.keeping import change
from tests.adapters.journal.recorded import record
from tests.e2e.inside import market, running
from tests.reference import oracle
from tests.reference.oracle import assert_same, load_json
from tests.reference.synthetic import synthetic
from tests.reference.tapefile import Row, load, tapes_dir, write_csv


def call(*arguments: str | Path) -> int:
    return cli.main(["replay", *map(str, arguments)])


def hold(line: str, rows: list[Row], symbol: str, quote: str, *, trades: int = 1000, least: int = 100_000) -> None:
    """One line of --json against the reference over the same rows."""
    answer = load_json(line)
    assert set(answer) == {"flow", "large"}
    assert_same(answer["flow"], oracle.flow(rows, symbol=symbol, quote=quote, trades=trades))
    expected = oracle.rows_large(rows, least, symbol=symbol, quote=quote)
    assert_same(answer["large"], expected, ignore=("note", "coverage", "group"))
    assert expected["count"] > 0
    coverage = oracle.coverage(rows, trades=trades)
    assert {name: answer["flow"]["coverage"][name] for name in coverage} == coverage


def test_json_is_what_the_reference_says_one_line_a_symbol(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ltc, eth = synthetic(1, 7_000, holes=3, invalid=2), synthetic(2, 1_200, price=Decimal("0.05"))
    files = [
        write_csv(ltc[4_000:], tmp_path / "LTCUSDT-2.csv"),  # a shell would sort them so as well as otherwise
        write_csv(eth, tmp_path / "ETHBTC-1.csv"),
        write_csv(ltc[:4_000], tmp_path / "LTCUSDT-3.csv"),
    ]
    assert call(*files, "--trades", "777", "--min-notional", "1", "--json") == 0
    told = capsys.readouterr()
    assert told.err == ""
    lines = told.out.splitlines()
    assert len(lines) == 2
    hold(lines[0], ltc, "LTCUSDT", "USDT", trades=777, least=1)
    hold(lines[1], eth, "ETHBTC", "BTC", trades=777, least=1)


def test_recorded_tape(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tapes_dir()
    recorded = None if folder is None else folder / "LTCUSDT-spot-aggtrades-2025-06-21.csv.gz"
    if recorded is None:
        rows = synthetic(9, 6_000, holes=16)
        recorded = write_csv(rows, tmp_path / "LTCUSDT-x.csv.gz")
    else:
        rows = load(recorded)
    assert call(recorded, "--json", "--min-notional", "1000") == 0
    hold(capsys.readouterr().out, rows, "LTCUSDT", "USDT", least=1000)


async def test_fields_are_those_of_the_routes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_csv(synthetic(3, 1_000), tmp_path / "BTCUSDT-1.csv")
    assert call(file, "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    async with market() as simulator, running(simulator, tmp_path) as daemon, aiohttp.ClientSession() as session:
        for route in ("flow", "large"):
            async with session.get(f"{daemon.url}/v1/{route}?symbol=BTCUSDT") as response:
                served = (await response.json())["data"]
            assert list(printed[route]) == list(served)
            assert list(printed[route]["coverage"]) == list(served["coverage"])


def test_people_get_tables_of_80_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    rows = synthetic(1, 6_000, holes=2)
    assert call(write_csv(rows, tmp_path / "LTCUSDT-x.csv"), "--min-notional", "50000") == 0
    told = capsys.readouterr().out
    assert max(map(len, told.splitlines())) <= 100
    assert max(len(line) for line in told.splitlines() if line[:1] in "│┃┏") <= 80
    flow = oracle.flow(rows, symbol="LTCUSDT", quote="USDT", trades=1000)
    for name in ("taker_buy_quote", "taker_sell_quote", "delta_quote", "last_price", "pressure"):
        assert str(flow[name]) in told
    assert "prints of at least 50000" in told
    assert "6,000 trades read" in told


def test_orders_by_symbol_and_quote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = synthetic(8, 500)
    file = write_csv(rows, tmp_path / "tape.csv")
    assert call(file) == 2
    assert "does not begin with SYMBOL-; say it with --symbol" in capsys.readouterr().err
    assert call(file, "--symbol", "foobar") == 2
    assert capsys.readouterr().err == "replay: cannot tell the quote asset of FOOBAR; say it with --quote\n"
    assert call(file, "--symbol", "foobar", "--quote", "usdt") == 2
    assert capsys.readouterr().err == "replay: --quote usdt: FOOBAR does not end in it\n"
    assert call(file, "--symbol", "foobar", "--quote", "bar", "--json", "--min-notional", "1") == 0
    hold(capsys.readouterr().out, rows, "FOOBAR", "BAR", least=1)


@pytest.mark.parametrize(
    "name,content,words",
    [
        ("BTCUSDT-none.csv", None, "cannot be read: No such file or directory"),
        ("nofile", None, "cannot be read: No such file or directory"),
        ("BTCUSDT-empty.csv", b"", "the file is empty"),
        ("BTCUSDT-torn.csv.gz", gzip.compress(b"1,2,3,4,5,1750550398932,True,True\n" * 500, mtime=0)[:-20], "torn"),
        ("BTCUSDT-other.csv", b"some,other,table\n1,2,3\n", "not a header of aggTrades"),
        ("BTCUSDT-price.csv", b"1,99999999999999999999,1,1,1,1750550398932,True\n", "unreadable price"),
    ],
    ids=["none", "neither", "empty", "torn", "other", "price"],
)
def test_what_cannot_be_read_fails_with_one_line(
    name: str, content: bytes | None, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    assert call(file, "--json") == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"replay: {file}")
    assert words in told.err
    assert told.err.count("\n") == 1


def journal(folder: Path) -> tuple[list[Row], list[Row]]:
    """What is in a journal of two symbols."""
    btc, eth = synthetic(1, 7_000, holes=3, invalid=2), synthetic(2, 1_200, price=Decimal("0.05"))
    record(
        folder,
        {Instrument("binance", "BTCUSDT", "BTC", "USDT"): btc, Instrument("binance", "ETHBTC", "ETH", "BTC"): eth},
    )
    return btc, eth


def test_a_journal_is_answered_as_an_archive_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    btc, eth = journal(tmp_path)
    for where in (tmp_path, tmp_path / "journal.sqlite3"):
        assert call(where, "--symbol", "btcusdt", "--trades", "777", "--min-notional", "1", "--json") == 0
        told = capsys.readouterr()
        assert told.err == ""
        hold(told.out, btc, "BTCUSDT", "USDT", trades=777, least=1)
    assert call(tmp_path, "--quote", "btc", "--min-notional", "1", "--json") == 0  # the only one with that quote
    hold(capsys.readouterr().out, eth, "ETHBTC", "BTC", least=1)
    assert call(tmp_path, "--symbol", "ETHBTC", "--min-notional", "1") == 0
    assert "1,200 trades read" in capsys.readouterr().out


def test_a_journal_of_several_symbols_wants_to_know_which(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal(tmp_path)
    assert call(tmp_path) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == f"replay: {tmp_path}/journal.sqlite3 holds BTCUSDT, ETHBTC; say which with --symbol\n"
    assert call(tmp_path, "--symbol", "XRPUSDT") == 1
    assert capsys.readouterr().err == f"replay: {tmp_path}/journal.sqlite3 holds no trades of XRPUSDT\n"


def test_what_of_a_journal_is_damaged_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal(tmp_path)
    change(tmp_path / "journal.sqlite3", "UPDATE frame SET crc = 0 WHERE seq = (SELECT max(seq) - 1 FROM frame)")
    assert call(tmp_path, "--symbol", "BTCUSDT", "--json") == 0
    told = capsys.readouterr()
    assert told.err.startswith(f"replay: {tmp_path}/journal.sqlite3: not read: frame ")
    coverage = load_json(told.out)["flow"]["coverage"]
    assert coverage["missing_total"] > 100
    assert coverage["state"] == "partial"
    (tmp_path / "journal.sqlite3").write_bytes(b"SQLite format 3\x00" + b"\x07" * 5_000)
    assert call(tmp_path, "--symbol", "BTCUSDT") == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"replay: {tmp_path}/journal.sqlite3")


def test_a_folder_is_no_archive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(tmp_path, "--symbol", "BTCUSDT") == 1
    assert "Is a directory" in capsys.readouterr().err


def test_a_file_of_a_venue_is_of_its_market(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = synthetic(4, 1_500)
    file = write_csv(rows, tmp_path / "BTCUSDT_261225-aggTrades.csv")
    assert call(file, "--venue", "binance-usdm", "--min-notional", "1", "--json") == 0
    answer = load_json(capsys.readouterr().out)
    flow = answer["flow"]
    assert (flow["venue"], flow["market"], flow["symbol"]) == ("binance-usdm", "usdm", "BTCUSDT_261225")
    expected = oracle.flow(rows, symbol="BTCUSDT_261225", quote="USDT", trades=1000)
    for name in ("taker_buy_base", "taker_sell_base", "delta_quote", "buy_trades", "trades_scanned", "last_price"):
        assert flow[name] == expected[name], name
    assert flow["taker_buy_base_nq"] is None  # an archive does not tell it
    assert call(file, "--venue", "kraken") == 2
    assert "--venue: there is no kraken; there are binance, binance-usdm" in capsys.readouterr().err
    assert call(file, "--venue", "binance-usdm", "--contract-size", "100") == 2
    assert "quantities of binance-usdm are in the base asset" in capsys.readouterr().err


@pytest.mark.parametrize("venue", [each.name for each in VENUES if each.codec().guess("BTCUSD_PERP") is None])
def test_contracts_need_their_size(venue: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        f"{id_},50000.0,{id_},{id_},{id_},{1_750_550_398_932 + id_ * 1_000},{id_ % 3 == 0}" for id_ in range(1, 301)
    ]
    file = tmp_path / "BTCUSD_PERP-aggTrades.csv"
    file.write_text("\n".join(lines) + "\n")
    assert call(file, "--venue", venue) == 2
    assert "say what one is worth in the quote asset with --contract-size" in capsys.readouterr().err
    assert call(file, "--venue", venue, "--contract-size", "-1") == 2
    assert "no plain decimal above 0" in capsys.readouterr().err
    assert call(file, "--venue", venue, "--contract-size", "100", "--min-notional", "29000", "--json") == 0
    answer = load_json(capsys.readouterr().out)
    flow = answer["flow"]
    buys = sum(id_ for id_ in range(1, 301) if id_ % 3)
    sells = sum(id_ for id_ in range(1, 301) if not id_ % 3)
    assert (flow["venue"], flow["symbol"], flow["market"]) == (venue, "BTCUSD_PERP", spec(venue).market)
    assert (flow["taker_buy_quote"], flow["taker_sell_quote"]) == (buys * 100, sells * 100)
    assert (flow["taker_buy_base"], flow["taker_sell_base"]) == (Decimal(buys) / 500, Decimal(sells) / 500)
    assert answer["large"]["count"] == 11  # rows of 290 contracts and more


def test_a_journal_of_two_venues_wants_to_know_which(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spot, perpetual = synthetic(1, 1_500), synthetic(2, 1_200)
    record(
        tmp_path,
        {
            Instrument("binance", "BTCUSDT", "BTC", "USDT"): spot,
            Instrument("binance-usdm", "BTCUSDT", "BTC", "USDT", "usdm", kind="perpetual", row_span=100_000): perpetual,
        },
    )
    assert call(tmp_path, "--symbol", "BTCUSDT") == 2
    assert "holds binance-usdm:BTCUSDT, binance:BTCUSDT; say which with --symbol and --venue" in capsys.readouterr().err
    assert call(tmp_path, "--symbol", "BTCUSDT", "--venue", "binance-usdm", "--min-notional", "1", "--json") == 0
    flow = load_json(capsys.readouterr().out)["flow"]
    assert flow["venue"] == "binance-usdm"
    assert (
        flow["taker_buy_base"] == oracle.flow(perpetual, symbol="BTCUSDT", quote="USDT", trades=1000)["taker_buy_base"]
    )
    assert call(tmp_path, "--venue", "binance-usdm", "--symbol", "ETHUSDT") == 1
    assert capsys.readouterr().err.endswith("holds no trades of binance-usdm:ETHUSDT\n")
