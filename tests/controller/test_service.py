"""What a person can ask of one host's reconciler, answered on a simulated engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.controller.loop import MOST_STEPS, Pass
from reconciler.controller.stop_flag import StopFlag
from reconciler.core.desired import Suspension
from reconciler.core.plan_json import plans_json
from reconciler.core.policy_values import Policy
from reconciler.core.signing import PublicKey, SignatureRule
from reconciler.errors import (
    EngineRefused,
    EngineUnavailable,
    NoSpace,
    StalePlan,
    StateUnwritable,
    UnknownDocument,
)
from tests.controller.stage import Stage, quiet
from tests.simulator.behaviour import exits, never_healthy
from tests.simulator.world import World


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.history.close()


def outcomes(stage: Stage, *names: str) -> dict[str, str]:
    return {item.name: item.outcome for item in stage.service().apply(names, progress=quiet)}


def test_applying_converges_everything_and_then_nothing_is_left_to_plan(stage: Stage) -> None:
    stage.write("web")
    stage.write("db")
    assert outcomes(stage) == {"db": "converged", "web": "converged"}
    assert [plan.actions for plan in stage.service().plans()] == [(), ()]
    assert {item.phase for item in stage.service().status()} == {"Converged"}


def test_what_is_in_sync_is_so_since_its_commit_where_nobody_has_noted_it(stage: Stage) -> None:
    stage.write("web")
    outcomes(stage)
    (found,) = stage.assessor.assess(("web",))
    committed = stage.history.record("web").committed
    assert committed is not None
    assert [found.status(0.0).since, found.status(0.0).since] == [committed.ended_at, committed.ended_at]
    assert found.status(7.0).since == 7.0


def test_progress_tells_each_action_of_each_document(stage: Stage) -> None:
    told: list[tuple[str, str]] = []
    stage.write("web")
    stage.service().apply(progress=lambda document, line: told.append((document, line)))
    assert ("web", "create-container web-next-g1") in told
    assert told[-1] == ("web", "converged")
    told.clear()
    stage.service().apply(progress=lambda document, line: told.append((document, line)))
    assert told == [], "a document with nothing to do has nothing to tell"


def test_planning_changes_nothing(stage: Stage) -> None:
    stage.write("web")
    stage.service().plans()
    assert stage.world.engine.mutations == 0


def test_a_document_that_waits_for_another_is_deployed_in_the_same_apply(stage: Stage) -> None:
    stage.write("app", dependsOn=[{"name": "db", "condition": "healthy"}])
    stage.write("db")
    assert outcomes(stage) == {"app": "converged", "db": "converged"}


def test_a_document_whose_dependency_fails_stays_blocked_and_says_for_what(stage: Stage) -> None:
    stage.images["bad"] = stage.world.publish("shop/bad", behaviour=exits(1))
    stage.write("app", dependsOn=[{"name": "db", "condition": "healthy"}])
    stage.write("db", "bad")
    applied = {item.name: item for item in stage.service().apply(progress=quiet)}
    assert (applied["app"].outcome, applied["db"].outcome) == ("blocked", "failed")
    assert "db (healthy)" in applied["app"].error


def test_a_failed_release_is_told_as_rolled_back_then_as_held(stage: Stage) -> None:
    stage.write("web")
    outcomes(stage)
    stage.images["bad"] = stage.world.publish("shop/bad", behaviour=exits(1))
    stage.write("web", "bad")
    assert [outcomes(stage), outcomes(stage)] == [{"web": "rolled-back"}, {"web": "held"}]
    assert stage.service().clear("web")
    assert not stage.service().clear("web")
    assert outcomes(stage) == {"web": "rolled-back"}


def test_an_unknown_name_is_refused_with_the_known_ones(stage: Stage) -> None:
    stage.write("web")
    for ask in (stage.service().plans, stage.service().status):
        with pytest.raises(UnknownDocument, match="known: web"):
            ask(("wbe",))
    for one in (stage.service().clear, stage.service().resume, stage.service().events, stage.service().sticker):
        with pytest.raises(UnknownDocument):
            one("wbe")


def test_a_saved_plan_is_carried_out_while_it_fits(stage: Stage) -> None:
    stage.write("web")
    stage.write("db")
    saved = plans_json(stage.service().plans(("web",)))
    applied = stage.service().apply(expected=saved, progress=quiet)
    assert [(item.name, item.outcome) for item in applied] == [("web", "converged")]
    performed = [item.action.kind for item in applied[0].outcomes]
    assert performed == [item["action"] for item in saved["documents"][0]["actions"]]


@pytest.mark.parametrize("side", ["document", "host", "gone"])
def test_a_saved_plan_is_refused_when_either_side_moved(stage: Stage, side: str) -> None:
    stage.write("web")
    outcomes(stage)
    stage.write("web", "v2")
    saved = plans_json(stage.service().plans(("web",)))
    if side == "document":
        stage.write("web", "v3")
    elif side == "host":
        stage.world.engine.by_hand.stop("web")
    else:
        stage.history.forget("web")
        stage.delete("web")
    before = stage.world.engine.mutations
    with pytest.raises(StalePlan):
        stage.service().apply(expected=saved, progress=quiet)
    assert stage.world.engine.mutations == before


def test_while_the_engine_is_away_the_status_is_unknown_with_the_reason(stage: Stage) -> None:
    stage.write("web")
    outcomes(stage)
    stage.world.engine.go_away()
    (status,) = stage.service().status()
    assert (status.sync, status.phase) == ("Unknown", "Blocked")
    assert status.reason
    assert stage.service().status(("web",)) == (status,)
    with pytest.raises(EngineUnavailable):
        stage.service().plans()


def test_events_tell_what_was_done_and_by_whom(stage: Stage) -> None:
    stage.write("web")
    outcomes(stage)
    events = stage.service().events("web")
    assert [item.action for item in events][:2] == ["pull-image", "record-intent"]
    assert {item.actor for item in events} == {"user:test"}
    assert stage.service().record("web").committed is not None


def test_a_document_that_was_never_applied_has_an_empty_record(stage: Stage) -> None:
    stage.write("web")
    assert stage.service().record("web").generation == 0
    assert stage.service().events("web") == ()


def test_suspending_and_resuming(stage: Stage) -> None:
    stage.write("web")
    stage.service().suspend("web", Suspension("ana", "incident"))
    assert outcomes(stage) == {"web": "held"}
    assert stage.service().resume("web")
    assert not stage.service().resume("web")
    assert outcomes(stage) == {"web": "converged"}


def test_an_exception_is_recorded_for_the_images_that_are_wanted_now(stage: Stage) -> None:
    stage.write("web")
    service = stage.service()
    assert service.allow_unsigned("web", actor="user:ana", reason="checked by hand") == ()
    rule = SignatureRule(prefix="*", keys=(PublicKey("/etc/k.pub"),))
    strict = replace(service.assessor, policy=lambda: Policy(signatures=(rule,)))
    service = replace(service, assessor=strict)
    (allowed,) = service.allow_unsigned("web", actor="user:ana", reason="checked by hand")
    assert service.record("web").allowances == (allowed,)
    assert "again" not in service.status(("web",))[0].reason
    assert service.revoke_unsigned("web", actor="user:bob")
    assert not service.revoke_unsigned("web", actor="user:bob")
    (status,) = service.status(("web",))
    assert "needs its signature again, says user:bob" in status.reason
    told = [(event.action, event.actor, event.cause) for event in service.events("web")]
    assert told == [
        ("allow-unsigned", "user:ana", "checked by hand"),
        ("revoke-unsigned", "user:bob", "signatures are wanted again"),
    ]
    with pytest.raises(UnknownDocument):
        service.allow_unsigned("nobody", actor="user:ana", reason="x")


def test_the_sticker_can_be_read_and_written_anew(stage: Stage) -> None:
    stage.write("web")
    outcomes(stage)
    assert stage.service().sticker("web")[0] == "current"
    (stage.folder / "stickers" / "web.json").write_text("{}")
    assert stage.service().sticker("web")[0] in {"forged", "corrupt"}
    stage.service().write_sticker("web")
    assert stage.service().sticker("web")[0] == "current"


def test_a_sticker_that_cannot_be_written_is_told_and_spoils_nothing(stage: Stage) -> None:
    stage.write("web", sticker={"path": "/proc/nowhere/version.json"})
    (applied,) = stage.service().apply(progress=quiet)
    assert applied.outcome == "failed"
    assert "the release runs" in applied.error
    assert stage.world.engine.container("web").status == "running"
    assert [item.kind for item in stage.service().status()[0].drift] == ["sticker"]


def test_orphans_are_pruned_only_when_asked_and_only_what_said_so(stage: Stage) -> None:
    stage.write("web", deletionPolicy="delete")
    stage.write("db")
    stage.write("stays")
    outcomes(stage)
    stage.delete("web")
    stage.delete("db")
    assert [plan.document for plan in stage.service().prunable()] == ["web"]
    assert outcomes(stage)["web"] == "blocked"
    applied = stage.service().apply(("stays",), progress=quiet, prune=True)
    assert [(item.name, item.outcome) for item in applied] == [("stays", "converged"), ("web", "converged")]
    assert sorted(row.name for row in stage.world.engine.list_containers()) == ["db", "stays"]
    assert [item.name for item in stage.service().prune(("db",), progress=quiet)] == ["db"]


def test_nothing_is_pruned_while_a_file_is_broken_or_the_folder_is_empty(stage: Stage) -> None:
    stage.write("web", deletionPolicy="delete")
    stage.write("db")
    outcomes(stage)
    stage.delete("web")
    stage.break_file("db")
    assert stage.service().prunable() == ()
    with pytest.raises(UnknownDocument, match=r"cannot be pruned.*mend it first"):
        stage.service().prune(("web",), progress=quiet)
    stage.delete("db")
    assert stage.service().prunable() == ()
    with pytest.raises(UnknownDocument, match="nothing in it counts as gone"):
        stage.service().prunable(("web",))
    assert stage.world.engine.container("web").status == "running"


def test_a_broken_file_keeps_its_last_good_documents_also_after_a_restart(stage: Stage, tmp_path: Path) -> None:
    stage.write("web")
    stage.write("db")
    outcomes(stage)
    stage.break_file("web")
    assert set(stage.catalogue.desired()) == {"db", "web"}
    stage.history.close()
    again = Stage(tmp_path, stage.world)
    assert set(again.catalogue.desired()) == {"db", "web"}
    assert {plan.document: plan.drift for plan in again.service().plans()} == {"db": (), "web": ()}
    again.history.close()


def test_a_full_disk_at_the_creation_leaves_the_old_container_serving_and_is_tried_again(stage: Stage) -> None:
    stage.write("web")
    outcomes(stage)
    serving = stage.world.engine.container("web").id
    stage.write("web", "v2")
    stage.world.engine.fail_when("create", NoSpace("no space left on device"))
    assert outcomes(stage) == {"web": "failed"}
    assert stage.world.engine.container("web").id == serving
    assert stage.service().record("web").quarantined == {}
    assert outcomes(stage) == {"web": "converged"}


def test_a_lost_lock_stops_every_action(stage: Stage) -> None:
    stage.write("web")
    reconciler = stage.reconciler(may_act=lambda: False)
    (done,) = reconciler.until_settled("web", progress=lambda _: None)
    assert done.verdict.kind == "waiting"
    assert stage.world.engine.mutations == 0


def edited_at(stage: Stage, moment: str, release: str) -> Pass:
    """One pass over ``web``, whose document asks for another release as soon as an Action of this kind begins."""

    def progress(line: str) -> None:
        if line.startswith(moment):
            stage.write("web", release)

    return stage.reconciler().one_pass("web", progress=progress)


def test_a_release_that_is_not_wanted_any_more_after_its_pull_is_not_begun(stage: Stage) -> None:
    stage.write("web", "v1")
    outcomes(stage)
    serving = stage.world.engine.container("web").id
    stage.write("web", "v2")
    done = edited_at(stage, "pull-image", "v1")
    assert [item.action.kind for item in done.outcomes if item.kind == "done"] == ["pull-image"]
    assert (done.verdict.kind, done.verdict.retry_after) == ("waiting", 0.0)
    assert outcomes(stage) == {"web": "converged"}
    assert stage.world.engine.container("web").id == serving
    assert stage.service().record("web").generation == 1


def test_a_release_that_is_begun_is_ended_whatever_its_document_says_meanwhile(stage: Stage) -> None:
    stage.write("web", "v1")
    outcomes(stage)
    stage.write("web", "v2")
    assert edited_at(stage, "create-container", "v1").verdict.kind == "converged"
    assert stage.service().record("web").generation == 2


def test_a_heal_does_not_end_half_way_because_of_an_edit(stage: Stage) -> None:
    stage.write("web", "v1")
    outcomes(stage)
    stage.world.engine.by_hand.stop("web")
    stage.write("web", "v1")
    done = edited_at(stage, "start-container", "v2")
    assert done.plan.purpose == "heal"
    assert all(item.kind == "done" for item in done.outcomes)


def test_steps_without_end_are_left_for_later(stage: Stage) -> None:
    stage.write("web", strategy={"retries": 10}, adopt=True)
    stage.images["bad"] = stage.world.publish("shop/bad", behaviour=exits(1))
    stage.write("web", "bad", strategy={"retries": 10})
    assert len(stage.reconciler().until_settled("web", progress=lambda _: None)) <= MOST_STEPS


def test_the_doctor_finds_what_is_in_the_way(tmp_path: Path) -> None:
    world = World()
    stage = Stage(tmp_path, world)
    stage.write("web")
    outcomes(stage)
    world.engine.by_hand.run("theirs", labels={"stella.owner": "other", "stella.document": "x"})
    stage.images["bad"] = world.publish("shop/bad", behaviour=exits(1))
    stage.write("web", "bad")
    outcomes(stage)
    stage.break_file("db")
    found = {(item.level, item.subject) for item in stage.service().doctor()}
    assert ("warning", "ownership") in found
    assert ("warning", "history") in found
    assert ("error", "documents") in found
    assert ("ok", "engine") in found
    assert all(item.fix for item in stage.service().doctor() if item.level != "ok")
    world.engine.go_away()
    assert ("error", "engine") in {(item.level, item.subject) for item in stage.service().doctor()}
    stage.history.close()


def test_the_doctor_is_content_on_a_good_host(stage: Stage) -> None:
    stage.write("web")
    levels = {item.subject: item.level for item in stage.service().doctor()}
    assert levels["documents"] == levels["history"] == "ok"


def test_the_doctor_says_that_the_folder_is_empty(stage: Stage) -> None:
    assert ("error", "documents") in {(item.level, item.subject) for item in stage.service().doctor()}


def test_a_history_that_cannot_be_written_stops_the_plan_before_the_next_action(stage: Stage) -> None:
    stage.write("web")

    def full(event: object) -> None:
        raise StateUnwritable("the disk is full")

    stage.reconciler()
    reconciler = stage.reconciler()
    reconciler.performer._books = replace(reconciler.performer._books, record_event=full)
    (done,) = reconciler.until_settled("web", progress=lambda _: None)
    assert done.verdict.kind == "failed"
    assert stage.world.engine.list_containers() == ()


def test_what_another_controller_is_at_is_not_planned_to_be_taken_back(stage: Stage) -> None:
    stage.write("web")
    stage.history.begin(
        stage.catalogue.desired()["web"], generation=1, kind="deploy", container_id="", cause="x", actor="y"
    )
    assert stage.service().plans()[0].purpose == "undo"
    object.__setattr__(stage.assessor, "busy", lambda: "process 7")
    (plan,) = stage.service().plans()
    assert (plan.actions, plan.waiting) == ((), True)
    assert "process 7" in plan.blocked


def test_only_orphans_can_be_pruned_by_name(stage: Stage) -> None:
    stage.write("web")
    stage.write("db")
    outcomes(stage)
    with pytest.raises(UnknownDocument, match="none is"):
        stage.service().prunable(("web",))
    stage.delete("db")
    with pytest.raises(UnknownDocument, match="these are gone: db"):
        stage.service().prunable(("web", "db"))
    assert [plan.document for plan in stage.service().prunable(("db",))] == ["db"]


def test_a_stop_during_a_health_wait_ends_it_and_takes_the_new_one_back(stage: Stage) -> None:
    stage.write("web")
    outcomes(stage)
    serving = stage.world.engine.container("web").id
    stage.images["slow"] = stage.world.publish("shop/slow", behaviour=never_healthy())
    stage.write("web", "slow", config={"healthCheck": {"test": ["CMD", "x"]}})
    flag = StopFlag()

    def sleep(seconds: float) -> None:
        if stage.world.engine.container("web").id != serving:
            service.stop()
        flag.sleep(0.0)
        stage.clock.sleep(seconds)

    service = stage.service(flag, sleep=sleep)
    (applied,) = service.apply(progress=quiet, prune=True)
    assert applied.outcome == "blocked"
    assert applied.error.startswith("stopped while waiting")
    assert applied.error.endswith("what was begun is taken back")
    assert stage.world.engine.container("web").id == serving
    assert stage.world.engine.container("web").status == "running"
    record = stage.history.record("web")
    assert (record.open, record.quarantined) == (None, {})
    alive = [row.name for row in stage.world.engine.list_containers() if row.status == "running"]
    assert alive == ["web"]


def test_a_stopped_service_begins_nothing(stage: Stage) -> None:
    stage.write("web", deletionPolicy="delete")
    stage.write("db")
    outcomes(stage)
    stage.delete("web")
    stage.write("db", "v2")
    service, before = stage.service(), stage.world.engine.mutations
    service.stop()
    service.stop()
    applied = service.apply(("db",), progress=quiet, prune=True)
    assert [(item.name, item.outcome) for item in applied] == [("db", "blocked")]
    assert "stopped before" in applied[0].error
    assert [item.outcome for item in service.prune(progress=quiet)] == ["blocked"]
    assert stage.world.engine.mutations == before


def test_what_a_stop_cannot_take_back_is_told_as_failed(stage: Stage) -> None:
    stage.images["slow"] = stage.world.publish("shop/slow", behaviour=never_healthy())
    stage.write("web", "slow", config={"healthCheck": {"test": ["CMD", "x"]}})
    flag = StopFlag()

    def sleep(seconds: float) -> None:
        stage.world.engine.fail_when("stop", EngineRefused("no"))
        service.stop()
        flag.sleep(seconds)

    service = stage.service(flag, sleep=sleep)
    (applied,) = service.apply(progress=quiet)
    assert applied.outcome == "failed"
    assert applied.error.startswith("taking the release back failed")


def test_what_a_first_failed_release_left_is_an_orphan_once_its_document_is_gone(stage: Stage) -> None:
    stage.images["bad"] = stage.world.publish("shop/bad", behaviour=exits(1))
    stage.write("db")
    stage.write("web", "bad")
    assert outcomes(stage)["web"] == "failed"
    stage.delete("web")
    assert {plan.document: [item.kind for item in plan.drift] for plan in stage.service().plans()} == {
        "db": [],
        "web": ["orphan"],
    }
    assert [item.outcome for item in stage.service().prune(("web",), progress=quiet)] == ["converged"]
    assert [row.name for row in stage.world.engine.list_containers()] == ["db"]


def test_a_first_deploy_that_was_interrupted_is_taken_back_although_its_document_is_gone(stage: Stage) -> None:
    stage.write("db")
    stage.write("web")
    outcomes(stage, "db")
    stage.history.begin(
        stage.catalogue.desired()["web"], generation=1, kind="deploy", container_id="", cause="x", actor="y"
    )
    stage.delete("web")
    assert [plan.purpose for plan in stage.service().plans(("web",))] == ["undo"]
    outcomes(stage, "web")
    assert stage.history.record("web").open is None


def test_a_status_that_is_asked_again_sees_what_was_edited_meanwhile(stage: Stage) -> None:
    stage.write("web")
    service = stage.service()
    assert [item.name for item in service.status()] == ["web"]
    text = (stage.desired / "web.yaml").read_text()
    (stage.desired / "db.yaml").write_text(text.replace("name: web", "name: db").replace("web.json", "db.json"))
    assert [item.name for item in service.status()] == ["db", "web"]


def test_events_of_all_documents_go_on_from_the_last_that_was_seen(stage: Stage) -> None:
    stage.write("web")
    stage.service().apply(progress=quiet)
    first = stage.service().events_after(0, limit=100)
    assert {event.document for _, event in first} == {"web"}
    stage.write("db")
    stage.service().apply(progress=quiet)
    after = stage.service().events_after(first[-1][0], limit=100)
    assert {event.document for _, event in after} == {"db"}
    assert stage.service().events_after(0, ("web",), limit=100) == first
    with pytest.raises(UnknownDocument):
        stage.service().events_after(0, ("nobody",), limit=100)
