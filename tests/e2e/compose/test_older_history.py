"""A project whose history of yesterday is put back: what it remembers is not brought back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.compose.project_oracle import ProjectOracle
from tests.e2e.compose.project_stage import ProjectStage
from tests.e2e.compose.shop import pair
from tests.parts.socket_proxy import SocketProxy


def copy_of(history: Path, goal: Path) -> None:
    """In place of what is there."""
    for file in goal.parent.glob(f"{goal.name}*"):
        file.unlink()
    with closing(sqlite3.connect(history)) as source, closing(sqlite3.connect(goal)) as copy:
        source.backup(copy)
    goal.chmod(0o600)


@pytest.mark.fault("S7")
def test_the_history_of_yesterday_brings_no_former_release_back(
    project: ProjectStage, oracle: ProjectOracle, proxy: SocketProxy
) -> None:
    """Nothing is touched while the document says another release; by its word the one that runs is known again."""
    history, yesterday = project.stage.state / "history.db", project.stage.folder / "yesterday.db"
    project.deploy(pair(project.images), "r1")
    former = project.saved()
    copy_of(history, yesterday)
    project.deploy(pair(project.images, release="v2"), "r2")
    latest, before = project.saved(), project.identities("first", "second")
    copy_of(yesterday, history)
    project.restore(former)
    proxy.forget()
    status, said = project.here("apply", project.name, engine=proxy.url)
    assert status == 5
    assert "runs a revision that the history does not know" in said
    assert proxy.requests
    assert proxy.mutating() == ()
    project.restore(latest)
    project.apply()
    assert project.identities("first", "second") == before
    oracle.holds()
