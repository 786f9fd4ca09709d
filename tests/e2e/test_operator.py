"""What operators do: go back, keep, suspend, prune, adopt; and the orders of starting they can ask for."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.e2e.documents import document
from tests.e2e.oracle import Oracle
from tests.e2e.stage import Stage, eventually
from tests.parts import host
from tests.parts.registry import PrivateRegistry
from tests.parts.standard_images import WEB_PORT

COMMENTED = """\
# The shop's front door. Ask ana before changing it.
apiVersion: stella/v1
kind: Container
metadata: {{name: {name}}}
spec:
  release: {{id: {release}, name: Web {release}}}   # what people see
  image: {repository}
  digest: {digest}   # pinned on purpose
  config:
    # the port of the load balancer
    ports: ["127.0.0.1:{port}:{web_port}"]
    environment: {{APP_PASSWORD: {canary}}}
  strategy: {{minHealthy: 100ms}}
  sticker: {{path: {sticker}}}
"""


def commented(stage: Stage, version: str) -> str:
    """A document as a person writes it, with comments."""
    image = stage.image(version)
    return COMMENTED.format(
        name=stage.name,
        release=version,
        repository=image.repository,
        digest=image.digest,
        port=stage.port,
        web_port=WEB_PORT,
        canary=stage.canary,
        sticker=stage.sticker(),
    )


@pytest.fixture
def went_to_v2(stage: Stage, oracle: Oracle) -> Path:
    """The document's file after v1 and then v2 were deployed from it."""
    stage.write(commented(stage, "v1"))
    stage.apply()
    file = stage.write(commented(stage, "v2"))
    stage.apply()
    return file


def test_rollback_edits_the_release_and_keeps_every_comment(
    went_to_v2: Path, stage: Stage, oracle: Oracle
) -> None:
    dry = stage.reconciler("rollback", stage.name, "--dry-run")
    assert dry.returncode == 0
    assert went_to_v2.read_text() == commented(stage, "v2")
    done = stage.reconciler("rollback", stage.name)
    assert done.returncode == 0, done.stderr
    assert went_to_v2.read_text() == commented(stage, "v1")
    changed = [line for line in dry.stdout.splitlines() if re.match(r"[-+] ", line)]
    assert len(changed) == 4, dry.stdout
    stage.apply()
    assert stage.page() == "web v1"
    assert stage.history()["generations"][-1]["kind"] == "rollback"
    oracle.holds("v1")


def test_rollback_needs_no_registry(
    went_to_v2: Path, stage: Stage, oracle: Oracle, registry: PrivateRegistry
) -> None:
    registry.stop()
    try:
        assert stage.reconciler("rollback", stage.name).returncode == 0
        stage.apply()
    finally:
        registry.start()
    assert stage.page() == "web v1"
    oracle.holds("v1")


def test_rollback_with_nothing_to_go_back_to_changes_nothing(stage: Stage, oracle: Oracle) -> None:
    file = stage.write(commented(stage, "v1"))
    stage.apply()
    done = stage.reconciler("rollback", stage.name)
    assert done.returncode == 1
    assert "nothing to roll back to" in done.stderr
    assert file.read_text() == commented(stage, "v1")
    oracle.holds("v1")


