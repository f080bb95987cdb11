"""Logging: one record, one line, nothing forged, nothing flooded."""

import asyncio
import io
import json
import logging
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from aiohttp import web
from aiohttp.http_exceptions import BadStatusLine
from hypothesis import given
from hypothesis import strategies as st

from orderflow_stream import logs


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


pytestmark = pytest.mark.usefixtures("logs_restored")


def records(stream: io.StringIO) -> list[dict[str, Any]]:
    """The JSON lines written so far."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_lines() -> None:
    stream = io.StringIO()
    logs.configure("info", "auto", stream)
    structlog.get_logger("orderflow_stream.app").info(
        "listening", url="http://127.0.0.1:8080", symbol="币安人生USDT", n=6, late=0.5, ok=True
    )
    (record,) = records(stream)
    assert list(record)[:4] == ["timestamp", "level", "logger", "event"]
    at = datetime.fromisoformat(record.pop("timestamp"))
    assert abs((datetime.now(UTC) - at).total_seconds()) < 60
    assert at.microsecond % 1000 == 0
    assert record == {
        "level": "info",
        "logger": "orderflow_stream.app",
        "event": "listening",
        "url": "http://127.0.0.1:8080",
        "symbol": "币安人生USDT",
        "n": 6,
        "late": 0.5,
        "ok": True,
    }


def test_a_terminal_gets_colours_and_a_pipe_asked_for_console_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal, pipe = Terminal(), io.StringIO()
    logs.configure("info", "auto", terminal)
    structlog.get_logger("x").warning("stale", symbol="BTCUSDT")
    logs.configure("info", "console", pipe)
    structlog.get_logger("x").warning("stale", symbol="BTCUSDT")
    assert "\x1b[" in terminal.getvalue()
    assert "\x1b[" not in pipe.getvalue()
    assert "stale" in pipe.getvalue()
    assert "symbol=BTCUSDT" in pipe.getvalue()


@pytest.mark.parametrize("value,coloured", [("1", False), ("0", False), ("", True)])  # as no-color.org has it
@pytest.mark.parametrize("format", ["auto", "console"])
def test_no_color(monkeypatch: pytest.MonkeyPatch, format: str, value: str, coloured: bool) -> None:
    monkeypatch.setenv("NO_COLOR", value)
    terminal = Terminal()
    logs.configure("info", format, terminal)
    structlog.get_logger("x").warning("stale", symbol="BTCUSDT")
    assert ("\x1b[" in terminal.getvalue()) is coloured
    if not coloured:
        assert "symbol=BTCUSDT" in terminal.getvalue()


@pytest.mark.parametrize("value", [["BTCUSDT", "币安", 3, None], ("BTCUSDT", "币安", 3, None)])
def test_lists_are_lists(value: object) -> None:
    json_lines, console = io.StringIO(), io.StringIO()
    logs.configure("info", "json", json_lines)
    structlog.get_logger("x").info("m", symbols=value, none=[])
    logs.configure("info", "console", console)
    structlog.get_logger("x").info("m", symbols=value, none=[])
    (record,) = records(json_lines)
    assert (record["symbols"], record["none"]) == (["BTCUSDT", "币安", 3, None], [])
    assert console.getvalue().endswith(" none= symbols=BTCUSDT,币安,3,None\n")


def test_long_lists_are_cut() -> None:
    symbols = [f"S{n}USDT" for n in range(1000)]
    cleaned = logs.clean(symbols)
    assert isinstance(cleaned, list)
    shown = len(cleaned) - 1
    assert cleaned == [*symbols[:shown], f"… {1000 - shown} more"]
    assert shown > 20
    assert logs.clean(["x" * 1000]) == ["x" * (logs.LONGEST_ITEM - 1) + "…"]
    assert logs.clean(["a\r\nforged"]) == ["a\\r\\nforged"]
    assert logs.clean([["nested"], {"a": 1}]) == ["['nested']", "{'a': 1}"]


@pytest.mark.parametrize("level,seen", [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_levels_hold_for_both_kinds_of_loggers(level: str, seen: int) -> None:
    stream = io.StringIO()
    logs.configure(level, "json", stream)
    for log in (structlog.get_logger("ours"), logging.getLogger("theirs")):
        log.debug("m")
        log.info("m")
        log.warning("m")
        log.error("m")
    assert len(records(stream)) == 2 * seen


def test_unknown_level_or_format() -> None:
    with pytest.raises(ValueError, match="loud"):
        logs.configure("loud")
    with pytest.raises(ValueError, match="xml"):
        logs.configure("info", "xml")


def test_frames_and_requests_are_never_logged() -> None:
    stream = io.StringIO()
    logs.configure("debug", "json", stream)
    logging.getLogger("websockets.client").debug("< TEXT '...'")
    logging.getLogger("aiohttp.access").info("GET / 200")
    assert records(stream) == []


@pytest.mark.parametrize("format", ["json", "console"])
def test_an_exception_is_one_line_with_its_place(format: str) -> None:
    stream = io.StringIO()
    logs.configure("info", format, stream)
    for log in (structlog.get_logger("ours"), logging.getLogger("theirs")):
        try:
            int("no\nnumber")
        except ValueError:
            log.exception("failed")
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    for line in lines:
        assert "ValueError: invalid literal" in line
        assert "test_an_exception_is_one_line_with_its_place:test_logs.py:" in line


@given(st.text(), st.text())
def test_one_record_is_one_line(event: str, value: str) -> None:
    for renderer in ("json", "console"):
        stream = io.StringIO()
        logs.configure("info", renderer, stream)
        structlog.get_logger("x").info(event, value=value)
        logging.getLogger("y").info("%s", event)
        assert len(stream.getvalue().splitlines()) == 2
        assert stream.getvalue().replace("\n", "").isprintable()


@given(st.one_of(st.text(), st.binary(), st.integers(), st.floats(), st.none(), st.lists(st.text())))
def test_a_clean_value_is_short_and_printable(value: object) -> None:
    cleaned = logs.clean(value)
    text = ",".join(map(str, cleaned)) if isinstance(cleaned, list) else str(cleaned)
    assert len(text) <= logs.LONGEST_VALUE
    assert text.isprintable()


def test_clean() -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError

    assert logs.clean("x" * 256) == "x" * 256
    assert logs.clean("x" * 257) == "x" * 255 + "…"
    assert logs.clean("a\r\nforged\u202e") == "a\\r\\nforged\\u202e"
    assert logs.clean(10**5000) == "an integer of 16610 bits"
    assert logs.clean(Broken()) == "<Broken: RuntimeError in str()>"
    assert logs.clean(float("nan")) == "nan"


def test_configuring_twice_does_not_log_twice() -> None:
    first, second = io.StringIO(), io.StringIO()
    logs.configure("info", "json", first)
    logs.configure("info", "json", second)
    logging.getLogger("x").info("once")
    assert (len(records(first)), len(records(second))) == (0, 1)
    assert len(logging.getLogger("aiohttp.server").filters) == 1


def record(error: BaseException | None, message: str = "Error handling request from %s") -> logging.LogRecord:
    """What aiohttp's server logs."""
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("aiohttp.server", logging.ERROR, "x", 1, message, ("1.2.3.4",), info)


