"""`check-config`: every fault at once, each with its key."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from orderflow_stream.cli import OK, USAGE
from orderflow_stream.config import ConfigError, Settings, load


def run(config: Path | None, *, as_json: bool = False) -> int:
    """Print what is wrong, a line a fault, on standard error; or what was read and what it comes to. As JSON either is
    one object on standard output."""
    if as_json:
        return _json(config)
    settings = load_or_complain(config, {})
    if settings is None:
        return USAGE
    read = _read(settings)
    venues = {name: _streams(table.symbols) for name, table in settings.venues.tables.items()}
    streams = next(iter(venues.values()))
    print(
        f"ok: {', '.join(read) or 'no file, no variable: all defaults'}: "
        f"listens on {settings.server.host}:{settings.server.port}, "
        + (streams if len(venues) == 1 else "; ".join(f"{name} {text}" for name, text in venues.items()))
    )
    return OK


def _json(config: Path | None) -> int:
    try:
        settings = load(config, os.environ, {})
    except ConfigError as error:
        faults = [
            {"key": one.key, "message": one.message, "hint": one.hint, "where": one.where, "line": str(one)}
            for one in error.faults
        ]
        print(json.dumps({"ok": False, "faults": faults}))
        return USAGE
    listens = {"host": settings.server.host, "port": settings.server.port}
    venues = {name: list(table.symbols) for name, table in settings.venues.tables.items()}
    print(json.dumps({"ok": True, "read": _read(settings), "listens": listens, "venues": venues}))
    return OK


def _read(settings: Settings) -> list[str]:
    """The file and the variables that count."""
    variables = sorted(name for name in os.environ if name.startswith("ORDERFLOW_") and name != "ORDERFLOW_CONFIG")
    return [*([str(settings.source_file)] if settings.source_file else []), *variables]


def _streams(symbols: Sequence[str]) -> str:
    """What comes of the symbols of one venue."""
    few = ", ".join(symbols[:6]) + (", …" if len(symbols) > 6 else "")
    return f"streams {f'{len(symbols)} symbols or patterns ({few})' if symbols else 'nothing, reads on demand only'}"


def load_or_complain(
    config: Path | None, overrides: Mapping[str, object], environ: Mapping[str, str] = os.environ
) -> Settings | None:
    """The settings, or None after every fault was printed."""
    try:
        return load(config, environ, overrides)
    except ConfigError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        return None
