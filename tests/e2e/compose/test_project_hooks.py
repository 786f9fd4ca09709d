"""Hooks of a Compose project with the real program, Compose and engine."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.compose.project_oracle import ProjectOracle
from tests.e2e.compose.project_stage import ProjectStage
from tests.e2e.compose.shop import edited

pytestmark = pytest.mark.engine


def script(text: str, **more: Any) -> dict[str, Any]:
    return {"command": ["/bin/sh", "-c", text], "timeout": "20s", "service": "web", **more}


def told(project: ProjectStage) -> list[str]:
    """What ``why`` tells of hooks, oldest first."""
    events = project.stage.json("why", project.name)["events"]
    return [event["detail"] for event in events if event["action"] == "run-hook"]


def test_a_project_has_its_hooks_run_before_and_after(project: ProjectStage, oracle: ProjectOracle) -> None:
    volume = f"{project.name}_data"
    project.deploy(project.shop(), "r1")
    hooks = {
        "preDeploy": script("ls /data; echo before $STELLA_RELEASE_ID", mounts=[f"{volume}:/data"]),
        "postDeploy": script("wget -q -O - http://127.0.0.1:8080/", network="container"),
    }
    project.write(edited(project.shop(), "web", image=project.images["web v2"].tagged), "r2", hooks=hooks)
    project.apply()
    assert told(project) == ["runs\nbefore r2", "web v2"]
    oracle.holds(runs=1)


@pytest.mark.every_run("postDeploy")
@pytest.mark.fault("H10")
@pytest.mark.parametrize("name", ["preDeploy", "postDeploy"])
def test_a_hook_that_fails_takes_the_whole_project_back(
    name: str, project: ProjectStage, oracle: ProjectOracle
) -> None:
    project.deploy(project.shop(), "r1")
    before = project.identities("web", "worker", "migrate")
    changed = edited(project.shop(), "web", image=project.images["web v2"].tagged)
    project.write(changed, "r2", hooks={name: script("echo it is wrong; exit 1")})
    done = project.apply(expect=3)
    assert f"the {name} hook ended with exit status 1" in done.stdout + done.stderr
    assert told(project) == [f"the {name} hook ended with exit status 1\nit is wrong"]
    assert project.page() == "web v1"
    if name == "preDeploy":
        assert project.identities("web", "worker", "migrate") == before
    project.model = project.shop()
    oracle.holds(runs=1, quarantined=True)
