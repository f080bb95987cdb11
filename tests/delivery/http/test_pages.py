"""The dashboard and the documentation: served from the package, nothing inline, nothing from afar."""

import gzip
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from yarl import URL

from orderflow_stream.delivery.http import pages
from orderflow_stream.delivery.http.guard import PAGE_CSP
from orderflow_stream.delivery.http.pages import FILES, TYPES
from tests.delivery.http.world import Daemon

STATIC = Path(pages.__file__).parents[1] / "static"
PAGES = {"/": "index.html", "/docs": "docs.html"}
OURS = [name for name in FILES if not name.startswith("vendor/")]
VENDORED = [name for name in FILES if name.startswith("vendor/")]
CHART = "vendor/lightweight-charts-5.2.1/lightweight-charts.standalone.production.mjs"
#: Where our own pages may point: the chart's makers, whom its licence wants linked, and the namespace of SVG.
LINKS = re.compile(r"https?://(?!www\.w3\.org/2000/svg|www\.tradingview\.com/)\S*")
IMPORTED = re.compile(r"""^(?:(?:import|export)\b[^;"']*?\bfrom|import)\s*["']([^"']+)["'];""", re.MULTILINE)


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("path", PAGES)
async def test_nothing_inline_and_every_file_is_there(daemon: Daemon, path: str) -> None:
    status, body, response = await daemon.get(path)
    assert status == 200
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert response.headers["Content-Security-Policy"] == PAGE_CSP
    for tag, attributes in Tags(body.decode()).found:
        assert "style" not in attributes
        assert tag != "style"
        assert not any(name.startswith("on") for name in attributes)
        if tag == "script":
            assert attributes["src"]
        target = attributes.get("src") or attributes.get("href")
        if target is not None and not target.startswith("#"):
            if tag == "a" and target.startswith("https:"):
                assert not LINKS.match(target)
                continue
            assert target.startswith("/")
            # (The data behind a view is linked too; which symbol, the page knows once it runs.)
            assert (await daemon.get(target))[0] in ((200, 400) if target.startswith("/v1/") else (200,)), target


def test_the_policy() -> None:
    rules = dict(each.strip().partition(" ")[::2] for each in PAGE_CSP.split(";"))
    assert rules == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "font-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }


def test_the_list_is_what_lies_there() -> None:
    there = {str(path.relative_to(STATIC)) for path in STATIC.rglob("*") if path.is_file()}
    assert set(FILES) == there
    assert set(TYPES) == there


async def test_static_files(daemon: Daemon) -> None:
    for name in FILES:
        plain, body, response = await daemon.get(f"/static/{name}", Accept_Encoding="identity")
        whole = (STATIC / name).read_bytes()
        assert (plain, response.headers["Content-Type"]) == (200, TYPES[name])
        assert body == whole
        assert "Content-Encoding" not in response.headers
        again, nothing, _ = await daemon.get(
            f"/static/{name}", If_None_Match=response.headers["ETag"], Accept_Encoding="identity"
        )
        assert (again, nothing) == (304, b"")
        packed, body, response = await daemon.get(f"/static/{name}", Accept_Encoding="gzip")
        assert (packed, body) == (200, whole), name  # the client unpacks
        if response.headers.get("Content-Encoding") == "gzip":
            assert int(response.headers["Content-Length"]) < len(whole)


@pytest.mark.parametrize("name", OURS)
def test_our_own_files_reach_nobody_and_write_no_markup(name: str) -> None:
    text = (STATIC / name).read_text()
    assert not LINKS.findall(text)
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
        assert word not in text, word


@pytest.mark.parametrize("name", [name for name in OURS if name.endswith(".js")])
def test_every_module_that_is_imported_is_there(name: str) -> None:
    text = (STATIC / name).read_text()
    for target in IMPORTED.findall(text):
        found = URL(f"/static/{name}").join(URL(target)).path
        assert found.removeprefix("/static/") in FILES, target


async def test_compressed_is_the_same_under_an_etag_of_its_own(daemon: Daemon) -> None:
    whole = (STATIC / CHART).read_bytes()
    async with daemon.session.get(
        f"{daemon.url}/static/{CHART}", headers={"Accept-Encoding": "br, gzip;q=0.8"}, auto_decompress=False
    ) as response:
        packed = await response.read()
        assert response.headers["Content-Encoding"] == "gzip"
        assert "Accept-Encoding" in response.headers["Vary"]
        etag = response.headers["ETag"]
    assert gzip.decompress(packed) == whole
    assert len(packed) < len(whole) / 3
    _, _, plain = await daemon.get(f"/static/{CHART}", Accept_Encoding="gzip;q=0, deflate")
    assert "Content-Encoding" not in plain.headers
    assert plain.headers["ETag"] != etag
    for asked, status in ((etag, 304), (plain.headers["ETag"], 200)):
        got, body, answer = await daemon.get(f"/static/{CHART}", If_None_Match=asked, Accept_Encoding="gzip")
        assert (got, answer.headers["ETag"]) == (status, etag)
        assert body == (b"" if status == 304 else whole)


async def test_only_a_name_with_its_version_is_kept_for_good(daemon: Daemon) -> None:
    for name in ("style.css", CHART, *VENDORED):
        _, _, response = await daemon.get(f"/static/{name}")
        kept = response.headers["Cache-Control"]
        assert kept == ("public, max-age=31536000, immutable" if "-5." in name else "no-cache"), name
    assert (await daemon.get("/"))[2].headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    "name",
    ["", "page", "page/", "vendor/", "../pages.py", "..%2Fhub.py", "page/../style.css", "%2Fetc%2Fpasswd", "style"],
)
async def test_no_name_becomes_a_path(daemon: Daemon, name: str) -> None:
    async with daemon.session.get(URL(f"{daemon.url}/static/{name}", encoded=True)) as response:
        assert response.status == 404


async def test_the_favicon(daemon: Daemon) -> None:
    status, _, response = await daemon.get("/favicon.ico")
    assert (status, response.headers["Content-Type"]) == (200, "image/svg+xml")


def test_vendored_files_are_as_published() -> None:
    text = (STATIC / "vendor" / "README.md").read_text()
    sums = {name: digest for digest, name in re.findall(r"^([0-9a-f]{64})  (\S+)$", text, re.MULTILINE)}
    there = {name.removeprefix("vendor/") for name in VENDORED} - {"README.md"}
    assert sums == {name: hashlib.sha256((STATIC / "vendor" / name).read_bytes()).hexdigest() for name in there}


def test_every_vendored_package_has_its_licence_and_is_told_of() -> None:
    text = (STATIC.parents[2] / "THIRD_PARTY_NOTICES").read_text()
    folders = {name.split("/")[1] for name in VENDORED if name.count("/") > 1}
    for folder in folders:
        assert f"vendor/{folder}/LICENSE" in FILES
        assert f"static/vendor/{folder}/" in text
        assert (STATIC / "vendor" / folder / "NOTICE").read_text().strip() in text
