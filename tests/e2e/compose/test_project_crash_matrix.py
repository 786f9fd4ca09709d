"""Killed anywhere: SIGKILL of the program after every Action of a project, before it can tell anyone; then started
again. Before an Action, too, where the Action itself is what is told to the history.

The Actions of each operation are listed here; a test of its own holds the lists against what is really done, so
that no Action can be added without rows for it. Rows of one test follow each other on one project: every release
is a new one, so that each row begins where the one before has proved to have ended.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.e2e.compose.project_oracle import ProjectOracle
from tests.e2e.compose.project_stage import ProjectStage
from tests.e2e.compose.shop import Model

UP = ("compose-up", "start-service", "start-service", "wait-project", "verify-project")
BEGIN = ("verify-image", "write-revision", "check-project", "record-intent", "activate-revision")
TAKING_BACK = (
    "activate-revision",
    "compose-up",
    "start-service",
    "start-service",
    "record-undone",
    "wait-project",
    "verify-project",
    "write-sticker",
)


def duo(project: ProjectStage, number: int, *, broken: bool = False) -> Model:
    """Two services with quick health checks, different in each release; ``broken``: the second never gets well."""
    services = {}
    for name in ("first", "second"):
        ill = broken and name == "second"
        services[name] = {
            "image": project.images["plain"].tagged,
            "environment": {"NUMBER": str(number)},
            "healthcheck": {"test": ["CMD", "false" if ill else "true"], "interval": "100ms", "retries": 1},
            "restart": "unless-stopped",
            "stop_grace_period": "1s",
        }
    services["second"]["depends_on"] = ["first"]
    return {"services": services}


@dataclass(frozen=True, kw_only=True)
class Story:
    """``write`` has the author write the n-th release; ``actions`` are what applying it does undisturbed, with
    exit status ``status`` then. ``row``: what a kill in it shows of the faults. ``stays``: the release
    before is what stands afterwards.
    """

    name: str
    write: Callable[[ProjectStage, int], None]
    actions: tuple[str, ...]
    status: int
    row: pytest.MarkDecorator
    stays: bool = False


def _deploying(project: ProjectStage, number: int) -> None:
    project.write(duo(project, number), f"r{number}")


def _failing(project: ProjectStage, number: int) -> None:
    project.write(duo(project, number, broken=True), f"r{number}")


def _going_back(project: ProjectStage, number: int) -> None:
    project.write(duo(project, number % 2), f"r{number % 2}")


STORIES = (
    Story(
        name="a deploy",
        write=_deploying,
        actions=(*BEGIN, *UP, "commit", "write-sticker"),
        status=0,
        row=pytest.mark.fault("C1-C12"),
    ),
    Story(
        name="a deploy that fails",
        write=_failing,
        actions=(*BEGIN, *UP[:-1], *TAKING_BACK),
        status=3,
        row=pytest.mark.fault("C1-C12"),
        stays=True,
    ),
    Story(
        name="a rollback",
        write=_going_back,
        actions=(*BEGIN, *UP, "commit", "write-sticker"),
        status=0,
        row=pytest.mark.fault("C13"),
    ),
)
TELLS = frozenset({"record-intent", "commit", "record-undone"})
PARTS = 3
"""Rows are dealt out to so many tests."""

FIRST = 2
"""Releases before the first row: so many that a rollback has something to go back to."""


def _begin(project: ProjectStage) -> None:
    for number in range(FIRST):
        project.deploy(duo(project, number), f"r{number}")


@pytest.mark.every_run("a deploy", "a deploy that fails")
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_the_matrix_has_a_row_for_every_action(story: Story, project: ProjectStage, oracle: ProjectOracle) -> None:
    _begin(project)
    standing = project.model
    story.write(project, FIRST)
    done = project.apply("--json", expect=story.status)
    (document,) = json.loads(done.stdout)["documents"]
    assert tuple(item["action"] for item in document["actions"]) == story.actions
    project.model = standing if story.stays else project.model
    oracle.holds(quarantined=story.stays)


def _points(story: Story, part: int) -> Iterator[tuple[str, int]]:
    for row, action in enumerate(story.actions, start=1):
        if row % PARTS == part:
            yield from ((edge, row) for edge in ("after", "before") if edge == "after" or action in TELLS)


@pytest.mark.thorough
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("story", [pytest.param(story, id=story.name, marks=story.row) for story in STORIES])
def test_killed_at_every_action_and_started_again(
    story: Story, part: int, project: ProjectStage, oracle: ProjectOracle
) -> None:
    _begin(project)
    for number, (edge, row) in enumerate(_points(story, part), start=FIRST):
        standing = project.model
        story.write(project, number)
        killed = project.stage.reconciler("apply", RECONCILER_FAIL_AT=f"{edge}:{row}")
        assert killed.returncode == -signal.SIGKILL, (edge, row, killed.stdout + killed.stderr)
        status, said = project.here("apply", project.name)
        assert status in ({3, 5} if story.stays else {0}), (edge, row, said)
        project.model = standing if story.stays else project.model
        oracle.holds(quarantined=story.stays)
