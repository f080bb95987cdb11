"""The types of the TypeScript client are those of the API: every member of every answer, and every parameter."""

from __future__ import annotations

import importlib
import pkgutil
import types
from functools import reduce
from operator import or_
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from msgspec import Struct, UnsetType

from orderflow_stream import shapes
from orderflow_stream.delivery.http import routes as table
from orderflow_stream.delivery.http.params import Param
from orderflow_stream.delivery.http.routes import DATA_ROUTES, LIQUIDATIONS_ROUTE, OPERATION_ROUTES
from orderflow_stream.delivery.topics import TOPICS
from tests.clients_ts.declarations import FOLDER, Member, declarations, plain, union

TYPES: Final = declarations()
#: Interfaces of the client's own.
OWN: Final = {
    *("RequestOptions", "Options", "Events", "LossEvent", "Block", "Envelope"),
    *(name for name in TYPES if name.endswith("Options")),
}
#: What the API calls otherwise.
NAMES: Final = {"Meta": "SpecMeta", "NotReady": "VenueNotReady"}
#: Of which the client declares only what every version has.
OPEN: Final = {"Meta"}
#: Of a route that takes no `numbers`.
ALWAYS: Final = {("Contract", "contract_size"): "null | number"}
#: Of futures only, and so optional in a type that is of all venues.
OPTIONAL: Final = {("Symbols", "contracts")}


def structs() -> dict[str, type[Struct]]:
    """Every Struct of the shapes by its name."""
    found: dict[str, type[Struct]] = {}
    for module in pkgutil.iter_modules(shapes.__path__):
        loaded = importlib.import_module(f"{shapes.__name__}.{module.name}")
        found |= {
            name: value for name, value in vars(loaded).items() if isinstance(value, type) and issubclass(value, Struct)
        }
    return found


STRUCTS: Final = structs()
#: Those of futures and of several venues have more members than those of spot; the client has one type for both.
BY_NAME: Final = {
    name: STRUCTS.get(f"Futures{name}") or STRUCTS.get(f"Venues{name}") or STRUCTS.get(NAMES.get(name, name))
    for name in TYPES
    if name not in OWN
}


def test_every_answer_has_a_type_and_every_type_is_of_an_answer() -> None:
    assert [name for name, struct in BY_NAME.items() if struct is None] == []


@pytest.mark.parametrize("name", [name for name, struct in BY_NAME.items() if struct is not None])
def test_an_answer_has_the_members_that_the_api_says(name: str) -> None:
    struct = BY_NAME[name]
    assert struct is not None
    hints = {name: stripped(hint) for name, hint in get_type_hints(struct, include_extras=True).items()}
    expected = {
        field.encode_name: Member(
            ALWAYS.get((name, field.name)) or in_typescript(hints[field.name]),
            UnsetType in get_args(hints[field.name]) or (name, field.name) in OPTIONAL,
        )
        for field in msgspec.structs.fields(struct)
        if name not in OPEN or field.encode_name in TYPES[name]
    }
    assert TYPES[name] == expected


def stripped(hint: Any) -> Any:
    """A type without what is said of it; but a list of two is a pair."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        inner = stripped(arguments[0])
        meta = [one for one in arguments[1:] if isinstance(one, msgspec.Meta)]
        pair = get_origin(inner) is list and any(one.min_length == one.max_length == 2 for one in meta)
        return types.GenericAlias(tuple, (get_args(inner)[0],) * 2) if pair else inner
    if origin in {Union, types.UnionType}:
        return reduce(or_, map(stripped, arguments))
    if origin in {list, dict}:
        return origin[tuple(map(stripped, arguments))]
    return hint


def in_typescript(hint: Any) -> str:
    """A Python type, stripped, as the client writes it."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        kept = [one for one in arguments if one is not UnsetType]
        if {float, str} <= set(kept):  # a decimal: a number, or with numbers=string a text
            kept = [one for one in kept if one not in {float, str}]
            return union(" | ".join(["Decimal", *map(in_typescript, kept)]))
        return union(" | ".join(map(in_typescript, kept)))
    if origin is Literal:
        return union(" | ".join(f'"{one}"' if isinstance(one, str) else str(one).lower() for one in arguments))
    if origin is list:
        inner = in_typescript(arguments[0])
        return f"({inner})[]" if " | " in inner else f"{inner}[]"
    if origin is tuple:
        return f"[{', '.join(map(in_typescript, arguments))}]"
    if origin is dict:
        return f"Record<{in_typescript(arguments[0])}, {in_typescript(arguments[1])}>"
    if isinstance(hint, type) and issubclass(hint, Struct):
        name = hint.__name__.removeprefix("Futures").removeprefix("Venues")
        return next((own for own, struct in NAMES.items() if struct == name), name)
    names = {str: "string", int: "number", float: "number", bool: "boolean", types.NoneType: "null", object: "unknown"}
    return names[hint]


#: What the client's methods take beside options: the symbol by its place, numbers by the constructor.
_GIVEN: Final = {"symbol", "symbols", "coin", "quote", "numbers"}
OPTIONS: Final = {
    "FlowOptions": ("/v1/flow", {*_GIVEN, "venues"}),
    "FlowsOptions": ("/v1/flow", {*_GIVEN, "venues", "after", "wait"}),
    "CombinedOptions": ("/v1/flow", {*_GIVEN, "venue", "after", "wait"} - {"quote"}),
    "LargeOptions": ("/v1/large", _GIVEN),
    "BarsOptions": ("/v1/bars", _GIVEN),
    "TradesOptions": ("/v1/trades", _GIVEN),
    "GapsOptions": ("/v1/gaps", _GIVEN),
    "ScreenerOptions": ("/v1/screener", {"numbers"}),
    "LiquidationsOptions": ("/v1/liquidations", {"numbers", "coin", "quote"}),
    "SymbolsOptions": ("/v1/symbols", set[str]()),
    "MetaOptions": ("/v1/meta", set[str]()),
    "ReadyOptions": ("/readyz", set[str]()),
    "StreamOptions": ("/v1/stream", {"numbers", "ticket"}),
}
ROUTES: Final = {route.path: route for route in (*DATA_ROUTES, LIQUIDATIONS_ROUTE, *OPERATION_ROUTES)}


@pytest.mark.parametrize("name", OPTIONS)
def test_options_are_the_parameters_of_the_route(name: str) -> None:
    path, given = OPTIONS[name]
    params: dict[str, Param] = {param.name: param for param in ROUTES[path].params or () if param.name not in given}
    own = {"signal", "on_loss", "wait_for_daemon", "on_retry"}
    members = {option: member for option, member in TYPES[name].items() if option not in own}
    assert set(members) == set(params)
    for option, member in members.items():
        if choices := params[option].choices:
            assert member.type == union(" | ".join(f'"{choice}"' for choice in choices)) or member.type == "string"


def test_every_route_of_data_has_a_method() -> None:
    assert {path for path, _ in OPTIONS.values()} == {
        route.path for route in table.routes(metrics=False, pages=False, liquidations=True) if route.path in ROUTES
    } - {"/healthz"}


def test_every_topic_is_there() -> None:
    text = (FOLDER / "orderflow.d.ts").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith("export type Topic = ")]
    assert plain(line.removeprefix("export type Topic = ").rstrip(";"), {}) == union(
        " | ".join(f'"{topic}"' for topic in TOPICS)
    )
    assert set(TYPES["Events"]) > set(TOPICS)
