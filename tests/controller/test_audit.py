"""What of a host's life is in the audit log: everything that was done and decided, by whom, from where."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.audit.verify import Verified
from reconciler.controller.audit_watch import AuditWatch, fault_of
from reconciler.controller.lookout import Lookout
from reconciler.core.desired import Suspension
from reconciler.errors import StateUnwritable, UnknownDocument
from tests.audit.logs import looked_at, newest, records
from tests.controller.stage import Stage, quiet
from tests.simulator.behaviour import never_healthy


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.history.close()


def told(stage: Stage, *members: str) -> list[tuple[Any, ...]]:
    """These members of every intent."""
    return [
        tuple(item.get(name) for name in members) for item in records(stage.folder) if item["kind"] == "intent"
    ]


def results(stage: Stage) -> list[tuple[str, str]]:
    return [(item["action"], item["outcome"]) for item in records(stage.folder) if item["kind"] == "outcome"]


def test_a_deploy_is_told_action_by_action_with_what_becomes_what(stage: Stage) -> None:
    stage.write("web", "v1")
    stage.service().apply(progress=quiet)
    stage.write("web", "v2")
    before = len(records(stage.folder))
    stage.service().apply(progress=quiet)
    second = [item for item in records(stage.folder)[before:] if item["kind"] == "intent"]
    assert [item["action"] for item in second][-1] == "remove-container"
    assert {(item["before"]["release"], item["after"]["release"]) for item in second} >= {("v1", "v2")}
    assert {item["actor"]["name"] for item in second} == {"test"}
    assert {result for _, result in results(stage)} == {"done"}
    assert looked_at(stage.folder).whole


def test_a_deploy_waits_for_the_disk_of_the_log_once_for_each_action(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And once more at its end."""
    stage.write("web", "v1")
    stage.service().apply(progress=quiet)
    waits, real = list[int](), os.fdatasync

    def sync(handle: int) -> None:
        waits.append(handle)
        real(handle)

    monkeypatch.setattr(os, "fdatasync", sync)
    stage.write("web", "v2")
    before = len(told(stage, "action"))
    stage.service().apply(progress=quiet)
    assert len(waits) == len(told(stage, "action")) - before + 1


def test_a_release_that_is_taken_back_is_told_with_the_way_back(stage: Stage) -> None:
    stage.write("web", "v1")
    stage.service().apply(progress=quiet)
    stage.images["v2"] = stage.world.publish("shop/web", behaviour=never_healthy())
    stage.write("web", "v2", config={"healthCheck": {"test": ["CMD", "true"], "interval": "1s"}})
    stage.service().apply(progress=quiet)
    assert ("wait-healthy", "failed") in results(stage)
    assert ("record-undone", "done") in results(stage)


def test_passes_with_nothing_to_do_write_nothing(stage: Stage) -> None:
    stage.write("web")
    stage.service().apply(progress=quiet)
    before = newest(stage.folder).stat()
    for _ in range(3):
        stage.service().apply(progress=quiet)
        stage.service().status()
        stage.service().plans()
    assert newest(stage.folder).stat().st_mtime_ns == before.st_mtime_ns


def test_what_a_person_decides_is_told_with_who_and_why(stage: Stage) -> None:
    stage.write("web")
    service = stage.service()
    service.suspend("web", Suspension("bo", "incident 42 PASSWORD=hunter2", None))
    assert service.resume("web")
    assert not service.resume("web")
    assert not service.clear("web")
    service.revoke_unsigned("web", actor="user:ana")
    assert told(stage, "action", "document") == [
        ("suspend", "web"),
        ("resume", "web"),
        ("resume", "web"),
        ("clear", "web"),
        ("revoke-unsigned", "web"),
    ]
    assert [result for _, result in results(stage)] == ["done", "done", "already", "already", "already"]
    assert records(stage.folder)[1]["cause"].startswith("incident 42 PASSWORD=hmac:")
    assert records(stage.folder)[2]["detail"] == "by bo, until resumed"


def test_what_is_refused_for_its_name_is_no_decision(stage: Stage) -> None:
    with pytest.raises(UnknownDocument):
        stage.service().clear("nobody")
    assert not (stage.folder / "audit").exists()


def test_an_edit_back_is_told_with_both_releases_also_where_it_fails(stage: Stage) -> None:
    stage.write("web", "v1")
    now = stage.catalogue.desired()["web"]
    stage.write("web", "v2")
    then = stage.catalogue.desired()["web"]
    service = stage.service()
    with service.editing_back("web", now, then):
        pass
    with pytest.raises(StateUnwritable), service.editing_back("web", now, then):
        raise StateUnwritable("the disk is full")
    assert results(stage) == [("rollback-edit", "done"), ("rollback-edit", "failed")]
    assert told(stage, "target")[0] == ("web.yaml",)
    assert records(stage.folder)[1]["after"]["release"] == "v2"


def test_a_prune_that_was_confirmed_is_told_around_what_it_does(stage: Stage) -> None:
    stage.write("web")
    stage.write("db", deletionPolicy="delete")
    stage.service().apply(progress=quiet)
    stage.delete("db")
    before = len(told(stage, "action"))
    stage.service().prune(progress=quiet)
    (first, *_, last) = told(stage, "action")[before:]
    assert (first, last) == (("prune",), ("forget-document",))
    assert results(stage)[-1] == ("prune", "done")


def test_nothing_is_decided_or_done_where_it_cannot_be_noted(stage: Stage) -> None:
    stage.write("web")
    stage.service().apply(progress=quiet)
    (stage.folder / "audit").rename(stage.folder / "elsewhere")
    stage.write("web", "v2")
    mutations = stage.world.engine.mutations
    with pytest.raises(StateUnwritable):
        stage.service().suspend("web", Suspension("bo", "x", None))
    assert stage.history.record("web").suspension is None
    with pytest.raises(StateUnwritable):
        stage.service().apply(progress=quiet)
    assert stage.world.engine.mutations == mutations
    trouble = stage.recordable.trouble()
    assert trouble is not None
    assert "audit" in str(trouble)
    (stage.folder / "elsewhere").rename(stage.folder / "audit")
    assert stage.recordable.trouble() is None
    assert stage.service().apply(progress=quiet)[0].outcome == "converged"


def test_the_watch_tells_what_it_found_and_what_was_found_while_writing(stage: Stage) -> None:
    stage.write("web")
    stage.service().apply(progress=quiet)
    watch = AuditWatch(audit=stage.audit, verify=lambda: looked_at(stage.folder))
    lookout = Lookout(
        assessor=stage.assessor, board=stage.board, audit_trouble=watch.trouble, prune=False, prune_cap_percent=0
    )
    watch.look()
    lookout.look()
    assert (stage.board.audit_problem, stage.service().audit_problem()) == ("", "")
    path = newest(stage.folder)
    path.write_bytes(path.read_bytes().replace(b"commit", b"COMMIT", 1))
    watch.look()
    lookout.look()
    assert "was edited" in str(watch.trouble())
    assert str(watch.trouble()) == stage.board.audit_problem == stage.service().audit_problem()
    assert stage.board.ready()[0]


def test_a_log_that_cannot_be_read_is_told_too(stage: Stage) -> None:
    def away() -> Verified:
        raise StateUnwritable("cannot be read")

    watch = AuditWatch(audit=stage.audit, verify=away)
    watch.look()
    assert "cannot be read" in str(watch.trouble())
    assert fault_of(Verified(told=("a:1",))) == "broken before a:1"
