"""What is on the canvas: the bars, what is not known and what is dead, in the page's colours."""

from typing import Any

import pytest

from tests.page_chart.market import END, bars, prints, traded
from tests.page_chart.stage import DARK, LIGHT, Stage

MINUTE = 60_000


def gap(status: str, first_minute: int, last_minute: int, trades: int = 214) -> dict[str, Any]:
    """A hole from so many to so many minutes before the end."""
    return {
        "first": 1,
        "last": trades,
        "trades": trades,
        "status": status,
        "from_ms": END - first_minute * MINUTE,
        "to_ms": END - last_minute * MINUTE,
    }


def test_candles_and_deltas_have_the_colours_of_their_sides(shown: Stage) -> None:
    made = bars()
    shown.show(made)
    dotted = shown.y(0, made[-1]["close"])  # the last price, across all candles
    for at in range(260, 295):
        bar = made[at]
        x = shown.x(at)
        top, bottom = sorted(shown.y(0, bar[name]) for name in ("open", "close"))
        body = (x - 3, top, x + 4, max(bottom, top + 1))
        own, other = ("buy", "sell") if float(bar["close"]) >= float(bar["open"]) else ("sell", "buy")
        assert shown.pixels(0, DARK[own], body), at
        if top - 2 < dotted < bottom + 2:
            continue
        assert not shown.pixels(0, DARK[other], body), at
        if own == "buy" and bottom - top > 6:  # hollow
            assert not shown.pixels(0, DARK["buy"], (x - 1, top + 2, x + 2, bottom - 2)), at
        zero = shown.y(2, "0")
        up = float(bar["delta_base"]) > 0
        end = shown.y(2, bar["delta_base"])
        if abs(end - zero) > 2:
            box = (x - 2, min(zero, end) + 1, x + 3, max(zero, end) - 1)
            # (Five, six or seven wide, whatever the spacing has room for.)
            assert shown.pixels(2, DARK["buy" if up else "sell"], box) >= 4.5 * (box[3] - box[1] - 1), at
            assert shown.pixels(2, DARK["sell" if up else "buy"], box) == 0, at


def test_the_open_bar_is_seen_to_be_open(shown: Stage) -> None:
    made = bars()
    shown.show(made)
    x, empty = shown.x(299), shown.x(302)
    tint = "#161A21"  # 6 % of the text over the background
    for pane in range(3):
        assert shown.pixels(pane, tint, (x - 3, 22, x + 4, 60), 3) > shown.pixels(
            pane, tint, (empty - 3, 22, empty + 4, 60), 3
        )
    shown.call("updateBars", [{**made[-1], "closed": True}])
    shown.settle()
    assert shown.pixels(0, tint, (x - 3, 22, x + 4, 60), 3) == 0


def test_a_hole_is_a_hatched_band_and_the_cvd_after_it_is_dashed(shown: Stage) -> None:
    shown.show(bars(without=range(250, 258)))
    left, right, end = shown.x(250), shown.x(257), shown.x(298)
    band = (left + 2, 60, right - 2, 300)
    assert shown.pixels(0, DARK["warn"], band, 90) == 0
    assert shown.columns(1, DARK["cvd"], right + 8, end) > 0.99

    shown.call("setGaps", [gap("open", 50, 42)])
    shown.settle()
    for pane in range(3):
        height = (60, 300) if pane == 0 else (25, 60)
        box = (left + 2, height[0], right - 2, height[1])
        hatched = shown.pixels(pane, DARK["warn"], box, 110) / ((box[2] - box[0]) * (box[3] - box[1]))
        assert 0.1 < hatched < 0.6, pane
        assert shown.pixels(pane, DARK["warn"], (right + 20, 60, end, height[1] + 40), 60) == 0
    written = (left - 60, 22, right + 60, 44)
    assert shown.pixels(0, DARK["warn"], written) > 100
    assert 0.4 < shown.columns(1, DARK["cvd"], right + 8, end) < 0.9
    assert shown.columns(1, DARK["cvd"], 40, left - 8) > 0.99

    shown.call("setGaps", [gap("repaired", 50, 42)])
    shown.settle()
    assert shown.pixels(0, DARK["warn"], band, 90) == 0
    assert shown.pixels(0, "#9A6B06", (left, 0, right, 3), 30) >= 2 * (right - left)
    assert shown.columns(1, DARK["cvd"], right + 8, end) > 0.99


def test_what_is_lost_keeps_its_band_and_breaks_the_cvd(shown: Stage) -> None:
    shown.show(bars())
    at = shown.x(259)  # a hole of 400 ms inside one minute: as wide as can be seen
    shown.call("setGaps", [{**gap("lost", 41, 41, 1), "to_ms": END - 41 * MINUTE + 400}])
    shown.settle()
    assert shown.pixels(0, DARK["warn"], (at - 10, 60, at + 10, 300), 110) > 300
    assert shown.columns(1, DARK["cvd"], at - 12, at + 4) < 0.75
    assert shown.columns(1, DARK["cvd"], at + 8, shown.x(298)) > 0.99


def test_a_hole_without_times_is_found_by_its_ids(shown: Stage) -> None:
    made = bars(without=range(250, 258))
    before, after = made[249], made[250]
    hole = {"first": before["last_id"] + 1, "last": after["first_id"] - 1, "trades": 9, "status": "open"}
    shown.show(made)
    shown.call("setGaps", [hole])
    shown.settle()
    found = shown.js("() => chart.shown.gaps[0]")
    assert (found["from_ms"], found["to_ms"]) == (before["end"], after["start"])
    inside = {**hole, "first": before["first_id"] + 1, "last": before["first_id"] + 1}
    shown.call("setGaps", [inside])
    found = shown.js("() => chart.shown.gaps[0]")
    assert (found["from_ms"], found["to_ms"]) == (before["start"], before["end"])


