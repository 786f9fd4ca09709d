"""A real controller, engine, Prometheus and Alertmanager: what is done by hand comes out of a webhook."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.oracle import Oracle
from tests.e2e.stage import Controller, Stage, eventually
from tests.parts.prometheus import Prometheus, alertmanager, prometheus, promtool
from tests.parts.webhook import Webhook
from tools.dashboards.__main__ import BOARDS

RULES = Path(__file__).parents[2] / "observability" / "alerts.yaml"
OFTEN = {"RECONCILER_RESYNC": "1"}
ALERT_WITHIN_S = 60.0
SERVES_WITHIN_S = 60.0

pytestmark = pytest.mark.timeout(240)


def quick_rules(folder: Path) -> Path:
    """The alerts as they are shipped, but that nobody has to wait for them."""
    rules = yaml.safe_load(RULES.read_text())
    for group in rules["groups"]:
        for rule in group["rules"]:
            rule["for"] = "1s"
    file = folder / "alerts.yaml"
    file.write_text(yaml.safe_dump(rules))
    return file


def scraping(stage: Stage, rules: Path, alerts_to: str) -> dict[str, Any]:
    """prometheus.yml for this stage's controller."""
    return {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rules)],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alerts_to]}]}]},
        "scrape_configs": [
            {"job_name": "reconciler", "static_configs": [{"targets": [f"127.0.0.1:{stage.metrics_port}"]}]}
        ],
    }


def telling(url: str) -> dict[str, Any]:
    """alertmanager.yml: everything at once to one webhook."""
    route = {
        "receiver": "us",
        "group_by": ["..."],
        "group_wait": "0s",
        "group_interval": "1s",
        "repeat_interval": "1h",
    }
    return {
        "route": route,
        "receivers": [{"name": "us", "webhook_configs": [{"url": url, "send_resolved": True}]}],
    }


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook() as listening:
        yield listening


@pytest.fixture
def watching(stage: Stage, webhook: Webhook) -> Iterator[Prometheus]:
    """Prometheus and Alertmanager, looking at this stage's controller."""
    with ExitStack() as stack:
        address = stack.enter_context(alertmanager(stage.folder / "alertmanager", telling(webhook.url)))
        settings = scraping(stage, quick_rules(stage.folder), address)
        yield stack.enter_context(prometheus(stage.folder / "prometheus", settings))


def test_drift_by_hand_comes_out_of_a_webhook_and_so_does_its_end_and_the_end_of_the_controller(
    stage: Stage, oracle: Oracle, watching: Prometheus, webhook: Webhook
) -> None:
    stage.write(stage.web("v1", drift={"mode": "warn"}, config={"memoryLimit": "64Mi"}))
    with stage.controller(**OFTEN) as controller:
        controller.settles(stage.name)
        stage.docker("update", "--memory", "128m", "--memory-swap", "128m", stage.name)
        heard(webhook, "ReconcilerHeld", "firing")
        alerts = (item for body in webhook.received for item in body["alerts"])
        told = next(item for item in alerts if item["labels"]["alertname"] == "ReconcilerHeld")
        assert told["labels"]["document"] == stage.name
        assert stage.name in told["annotations"]["summary"]
        stage.write(stage.web("v1", drift={"mode": "correct"}, config={"memoryLimit": "64Mi"}))
        heard(webhook, "ReconcilerHeld", "resolved")
        status, said = promtool("check", "metrics", given=controller.page("metrics"))
        assert status == 0, said
        controller.settles(stage.name)
    heard(webhook, "ReconcilerDown", "firing")
    oracle.holds("v1")


def comes_to(controller: Controller, document: str, phase: str) -> None:
    eventually(f"{document} is {phase}", lambda: controller.phase(document) == phase, within_s=SERVES_WITHIN_S)


def heard(webhook: Webhook, alert: str, status: str) -> None:
    eventually(
        f"{alert} is {status}, heard {webhook.alerts()}",
        lambda: (alert, status) in webhook.alerts(),
        within_s=ALERT_WITHIN_S,
    )


def test_every_panel_of_every_dashboard_has_something_to_show(stage: Stage, watching: Prometheus) -> None:
    """After deploys, a heal, a rollback, and a file that is wrong."""
    stage.write(stage.web("v1"))
    with stage.controller(**OFTEN) as controller:
        controller.settles(stage.name)
        eventually("it is scraped", lambda: watching.query('up{job="reconciler"} == 1'))
        stage.write(stage.web("v2"))
        eventually("v2 serves", lambda: stage.page() == "web v2", within_s=SERVES_WITHIN_S)
        controller.settles(stage.name)
        stage.docker("stop", "-t", "1", stage.name)
        eventually("it was healed", lambda: heals(controller.metric) > 0, within_s=SERVES_WITHIN_S)
        controller.settles(stage.name)
        stage.write("kind: [Container\n", file="wrong.yaml")
        stage.write(stage.web("v3", config={"healthCheck": {"timeout": "3s"}}))
        comes_to(controller, stage.name, "RolledBack")
        eventually("all panels show something", lambda: not list(empty_panels(watching)), within_s=ALERT_WITHIN_S)
        firing = 'ALERTS{alertname="ReconcilerRolledBack", alertstate="firing"}'
        eventually("the rollback is told", lambda: watching.query(firing), within_s=ALERT_WITHIN_S)


def empty_panels(watching: Prometheus) -> Iterator[str]:
    """Those that show nothing now."""
    for board in BOARDS:
        for panel in board.panels:
            for query in panel.queries:
                if not watching.query(filled(query.expr)):
                    yield f"{board.title}: {panel.title}: {query.expr}"


def heals(metric: Any) -> float:
    return float(metric("reconciler_heals_total", reason="stopped") or 0)


def filled(expression: str) -> str:
    """As Grafana sends it where everything is selected."""
    for name, value in {"__rate_interval": "1m", "__range": "5m"}.items():
        expression = expression.replace(f"${name}", value)
    for name in ("instance", "target", "document"):
        expression = expression.replace(f'"${name}"', '".*"')
    assert "$" not in expression
    return expression
