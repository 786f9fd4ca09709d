"""Declared files with the real program on a real engine."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.documents import document
from tests.e2e.oracle import Oracle
from tests.e2e.stage import Stage

pytestmark = pytest.mark.engine

PLACE = "/etc/app.yml"


def holding(content: str, **more: Any) -> dict[str, Any]:
    return {"config": {"files": [{"path": PLACE, "content": content, **more}]}}


def inside(stage: Stage) -> str:
    return stage.docker("exec", stage.name, "cat", PLACE)


def test_a_file_is_delivered_changed_and_brought_back(stage: Stage, oracle: Oracle) -> None:
    stage.deploy_here("v1", **holding("level: info\n", mode="0640", uid=7, gid=8))
    assert inside(stage) == "level: info"
    assert stage.docker("exec", stage.name, "stat", "-c", "%a %u %g", PLACE) == "640 7 8"
    stage.write(stage.web("v1", **holding("level: debug\n")))
    assert [(item["kind"], item["path"]) for item in stage.plan()["drift"]] == [("files", f"config.files.{PLACE}")]
    stage.apply()
    assert inside(stage) == "level: debug"
    stage.write(stage.web("v1", **holding("level: info\n", mode="0640", uid=7, gid=8)))
    stage.apply()
    assert inside(stage) == "level: info"
    oracle.holds("v1")


def test_a_file_altered_on_the_host_is_drift_and_put_right(stage: Stage, oracle: Oracle) -> None:
    stage.deploy_here("v1", **holding("level: info\n"))
    before = stage.identity()
    (path,) = (stage.state / "files").rglob("app.yml")
    path.write_text("level: broken\n")
    (drift,) = stage.plan()["drift"]
    assert (drift["kind"], drift["found"]) == ("files", "altered")
    stage.apply()
    assert stage.identity() != before
    assert inside(stage) == "level: info"
    oracle.holds("v1")


def test_pruning_removes_files_too(stage: Stage) -> None:
    stage.deploy_here("v1", **holding("level: info\n"))
    stage.write(document(f"{stage.prefix}-other", stage.images.plain, "p1"), file="other.yaml")
    (stage.desired / "web.yaml").unlink()
    assert stage.reconciler("prune", "--confirm").returncode == 0
    assert not list((stage.state / "files").rglob("*.yml"))


def test_no_document_may_mount_what_was_delivered(stage: Stage) -> None:
    stage.permit(hostPaths=["/"])
    for folder in (stage.state / "files", stage.secrets):
        stage.write(stage.web("v1", config={"volumes": [f"{folder}:/data:ro"]}))
        done = stage.apply(expect=5)
        assert str(folder) in done.stdout + done.stderr
