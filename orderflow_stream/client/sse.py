"""Server-sent events out of bytes, however those are cut: bytes in, events out, nothing else.

The format is the standard's (WHATWG HTML, "Server-sent events"): UTF-8 with an optional byte order mark, lines that end
in LF, CR or CRLF, an event at every empty line. What the end of a stream cuts off is no event.
"""

from __future__ import annotations

from typing import Final, NamedTuple

#: Longest event that is taken (bytes): the largest snapshot of a whole exchange has a few megabytes.
MOST_BYTES: Final = 64 << 20

_MARK: Final = b"\xef\xbb\xbf"


class Block(NamedTuple):
    """One event as sent. `id` is the last one the stream has given, this event's or an earlier one's; `retry` the pause
    (seconds) that the stream last asked for, None before it has."""

    name: str
    data: str
    id: str
    retry: float | None


class TooLong(ValueError):
    """An event beyond `most` bytes: whatever this is, it is no stream of ours."""


class Parser:
    """One stream's parser.

    >>> parser = Parser()
    >>> parser.feed(b"event: large\\nid: a-7\\nda")
    []
    >>> parser.feed(b"ta: {}\\n\\n")
    [Block(name='large', data='{}', id='a-7', retry=None)]
    """

    __slots__ = ("_begun", "_data", "_held", "_id", "_most", "_name", "_retry", "_size", "_skip")

    def __init__(self, most: int = MOST_BYTES) -> None:
        """`most`: bytes that one event may have."""
        self._most: Final = most
        self._begun = False
        self._skip = False  # the last byte was a CR: an LF that follows belongs to it
        self._held: list[bytes] = []  # the pieces of a line that has not ended
        self._size = 0  # of the event so far
        self._name = ""
        self._data: list[str] = []
        self._id = ""
        self._retry: float | None = None

    def feed(self, data: bytes) -> list[Block]:
        """The events that these bytes complete. Raises `TooLong`."""
        if not self._begun:
            data = b"".join([*self._held, data])
            self._held.clear()
            if len(data) < len(_MARK) and _MARK.startswith(data):
                self._held.append(data)
                return []
            self._begun = True
            data = data.removeprefix(_MARK)
        if self._skip and data:
            self._skip = False
            data = data.removeprefix(b"\n")
        if not data:
            return []
        if data.endswith(b"\r"):
            self._skip = True
        out: list[Block] = []
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = data.split(b"\n")
        for piece in lines:
            self._grow(len(piece) + 1)
            if self._held:
                line = b"".join([*self._held, piece])
                self._held.clear()
            else:
                line = piece
            if line:
                self._field(line.decode(errors="replace"))
            elif (block := self._end()) is not None:
                out.append(block)
        if rest:
            self._grow(len(rest))
            self._held.append(rest)
        return out

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > self._most:
            raise TooLong(f"an event of more than {self._most} bytes")

    def _field(self, line: str) -> None:
        name, _, value = line.partition(":")  # of a comment the name is empty
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._name = value
        elif name == "id":
            if "\0" not in value:
                self._id = value
        elif name == "retry" and value.isascii() and value.isdecimal() and len(value) < 16:
            self._retry = int(value) / 1_000

    def _end(self) -> Block | None:
        name, data = self._name or "message", self._data
        self._name, self._data, self._size = "", [], 0
        return Block(name, "\n".join(data), self._id, self._retry) if data else None
