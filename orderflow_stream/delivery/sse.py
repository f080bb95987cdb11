"""The wire format of the stream: event blocks that every client we know reads alike, and their HTTP chunks.

The profile is narrow on purpose: LF only, no byte order mark, one `data:` line of JSON, an ASCII `id` on every event,
no block without data (some clients deliver an empty event for one, some forget their id, some choke on a mark).
A frame is put into bytes once and shared by all clients; chunked and plain connections get the same event bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import orjson

CONTENT_TYPE: Final = "text/event-stream"

#: A position that no log has: `0` and `1` are not in the base32 alphabet that epochs are made of.
NOWHERE: Final = "00000000-0"

#: Browsers send any id back in a header; these bytes, and no more than 128 of them, pass everywhere.
_SAFE: Final = re.compile(r"[A-Za-z0-9._~-]{1,128}", re.ASCII)
_POSITION: Final = re.compile(r"([A-Za-z0-9]{1,32})-([0-9]{1,18})", re.ASCII)

_SKIPPED: Final = re.compile(rb'"skipped":[0-9]+}\Z')


class Position(NamedTuple):
    """A place in one event log; as text `<epoch>-<seq>`, the `id` of the stream."""

    epoch: str
    seq: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.seq}"


def parse_position(text: str) -> Position | None:
    """What a client sent as its last id; None where it is none of ours."""
    match = _POSITION.fullmatch(text)
    return Position(match[1], int(match[2])) if match else None


def echo(text: str | None) -> str | None:
    """A resume position that may go back to the client as an id: itself, or `NOWHERE` where its bytes are unsafe."""
    if text is None:
        return None
    return text if _SAFE.fullmatch(text) else NOWHERE


def block(event: str, id_: str, data: bytes, retry: int | None = None) -> bytes:
    """One event. `data` is JSON without line ends; `retry` (ms) rides only with data, never in a block of its own."""
    pause = f"retry: {retry}\n" if retry is not None else ""
    return f"event: {event}\nid: {id_}\n{pause}data: ".encode() + data + b"\n\n"


def chunk(data: bytes) -> bytes:
    """`data` as one chunk of an HTTP/1.1 body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def with_skipped(body: bytes, skipped: int) -> bytes:
    """The body of a `flow` event as told to a client that was not sent the `skipped` versions before it."""
    start = body.rfind(b'"skipped":')
    if start < 0 or not _SKIPPED.match(body, start):
        raise ValueError("the body does not end in skipped")
    return b'%b"skipped":%d}' % (body[:start], skipped)


class Frame:
    """One event on its way to many clients; its bytes are made at the first use and kept.

    `seq` is the position in its id, `rows` (only of `watch`) the encoded rows by instrument, newest last. Of `flow`,
    `version` counts the states of its instrument up to this one, and `skipped` (as in the body) those just before it
    that are told to nobody.
    """

    __slots__ = ("_chunk", "_other", "_plain", "body", "epoch", "retry", "rows", "seq", "skipped", "topic", "version")

    def __init__(
        self,
        topic: str,
        epoch: str,
        seq: int,
        body: bytes,
        *,
        rows: Mapping[str, bytes] | None = None,
        retry: int | None = None,
        version: int = 0,
        skipped: int = 0,
    ) -> None:
        self.topic = topic
        self.epoch = epoch
        self.seq = seq
        self.body = body
        self.rows = rows
        self.retry = retry
        self.version = version
        self.skipped = skipped
        self._other: Frame | None = None
        self._plain: bytes | None = None
        self._chunk: bytes | None = None

    @classmethod
    def watch(cls, epoch: str, seq: int, rows: Mapping[str, bytes]) -> Frame:
        """The screener rows that changed, as one event: a list."""
        return cls("watch", epoch, seq, b"[" + b",".join(rows.values()) + b"]", rows=rows)

    @property
    def plain(self) -> bytes:
        if self._plain is None:
            self._plain = block(self.topic, f"{self.epoch}-{self.seq}", self.body, self.retry)
        return self._plain

    @property
    def chunk(self) -> bytes:
        if self._chunk is None:
            self._chunk = chunk(self.plain)
        return self._chunk

    def at(self, seq: int) -> Frame:
        """The same event under another position."""
        return Frame(
            self.topic,
            self.epoch,
            seq,
            self.body,
            rows=self.rows,
            retry=self.retry,
            version=self.version,
            skipped=self.skipped,
        )

    def merged(self, older: Frame) -> Frame:
        """This `watch` event with the rows of `older` that it lacks, for a client that was not sent that one."""
        if self.rows is None or older.rows is None:
            return self
        rest = {key: row for key, row in older.rows.items() if key not in self.rows}
        return Frame.watch(self.epoch, self.seq, {**rest, **self.rows})

    def missing(self, skipped: int) -> Frame:
        """This `flow` as sent to a client that was not sent the `skipped` versions before it. The last one asked for
        is kept, since many clients ask for the same."""
        if skipped == self.skipped:
            return self
        if self._other is None or self._other.skipped != skipped:
            body = with_skipped(self.body, skipped)
            self._other = Frame(self.topic, self.epoch, self.seq, body, version=self.version, skipped=skipped)
        return self._other


def batch(frames: Sequence[Frame], *, chunked: bool) -> bytes:
    """Several events as the bytes of one write."""
    if len(frames) == 1:
        return frames[0].chunk if chunked else frames[0].plain
    joined = b"".join([frame.plain for frame in frames])
    return chunk(joined) if chunked else joined


def to_json(value: object) -> bytes:
    """JSON on one line."""
    return orjson.dumps(value)
