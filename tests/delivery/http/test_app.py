"""The applications: which routes each has."""

import pytest
from aiohttp import web

from orderflow_stream.delivery.http.app import build_app, build_metrics_app, build_pages_app
from orderflow_stream.delivery.http.route import ROUTES
from orderflow_stream.delivery.http.routes import routes
from orderflow_stream.delivery.http.server import Runner
from tests.delivery.http.world import Start


def served(app: web.Application) -> dict[str, set[str]]:
    """Methods by path, as the router knows them."""
    found: dict[str, set[str]] = {}
    for route in app.router.routes():
        assert route.resource is not None
        found.setdefault(route.resource.canonical, set()).add(route.method)
    return found


@pytest.mark.parametrize("here", [True, False])
async def test_the_api_serves_its_table_and_nothing_else(start: Start, here: bool) -> None:
    daemon = await start(options={"metrics_here": here})
    app = build_app(daemon.context)
    table = routes(metrics=here)
    assert app[ROUTES] == table
    assert served(app) == {r.path: {"GET", "HEAD"} if r.method == "GET" else {r.method} for r in table}
    assert ("/metrics" in served(app)) is here


async def test_the_listener_for_metrics_has_no_data(start: Start) -> None:
    daemon = await start()
    assert set(served(build_metrics_app(daemon.context))) == {"/metrics", "/healthz", "/readyz"}


async def test_a_listener_for_metrics_alone(start: Start) -> None:
    daemon = await start(options={"metrics_here": False})
    runner = Runner(build_metrics_app(daemon.context, "0.0.0.0"))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        for path, status in (("/metrics", 200), ("/healthz", 200), ("/v1/flow?symbol=BTCUSDT", 404)):
            async with daemon.session.get(url + path) as response:
                assert response.status == status
        # bound to every address it may be called by any, which the API itself may not
        async with daemon.session.get(f"{url}/metrics", headers={"Host": "10.1.2.3:9100"}) as response:
            assert response.status == 200
        assert (await daemon.get("/v1/meta", Host="10.1.2.3:9100"))[0] == 403
    finally:
        await runner.cleanup()


PAGES = ("/", "/docs", "/favicon.ico", "/static/page/main.js")


async def test_pages_that_have_a_listener_of_their_own_are_not_served_by_the_api(start: Start) -> None:
    daemon = await start(options={"pages_here": False})
    for path in PAGES:
        status, body, _ = await daemon.get(path)
        assert (status, body["error"]["code"]) == (404, "not_found")
    assert (await daemon.get("/openapi.json"))[0] == 200
    assert (await daemon.get("/v1/meta"))[0] == 200


async def test_a_listener_for_pages_has_the_data_they_show(start: Start) -> None:
    """By its own Host rules: a page reads what comes from its own address, so nothing is opened to other origins."""
    daemon = await start(options={"pages_here": False, "bound_host": "192.0.2.1"})
    runner = Runner(build_pages_app(daemon.context, "0.0.0.0"))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        own = {"Host": "10.1.2.3:9100", "Origin": "http://10.1.2.3:9100"}
        for path in (*PAGES, "/v1/meta", "/v1/flow?symbol=BTCUSDT", "/openapi.json"):
            async with daemon.session.get(url + path, headers=own) as response:
                assert response.status == 200, path
                assert response.headers["X-Content-Type-Options"] == "nosniff"
                assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        async with daemon.session.get(f"{url}/v1/meta", headers={"Origin": "http://evil.example"}) as response:
            assert response.status == 403
        assert (await daemon.get("/v1/meta", Host="10.1.2.3:9100"))[0] == 403
    finally:
        await runner.cleanup()
