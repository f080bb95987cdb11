"""The chart under the reader's hand: exact numbers, updates, time, keys, touch, size; and it leaves nothing behind."""

import json
from typing import Any

import pytest

from tests.page_chart.market import END, bars, following, traded
from tests.page_chart.stage import House, Stage, stage

MINUTE = 60_000


def point(shown: Stage, at: int) -> Any:
    shown.move(shown.x(at), 200)
    return shown.cursor()


def test_nothing_is_refused_and_a_refusal_would_be_seen(house: House) -> None:
    with stage(house) as page:
        assert page.js("() => violations") == []
        page.js(
            """async () => {
              const library = "/static/vendor/lightweight-charts-5.2.1/lightweight-charts.standalone.production.mjs";
              const { createChart } = await import(library);
              createChart(box, { width: 300, height: 200, layout: { attributionLogo: true } }).remove();
              await painted();
            }"""
        )
        assert page.js("() => violations.splice(0)") == ["style-src-elem"]
        page.errors.clear()


def test_the_cross_hair_tells_what_came_to_the_letter(shown: Stage) -> None:
    made = bars(without=(260,))
    shown.show(made)
    by_start = {bar["start"]: bar for bar in made}
    for at in (200, 255, 299):
        assert point(shown, at) == by_start[END - (300 - at) * MINUTE]
    assert point(shown, 260) is None  # nobody traded
    assert point(shown, 261) is not None
    shown.move(999, 639)
    assert shown.cursor() is None


def test_the_cross_hair_follows_its_bar(shown: Stage) -> None:
    made = bars()
    shown.show(made)
    point(shown, 299)
    after = traded(made[-1], 5)
    shown.call("updateBars", [after])
    shown.settle()
    assert shown.cursor() == after


def test_updates_are_coalesced_and_never_lay_everything_out(shown: Stage) -> None:
    made = bars()
    shown.show(made)
    before = shown.stats()
    last = traded(made[-1], 3)
    spent = shown.js(
        """async (bar) => {
          const begin = performance.now();
          for (let n = 0; n < 60; n += 1) {
            chart.updateBars([{ ...bar, last_id: bar.last_id + n, closed: false }]);
            await new Promise((done) => setTimeout(done, 10));
          }
          return performance.now() - begin;
        }""",
        last,
    )
    shown.settle()
    after = shown.stats()
    assert after["received"] - before["received"] == 60
    assert 3 <= after["flushes"] - before["flushes"] <= spent / 1000 * 12 + 2
    assert after["painted"][0] - before["painted"][0] <= spent / 1000 * 12 + 4
    assert after["laid"] == before["laid"]
    assert point(shown, 299)["last_id"] == last["last_id"] + 59


def test_what_is_the_same_is_not_painted_again(shown: Stage) -> None:
    made = bars()
    shown.show(made)
    before = shown.stats()["painted"]
    shown.call("updateBars", made[-3:])
    shown.settle()
    assert shown.stats()["painted"] == before


def test_time_is_linear_and_new_bars_move_the_view(shown: Stage) -> None:
    made = bars(without=(270, 271, 272))
    shown.show(made)
    apart = shown.x(101) - shown.x(100)
    assert shown.x(274) - shown.x(269) == pytest.approx(5 * apart)
    place = shown.x(299)
    closed = {**made[-1], "closed": True}
    new = following(made[-1], skipped=4)
    shown.call("updateBars", [closed, new])
    shown.settle()
    assert shown.x(304) == pytest.approx(place)
    assert point(shown, 304) == new
    assert point(shown, 299) == closed
    assert point(shown, 301) is None
    assert shown.stats()["laid"] == 1
    assert shown.js("() => chart.panes.map((pane) => pane.series.data().length)") == [
        1,
        1,
        1,
    ]  # only the last has a value
    later = following(new, skipped=500)  # a market asleep: laid out anew
    shown.call("updateBars", [{**new, "closed": True}, later])
    shown.settle()
    assert shown.stats()["laid"] == 2
    assert point(shown, 304 + 501) == later


