"""The dashboard and the documentation: served from the package, nothing inline, nothing from afar."""

import re
from html.parser import HTMLParser

import pytest

from orderflow_stream.delivery.http.pages import TYPES
from tests.delivery.http.world import Daemon

PAGES = {"/": "index.html", "/docs": "docs.html"}


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
    policy = response.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    for tag, attributes in Tags(body.decode()).found:
        assert "style" not in attributes
        assert not any(name.startswith("on") for name in attributes)
        if tag == "script":
            assert attributes["src"]
        target = attributes.get("src") or attributes.get("href")
        if target is not None:
            assert target.startswith("/")
            assert (await daemon.get(target))[0] == 200, target


@pytest.mark.parametrize("name", TYPES)
async def test_static_files(daemon: Daemon, name: str) -> None:
    status, body, response = await daemon.get(f"/static/{name}")
    assert (status, response.headers["Content-Type"]) == (200, TYPES[name])
    text = body.decode()
    assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text)
    assert "innerHTML" not in text
    assert "eval(" not in text
    again, nothing, _ = await daemon.get(f"/static/{name}", If_None_Match=response.headers["ETag"])
    assert (again, nothing) == (304, b"")


async def test_the_favicon(daemon: Daemon) -> None:
    status, _, response = await daemon.get("/favicon.ico")
    assert (status, response.headers["Content-Type"]) == (200, "image/svg+xml")


async def test_the_script_finds_every_element_it_names(daemon: Daemon) -> None:
    _, page, _ = await daemon.get("/")
    _, script, _ = await daemon.get("/static/app.js")
    known = {attributes.get("id") for _, attributes in Tags(page.decode()).found}
    assert set(re.findall(r'byId\("([\w-]+)"\)', script.decode())) <= known
