"""Host against DNS rebinding, Origin against other people's pages, the headers of every answer."""

from itertools import product

import pytest

from orderflow_stream.delivery.http.guard import split_host
from tests.delivery.http.keyring import Clock, gate, pair
from tests.delivery.http.world import Daemon, Start

PAGE = "https://example.org"


@pytest.mark.parametrize(
    "host,status",
    [
        ("127.0.0.1", 200),
        ("localhost:8080", 200),
        ("LOCALHOST.", 200),
        ("app.localhost", 200),
        ("127.9.9.9:1", 200),
        ("[::1]:8080", 200),
        ("flow.example.org", 200),
        ("flow.example.org:444", 200),
        ("evil.example.net", 403),
        ("127.0.0.1.evil.example.net", 403),
        ("192.168.1.5:8080", 403),
        ("localhost:80a", 403),
        ("[::1", 200),
        ("flow.example.org@evil.net", 403),
    ],
)
async def test_host(start: Start, host: str, status: int) -> None:
    daemon = await start(options={"allowed_hosts": ("flow.example.org",)})
    got, body, _ = await daemon.get("/v1/flow?symbol=BTCUSDT", Host=host)
    assert got == status
    if status == 403:
        assert body["error"] == {"code": "forbidden", "param": None}
        assert "allowed_hosts" in body["message"]


async def test_any_address_where_bound_to_all(start: Start) -> None:
    daemon = await start(options={"bound_host": "0.0.0.0"})
    assert (await daemon.get("/v1/meta", Host="192.168.1.5:8080"))[0] == 200
    assert (await daemon.get("/v1/meta", Host="evil.example.net"))[0] == 403


async def test_bound_name_and_any_host(start: Start) -> None:
    daemon = await start(options={"bound_host": "10.1.2.3"})
    assert (await daemon.get("/v1/meta", Host="10.1.2.3:8080"))[0] == 200
    assert (await daemon.get("/v1/meta", Host="10.1.2.4:8080"))[0] == 403
    anything = await start(options={"allowed_hosts": ("*",)})
    assert (await anything.get("/v1/meta", Host="whatever.example"))[0] == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_probes_call_by_any_name_but_no_foreign_page_does(daemon: Daemon, path: str) -> None:
    assert (await daemon.get(path, Host="10.42.0.7:8080"))[0] == 200
    assert (await daemon.get(path, Host="orderflow.default.svc"))[0] == 200
    assert (await daemon.get(path, Host="10.42.0.7:8080", Origin=PAGE))[0] == 403


#: What stands in Origin, and whether the page may read what stands at 127.0.0.1 (its own origin has no CORS header).
ORIGINS = [
    (None, 200, None),
    (PAGE, 200, PAGE),
    ("http://127.0.0.1:{port}", 200, None),
    ("https://127.0.0.1:{port}", 200, None),
    ("http://127.0.0.1", 403, None),
    ("http://localhost:{port}", 403, None),
    ("https://EXAMPLE.org", 403, None),
    ("https://example.org.", 403, None),
    ("https://example.org:443", 403, None),
    ("https://example.org/", 403, None),
    ("https://sub.example.org", 403, None),
    ("https://example.org, https://evil.example", 403, None),
    ("http://evil.example", 403, None),
    ("null", 403, None),
    ("file://", 403, None),
    ("", 403, None),
]


HOSTS = ("127.0.0.1:{port}", "localhost", "rebound.example:{port}")


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
@pytest.mark.parametrize("path", ["/v1/flow?symbol=BTCUSDT", "/", "/metrics", "/healthz"])
async def test_the_matrix_of_hosts_and_origins(start: Start, path: str, method: str) -> None:
    """C9: a page of another origin, a name that was pointed here, and their preflights."""
    daemon = await start(options={"allowed_origins": (PAGE,)})
    for host, (origin, at_own, allowed) in product(HOSTS, ORIGINS):
        headers = {"Host": host.format(port=daemon.port)}
        if origin is not None:
            headers["Origin"] = origin.format(port=daemon.port)
        status = at_own
        if not host.startswith("127.") and origin is not None and "127.0.0.1:" in origin:
            status = 403  # as seen from that host it is another origin
        if host.startswith("rebound") and (path != "/healthz" or method == "OPTIONS"):
            status = 403
        expected = 204 if (method, status) == ("OPTIONS", 200) else status
        async with daemon.session.request(method, daemon.url + path, headers=headers) as response:
            assert response.status == expected, (host, origin)
            sent = response.headers
            assert sent.get("Access-Control-Allow-Origin") == (PAGE if origin == PAGE else None)
            assert "Origin" in sent["Vary"]
            assert sent.get("Access-Control-Allow-Credentials") is None
            if expected == 204 and allowed:
                asked = sent["Access-Control-Allow-Headers"].lower().split(", ")
                assert {"x-api-key", "x-oanor-key", "authorization", "last-event-id"} <= set(asked)
            else:
                assert "Access-Control-Allow-Headers" not in sent


