"""`/llms.txt`: the API as plain text in Markdown, for programs that read text, made from the OpenAPI document."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from aiohttp import hdrs, web

from orderflow_stream.delivery.http.context import Context
from orderflow_stream.delivery.http.openapi import document, unit_of
from orderflow_stream.delivery.http.params import Query
from orderflow_stream.delivery.http.route import ROUTES, Route
from orderflow_stream.delivery.sse import to_json
from orderflow_stream.shapes.examples import recorded

Schema = Mapping[str, Any]
_REF: Final = "#/components/schemas/"
LINKS: Final = (
    ("/openapi.json", "the same as an OpenAPI 3.1 document, with every shape and a recorded example of each answer"),
    ("/docs", "the same as pages for a person"),
    ("/v1/meta", "every parameter, threshold and rule in force"),
)


async def guide(request: web.Request, context: Context, query: Query) -> web.StreamResponse:
    body = await asyncio.to_thread(_guide, request.app[ROUTES], context.version)
    headers = {hdrs.CONTENT_TYPE: "text/plain; charset=utf-8", hdrs.CACHE_CONTROL: "no-cache"}
    return web.Response(body=body, headers=headers)


@lru_cache(maxsize=4)
def _guide(routes: tuple[Route, ...], version: str) -> bytes:
    return text_of(document(routes, version)).encode()


def text_of(api: Schema) -> str:
    """The guide to what that document describes."""
    return "\n".join(_lines(api)) + "\n"


def _lines(api: Schema) -> Iterator[str]:
    info, schemas = api["info"], api["components"]["schemas"]
    first, _, rest = info["description"].partition(" ")
    yield from (f"# {info['title']} {info['version']}", "", f"> {first} {rest.partition(chr(10))[0]}", "")
    yield from info["description"].split("\n\n")[1:]
    yield from ("", "## Where to read more", "")
    yield from (f"- [{path}]({path}): {words}" for path, words in LINKS if path in api["paths"])
    for path, item in api["paths"].items():
        for method, operation in item.items():
            yield from _operation(method.upper(), path, operation)
    yield from ("", "## Failures", "", "By `error.code`, as they were answered:", "")
    for code, one in recorded().failures.items():
        yield f"- `{code}` ({one.status}), to `{one.ask}`: {one.body['message']}"
    yield from ("", "## Shapes", "", "A member that is not always there is marked `?`.")
    for name, schema in schemas.items():
        yield from _shape(name, schema)


def _operation(method: str, path: str, operation: Schema) -> Iterator[str]:
    yield from ("", f"## {method} {path}", "", operation["summary"], "")
    if operation["description"] != operation["summary"]:
        yield from (operation["description"].removeprefix(operation["summary"]).lstrip(), "")
    for param in operation["parameters"]:
        place = "" if param["in"] == "query" else f" ({param['in']})"
        needed = ", required" if param["required"] else ""
        kind = f"{type_of(param['schema'])}{_bounds(param['schema'])}{needed}"
        yield f"- `{param['name']}`{place}: {kind}. {param['description']}"
    for media, content in operation["responses"]["200"].get("content", {}).items():
        body = content["schema"]
        data = body.get("properties", {}).get("data", body)
        yield from ("", f"Answer: `{media}`, {'`data` is ' if data is not body else ''}{type_of(data)}")
    yield f"Statuses: {', '.join(operation['responses'])}"


def _bounds(schema: Schema) -> str:
    out = ""
    if "maximum" in schema:
        out += f" from {schema['minimum']} to {schema['maximum']}"
    if "default" in schema:
        out += f", default {_word(schema['default'])}"
    (example,) = schema["examples"]
    return out if example == schema.get("default") else f"{out}, such as {_word(example)}"


def _word(value: object) -> str:
    """As it is written in a URL."""
    return value if isinstance(value, str) else to_json(value).decode()


def _shape(name: str, schema: Schema) -> Iterator[str]:
    yield from ("", f"### {name}", "", schema.get("description", ""), "")
    for key, member in schema.get("properties", {}).items():
        optional = "" if key in schema.get("required", ()) else "?"
        yield f"- `{key}`{optional}: {type_of(member)}. {member['description']}"
    if "oneOf" in schema:
        yield f"One of: {', '.join(type_of(each) for each in schema['oneOf'])}"


def type_of(schema: Schema) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(_REF)
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return " or ".join(f"`{word}`" for word in schema["enum"])
    if "anyOf" in schema or "oneOf" in schema:
        parts = schema.get("anyOf") or schema["oneOf"]
        decimal = unit_of(schema) is not None and {part.get("type") for part in parts} >= {"number", "string"}
        words = ["decimal", *(type_of(part) for part in parts if part.get("type") not in {"number", "string"})]
        return " or ".join(words if decimal else [type_of(part) for part in parts])
    if schema.get("type") == "array":
        many = f"{schema['maxItems']} " if "maxItems" in schema else ""
        return f"list of {many}{type_of(schema['items'])}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"object of {type_of(schema['additionalProperties'])} by name"
    return str(schema.get("type", "anything"))
