"""`openapi`: the API's document on standard output, as a daemon with all venues and its metrics would serve it."""

from __future__ import annotations

import json
import sys

from orderflow_stream import __version__
from orderflow_stream.cli import OK
from orderflow_stream.delivery.http.guide import text_of
from orderflow_stream.delivery.http.openapi import document
from orderflow_stream.delivery.http.routes import routes


def run(*, as_text: bool = False) -> int:
    """Print it; JSON, or the plain text made of it."""
    api = document(routes(metrics=True, liquidations=True), __version__)
    sys.stdout.write(text_of(api) if as_text else json.dumps(api, indent=2, ensure_ascii=False) + "\n")
    return OK
