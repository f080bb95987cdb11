"""A browser's page with nothing but the chart on it, under the policy of the dashboard, and the chart's pixels."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from playwright.async_api import Browser, CDPSession, Page, Route, async_playwright

from orderflow_stream.delivery.http.guard import PAGE_CSP
from orderflow_stream.delivery.http.pages import FILES, TYPES
from tests.tools import needs

T = TypeVar("T")
Box = tuple[float, float, float, float]
PATIENCE = 40.0
ORIGIN = "http://chart.test"
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--enable-precise-memory-info"),
)
DARK = {
    "buy": "#648FFF",
    "sell": "#FE6100",
    "cvd": "#B8A1FF",
    "warn": "#FFB000",
    "grid": "#1B2130",
    "text": "#C9D1E0",
    "background": "#0B0E14",
}
LIGHT = {
    **DARK,
    "cvd": "#6B4FD0",
    "warn": "#B57B00",
    "grid": "#E3E7EF",
    "text": "#1B2130",
    "background": "#FFFFFF",
}
_HTML = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>chart</title>
<link rel="stylesheet" href="/stage.css"><script type="module" src="/stage.js"></script></head>
<body><main><div id="chart"></div></main></body></html>"""
_CSS = """html, body, main { margin: 0; height: 100%; } #chart { width: 100%; height: 100%; }
body.narrow #chart { width: 50%; }"""
_JS = """import { createChart } from "/static/page/chart.js";
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
window.createChart = createChart;
window.box = document.getElementById("chart");
window.make = (options) => {
  window.chart = createChart(window.box, options);
  window.cursors = [];
  window.chart.onCursor((bar) => window.cursors.push(bar));
};
window.painted = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))));
const near = (data, at, wanted, room) => wanted.every((value, i) => Math.abs(data[at + i] - value) <= room);
const rgb = (colour) => [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
const read = (pane, box) => {
  const canvas = window.box.querySelectorAll("canvas")[4 * pane];
  const ratio = devicePixelRatio;
  const whole = [0, 0, canvas.width / ratio, canvas.height / ratio];
  const [x0, y0, x1, y1] = (box ?? whole).map((v) => Math.round(v * ratio));
  return canvas.getContext("2d").getImageData(x0, y0, x1 - x0, y1 - y0);
};
window.pixels = (pane, colour, box, room) => {
  const { data } = read(pane, box);
  const wanted = rgb(colour);
  let found = 0;
  for (let at = 0; at < data.length; at += 4) found += near(data, at, wanted, room);
  return found;
};
window.columns = (pane, colour, x0, x1, room) => {
  const canvas = window.box.querySelectorAll("canvas")[4 * pane];
  const { data, width, height } = read(pane, [x0, 0, x1, canvas.height / devicePixelRatio]);
  const wanted = rgb(colour);
  let found = 0;
  for (let x = 0; x < width; x += 1) {
    for (let y = 0; y < height; y += 1) {
      if (near(data, 4 * (y * width + x), wanted, room)) { found += 1; break; }
    }
  }
  return found / width;
};
window.ready = true;"""