def test_malformed_requests_are_one_line_each_and_few() -> None:
    now = 0.0
    held = logs.ServerFilter(most=2, span=60.0, clock=lambda: now)
    passed = [each for each in (record(BadStatusLine("\x16\x03")) for _ in range(5)) if held.filter(each)]
    assert len(passed) == 2
    assert passed[0].levelname == "WARNING"
    assert passed[0].exc_info is None
    assert passed[0].getMessage().startswith("Error handling request from 1.2.3.4: BadStatusLine: ")
    assert "\n" not in passed[0].getMessage()
    now = 60.0
    later = record(BadStatusLine("x"))
    assert held.filter(later)
    assert later.getMessage().endswith("(3 more like it were not logged)")


def test_our_own_errors_keep_their_level_and_are_counted_apart() -> None:
    held = logs.ServerFilter(most=1, clock=lambda: 0.0)
    assert held.filter(record(BadStatusLine("x")))
    own = record(KeyError("x"))
    assert held.filter(own)
    assert own.levelname == "ERROR"
    assert own.exc_info is not None
    assert not held.filter(record(ZeroDivisionError()))


def test_a_client_that_hung_up_is_no_news() -> None:
    assert not logs.ServerFilter().filter(record(ConnectionResetError()))
    assert logs.ServerFilter().filter(record(None))


async def test_a_real_server_under_garbage_stays_quiet() -> None:
    stream = io.StringIO()
    logs.configure("info", "json", stream)
    runner = web.AppRunner(web.Application())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        port = runner.addresses[0][1]
        for _ in range(2 * logs.CAP_RECORDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nbad\x00header\r\n\r\n")
            answer = await asyncio.wait_for(reader.read(), 10)
            assert b" 400 " in answer.split(b"\r\n")[0]
            writer.close()
            await writer.wait_closed()
    finally:
        await runner.cleanup()
    written = records(stream)
    assert len(written) == logs.CAP_RECORDS
    assert {each["level"] for each in written} == {"warning"}
    assert all("Traceback" not in each["event"] and "127.0.0.1" in each["event"] for each in written)
