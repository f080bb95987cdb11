"""Control messages and their replies, as documented and as seen on the wire."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from orderflow_stream.simulator.control import answer


class Subscriber:
    def __init__(self) -> None:
        self.combined = False
        self._streams: dict[str, None] = {}

    @property
    def streams(self) -> list[str]:
        return list(self._streams)

    def subscribe(self, names: list[str]) -> None:
        self._streams.update(dict.fromkeys(names))

    def unsubscribe(self, names: list[str]) -> None:
        for name in names:
            self._streams.pop(name, None)


def ask(subscriber: Subscriber, message: object, max_streams: int = 1024) -> Any:
    text = message if isinstance(message, str) else orjson.dumps(message).decode()
    return orjson.loads(answer(text, subscriber, max_streams))


def test_subscribe_list_unsubscribe() -> None:
    subscriber = Subscriber()
    names = ["btcusdt@aggTrade", "NOSUCH@aggTrade", "币安人生usdt@aggTrade"]
    assert ask(subscriber, {"method": "SUBSCRIBE", "params": names, "id": 1}) == {"result": None, "id": 1}
    assert ask(subscriber, {"method": "SUBSCRIBE", "params": names[:1], "id": "a1"}) == {"result": None, "id": "a1"}
    assert ask(subscriber, {"method": "LIST_SUBSCRIPTIONS", "id": None}) == {"result": names, "id": None}
    gone = {"method": "UNSUBSCRIBE", "params": [names[0], "never@had"], "id": -3}
    assert ask(subscriber, gone) == {"result": None, "id": -3}
    assert subscriber.streams == names[1:]


def test_the_combined_property() -> None:
    subscriber = Subscriber()
    assert ask(subscriber, {"method": "GET_PROPERTY", "params": ["combined"], "id": 2})["result"] is False
    assert ask(subscriber, {"method": "SET_PROPERTY", "params": ["combined", True], "id": 5})["result"] is None
    assert ask(subscriber, {"method": "GET_PROPERTY", "params": ["combined"], "id": 2})["result"] is True


@pytest.mark.parametrize(
    "message, code",
    [
        ({"method": "GET_PROPERTY", "params": ["colour"], "id": 1}, 0),
        ({"method": "SET_PROPERTY", "params": ["combined", 1], "id": 1}, 1),
        ({"method": "SET_PROPERTY", "params": ["combined"], "id": 1}, 2),
        ({"method": "SET_PROPERTY", "params": ["combined", True, 1], "id": 1}, 2),
        ({"method": "GET_PROPERTY", "params": [7], "id": 1}, 2),
        ({"method": "DANCE", "id": 1}, 2),
        ({"method": "subscribe", "params": [], "id": 1}, 2),
        ({"params": [], "id": 1}, 2),
        ({"method": "SUBSCRIBE", "id": 1}, 2),
        ({"method": "SUBSCRIBE", "params": "btcusdt@aggTrade", "id": 1}, 2),
        ({"method": "SUBSCRIBE", "params": [1], "id": 1}, 2),
        ({"method": "LIST_SUBSCRIPTIONS", "id": 1.5}, 2),
        ({"method": "LIST_SUBSCRIPTIONS", "id": True}, 2),
        ({"method": "LIST_SUBSCRIPTIONS", "id": "x" * 37}, 2),
        ({"method": "LIST_SUBSCRIPTIONS", "id": "a-b"}, 2),
        ([1], 2),
        ("7", 2),
        ("{", 3),
        ("", 3),
    ],
)
def test_errors_are_flat_and_change_nothing(message: object, code: int) -> None:
    subscriber = Subscriber()
    reply = ask(subscriber, message)
    assert reply["code"] == code
    assert reply["msg"]
    assert (subscriber.streams, subscriber.combined) == ([], False)


def test_too_many_streams_is_nested_and_changes_nothing() -> None:
    subscriber = Subscriber()
    subscriber.subscribe(["a", "b"])
    reply = ask(subscriber, {"method": "SUBSCRIBE", "params": ["b", "c", "d"], "id": 19}, max_streams=3)
    assert reply == {"error": {"code": 4, "msg": "Too many subscriptions"}, "id": 19}
    assert subscriber.streams == ["a", "b"]
    assert ask(subscriber, {"method": "SUBSCRIBE", "params": ["b", "c"], "id": 1}, max_streams=3)["result"] is None
