"""Secrets of a project with the real programs: where they are, where they are not, and what becomes of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.compose.project_oracle import ProjectOracle
from tests.e2e.compose.project_stage import ProjectStage
from tests.e2e.compose.shop import Model, pair
from tests.e2e.documents import merged

pytestmark = pytest.mark.engine

FIRST, SECOND = "first-value-of-the-project", "second-value-of-the-project"
PLACE = "/run/secrets/db"


def model(project: ProjectStage) -> Model:
    """Two services; only the first is given the secret."""
    own = {"services": {"first": {"secrets": ["db"]}}, "secrets": {"db": {"external": True}}}
    return merged(pair(project.images), own)


def given(sealed: str) -> dict[str, Any]:
    return {"config": {"secrets": [{"name": "db", "encrypted": sealed}]}}


def inside(project: ProjectStage) -> str:
    """What the service reads."""
    return project.stage.docker("exec", project.container("first"), "cat", PLACE)


def test_a_secret_is_read_by_its_service_and_lies_nowhere_else(
    project: ProjectStage, oracle: ProjectOracle
) -> None:
    project.files = {}
    first, second = project.stage.sealed(FIRST), project.stage.sealed(SECOND)
    project.deploy(model(project), "r1", **given(first))
    assert inside(project) == FIRST
    assert FIRST not in json.dumps(project.containers())
    assert FIRST not in "".join(project.stage.said)
    for path in project.stage.folder.rglob("*"):
        assert not path.is_file() or FIRST.encode() not in path.read_bytes(), path
    assert project.told("plan")["actions"] == []
    before, beside = project.identities("first"), project.identities("second")

    project.write_document(**given(second))
    assert ("secret", "services.first.config.secrets.db") in project.drift()
    project.apply_here()
    assert inside(project) == SECOND
    assert project.identities("first") != before
    assert project.told("plan")["actions"] == []

    project.write_document(**given(first))
    project.apply_here()
    assert inside(project) == FIRST
    assert project.identities("second") == beside


def test_a_secret_that_is_gone_or_altered_is_put_right_and_one_that_is_sealed_blocks(
    project: ProjectStage, oracle: ProjectOracle
) -> None:
    project.files = {}
    project.deploy(model(project), "r1", **given(project.stage.sealed(FIRST)))
    (lies,) = project.stage.secrets.rglob("db")
    lies.unlink()
    project.stage.docker("stop", "-t", "0", project.container("first"))
    project.apply_here()
    assert inside(project) == FIRST
    (lies,) = project.stage.secrets.rglob("db")

    before, beside = project.identities("first"), project.identities("second")
    lies.chmod(0o644)
    lies.write_text("something else")
    assert project.drift() == {("secret", "services.first.config.secrets.db")}
    project.apply_here()
    assert inside(project) == FIRST
    assert project.identities("first") != before
    assert project.identities("second") == beside

    before = project.identities("first", "second")
    sealed = project.stage.sealed(SECOND)
    project.stage.new_identity()
    project.write_document(**given(sealed))
    told = project.told("plan")
    assert "the secret db cannot be had here" in told["blocked"]
    assert told["actions"] == []
    project.apply(expect=5)
    assert project.identities("first", "second") == before


def test_what_a_failing_service_says_of_its_secret_is_masked(project: ProjectStage) -> None:
    """A service that prints its secret and ends: the lines are told, the value is not."""
    project.files = {}
    sealed = project.stage.sealed(FIRST)
    project.deploy(model(project), "r1", **given(sealed))
    telling = {"command": ["sh", "-c", f"echo opened $$(cat {PLACE}); exit 3"]}
    project.write(merged(model(project), {"services": {"first": telling}}), "r2", **given(sealed))
    failed = project.apply(expect=3)
    assert "opened [secret]" in failed.stdout
