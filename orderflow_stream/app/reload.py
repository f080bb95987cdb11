"""A new configuration for a running daemon: what has changed, what of it takes effect at once, what needs a restart.

All or nothing: a configuration with a fault changes nothing. A key takes effect live where somebody has said how
(`live`); every other key that differs from what the daemon runs with is named, each time again, until it is restarted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from msgspec import Struct
from pydantic import BaseModel

from orderflow_stream.config import ConfigError, Settings

Table = TypeVar("Table", bound=BaseModel)

#: Applies the new settings to one part of the daemon. Raises nothing: what can be wrong was checked before.
Apply = Callable[[Settings], None]


class Outcome(Struct, frozen=True):
    """What came of it. `changed` are the dotted keys now in force with a new value, `restart` those that differ from
    what the daemon runs with and cannot change live, `faults` why nothing was changed at all (a line each)."""

    changed: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


class Reload:
    """Reads the configuration anew and applies what differs.

    `reread` reads it from wherever the first one came from. `live` says for a dotted key, or for all keys below one,
    who applies it; each is called once, in the order of `live`.
    """

    def __init__(self, settings: Settings, reread: Callable[[], Settings], live: Mapping[str, Apply]) -> None:
        self._reread = reread
        self._live = dict(live)
        self._running = dict(flat(settings))
        self._tables = dict(optional(settings))

    def __call__(self) -> Outcome:
        """Once more, with what is written now."""
        try:
            settings = self._reread()
        except ConfigError as error:
            return Outcome(faults=tuple(str(fault) for fault in error.faults))
        effective, switched = self._as_running(settings)
        wanted = dict(flat(effective))
        differs = [key for key, value in wanted.items() if value != self._running[key]]
        changed = [key for key in differs if self._applier(key) is not None]
        due = {self._applier(key) for key in changed}
        for key in differs:
            if key not in changed:  # what needs a restart is not in force, and nobody may take it for such
                effective = put(effective, key.split("."), self._running[key])
        for prefix, apply in self._live.items():
            if prefix in due:
                apply(effective)
        self._running.update((key, wanted[key]) for key in changed)
        return Outcome(tuple(changed), (*switched, *(key for key in differs if key not in changed)))

    def _as_running(self, settings: Settings) -> tuple[Settings, list[str]]:
        """The same with those optional tables that the daemon runs with, and which of them are now there or gone."""
        switched: list[str] = []
        for at, table in optional(settings):
            if (table is None) != (self._tables[at] is None):
                settings = put(settings, at.split("."), self._tables[at])
                switched.append(at)
        return settings, switched

    def _applier(self, key: str) -> str | None:
        """Which entry of `live` a key belongs to: the longest that names it or a table around it."""
        while key not in self._live:
            key, dot, _ = key.rpartition(".")
            if not dot:
                return None
        return key


def optional(table: BaseModel, at: str = "") -> Iterator[tuple[str, BaseModel | None]]:
    """Every table that may be there or not, by dotted name; None where it is not."""
    for name, field in type(table).model_fields.items():
        value = getattr(table, name)
        if field.default is None and (value is None or isinstance(value, BaseModel)):
            yield at + name, value
        elif isinstance(value, BaseModel):
            yield from optional(value, f"{at}{name}.")


def put(table: Table, path: Sequence[str], value: object) -> Table:
    """The settings with another value in one place."""
    name, *rest = path
    return table.model_copy(update={name: put(getattr(table, name), rest, value) if rest else value})


def flat(table: BaseModel, at: str = "") -> Iterator[tuple[str, object]]:
    """Every key of the settings with its value, by dotted name; of a table that is not there, none."""
    absent = {name for name, value in optional(table) if value is None}
    for name in type(table).model_fields:
        value = getattr(table, name)
        if isinstance(value, BaseModel):
            yield from flat(value, f"{at}{name}.")
        elif name not in absent:
            yield at + name, value
