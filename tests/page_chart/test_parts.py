"""What the chart stands on, without a chart: the store of bars, the labels, the colours, the rhythm."""

import json
from typing import Any

import pytest

from tests.page_chart.market import bars, following
from tests.page_chart.stage import Stage


def ask(page: Stage, module: str, body: str, argument: Any = None) -> Any:
    """Run `body` with everything that a module of the chart exports in scope, as `it`."""
    return page.js(
        f"async (text) => {{ const it = await import('/static/page/chart/{module}.js'); "
        f"const argument = JSON.parse(text); {body} }}",
        json.dumps(argument),
    )


@pytest.mark.parametrize(
    "value,label",
    [
        (0, "0"),
        (0.5234, "+0.52"),
        (-0.000123, "−0.00012"),
        (1.239, "+1.24"),
        (-45.67, "−45.7"),
        (318, "+318"),
        (-1240, "−1.24k"),
        (41_200, "+41.2k"),
        (8_100_000, "+8.10M"),
        (2.5e9, "+2.50B"),
        (-7e13, "−70.0T"),
    ],
)
def test_volumes_on_an_axis(page: Stage, value: float, label: str) -> None:
    assert ask(page, "labels", "return it.compact(argument);", value) == label


def test_times_are_utc(page: Stage) -> None:
    at = 1_795_359_603  # 2026-11-22 15:00:03
    assert ask(page, "labels", "return it.moment(argument, 1000);", at) == "22 Nov 15:00:03 UTC"
    assert ask(page, "labels", "return it.moment(argument, 60000);", at) == "22 Nov 15:00 UTC"
    ticks = ask(page, "labels", "return [0, 1, 2, 3, 4].map((type) => it.tick(argument, type));", at)
    assert ticks == ["2026", "Nov", "22 Nov", "15:00", "15:00:03"]
    spans = ask(page, "labels", "return argument.map(it.span);", [-5, 8_400, 200_000, 7_500_000])
    assert spans == ["0 s", "8 s", "3 m 20 s", "2 h 5 m"]


def test_decimals_of_exact_strings(page: Stage) -> None:
    strings = ["60000.12000000", "60000.10000000", "7", "0.00000000"]
    assert ask(page, "labels", "return it.decimals(argument);", strings) == 2
    assert ask(page, "labels", "return it.decimals(argument);", ["0.00001234"]) == 8
    assert ask(page, "labels", "return it.decimals([]);") == 0


def test_colours(page: Stage) -> None:
    assert ask(page, "colours", "return it.faded('#fff', 0.5);") == "rgba(255, 255, 255, 0.5)"
    assert ask(page, "colours", "return it.mixed('#ffffff', '#000000', 0.4);") == "#666666"
    assert ask(page, "colours", "return it.inks({buy: '#010203'}).buyMark;") == "rgba(1, 2, 3, 0.38)"
    assert ask(page, "colours", "return it.inks().sell;") == "#FE6100"


def test_what_is_written_at_a_hole(page: Stage) -> None:
    gaps = [
        {"trades": 1, "status": "open"},
        {"trades": 1_214, "status": "lost"},
        {"first": 3, "last": 9, "status": "repaired"},
    ]
    assert ask(page, "bands", "return argument.map(it.told);", gaps) == [
        "1 trade missing",
        "1,214 trades lost",
        "7 trades repaired",
    ]


def test_the_store_keeps_the_newest_of_too_many(page: Stage) -> None:
    made = bars("1s", 5_400)
    body = """const store = new it.Bars(); store.set("1s", argument);
      const newest = store.last.raw;
      const kinds = [];
      for (let n = 1; n <= 150; n += 1) {
        const start = newest.start + n * 1000;
        kinds.push(store.merge([{ ...newest, start, end: start + 1000, last_id: newest.last_id + n }]).kind);
      }
      const { items, origin, byStart, last } = store;
      return [items.length, items[0].start === origin, byStart.size, last.at, kinds.indexOf("rebuild")];"""
    kept, from_origin, known, last, rebuilt = ask(page, "bars", body, made)
    assert (kept, from_origin, known) == (5_000 + 49, True, 5_000 + 49)
    assert last == kept - 1
    assert rebuilt == 100  # 5,501 are too many


def test_the_store_does_not_lay_out_years(page: Stage) -> None:
    made = bars("1s", 3)
    body = """const store = new it.Bars(); store.set("1s", argument); return [store.items.length, store.last.at];"""
    assert ask(page, "bars", body, [*made, following(made[-1], skipped=100_000)]) == [1, 0]


def test_the_store_refuses_what_is_no_interval(page: Stage) -> None:
    body = "try { new it.Bars().set('2m', []); } catch (error) { return error.message; }"
    assert ask(page, "bars", body) == "no interval 2m: one of 1s, 5s, 1m, 5m, 1h"


def test_the_rhythm(page: Stage) -> None:
    body = """let done = 0; const rhythm = new it.Rhythm(() => { done += 1; }, () => 1000);
      rhythm.ask(); const first = done; rhythm.ask(); rhythm.ask(); const then = done; rhythm.stop();
      return [first, then];"""
    assert ask(page, "rhythm", body) == [1, 1]
