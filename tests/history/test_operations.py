from __future__ import annotations

from collections.abc import Callable

import pytest

from reconciler.core.desired import DesiredState, Suspension
from reconciler.core.interfaces import Journal
from reconciler.core.record import Operation, Record
from reconciler.errors import StateDamaged
from reconciler.history import History
from reconciler.history.operations import KEPT_GOOD_REVISIONS, KEPT_OPERATIONS
from tests.history.conftest import Clock
from tests.history.wishes import wish

Begin = Callable[..., DesiredState]
Reopen = Callable[[], History]
Quiet = Callable[[], int]


def test_the_history_is_a_journal(history: History) -> None:
    journal: Journal = history
    assert journal.record("web") == Record(document="web", owner=history.owner)


def test_an_intent_is_remembered_with_everything_that_was_said(history: History, reopen: Reopen) -> None:
    desired = wish()
    history.begin(desired, generation=3, kind="adopt", container_id="c0", cause="found", actor="ana")
    expected = Operation(
        generation=3,
        kind="adopt",
        fingerprint=desired.fingerprint,
        state="intent",
        container_id="c0",
        actor="ana",
        cause="found",
        started_at=1_700_000_000.0,
    )
    for seen in (history.record("web"), reopen().record("web")):
        assert seen.generation == 3
        assert seen.operations == (expected,)
        assert seen.open == expected
        assert seen.revisions[0].desired == desired
        assert seen.revisions[0].desired.document == desired.document


def test_beginning_the_same_generation_again_writes_nothing(history: History, begin: Begin, quiet: Quiet) -> None:
    begin(1)
    before = history.record("web")
    seen = quiet()
    begin(1, "rel-2")
    assert (history.record("web"), quiet()) == (before, seen)


def test_a_generation_that_is_not_higher_is_refused_and_leaves_no_trace(history: History, begin: Begin) -> None:
    begin(5)
    before = history.record("web")
    with pytest.raises(StateDamaged, match="generation 4 of web is not higher"):
        begin(4, "rel-2")
    assert history.record("web") == before


def test_a_commit_closes_the_operation_and_ends_what_held_the_document_back(
    history: History, begin: Begin, clock: Clock
) -> None:
    begin(1)
    history.failed("web", 1, reason="exited", quarantine=True)
    history.undone("web", 1)
    history.hold("web", reason="too many heals")
    history.retry_later("web", error="no answer", retry_at=5.0)
    begin(2, "rel-2")
    history.created("web", 2, container_id="c2")
    clock.now += 7
    history.commit("web", 2)
    record = history.record("web")
    assert record.committed is not None
    assert (record.committed.generation, record.committed.container_id) == (2, "c2")
    assert record.committed.ended_at - record.committed.started_at == 7
    assert (record.quarantined, record.held, record.failures, record.retry_at, record.last_error) == (
        {},
        "",
        0,
        0.0,
        "",
    )


def test_a_heal_does_not_end_the_quarantine_of_the_release_that_failed(history: History, begin: Begin) -> None:
    begin(1)
    history.commit("web", 1)
    failed = begin(2, "rel-2")
    history.failed("web", 2, reason="unhealthy", quarantine=True)
    history.undone("web", 2)
    begin(3, kind="heal")
    history.commit("web", 3)
    assert history.record("web").quarantined == {failed.fingerprint: "unhealthy"}


@pytest.mark.parametrize("quarantine", [True, False])
def test_an_undone_operation_is_quarantined_only_if_its_failure_said_so(
    history: History, begin: Begin, quarantine: bool
) -> None:
    desired = begin(1)
    history.failed("web", 1, reason="it exited", quarantine=quarantine)
    assert history.record("web").open is not None
    history.undone("web", 1)
    record = history.record("web")
    assert record.quarantined == ({desired.fingerprint: "it exited"} if quarantine else {})
    assert record.last is not None
    assert (record.last.state, record.last.failure) == ("undone", "it exited")


def test_an_interrupted_operation_is_undone_without_blame(history: History, begin: Begin) -> None:
    begin(1)
    history.undone("web", 1)
    history.restored("web", 1)
    record = history.record("web")
    assert record.last is not None
    assert (record.last.failure, record.last.restored, record.quarantined) == ("", True, {})


