"""Query strings, resume ids and forwarded addresses against a running daemon."""

from __future__ import annotations

import re

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.fuzz.house import SYMBOLS, House
from tests.fuzz.requests import assert_answered, targets

HELLO = re.compile(rb"event: hello\nid: (\S+)\n(?:retry: \d+\n)?data: (.*)\n\n")
STREAM = f"/v1/stream?symbols={SYMBOLS[0]}&topics=flow"


@given(targets())
@example(b"/v1/flow?" + b"a&" * 10_000)
@example(b"/v1/flow?" + b"&" * 8_000)
@example(b"/v1/flow?" + b"symbol=BTCUSDT&" * 500)
@example(b"/v1/flow?symbol=" + b"A" * 8_000)
@example(b"/v1/flow?symbol=" + b"%F0%9F%92%A9" * 600)
@example(b"/v1/flow?symbols=" + b"*," * 3_000)
@example(b"/v1/flow?symbols=" + b"*" * 4_000)
@example(b"/v1/stream?symbols=" + b"*a" * 2_000)
@example(b"/v1/flow?symbol=BTCUSDT&trades=" + b"9" * 5_000)
@example(b"/v1/flow?symbol=BTCUSDT&after=" + b"A" * 5_000)
@example(b"/v1/large?symbol=BTCUSDT&min_notional=0." + b"0" * 5_000 + b"1")
@example(b"/v1/trades?symbol=BTCUSDT&from_id=9223372036854775808")
@example(b"/v1/flow?symbol=%ED%A0%80")
@example(b"/v1/flow?symbol=BTCUSDT%00")
@settings(max_examples=350)
def test_any_query_is_answered_or_refused_in_the_envelope(house: House, target: bytes) -> None:
    assert_answered(house, target)


@pytest.mark.parametrize("route", ["/v1/flow?symbols=", "/v1/stream?topics=trade&symbols="])
def test_a_list_has_few_patterns(house: House, route: str) -> None:
    """Each is held against every symbol there is: thousands of them would hold everybody up for seconds."""
    answer = house.get(route + ",".join("B" + "?" * count for count in range(1, 18)))
    assert (answer.status, answer.json["error"]) == (400, {"code": "bad_parameter", "param": "symbols"})
    many = route + ",".join(["*"] * 3_000)  # one, written often
    assert house.get(many, until=None if "flow" in route else b"event: hello").status == 200


@given(st.binary(min_size=1, max_size=40), st.booleans())
@settings(max_examples=120)
def test_any_bytes_in_the_target(house: House, junk: bytes, in_path: bool) -> None:
    clean = bytes(byte for byte in junk if byte not in b"\r\n ")
    answer = house.get(b"/" + clean if in_path else b"/v1/flow?symbol=" + clean)
    assert answer.status in {200, 400, 404, 405}
    if answer.status >= 400:
        assert answer.json["success"] is False


def _hello(house: House, *headers: bytes, target: str = STREAM) -> tuple[str, dict[str, object]] | None:
    """The stream's first event, and that a snapshot follows where nothing was recovered; None where it was refused."""
    answer = house.get(target, *headers, until=b"event: flow")
    if answer.status != 200:
        assert answer.status == 400, answer
        assert answer.json["error"]["code"] == "bad_parameter"
        return None
    found = HELLO.search(answer.body)
    assert found is not None, answer.body
    return found[1].decode("ascii"), orjson.loads(found[2])


def test_a_position_of_ours_is_taken_up_again(house: House) -> None:
    first = _hello(house)
    assert first is not None
    assert first[1]["recovered"] is False
    again = _hello(house, b"Last-Event-ID: " + first[0].encode())
    assert again is not None
    assert again[1]["recovered"] is True
    assert again[1]["resumed_from"] == again[0] == first[0]


@st.composite
def resume_ids(draw: st.DrawFn) -> bytes:
    """Bytes for the header: free, or something like an id (`EPOCH` stands for the daemon's own)."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=60))
    epoch = draw(st.sampled_from([b"EPOCH", b"epoch", b"ABCD2345", b"", b"EPOCH-0"]))
    seq = draw(
        st.sampled_from(
            [
                b"0",
                b"00",
                b"1",
                b"-1",
                b"+1",
                b"1e3",
                b"9" * 18,
                b"9" * 19,
                b"9" * 5_000,
                b" 1",
                "٣".encode(),
                b"",
                b"1 ",
                b"1,2",
            ]
        )
    )
    return epoch + draw(st.sampled_from([b"-", b"_", b"", b"--", b"\xe2\x80\x93"])) + seq


@given(resume_ids())
@example(b"EPOCH-999999999999999999")
@example(b"EPOCH-0")
@example(b"\x00")
@example(b"\xff\xfe")
@example(b"EPOCH-1\r\nX-Injected: yes")
@settings(max_examples=120)
def test_any_resume_id_is_refused_not_recovered_or_exact(house: House, raw: bytes) -> None:
    """Never a fault, and never a silent jump: what is recovered is exactly the position that was asked for."""
    log = house.daemon.hub.log
    sent = raw.replace(b"EPOCH", log.epoch.encode())
    before = log.seq
    hello = _hello(house, b"Last-Event-ID: " + sent)
    if hello is None:
        return
    id_, data = hello
    asked = sent.partition(b"\r")[0].strip(b" \t")
    match = re.fullmatch(log.epoch.encode() + rb"-([0-9]{1,18})", asked)
    if data["recovered"]:
        assert match is not None, f"{raw!r} was taken for a position"
        assert int(match[1]) <= log.seq
        assert id_ == data["resumed_from"] == f"{log.epoch}-{int(match[1])}"
    else:
        assert data["resumed_from"] is None
        assert int(id_.rpartition("-")[2]) >= before, "it begins in the past without saying that it resumes"


@pytest.mark.parametrize("where", ["query", "header"])
def test_the_resume_id_may_stand_in_the_query_and_the_header_wins(house: House, where: str) -> None:
    first = _hello(house)
    assert first is not None
    good, other = first[0], "AAAAAAAA-1"
    query, header = (good, None) if where == "query" else (other, good)
    headers = [b"Last-Event-ID: " + header.encode()] if header else []
    hello = _hello(house, *headers, target=f"{STREAM}&last_event_id={query}")
    assert hello is not None
    assert hello[1]["recovered"] is True


ADDRESSES = (
    b"127.0.0.1", b"192.0.2.7", b"2001:db8::7", b"::ffff:192.0.2.7", b"[::1]:80", b"192.0.2.7:80", b"unknown",
    b"fe80::1%eth0", b",", b" , ,", b"999.1.1.1", b"1" * 5_000, b"127.0.0.1," * 500, b"::/0", b"0x7f.1",
)  # fmt: skip


@given(st.lists(st.binary(max_size=40) | st.sampled_from(ADDRESSES), min_size=1, max_size=3))
@settings(max_examples=120)
def test_any_forwarded_address(house: House, values: list[bytes]) -> None:
    """127.0.0.1 is a trusted proxy here, so the header is read; a stream is what looks at the address."""
    headers = [b"X-Forwarded-For: " + bytes(byte for byte in value if byte not in b"\r\n") for value in values]
    answer = house.get(STREAM, *headers, until=b"event: hello")
    assert answer.status in {200, 400, 431}
    for client in house.daemon.hub._roster.live():
        assert re.fullmatch(r"[0-9a-f.:]+(/64)?", client.remote), client.remote
