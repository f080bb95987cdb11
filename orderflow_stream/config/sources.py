"""Where values come from: the file, the environment, the command line. Each gives a nested table and its origins."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from orderflow_stream.config.describe import KeyDoc, everything, variable
from orderflow_stream.config.faults import Fault, did_you_mean
from orderflow_stream.config.venues import NAMES

PREFIX: Final = "ORDERFLOW_"
FILE_VARIABLE: Final = "ORDERFLOW_CONFIG"
DEFAULT_FILE: Final = Path("config.toml")
LARGEST_FILE: Final = 1 << 20

KeyPath = tuple[str | int, ...]


@dataclass(slots=True)
class Source:
    """One source: `values` nested as in TOML, `origins` says for a path who set it, `faults` what could not be read."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[KeyPath, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def put(self, path: tuple[str, ...], value: object, origin: str) -> None:
        """Set the value at `path`."""
        table = self.values
        for part in path[:-1]:
            table = table.setdefault(part, {})
        table[path[-1]] = value
        self.origins[path] = origin

    def origin(self, path: KeyPath) -> str:
        """Who set `path` (or the nearest thing around it), or "" if it is not of this source."""
        value: Any = self.values
        for part in path:
            if isinstance(value, Mapping):
                if part not in value:
                    return ""
                value = value[part]
            else:
                break
        for end in range(len(path), 0, -1):
            if path[:end] in self.origins:
                return self.origins[path[:end]]
        return ""


def choose_file(config: Path | None, environ: Mapping[str, str]) -> tuple[Path | None, str]:
    """The file to read and the key to blame: --config, else ORDERFLOW_CONFIG, else ./config.toml if it exists."""
    if config is not None:
        return config, "--config"
    if environ.get(FILE_VARIABLE):
        return Path(environ[FILE_VARIABLE]), FILE_VARIABLE
    return (DEFAULT_FILE, str(DEFAULT_FILE)) if DEFAULT_FILE.exists() else (None, "")


def from_file(path: Path, blame: str) -> Source:
    """Read a TOML file. Numbers with a point become `Decimal`, so that 0.1 stays 0.1."""
    source = Source()
    try:
        raw = path.read_bytes()
    except OSError as error:
        source.faults.append(Fault(blame, f"cannot read {path}: {error.strerror or error}"))
        return source
    if len(raw) > LARGEST_FILE:
        source.faults.append(Fault(blame, f"{path} is larger than 1 MiB", "is this the right file?"))
        return source
    try:
        text = raw.decode("utf-8-sig")
        source.values = tomllib.loads(text, parse_float=_exact)
    except UnicodeDecodeError as error:
        source.faults.append(Fault(blame, f"{path} is not UTF-8: byte {error.start} is 0x{raw[error.start]:02x}"))
    except tomllib.TOMLDecodeError as error:
        source.faults.append(_syntax(path, str(error)))
    except RecursionError:
        source.faults.append(Fault(blame, f"{path} is nested too deeply"))
    except ValueError as error:  # of the interpreter, not of the parser: a whole number of more than 4,300 digits
        source.faults.append(Fault(blame, f"{path} has a number that cannot be read: {str(error).partition(';')[0]}"))
    else:
        source.origins = {key: f"{path}:{line}" for key, line in positions(text).items()}
    return source


def _exact(number: str) -> Decimal:
    return Decimal(number)


def _syntax(path: Path, message: str) -> Fault:
    at = re.search(r" \(at line (\d+), column (\d+)\)$", message)
    where = f"{path}:{at[1]}:{at[2]}" if at else str(path)
    return Fault("syntax", message[: at.start()] if at else message, where=where)


def positions(text: str) -> dict[KeyPath, int]:
    """The line (from 1) of every key and table of a valid TOML text.

    A statement is as many lines as it takes until the TOML parser accepts them by themselves; so the grammar stays the
    parser's business.
    """
    found: dict[KeyPath, int] = {}
    table: KeyPath = ()
    start, pending = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        if not pending:
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            start = number
        pending += line + "\n"
        try:
            parsed = tomllib.loads(pending, parse_float=_exact)
        except tomllib.TOMLDecodeError:
            continue
        header = pending.lstrip().startswith("[")
        paths = _paths(parsed, ())
        pending = ""
        if header:
            table = max(paths, key=len)
            paths = [table]
        for path in paths:
            found.setdefault(path if header else table + path, start)
    return found


def _paths(value: object, at: KeyPath) -> list[KeyPath]:
    """Every path of keys inside a parsed statement, the outermost first; the tables of an array count as one."""
    if isinstance(value, list):
        return [path for each in value if isinstance(each, dict) for path in _paths(each, at)]
    if not isinstance(value, dict):
        return []
    return [path for key, inner in value.items() for path in [(*at, key), *_paths(inner, (*at, key))]]


def from_environment(environ: Mapping[str, str]) -> Source:
    """Every `ORDERFLOW_*` variable; one that names no key is a fault."""
    source = Source()
    known = {each.env: each for each in everything()}
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name == FILE_VARIABLE:
            continue
        value = environ[name]
        if not _is_text(value):
            source.faults.append(Fault(name, "is not UTF-8"))
            continue
        if name in known and not known[name].is_table:
            source.put(tuple(known[name].key.split(".")), _split(known[name], value), name)
            continue
        table = next((each for each in known.values() if each.is_table and name.startswith(f"{each.env}__")), None)
        if table is not None:
            source.put((*table.key.split("."), _entry(name.removeprefix(f"{table.env}__"))), value, name)
        elif name in known:
            source.faults.append(Fault(name, "is a table", f"set one variable a key: {name}__BTC=2"))
        else:
            source.faults.append(Fault(name, "unknown variable", did_you_mean(name, [*known, FILE_VARIABLE])))
    return source


def from_flags(overrides: Mapping[str, object]) -> Source:
    """Values by dotted key (`{"server.port": 0}`); text for a list is split at its commas, as in a variable."""
    source = Source()
    known = {each.key: each for each in everything()}
    for name, value in overrides.items():
        if isinstance(value, str) and not _is_text(value):
            source.faults.append(Fault(name, "is not UTF-8", where="command line"))
            continue
        split = _split(known[name], value) if name in known and isinstance(value, str) else value
        source.put(tuple(name.split(".")), split, "command line")
    return source


def _entry(rest: str) -> str:
    """The key inside a table, as far as it goes beyond the table's own variable: `BINANCE_USDM__BTCUSDT` stands for
    `binance-usdm:BTCUSDT`, since a shell has neither the dash nor the colon."""
    venue, under, symbol = rest.partition("__")
    known = {variable(name): name for name in NAMES}
    return f"{known[venue]}:{symbol}" if under and venue in known else rest


def _is_text(value: str) -> bool:
    """Whether it came as UTF-8; Python keeps other bytes of the environment and the command line as lone surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _split(key: KeyDoc, value: str) -> object:
    """Text of a variable as the list that the key wants; no text is the empty list."""
    return [part for part in (each.strip() for each in value.split(",")) if part] if key.is_list else value
