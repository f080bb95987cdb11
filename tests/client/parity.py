"""Whether what the client reads is what the daemon states (`orderflow_stream.shapes`), member by member."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import inspect


def kinds(type_: inspect.Type, optional: bool = False) -> set[str]:
    """What a value may be, in a few words; a decimal is one, whether it is read exactly or as number and text."""
    out = set(_kinds(type_))
    if {"float", "str"} <= out:
        out = (out - {"float", "str"}) | {"decimal"}
    if optional:
        out.add("null")
    return out


def _kinds(type_: inspect.Type) -> set[str]:
    match type_:
        case inspect.Metadata():
            return _kinds(type_.type)
        case inspect.UnionType():
            return {word for each in type_.types for word in _kinds(each)}
        case inspect.StructType() | inspect.DictType():
            return {"object"}
        case inspect.ListType() | inspect.VarTupleType() | inspect.TupleType():
            return {"list"}
        case inspect.LiteralType():
            return {type(type_.values[0]).__name__}
    word = type(type_).__name__.removesuffix("Type").lower()
    return {"none": {"null"}, "unset": {"null"}}.get(word, {word})


def members(struct: type[msgspec.Struct]) -> dict[str, set[str]]:
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    return {field.encode_name: kinds(field.type, optional=not field.required) for field in info.fields}


def differences(view: type[msgspec.Struct], *stated: type[msgspec.Struct]) -> dict[str, Any]:
    """Members that are not the same in a view and in the shapes it is of; a member that only some of those have, or
    have only at times, may be None."""
    mine = members(view)
    sets = [members(each) for each in stated]
    out: dict[str, Any] = {}
    for name in {*mine, *(name for each in sets for name in each)}:
        theirs = {word for each in sets for word in each.get(name, {"null"})}
        found = mine.get(name, set())
        exact = found - {"decimal"} | ({"float"} if "decimal" in found else set())
        if theirs not in (found, exact):
            out[name] = (found, theirs)
    return out
