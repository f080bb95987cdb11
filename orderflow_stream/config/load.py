"""Putting the sources together and naming what is wrong with them."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import InitSettingsSource

from orderflow_stream.config.describe import everything
from orderflow_stream.config.faults import ConfigError, Fault, describe_error, did_you_mean, dotted
from orderflow_stream.config.settings import Settings
from orderflow_stream.config.sources import KeyPath, Source, choose_file, from_environment, from_file, from_flags
from orderflow_stream.config.venues import near_venue


def load(
    config: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    overrides: Mapping[str, object] = MappingProxyType({}),
) -> Settings:
    """Read the configuration.

    `config` is the file of a --config flag, `overrides` the other flags by dotted key. Raises `ConfigError` with every
    fault of every source.
    """
    path, blame = choose_file(config, environ)
    file = from_file(path, blame) if path is not None else Source()
    sources = [from_flags(overrides), from_environment(environ), file]
    faults = [fault for source in reversed(sources) for fault in source.faults]
    try:
        parts = tuple(InitSettingsSource(Settings, source.values) for source in sources)
        settings = Settings(_build_sources=(parts, {}))
    except ValidationError as errors:
        # Of a file that could not be read nothing is known: blame no default that it may well change, and no key for
        # not going together with another.
        faults += [
            _fault(error, sources)
            for error in errors.errors(include_url=False)
            if not file.faults or not describe_error(error)[2]
        ]
        raise ConfigError(faults) from None
    if faults:
        raise ConfigError(faults)
    settings._source_file = path
    return settings


def _fault(error: ErrorDetails, sources: Sequence[Source]) -> Fault:
    message, hint, sibling = describe_error(error)
    path: KeyPath = tuple(part for part in error["loc"] if part != "[key]")
    if sibling:
        path = (*path[:-1], sibling)
    if error["type"] == "extra_forbidden":
        hint = _nearest(path)
        if path[:1] == ("venues",) and len(path) == 2:
            message, hint = "unknown venue", near_venue(str(path[1]))
    where = next((origin for origin in (source.origin(path) for source in sources) if origin), "")
    return Fault(dotted(path), message, hint, where)


def _nearest(path: KeyPath) -> str:
    """The known key an unknown one may stand for: by its name among its siblings, else by its name anywhere."""
    depth, name = len(path), str(path[-1])
    keys: list[list[Any]] = [each.key.split(".") for each in everything()]
    siblings = {parts[depth - 1] for parts in keys if len(parts) >= depth and tuple(parts[: depth - 1]) == path[:-1]}
    elsewhere = [".".join(parts) for parts in keys if parts[-1] == name]
    return did_you_mean(name, siblings) or (f'did you mean "{elsewhere[0]}"?' if elsewhere else "")
