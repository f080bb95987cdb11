"""What the samples of Binance's markets share: the wire's keys, and the faults of a row."""

from __future__ import annotations

import json
from typing import Any

from orderflow_stream.core.events import SELL
from orderflow_stream.venues.values import Ack, Reason, Refused, Rejected, Reply
from tests.venues.samples.kit import Facts

#: Restricted country, firewall, too much, banned; as on every market.
ERRORS: tuple[tuple[int, bytes, tuple[int | None, str]], ...] = (
    (400, b'{"code":-1121,"msg":"Invalid symbol."}', (-1121, "Invalid symbol.")),
    (
        451,
        b'{"code":0,"msg":"Service unavailable from a restricted location according to \'b. Eligibility\'"}',
        (0, "Service unavailable from a restricted location according to 'b. Eligibility'"),
    ),
    (403, b"<html>\n<head><title>403 Forbidden</title></head></html>", (
        None, "<html> <head><title>403 Forbidden</title></head></html>"
    )),
    (429, b'{"code":-1003,"msg":"Too many requests; current limit of IP(1.2.3.4) is 2400 requests per minute."}', (
        -1003, "Too many requests; current limit of IP(1.2.3.4) is 2400 requests per minute."
    )),
    (418, b'{"code":-1003,"msg":"Way too many requests; IP(1.2.3.4) banned until 1659146400000."}', (
        -1003, "Way too many requests; IP(1.2.3.4) banned until 1659146400000."
    )),
    (502, b"", (None, "HTTP 502 with an empty body")),
)  # fmt: skip

REPLIES: tuple[tuple[bytes, Reply], ...] = (
    (b'{"result":null,"id":1}', Ack(1)),
    (b'{"id":7,"result":["btcusdt@aggTrade"]}', Ack(7)),
    (b'{"code":2,"msg":"Invalid request","id":3}', Refused(3, 2, "Invalid request")),
    (b'{"error":{"code":4,"msg":"Too many subscriptions"},"id":19}', Refused(19, 4, "Too many subscriptions")),
    (b'{"stream":"x","data":{"e":"depthUpdate","E":1,"s":"ANY","b":[]}}', Rejected("event", "ANY")),
    (b"{", Rejected("json")),
    (b'"x"', Rejected("shape")),
)

FAULTS: tuple[tuple[dict[str, object], Reason], ...] = (
    ({"p": "1e5"}, "price"), ({"p": "0"}, "price"), ({"p": 1.5}, "price"), ({"p": "92233720368.54775808"}, "price"),
    ({"q": "0.00000000"}, "quantity"), ({"q": "-1"}, "quantity"), ({"q": None}, "quantity"),
    ({"a": -1}, "id"), ({"a": 2**63}, "id"), ({"a": "5"}, "id"), ({"a": True}, "id"),
    ({"T": 0}, "time"), ({"T": 10**17 + 1}, "time"), ({"T": "1"}, "time"),
    ({"m": 0}, "side"), ({"m": "true"}, "side"), ({"m": None}, "side"),
    ({"f": 9, "l": 8}, "fills"), ({"f": -1, "l": 8}, "fills"), ({"l": 2**63}, "fills"),
    ({"s": 5}, "symbol"), ({"e": "trade"}, "event"),
)  # fmt: skip


def wrap(event: object) -> bytes:
    """A frame of a combined stream."""
    return json.dumps({"stream": "any@aggTrade", "data": event}, ensure_ascii=False).encode()


def row(facts: Facts, unit: int = 1) -> dict[str, Any]:
    """A row of REST."""
    return {
        "a": facts.id, "p": facts.price, "q": facts.qty, "f": facts.first, "l": facts.last, "T": facts.ts // unit,
        "m": facts.side == SELL,
    }  # fmt: skip


def event(facts: Facts, unit: int = 1) -> dict[str, Any]:
    """An event of a stream."""
    return {"e": "aggTrade", "E": facts.ts // unit + 5, "s": facts.symbol} | row(facts, unit)
