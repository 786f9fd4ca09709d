"""What a person must know: from statuses and the state of the host to notices."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.desired import Suspension
from reconciler.core.drift import Drift
from reconciler.core.notice import AUDIT, ENGINE, LOOK, STATE, Facts, Notice, Subject, View, view_of
from reconciler.core.status import DocumentStatus

WELL = DocumentStatus(
    name="web",
    kind="Container",
    target="",
    sync="Synced",
    health="Healthy",
    phase="Converged",
    desired_release="r2",
    running_release="r2",
    fingerprint="f2",
    since=7.0,
)
WEB = Subject("document", "web")
DRIFT = (Drift("limits", "config.memoryLimit", "64Mi", "128Mi"),)


def seen(**changes: Any) -> View:
    return view_of(Facts(statuses=(replace(WELL, **changes),), seen=True))


@pytest.mark.parametrize(
    ("condition", "changes"),
    [
        ("rolled-back", {"phase": "RolledBack", "quarantined": "exited with 1"}),
        ("quarantined", {"phase": "Failed", "quarantined": "exited with 1"}),
        ("failed", {"phase": "Failed"}),
        ("held", {"phase": "Held", "sync": "OutOfSync", "drift": DRIFT}),
        ("drift", {"phase": "Held", "sync": "OutOfSync", "drift": DRIFT, "shown_only": True}),
        ("unhealthy", {"phase": "Held", "sync": "OutOfSync", "health": "Missing", "shown_only": True}),
        ("drift", {"phase": "Reconciling", "sync": "OutOfSync", "drift": DRIFT}),
        ("drift", {"phase": "Blocked", "drift": (Drift("orphan", "document", "no container", "web"),)}),
        ("blocked", {"phase": "Blocked", "sync": "OutOfSync"}),
        ("unhealthy", {"health": "Degraded"}),
        ("unhealthy", {"health": "Missing"}),
    ],
)
def test_each_state_that_a_person_must_know_has_a_word(condition: str, changes: dict[str, Any]) -> None:
    notice = seen(**changes, reason="why").known[WEB]
    assert notice is not None
    assert (notice.subject, notice.condition, notice.reason) == (WEB, condition, "why")
    assert notice.drift == changes.get("drift", ())
    assert notice.faint == (changes.get("phase") == "Reconciling")
    assert notice.since == (7.0 if condition == "drift" else 0.0)


def test_another_release_that_fails_is_another_thing_to_know_and_more_drift_is_not() -> None:
    failed = seen(phase="RolledBack", quarantined="x").known[WEB]
    assert failed is not None
    assert failed.mark == "f2"
    differs = seen(phase="Held", shown_only=True, sync="OutOfSync").known[WEB]
    assert differs is not None
    assert differs.mark == ""


def test_what_is_as_wanted_and_healthy_is_well() -> None:
    assert seen().known[WEB] is None


@pytest.mark.parametrize(
    "changes",
    [
        {"sync": "Unknown", "phase": "Blocked", "health": "Unknown"},
        {"suspension": Suspension("ana", "incident"), "phase": "Held", "health": "Suspended"},
        {"health": "Progressing"},
        {"phase": "Reconciling"},
    ],
    ids=["unseen", "suspended", "on its way", "at work"],
)
def test_of_what_cannot_be_judged_now_nothing_is_said(changes: dict[str, Any]) -> None:
    assert WEB not in seen(**changes).known
    assert not seen(**changes).gone(WEB)


def test_the_host_itself_is_well_or_not() -> None:
    facts = Facts(
        seen=True,
        engine_problem="no answer",
        state_problem="full",
        look_problem="bug",
        audit_problem="cut",
        invalid={"a.yaml": "x"},
    )
    found = view_of(facts).known
    assert {subject: notice and notice.condition for subject, notice in found.items()} == {
        ENGINE: "engine-down",
        STATE: "state-unwritable",
        LOOK: "look-failed",
        AUDIT: "audit-broken",
        Subject("file", "a.yaml"): "invalid",
    }
    assert view_of(Facts(seen=True)).known == {ENGINE: None, STATE: None, LOOK: None, AUDIT: None}


def test_before_the_first_look_nothing_is_well_and_nothing_gone_and_trouble_is_told() -> None:
    early = view_of(Facts(engine_problem="no answer", state_problem="", look_problem=""))
    assert early.known == {ENGINE: Notice(subject=ENGINE, condition="engine-down", reason="no answer")}
    assert not early.gone(WEB)


def test_what_is_not_known_of_the_engine_is_not_said() -> None:
    assert ENGINE not in view_of(Facts(seen=True, engine_problem=None)).known


def test_gone_is_what_is_no_longer_listed() -> None:
    other = view_of(Facts(statuses=(replace(WELL, name="db"),), seen=True))
    assert other.gone(WEB)
    assert other.gone(Subject("file", "mended.yaml"))
    assert not other.gone(ENGINE)


def test_subjects_have_a_name_for_people() -> None:
    assert [str(item) for item in (WEB, ENGINE, STATE, LOOK)] == [
        "web",
        "the engine",
        "the state directory",
        "the look",
    ]
