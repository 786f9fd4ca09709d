"""The controller is killed while it writes: the disk has the old content or the new one, never a mixture.

SIGKILL meets it at a system call of a write: between the parts of a commit of the history, before an fsync, before
the rename. The call it meets is not carried out any more.
"""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from contextlib import closing
from itertools import count

import pytest

from tests.e2e.oracle import Oracle
from tests.e2e.stage import COMMAND_S, Stage
from tests.parts.system_calls import killed_at

SHARP = {"renameat": (1,), "fsync": (1, 2), "fdatasync": (3, 8), "pwrite64": (17, 38)}
"""Of a deploy: where the sticker is written, and in its commits; what is written is not always as much."""

PARTS = 4
"""The calls of one kind are dealt out to so many tests."""

SETTLED = 5
"""In a row: after so many calls that the program no longer has, it has no further ones."""


def killed(stage: Stage, call: str, number: int) -> bool:
    """Apply, to be killed at a system call; whether it came to it."""
    done = subprocess.run(
        [*killed_at(call, number), sys.executable, "-m", "reconciler", "apply"],
        env=stage.environment(),
        cwd=stage.folder,
        capture_output=True,
        text=True,
        timeout=COMMAND_S,
        check=False,
    )
    stage.said += [done.stdout, done.stderr]
    stage.ended(done.returncode)
    assert done.returncode in {0, -signal.SIGKILL}, done.stdout + done.stderr
    return done.returncode != 0


def assert_whole(stage: Stage, before: bytes, release: str) -> None:
    """The sticker is what it was, or that of the release; the history is sound."""
    found = stage.sticker().read_bytes()
    assert found == before or json.loads(found)["release"]["id"] == release
    with closing(sqlite3.connect(f"file:{stage.state / 'history.db'}?mode=ro", uri=True)) as history:
        assert history.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def killed_in_deploys(stage: Stage, call: str, numbers: Iterable[int]) -> int:
    """Deploy after deploy, each killed at another call, until a few came to their end; how many were killed."""
    stage.deploy_here("v1")
    kills = missed = 0
    for turn, number in enumerate(numbers):
        release = f"v{2 - turn % 2}"
        before = stage.sticker().read_bytes()
        stage.write(stage.web(release))
        reached = killed(stage, call, number)
        assert_whole(stage, before, release)
        stage.deploy_here(release)
        assert stage.ours() == {stage.name: "running"}, f"{call} {number}"
        assert sorted(path.name for path in stage.sticker().parent.iterdir()) == [stage.sticker().name]
        assert json.loads(stage.sticker().read_bytes())["release"]["id"] == release
        kills, missed = kills + reached, 0 if reached else missed + 1
        if missed == SETTLED:
            break
    return kills


@pytest.mark.every_run("pwrite64", "renameat")
@pytest.mark.fault("C19")
@pytest.mark.parametrize("call", SHARP)
def test_killed_while_history_or_sticker_are_written(call: str, stage: Stage, oracle: Oracle) -> None:
    """Old or new, whole; the next pass goes on from there and leaves no half-written file behind."""
    assert killed_in_deploys(stage, call, SHARP[call]) == len(SHARP[call])
    oracle.holds()


@pytest.mark.thorough
@pytest.mark.timeout(1200)
@pytest.mark.fault("C19")
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("call", SHARP)
def test_killed_at_every_write_of_a_deploy(call: str, part: int, stage: Stage, oracle: Oracle) -> None:
    """At each of them."""
    kills = killed_in_deploys(stage, call, count(1 + part, PARTS))
    assert part or kills, "nothing was ever killed"
    oracle.holds()
