"""Requests for every route: from nearly right to nonsense, and what any answer to them must be."""

from __future__ import annotations

import time
from typing import Final
from urllib.parse import quote, quote_from_bytes

from hypothesis import strategies as st

from orderflow_stream.delivery.http.params import Param
from orderflow_stream.delivery.http.routes import routes
from tests.fuzz.house import SYMBOLS, Answer, House

TABLE: Final = tuple(route for route in routes(metrics=True) if route.method == "GET" and "{" not in route.path)
ASKED: Final = tuple(route for route in TABLE if route.params)
RAW: Final = ("%", "%zz", "%u0041", "%00", "%ff%fe", "a=%C0%80", "+", ";", "=", "&&", "%26%3D", "#")
#: Seconds that a refusal may take.
REFUSED_WITHIN: Final = 0.05

WORDS: Final = (
    *SYMBOLS, "BTC", "*", "*USDT", "?", "top:3", "NOPE", "btcusdt", "", " ", "0", "1", "-1", "99", "100", "1000",
    "5000", "5001", "9" * 25, "1e3", "0x10", "1.5", "NaN", "inf", "1m", "5m", "1h", "1d", "row", "order", "number",
    "string", "true", "false", "binance", "kraken", "flow", "large,trade", "watch", "asc", "desc", "ABCD2345-1",
    "ABCD2345-" + "9" * 30, "١٢٣", "1,2", ",", "BTCUSDT," * 200, "[*]", "[a-z]*", "\u202e", "\x00", "\r\n", "<script>",
    "' OR 1=1", "../../etc/passwd", "%", "𝟙𝟘𝟘",
)  # fmt: skip


def _escaped(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def _values(param: Param) -> st.SearchStrategy[str]:
    near = [value for value in (param.example, param.default, *param.choices) if value is not None]
    bounds = [str(edge + step) for edge in (param.low, param.high) for step in (-1, 0, 1)]
    return st.sampled_from([str(value) for value in near] + bounds + list(WORDS)) | st.text(max_size=12)


def _near(param: Param) -> st.SearchStrategy[str]:
    """Values that are right, or nearly."""
    given = [str(value).lower() for value in (param.example, param.default, *param.choices) if value is not None]
    if param.kind == "integer":
        return (
            st.sampled_from(given) | st.integers(param.low - 1, param.high + 1).map(str)
            if given
            else st.integers(param.low - 1, param.high + 1).map(str)
        )
    if param.name in {"symbol", "symbols"}:
        return st.sampled_from([*SYMBOLS, "*USDT", "NOPE", ",".join(SYMBOLS)])
    return st.sampled_from(given or ["1", "true", "USDT"])


@st.composite
def targets(draw: st.DrawFn) -> bytes:
    """A request target with a query: nearly right ones; and odd values, repeated and unknown names, raw escapes."""
    route = draw(st.sampled_from(TABLE + ASKED * 3))
    known = {param.name: param for param in route.params or ()}
    parts: list[str] = []
    tidy: bool = draw(st.booleans())
    if known and tidy:
        names = draw(st.lists(st.sampled_from(sorted(known)), max_size=3, unique=True))
        who = [name for name in ("symbol", "symbols") if name in known]
        names += [name for name in who[:1] if name not in names]
        odd = draw(st.sampled_from([*names, None, None, None]))
        for name in names:
            value = "0" if name == "wait" else draw(_values(known[name]) if name == odd else _near(known[name]))
            parts.append(f"{name}={_escaped(value)}")
        return route.path.encode() + b"?" + "&".join(parts).encode()
    for _ in range(draw(st.integers(0, 5))):
        match draw(st.integers(0, 7)):
            case 0:
                parts.append(_escaped(draw(st.text(max_size=10))) + "=" + _escaped(draw(st.sampled_from(WORDS))))
            case 1:
                parts.append(quote_from_bytes(draw(st.binary(max_size=6)), safe="=&"))
            case 2:
                parts.append(draw(st.sampled_from(RAW)))
            case _ if known:
                name = draw(st.sampled_from(sorted(known)))  # a long poll waits as long as it is told
                parts.append("wait=0" if name == "wait" else f"{name}={_escaped(draw(_values(known[name])))}")
            case _:
                parts.append(_escaped(draw(st.text(max_size=5))))
    return route.path.encode() + (b"?" + "&".join(parts).encode("ascii", "replace") if parts else b"")


def assert_answered(house: House, target: bytes, *headers: bytes) -> Answer:
    """Whatever the target: never a fault of ours, every refusal in the envelope and at once."""
    answer, took = _timed(house, target, *headers)
    if answer.status in {502, 503}:  # the venue was asked, or it is not ready: documented, and the envelope says so
        assert answer.json["error"]["code"] in {"upstream_failed", "upstream_busy", "over_capacity", "not_ready"}
        return answer
    assert answer.status in {200, 304, 400, 404, 414, 431}, (target, answer)
    if answer.status >= 400:
        body = answer.json
        assert set(body) == {"data", "meta", "status", "message", "error", "success"}, target
        assert (body["data"], body["status"], body["success"]) == (None, "error", False), target
        assert set(body["error"]) == {"code", "param"}
        assert body["message"].isprintable()
        assert len(answer.body) < 4_096, "a refusal that quotes its input at length"
        for _ in range(9):  # the machine is shared: only what is always slow is slow
            if took <= REFUSED_WITHIN:
                break
            took = min(took, _timed(house, target, *headers)[1])
        assert took <= REFUSED_WITHIN, f"{target[:100]!r} took {took:.3f} s to be refused"
    return answer


def _timed(house: House, target: bytes, *headers: bytes) -> tuple[Answer, float]:
    began = time.perf_counter()
    answer = house.get(target, *headers)
    return answer, time.perf_counter() - began
