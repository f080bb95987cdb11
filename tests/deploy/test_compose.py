"""The three of compose.yaml: as little as they need each, and that they find each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml  # type: ignore[import-untyped]

from orderflow_stream.config import load
from tests.deploy.observed import DEPLOY, RULES, TARGET
from tests.e2e.inside import market, running

COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


@pytest.mark.parametrize("name", SERVICES)
def test_each_is_confined_and_watched(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert service["pids_limit"] <= 128
    assert service["restart"] == "unless-stopped"
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert not {"privileged", "cap_add", "network_mode", "user"} & set(service)
    written = [each.partition(":")[0] for each in service["volumes"] if not each.endswith(":ro")]
    assert len(written) == 1
    assert written[0] in COMPOSE["volumes"]
    assert "healthcheck" in service or "build" in service, "the Dockerfile has ours"
    image = service["image"]
    assert "build" in service or (":" in image and not image.endswith(":latest")), image


def test_prometheus_finds_its_files_and_scrapes_the_daemon() -> None:
    prometheus = SERVICES["prometheus"]
    assert "./prometheus:/etc/prometheus:ro" in prometheus["volumes"]
    assert "--config.file=/etc/prometheus/prometheus.yml" in prometheus["command"]
    config = yaml.safe_load((RULES / "prometheus.yml").read_text())
    (job,) = config["scrape_configs"]
    assert job["static_configs"] == [{"targets": [TARGET]}]
    assert TARGET.partition(":")[0] in SERVICES
    assert all((RULES / name).is_file() for name in config["rule_files"])


async def test_the_daemon_answers_by_the_name_that_prometheus_asks_for(tmp_path: Path) -> None:
    """A name that it is not told of is refused, as a page of another host would be."""
    environment = {name: str(value) for name, value in SERVICES["orderflow-stream"]["environment"].items()}
    settings = load(environ=environment)
    assert settings.server.allow_unauthenticated
    hosts = list(settings.server.allowed_hosts)
    for over, status in (({"server__allowed_hosts": hosts}, 200), ({}, 403)):
        async with (
            market() as simulator,
            running(simulator, tmp_path, **over) as daemon,
            aiohttp.ClientSession(daemon.url) as session,
            session.get("/metrics", headers={"Host": TARGET}) as answer,
        ):
            assert answer.status == status