@pytest.mark.fault("F15")
def test_a_rollback_starts_the_very_container_that_was_kept(stage: Stage, oracle: Oracle) -> None:
    keep = {"cleanupPrevious": False}
    first = stage.deploy("v1", config=keep)
    stage.deploy("v2", config=keep)
    assert stage.ours() == {stage.name: "running", f"{stage.name}-previous-g1": "exited"}
    last = stage.deploy("v1", config=keep)
    assert last["Id"] == first["Id"]
    assert last["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    oracle.holds("v1", previous=f"{stage.name}-previous-g2")


def test_start_first_serves_with_the_new_one_before_the_old_one_stops(stage: Stage, oracle: Oracle) -> None:
    both = {"strategy": {"order": "start-first"}, "config": {"ports": None, "cleanupPrevious": False}}
    stage.deploy("v1", **both)
    stage.write(stage.web("v2", **both))
    done = json.loads(stage.apply("--json").stdout)["documents"][0]
    order = [item["action"] for item in done["actions"]]
    assert order.index("wait-healthy") < order.index("commit") < order.index("stop-container")
    old, new = stage.inspect(f"{stage.name}-previous-g1"), stage.inspect()
    assert new["State"]["StartedAt"] < old["State"]["FinishedAt"]
    oracle.holds("v2", previous=f"{stage.name}-previous-g1")


def test_a_dependant_is_started_when_what_it_needs_is_healthy(stage: Stage, oracle: Oracle) -> None:
    db = f"{stage.prefix}-db"
    check = {"test": ["CMD", "test", "-f", "/tmp/open"], "interval": "200ms", "startPeriod": "60s"}
    needed = document(
        db,
        stage.images.plain,
        "d1",
        config={"healthCheck": check},
        sticker={"path": str(stage.sticker(db))},
    )
    stage.write(needed, stage.web("v1", dependsOn=[{"name": db, "condition": "healthy"}]))
    with stage.controller() as controller:
        eventually("the database runs", lambda: stage.ours(db).get(db) == "running")
        assert "waiting" in stage.reconciler("plan", stage.name).stdout
        assert stage.ours() == {}
        stage.docker("exec", db, "touch", "/tmp/open")
        eventually("the web app follows", lambda: stage.page() == "web v1")
        eventually("both are well", lambda: controller.phase(stage.name) == controller.phase(db) == "Converged")
    oracle.holds(name=stage.name)


def test_a_suspended_document_is_left_alone_until_it_is_resumed(stage: Stage, oracle: Oracle) -> None:
    stage.deploy("v1")
    assert stage.reconciler("suspend", stage.name, "--reason", "incident 42", "--by", "ana").returncode == 0
    stage.docker("rm", "-f", stage.name)
    assert "incident 42" in stage.apply(expect=5).stdout
    assert stage.ours() == {}
    status = stage.status()
    assert (status["health"], status["sync"]) == ("Suspended", "OutOfSync")
    assert status["suspended"]["by"] == "ana"
    assert stage.reconciler("resume", stage.name).returncode == 0
    stage.apply()
    oracle.holds("v1")


def test_a_running_controller_hears_of_suspend_and_resume(stage: Stage, oracle: Oracle) -> None:
    stage.deploy("v1")
    with stage.controller(RECONCILER_RESYNC="600") as controller:
        assert stage.reconciler("suspend", stage.name, "--reason", "incident 42").returncode == 0
        stage.docker("stop", stage.name)
        assert stage.ours() == {stage.name: "exited"}
        assert stage.reconciler("resume", stage.name).returncode == 0
        eventually("it serves again", lambda: stage.page() == "web v1")
        controller.settles(stage.name)
    oracle.holds("v1")


@pytest.fixture
def orphaned(stage: Stage, oracle: Oracle) -> Stage:
    """The web app runs, its document is gone, another one is there."""
    other = f"{stage.prefix}-other"
    keeper = document(other, stage.images.plain, "k1", sticker={"path": str(stage.sticker(other))})
    stage.write(keeper, file="other.yaml")
    stage.write(stage.web("v1", config={"volumes": [f"{stage.prefix}-data:/data"]}))
    stage.apply()
    (stage.desired / "web.yaml").unlink()
    return stage


@pytest.mark.fault("F10")
def test_an_orphan_is_reported_and_left_alone(orphaned: Stage) -> None:
    identity = orphaned.identity()
    orphaned.reconciler("apply")
    drift = orphaned.plan()["drift"]
    assert [item["kind"] for item in drift] == ["orphan"]
    assert orphaned.identity() == identity


def test_prune_shows_first_and_removes_on_confirmation_but_no_volume(orphaned: Stage, oracle: Oracle) -> None:
    shown = orphaned.reconciler("prune")
    assert shown.returncode == 2
    assert orphaned.name in shown.stdout
    assert orphaned.ours() == {orphaned.name: "running"}
    assert orphaned.reconciler("prune", "--confirm").returncode == 0
    assert orphaned.ours() == {}
    assert not orphaned.sticker().exists()
    assert orphaned.sdk.inspect_volume(f"{orphaned.prefix}-data")
    assert orphaned.reconciler("prune").returncode == 0
    oracle.holds(name=f"{orphaned.prefix}-other")


def test_prune_removes_what_was_to_stay_only_by_name(stage: Stage, oracle: Oracle) -> None:
    other = f"{stage.prefix}-other"
    stage.write(
        document(other, stage.images.plain, "k1", sticker={"path": str(stage.sticker(other))}), file="o.yaml"
    )
    stage.write(stage.web("v1", deletionPolicy="orphan"))
    stage.apply()
    (stage.desired / "web.yaml").unlink()
    assert stage.reconciler("prune", "--confirm").returncode == 0
    assert stage.ours() == {stage.name: "running"}
    assert stage.reconciler("prune", "--confirm", stage.name).returncode == 0
    assert stage.ours() == {}
    oracle.holds(name=other)


def test_pruning_much_at_once_waits_for_a_person(stage: Stage, oracle: Oracle) -> None:
    names = [f"{stage.prefix}-{word}" for word in ("keep", "one", "two")]
    for name in names:
        policy = {"deletionPolicy": "delete", "sticker": {"path": str(stage.sticker(name))}}
        stage.write(document(name, stage.images.plain, "r1", **policy), file=f"{name}.yaml")
    stage.apply()
    for name in names[1:]:
        (stage.desired / f"{name}.yaml").unlink()
    capped = stage.reconciler("apply", "--prune")
    assert capped.returncode == 5
    assert "more than 20 %" in capped.stderr + capped.stdout
    assert all(stage.ours(name) for name in names)
    assert stage.reconciler("prune", "--confirm").returncode == 0
    assert [bool(stage.ours(name)) for name in names] == [True, False, False]
    oracle.holds(name=names[0])


@pytest.mark.fault("F10")
def test_an_empty_folder_removes_nothing(stage: Stage) -> None:
    identity = stage.deploy("v1")["Id"]
    (stage.desired / "web.yaml").unlink()
    assert stage.reconciler("prune", "--confirm").returncode == 0
    stage.reconciler("apply", "--prune")
    assert stage.inspect()["Id"] == identity
    assert stage.inspect()["State"]["Running"]


def test_a_job_that_ended_well_stays_done(stage: Stage, oracle: Oracle) -> None:
    job = document(
        stage.name,
        stage.images.job,
        "j1",
        config={"restartPolicy": "no"},
        sticker={"path": str(stage.sticker())},
    )
    stage.write(job)
    stage.apply()
    identity = stage.identity()
    stage.apply()
    assert stage.identity() == identity
    assert stage.status()["health"] == "Healthy"
    oracle.holds(job=True)


def test_an_edit_is_tried_at_once_although_the_last_try_failed(stage: Stage, oracle: Oracle) -> None:
    stage.deploy("v1")
    with stage.controller(RECONCILER_RESYNC="600") as controller:
        stage.write(stage.web("v2", digest=f"sha256:{'0' * 64}"))
        eventually("the try fails", lambda: controller.phase(stage.name) == "Failed")
        assert stage.page() == "web v1"
        stage.write(stage.web("v2"))
        eventually("the mended document is followed", lambda: stage.page() == "web v2", within_s=10)
        controller.settles(stage.name)
    oracle.holds("v2")


def git(stage: Stage, *words: str) -> str:
    """Git around the folder of documents, as Ana."""
    names = ("-c", "user.name=Ana", "-c", "user.email=ana@example.com")
    return host.run(host.program("git", package="git"), "-C", str(stage.folder), *names, *words).strip()


def test_the_audit_log_names_the_commit_or_the_person_behind_what_was_done(stage: Stage, oracle: Oracle) -> None:
    stage.write(stage.web("v1"))
    git(stage, "init", "--quiet")
    git(stage, "add", "desired")
    git(stage, "commit", "--quiet", "--message", "v1")
    commit = git(stage, "rev-parse", "HEAD")
    with stage.controller() as controller:
        controller.settles(stage.name)
        stage.docker("rm", "-f", stage.name)
        eventually("it serves again", lambda: stage.page() == "web v1")
        controller.settles(stage.name)
        stage.write(stage.web("v2"))
        eventually("v2 serves", lambda: stage.page() == "web v2")
        controller.settles(stage.name)
        stage.reconciler("suspend", stage.name, "--reason", "x")
        stage.reconciler("resume", stage.name)
    entries = stage.json("audit", "show", stage.name, "--limit", "1000")["entries"]
    told = [(item["actor"]["type"], item.get("source", {}).get("commit", "")) for item in entries]
    assert list(dict.fromkeys(told)) == [
        ("file", commit),
        ("system", commit),
        ("file", f"uncommitted changes after {commit}"),
        ("user", ""),
    ]
    assert entries[0]["source"]["author"] == "Ana <ana@example.com>"
    assert {item["outcome"] for item in entries} <= {"done", "already"}
    oracle.holds("v2")
