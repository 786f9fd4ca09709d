"""What follows from Outcomes: the verdict says what serves, and what went wrong beside that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.controller.conclude import quarantines, serves, with_remark
from reconciler.core.action import VerifyProject, WaitProject
from reconciler.core.desired import DesiredState, Release
from reconciler.core.observation import Observation
from reconciler.core.outcome import Outcome
from reconciler.core.project import Project, artifact
from reconciler.core.record import Event, Operation, Record
from reconciler.core.situation import Situation
from reconciler.errors import (
    ComposeBusy,
    ComposeFailed,
    ComposeMissing,
    NoSpace,
    ReconcilerError,
    StateDamaged,
    StateUnwritable,
    Unhealthy,
    VerificationFailed,
)
from tests.controller.stage import Stage, quiet
from tests.simulator.behaviour import exits

NOWHERE = {"path": "/proc/nowhere/version.json"}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.history.close()


def test_a_rollback_whose_sticker_cannot_be_written_is_a_rollback_and_says_so(stage: Stage) -> None:
    stage.write("web", sticker=NOWHERE)
    stage.service().apply(progress=quiet)
    stage.images["bad"] = stage.world.publish("shop/bad", behaviour=exits(1))
    stage.write("web", "bad", sticker=NOWHERE)
    (applied,) = stage.service().apply(progress=quiet)
    assert applied.outcome == "rolled-back"
    assert "besides: " in applied.error
    assert "/proc/nowhere" in applied.error
    last = stage.history.record("web").last
    assert last is not None
    assert (last.state, last.restored) == ("undone", True)
    assert [item.phase for item in stage.service().status()] == ["RolledBack"]


def test_a_failure_that_the_document_ignores_is_a_remark_on_what_converged(stage: Stage) -> None:
    stage.images["smoke"] = stage.world.publish("shop/smoke", behaviour=exits(3))
    smoke = stage.images["smoke"]
    hook = {
        "command": ["/smoke"],
        "image": smoke.repository,
        "digest": smoke.digest,
        "failurePolicy": "ignore",
    }
    stage.write("web", hooks={"postDeploy": hook})
    (applied,) = stage.service().apply(progress=quiet)
    assert (applied.outcome, applied.error) == ("converged", "")
    assert applied.remark == "ignored: the postDeploy hook ended with exit status 3"
    assert [item.phase for item in stage.service().status()] == ["Converged"]


def test_a_release_is_tried_again_at_once_after_its_former_was_put_right(stage: Stage) -> None:
    stage.write("web")
    stage.service().apply(progress=quiet)
    stage.images["next"] = stage.world.publish("shop/next")
    stage.write("web", "next")
    stage.world.engine.fail_when("create", NoSpace("no space left on device"))
    (applied,) = stage.service().apply(progress=quiet)
    assert applied.outcome == "failed"
    stage.world.engine.by_hand.stop("web")
    (applied,) = stage.service().apply(progress=quiet)
    assert applied.outcome == "converged"
    assert [item.running_release for item in stage.service().status()] == ["next"]
    assert stage.history.record("web").failures == 0


def test_a_former_container_that_cannot_be_started_again_is_no_rollback(stage: Stage) -> None:
    stage.write("web")
    stage.service().apply(progress=quiet)
    stage.images["bad"] = stage.world.publish("shop/bad", behaviour=exits(1))
    stage.write("web", "bad")
    reconciler = stage.reconciler()
    reconciler.one_pass("web", progress=lambda _: None)
    stage.world.engine.fail_when("start", StateUnwritable("not the engine's error"))
    assert reconciler.one_pass("web", progress=lambda _: None).verdict.reason.startswith("taking the release back")
    last = stage.history.record("web").last
    assert last is not None
    assert (last.state, last.restored) == ("intent", False)


def test_who_loses_the_lock_in_the_middle_of_a_deploy_holds_nothing_against_its_release(stage: Stage) -> None:
    """The container may have ended because the other one, who has the lock now, is taking the deploy back."""
    stage.write("web")
    stage.service().apply(progress=quiet)
    stage.write("web", "next")
    told: list[str] = []

    def progress(line: str) -> None:
        told.append(line)
        if line.startswith("wait-healthy"):
            stage.world.engine.by_hand.stop("web")

    def may_act() -> bool:
        return not any(line.startswith("wait-healthy") for line in told)

    done = stage.reconciler(may_act=may_act).one_pass("web", progress=progress)
    assert done.verdict.kind == "waiting"
    last = stage.history.record("web").last
    assert last is not None
    assert (last.state, last.failure, last.quarantine) == ("intent", "", False)
    stage.service().apply(progress=quiet)
    assert [item.running_release for item in stage.service().status()] == ["next"]


def test_a_release_is_taken_back_although_no_event_can_be_written(stage: Stage) -> None:
    stage.write("web")
    stage.service().apply(progress=quiet)
    serving = stage.world.engine.container("web").id
    stage.images["bad"] = stage.world.publish("shop/bad", behaviour=exits(1))
    stage.write("web", "bad")
    reconciler = stage.reconciler()
    reconciler.one_pass("web", progress=lambda _: None)

    def full(event: Event) -> None:
        raise StateUnwritable("the disk is full")

    reconciler.performer._books = replace(reconciler.performer._books, record_event=full)
    verdict = reconciler.one_pass("web", progress=lambda _: None).verdict
    assert verdict.kind == "rolled-back"
    assert verdict.reason.splitlines()[0].endswith("besides: the disk is full")
    assert stage.world.engine.container("web").id == serving
    assert stage.world.engine.container("web").status == "running"


def test_a_first_release_that_is_taken_back_unrecorded_is_told_as_taken_back(stage: Stage) -> None:
    stage.images["bad"] = stage.world.publish("shop/bad", behaviour=exits(1))
    stage.write("web", "bad")
    reconciler = stage.reconciler()
    reconciler.one_pass("web", progress=lambda _: None)

    def full(event: Event) -> None:
        raise StateUnwritable("the disk is full")

    reconciler.performer._books = replace(reconciler.performer._books, record_event=full)
    verdict = reconciler.one_pass("web", progress=lambda _: None).verdict
    assert verdict.kind == "failed"
    assert verdict.reason.splitlines()[0].endswith("there is nothing to go back to; besides: the disk is full")
    assert stage.history.record("web").open is None


# Projects.

PROJECT = Project(name="shop", directory="/srv/shop", lock=artifact("compose.stella.lock.yml", b""), services=())
SHOP = DesiredState(name="shop", release=Release("1", "Shop"), kind="ComposeProject", project=PROJECT)
WHO: dict[str, Any] = {"document": "shop", "cause": "test", "desired": SHOP}
WAIT = Outcome(kind="done", action=WaitProject(**WHO, timeout_ms=1, min_healthy_ms=1))
VERIFY = Outcome(kind="done", action=VerifyProject(**WHO, generation=1))


def failed(outcome: Outcome, error: ReconcilerError) -> Outcome:
    return replace(outcome, kind="failed", error=error)


@pytest.mark.parametrize(
    ("outcomes", "serving"),
    [
        ((), False),
        ((WAIT,), True),
        ((WAIT, VERIFY), True),
        ((failed(WAIT, Unhealthy("no", reason="timeout")),), False),
        ((WAIT, failed(VERIFY, VerificationFailed("another image"))), False),
        ((WAIT, failed(VERIFY, StateUnwritable("the disk is full"))), True),
    ],
)
def test_a_project_serves_when_it_is_healthy_and_runs_what_was_verified(
    outcomes: tuple[Outcome, ...], serving: bool
) -> None:
    assert serves(outcomes) == serving


BEGUN = Operation(generation=1, kind="deploy", fingerprint=SHOP.fingerprint, state="intent")
SITUATION = Situation(
    desired=SHOP, observation=Observation(), record=Record(document="shop", owner="me"), sticker="absent", now=0.0
)


def test_a_host_without_compose_or_with_a_busy_one_never_quarantines_a_release() -> None:
    assert not quarantines(SITUATION, BEGUN, ComposeMissing("none here"))
    assert not quarantines(SITUATION, BEGUN, ComposeBusy("still at work"))
    assert quarantines(SITUATION, BEGUN, ComposeFailed("it says no"))


@pytest.mark.fault("D5")
def test_a_disk_that_takes_nothing_never_quarantines_a_release() -> None:
    assert not quarantines(SITUATION, BEGUN, StateUnwritable("could not write: disk I/O error"))
    assert not quarantines(SITUATION, BEGUN, StateDamaged("a page is broken"))


def test_a_remark_stands_before_what_a_container_said() -> None:
    said = "the hook failed\n  last lines:\n    no database"
    assert with_remark(said, "; taken back") == "the hook failed; taken back\n  last lines:\n    no database"
    assert with_remark("it failed", "") == "it failed"
