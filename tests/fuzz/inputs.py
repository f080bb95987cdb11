"""What is thrown at the daemon: bytes, mutations of real things, and the shapes that have broken parsers before."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import orjson
from hypothesis import strategies as st

#: Recorded messages lie beside the checkout for whoever has them.
SHARED: Final = Path(__file__).resolve().parents[3] / "shared"

RECV: Final = 1_760_000_000_000_000
WATCHED: Final = ("BTCUSDT", "ETHUSDT", "币安人生USDT")

_GOOD: Final = (
    b'{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1760000000000123,"s":"BTCUSDT","a":164325055,'
    b'"p":"3895.21000000","q":"0.01230000","f":176565300,"l":176565302,"T":1760000000000120,"m":true,"M":true}}'
)
_BARE: Final = (
    b'{"e":"aggTrade","E":1672515782136,"s":"ETHUSDT","a":12345,"p":"0.001","q":"100","f":100,"l":105,'
    b'"T":1672515782136,"m":false,"M":true}'
)
_INVALID: Final = (
    b'{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1760000000000123,"s":"BTCUSDT","a":164325056,'
    b'"p":"0.00000000","q":"0.00000000","f":-1,"l":-1,"T":1760000000000120,"m":true,"M":true}}'
)
_REPLIES: Final = (
    b'{"result":null,"id":1}',
    b'{"code":2,"msg":"Invalid request: unknown variant","id":3}',
    b'{"error":{"code":4,"msg":"Too many subscriptions"},"id":19}',
    b'{"e":"serverShutdown","E":1760000000000123}',
    b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1760000000000123}}',
    '{"stream":"币安人生usdt@aggTrade","data":{"e":"aggTrade","s":"币安人生USDT","a":1,"p":"1","q":"1","T":1760000000000,"m":false}}'.encode(),
)

#: Values that a field may suddenly have, as JSON text.
ODD_VALUES: Final = (
    "null", "true", "false", "0", "-0", "-1", "1e308", "1e-400", "1E400", "NaN", "Infinity", "-Infinity", "0x10",
    "9" * 4_300, "-" + "9" * 4_300, "9223372036854775807", "9223372036854775808", "18446744073709551616", "1.5",
    "0.1e1", '""', '"0"', '"-1"', '"+1"', '"1e5"', '"NaN"', '"' + "9" * 4_300 + '"', '"0.' + "0" * 400 + '1"',
    '"92233720368.54775807"', '"92233720368.54775808"', '"１２"', '" 1"', '"1\\u0000"', '"\\ud800"', '"\\udfff\\ud800"',
    '"1_000"', '"0x1"', '".5"', '"5."', '"00.1"', "[]", "{}", "[[]]", '{"e":"aggTrade"}', "01", "1.", '"\x7f"',
)  # fmt: skip


@lru_cache(maxsize=1)
def recorded_frames() -> tuple[bytes, ...]:
    """Real frames and REST rows of several venues, where the recordings are there; a few hundred at most."""
    folder = SHARED / "venues"
    if not folder.is_dir():
        return ()
    found: list[bytes] = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.stat().st_size < 1 << 21:
            found += [line.strip() for line in path.read_bytes().splitlines()[:4] if 1 < len(line) < 20_000]
    return tuple(dict.fromkeys(found))[:400]


SEEDS: Final = (_GOOD, _BARE, _INVALID, *_REPLIES)


def seeds() -> tuple[bytes, ...]:
    """Everything that mutations start from."""
    return (*SEEDS, *recorded_frames())


WORDS: Final = (
    "e", "s", "a", "p", "q", "T", "m", "f", "l", "data", "stream", "id", "result", "error", "code", "msg", "aggTrade",
    "serverShutdown", "BTCUSDT", "symbols", "rateLimits",
)  # fmt: skip


def json_values() -> st.SearchStrategy[Any]:
    """Any JSON value, with the words of the wire among its keys."""
    words = st.sampled_from(WORDS)
    leaves = (
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text() | words
    )
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words | st.text(), inner, max_size=8),
        max_leaves=20,
    )  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, sources: tuple[bytes, ...] | None = None) -> bytes:
    """A real frame with one to four things done to it."""
    data = draw(st.sampled_from(sources or seeds()))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        match draw(st.integers(0, 5)):
            case 0:  # a bit
                if at < len(data):
                    data = data[:at] + bytes([data[at] ^ (1 << draw(st.integers(0, 7)))]) + data[at + 1 :]
            case 1:  # cut off
                data = data[:at]
            case 2:  # bytes put in
                data = data[:at] + draw(st.binary(max_size=8)) + data[at:]
            case 3:  # a piece twice
                end = draw(st.integers(at, len(data)))
                data = data[:end] + data[at:end] + data[end:]
            case 4:  # another value for a field
                data = _with_value(data, draw(st.integers(0, 30)), draw(st.sampled_from(ODD_VALUES)))
            case _:  # another frame's end
                other = draw(st.sampled_from(sources or seeds()))
                data = data[:at] + other[draw(st.integers(0, len(other))) :]
    return data


def _with_value(data: bytes, which: int, value: str) -> bytes:
    """The value after the `which`-th colon replaced."""
    colons = [at for at, byte in enumerate(data) if byte == 0x3A]
    if not colons:
        return data
    at = colons[which % len(colons)] + 1
    ends = [end for mark in b",}" if (end := data.find(bytes([mark]), at)) >= 0]
    return data[:at] + value.encode("utf-8", "surrogatepass") + data[min(ends, default=len(data)) :]


@st.composite
def nested(draw: st.DrawFn) -> bytes:
    """Deeper than any parser's stack."""
    depth = draw(st.sampled_from([10, 900, 1_100, 20_000, 200_000]))
    opened, closed = draw(st.sampled_from([(b"[", b"]"), (b'{"data":', b"}"), (b'{"a":[', b"]}")]))
    middle = draw(st.sampled_from([b"", b"1", _GOOD]))
    return opened * depth + middle + (closed * depth if draw(st.booleans()) else b"")


def frames() -> st.SearchStrategy[bytes]:
    """What a websocket may bring."""
    return st.one_of(mutated(), mutated(SEEDS), st.binary(max_size=300), nested(), json_values().map(orjson_bytes))


def orjson_bytes(value: Any) -> bytes:
    """JSON; what orjson will not write (lone surrogates) becomes text with replacement marks."""
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        return repr(value).encode("utf-8", "surrogatepass")
