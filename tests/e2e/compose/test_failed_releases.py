"""A release of a project that fails is taken back whole; the first one of all is taken down again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.compose.project_oracle import ProjectOracle
from tests.e2e.compose.project_stage import ProjectStage
from tests.e2e.compose.shop import Catalogue, edited

PASSES_AFTER = 3


@dataclass(frozen=True, kw_only=True)
class Failing:
    """``changes`` to the worker make a release that fails; ``told`` are words that the error must have."""

    changes: Callable[[Catalogue], dict[str, Any]]
    told: tuple[str, ...]


FAILING = {
    "never healthy": Failing(
        changes=lambda images: {"image": images["worker v3"].tagged},
        told=("service worker", "health", "worker starts"),
    ),
    "exits at once": Failing(
        changes=lambda images: {"command": ["sh", "-c", "echo no database; exit 3"]},
        told=("service worker", "exit code 3", "no database"),
    ),
    "exits at once with 0": Failing(
        changes=lambda images: {"command": ["sh", "-c", "echo nothing to do"], "restart": None},
        told=("service worker", "nothing to do"),
    ),
    "cannot start": Failing(changes=lambda images: {"command": ["/nowhere"]}, told=("service worker", "/nowhere")),
    "a job that fails": Failing(
        changes=lambda images: {
            "depends_on": {"check": {"condition": "service_completed_successfully"}},
        },
        told=("service check", "disk is full"),
    ),
}
CHECK = {"command": ["sh", "-c", "echo disk is full; exit 7"], "restart": "no"}


def _broken(project: ProjectStage, kind: str) -> dict[str, Any]:
    model = edited(project.shop(), "worker", **FAILING[kind].changes(project.images))
    if kind == "a job that fails":
        check = {**CHECK, "image": project.images["plain"].tagged, "networks": ["front"]}
        model["services"]["check"] = check
    return model


@pytest.mark.every_run("never healthy", "a job that fails")
@pytest.mark.fault("P1", "P7")
@pytest.mark.parametrize("kind", FAILING)
def test_an_upgrade_that_fails_is_back_whole_on_the_former_revision(
    kind: str, project: ProjectStage, oracle: ProjectOracle
) -> None:
    project.deploy(project.shop(), "r1")
    before = project.identities("web", "migrate")
    with project.stage.users() as users:
        project.write(_broken(project, kind), "r2")
        done = project.apply(expect=3)
    reason = done.stdout[done.stdout.index("rolled-back") :]
    for word in FAILING[kind].told:
        assert word in reason, f"{word!r} is not told:\n{done.stdout}{done.stderr}"
    assert project.identities("web", "migrate") == before
    assert users.asked > 5
    assert users.failed == []
    assert project.history()[-1]["state"] == "undone"
    generations = len(project.history())
    after = project.identities("web", "worker", "migrate")
    for _ in range(PASSES_AFTER):
        project.apply_here(outcome="held")
    assert len(project.history()) == generations
    assert project.identities("web", "worker", "migrate") == after
    project.model = project.shop()
    oracle.holds(runs=1, quarantined=True)


def test_a_failed_release_follows_its_mended_document(project: ProjectStage, oracle: ProjectOracle) -> None:
    project.deploy(project.shop(), "r1")
    project.write(_broken(project, "never healthy"), "r2")
    project.apply_here(outcome="rolled-back")
    project.write(edited(project.shop(), "worker", image=project.images["worker v2"].tagged), "r3")
    project.apply()
    oracle.holds(runs=1)


def test_a_web_app_that_never_gets_healthy_gives_its_port_and_its_files_back(
    project: ProjectStage, oracle: ProjectOracle
) -> None:
    project.deploy(project.shop(), "r1")
    before = project.identities("worker", "migrate")
    project.files["motd.txt"] = "broken\n"
    project.write(edited(project.shop(), "web", image=project.images["web v3"].tagged), "r2")
    project.apply(expect=3)
    assert (project.page(), project.page("motd.txt")) == ("web v1", "welcome")
    assert project.identities("worker", "migrate") == before
    project.model = project.shop()
    oracle.holds(runs=1, quarantined=True)


@pytest.mark.every_run("cannot start")
@pytest.mark.fault("P1")
@pytest.mark.parametrize("kind", ["never healthy", "cannot start"])
def test_a_first_deployment_that_fails_is_taken_down_again(
    kind: str, project: ProjectStage, oracle: ProjectOracle
) -> None:
    project.write(_broken(project, kind), "r1")
    done = project.apply(expect=4)
    assert "worker" in done.stdout
    oracle.nothing_is_left()
    assert project.runs() == 1, "the volume stays"
    for _ in range(PASSES_AFTER):
        assert project.stage.reconciler("apply", project.name).returncode in {4, 5}
    oracle.nothing_is_left()
    project.write(project.shop(), "r2")
    project.apply()
    oracle.holds(runs=2)


def test_an_image_that_is_not_there_is_refused_before_anything_is_touched(
    project: ProjectStage, oracle: ProjectOracle
) -> None:
    project.deploy(project.shop(), "r1")
    before = project.identities("web", "worker", "migrate")
    project.write(project.shop(), "r2")
    text = project.lock_file.read_text()
    digest = project.images["worker v1"].digest
    project.lock_file.write_text(text.replace(digest, f"sha256:{'0' * 64}"))
    project.write_document()
    done = project.stage.reconciler("apply", project.name)
    assert done.returncode in {3, 4}
    assert project.identities("web", "worker", "migrate") == before
    project.write(project.shop(), "r1")
    project.apply()
    oracle.holds(runs=1)


@pytest.mark.fault("K8")
def test_a_port_that_somebody_else_has_blocks_the_release_before_anything_is_touched(
    project: ProjectStage, oracle: ProjectOracle
) -> None:
    project.deploy(edited(project.shop(), "web", ports=None), "r1")
    other = f"{project.stage.prefix}-other"
    project.stage.docker(
        *("run", "-d", "--name", other, "-p", f"127.0.0.1:{project.stage.port}:8080"),
        project.images["plain"].reference,
    )
    before = project.identities("web", "worker", "migrate"), project.stage.identity(other)
    project.write(project.shop(), "r2")
    done = project.apply(expect=5)
    assert f"{project.stage.port}/tcp is held by container {other}" in done.stdout
    assert (project.identities("web", "worker", "migrate"), project.stage.identity(other)) == before
    project.stage.docker("rm", "-f", other)
    project.apply()
    assert project.page() == "web v1"
    oracle.holds(runs=1)
