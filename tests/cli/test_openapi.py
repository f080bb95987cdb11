"""`openapi`: the document without a daemon."""

from __future__ import annotations

import json

import pytest

from orderflow_stream import __version__
from orderflow_stream.cli import OK, USAGE, main
from orderflow_stream.delivery.http.routes import routes


def test_the_document_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["openapi"]) == OK
    told = capsys.readouterr()
    api = json.loads(told.out)
    assert (api["openapi"][:3], api["info"]["version"], told.err) == ("3.1", __version__, "")
    assert set(api["paths"]) == {route.path for route in routes(metrics=True, liquidations=True) if not route.page}


def test_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["openapi", "--text"]) == OK
    assert capsys.readouterr().out.startswith(f"# orderflow_stream {__version__}\n")


def test_nothing_else_is_taken() -> None:
    assert main(["openapi", "more"]) == USAGE
