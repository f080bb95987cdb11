"""The `bar` events that a client was sent: each a true state of its bars when it came, none that ended left untold."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

from tests.judge.bars import WIDTHS, Ledger, differences, upto
from tests.judge.exchange import Listed
from tests.judge.judge import SLACK_MS, Judge
from tests.tapes.listener import Event, Listener

#: The end of a bar is told within a tick (0.25 s); on a crowded machine later.
PATIENCE_MS: Final = 3_000


class Stamped(list[Event]):
    """Events, and when (ms) each came."""

    def __init__(self) -> None:
        super().__init__()
        self.came: list[int] = []

    def append(self, event: Event) -> None:
        super().append(event)
        self.came.append(time.time_ns() // 1_000_000)


def bar_listener(judge: Judge, venue: str, **query: object) -> tuple[Listener, Stamped]:
    """A client of the bars of all symbols of a venue; not connected yet."""
    symbols = ",".join(symbol for each, symbol in judge.listed if each == venue)
    client = Listener(judge.session, judge.url, venue=venue, symbols=symbols, topics="bar", **query)
    client.events = events = Stamped()
    return client, events


def newest(events: Sequence[Event], symbol: str, since: int = 0) -> dict[str, Any] | None:
    """The bar that was told last of it, among the events from `since` on."""
    for event in reversed(events[since:]):
        if event.topic == "bar" and event.data["symbol"] == symbol:
            found: dict[str, Any] = event.data["bars"][-1]
            return found
    return None


def judge_bar_events(
    judge: Judge,
    events: Stamped,
    listed: Listed,
    hole: tuple[int, int],
    ledgers: dict[tuple[int, bool], Ledger],
    *,
    interval: str,
    rule: str,
    exact: bool,
) -> int:
    """Every event of a symbol; `hole` are ids that came late, all at once; `ledgers` are those of other readers of
    the same symbol, too. Gives how many."""
    contract = listed.contract
    first_of_all = judge.first_of_all(listed)
    known: dict[int, dict[str, Any]] = {}  # what one that merges by start, and asks anew where it must, knows of bars
    told = 0
    for event, came in zip(events, events.came, strict=True):
        if event.topic == "corrected" and event.data["symbol"] == contract.symbol:
            known.clear()
        if event.topic == "hello":
            known.clear()
        if event.topic != "bar" or event.data["symbol"] != contract.symbol:
            continue
        told += 1
        data, bars = event.data, event.data["bars"]
        assert (data["venue"], data["market"], data["interval"]) == (contract.venue, contract.market, interval)
        assert [bar["start"] for bar in bars] == sorted({bar["start"] for bar in bars})
        assert 1 <= len(bars) <= 3
        last_id = max(bar["last_id"] for bar in bars)
        found = ""
        for late in (False, True):
            ledger = ledgers.get((last_id, late))
            if ledger is None:
                rows = upto(listed.rows, last_id, [hole] if late else ())
                ledger = ledgers[last_id, late] = Ledger(contract, rows, first_of_all=first_of_all)
            found = _told(ledger, data, came, interval, rule, exact)
            if late and not found:
                for bar in bars:
                    gone = [row for row in listed.rows if row.valid and hole[0] <= row.id <= hole[1]]
                    inside = [row for row in gone if bar["start"] <= row.ts_us // 1000 < bar["end"]]
                    assert not (inside and bar["complete"]), (contract, bar)
            if not found:
                break
        assert not found, f"{contract} {interval} {rule}: {found}"
        if known and bars[0]["start"] > max(known):
            known.clear()
        known |= {bar["start"]: bar for bar in bars}
        judge.compared["bar events"] += 20 * len(bars)
    ledger = Ledger(contract, listed.rows, first_of_all=first_of_all)
    for start, bar in sorted(known.items()):
        expected = ledger.bar(interval, start * 1000, ledger.anchor(rule, events.came[-1] * 1000)[1], exact)
        expected |= {"closed": bar["closed"], "complete": bar["complete"]}
        assert bar == expected, f"{contract}: the newest version is not told: {differences(bar, expected)}"
        assert bar["closed"] or start == max(known)
    assert sorted(known) == [at // 1000 for at in ledger.starts(interval) if known and at // 1000 >= min(known)]
    return told


def _told(ledger: Ledger, data: dict[str, Any], came: int, interval: str, rule: str, exact: bool) -> str:
    """What is wrong with an event, were these the rows that were held; empty: nothing is."""
    anchor = ledger.anchor(rule, came * 1000)
    if (data["anchor"]["rule"], data["anchor"]["time"] * 1000) != anchor:
        return f"anchor {data['anchor']}, not {anchor}"
    starts = [start // 1000 for start in ledger.starts(interval)[-3:]]
    if [bar["start"] for bar in data["bars"]] != starts:
        return f"bars {[bar['start'] for bar in data['bars']]}, not {starts}"
    for bar in data["bars"]:
        expected = ledger.bar(interval, bar["start"] * 1000, anchor[1], exact)
        expected |= {"closed": bar["closed"], "complete": bar["complete"]}
        if bar != expected:
            return differences(bar, expected)
        if bar["closed"] and came + SLACK_MS < bar["end"]:
            return f"closed at {came}: {bar}"
    return ""


def judge_live(events: Stamped, listed: Listed, begin: int) -> None:
    """From `begin` (ms) on trades came second by second: each bar of 1 s was told as it ended, the last with no trade
    after it."""
    width = WIDTHS["1s"] // 1000
    starts = {row.ts_us // 1000 // width * width for row in listed.rows if row.valid and row.ts_us // 1000 >= begin}
    closed: dict[int, int] = {}
    for event, came in zip(events, events.came, strict=True):
        if event.topic == "bar" and event.data["symbol"] == listed.contract.symbol:
            for bar in event.data["bars"]:
                if bar["closed"]:
                    closed.setdefault(bar["start"], came)
    for start in sorted(starts):
        assert start in closed, f"{listed.contract}: the end of {start} was not told: {sorted(closed)[-5:]}"
        assert closed[start] < start + width + PATIENCE_MS, (listed.contract, start, closed[start])
