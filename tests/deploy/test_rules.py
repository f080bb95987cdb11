"""The alerts by promtool's own judgement, and the runbook and tests that each of them has."""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict

import pytest
import yaml  # type: ignore[import-untyped]

from tests.deploy.observed import DEPLOY, RULES, rules
from tests.tools import needs

TESTS = ("loss_test.yml", "health_test.yml")
ALERTS = {rule["alert"]: rule for rule in rules("alerts.yml")}


def promtool(*arguments: str) -> str:
    """What it says; it must be content."""
    done = subprocess.run(
        [needs("promtool"), *arguments], cwd=RULES, check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_reads_all_of_it() -> None:
    said = promtool("check", "config", "prometheus.yml")
    assert "WARN" not in said
    assert f"{len(ALERTS)} rules found" in said
    promtool("check", "rules", "--lint=all", "--lint-fatal", "alerts.yml", "records.yml")


@pytest.mark.parametrize("name", TESTS)
def test_each_alert_fires_when_it_must_and_not_when_it_must_not(name: str) -> None:
    assert "SUCCESS" in promtool("test", "rules", name)


def test_no_alert_is_left_untested() -> None:
    """Each is seen firing and seen silent; those that page, within ten seconds of the fault."""
    seen: dict[str, set[int]] = defaultdict(set)
    for name in TESTS:
        for test in yaml.safe_load((RULES / name).read_text())["tests"]:
            for check in test["promql_expr_test"]:
                alert = re.search(r'alertname="(\w+)"', check["expr"])
                assert alert is not None
                seen[alert[1]].add(check["exp_samples"][0]["value"])
    assert dict(seen) == {name: {0, 1} for name in ALERTS}


def test_what_pages_can_page_within_ten_seconds() -> None:
    """Of a loss: 6 s at most until the daemon notices that a symbol is silent, a scrape, an evaluation, and `for`."""
    config = yaml.safe_load((RULES / "prometheus.yml").read_text())["global"]
    groups = {group["name"]: group for group in yaml.safe_load((RULES / "alerts.yml").read_text())["groups"]}
    delay = seconds(config["scrape_interval"]) + seconds(groups["orderflow-loss"]["interval"])
    assert seconds(config["evaluation_interval"]) <= 1
    assert 6 + delay + seconds(ALERTS["OrderFlowFeedStale"]["for"]) <= 10
    assert 5 + delay + seconds(ALERTS["OrderFlowGapOpen"].get("for", "0s")) <= 10  # an age of 5 s is in its expression
    for name in ("OrderFlowTradesLost", "OrderFlowFeedLate", "OrderFlowBanned", "OrderFlowJournalDropping"):
        assert delay + seconds(ALERTS[name].get("for", "0s")) <= 10, name
    # A scrape that fails may take its whole time-out.
    missing = seconds(config["scrape_timeout"]) + seconds(ALERTS["OrderFlowTargetMissing"]["for"])
    assert delay + missing <= 10
    assert {rule["alert"] for rule in groups["orderflow-loss"]["rules"]} == {
        name for name, rule in ALERTS.items() if rule["labels"]["severity"] == "page"
    }


def seconds(text: str) -> int:
    assert text.endswith("s")
    return int(text[:-1])


def test_the_runbook_has_an_entry_for_each_alert_and_for_nothing_else() -> None:
    text = (DEPLOY / "runbook.md").read_text()
    entries = re.findall(r"^## (OrderFlow\w+)$", text, re.MULTILINE)
    assert entries == list(ALERTS), "in the order of the rules"
    for name, rule in ALERTS.items():
        assert rule["annotations"]["runbook_url"] == f"deploy/runbook.md#{name.lower()}"
        assert rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in {"page", "ticket"}
        entry = text.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        for part in ("**Means:**", "**Look:**", "**Do:**"):
            assert part in entry, (name, part)


def test_alerts_read_metrics_that_are_in_the_reference() -> None:
    known = set(re.findall(r"^\| `(\w+)`", (DEPLOY / "reference" / "metrics.md").read_text(), re.MULTILINE))
    for rule in [*rules("alerts.yml"), *rules("records.yml")]:
        for name in re.findall(r"\b(?:orderflow|process)_\w+", rule["expr"]):
            assert {name, name.removesuffix("_bucket")} & known, name
