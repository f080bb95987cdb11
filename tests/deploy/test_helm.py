"""The chart as Helm itself sees it: linted, rendered, its values checked, and nothing in it that is a second truth."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import pytest
import yaml  # type: ignore[import-untyped]

from orderflow_stream import __version__
from orderflow_stream.config import describe
from tests.deploy.observed import DEPLOY, RULES
from tests.deploy.test_confined import USER
from tests.tools import needs

CHART: Final = DEPLOY / "helm" / "orderflow-stream"
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("helm_python") is None, reason="helm-python-sdk has no wheel for this machine"
)

OPEN: Final = {"auth": {"allowUnauthenticated": True}}
FULL: Final = {
    "auth": {"keysSecret": "orderflow-keys"},
    "ingress": {"enabled": True, "tlsSecret": "tls", "className": "nginx", "annotations": {"a.example/b": "c"}},
    "networkPolicy": {"enabled": True, "from": {"team": "desk"}},
    "serviceMonitor": {"enabled": True, "keySecret": "orderflow-scrape", "labels": {"release": "kps"}},
    "prometheusRule": {"enabled": True, "labels": {"release": "kps"}},
    "dashboards": {"enabled": True},
    "persistence": {"storageClass": "fast"},
}
#: Values that must be refused, and what the refusal says.
WRONG: Final[tuple[tuple[dict[str, Any], str], ...]] = (
    ({}, "auth.keysSecret"),
    ({**OPEN, "replicaCount": 2}, "replicaCount"),
    ({**OPEN, "env": {"SYMBOLS": "x"}}, "propertyName"),
    ({**OPEN, "service": {"port": 0}}, "port"),
    ({**OPEN, "persistence": {"size": "much"}}, "size"),
    ({"auth": {"keysSecret": "k"}, "serviceMonitor": {"enabled": True}}, "serviceMonitor.keySecret"),
)
#: Helm's library is Go: in a process of its own, where its threads and signals are nobody's business.
PROGRAM: Final = """
import json, sys
from helm_python import Chart, lint
from helm_python.errors import HelmError
path, good, wrong = sys.argv[1], *map(json.loads, sys.argv[2:])
chart = Chart.load(path)
out = {"lint": [lint(path, values=each, strict=True) for each in good], "refused": []}
out["rendered"] = [chart.render(values=each, name="orderflow-stream", namespace="desk") for each in good]
for each in wrong:
    try:
        chart.render(values=each, name="x")
        out["refused"].append("")
    except HelmError as error:
        out["refused"].append(str(error))
