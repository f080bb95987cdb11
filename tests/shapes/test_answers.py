"""The stated shapes against real answers: everything that is sent is stated, everything stated is sent."""

from typing import Any, get_args

import msgspec
import pytest

from orderflow_stream.core.events import FeedDown
from orderflow_stream.delivery.http.routes import routes
from orderflow_stream.shapes import answers
from orderflow_stream.shapes.answers import AnswerMeta, Failure
from tests.delivery.http.world import Daemon

TABLE = routes(metrics=True)
SHAPES = {route.path: route.data for route in TABLE if route.data is not None}

ASKED = [
    "/v1/flow?symbol=BTCUSDT",
    "/v1/flow?symbol=SILENTUSDT&window=5m",
    "/v1/flow?symbols=*&numbers=string",
    "/v1/large?symbol=BTCUSDT",
    "/v1/large?symbol=BTCUSDT&group=order&min_notional=1&numbers=string",
    "/v1/large?symbol=BTCUSDT&percentile=99",
    "/v1/bars?symbol=BTCUSDT",
    "/v1/bars?symbol=BTCUSDT&interval=1s&anchor=oldest&numbers=string",
    "/v1/trades?symbol=BTCUSDT",
    "/v1/gaps?symbol=BTCUSDT",
    "/v1/screener",
    "/v1/symbols",
    "/v1/symbols?quote=USDT",
    "/v1/meta",
    "/healthz",
    "/readyz",
]


@pytest.mark.parametrize("path", ASKED)
async def test_answers_have_the_stated_shape(daemon: Daemon, path: str) -> None:
    status, body, _ = await daemon.get(path)
    assert status == 200
    assert list(body) == ["data", "meta", "status", "message", "success"]
    assert (body["status"], body["success"]) == ("ok", True)
    shape: Any = SHAPES[path.partition("?")[0]]
    msgspec.convert(body["data"], shape, strict=True)
    msgspec.convert(body["meta"], AnswerMeta, strict=True)


@pytest.mark.parametrize("path", ["/v1/flow", "/nothing", "/readyz?strict=1"])
async def test_failures_too(daemon: Daemon, path: str) -> None:
    daemon.context.engine.books.popitem()
    daemon.context.engine.apply(FeedDown(tuple(daemon.context.engine.books), 1, 1, "gone"))
    status, body, _ = await daemon.get(path)
    assert status >= 400
    msgspec.convert(body, Failure, strict=True)


async def test_every_shape_was_asked_for() -> None:
    assert {path.partition("?")[0] for path in ASKED} | POSTED == set(SHAPES)


#: Asked by POST, in test_auth_streams.py and test_admin.py; here only for their shape.
POSTED = {"/v1/ticket", "/admin/reload"}


async def test_a_ticket_has_the_stated_shape(daemon: Daemon) -> None:
    async with daemon.session.post(f"{daemon.url}/v1/ticket") as response:
        body = await response.json()
    msgspec.convert(body["data"], answers.Ticket, strict=True)
    same_members(answers.Ticket, body["data"])


def same_members(shape: type[msgspec.Struct], sent: dict[str, Any], optional: tuple[str, ...] = ()) -> None:
    """The object has the members of the shape, in their order; `optional` ones are left out."""
    fields = msgspec.structs.fields(shape)
    if shape is answers.Requested:
        assert list(sent) in (["trades"], ["from", "to"])
        return
    assert list(sent) == [field.encode_name for field in fields if field.name not in optional]
    for field in fields:
        if field.name not in optional:
            assert field.required or field.name in SOMETIMES, f"{shape.__name__}.{field.name} is always sent"
        inner = [
            one
            for one in (field.type, *get_args(field.type))
            if isinstance(one, type) and issubclass(one, msgspec.Struct)
        ]
        value = sent.get(field.name)
        for one in value if isinstance(value, list) else [value]:
            if inner and one is not None:
                same_members(inner[0], one, ORDERS_ONLY if inner[0] is answers.LargePrint and "legs" not in one else ())


#: Optional ones that are there in what is asked here.
SOMETIMES = ("percentile", "venues", "semantics")
ORDERS_ONLY = ("first_id", "last_id", "legs", "vwap", "levels")


@pytest.mark.parametrize(
    "path,shape,optional",
    [
        ("/v1/flow?symbol=BTCUSDT", answers.Flow, ("window",)),
        ("/v1/flow?symbol=BTCUSDT&trades=100&numbers=string", answers.Flow, ("window",)),
        ("/v1/large?symbol=BTCUSDT", answers.Large, ("percentile",)),
        ("/v1/large?symbol=BTCUSDT&percentile=50&numbers=string", answers.Large, ()),
        ("/v1/meta", answers.SpecMeta, ("semantics",)),
        ("/v1/meta?venue=binance", answers.SpecMeta, ("venues",)),
        ("/v1/trades?symbol=BTCUSDT", answers.Trades, ()),
        ("/v1/gaps?symbol=BTCUSDT", answers.Gaps, ()),
        ("/v1/screener", answers.Screener, ()),
        ("/v1/symbols", answers.Symbols, ()),
        ("/healthz", answers.Alive, ()),
        ("/readyz", answers.Ready, ()),
    ],
)
async def test_member_by_member(
    daemon: Daemon, path: str, shape: type[msgspec.Struct], optional: tuple[str, ...]
) -> None:
    same_members(shape, await daemon.data(path), optional)


async def test_optional_members_are_there_when_they_should_be(daemon: Daemon) -> None:
    flow = await daemon.data("/v1/flow?symbol=BTCUSDT&window=5m")
    assert set(flow) == set(answers.Flow.__struct_fields__)
    orders = (await daemon.data("/v1/large?symbol=BTCUSDT&group=order&min_notional=1"))["largest"]
    assert orders
    assert all(list(order) == list(answers.LargePrint.__struct_fields__) for order in orders)
    rows = (await daemon.data("/v1/large?symbol=BTCUSDT&min_notional=1"))["largest"]
    assert rows
    assert all(not set(ORDERS_ONLY) & set(row) for row in rows)


async def test_a_failure_member_by_member(daemon: Daemon) -> None:
    daemon.context.engine.apply(FeedDown(tuple(daemon.context.engine.books), 1, 1, "gone"))
    _, body, _ = await daemon.get("/v1/flow")
    same_members(Failure, body)
    _, body, _ = await daemon.get("/readyz?strict=1")
    same_members(Failure, body)
    assert body["data"]["not_ready"]


@pytest.mark.parametrize("change", [{"extra": 1}, {"pressure": "up"}, {"buy_trades": 1.5}, {"market": "margin"}])
async def test_the_shapes_refuse_what_is_not_stated(daemon: Daemon, change: dict[str, Any]) -> None:
    flow = await daemon.data("/v1/flow?symbol=BTCUSDT")
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(flow | change, answers.Flow, strict=True)
