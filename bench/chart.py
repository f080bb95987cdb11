"""`python -m bench.chart`: what the chart of the dashboard costs a browser while its market moves.

Real Chromium without a GPU, the chart alone on a page under the dashboard's policy, a change of the last bar `--rate`
times a second and a new bar every second. CPU time as a share of one core: `main` the page's main thread, `page` all
threads of its process, `browser` every process of the browser (which without a GPU also puts the picture together).
The row `idle` is the same page with nothing coming in.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.page_chart.market import bars, prints
from tests.page_chart.stage import House, Stage, Tools, stage

_FEED = """([text, rate]) => {
  let bar = JSON.parse(text);
  const moved = (value, by) => (Number(value) + (Math.random() - 0.5) * by).toFixed(8);
  let n = 0;
  window.feed = setInterval(() => {
    n += 1;
    const before = bar;
    if (n % rate === 0) {
      const step = bar.end - bar.start;
      bar = { ...bar, start: bar.end, end: bar.end + step, open: bar.close, high: bar.close, low: bar.close };
    }
    const close = moved(bar.close, 2);
    const [high, low] = [Math.max(close, bar.high), Math.min(close, bar.low)].map((value) => value.toFixed(8));
    const [cvd_base, delta_base] = [moved(bar.cvd_base, 1), moved(bar.delta_base, 1)];
    bar = { ...bar, last_id: bar.last_id + 1, close, high, low, cvd_base, delta_base };
    chart.updateBars(bar.start === before.start ? [bar] : [{ ...before, closed: true }, bar]);
  }, 1000 / rate);
}"""


class Meter:
    """CPU seconds of the page's main thread, of its process, and of all processes of the browser."""

    def __init__(self, page: Stage) -> None:
        self._page = page.tools()
        self._page.send("Performance.enable")
        self._browser = Tools(page.house, page.house.do(page.house.browser.new_browser_cdp_session()))

    def read(self) -> tuple[float, float, float]:
        found = {each["name"]: each["value"] for each in self._page.send("Performance.getMetrics")["metrics"]}
        processes = self._browser.send("SystemInfo.getProcessInfo")["processInfo"]
        return found["ThreadTime"], found["ProcessTime"], sum(each["cpuTime"] for each in processes)


def measure(meter: Meter, seconds: float) -> list[float]:
    """Shares of one core in percent over so many seconds."""
    begin, before = time.monotonic(), meter.read()
    time.sleep(seconds)
    spent, after = time.monotonic() - begin, meter.read()
    return [100 * (b - a) / spent for a, b in zip(before, after, strict=True)]


def run(console: Console, count: int, rate: int, seconds: float, repeats: int) -> None:
    table = Table(title=f"chart, 1180 x 800, {count} bars, {rate} updates/s: % of one core, best of {repeats}")
    for column in ("", "main", "page", "browser", "paintings/s", "laid out in ms"):
        table.add_column(column, justify="right" if column else "left")
    house = House()
    with stage(house, 1180, 800) as page:
        page.make()
        made = bars("5s", count)
        page.show(made, "5s")
        page.call("setLarge", prints(made[-120:], 50))
        meter = Meter(page)
        lay = "() => { const begin = performance.now(); chart.setUnit('base'); return performance.now() - begin; }"
        laid = min(float(page.js(lay)) for _ in range(5))
        page.settle()

        def row(name: str, more: str = "") -> None:
            painted = page.stats()["painted"][0]
            began = time.monotonic()
            best: list[Any] = min(measure(meter, seconds) for _ in range(repeats))
            rhythm = (page.stats()["painted"][0] - painted) / (time.monotonic() - began)
            table.add_row(name, *(f"{each:.1f}" for each in best), f"{rhythm:.1f}", more)

        row("idle")
        page.js(_FEED, [json.dumps(made[-1]), rate])
        row("115 bars in sight", f"{laid:.0f}")
        page.call("jumpTo", made[count // 2]["start"])
        row("scrolled back")
        page.js("() => chart.base.timeScale().fitContent()")
        row("all in sight")
        page.js("() => clearInterval(feed)")
    house.close()
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bars", type=int, default=5_000)
    parser.add_argument("--rate", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    run(Console(), given.bars, given.rate, given.seconds, given.repeats)


if __name__ == "__main__":
    main()
