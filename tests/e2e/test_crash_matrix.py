"""Killed anywhere: SIGKILL of the program before and after every Action, then started again, then the oracle.

The Actions of each operation are listed here; a test of its own holds the lists against what is really done, so
that no Action can be added without rows for it. RECONCILER_FAIL_AT makes the program kill itself (SIGKILL) at the
boundary; nothing of it gets a chance to tidy up. Before an Action all is as it was after the one before, but for
that one's line in the history: these rows wait for THOROUGH=1 (a simulated host is killed there in every run).
"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.e2e.oracle import Oracle
from tests.e2e.stage import Stage

SWAP = (
    "verify-image",
    "record-intent",
    "create-container",
    "set-restart-policy",
    "rename-container",
    "rename-container",
    "stop-container",
    "start-container",
    "wait-healthy",
)
TAKING_BACK = (
    "set-restart-policy",
    "stop-container",
    "set-restart-policy",
    "start-container",
    "rename-container",
    "rename-container",
    "record-undone",
    "wait-healthy",
    "write-sticker",
)
HELD = 5
ROLLED_BACK = 3


@dataclass(frozen=True, kw_only=True)
class Story:
    """``begin`` brings the stage to where the operation starts; ``actions`` are what it does undisturbed, and
    ``status`` is its exit status then. ``previous``: what the name of the container that stays ends with.
    """

    name: str
    begin: Callable[[Stage], None]
    actions: tuple[str, ...]
    status: int
    release: str
    previous: str = ""

    def settle(self, stage: Stage) -> None:
        """Start the program again, once: that must be enough (the oracle sees to it that nothing is left to do).

        A failed release may have been quarantined before the kill; then it is not tried again.
        """
        status = stage.reconciler("apply").returncode
        assert status in ({ROLLED_BACK, HELD} if self.status else {0})


def _deploying(stage: Stage) -> None:
    stage.deploy_here("v1")
    _forget_image(stage, "v2")
    stage.write(stage.web("v2"))


def _failing(stage: Stage) -> None:
    stage.deploy_here("v1")
    _forget_image(stage, "v3")
    stage.write(stage.web("v3"))


def _going_back(stage: Stage) -> None:
    keep = {"cleanupPrevious": False}
    stage.deploy_here("v1", "v2", config=keep)
    stage.write(stage.web("v1", config=keep))


def _forget_image(stage: Stage, version: str) -> None:
    """So that it is pulled in every row, whatever ran before on this engine."""
    stage.sdk.pull(stage.image(version).reference)
    stage.sdk.remove_image(stage.image(version).reference)


STORIES = (
    Story(
        name="a deploy",
        begin=_deploying,
        actions=("pull-image", *SWAP, "commit", "write-sticker", "remove-container"),
        status=0,
        release="v2",
    ),
    Story(
        name="a deploy that fails",
        begin=_failing,
        actions=("pull-image", *SWAP, *TAKING_BACK),
        status=ROLLED_BACK,
        release="v1",
    ),
    Story(
        name="a rollback to a kept container",
        begin=_going_back,
        actions=(
            "verify-image",
            "record-intent",
            "set-restart-policy",
            "rename-container",
            "rename-container",
            "stop-container",
            "set-restart-policy",
            "start-container",
            "wait-healthy",
            "commit",
            "write-sticker",
        ),
        status=0,
        release="v1",
        previous="-previous-g2",
    ),
)


def _rows() -> Iterator[object]:
    for story in STORIES:
        for number, action in enumerate(story.actions, start=1):
            for edge in ("before", "after"):
                told = pytest.mark.thorough if edge == "before" and number > 1 else ()
                name = f"{story.name}: {edge} {number} {action}"
                yield pytest.param(story, f"{edge}:{number}", id=name, marks=told)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_the_matrix_has_a_row_for_every_action(story: Story, stage: Stage, oracle: Oracle) -> None:
    story.begin(stage)
    done = stage.apply("--json", expect=story.status)
    (document,) = json.loads(done.stdout)["documents"]
    assert tuple(item["action"] for item in document["actions"]) == story.actions
    oracle.holds(story.release, previous=story.previous and stage.name + story.previous)


@pytest.mark.parametrize(("story", "point"), tuple(_rows()))
def test_killed_at_an_action_and_started_again(story: Story, point: str, stage: Stage, oracle: Oracle) -> None:
    story.begin(stage)
    killed = stage.reconciler("apply", RECONCILER_FAIL_AT=point)
    assert killed.returncode == -signal.SIGKILL, killed.stdout + killed.stderr
    story.settle(stage)
    assert stage.page() == f"web {story.release}"
    oracle.holds(story.release, previous=story.previous and stage.name + story.previous)