print(json.dumps(out))
"""


@lru_cache(maxsize=1)
def helm() -> dict[str, Any]:
    arguments = json.dumps([OPEN, FULL]), json.dumps([values for values, _ in WRONG])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(CHART), *arguments], check=True, capture_output=True, text=True, timeout=60
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def manifests(which: int) -> dict[str, dict[str, Any]]:
    """By kind."""
    texts = (text for name, text in helm()["rendered"][which].items() if name.endswith(".yaml"))
    return {each["kind"]: each for each in map(yaml.safe_load, texts) if each}


def test_helm_finds_nothing_to_complain_about() -> None:
    for report in helm()["lint"]:
        assert report["errors"] == []
        assert {message["error"] for message in report["messages"]} <= {"icon is recommended"}


def test_values_that_cannot_work_are_refused_by_name() -> None:
    for said, (values, why) in zip(helm()["refused"], WRONG, strict=True):
        assert why in said, (values, said)


def test_the_schema_knows_every_value_and_no_other() -> None:
    def names(schema: dict[str, Any], at: str = "") -> set[str]:
        inner = schema.get("properties")
        if inner is None:
            return {at}
        assert schema["additionalProperties"] is False
        return {one for key, each in inner.items() for one in names(each, f"{at}.{key}")}

    def given(values: Any, known: set[str], at: str = "") -> set[str]:
        if at in known or not isinstance(values, dict):
            return {at}
        return {one for key, each in values.items() for one in given(each, known, f"{at}.{key}")}

    known = names(json.loads((CHART / "values.schema.json").read_text()))
    assert given(yaml.safe_load((CHART / "values.yaml").read_text()), known) == known - {".global"}


def test_one_writer_confined_probed_and_kept() -> None:
    for which in (0, 1):
        deployment = manifests(which)["Deployment"]["spec"]
        assert (deployment["replicas"], deployment["strategy"]) == (1, {"type": "Recreate"})
        pod = deployment["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["fsGroup"] == int(USER)
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        probes = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
        assert probes == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}
        mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
        assert mounts["journal"] == "/var/lib/orderflow-stream"
        known = {each.env for each in describe()}
        assert {each["name"] for each in container["env"]} <= known
        claim = manifests(which)["PersistentVolumeClaim"]
        assert {"name": "journal", "persistentVolumeClaim": {"claimName": claim["metadata"]["name"]}} in pod["volumes"]


def test_it_is_either_open_knowingly_or_asks_for_keys() -> None:
    def environment(which: int) -> dict[str, str]:
        (container,) = manifests(which)["Deployment"]["spec"]["template"]["spec"]["containers"]
        return {each["name"]: each["value"] for each in container["env"]}

    assert environment(0)["ORDERFLOW_SERVER__ALLOW_UNAUTHENTICATED"] == "true"
    assert "ORDERFLOW_SERVER__ALLOW_UNAUTHENTICATED" not in environment(1)
    assert environment(1)["ORDERFLOW_AUTH__KEYS_FILE"] == "/etc/orderflow-stream/keys"
    names = environment(1)["ORDERFLOW_SERVER__ALLOWED_HOSTS"].split(",")
    assert names == ["orderflow-stream", "orderflow-stream.desk.svc", "orderflow.example.org"]


def test_streams_come_through_the_ingress_and_the_inside_stays_inside() -> None:
    ingress = manifests(1)["Ingress"]
    assert ingress["metadata"]["annotations"] == {
        "nginx.ingress.kubernetes.io/proxy-buffering": "off",
        "nginx.ingress.kubernetes.io/proxy-read-timeout": "60",
        "a.example/b": "c",
    }
    (rule,) = ingress["spec"]["rules"]
    paths = {each["path"]: each["pathType"] for each in rule["http"]["paths"]}
    assert paths["/v1"] == "Prefix"
    assert paths["/"] == "Exact"
    assert not {"/metrics", "/admin"} & set(paths)
    assert manifests(1)["NetworkPolicy"]["spec"]["ingress"][0]["from"] == [
        {"podSelector": {"matchLabels": {"team": "desk"}}}
    ]


def test_it_carries_the_very_rules_and_dashboards(tmp_path: Path) -> None:
    sources = {
        "alerts.yml": RULES / "alerts.yml",
        "records.yml": RULES / "records.yml",
        **{name: DEPLOY / "grafana" / "dashboards" / name for name in ("market.json", "daemon.json")},
    }
    assert {path.name for path in (CHART / "files").iterdir()} == set(sources)
    for name, source in sources.items():
        assert (CHART / "files" / name).resolve() == source.resolve(), f"{name} must be a link, not a copy"
    spec = manifests(1)["PrometheusRule"]["spec"]
    assert spec["groups"] == [
        group for name in ("alerts.yml", "records.yml") for group in yaml.safe_load(sources[name].read_text())["groups"]
    ]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(spec))
    subprocess.run([needs("promtool"), "check", "rules", str(tmp_path / "rules.yml")], check=True, capture_output=True)
    carried = manifests(1)["ConfigMap"]["data"]
    for name in ("market.json", "daemon.json"):
        assert json.loads(carried[f"orderflow-{name}"]) == json.loads(sources[name].read_text())


def test_the_scrape_is_named_as_the_rules_expect_it() -> None:
    (endpoint,) = manifests(1)["ServiceMonitor"]["spec"]["endpoints"]
    config = yaml.safe_load((RULES / "prometheus.yml").read_text())
    assert endpoint["relabelings"] == [{"targetLabel": "job", "replacement": config["scrape_configs"][0]["job_name"]}]
    assert endpoint["interval"] == endpoint["scrapeTimeout"] == config["global"]["scrape_interval"]
    assert endpoint["authorization"]["credentials"] == {"name": "orderflow-scrape", "key": "key"}
    assert "authorization" not in manifests(0).get("ServiceMonitor", {})


def test_its_version_is_the_programs() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == __version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", chart["version"])
