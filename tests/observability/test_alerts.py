"""The alerts: right in Prometheus' own eyes, firing and quiet, each with a page that says what to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.parts.prometheus import promtool
from tools.reference_metrics import metrics_page

ROOT = Path(__file__).parents[2]
FILE = ROOT / "observability" / "alerts.yaml"
TESTS = FILE.with_name("alerts_test.yaml")
SEVERITIES = {"critical", "warning", "info"}
OTHERS = {"up"}
"""Metrics that are Prometheus' own."""

Alert = dict[str, Any]


def alerts() -> list[Alert]:
    return [rule for group in yaml.safe_load(FILE.read_text())["groups"] for rule in group["rules"]]


@pytest.fixture(params=alerts(), ids=lambda rule: str(rule["alert"]))
def alert(request: pytest.FixtureRequest) -> Alert:
    found: Alert = request.param
    return found


def test_prometheus_finds_the_rules_right() -> None:
    status, said = promtool("check", "rules", "--lint=all", "--lint-fatal", str(FILE))
    assert status == 0, said
    assert f"{len(alerts())} rules found" in said


@pytest.mark.timeout(180)
def test_every_alert_fires_when_it_should_and_is_quiet_else() -> None:
    status, said = promtool("test", "rules", str(TESTS))
    assert status == 0, said


def test_every_alert_is_tested_quiet_and_firing(alert: Alert) -> None:
    steps = [step for case in yaml.safe_load(TESTS.read_text())["tests"] for step in case["alert_rule_test"]]
    shown = {bool(step["exp_alerts"]) for step in steps if step["alertname"] == alert["alert"]}
    assert shown == {False, True}


def test_every_alert_says_what_is_wrong_and_how_bad_it_is(alert: Alert) -> None:
    assert alert["labels"]["severity"] in SEVERITIES
    assert alert["for"]
    assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}


def test_every_alert_has_its_page(alert: Alert) -> None:
    page = ROOT / alert["annotations"]["runbook_url"]
    text = page.read_text()
    assert text.startswith(f"# {alert['alert']}\n\n*{alert['labels']['severity']}, ")
    assert "\n## Look\n" in text
    assert "\n## Do\n" in text
    assert f"[{alert['alert']}]({page.name})" in page.with_name("README.md").read_text()


def test_no_page_is_left_over() -> None:
    pages = {path.name for path in (ROOT / "docs" / "runbooks").iterdir()} - {"README.md"}
    assert pages == {Path(rule["annotations"]["runbook_url"]).name for rule in alerts()}


def test_every_alert_asks_for_metrics_that_there_are(alert: Alert) -> None:
    known = set(re.findall(r"^\| `(\w+)`", metrics_page(), re.MULTILINE)) | OTHERS
    asked = set(re.findall(r"(\w+)\{", alert["expr"]))
    assert asked
    assert asked <= known