def test_a_late_correction_goes_where_it_belongs(shown: Stage) -> None:
    made = bars(without=(280,))
    shown.show(made)
    late = {**traded(made[250], 7), "closed": True}
    shown.call("updateBars", [late])
    shown.settle()
    assert point(shown, 250) == late
    assert shown.stats()["laid"] == 1
    missing = bars(count=300)[280]
    shown.call("updateBars", [missing])
    shown.settle()
    assert point(shown, 280) == missing
    assert point(shown, 279) == made[279]
    assert point(shown, 281) == made[280]
    assert shown.stats()["laid"] == 2


def test_bars_of_another_interval_are_left_alone(shown: Stage) -> None:
    made = bars()
    shown.show(made)
    shown.call("updateBars", bars("5s", 3))
    shown.settle()
    assert (shown.stats()["foreign"], shown.stats()["bars"]) == (3, 300)


def test_frozen_waits_and_then_has_everything(shown: Stage) -> None:
    made = bars()
    shown.show(made)
    shown.call("setFrozen", True)
    newest = following(made[-1])
    shown.call("updateBars", [{**made[-1], "closed": True}])
    shown.call("updateBars", [newest])
    shown.call("setGaps", [])
    shown.settle()
    assert (shown.stats()["waiting"], shown.stats()["bars"]) == (2, 300)
    shown.call("setFrozen", False)
    shown.settle()
    assert (shown.stats()["waiting"], shown.stats()["bars"]) == (0, 301)
    assert point(shown, 300) == newest


def test_a_reload_keeps_the_place_and_another_symbol_goes_to_the_end(shown: Stage) -> None:
    made = bars(count=1_000)
    shown.show(made)
    assert shown.call("jumpTo", made[400]["start"] + 17)
    shown.js("painted")
    before = shown.visible()
    assert not before["atEnd"]
    assert abs((before["from"] + before["to"]) / 2 - made[400]["start"]) < 2 * MINUTE
    shown.show(made[100:])
    assert shown.visible() == before
    assert not shown.call("jumpTo", made[0]["start"])
    assert not shown.call("jumpTo", made[-1]["end"])
    shown.show(bars(seed=3), symbol="ETHUSDT")
    assert shown.visible()["atEnd"]


def test_the_axis_has_the_decimals_of_the_prices(shown: Stage) -> None:
    shown.show(bars())
    assert shown.js("() => chart.panes[0].series.priceFormatter().format(60000.5)") == "60000.50"
    shown.show(bars(seed=5), symbol="PEPEUSDT", decimals={"price": 8})
    assert shown.js("() => chart.panes[0].series.priceFormatter().format(0.5)") == "0.50000000"


def test_keys(shown: Stage) -> None:
    made = bars()
    shown.show(made)
    shown.js("() => box.focus()")
    begin = shown.visible()
    shown.press("ArrowLeft")
    panned = shown.visible()
    assert panned["to"] < begin["to"]
    shown.press("+")
    zoomed = shown.visible()
    assert zoomed["to"] - zoomed["from"] < panned["to"] - panned["from"]
    shown.press("Home")
    assert shown.visible()["from"] <= made[0]["end"]
    shown.press("End")
    assert shown.visible()["atEnd"]
    for _ in range(3):
        shown.press("Shift+ArrowLeft")
    assert shown.cursor() == made[-3]
    shown.press("Shift+ArrowRight")
    assert shown.cursor() == made[-2]
    shown.press("Escape")
    assert shown.cursor() is None
    shown.press("Control+ArrowLeft")  # the browser's own
    assert shown.visible()["atEnd"]


def test_its_size_is_that_of_its_place(shown: Stage) -> None:
    shown.show(bars())
    width = "() => box.querySelector('canvas').getBoundingClientRect().width"
    assert 880 < shown.js(width) < 960
    shown.js("() => document.body.classList.add('narrow')")
    shown.settle()
    assert 380 < shown.js(width) < 460
    shown.js("() => document.body.classList.remove('narrow')")


