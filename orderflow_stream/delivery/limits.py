"""Pace and bounds of the stream, and the counts that a scrape reads."""

from __future__ import annotations

from msgspec import Struct


class Limits(Struct, frozen=True, kw_only=True):
    """Pace and bounds; seconds, bytes and counts."""

    tick: float = 0.1
    heartbeat: float = 2.0
    max_clients: int = 10_000
    max_clients_per_ip: int = 32
    mailbox_bytes: int = 262_144
    mailbox_age: float = 5.0
    backlog: int = 70_000
    gap_delay: float = 0.1  # less than the repair waits, so that a hole which REST has to fill is told before it is
    stall: float = 10.0  # without a byte taken: what ends a client for which only states wait
    age: float = 600.0  # of a stream, give or take a fifth; 0: no bound
    piece: float = 0.003
    retry_ms: tuple[int, int] = (500, 5_000)
    busy_retry_ms: tuple[int, int] = (15_000, 30_000)
    age_retry_ms: tuple[int, int] = (200, 1_000)


class Stats(Struct):
    """What a scrape reads. `clients` and `buffer_bytes` are now, the rest is monotone: `events` written to clients by
    topic; `conflated` states that a newer one replaced before they were; `dropped` log events that were waiting for a
    client when it was ended (it resumes by id); `aborted` ends by reason; `refused` attempts by reason."""

    clients: int
    events: dict[str, int]
    conflated: int
    dropped: int
    aborted: dict[str, int]
    refused: dict[str, int]
    buffer_bytes: int
