"""Orchestrator and agent, each the real program, on a real engine, by WebSocket and by polling."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator

import pytest

from reconciler.cli.task import OVER
from tests.e2e.fleet.whole import HOST, WholeFleet
from tests.e2e.stage import Stage, eventually
from tests.faults.test_registry import fresh, through
from tests.parts.registry_proxy import Answer, Lie, RegistryProxy, everything
from tests.parts.standard_images import WEB_PORT

pytestmark = pytest.mark.engine
ALONE = "there is no session with the orchestrator; this host goes on alone"


ONCE = pytest.mark.every_run("websocket")
"""For what hardly depends on the transport, or takes long by both."""


@pytest.fixture(params=["websocket", "polling"])
def fleet(stage: Stage, request: pytest.FixtureRequest) -> Iterator[WholeFleet]:
    """An orchestrator's folder; at the end the audit logs of both sides hold."""
    made = WholeFleet(stage=stage, polling=request.param == "polling")
    made.create()
    yield made
    made.assert_audited()


def test_documents_of_the_folder_become_what_runs_and_drift_is_healed(fleet: WholeFleet) -> None:
    stage = fleet.stage
    fleet.write("v1")
    with fleet.orchestrator():
        fleet.enroll()
        with fleet.agent() as running:
            fleet.serves("v1")
            eventually("it is told", lambda: fleet.reported(phase="converged", sync="synced", release="v1"))
            shown = fleet.shown()
            assert (shown["id"], shown["presence"]) == (HOST, "online")
            assert ('"by": "polling"' in running.text) == fleet.polling
            stage.docker("rm", "-f", stage.name)
            fleet.serves("v1")
            fleet.write("v1", file="elsewhere.yaml", target="host-z")
            fleet.write("v2")
            fleet.serves("v2")
            eventually("it is told", lambda: fleet.reported(sync="synced", release="v2"))
            (fleet.home / "desired" / "web.yaml").unlink()
            eventually("it is withdrawn", lambda: not fleet.client.ask("GET", f"/v1/agents/{HOST}")["documents"])
            assert stage.page() == "web v2"
    fleet.assert_audited("token-made", "enrolled")


@ONCE
def test_tasks_are_carried_out_and_answered(fleet: WholeFleet) -> None:
    stage = fleet.stage
    with fleet.orchestrator():
        fleet.enroll()
        with fleet.agent():
            assert fleet.ended(fleet.deploy("v1", "--key", "first"))["state"] == "succeeded"
            again = fleet.ended(fleet.deploy("v1", "--key", "first"))
            assert [item["state"] for item in stage.history()["generations"]] == ["committed"]
            assert again["result"]["observed"]["release"] == "v1"
            assert fleet.ended(fleet.deploy("v2"))["state"] == "succeeded"
            assert stage.page() == "web v2"
            failed = fleet.deploy("v3", config={"healthCheck": {"timeout": "2s"}})
            eventually("it speaks while it works", lambda: _said(fleet, failed)["text"], within_s=10)
            assert fleet.task(failed)["state"] not in OVER
            assert fleet.ended(failed)["state"] == "rolled-back"
            assert fleet.task(failed)["result"]["errorType"] == "release-failed"
            eventually("its log is whole", lambda: _said(fleet, failed)["complete"])
            assert "verdict: rolled-back" in fleet.done("task", "logs", failed).stdout
            assert stage.page() == "web v2"
            before = stage.identity()
            assert fleet.ask("rollback")["observed"]["release"] == "v2"
            time.sleep(1)
            assert (stage.identity(), stage.page()) == (before, "web v2"), "what serves already was touched"
            words = ("rollback", "--target", HOST, "--document", stage.name, "--wait")
            fleet.done("task", "submit", *words)
            assert stage.page() == "web v1"
    fleet.assert_audited("task-submitted")


def _said(fleet: WholeFleet, task: str) -> dict[str, object]:
    found: dict[str, object] = fleet.client.ask("GET", f"/v1/tasks/{task}/log")
    return found


@ONCE
def test_what_runs_is_looked_at_and_its_sticker_read_and_written(fleet: WholeFleet) -> None:
    stage = fleet.stage
    fleet.write("v1")
    check = stage.folder / "check.json"
    check.write_text(
        json.dumps(
            {"http": {"path": "/", "port": WEB_PORT, "timeoutSeconds": 2, "retries": 1, "intervalSeconds": 1}}
        )
    )
    parts = stage.folder / "parts.json"
    parts.write_text(json.dumps({"include": ["containers", "drift", "history", "sticker"]}))
    with fleet.orchestrator():
        fleet.enroll()
        with fleet.agent():
            eventually("it is told", lambda: fleet.reported(sync="synced"))
            health = fleet.ask("health-check", "--payload", str(check))
            assert (health["outcome"], health["outputs"]["http"]) == ("succeeded", "status 200")
            seen = fleet.ask("inspect", "--payload", str(parts))["outputs"]
            assert seen["containers"][0]["name"] == stage.name
            assert (seen["drift"], seen["sticker"]["state"]) == ([], "current")
            stage.sticker().unlink()
            assert fleet.ask("write-sticker")["outcome"] == "succeeded"
            assert fleet.ask("read-sticker")["outputs"]["sticker"]["release"]["id"] == "v1"


