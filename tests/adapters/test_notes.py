"""What an operator is told: one line an event, summaries instead of floods."""

from __future__ import annotations

from typing import Any

from structlog.testing import capture_logs

from orderflow_stream.adapters.notes import MOST, Notes
from orderflow_stream.core.events import Corrected, GapFound, LateTrades, StateChanged

KEY = "binance:BTCUSDT"
MINUTE = 60_000_000


class Time:
    now = 0


def notes(*on_demand: str) -> Notes:
    return Notes(lambda: Time.now, lambda key: key not in on_demand)


def said(notes: Notes, *updates: Any) -> list[Any]:
    with capture_logs() as lines:
        notes.saw(updates)
    return lines


def test_a_hole_and_its_repair() -> None:
    (line,) = said(notes(), GapFound(KEY, 7, 9, 0))
    assert (line["instrument"], line["ids"], line["count"]) == (KEY, "7-9", 3)
    (line,) = said(notes(), Corrected(KEY, ((7, 7), (9, 9)), (), 0))
    assert (line["event"], line["ids"], line["count"]) == ("missing trades came in", "7, 9", 2)


def test_many_ranges_are_one_short_line() -> None:
    (line,) = said(notes(), Corrected(KEY, tuple((2 * id_, 2 * id_) for id_ in range(8)), (), 0))
    assert line["ids"] == "0, 2, 4, 6, 8 and 3 more ranges"
    assert line["count"] == 8


def test_what_is_lost_or_late_is_told_elsewhere() -> None:
    assert said(notes(), Corrected(KEY, (), ((7, 9),), 0), LateTrades(KEY, ())) == []


def test_stale_feeds_are_one_line_and_so_is_their_return() -> None:
    keys = [f"binance:S{number}USDT" for number in range(7)]
    one = notes()
    (line,) = said(one, *(StateChanged(key, "stale", 0, "a reason") for key in keys))
    assert (line["event"], line["log_level"]) == ("feed is stale", "warning")
    assert line["instrument"] == ", ".join(keys[:5]) + " and 2 more"
    assert line["reason"] == "a reason"
    (line,) = said(one, *(StateChanged(key, "live", 0, "") for key in keys[:2]))
    assert (line["event"], line["instrument"]) == ("feed is live again", ", ".join(keys[:2]))
    assert said(one, StateChanged(keys[0], "live", 0, "")) == []  # it was told


def test_other_changes_of_state_are_no_news() -> None:
    assert said(notes(), *(StateChanged(KEY, state, 0, "") for state in ("warming", "live", "quiet", "gap"))) == []
    assert said(notes(KEY), StateChanged(KEY, "stale", 0, "not read again since it was asked for")) == []


def test_floods_are_counted() -> None:
    Time.now = 0
    one = notes()
    lines = [line for id_ in range(MOST + 25) for line in said(one, GapFound(KEY, 2 * id_, 2 * id_, 0))]
    assert len(lines) == MOST
    (other,) = said(one, Corrected(KEY, ((0, 0),), (), 0))  # each kind has its own share
    assert "not_logged" not in other
    Time.now = MINUTE
    (line,) = said(one, GapFound(KEY, 99, 99, 0))
    assert line["not_logged"] == 25
    assert all("not_logged" not in line for line in said(one, GapFound(KEY, 101, 101, 0)))
