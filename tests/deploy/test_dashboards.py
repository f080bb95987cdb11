"""The dashboards' files: what the script writes, panels that Grafana has by itself, places that do not overlap. (That
their queries find something is asked of a real Prometheus: test_prometheus.)"""

from __future__ import annotations

import json
import runpy
from itertools import combinations
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from orderflow_stream.delivery.metrics import STATES
from tests.deploy.observed import DASHBOARDS, DEPLOY

SCRIPT = runpy.run_path(str(DEPLOY / "grafana" / "dashboards.py"))
BOARDS: dict[str, dict[str, Any]] = SCRIPT["build"]()
#: Of Grafana itself, since 10.
CORE = {"stat", "state-timeline", "table", "timeseries"}


@pytest.mark.parametrize("name", BOARDS)
def test_the_files_are_what_the_script_writes(name: str) -> None:
    text = (DASHBOARDS / name).read_text()
    assert text == SCRIPT["text"](BOARDS[name]), "run `python deploy/grafana/dashboards.py`"
    assert json.loads(text) == BOARDS[name]


def test_there_are_no_others() -> None:
    assert {path.name for path in DASHBOARDS.iterdir()} == set(BOARDS)
    assert len({board["uid"] for board in BOARDS.values()}) == len(BOARDS)


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_every_panel_has_its_place_and_its_source(board: dict[str, Any]) -> None:
    panels = board["panels"]
    assert [panel["id"] for panel in panels] == list(range(1, len(panels) + 1))
    assert len({panel["title"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["type"] in CORE
        grid = panel["gridPos"]
        assert 0 <= grid["x"] <= grid["x"] + grid["w"] <= 24
        assert panel["targets"]
        for target in panel["targets"]:
            assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    for one, other in combinations((panel["gridPos"] for panel in panels), 2):
        assert (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        ), (one, other)
    chosen = {each["name"] for each in board["templating"]["list"]}
    asked = json.dumps(panels)
    assert all(f"${name}" in asked or f"${{{name}}}" in asked for name in chosen), chosen


def test_every_state_has_a_colour_and_they_are_the_ones_there_are() -> None:
    assert set(SCRIPT["STATES"]) == set(STATES)


def test_grafana_is_told_where_all_of_it_is() -> None:
    folder = DEPLOY / "grafana" / "provisioning"
    (source,) = yaml.safe_load((folder / "datasources" / "prometheus.yml").read_text())["datasources"]
    (provider,) = yaml.safe_load((folder / "dashboards" / "orderflow-stream.yml").read_text())["providers"]
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    assert source["url"] == "http://prometheus:9090"
    assert {each["current"]["value"] for board in BOARDS.values() for each in board["templating"]["list"][:1]} == {
        source["uid"]
    }
    mounted = dict(each.removesuffix(":ro").split(":") for each in compose["grafana"]["volumes"])
    assert mounted["./grafana/dashboards"] == provider["options"]["path"]
    assert compose["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == (
        f"{provider['options']['path']}/market.json"
    )
    for name in mounted:
        if name.startswith("./"):
            assert (DEPLOY / name).is_dir(), name