@ONCE
def test_what_is_cancelled_or_too_late_changes_nothing(fleet: WholeFleet) -> None:
    """While the agent is away; and while it pulls, before its point of no return."""
    stage, gate = fleet.stage, threading.Event()

    def wait(answer: Answer) -> Answer:
        gate.wait(20)
        return answer

    with RegistryProxy(stage.images.web_v1.repository.partition("/")[0]) as registry, fleet.orchestrator():
        fleet.enroll()
        late = fleet.deploy("v1", "--expires", "1")
        unwanted = fleet.deploy("v1")
        fleet.done("task", "cancel", unwanted)
        assert fleet.task(unwanted)["state"] == "cancelled"
        time.sleep(1)
        with fleet.agent():
            assert fleet.ended(late)["state"] == "expired"
            assert fleet.ended(fleet.deploy("v1"))["state"] == "succeeded"
            before = stage.identity()
            registry.tell(Lie(everything, wait))
            at_work = fleet.deploy("v2", **through(registry, fresh(stage)))
            eventually("it pulls", lambda: fleet.task(at_work)["state"] == "running")
            fleet.done("task", "cancel", at_work)
            assert fleet.ended(at_work)["state"] == "cancelled"
            gate.set()
            time.sleep(0.5)
            assert stage.identity() == before
    fleet.assert_audited("task-cancelled")


@ONCE
@pytest.mark.fault("N2")
def test_the_host_goes_on_without_its_orchestrator_and_tells_it_afterwards(fleet: WholeFleet) -> None:
    stage = fleet.stage
    fleet.write("v1")
    with fleet.orchestrator() as first:
        fleet.enroll()
        with fleet.agent() as running:
            eventually("it is told", lambda: fleet.reported(sync="synced"))
            first.kill()
            first.wait(10)
            eventually("it is noticed", lambda: ALONE in running.text)
            before = stage.identity()
            stage.docker("rm", "-f", stage.name)
            fleet.serves("v1")
            assert stage.identity() != before
            fleet.write("v2")
            with fleet.orchestrator():
                fleet.serves("v2", within_s=60)
                eventually("it is told", lambda: fleet.reported(sync="synced", release="v2"))
                assert fleet.ask("inspect")["outcome"] == "succeeded"


@ONCE
@pytest.mark.fault("N8")
def test_an_orchestrator_that_is_put_back_from_a_backup_undoes_nothing(fleet: WholeFleet) -> None:
    stage, backup = fleet.stage, fleet.stage.folder / "backup.tar.gz"
    fleet.write("v1")
    with fleet.orchestrator():
        fleet.enroll()
        with fleet.agent():
            eventually("it is told", lambda: fleet.reported(sync="synced"))
            fleet.done("orchestrator", "backup", str(backup))
            fleet.write("v2")
            fleet.serves("v2")
            eventually("it is told", lambda: fleet.reported(release="v2"))
    fleet.move(stage.folder / "restored")
    fleet.done("orchestrator", "restore", str(backup))
    (fleet.home / "desired").mkdir(exist_ok=True)
    fleet.write("v1")
    with fleet.orchestrator(), fleet.agent():
        eventually("it is noticed", lambda: "agent-ahead" in fleet.done("orchestrator", "events").stdout)
        assert stage.page() == "web v2"
        fleet.write("v1", release={"id": "v1-again"})
        fleet.serves("v1")


@pytest.mark.every_run("polling")
@pytest.mark.fault("X2", "X4")
def test_a_revoked_agent_is_cut_off_and_its_host_goes_on(fleet: WholeFleet) -> None:
    cut_off(fleet)


@pytest.mark.thorough
@pytest.mark.timeout(240)
@pytest.mark.fault("X2", "X4")
def test_a_revoked_agent_is_cut_off_within_a_minute_at_the_usual_interval(fleet: WholeFleet) -> None:
    """Also one that has told all its news and speaks again with its next heartbeat alone."""
    fleet.interval = 30
    cut_off(fleet, quiet_s=5)


def cut_off(fleet: WholeFleet, *, quiet_s: float = 0) -> None:
    stage = fleet.stage
    fleet.write("v1")
    with fleet.orchestrator():
        fleet.enroll()
        with fleet.agent() as running:
            fleet.serves("v1")
            if quiet_s:
                eventually("it is told", lambda: fleet.reported(sync="synced", release="v1"), within_s=60)
                time.sleep(quiet_s)
            began = time.monotonic()
            fleet.done("fleet", "revoke", HOST)
            eventually("the agent is cut off", lambda: ALONE in running.text, within_s=60)
            stage.showed("cut_off_s", time.monotonic() - began)
            assert time.monotonic() - began < 60
            fleet.write("v2")
            stage.docker("rm", "-f", stage.name)
            fleet.serves("v1")
            refused = stage.reconciler("task", "submit", "inspect", "--target", HOST)
            assert refused.returncode != 0
            assert "is revoked" in refused.stderr
            assert fleet.shown()["revoked"]
        fleet.enroll()
        with fleet.agent():
            fleet.serves("v2")
    fleet.assert_audited("revoked")
