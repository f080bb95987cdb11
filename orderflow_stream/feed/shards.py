"""Which symbol rides on which connection. A symbol once placed stays: adding and removing move nothing else, since a
move is a gap."""

from __future__ import annotations

from collections.abc import Iterable


class Shards:
    """Symbols on numbered shards of at most `size`; one shard is one connection (or a redundant pair of them)."""

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"Shards: size must be at least 1, not {size}")
        self._size = size
        self._next = 0
        self._members: dict[int, dict[str, None]] = {}
        self._shard: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._members)

    def add(self, symbols: Iterable[str]) -> dict[int, tuple[str, ...]]:
        """Places the symbols that have no place yet; returns the new ones by shard, in the order given.

        As many shards are opened as the total needs and the newcomers are dealt out round robin, the emptiest first:
        symbols come most active first, so every connection gets its share of the busy ones.
        """
        fresh = [symbol for symbol in dict.fromkeys(symbols) if symbol not in self._shard]
        needed = -(-(len(self._shard) + len(fresh)) // self._size)
        room = sum(self._size - len(members) for members in self._members.values())
        while room < len(fresh) or len(self._members) < needed:
            self._members[self._next] = {}
            self._next += 1
            room += self._size
        placed: dict[int, list[str]] = {}
        for symbol in fresh:
            number = min(self._members, key=lambda shard: (len(self._members[shard]), shard))
            self._members[number][symbol] = None
            self._shard[symbol] = number
            placed.setdefault(number, []).append(symbol)
        return {number: tuple(names) for number, names in placed.items()}

    def remove(self, symbols: Iterable[str]) -> dict[int, tuple[str, ...]]:
        """Takes symbols away (unknown ones are ignored); returns them by shard. A shard without symbols is gone."""
        taken: dict[int, list[str]] = {}
        for symbol in symbols:
            number = self._shard.pop(symbol, None)
            if number is not None:
                del self._members[number][symbol]
                taken.setdefault(number, []).append(symbol)
        for number in taken:
            if not self._members[number]:
                del self._members[number]
        return {number: tuple(names) for number, names in taken.items()}

    def shard(self, symbol: str) -> int | None:
        """The shard a symbol is on."""
        return self._shard.get(symbol)

    def symbols(self, number: int) -> tuple[str, ...]:
        """The symbols of one shard, in the order they were placed; empty where there is no such shard."""
        return tuple(self._members.get(number, ()))

    def __contains__(self, symbol: object) -> bool:
        return symbol in self._shard
