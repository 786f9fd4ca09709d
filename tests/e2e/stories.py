"""What the program can be killed in: a deploy, a deploy that fails, and a rollback, with all their Actions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

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
    ``status`` is its exit status then. ``row``: what a kill in it shows of the catalogue of faults. ``previous``:
    what the name of the container that stays ends with. ``known``: so many Actions at its beginning are another
    story's, too.
    """

    name: str
    begin: Callable[[Stage], None]
    actions: tuple[str, ...]
    status: int
    release: str
    row: pytest.MarkDecorator
    previous: str = ""
    known: int = 0

    def kept(self, stage: Stage) -> str:
        """The whole name of the container that stays, "" for none."""
        return self.previous and stage.name + self.previous

    def settle(self, stage: Stage) -> None:
        """Start the program again, once: that must be enough (the oracle sees to it that nothing is left to do).

        A failed release may have been quarantined before the kill; then it is not tried again.
        """
        done = stage.reconciler("apply")
        assert done.returncode in ({ROLLED_BACK, HELD} if self.status else {0}), f"{done.stdout}\n{done.stderr}"


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
        row=pytest.mark.fault("C1-C12"),
    ),
    Story(
        name="a deploy that fails",
        begin=_failing,
        actions=("pull-image", *SWAP, *TAKING_BACK),
        known=len(("pull-image", *SWAP[:-1])),
        status=ROLLED_BACK,
        release="v1",
        row=pytest.mark.fault("C1-C12"),
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
        row=pytest.mark.fault("C13"),
        previous="-previous-g2",
    ),
)