def test_a_dead_feed_dims_everything_and_its_stripes_grow(shown: Stage) -> None:
    made = bars()
    shown.show(made)
    since, whole = END - 10_000, shown.pixels(1, DARK["cvd"])
    assert whole > 500
    shown.js("(now) => { chart.now = () => now; }", since + 60_000)
    shown.call("setDead", since)
    shown.settle()
    assert shown.pixels(1, DARK["cvd"], None, 30) == 0
    assert shown.pixels(0, DARK["buy"], None, 30) == 0

    def striped() -> float:
        return shown.columns(2, "#606774", shown.x(300), 920, 40)

    short = striped()
    assert short < 0.3
    shown.js("(now) => { chart.now = () => now; chart.setDead(chart.shown.dead); }", since + 30 * MINUTE)
    shown.settle()
    assert striped() > 0.9
    assert shown.x(299) < 800  # the view has made room
    shown.call("setDead", None)
    shown.settle()
    assert shown.pixels(1, DARK["cvd"]) > 500
    assert striped() == 0
    assert shown.visible()["atEnd"]


def test_marks_have_the_area_of_their_notional(shown: Stage) -> None:
    made = bars()
    shown.show(made)
    y = 18  # above every candle
    tell = {"price": shown.js("(y) => chart.panes[0].series.coordinateToPrice(y)", y), "qty": "1"}
    places = {200: ("buy", "400000"), 215: ("sell", "100000"), 230: ("buy", "50000.5")}
    marks = [
        {**tell, "id": at, "time": made[at]["start"] + 30_000, "side": side, "notional_usd": notional}
        for at, (side, notional) in places.items()
    ]
    empty = [shown.pixels(0, DARK["background"], (shown.x(at) - 17, 1, shown.x(at) + 17, 36), 1) for at in places]
    shown.call("setLarge", marks)
    shown.settle()
    assert shown.stats()["marks"] == 3
    areas = []
    for at, before in zip(places, empty, strict=True):
        around = (shown.x(at) - 17, 1, shown.x(at) + 17, 36)
        areas.append(before - shown.pixels(0, DARK["background"], around, 1))
        side = places[at][0]
        assert shown.pixels(0, DARK[side], around, 40) > 10
        if at == 230:
            continue  # too small for anything but its own colour
        # The triangle: ▲ is wide below its middle, ▼ above.
        x = shown.x(at)
        wide, narrow = ((y, y + 6), (y - 6, y)) if side == "buy" else ((y - 6, y), (y, y + 6))
        inked = [shown.pixels(0, DARK["text"], (x - 5, low, x + 6, high), 60) for low, high in (wide, narrow)]
        assert inked[0] > inked[1], at
    assert areas[0] == pytest.approx(3.1416 * 15.5**2, rel=0.12)
    assert areas[1] / areas[0] == pytest.approx(1 / 4, rel=0.2)
    assert areas[2] / areas[0] == pytest.approx(1 / 8, rel=0.3)


def test_only_marks_in_sight_are_painted(shown: Stage) -> None:
    made = bars()
    shown.show(made)
    seen = shown.visible()
    many = prints(made, 2_000)
    shown.call("setLarge", many)
    shown.settle()
    in_sight = sum(seen["from"] - 2 * MINUTE <= each["time"] <= seen["to"] + 2 * MINUTE for each in many)
    assert 0 < shown.stats()["marks"] <= min(in_sight, 300)


def test_a_second_is_a_line(shown: Stage) -> None:
    made = bars("1s", 200)
    shown.show(made, "1s")
    assert shown.columns(0, DARK["text"], shown.x(150), shown.x(198), 80) > 0.99
    y = shown.y(0, made[-1]["close"])  # where the dotted line of the last price is
    for box in ((0, 0, 880, y - 2), (0, y + 3, 880, 480)):
        assert shown.pixels(0, DARK["sell"], box) == shown.pixels(0, DARK["buy"], box) == 0


def test_another_palette_and_its_faults(shown: Stage) -> None:
    shown.show(bars())
    shown.call("setPalette", {**LIGHT, "buy": "#26A69A", "sell": "#EF5350"})
    shown.settle()
    assert shown.pixels(0, LIGHT["background"]) > 100_000
    assert shown.pixels(2, "#26A69A") > 100
    assert shown.pixels(2, "#EF5350") > 100
    assert shown.pixels(0, DARK["buy"], None, 6) == shown.pixels(2, DARK["sell"], None, 6) == 0
    assert shown.pixels(1, LIGHT["cvd"]) > 500
    told = shown.js("() => { try { chart.setPalette({buy: 'teal'}); } catch (error) { return error.message; } }")
    assert told == "palette: teal is not #RGB or #RRGGBB"


def test_the_other_unit(shown: Stage) -> None:
    made = bars()
    shown.show(made)
    low = shown.js("() => chart.panes[1].range")
    shown.call("setUnit", "quote")
    shown.settle()
    seen = [bar for bar in made if bar["start"] >= shown.visible()["from"]]
    assert shown.js("() => chart.panes[1].range")[1] == pytest.approx(
        max(float(b["cvd_quote"]) for b in seen), rel=0.01
    )
    assert shown.js("() => chart.panes[1].range") != low


def test_an_update_is_painted(shown: Stage) -> None:
    made = bars()
    shown.show(made)
    x = shown.x(299)
    risen = traded(made[-1], 20_000)
    shown.call("updateBars", [risen])
    shown.settle()
    y = shown.y(0, risen["close"])
    assert 0 < y < 120  # the scale has followed
    assert shown.pixels(0, DARK["buy"], (x - 3, y, x + 4, y + 3))
