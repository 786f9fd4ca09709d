"""What every Journal promises, on the history on disk and on the one in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.core.desired import DesiredState, Suspension
from reconciler.core.interfaces import Journal
from reconciler.core.record import Allowance, HookRun, OperationKind, Record
from reconciler.errors import StateDamaged
from tests.contracts.journals import SIDES, opened, wish
from tests.simulator.clock import SimulatedClock

V1, V2, V3 = wish(release="1"), wish(release="2"), wish(release="3")


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.fixture(params=SIDES)
def journal(request: pytest.FixtureRequest, tmp_path: Path, clock: SimulatedClock) -> Iterator[Journal]:
    with opened(request.param, tmp_path, clock) as side:
        yield side


def begin(
    journal: Journal,
    desired: DesiredState,
    generation: int,
    *,
    kind: OperationKind = "deploy",
    container: str = "",
) -> None:
    journal.begin(
        desired, generation=generation, kind=kind, container_id=container, cause="the file changed", actor="ana"
    )


def deploy(journal: Journal, desired: DesiredState, generation: int) -> None:
    begin(journal, desired, generation)
    journal.commit(desired.name, generation)


def fail(journal: Journal, desired: DesiredState, generation: int, *, quarantine: bool = True) -> None:
    begin(journal, desired, generation)
    journal.failed(desired.name, generation, reason="exited", quarantine=quarantine)
    journal.undone(desired.name, generation)


def test_a_name_never_seen_has_an_empty_record(journal: Journal) -> None:
    assert journal.record("web") == Record(document="web", owner=journal.owner)
    assert dict(journal.records()) == {}


def test_the_owner_is_a_stable_text(journal: Journal) -> None:
    assert journal.owner
    assert journal.record("web").owner == journal.owner == journal.record("api").owner


def test_begin_notes_the_intent(journal: Journal, clock: SimulatedClock) -> None:
    begin(journal, V1, 1, kind="adopt", container="c1")
    operation = journal.record("web").open
    assert operation is not None
    assert (operation.generation, operation.kind, operation.state) == (1, "adopt", "intent")
    assert (operation.fingerprint, operation.container_id) == (V1.fingerprint, "c1")
    assert (operation.cause, operation.actor) == ("the file changed", "ana")
    assert (operation.started_at, operation.ended_at) == (clock(), 0.0)
    assert journal.record("web").generation == 1
    assert journal.record("web").committed is None


def test_begin_keeps_the_wish(journal: Journal) -> None:
    begin(journal, V1, 1)
    revision = journal.record("web").revision(V1.fingerprint)
    assert revision is not None
    assert revision.desired == V1
    assert dict(revision.desired.document) == dict(V1.document)


def test_beginning_a_generation_twice_changes_nothing(journal: Journal, clock: SimulatedClock) -> None:
    begin(journal, V1, 1)
    before = journal.record("web")
    clock.advance(5)
    begin(journal, V2, 1, kind="rollback", container="other")
    assert journal.record("web") == before


def test_repeating_begin_after_commit_does_not_open_it_again(journal: Journal) -> None:
    deploy(journal, V1, 1)
    begin(journal, V1, 1)
    assert journal.record("web").open is None


@pytest.mark.parametrize("generation", [1, 2, 0, -1])
def test_a_generation_must_be_higher_than_every_earlier_one(journal: Journal, generation: int) -> None:
    deploy(journal, V1, 3)
    with pytest.raises(StateDamaged):
        begin(journal, V2, generation)
    assert journal.record("web").generation == 3
    assert journal.record("web").revision(V2.fingerprint) is None


def test_generations_may_skip_numbers(journal: Journal) -> None:
    deploy(journal, V1, 1)
    deploy(journal, V2, 7)
    assert [item.generation for item in journal.record("web").operations] == [1, 7]


def test_generations_of_documents_are_independent(journal: Journal) -> None:
    deploy(journal, V1, 5)
    begin(journal, wish("api"), 1)
    assert {name: record.generation for name, record in journal.records().items()} == {"web": 5, "api": 1}


def test_a_revision_is_kept_once_with_its_newest_document(journal: Journal) -> None:
    deploy(journal, V1, 1)
    deploy(journal, V2, 2)
    patient = wish(release="1", retries=3)
    assert patient.fingerprint == V1.fingerprint
    deploy(journal, patient, 3)
    record = journal.record("web")
    assert [item.fingerprint for item in record.revisions] == [V1.fingerprint, V2.fingerprint]
    assert record.revisions[0].desired.strategy.retries == 3


def test_created_notes_the_container(journal: Journal) -> None:
    begin(journal, V1, 1)
    journal.created("web", 1, container_id="c1")
    journal.created("web", 1, container_id="c1")
    operation = journal.record("web").open
    assert operation is not None
    assert operation.container_id == "c1"


def test_verified_notes_the_image_of_the_revision_and_of_its_open_operation(journal: Journal) -> None:
    begin(journal, V1, 1)
    journal.verified("web", V1.fingerprint, image_id="sha256:11")
    record = journal.record("web")
    assert [item.image_id for item in record.revisions] == ["sha256:11"]
    assert [item.image_id for item in record.operations] == ["sha256:11"]


def test_verified_may_come_before_the_intent(journal: Journal) -> None:
    journal.verified("web", V1.fingerprint, image_id="sha256:11")
    assert dict(journal.records()) == {}
    begin(journal, V1, 1)
    record = journal.record("web")
    assert [item.image_id for item in record.revisions] == ["sha256:11"]
    assert [item.image_id for item in record.operations] == ["sha256:11"]


def test_verified_leaves_ended_operations_as_they_were(journal: Journal) -> None:
    begin(journal, V1, 1)
    journal.verified("web", V1.fingerprint, image_id="sha256:11")
    journal.commit("web", 1)
    journal.verified("web", V1.fingerprint, image_id="sha256:22")
    record = journal.record("web")
    assert [item.image_id for item in record.revisions] == ["sha256:22"]
    assert [item.image_id for item in record.operations] == ["sha256:11"]


def test_commit_closes_the_operation(journal: Journal, clock: SimulatedClock) -> None:
    begin(journal, V1, 1)
    clock.advance(9)
    journal.commit("web", 1)
    record = journal.record("web")
    assert record.open is None
    assert record.committed is not None
    assert record.committed.ended_at == clock()
    assert record.committed_revision is not None
    assert record.committed_revision.desired == V1


def test_committing_twice_is_harmless(journal: Journal, clock: SimulatedClock) -> None:
    deploy(journal, V1, 1)
    before = journal.record("web")
    clock.advance(5)
    journal.commit("web", 1)
    assert journal.record("web") == before


def test_commit_ends_quarantine_hold_failures_and_backoff(journal: Journal) -> None:
    fail(journal, V1, 1)
    journal.hold("web", reason="keeps dying")
    journal.retry_later("web", error="registry away", retry_at=99.0)
    deploy(journal, V2, 2)
    record = journal.record("web")
    assert record.quarantined == {}
    assert (record.held, record.failures, record.retry_at, record.last_error) == ("", 0, 0.0, "")


def test_a_heal_does_not_end_the_quarantine_of_another_revision(journal: Journal) -> None:
    deploy(journal, V1, 1)
    fail(journal, V2, 2)
    begin(journal, V1, 3, kind="heal")
    journal.commit("web", 3)
    assert set(journal.record("web").quarantined) == {V2.fingerprint}


def test_a_failure_alone_leaves_the_operation_open(journal: Journal) -> None:
    begin(journal, V1, 1)
    journal.failed("web", 1, reason="unhealthy", quarantine=True)
    journal.failed("web", 1, reason="unhealthy", quarantine=True)
    record = journal.record("web")
    assert record.open is not None
    assert (record.open.failure, record.open.quarantine) == ("unhealthy", True)
    assert record.quarantined == {}


def test_undoing_a_failure_quarantines_its_revision(journal: Journal) -> None:
    deploy(journal, V1, 1)
    fail(journal, V2, 2)
    record = journal.record("web")
    assert record.open is None
    assert record.quarantined == {V2.fingerprint: "exited"}
    assert record.committed is not None
    assert record.committed.generation == 1
    assert record.failures_of(V2.fingerprint) == 1


def test_undoing_a_failure_that_is_no_fault_of_the_release_quarantines_nothing(journal: Journal) -> None:
    fail(journal, V1, 1, quarantine=False)
    assert journal.record("web").quarantined == {}


def test_undoing_an_interruption_quarantines_nothing(journal: Journal) -> None:
    begin(journal, V1, 1)
    journal.undone("web", 1)
    record = journal.record("web")
    assert record.quarantined == {}
    assert record.last is not None
    assert (record.last.state, record.last.failure) == ("undone", "")


def test_undoing_twice_is_harmless(journal: Journal, clock: SimulatedClock) -> None:
    fail(journal, V1, 1)
    journal.clear("web")
    before = journal.record("web")
    clock.advance(5)
    journal.undone("web", 1)
    assert journal.record("web") == before


def test_states_only_go_forward(journal: Journal) -> None:
    deploy(journal, V1, 1)
    fail(journal, V2, 2)
    with pytest.raises(StateDamaged):
        journal.undone("web", 1)
    with pytest.raises(StateDamaged):
        journal.commit("web", 2)
    with pytest.raises(StateDamaged):
        journal.failed("web", 1, reason="too late", quarantine=True)
    assert [item.state for item in journal.record("web").operations] == ["committed", "undone"]


def test_an_unknown_generation_is_damage(journal: Journal) -> None:
    begin(journal, V1, 1)
    with pytest.raises(StateDamaged):
        journal.created("web", 2, container_id="c")
    with pytest.raises(StateDamaged):
        journal.commit("web", 2)
    with pytest.raises(StateDamaged):
        journal.failed("web", 2, reason="", quarantine=False)
    with pytest.raises(StateDamaged):
        journal.undone("api", 1)
    with pytest.raises(StateDamaged):
        journal.restored("web", 2)


def test_restored_notes_that_the_former_container_serves(journal: Journal) -> None:
    deploy(journal, V1, 1)
    fail(journal, V2, 2)
    journal.restored("web", 2)
    journal.restored("web", 2)
    assert [item.restored for item in journal.record("web").operations] == [False, True]


def test_heals_are_counted_with_their_times(journal: Journal, clock: SimulatedClock) -> None:
    journal.healed("web", cause="it was gone")
    clock.advance(3)
    journal.healed("web", cause="it was gone")
    assert journal.record("web").heals == (clock() - 3, clock())


def test_heals_are_bounded(journal: Journal, clock: SimulatedClock) -> None:
    for _ in range(30):
        clock.advance(1)
        journal.healed("web", cause="it was gone")
    heals = journal.record("web").heals
    assert 5 <= len(heals) < 30
    assert heals[-1] == clock()


def test_release_ends_a_hold_and_forgets_heals(journal: Journal) -> None:
    journal.healed("web", cause="it was gone")
    journal.hold("web", reason="keeps dying")
    assert journal.record("web").held == "keeps dying"
    journal.release("web")
    journal.release("web")
    assert (journal.record("web").held, journal.record("web").heals) == ("", ())


def test_release_leaves_quarantine_and_backoff(journal: Journal) -> None:
    fail(journal, V1, 1)
    journal.retry_later("web", error="away", retry_at=5.0)
    before = journal.record("web")
    journal.hold("web", reason="keeps dying")
    journal.release("web")
    assert journal.record("web") == before


def test_clear_ends_quarantine_hold_and_backoff(journal: Journal) -> None:
    fail(journal, V1, 1)
    journal.healed("web", cause="it was gone")
    journal.hold("web", reason="keeps dying")
    journal.retry_later("web", error="away", retry_at=5.0)
    assert journal.clear("web") is True
    record = journal.record("web")
    assert (record.quarantined, record.held, record.heals) == ({}, "", ())
    assert (record.failures, record.retry_at, record.last_error) == (0, 0.0, "")
    assert journal.clear("web") is False


@pytest.mark.parametrize("what", ["quarantine", "hold", "backoff"])
def test_clear_says_when_there_was_something_to_end(journal: Journal, what: str) -> None:
    assert journal.clear("web") is False
    if what == "quarantine":
        fail(journal, V1, 1)
    elif what == "hold":
        journal.hold("web", reason="keeps dying")
    else:
        journal.retry_later("web", error="away", retry_at=5.0)
    assert journal.clear("web") is True


def test_clearing_a_name_never_seen_leaves_no_record(journal: Journal) -> None:
    journal.clear("web")
    journal.release("web")
    journal.resume("web")
    journal.passed("web")
    journal.forget("web")
    assert dict(journal.records()) == {}


def test_suspend_and_resume(journal: Journal) -> None:
    suspension = Suspension(by="ana", reason="incident 42", until=99.5)
    journal.suspend("web", suspension)
    journal.suspend("web", suspension)
    assert journal.record("web").suspension == suspension
    longer = replace(suspension, until=None)
    journal.suspend("web", longer)
    assert journal.record("web").suspension == longer
    assert journal.resume("web") is True
    assert journal.record("web").suspension is None
    assert journal.resume("web") is False


def test_clear_does_not_end_a_suspension(journal: Journal) -> None:
    journal.suspend("web", Suspension(by="ana", reason="incident 42"))
    assert journal.clear("web") is False
    assert journal.record("web").suspension is not None


def test_failed_passes_are_counted_with_the_last_error(journal: Journal) -> None:
    journal.retry_later("web", error="first", retry_at=10.0)
    journal.retry_later("web", error="second", retry_at=30.0)
    record = journal.record("web")
    assert (record.failures, record.last_error, record.retry_at) == (2, "second", 30.0)


def test_a_good_pass_forgets_failures_and_nothing_else(journal: Journal) -> None:
    fail(journal, V1, 1)
    journal.hold("web", reason="keeps dying")
    before = journal.record("web")
    journal.retry_later("web", error="away", retry_at=10.0)
    journal.passed("web")
    journal.passed("web")
    assert journal.record("web") == before


def test_a_collected_image_is_noted_until_it_is_verified_again(journal: Journal) -> None:
    begin(journal, V1, 1)
    journal.verified("web", V1.fingerprint, image_id="sha256:11")
    journal.image_collected("web", V1.fingerprint)
    journal.image_collected("web", V1.fingerprint)
    assert [(item.image_id, item.image_collected) for item in journal.record("web").revisions] == [
        ("sha256:11", True)
    ]
    journal.verified("web", V1.fingerprint, image_id="sha256:11")
    assert [item.image_collected for item in journal.record("web").revisions] == [False]


def test_forget_leaves_only_the_generation_counter(journal: Journal) -> None:
    deploy(journal, V1, 1)
    fail(journal, V2, 4)
    journal.healed("web", cause="it was gone")
    journal.hold("web", reason="keeps dying")
    journal.suspend("web", Suspension(by="ana", reason="incident 42"))
    journal.retry_later("web", error="away", retry_at=10.0)
    journal.forget("web")
    journal.forget("web")
    assert journal.record("web") == Record(document="web", owner=journal.owner, generation=4)
    with pytest.raises(StateDamaged):
        begin(journal, V1, 4)
    begin(journal, V1, 5)
    assert [item.generation for item in journal.record("web").operations] == [5]


def test_a_record_once_read_does_not_change(journal: Journal) -> None:
    fail(journal, V1, 1)
    before, everything = journal.record("web"), journal.records()
    fail(journal, V2, 2)
    journal.clear("web")
    assert before.generation == everything["web"].generation == 1
    assert set(before.quarantined) == set(everything["web"].quarantined) == {V1.fingerprint}


def test_documents_do_not_touch_one_another(journal: Journal) -> None:
    deploy(journal, V1, 1)
    before = journal.record("web")
    fail(journal, wish("api"), 1)
    journal.hold("api", reason="keeps dying")
    journal.forget("api")
    assert journal.record("web") == before


def test_the_last_three_good_revisions_outlive_any_number_of_heals(journal: Journal) -> None:
    for generation, desired in enumerate((V1, V2, V3), start=1):
        deploy(journal, desired, generation)
    for generation in range(4, 40):
        begin(journal, V3, generation, kind="heal")
        journal.commit("web", generation)
    record = journal.record("web")
    assert {item.fingerprint for item in record.revisions} == {item.fingerprint for item in (V1, V2, V3)}
    assert len(record.operations) < 39
    assert record.committed is not None
    assert record.committed.generation == 39


def test_the_open_operation_is_never_collected(journal: Journal) -> None:
    begin(journal, V1, 1)
    for generation in range(2, 60):
        fail(journal, V2, generation, quarantine=False)
    assert journal.record("web").operations[0].generation == 1


def test_ending_a_quarantine_leaves_everything_else(journal: Journal) -> None:
    deploy(journal, V1, 1)
    fail(journal, V2, 2)
    journal.hold("web", reason="flapping")
    journal.end_quarantine("web")
    journal.end_quarantine("web")
    record = journal.record("web")
    assert (record.quarantined, record.held) == ({}, "flapping")
    assert record.operations[-1].quarantine


def test_a_hook_that_began_is_known_until_it_ends(journal: Journal, clock: SimulatedClock) -> None:
    begin(journal, V1, 1)
    journal.hook_began("web", 1, hook="preDeploy", wish="w")
    begun = HookRun(fingerprint=V1.fingerprint, hook="preDeploy", wish="w", generation=1, began_at=clock())
    assert journal.record("web").hooks == (begun,)
    assert journal.record("web").hook_run(V1.fingerprint, "preDeploy") is None
    clock.advance(2)
    journal.hook_ended("web", 1, hook="preDeploy", state="done")
    ended = replace(begun, state="done", ended_at=clock())
    assert journal.record("web").hook_run(V1.fingerprint, "preDeploy") == ended


def test_the_end_of_a_hook_is_written_once(journal: Journal) -> None:
    begin(journal, V1, 1)
    journal.hook_began("web", 1, hook="preDeploy", wish="w")
    journal.hook_ended("web", 2, hook="preDeploy", state="failed")
    journal.hook_ended("web", 1, hook="postDeploy", state="failed")
    journal.hook_ended("web", 1, hook="preDeploy", state="not-now")
    journal.hook_ended("web", 1, hook="preDeploy", state="done")
    assert [run.state for run in journal.record("web").hooks] == ["not-now"]
    journal.hook_ended("never", 1, hook="preDeploy", state="done")
    assert journal.record("never") == Record(document="never", owner=journal.owner)


def test_only_the_newest_run_of_a_hook_of_a_revision_counts(journal: Journal) -> None:
    for generation, desired in ((1, V1), (2, V1), (3, V2)):
        begin(journal, desired, generation)
        journal.hook_began("web", generation, hook="preDeploy", wish=str(generation))
        journal.hook_began("web", generation, hook="postDeploy", wish="p")
        journal.hook_ended("web", generation, hook="preDeploy", state="failed")
        journal.undone("web", generation)
    kept = {(run.fingerprint, run.hook, run.generation) for run in journal.record("web").hooks}
    hooks = ("preDeploy", "postDeploy")
    assert kept == {(wish.fingerprint, hook, number) for wish, number in ((V1, 2), (V2, 3)) for hook in hooks}


@pytest.mark.parametrize("state", ["never begun", "undone", "committed"])
def test_a_hook_needs_an_open_operation(journal: Journal, state: str) -> None:
    if state != "never begun":
        begin(journal, V1, 1)
        (journal.undone if state == "undone" else journal.commit)("web", 1)
    with pytest.raises(StateDamaged, match="not open"):
        journal.hook_began("web", 1, hook="preDeploy", wish="w")


@pytest.mark.parametrize(("kind", "left"), [("deploy", 0), ("rollback", 0), ("adopt", 0), ("heal", 1)])
def test_a_commit_forgets_what_hooks_did_but_that_of_a_heal_does_not(
    journal: Journal, kind: OperationKind, left: int
) -> None:
    begin(journal, V1, 1)
    journal.hook_began("web", 1, hook="preDeploy", wish="w")
    journal.undone("web", 1)
    begin(journal, V2, 2, kind=kind)
    journal.commit("web", 2)
    assert len(journal.record("web").hooks) == left


def test_a_person_clears_what_was_interrupted_and_nothing_else(journal: Journal) -> None:
    begin(journal, V1, 1)
    journal.hook_began("web", 1, hook="preDeploy", wish="w")
    journal.hook_ended("web", 1, hook="preDeploy", state="done")
    journal.hook_began("web", 1, hook="postDeploy", wish="w")
    assert journal.clear("web") is False
    journal.undone("web", 1)
    assert journal.clear("web") is True
    assert [run.hook for run in journal.record("web").hooks] == ["preDeploy"]
    assert journal.clear("web") is False


def test_a_pruned_document_leaves_no_hooks(journal: Journal) -> None:
    begin(journal, V1, 1)
    journal.hook_began("web", 1, hook="preDeploy", wish="w")
    journal.forget("web")
    assert journal.record("web").hooks == ()


def exception(image: str, at: float = 1.0) -> Allowance:
    return Allowance(image=image, actor="user:ana", reason="the key is being replaced", at=at)


def test_what_is_allowed_stays_until_it_is_revoked(journal: Journal) -> None:
    deploy(journal, V1, 1)
    journal.allow("web", (exception("shop/web@sha256:b"), exception("shop/web@sha256:a")))
    journal.allow("web", (exception("shop/web@sha256:b", at=2.0),))
    deploy(journal, V2, 2)
    journal.clear("web")
    assert journal.record("web").allowances == (
        exception("shop/web@sha256:a"),
        exception("shop/web@sha256:b", at=2.0),
    )
    assert journal.revoke("web")
    assert journal.record("web").allowances == ()
    assert not journal.revoke("web")


def test_a_document_that_was_never_deployed_can_be_allowed_something(journal: Journal) -> None:
    journal.allow("new", (exception("shop/web@sha256:a"),))
    assert journal.record("new").allowances == (exception("shop/web@sha256:a"),)
    assert not journal.revoke("other")


def test_the_newest_hundred_exceptions_are_kept(journal: Journal) -> None:
    for number in range(101):
        journal.allow("web", (exception(f"shop/web@sha256:{number:03}", at=float(number)),))
    images = [item.image for item in journal.record("web").allowances]
    assert images == [f"shop/web@sha256:{number:03}" for number in range(1, 101)]


def test_a_pruned_document_has_no_exceptions(journal: Journal) -> None:
    journal.allow("web", (exception("shop/web@sha256:a"),))
    journal.forget("web")
    assert journal.record("web").allowances == ()
