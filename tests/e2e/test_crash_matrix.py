"""Killed anywhere: SIGKILL of the program before and after every Action, then started again, then the oracle.

The Actions of each operation are listed in ``stories``; a test holds the lists against what is really done, so
that no Action can be added without rows for it. RECONCILER_FAIL_AT makes the program kill itself (SIGKILL) at the
boundary; nothing of it gets a chance to tidy up. Every run kills it after the Actions that change who serves or
what counts; in a deploy that fails, from where it goes another way than one that does not. The other rows wait
for THOROUGH=1, those before an Action too: all is then as it was after the one before, but for a line in the
history and an intent in the audit log. A simulated host is killed at all of them in every run.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator

import pytest

from tests.e2e.oracle import Oracle
from tests.e2e.stage import Stage
from tests.e2e.stories import STORIES, Story

IN_EVERY_RUN = {
    "create-container",
    "stop-container",
    "start-container",
    "wait-healthy",
    "commit",
    "record-undone",
}
ON_BOTH_ENGINES = {"stop-container"}
"""Killed where nothing serves."""


def _rows() -> Iterator[object]:
    for story in STORIES:
        for number, action in enumerate(story.actions, start=1):
            for edge in ("before", "after"):
                name = f"{story.name}: {edge} {number} {action}"
                marks = [story.row]
                if edge == "before" or action not in IN_EVERY_RUN or number <= story.known:
                    marks.append(pytest.mark.thorough)
                if edge == "after" and action in ON_BOTH_ENGINES:
                    marks.append(pytest.mark.both_engines)
                yield pytest.param(story, f"{edge}:{number}", id=name, marks=marks)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_the_matrix_has_a_row_for_every_action(story: Story, stage: Stage, oracle: Oracle) -> None:
    story.begin(stage)
    done = stage.apply("--json", expect=story.status)
    (document,) = json.loads(done.stdout)["documents"]
    assert tuple(item["action"] for item in document["actions"]) == story.actions
    oracle.holds(story.release, previous=story.kept(stage))


@pytest.mark.parametrize(("story", "point"), tuple(_rows()))
def test_killed_at_an_action_and_started_again(story: Story, point: str, stage: Stage, oracle: Oracle) -> None:
    story.begin(stage)
    killed = stage.reconciler("apply", RECONCILER_FAIL_AT=point)
    assert killed.returncode == -signal.SIGKILL, killed.stdout + killed.stderr
    story.settle(stage)
    assert stage.page() == f"web {story.release}"
    oracle.holds(story.release, previous=story.kept(stage))
