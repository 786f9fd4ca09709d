"""All types of tasks for a Compose project, with an agent as a program of its own."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from reconciler.protocol.message.common import Artifact
from reconciler.protocol.message.payload import (
    DeployPayload,
    ExecuteCommandPayload,
    HealthCheckPayload,
    HttpCheck,
    InspectPayload,
    ReadStickerPayload,
    ReleaseName,
    RollbackPayload,
    WriteStickerPayload,
)
from reconciler.protocol.message.result import TaskResult
from tests.agent.orchestrator import Orchestrator
from tests.e2e.compose.project_stage import ProjectStage
from tests.e2e.compose.shop import edited, shop
from tests.e2e.fleet.fleet import Fleet
from tests.parts.standard_images import WEB_PORT

pytestmark = pytest.mark.engine
COMMANDS = {"greet": {"argv": ["/bin/echo", "hello"]}, "aside": {"argv": ["/bin/echo", "aside"], "in": "sandbox"}}


@pytest.fixture
def fleet(project: ProjectStage, orchestrator: Orchestrator) -> Fleet:
    made = Fleet(project.stage, orchestrator)
    made.enroll()
    types = ["deploy", "rollback", "health-check", "inspect", "read-sticker", "write-sticker", "execute-command"]
    made.permit(taskTypes=types, commands=COMMANDS)
    return made


def payload(project: ProjectStage, orchestrator: Orchestrator, **more: Any) -> DeployPayload:
    """What the author's folder says, as a task says it; the folder is the author's alone afterwards."""
    spec = yaml.safe_load(project.document_file.read_text())["spec"]
    references = [spec["config"]["composeLock"], *spec["config"]["configFiles"]]
    artifacts = []
    for number, item in enumerate(references):
        content = (project.document_file.parent / item["source"]).read_bytes()
        digest = f"sha256:{item['sha256']}"
        orchestrator.artifacts[digest] = content
        item["source"] = item["source"].rpartition("/")[2]
        kind: Any = "config" if number else "compose_lock"
        artifacts.append(Artifact(type=kind, name=item["source"], sha256=digest, size_bytes=len(content)))
    project.document_file.unlink()
    return DeployPayload(
        document_kind="ComposeProject",
        release=ReleaseName(**spec.pop("release")),
        config=spec.pop("config"),
        artifacts=tuple(artifacts),
        spec=spec,
        **more,
    )


def test_every_type_of_task_has_its_effect_on_a_project(project: ProjectStage, fleet: Fleet) -> None:
    orchestrator = fleet.orchestrator

    def ask(kind: str, what: Any, **changes: Any) -> TaskResult:
        return orchestrator.result(orchestrator.ask(kind, what, document=project.name, **changes), within_s=60)

    project.write(shop(project.images, port=project.stage.port), "r1")  # without a value in the lock file
    first = payload(project, orchestrator)
    project.write(edited(project.model, "worker", image=project.images["worker v2"].tagged), "r2")
    second = payload(project, orchestrator)
    with fleet.agent():
        deployed = ask("deploy", first)
        assert (deployed.outcome, deployed.error) == ("succeeded", None)
        assert deployed.metrics.health_check_duration_ms is not None
        assert project.page() == "web v1"
        again = ask("deploy", second)
        assert (again.outcome, again.observed and again.observed.release) == ("succeeded", "r2")
        other = ask("rollback", RollbackPayload(container_name="nobody"))
        assert (other.outcome, other.error_type) == ("refused", "unknown-container")
        back = ask("rollback", RollbackPayload(container_name=project.container("web")))
        assert (back.outcome, back.observed and back.observed.release) == ("succeeded", "r1")
        http = HttpCheck(path="/", port=WEB_PORT, timeout_seconds=2, retries=2, interval_seconds=1)
        for check in (HealthCheckPayload(), HealthCheckPayload(http=http)):
            well = ask("health-check", check)
            assert (well.outcome, well.error) == ("succeeded", None)
            assert well.metrics.health_check_duration_ms is not None
        seen = ask("inspect", InspectPayload(include=("containers", "drift", "history", "sticker", "logs")))
        assert seen.outputs is not None
        assert {item["name"] for item in seen.outputs["containers"]} >= {project.container("web")}
        assert seen.outputs["sticker"]["state"] == "current"
        all_of_them = orchestrator.result(orchestrator.ask("inspect", InspectPayload(), document=None))
        assert all_of_them.outputs is not None
        (told,) = all_of_them.outputs["documents"]
        assert (told["name"], told["kind"], told["release"]) == (project.name, "ComposeProject", "r1")
        project.stage.sticker(project.name).unlink()
        assert ask("write-sticker", WriteStickerPayload()).outcome == "succeeded"
        sticker = ask("read-sticker", ReadStickerPayload())
        assert sticker.outputs is not None
        assert sticker.outputs["sticker"]["release"]["id"] == "r1"
        which = ask("execute-command", ExecuteCommandPayload(command="greet"))
        assert (which.outcome, which.error_type) == ("refused", "service")
        greeted = ask("execute-command", ExecuteCommandPayload(command="greet", service="web"))
        assert (greeted.outcome, greeted.logs) == ("succeeded", "hello\n")
        aside = ask("execute-command", ExecuteCommandPayload(command="aside", service="worker"))
        assert (aside.outcome, aside.logs) == ("succeeded", "aside\n")
        wrong = ask("deploy", DeployPayload(**{**vars_of(second), "previous_digest": f"sha256:{'0' * 64}"}))
        assert (wrong.outcome, wrong.error_type) == ("refused", "unexpected-digest")


def vars_of(found: DeployPayload) -> dict[str, Any]:
    return {name: getattr(found, name) for name in found.__dataclass_fields__}
