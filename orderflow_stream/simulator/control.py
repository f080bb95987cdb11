"""Control messages of a stream connection: one request in, one reply out; pure but for the subscriptions it edits."""

from __future__ import annotations

import re
from typing import Any, Final, Protocol

import orjson

MAX_STREAMS: Final = 1024
_METHODS: Final = "SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS, SET_PROPERTY, GET_PROPERTY"
_ID_TEXT: Final = re.compile("[A-Za-z0-9]{0,36}")


class Subscriber(Protocol):
    """What a connection lets control messages see and change."""

    combined: bool

    @property
    def streams(self) -> list[str]: ...

    def subscribe(self, names: list[str]) -> None: ...

    def unsubscribe(self, names: list[str]) -> None: ...


class _BadRequestError(Exception):
    def __init__(self, code: int, msg: str) -> None:
        super().__init__(msg)
        self.code = code
        self.msg = msg


def answer(text: str, subscriber: Subscriber, max_streams: int = MAX_STREAMS) -> bytes:
    """The reply to one text frame. Names are never checked: an unknown or upper-case one is acknowledged too."""
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return orjson.dumps(
            {"code": 3, "msg": f"Invalid JSON: expected value at line {error.lineno} column {error.colno}"}
        )
    id_ = message.get("id") if isinstance(message, dict) else None
    try:
        _check_id(id_)
        return orjson.dumps({"result": _perform(message, subscriber, max_streams), "id": id_})
    except _BadRequestError as error:
        if error.code == 4:  # seen nested on the wire, unlike the documented ones
            return orjson.dumps({"error": {"code": 4, "msg": error.msg}, "id": id_})
        reply: dict[str, Any] = {"code": error.code, "msg": error.msg}
        if isinstance(id_, str | int) and not isinstance(id_, bool):
            reply["id"] = id_
        return orjson.dumps(reply)


def _check_id(id_: object) -> None:
    is_integer = isinstance(id_, int) and not isinstance(id_, bool) and -(2**63) <= id_ < 2**63
    if id_ is None or is_integer or (isinstance(id_, str) and _ID_TEXT.fullmatch(id_)):
        return
    raise _BadRequestError(2, "Invalid request: request ID must be an integer, an alphanumeric string or null")


def _perform(message: object, subscriber: Subscriber, max_streams: int) -> object:
    if not isinstance(message, dict):
        raise _BadRequestError(2, "Invalid request: expected an object")
    if "method" not in message:
        raise _BadRequestError(2, "Invalid request: missing field `method`")
    method = message["method"]
    params = message.get("params", [])
    if not isinstance(params, list):
        raise _BadRequestError(2, "Invalid request: params must be an array")
    match method:
        case "SUBSCRIBE":
            names = _names(message, params)
            if len({*subscriber.streams, *names}) > max_streams:
                raise _BadRequestError(4, "Too many subscriptions")
            subscriber.subscribe(names)
            return None
        case "UNSUBSCRIBE":
            subscriber.unsubscribe(_names(message, params))
            return None
        case "LIST_SUBSCRIPTIONS":
            return subscriber.streams
        case "GET_PROPERTY":
            _property(params, 1)
            return subscriber.combined
        case "SET_PROPERTY":
            _property(params, 2)
            if not isinstance(params[1], bool):
                raise _BadRequestError(1, "Invalid value type: expected Boolean")
            subscriber.combined = params[1]
            return None
        case _:
            raise _BadRequestError(2, f"Invalid request: unknown variant `{method}`, expected one of {_METHODS}")


def _names(message: dict[str, Any], params: list[Any]) -> list[str]:
    if "params" not in message:
        raise _BadRequestError(2, "Invalid request: missing field `params`")
    if not all(isinstance(name, str) for name in params):
        raise _BadRequestError(2, "Invalid request: stream names must be strings")
    return params


def _property(params: list[Any], count: int) -> None:
    if params and not isinstance(params[0], str):
        raise _BadRequestError(2, "Invalid request: property name must be a string")
    if len(params) > count:
        raise _BadRequestError(2, "Invalid request: too many parameters")
    if len(params) < count:
        raise _BadRequestError(2, "Invalid request: too few parameters")
    if params[0] != "combined":
        raise _BadRequestError(0, "Unknown property")
