"""The `watch` topic: which rows of the screener changed since the last look, each encoded once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from orderflow_stream.delivery.client import Client, Group
from orderflow_stream.delivery.encode import ScreenerRow
from orderflow_stream.delivery.topics import Renderer, Spec


class Board:
    """The rows of one window, for all groups that watch it. `fresh` are clients that have not had all rows yet."""

    __slots__ = ("fresh", "groups", "rows", "running", "spec")

    def __init__(self, spec: Spec) -> None:
        self.spec: Final = spec
        self.groups: dict[Group, None] = {}
        self.fresh: set[Client] = set()
        self.rows: dict[str, tuple[ScreenerRow, bytes]] = {}
        self.running = False

    def look(self, renderer: Renderer, changed: dict[str, bytes]) -> Iterator[None]:
        """Form every row anew, one a step; those that say something new go into `changed`."""
        keys = set().union(*[group.instruments for group in self.groups])
        for key in keys:
            row = renderer.row(key, self.spec)
            known = self.rows.get(key)
            if row is None:
                self.rows.pop(key, None)
            elif known is None or known[0] != row:
                data = renderer.row_bytes(row, self.spec.exact)
                self.rows[key] = (row, data)
                changed[key] = data
            yield

    def all_of(self, group: Group) -> dict[str, bytes]:
        """Every row that belongs to that group."""
        return {key: data for key, (_, data) in self.rows.items() if key in group.instruments}