def test_a_phone_pans_by_drag_and_zooms_by_pinch(house: House) -> None:
    # (An emulated ratio does not reach the canvases: they ask for the device's own pixels.)
    fine = house.launch("--force-device-scale-factor=2")
    with stage(house, 390, 520, device_scale_factor=2, has_touch=True, is_mobile=True, browser=fine) as phone:
        phone.make()
        phone.show(bars())
        assert phone.js("() => box.querySelector('canvas').width / box.querySelector('canvas').clientWidth") == 2
        tools = phone.tools()

        def touch(kind: str, *points: tuple[float, float]) -> None:
            tools.send(
                "Input.dispatchTouchEvent",
                {"type": kind, "touchPoints": [{"x": x, "y": y, "id": n} for n, (x, y) in enumerate(points)]},
            )

        before = phone.visible()
        touch("touchStart", (100, 150))
        for step in range(1, 9):
            touch("touchMove", (100 + 20 * step, 150))
        touch("touchEnd")
        phone.settle()
        panned = phone.visible()
        assert panned["from"] < before["from"] - 5 * MINUTE
        touch("touchStart", (140, 150), (180, 150))
        for step in range(1, 9):
            touch("touchMove", (140 - 10 * step, 150), (180 + 10 * step, 150))
        touch("touchEnd")
        phone.settle()
        pinched = phone.visible()
        assert pinched["to"] - pinched["from"] < 0.6 * (panned["to"] - panned["from"])
    house.do(fine.close())


@pytest.mark.parametrize("motion,kinetic", [("reduce", False), ("no-preference", True)])
def test_reduced_motion(house: House, motion: Any, kinetic: bool) -> None:
    with stage(house, reduced_motion=motion) as page:
        page.make()
        assert page.js("() => chart.base.options().kineticScroll.touch") is kinetic
        house.do(page.page.emulate_media(reduced_motion="no-preference" if motion == "reduce" else "reduce"))
        page.js("painted")
        assert page.js("() => chart.base.options().kineticScroll.touch") is not kinetic


def test_readers_hear_what_it_is(shown: Stage) -> None:
    shown.show(bars(), symbol="ETHUSDT")
    assert shown.js("() => box.getAttribute('aria-label')") == "ETHUSDT, 1m: price, CVD and delta"
    assert shown.js("() => box.tabIndex") == 0
    assert shown.js("() => box.querySelector('table').getAttribute('role')") == "presentation"


def test_it_stays_small_over_fifty_symbols_and_leaves_nothing(house: House) -> None:
    with stage(house, 500, 320) as page:
        tools = page.tools()
        tools.send("Performance.enable")

        def held() -> dict[str, float]:
            tools.send("HeapProfiler.collectGarbage")
            found = {each["name"]: each["value"] for each in tools.send("Performance.getMetrics")["metrics"]}
            return {name: found[name] for name in ("Nodes", "JSEventListeners", "JSHeapUsedSize")}

        empty = held()
        page.make()
        page.js("(text) => { window.made = JSON.parse(text); }", json.dumps(bars()))
        switch = """async (times) => {
          for (let n = 0; n < times; n += 1) {
            const interval = n % 2 ? "1m" : "1s";
            const move = (bar, at) => ({ ...bar, start: 6e7 + at * 1000, end: 6e7 + at * 1000 + 1000 });
            chart.setBars({ symbol: `S${n}`, interval, bars: n % 2 ? made : made.map(move), anchor: null });
            chart.setGaps([{ first: 1, last: 2, trades: 2, status: "open", from_ms: 1, to_ms: 2 }]);
            if (n % 10 === 0) await painted();
          }
        }"""
        page.js(switch, 10)
        canvases = page.js("() => box.querySelectorAll('canvas').length")
        first = held()
        page.js(switch, 50)
        after = held()
        assert page.js("() => box.querySelectorAll('canvas').length") == canvases
        assert after["Nodes"] <= first["Nodes"] + 5
        assert after["JSEventListeners"] == first["JSEventListeners"]
        assert after["JSHeapUsedSize"] < first["JSHeapUsedSize"] + 600_000
        page.js("() => { chart.setDead(1); chart.destroy(); window.chart = window.made = window.cursors = null; }")
        page.settle()
        left = held()
        assert page.js("() => box.children.length") == 0
        assert page.js("() => box.getAttributeNames()") == ["id"]
        assert left["JSEventListeners"] <= empty["JSEventListeners"] + 1
        assert left["Nodes"] <= empty["Nodes"] + 5
