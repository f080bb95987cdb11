"""What venues share that answer from one place: a clock, and one request-weight budget."""

from __future__ import annotations

from collections.abc import Iterable

from orderflow_stream.adapters.clock import Clock
from orderflow_stream.feed.budget import Budget
from orderflow_stream.venues.catalogue import Spec


class Pool:
    """The venues `specs` of one pool: `clock` is their time, `budget` what may be asked of all of them together."""

    def __init__(self, specs: Iterable[Spec]) -> None:
        specs = tuple(specs)
        self.name = specs[0].pool
        self.clock = Clock()
        limit = min(spec.weight_limit for spec in specs)
        # Several that share one count may each state another limit: then none may lift what is known to hold.
        self.budget = Budget(limit, most=limit if len(specs) > 1 else None)


def pools_of(specs: Iterable[Spec]) -> dict[str, Pool]:
    """The pools of these venues, by name."""
    members: dict[str, list[Spec]] = {}
    for spec in specs:
        members.setdefault(spec.pool, []).append(spec)
    return {name: Pool(specs) for name, specs in members.items()}


def borrow(pools: Iterable[Pool], measured: Pool) -> None:
    """A clock that was never measured goes by one that was: what is off is this machine's clock more often than a
    venue's."""
    for pool in pools:
        if pool.clock.measured_at is None:
            pool.clock.set_offset(measured.clock.offset)
