"""Files that a user hands over: archives and the configuration."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from orderflow_stream.config import describe
from tests.fuzz import checks, inputs

ROOT = Path(__file__).parents[2]

CSV = (
    b"agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"
    b"1,3895.21,0.0123,10,12,1760000000000,True\n2,3895.22,1,13,13,1760000000001000,false\n"
)
JSON = b'[{"a":1,"p":"3895.21","q":"0.0123","f":10,"l":12,"T":1760000000000,"m":true,"M":true}]'


def zipped(data: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("BTCUSDT-aggTrades-2025-10-04.csv", data)
    return out.getvalue()


def relabelled(archive: bytes, method: int) -> bytes:
    """A zip whose headers claim another compression."""
    local = archive.index(b"PK\3\4") + 8
    central = archive.index(b"PK\1\2") + 10
    for at in (local, central):
        archive = archive[:at] + struct.pack("<H", method) + archive[at + 2 :]
    return archive


ARCHIVES = (CSV, JSON, gzip.compress(CSV), zipped(CSV), zipped(CSV, zipfile.ZIP_LZMA), zipped(CSV, zipfile.ZIP_BZIP2))


def test_what_mutations_start_from_is_read() -> None:
    assert [checks.archive(data) for data in ARCHIVES] == [2, 1, 2, 2, 2, 2]


@given(st.one_of(inputs.mutated(ARCHIVES), st.binary(max_size=300)))
@example(relabelled(zipped(CSV), zipfile.ZIP_LZMA))
@example(relabelled(zipped(CSV), zipfile.ZIP_BZIP2))
@example(relabelled(zipped(CSV), 93))
@example(relabelled(zipped(CSV), zipfile.ZIP_STORED))
@example(b"[" * 100_000)
@example(b"[]")
@example(b"1,1,1,1,1," + b"9" * 5_000 + b",true\n")
@example(b'[{"a":1,"p":"1","q":"1","T":' + b"9" * 5_000 + b',"m":true}]')
@settings(max_examples=400)
def test_archives_are_rows_or_archive_errors(data: bytes) -> None:
    checks.archive(data)


EXAMPLE = (ROOT / "config.example.toml").read_bytes()
KEYS = [each.key for each in describe()]
SNIPPETS = (
    EXAMPLE,
    b'[server]\nhost = "127.0.0.1"\nport = 8080\n',
    b'[venues.binance]\nsymbols = ["BTCUSDT", "*USDT", "top:100"]\n',
    b"[analytics.large]\nmin_notional = 1e5\nby_quote = { BTC = 2.5 }\n",
    b"[delivery]\nheartbeat_s = 2\ntick_ms = 100\n",
)


@st.composite
def assignments(draw: st.DrawFn) -> bytes:
    """Known keys with values of every kind of TOML."""
    values = [
        "true", "0", "-1", "1e400", "nan", "inf", "-inf", "0.1", "'x'", '""', "[]", "{}", "[[]]", "[1, 'a', {}]",
        "1979-05-27", "1979-05-27T07:32:00Z", "07:32:00", "0x7fffffffffffffff", "9" * 4_300, "1" + "0" * 400,
        '"\\u0000"', '"\\u202e"', "'''\n'''", '["' + "A" * 3_000 + '"]', '"' + "1" * 5_000 + '"', "{a=1}", "{a.b=1}",
        "1_0", '"1m"', '["1m","60s"]', '"１"',
    ]  # fmt: skip
    lines = []
    for key in draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=4, unique=True)):
        wide = draw(st.sampled_from(["{}", "{}", "{}", "{}.x", "x.{}"]))
        lines.append(f"{wide.format(key)} = {draw(st.sampled_from(values))}")
    return "\n".join(lines).encode()


@given(
    st.one_of(
        assignments(),
        inputs.mutated(SNIPPETS),
        st.binary(max_size=200),
        st.text().map(lambda text: text.encode("utf-8", "surrogatepass")),
    )
)
@example(b"\xff")
@example(b"a = " + b"[" * 50_000)
@example(b"a = 1e999999999999999999")
@example(b"analytics.large.min_notional = 1e999999999999999999")
@example(b"analytics.large.min_notional = 1e-999999999")
@example(b"server.port = " + b"9" * 5_000)
@example(b"delivery.heartbeat_s = 1e400")
@example(b"analytics.flow.pressure_strong = nan")
@example(b'"\\u0000" = 1')
@example(b'"a.b" = 1')
@settings(max_examples=250)
def test_configuration_files_are_settings_or_config_errors(data: bytes) -> None:
    checks.config_file(data)


VARIABLES = [each.env for each in describe()]


def environments() -> st.SearchStrategy[dict[str, str]]:
    """Known and unknown variables with any text in them."""
    names = (
        st.sampled_from(VARIABLES)
        | st.sampled_from(VARIABLES).map(lambda name: name + "__X")
        | st.text(max_size=20).map(lambda text: "ORDERFLOW_" + text)
    )
    odd = ["", ",", "nan", "1e999999999", "9" * 5_000, "\x00", "\ud800", "-1", "١", "true", "[]", "{}"]
    return st.dictionaries(names, st.text() | st.sampled_from(odd), max_size=4)


@given(environments())
@example({"ORDERFLOW_ANALYTICS__LARGE__BY_QUOTE__\n": "1"})
@example({"ORDERFLOW_ANALYTICS__LARGE__BY_SYMBOL__": ""})
@example({"ORDERFLOW_ANALYTICS__LARGE__MIN_NOTIONAL": "1e999999999999999999"})
@settings(max_examples=250)
def test_variables_are_settings_or_config_errors(environ: dict[str, str]) -> None:
    checks.config_environment(environ)


def test_the_example_is_accepted() -> None:
    assert checks.config_file(EXAMPLE)
    assert not checks.config_file(b"server.port = 'x'")
