"""The server: the tools under their names, over standard input and output or over streamable HTTP."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import cleandoc
from typing import Any, Final

import uvicorn
from mcp.server import MCPServer
from mcp.server.mcpserver.tools import Tool
from mcp.types import ToolAnnotations
from pydantic import BaseModel, ConfigDict, create_model

from orderflow_stream import __version__
from orderflow_stream.client import OrderFlow
from orderflow_stream.mcp_server.tools import Tools, told

INSTRUCTIONS: Final = (
    "Live crypto order flow from a daemon of the user's own: taker buys against taker sells, large prints, bars with "
    "CVD. Side is always the aggressor's. Every result has `complete` and `warning`: where complete is false, say so "
    "and do not read silence as calm. Decimals are exact, as strings; times are UTC."
)

#: Each tool and its title.
TITLES: Final = {
    "list_symbols": "Symbols",
    "get_flow": "Order flow of a symbol",
    "get_large_prints": "Large prints of a symbol",
    "get_bars": "Bars and CVD of a symbol",
    "get_screener": "All live symbols, sorted",
    "get_data_health": "Can the data be trusted",
    "get_gaps": "Gaps of a symbol",
}
#: Where it is found over HTTP.
PATH: Final = "/mcp"
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
#: Seconds that open connections may take to end.
_GRACE: Final = 2


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


def build(api: OrderFlow) -> MCPServer[Any]:
    """The server over a client, which stays the caller's to close."""
    tools = Tools(api)
    return MCPServer(
        "orderflow-stream",
        title="Order flow",
        version=__version__,
        instructions=INSTRUCTIONS,
        tools=[_tool(getattr(tools, name), title) for name, title in TITLES.items()],
        log_level="WARNING",
    )


def _tool(tool: Callable[..., Any], title: str) -> Tool:
    """A tool that only reads, and that refuses an argument it does not know rather than pass over it."""
    call = told(tool)
    made = Tool.from_function(
        call,
        title=title,
        description=" ".join(cleandoc(call.__doc__ or "").split()),
        annotations=ToolAnnotations(
            title=title, read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=True
        ),
        structured_output=True,
    )
    known = made.fn_metadata.arg_model
    strict = create_model(known.__name__, __base__=(_Strict, known))
    made.fn_metadata.arg_model = strict  # type: ignore[assignment]  # mypy sees the first base only
    made.parameters = strict.model_json_schema()
    return made


async def over_stdio(api: OrderFlow, end: Callable[[], object]) -> None:
    """Serve one client on standard input and output, until it closes them. `end` is called at a signal, and has to end
    the process: the thread that reads standard input cannot be woken."""
    loop = asyncio.get_running_loop()
    for each in _SIGNALS:
        loop.add_signal_handler(each, end)
    async with api:
        await build(api).run_stdio_async()


async def over_http(api: OrderFlow, host: str, listening: socket.socket, say: Callable[[str], None]) -> None:
    """Serve clients on a socket that listens, until a signal; `say` is told once they can come."""
    async with api:
        app = build(api).streamable_http_app(streamable_http_path=PATH, host=host)
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=_GRACE, ws="none")
        server = _Server(config, lambda: say(address(host, listening)))
        await server.serve(sockets=[listening])


class _Server(uvicorn.Server):
    """One that says when it listens, and for which a signal is an end like any other: uvicorn's own would let the
    process die of it once all is ended."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready: Final = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {each: signal.signal(each, self.handle_exit) for each in _SIGNALS}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; raises `OSError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen(128)
    except OSError:
        made.close()
        raise
    return made


def address(host: str, listening: socket.socket) -> str:
    """What a client is given."""
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{listening.getsockname()[1]}{PATH}"
