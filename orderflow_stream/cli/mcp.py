"""`mcp`: read-only tools over a running daemon, for programs that speak the Model Context Protocol."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import sys
from pathlib import Path
from typing import Literal

from orderflow_stream.cli import FAILED, OK, USAGE
from orderflow_stream.client import OrderFlow

EXTRA = "pip install 'orderflow-stream[mcp]'"


def run(
    url: str,
    transport: Literal["stdio", "http"],
    host: str,
    port: int,
    *,
    key_file: Path | None = None,
    allow_unauthenticated: bool = False,
) -> int:
    """Serve until the client goes (stdio) or a signal comes (http). Standard output is the protocol's."""
    try:
        key = key_file.read_text().strip() if key_file is not None else None
    except (OSError, UnicodeDecodeError) as error:
        _say(f"cannot read --key-file {key_file}: {getattr(error, 'strerror', None) or 'it is no text'}")
        return USAGE
    try:
        api = OrderFlow(url, key, max_wait=5.0)  # whoever asks waits for the answer
    except ValueError as error:
        _say(f"{'--key-file' if 'key' in str(error) else '--url'}: {error}")
        return USAGE
    if transport == "http" and not allow_unauthenticated and not _loopback(host):
        _say(
            f"--host {host} can be reached from other machines, and this server asks for no key: listen on 127.0.0.1 "
            "behind a proxy that asks for one, or say --allow-unauthenticated"
        )
        return USAGE
    try:
        from orderflow_stream.mcp_server import server
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"mcp", "mcp_types", "uvicorn"}:
            raise
        _say(f"this command needs an extra: {EXTRA}")
        return FAILED
    try:
        if transport == "stdio":
            asyncio.run(server.over_stdio(api, lambda: os._exit(OK)))
        else:
            with server.listen(host, port) as listening:
                asyncio.run(server.over_http(api, host, listening, lambda at: _say(f"listening on {at}")))
    except OSError as error:
        _say(f"cannot listen on {host}:{port}: {error.strerror or error}; choose another --port")
        return FAILED
    except KeyboardInterrupt:
        return OK
    return OK


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _say(line: str) -> None:
    print(f"mcp: {line}", file=sys.stderr, flush=True)
