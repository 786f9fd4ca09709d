"""The agent as a program of its own, on a real engine, with real certificates over real sockets."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.protocol.message.payload import (
    HealthCheckPayload,
    HttpCheck,
    InspectPayload,
    ReadStickerPayload,
    RollbackPayload,
    WriteStickerPayload,
)
from reconciler.sources.remote import SHADOWED
from tests.e2e.fleet.fleet import Fleet
from tests.e2e.stage import eventually
from tests.faults.test_registry import fresh, through
from tests.parts.registry_proxy import Answer, Lie, RegistryProxy, everything
from tests.parts.standard_images import WEB_PORT

pytestmark = pytest.mark.engine


@pytest.mark.every_run("websocket")
@pytest.mark.parametrize("sockets", [True, False], ids=["websocket", "polling"])
def test_documents_and_tasks_become_what_runs(fleet: Fleet, *, sockets: bool) -> None:
    fleet.orchestrator.sockets = sockets
    with fleet.agent():
        fleet.assign("v1")
        fleet.shows("v1")
        deployed = fleet.orchestrator.result(fleet.deploy("v2"))
        assert (deployed.outcome, deployed.error) == ("succeeded", None)
        assert deployed.observed is not None
        assert (deployed.observed.release, deployed.observed.sync) == ("v2", "synced")
        assert deployed.metrics.deploy_duration_ms
        assert "verdict: converged" in deployed.logs
        fleet.shows("v2")
        back = fleet.ask("rollback", RollbackPayload())
        assert (back.outcome, back.error) == ("succeeded", None)
        fleet.shows("v1")
        assert fleet.orchestrator.by[0] == ("websocket" if sockets else "polling")
        eventually("it is told", lambda: fleet.orchestrator.reports[fleet.stage.name].phase == "converged")


@pytest.mark.thorough
def test_a_release_that_fails_is_answered_as_what_became_of_it(fleet: Fleet) -> None:
    with fleet.agent():
        first = fleet.orchestrator.result(fleet.deploy("v1"))
        assert first.outcome == "succeeded"
        late = fleet.deploy("v3", spec={"config": {"healthCheck": {"timeout": "6s"}}}, timeout_seconds=3)
        assert fleet.orchestrator.result(late, within_s=60).outcome == "rolled-back"
        fleet.shows("v1")
        other = {"release": {"id": "v4"}, "config": {"healthCheck": {"timeout": "2s"}}}
        failed = fleet.orchestrator.result(fleet.deploy("v3", spec=other))
        assert (failed.outcome, failed.error_type) == ("rolled-back", "release-failed")
        assert failed.observed is not None
        assert failed.observed.release == "v1"
        fleet.shows("v1")
        again = fleet.orchestrator.result(fleet.deploy("v3", spec=other))
        assert (again.outcome, again.error_type) == ("refused", "held")


def test_what_is_looked_at_is_answered_and_the_host_refuses_what_it_does_not_allow(fleet: Fleet) -> None:
    stage = fleet.stage
    with fleet.agent():
        assert fleet.orchestrator.result(fleet.deploy("v1")).outcome == "succeeded"
        http = HttpCheck(path="/", port=WEB_PORT, timeout_seconds=2, retries=2, interval_seconds=1)
        health = fleet.ask("health-check", HealthCheckPayload(http=http))
        assert health.outputs is not None
        assert (health.outcome, health.outputs["http"]) == ("succeeded", "status 200")
        unpublished = replace(http, port=1)
        assert fleet.ask("health-check", HealthCheckPayload(http=unpublished)).outcome == "refused"
        parts = InspectPayload(include=("containers", "drift", "history", "sticker", "logs"), log_lines=5)
        seen = fleet.ask("inspect", parts)
        assert seen.outputs is not None
        assert seen.outputs["containers"][0]["name"] == stage.name
        assert seen.outputs["history"]["operations"][0]["state"] == "committed"
        assert seen.outputs["sticker"]["state"] == "current"
        stage.sticker().unlink()
        written = fleet.ask("write-sticker", WriteStickerPayload())
        assert written.outcome == "succeeded"
        read = fleet.ask("read-sticker", ReadStickerPayload())
        assert read.outputs is not None
        assert read.outputs["sticker"]["release"]["id"] == "v1"
        shadow = fleet.ask("read-sticker", ReadStickerPayload(sticker_path="/etc/shadow"))
        assert (shadow.outcome, shadow.error_type) == ("refused", "input-error")
        of_the_host = fleet.orchestrator.result(fleet.orchestrator.ask("inspect", InspectPayload(), document=None))
        assert of_the_host.outputs is not None
        assert [item["name"] for item in of_the_host.outputs["documents"]] == [stage.name]
        unknown = fleet.orchestrator.ask("inspect", InspectPayload(), document="nobody")
        assert fleet.orchestrator.result(unknown).error_type == "unknown-document"


def test_the_hosts_own_document_wins_and_the_orchestrator_is_told(fleet: Fleet) -> None:
    stage = fleet.stage
    with fleet.agent():
        fleet.assign("v1")
        fleet.shows("v1")
        stage.write(fleet.text("v2"))
        fleet.shows("v2")
        eventually("it is told", lambda: fleet.orchestrator.reports[stage.name].refused == SHADOWED)
        refused = fleet.orchestrator.result(fleet.deploy("v1"))
        assert (refused.outcome, refused.error) == ("refused", SHADOWED)
        fleet.orchestrator.assign(stage.name, "kind: Container\nspec: {oops")
        time.sleep(1)
        assert stage.page() == "web v2"


@pytest.mark.fault("N2")
@pytest.mark.fault("N8")
def test_the_host_goes_on_alone_and_an_older_store_undoes_nothing(fleet: Fleet) -> None:
    stage, orchestrator = fleet.stage, fleet.orchestrator
    with fleet.agent() as running:
        assert orchestrator.result(fleet.deploy("v1")).outcome == "succeeded"
        assert orchestrator.result(fleet.deploy("v2")).outcome == "succeeded"
        orchestrator.stop()
        running.process.kill()
        running.process.wait(10)
    stage.docker("rm", "-f", stage.name)
    assert stage.status()["running"]["release"] in {"", "v2"}
    with fleet.agent():
        fleet.shows("v2")
        orchestrator.forget_all()
        orchestrator.start()
        fleet.assign("v1", generation=1)
        eventually("it is refused", lambda: orchestrator.reports.get(stage.name) is not None)
        time.sleep(1)
        assert stage.page() == "web v2"


@pytest.mark.fault("N7")
def test_a_task_that_expires_or_is_cancelled_during_the_pull_changes_nothing(fleet: Fleet) -> None:
    stage, orchestrator = fleet.stage, fleet.orchestrator
    gate = threading.Event()

    def wait(answer: Answer) -> Answer:
        gate.wait(20)
        return answer

    with RegistryProxy(stage.images.web_v1.repository.partition("/")[0]) as registry, fleet.agent():
        assert orchestrator.result(fleet.deploy("v1")).outcome == "succeeded"
        before = stage.identity()
        registry.tell(Lie(everything, wait))
        slow = through(registry, fresh(stage))
        soon = datetime.now(UTC) + timedelta(seconds=4)
        late = fleet.deploy("v2", spec=slow, expires_at=soon)
        time.sleep(5)
        gate.set()
        assert orchestrator.result(late).outcome == "expired"
        gate.clear()
        unwanted = fleet.deploy("v2", spec=through(registry, fresh(stage)))
        time.sleep(2)
        orchestrator.cancel(unwanted)
        assert orchestrator.result(unwanted).outcome == "cancelled"
        gate.set()
        time.sleep(1)
        assert stage.identity() == before
        assert stage.json("status", stage.name, expect=(0, 2))["documents"][0]["desired"]["release"] == "v1"


@pytest.mark.thorough
def test_a_kill_in_the_midst_of_a_deploy_is_answered_once_the_agent_is_back(fleet: Fleet) -> None:
    orchestrator = fleet.orchestrator
    with fleet.agent():
        assert orchestrator.result(fleet.deploy("v1")).outcome == "succeeded"
    with fleet.agent(RECONCILER_FAIL_AT="after:start-container") as running:
        task = fleet.deploy("v2")
        running.process.wait(20)
        running.process.poll()
    with fleet.agent():
        assert orchestrator.result(task).outcome == "succeeded"
        fleet.shows("v2")
        assert len({item.key for item in orchestrator.results[task.id]}) == 1
