"""Logging: one record is one line, for a person on a terminal and as JSON otherwise.

`configure` is called once, by the command. Everybody else asks `structlog.get_logger("orderflow_stream.<module>")` or
the standard library's `logging`; both end here. What strangers can send (symbols, paths, headers) is escaped and cut,
so that no one forges a line or floods the disk.
"""

import logging
import math
import os
import re
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, TextIO

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

LONGEST_VALUE: Final = 256
LONGEST_ITEM: Final = 120  # of a list
_ROOM_FOR_MORE: Final = 32  # for the item that says how many were left out
FRAMES: Final = 8
HANDLER_NAME: Final = "orderflow_stream"
_FIRST: Final = ("timestamp", "level", "logger", "event")

# Malformed requests cost their sender nothing: ten lines a minute tell an operator as much as ten thousand.
CAP_RECORDS: Final = 10
CAP_SECONDS: Final = 60.0

#: A key of a client. Nobody logs one; that nobody ever does is held here.
_SECRET: Final = re.compile(r"(ofd_[a-z2-7]{8}_)[A-Za-z0-9_-]+", re.ASCII)

Scalar = str | int | float | bool | None

# What these say below the level named here is per frame or per request: never in our log, whatever its level.
_FLOORS: Final = {
    "aiohttp.access": logging.WARNING,
    "asyncio": logging.WARNING,
    "websockets": logging.WARNING,
}


def configure(level: str = "info", format: str = "auto", stream: TextIO | None = None) -> None:
    """Send all logging to `stream` (standard error if None). Calling it again replaces what it did before.

    `level` is `debug`, `info`, `warning` or `error`; `format` is `console`, `json`, or `auto` for console on a terminal
    and JSON otherwise; a terminal gets colours unless NO_COLOR is set. Raises ValueError for anything else.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None or format not in {"auto", "console", "json"}:
        raise ValueError(f"no such log level or format: {level!r}, {format!r}")
    target = sys.stderr if stream is None else stream
    terminal = target.isatty()
    if format == "console" or (format == "auto" and terminal):
        colours = terminal and not os.environ.get("NO_COLOR")
        console = structlog.dev.ConsoleRenderer(colors=colours, pad_event_to=36)
        renderers: list[structlog.typing.Processor] = [_join_lists, console]
    else:
        renderers = [structlog.processors.JSONRenderer(serializer=_json)]

    shared: list[structlog.typing.Processor] = [
        _timestamp,
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.set_name(HANDLER_NAME)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, one_line, *renderers],
        )
    )
    root = logging.getLogger()
    for old in [each for each in root.handlers if each.get_name() == HANDLER_NAME]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(number)
    for name, floor in _FLOORS.items():
        logging.getLogger(name).setLevel(max(floor, number))
    server = logging.getLogger("aiohttp.server")
    for each in [each for each in server.filters if isinstance(each, ServerFilter)]:
        server.removeFilter(each)
    server.addFilter(ServerFilter())


def _timestamp(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    event["timestamp"] = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return event


def _json(event: EventDict, **_: object) -> str:
    return orjson.dumps(event, default=str).decode()


def one_line(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Make every value a short piece of one line; an exception becomes `error` and, innermost frame first, `at`."""
    failed = _exception(event.pop("exc_info", None))
    event.pop("stack_info", None)
    if failed is not None:
        event.setdefault("error", f"{type(failed).__name__}: {failed}" if str(failed) else type(failed).__name__)
        frames = _frames(failed.__traceback__)
        if frames:
            event.setdefault("at", frames)
    ordered = {key: event[key] for key in _FIRST if key in event} | dict(event)
    return {key: clean(value) for key, value in ordered.items()}


def _join_lists(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {key: ",".join(map(str, value)) if isinstance(value, list) else value for key, value in event.items()}


def clean(value: object) -> Scalar | list[Scalar]:
    """A value for the log: numbers and truth as they are, lists and tuples as lists of such, all else as escaped text
    of at most `LONGEST_VALUE`. A list whose items are longer than that together ends with `… n more`."""
    if not isinstance(value, list | tuple):
        return _scalar(value, LONGEST_VALUE)
    items: list[Scalar] = []
    room = LONGEST_VALUE - _ROOM_FOR_MORE
    for each in value:
        item = _scalar(each, LONGEST_ITEM)
        room -= len(str(item)) + len(",")
        if room < 0:
            items.append(f"… {len(value) - len(items)} more")
            break
        items.append(item)
    return items


def _scalar(value: object, longest: int) -> Scalar:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if value.bit_length() <= 63 else f"an integer of {value.bit_length()} bits"
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    try:
        text = str(value)
    except Exception as error:  # noqa: BLE001 - whatever a foreign __str__ does, a log line must not end its caller
        text = f"<{type(value).__name__}: {type(error).__name__} in str()>"
    if "ofd_" in text:
        text = _SECRET.sub(r"\1…", text)
    # One more than fits, so that the end of a longer text still shows.
    head = text[: longest + 1]
    escaped = head if head.isprintable() else "".join(map(_escape, head))
    return escaped if len(escaped) <= longest else f"{escaped[: longest - 1]}…"


def _escape(character: str) -> str:
    # Not printable: control characters, line separators, marks that turn the direction of text, lone surrogates.
    return character if character.isprintable() else character.encode("unicode_escape").decode()


def _exception(info: object) -> BaseException | None:
    match info:
        case BaseException():
            return info
        case (_, BaseException() as error, _):
            return error
        case True:
            return sys.exc_info()[1]
    return None


def _frames(trace: TracebackType | None) -> str:
    frames = traceback.extract_tb(trace)[-FRAMES:]
    return " < ".join(f"{each.name}:{each.filename.rpartition('/')[2]}:{each.lineno}" for each in reversed(frames))


class ServerFilter(logging.Filter):
    """aiohttp's server log without its tracebacks for what clients did, and with a cap on the rest.

    A malformed request becomes one line at `warning`; a client that hung up is dropped; an exception of our own
    handlers stays an `error`. Of each kind `most` records pass in `span` seconds; the next that passes says how many
    did not. `clock` gives monotonic seconds.
    """

    def __init__(
        self,
        most: int = CAP_RECORDS,
        span: float = CAP_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._most = most
        self._span = span
        self._clock = clock
        self._kinds: dict[str, list[Any]] = {}  # kind -> [start of its span, passed, held back]

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record passes; it may be changed on the way."""
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if isinstance(error, ConnectionError):
            return False
        malformed = error is not None and _is_malformed(error)
        held = self._admit("malformed" if malformed else "own")
        if held is None:
            return False
        message = record.getMessage()
        if malformed:
            # The library's message repeats the bytes over several lines; its first says what was wrong.
            reason = (str(getattr(error, "message", error)).splitlines() or [""])[0]
            message = f"{message}: {type(error).__name__}: {reason}"
            record.exc_info = None
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.msg = f"{message} ({held} more like it were not logged)" if held else message
        record.args = ()
        return True

    def _admit(self, kind: str) -> int | None:
        """None to hold back, else how many were held back since the last that passed."""
        now = self._clock()
        state = self._kinds.setdefault(kind, [now, 0, 0])
        if now - state[0] >= self._span:
            state[0], state[1] = now, 0
        if state[1] >= self._most:
            state[2] += 1
            return None
        state[1] += 1
        held, state[2] = state[2], 0
        return int(held)


def _is_malformed(error: BaseException) -> bool:
    # By name: importing aiohttp for this would cost every command 0.4 s.
    return any(each.__module__ == "aiohttp.http_exceptions" for each in type(error).__mro__)