class House:
    """A browser in a thread with a loop of its own: the tests wait for it, and their own thread has no loop running
    (what comes after them in the same process may want one)."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="browser", daemon=True)
        self._thread.start()
        self._play = async_playwright()
        self.kind = self.do(self._play.start()).chromium
        self.browser = self.launch()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    def launch(self, *flags: str) -> Browser:
        """One more of its kind, with further flags."""
        return self.do(self.kind.launch(executable_path=needs("chromium"), args=[*FLAGS, *flags]))

    def close(self) -> None:
        self.do(self.browser.close())
        self.do(self._play.__aexit__())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()


class Tools:
    """The page by its debugging protocol."""

    def __init__(self, house: House, session: CDPSession) -> None:
        self._house, self._session = house, session

    def send(self, method: str, params: dict[str, Any] | None = None) -> Any:
        return self._house.do(self._session.send(method, params))


class Stage:
    """The page, and what can be asked of the chart on it."""

    def __init__(self, house: House, page: Page) -> None:
        self.house, self.page = house, page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda told: self.errors.append(told.text) if told.type == "error" else None)
        house.do(page.route("**/*", self._answer))
        house.do(page.goto(ORIGIN + "/"))
        house.do(page.wait_for_function("window.ready === true"))

    async def _answer(self, route: Route) -> None:
        path = route.request.url.removeprefix(ORIGIN)
        name = path.removeprefix("/static/")
        own = {"/": (_HTML, "text/html"), "/stage.css": (_CSS, "text/css"), "/stage.js": (_JS, "text/javascript")}
        headers = {"Content-Security-Policy": PAGE_CSP}
        if path in own:
            body, media = own[path]
            await route.fulfill(body=body, headers={**headers, "Content-Type": f"{media}; charset=utf-8"})
        elif path.startswith("/static/") and name in FILES:
            await route.fulfill(body=FILES[name].read_bytes(), headers={**headers, "Content-Type": TYPES[name]})
        else:
            await route.fulfill(status=404, body="")

    def js(self, expression: str, argument: Any = None) -> Any:
        return self.house.do(self.page.evaluate(expression, argument))

    def make(self, **options: Any) -> None:
        self.js("(options) => make(options)", {"palette": DARK, **options})

    def show(self, bars: list[dict[str, Any]], interval: str = "1m", symbol: str = "BTCUSDT", **more: Any) -> None:
        self.call("setBars", {"symbol": symbol, "interval": interval, "bars": bars, **more})
        self.settle()

    def call(self, method: str, *arguments: Any) -> Any:
        """A method of the chart. (JSON as one string: the browser's protocol takes seconds for thousands of bars.)"""
        return self.js("([method, args]) => chart[method](...JSON.parse(args))", [method, json.dumps(arguments)])

    def settle(self) -> None:
        """Until what was asked for is painted: the pace of the chart, then a frame."""
        self.js("() => new Promise((done) => setTimeout(done, 100)).then(painted)")

    def move(self, x: float, y: float) -> None:
        self.house.do(self.page.mouse.move(x, y))
        self.js("painted")

    def press(self, key: str) -> None:
        self.house.do(self.page.keyboard.press(key))
        self.js("painted")

    def pixels(self, pane: int, colour: str, box: Box | None = None, near: int = 14) -> int:
        """How many pixels of a pane (0 price, 1 CVD, 2 delta) are that colour, give or take `near` a channel; `box` is
        x0, y0, x1, y1 in CSS pixels."""
        return int(self.js("(all) => pixels(...all)", [pane, colour, box, near]))

    def columns(self, pane: int, colour: str, x0: float, x1: float, near: int = 60) -> float:
        """The share of the columns from x0 to x1 that hold a pixel of that colour: 1 for a whole line."""
        return float(self.js("(all) => columns(...all)", [pane, colour, x0, x1, near]))

    def x(self, at: int) -> float:
        """The middle of the bar at this place on the axis, in CSS pixels."""
        return float(self.js("(at) => chart.base.timeScale().logicalToCoordinate(at)", at))

    def y(self, pane: int, value: str) -> float:
        return float(self.js("([p, v]) => chart.panes[p].series.priceToCoordinate(Number(v))", [pane, value]))

    def visible(self) -> dict[str, Any]:
        found: dict[str, Any] = self.call("visible")
        return found

    def stats(self) -> dict[str, Any]:
        found: dict[str, Any] = self.call("stats")
        return found

    def cursor(self) -> Any:
        """What the cross-hair was last told to be on."""
        return self.js("() => cursors.at(-1)")

    def tools(self) -> Tools:
        return Tools(self.house, self.house.do(self.page.context.new_cdp_session(self.page)))


@contextmanager
def stage(
    house: House, width: int = 1000, height: int = 640, *, browser: Browser | None = None, **more: Any
) -> Iterator[Stage]:
    """A fresh page; whatever was tried on it, nothing was refused and nothing has failed. Keywords are those of a
    browser's context."""
    where = browser or house.browser
    tab = house.do(where.new_context(viewport={"width": width, "height": height}, **more))
    try:
        shown = Stage(house, house.do(tab.new_page()))
        yield shown
        assert shown.js("() => violations") == []
        assert shown.errors == []
    finally:
        house.do(tab.close())
