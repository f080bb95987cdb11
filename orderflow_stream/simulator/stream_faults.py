"""Faults of the trade streams as rules that a row passes through; pure: deadlines are compared with a given clock."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from orderflow_stream.simulator.frames import TradeFrame

Kind = Literal["silence", "skip", "repeat", "shuffle", "corrupt"]


@dataclass(slots=True)
class Rule:
    """One fault in force. `symbols` and `connection` None mean all; `left` counts rows still to be taken (None: no
    end), `until` is a deadline on the rules' clock (None: none)."""

    kind: Kind
    symbols: frozenset[str] | None = None
    connection: int | None = None
    left: int | None = None
    until: float | None = None
    hides_from_rest: bool = False
    times: int = 1
    members: dict[str, str] = field(default_factory=dict)
    held: list[TradeFrame] = field(default_factory=list)
    release: list[TradeFrame] = field(default_factory=list)

    def state(self) -> dict[str, object]:
        """For people: what is in force and how long still."""
        return {
            "fault": self.kind,
            "symbols": sorted(self.symbols) if self.symbols is not None else None,
            "connection": self.connection,
            "left": self.left,
        }


class StreamFaults:
    """The rules in force, in the order they were given."""

    def __init__(self, now: Callable[[], float], seed: int = 0) -> None:
        self.rules: list[Rule] = []
        self._now = now
        self._random = random.Random(seed)

    def add(self, rule: Rule) -> Rule:
        self.rules.append(rule)
        return rule

    def remove(self, kind: Kind | None = None, symbols: Iterable[str] | None = None) -> None:
        """End every rule (of a kind; naming any of these symbols). What a shuffle holds then is never sent."""
        names = None if symbols is None else frozenset(symbols)
        self.rules = [
            rule
            for rule in self.rules
            if (kind is not None and rule.kind != kind)
            or (names is not None and (rule.symbols is None or not rule.symbols & names))
        ]

    def take(self, symbol: str, frame: TradeFrame) -> list[Rule]:
        """The rules that apply to this row, counted down; called once for each published row."""
        now = self._now()
        taken: list[Rule] = []
        keep: list[Rule] = []
        for rule in self.rules:
            if rule.until is not None and now >= rule.until:
                continue
            if rule.symbols is not None and symbol not in rule.symbols:
                keep.append(rule)
                continue
            taken.append(rule)
            if rule.left is not None:
                rule.left -= 1
            if rule.left is None or rule.left > 0:
                keep.append(rule)
        self.rules = keep
        # What nobody is to see must not come out of a shuffle later.
        unseen = any(rule.kind in {"silence", "skip"} and rule.connection is None for rule in taken)
        for rule in taken:
            if rule.kind == "shuffle":
                self._shuffle(rule, None if unseen else frame)
        return taken

    def _shuffle(self, rule: Rule, frame: TradeFrame | None) -> None:
        if frame is not None:
            rule.held.append(frame)
        if rule.left == 0:
            rule.release = rule.held
            rule.held = []
            in_order = list(rule.release)
            self._random.shuffle(rule.release)
            if len(in_order) > 1 and rule.release == in_order:
                rule.release.reverse()  # a shuffle that changes nothing would be no fault

    @staticmethod
    def deliver(connection: int, frame: TradeFrame, taken: Iterable[Rule]) -> list[TradeFrame]:
        """What this connection is sent in the place of this row."""
        frames = [frame]
        for rule in taken:
            if rule.connection is not None and rule.connection != connection:
                continue
            match rule.kind:
                case "silence" | "skip":
                    frames = []
                case "repeat":
                    frames = frames * rule.times
                case "shuffle":
                    frames = list(rule.release)
                case "corrupt":
                    frames = [each.corrupted(rule.members) for each in frames]
        return frames
