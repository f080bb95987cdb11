"""The applications: which routes each has."""

import pytest
from aiohttp import web

from orderflow_stream.delivery.http.app import build_app, build_metrics_app
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
    assert served(app) == {route.path: {"GET", "HEAD"} for route in table}
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
        assert (await daemon.get("/healthz", Host="10.1.2.3:9100"))[0] == 403
    finally:
        await runner.cleanup()
