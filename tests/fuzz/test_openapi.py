"""Our own document, held against the running daemon by a tool that nobody here wrote."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

import pytest

from orderflow_stream.delivery.sse import to_json
from tests.fuzz import openapi
from tests.fuzz.house import House, served

FIXED = 20251004
EXAMPLES = 12


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with served(delivery__max_clients_per_ip=1000) as house:
        yield house
        assert house.complaints == []


def test_every_example_and_every_boundary(house: House) -> None:
    report = openapi.sweep(house, FIXED)
    found = re.search(r"(\d+) generated, (\d+) passed", report)
    assert found is not None, report
    assert found[1] == found[2]
    assert int(found[1]) > 300


@pytest.mark.parametrize("drawn", [False, True], ids=["fixed", "fresh"])
def test_cases_right_and_wrong(house: House, drawn: bool) -> None:
    seed = random.SystemRandom().randrange(1 << 31) if drawn else FIXED
    print(f"seed {seed}")  # shown where it fails
    counts = openapi.cases(house, seed, EXAMPLES)
    assert {status for _, status in counts} <= {200, 304, 400, 401, 403, 404, 502, 503}
    paths = {path for path, item in house.get("/openapi.json").json["paths"].items() if "get" in item}
    assert {path for path, status in counts if status == 200} >= paths, "an operation was never answered in full"


def test_an_answer_that_is_not_documented_is_found(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The document without 404: the first unknown symbol must be a finding."""
    document = house.get("/openapi.json").json
    for item in document["paths"].values():
        for operation in item.values():
            operation["responses"].pop("404", None)
    plain = House.get

    def get(self: House, target: bytes | str, *headers: bytes, **more: object) -> object:
        answer = plain(self, target, *headers, **more)
        return answer._replace(body=to_json(document)) if target == "/openapi.json" else answer

    monkeypatch.setattr(House, "get", get)
    with pytest.raises(openapi.Broken, match="404"):
        openapi.cases(house, 1, 40)