def test_saying_a_thing_twice_writes_once(history: History, begin: Begin, quiet: Quiet) -> None:
    desired = begin(1)
    steps: tuple[Callable[[], object], ...] = (
        lambda: history.created("web", 1, container_id="c1"),
        lambda: history.verified("web", desired.fingerprint, image_id="sha256:1"),
        lambda: history.failed("web", 1, reason="gone", quarantine=True),
        lambda: history.undone("web", 1),
        lambda: history.restored("web", 1),
        lambda: history.image_collected("web", desired.fingerprint),
        lambda: history.hold("web", reason="why"),
        lambda: history.suspend("web", Suspension("ana", "lunch", 3.5)),
        lambda: history.resume("web"),
        lambda: history.release("web"),
        lambda: history.clear("web"),
        lambda: history.passed("web"),
        lambda: history.forget("web"),
    )
    for step in steps:
        step()
        record, version = history.record("web"), quiet()
        step()
        assert (history.record("web"), quiet()) == (record, version)


def test_states_only_go_forward(history: History, begin: Begin) -> None:
    begin(1)
    history.commit("web", 1)
    before = history.record("web")
    history.commit("web", 1)
    assert history.record("web") == before
    with pytest.raises(StateDamaged, match="is committed and cannot become undone"):
        history.undone("web", 1)
    with pytest.raises(StateDamaged, match="has ended and cannot fail"):
        history.failed("web", 1, reason="late", quarantine=True)
    begin(2)
    history.undone("web", 2)
    with pytest.raises(StateDamaged, match="is undone and cannot become committed"):
        history.commit("web", 2)


def test_a_generation_that_was_never_begun_is_told(history: History) -> None:
    for call in (history.commit, history.undone, history.restored):
        with pytest.raises(StateDamaged, match="no generation 9 of web"):
            call("web", 9)


def test_an_image_verified_before_its_intent_is_known_to_the_operation(history: History) -> None:
    desired = wish()
    history.verified("web", desired.fingerprint, image_id="sha256:1")
    assert history.record("web").generation == 0
    history.begin(desired, generation=1, kind="deploy", container_id="", cause="", actor="")
    record = history.record("web")
    assert record.open is not None
    assert (record.open.image_id, record.revisions[0].image_id) == ("sha256:1", "sha256:1")


def test_an_image_that_comes_back_is_no_longer_collected(history: History, begin: Begin) -> None:
    desired = begin(1)
    history.verified("web", desired.fingerprint, image_id="sha256:1")
    history.image_collected("web", desired.fingerprint)
    assert history.record("web").revisions[0].image_collected
    history.verified("web", desired.fingerprint, image_id="sha256:1")
    assert not history.record("web").revisions[0].image_collected


def test_the_newest_document_of_a_revision_counts(history: History) -> None:
    for generation, order in enumerate(("stop-first", "start-first"), start=1):
        desired = wish(order=order)
        history.begin(desired, generation=generation, kind="heal", container_id="", cause="", actor="")
        history.commit("web", generation)
    revision = history.record("web").committed_revision
    assert revision is not None
    assert revision.desired.strategy.order == "start-first"


def test_many_failures_do_not_push_out_what_runs_nor_the_good_revisions(history: History, begin: Begin) -> None:
    good = []
    for generation in range(1, 5):
        good.append(begin(generation, f"good-{generation}"))
        history.commit("web", generation)
    for generation in range(5, 60):
        begin(generation, f"bad-{generation}")
        history.undone("web", generation)
    begin(60, "next")
    record = history.record("web")
    assert record.committed is not None
    assert record.committed.generation == 4
    assert {item.fingerprint for item in good} <= {item.fingerprint for item in record.revisions}
    assert [item.generation for item in record.operations if item.state == "undone"] == list(
        range(60 - KEPT_OPERATIONS, 60)
    )


def test_many_commits_of_one_revision_do_not_push_out_the_last_good_ones(history: History, begin: Begin) -> None:
    names = ["a", "b", "c", "d"]
    for generation, release in enumerate(names, start=1):
        begin(generation, release)
        history.commit("web", generation)
    for generation in range(5, 40):
        begin(generation, "d", kind="heal")
        history.commit("web", generation)
    kept = history.record("web").revisions
    assert [item.release.id for item in kept] == names[-KEPT_GOOD_REVISIONS:]


def test_forgetting_leaves_the_generation_and_the_events_only(
    history: History, begin: Begin, reopen: Reopen
) -> None:
    desired = begin(7)
    history.verified("web", desired.fingerprint, image_id="sha256:1")
    history.failed("web", 7, reason="no", quarantine=True)
    history.undone("web", 7)
    history.healed("web", cause="died")
    history.hold("web", reason="no")
    history.suspend("web", Suspension("ana", "x"))
    history.forget("web")
    for seen in (history, reopen()):
        assert seen.record("web") == Record(document="web", owner=history.owner, generation=7)
    begin(8)
    assert history.record("web").revisions[0].image_id == ""


def test_forgetting_a_stranger_changes_nothing(history: History, quiet: Quiet) -> None:
    before = quiet()
    history.forget("nobody")
    assert quiet() == before
    assert history.records() == {}
