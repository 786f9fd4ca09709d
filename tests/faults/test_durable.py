"""The disk does not take what is written: an fsync fails, once or from now on.

The kernel may have dropped the data then, and a second fsync would say yes (https://wiki.postgresql.org/wiki/Fsync_Errors):
what was to be written counts as not written, and what was to follow it does not happen.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from itertools import count

import pytest

from tests.e2e.oracle import Oracle
from tests.e2e.stage import COMMAND_S, Said, Stage
from tests.parts.socket_proxy import SocketProxy
from tests.parts.system_calls import failing, failing_from

SYNC = "/^f(data)?sync$"
SHARP = (2, 7)
"""Of a deploy: before and after its intent."""
SETTLED = 3
"""In a row: after so many calls that the program no longer has, it has no further ones."""


def applied(stage: Stage, broken: Sequence[str], engine: str = "") -> Said:
    """``apply`` on a disk that is broken so."""
    done = subprocess.run(
        [*broken, sys.executable, "-m", "reconciler", "apply"],
        env=stage.environment(engine),
        cwd=stage.folder,
        capture_output=True,
        text=True,
        timeout=COMMAND_S,
        check=False,
    )
    stage.said += [done.stdout, done.stderr]
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode in {0, 1, 4}, done.stdout + done.stderr
    return done


def assert_true_what_is_remembered(stage: Stage) -> None:
    """What the history calls committed is on the engine, and the sticker is one that was sealed whole."""
    with closing(sqlite3.connect(f"file:{stage.state / 'history.db'}?mode=ro", uri=True)) as history:
        newest = "SELECT container_id, image_id FROM operations WHERE state = 'committed' ORDER BY generation DESC"
        committed = history.execute(newest).fetchone()
    assert committed in [(row["Id"], row["ImageID"]) for row in stage.sdk.containers(all=True)]
    assert json.loads(stage.sticker().read_bytes())["release"]["id"] in {"v1", "v2"}


def deploys_on_a_failing_disk(stage: Stage, numbers: Sequence[int] | count[int]) -> int:
    """Deploy after deploy, in each another fsync fails; how many of them ended with an error."""
    stage.deploy_here("v1")
    failures = missed = 0
    for turn, number in enumerate(numbers):
        release = f"v{2 - turn % 2}"
        stage.write(stage.web(release))
        done = applied(stage, failing(SYNC, number, "EIO"))
        assert_true_what_is_remembered(stage)
        stage.deploy_here(release)
        assert stage.ours() == {stage.name: "running"}, f"after the failure of fsync {number}"
        assert [path.name for path in stage.sticker().parent.iterdir()] == [stage.sticker().name]
        failures, missed = failures + bool(done.returncode), missed + 1 if done.returncode == 0 else 0
        if missed == SETTLED:
            break
    return failures


@pytest.mark.fault("D5")
def test_one_fsync_fails_in_a_deploy(stage: Stage, oracle: Oracle) -> None:
    """What it was to make durable counts as not written; the next pass ends with one whole release."""
    assert deploys_on_a_failing_disk(stage, SHARP) >= 1
    oracle.holds()


@pytest.mark.thorough
@pytest.mark.timeout(900)
@pytest.mark.fault("D5")
def test_each_fsync_of_a_deploy_fails_in_turn(stage: Stage, oracle: Oracle) -> None:
    """The same for all of them."""
    assert deploys_on_a_failing_disk(stage, count(1)) > len(SHARP)
    oracle.holds()


@pytest.mark.fault("D5")
def test_while_every_fsync_fails_nothing_is_done(stage: Stage, oracle: Oracle, proxy: SocketProxy) -> None:
    """No intent can be recorded: so the engine is asked for nothing, and the reason is told."""
    stage.deploy_here("v1")
    identity = stage.identity()
    stage.write(stage.web("v2"))
    proxy.forget()
    refused = applied(stage, failing_from(SYNC, 1, "EIO"), proxy.url)
    assert refused.returncode == 1
    assert "could not write" in refused.stderr
    assert "check free space, permissions and mount options" in refused.stderr
    assert proxy.requests
    assert proxy.mutating() == ()
    assert (stage.identity(), stage.page()) == (identity, "web v1")
    stage.apply()
    oracle.holds("v2")