async def test_a_preflight_needs_no_key_and_names_the_methods_of_its_route(start: Start) -> None:
    _, key = pair()
    daemon = await start(options={"allowed_origins": (PAGE,)}, auth=gate(Clock(), key))
    for path, methods in (("/v1/flow", "GET, HEAD, OPTIONS"), ("/v1/ticket", "OPTIONS, POST")):
        async with daemon.session.options(daemon.url + path, headers={"Origin": PAGE}) as response:
            assert (response.status, response.headers["Access-Control-Allow-Methods"]) == (204, methods)
    # the refusal can be read by the page that is to ask its user for a key
    status, _, refused = await daemon.get("/v1/flow?symbol=BTCUSDT", Origin=PAGE)
    assert (status, refused.headers["Access-Control-Allow-Origin"]) == (401, PAGE)
    assert "RateLimit" in refused.headers["Access-Control-Expose-Headers"]
    # and only the stream, which has a cookie, may be asked with credentials
    _, _, streamed = await daemon.get("/v1/stream?symbols=BTCUSDT", Origin=PAGE)
    assert streamed.headers["Access-Control-Allow-Credentials"] == "true"


async def test_origin(start: Start) -> None:
    daemon = await start(options={"allowed_origins": (PAGE,)})
    status, _, response = await daemon.get("/v1/flow?symbol=BTCUSDT", Origin=PAGE)
    assert status == 200
    assert response.headers["Access-Control-Allow-Origin"] == PAGE
    assert response.headers["Vary"] == "Origin"
    assert "ETag" in response.headers["Access-Control-Expose-Headers"]
    assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    for origin in ("https://example.org.evil.net", "http://example.org", "https://example.org:8443", "null"):
        status, body, response = await daemon.get("/v1/flow?symbol=BTCUSDT", Origin=origin)
        assert (status, body["error"]["code"]) == (403, "forbidden")
        assert "Access-Control-Allow-Origin" not in response.headers
    own = f"http://127.0.0.1:{daemon.port}"
    status, _, response = await daemon.get("/v1/flow?symbol=BTCUSDT", Origin=own)
    assert status == 200
    assert "Access-Control-Allow-Origin" not in response.headers
    # also where no origin is named: a cache must not hand that answer to a page
    assert (await daemon.get("/v1/flow?symbol=BTCUSDT"))[2].headers["Vary"] == "Origin"
    # an error can be read by the page that caused it
    assert (await daemon.get("/v1/flow", Origin=PAGE))[2].headers["Access-Control-Allow-Origin"] == PAGE


async def test_preflight(start: Start) -> None:
    daemon = await start(options={"allowed_origins": (PAGE,)})
    url = f"{daemon.url}/v1/flow?symbol=BTCUSDT"
    async with daemon.session.options(url, headers={"Origin": PAGE}) as response:
        assert (response.status, await response.read()) == (204, b"")
        assert response.headers["Access-Control-Allow-Origin"] == PAGE
        assert response.headers["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"
        assert "If-None-Match" in response.headers["Access-Control-Allow-Headers"]
        assert response.headers["Allow"] == "GET, HEAD, OPTIONS"
    async with daemon.session.options(url, headers={"Origin": "https://evil.example"}) as response:
        assert response.status == 403
    async with daemon.session.options(url) as response:
        assert response.status == 204
        assert "Access-Control-Allow-Methods" not in response.headers
    async with daemon.session.options(f"{daemon.url}/v1/nothing", headers={"Origin": PAGE}) as response:
        assert response.status == 404


@pytest.mark.parametrize("path", ["/v1/flow?symbol=BTCUSDT", "/v1/flow", "/nothing", "/", "/metrics", "/openapi.json"])
async def test_headers_of_every_answer(daemon: Daemon, path: str) -> None:
    _, _, response = await daemon.get(path)
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert response.headers["Cache-Control"] in {"no-store", "no-cache"}
    assert response.headers["Server"] == "orderflow-stream"
    assert "Access-Control-Allow-Origin" not in response.headers
    assert response.headers["X-Request-Id"]


@pytest.mark.parametrize(
    "host,expected",
    [
        ("a.b", ("a.b", "")),
        ("A.b.:80", ("a.b", "80")),
        ("[::1]:80", ("::1", "80")),
        ("[::1]", ("::1", "")),
        ("::1", ("::1", "")),
        ("", ("", "")),
    ],
)
def test_split_host(host: str, expected: tuple[str, str]) -> None:
    assert split_host(host) == expected
