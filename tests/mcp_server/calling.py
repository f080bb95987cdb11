"""A client of the SDK's own against our server, in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mcp.client.client import Client
from mcp.types import CallToolResult, TextContent

from orderflow_stream.client import OrderFlow
from orderflow_stream.mcp_server.server import build


@asynccontextmanager
async def connected(url: str, **more: Any) -> AsyncIterator[Client]:
    async with OrderFlow(url, **more) as api, Client(build(api)) as client:
        yield client


async def data(client: Client, name: str, **arguments: Any) -> dict[str, Any]:
    """What a tool answers, as data; it must not fail."""
    found = await client.call_tool(name, arguments)
    assert isinstance(found, CallToolResult)
    assert not found.is_error, found.content
    assert found.structured_content is not None
    content: dict[str, Any] = found.structured_content
    return content


async def refusal(client: Client, name: str, **arguments: Any) -> str:
    """What a tool says where it fails."""
    found = await client.call_tool(name, arguments)
    assert found.is_error
    (content,) = found.content
    assert isinstance(content, TextContent)
    return content.text
