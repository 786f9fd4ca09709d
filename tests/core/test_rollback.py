"""Which revision a rollback goes back to."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.container import ContainerConfig
from reconciler.core.desired import DesiredState, ImageReference, Release
from reconciler.core.record import Operation, Record, Revision
from reconciler.core.rollback import choose_revision, release_ids, served
from reconciler.errors import InputError


def wish(release: str, user: str = "app") -> DesiredState:
    return DesiredState(
        name="web",
        release=Release(release, release),
        image=ImageReference("shop/web", "sha256:" + "a" * 64),
        container_name="web",
        config=ContainerConfig(user=user),
    )


A, B, C = wish("a"), wish("b"), wish("c")
B_CHANGED = wish("b", user="root")


def record(*tries: tuple[DesiredState, str], quarantined: tuple[DesiredState, ...] = ()) -> Record:
    revisions = {item.fingerprint: Revision(fingerprint=item.fingerprint, desired=item) for item, _ in tries}
    return Record(
        document="web",
        owner="o",
        revisions=tuple(revisions.values()),
        operations=tuple(
            Operation(generation=place, kind="deploy", fingerprint=item.fingerprint, state=state)  # type: ignore[arg-type]
            for place, (item, state) in enumerate(tries, start=1)
        ),
        quarantined={item.fingerprint: "it crashed" for item in quarantined},
    )


GOOD, BAD = "committed", "undone"


def chosen(record: Record, current: DesiredState, release: str = "", *, force: bool = False) -> DesiredState:
    return choose_revision(record, current=current.fingerprint, release=release, force=force).desired


def test_it_is_the_release_that_served_before() -> None:
    assert chosen(record((A, GOOD), (B, GOOD), (C, GOOD)), C) == B


def test_after_a_failed_release_it_is_the_one_that_serves() -> None:
    assert chosen(record((A, GOOD), (B, GOOD), (C, BAD), quarantined=(C,)), C) == B


def test_an_edit_that_was_never_tried_goes_back_to_what_serves() -> None:
    assert chosen(record((A, GOOD), (B, GOOD)), C) == B


def test_asking_twice_goes_two_steps_back_and_not_forward_again() -> None:
    assert chosen(record((A, GOOD), (B, GOOD), (C, GOOD), (B, GOOD)), B) == A


def test_a_quarantined_release_before_is_passed_over() -> None:
    assert chosen(record((A, GOOD), (B, GOOD), (C, GOOD), quarantined=(B,)), C) == A


def test_when_all_before_are_quarantined_it_refuses_unless_forced() -> None:
    history = record((A, GOOD), (B, GOOD), quarantined=(A,))
    with pytest.raises(InputError, match="release a of web is quarantined: it crashed"):
        chosen(history, B)
    assert chosen(history, B, force=True) == A


@pytest.mark.parametrize(
    ("history", "current"),
    [(record(), A), (record((A, GOOD)), A), (record((A, BAD), (B, BAD)), B), (record((A, BAD), (B, GOOD)), B)],
)
def test_nothing_to_roll_back_to_is_an_error(history: Record, current: DesiredState) -> None:
    with pytest.raises(InputError, match="nothing to roll back to"):
        chosen(history, current)


def test_after_a_rollback_to_the_first_release_it_says_so_and_what_else_there_is() -> None:
    with pytest.raises(InputError) as caught:
        chosen(record((A, GOOD), (B, GOOD), (C, BAD), (A, GOOD), quarantined=(B,)), A)
    first = "release a, which the document of web asks for, is the first that ever worked here"
    assert caught.value.message == f"nothing to roll back to: {first}"
    assert caught.value.hint == "others in the history, for --to: b (quarantined), c (never worked)"
    with pytest.raises(InputError) as caught:
        chosen(record((A, BAD), (B, BAD)), B)
    assert caught.value.message == "nothing to roll back to: no earlier release of web ever worked here"
    with pytest.raises(InputError, match="the first") as caught:
        chosen(record((A, GOOD), (C, GOOD), (A, GOOD)), A)
    assert caught.value.hint == "others in the history, for --to: c (worked)"


def test_a_committed_revision_that_the_history_no_longer_has_is_passed_over() -> None:
    history = record((A, GOOD), (B, GOOD), (C, GOOD))
    without_b = tuple(item for item in history.revisions if item.fingerprint != B.fingerprint)
    assert chosen(replace(history, revisions=without_b), C) == A


def test_a_named_release_is_taken() -> None:
    assert chosen(record((A, GOOD), (B, GOOD), (C, GOOD)), C, "a") == A


def test_a_named_release_may_also_be_a_later_one() -> None:
    assert chosen(record((A, GOOD), (B, GOOD), (A, GOOD)), A, "b") == B


def test_of_several_revisions_of_a_release_the_newest_good_one_is_taken() -> None:
    history = record((B, GOOD), (B_CHANGED, GOOD), (A, GOOD))
    assert chosen(history, A, "b") == B_CHANGED
    assert chosen(history, B_CHANGED, "b") == B


def test_a_failed_revision_of_a_release_is_not_preferred_to_a_good_one() -> None:
    assert chosen(record((B, GOOD), (B_CHANGED, BAD), (A, GOOD)), A, "b") == B


def test_an_unknown_release_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="release x is not in the history of web") as caught:
        chosen(record((A, GOOD), (B, GOOD)), B, "x")
    assert caught.value.hint == "known: a, b"


def test_with_no_history_at_all_none_is_known() -> None:
    with pytest.raises(InputError, match="is not in the history") as caught:
        chosen(record(), A, "x")
    assert caught.value.hint == "known: none"


def test_a_release_that_never_worked_is_refused_unless_forced() -> None:
    history = record((A, GOOD), (B, BAD), (C, GOOD))
    with pytest.raises(InputError, match="release b of web never worked here"):
        chosen(history, C, "b")
    assert chosen(history, C, "b", force=True) == B


def test_the_release_that_is_asked_for_already_is_refused() -> None:
    with pytest.raises(InputError, match="already asks for release b"):
        chosen(record((A, GOOD), (B, GOOD)), B, "b")


def test_a_quarantined_named_release_is_refused_with_the_way_out() -> None:
    with pytest.raises(InputError, match="quarantined") as caught:
        chosen(record((A, GOOD), (B, GOOD), quarantined=(A,)), B, "a")
    assert "reconciler clear web" in caught.value.hint


def test_releases_are_listed_once_each() -> None:
    assert release_ids(record((B, GOOD), (B_CHANGED, GOOD), (A, BAD)).revisions) == ("b", "a")


tries = st.lists(st.tuples(st.sampled_from([A, B, B_CHANGED, C]), st.sampled_from([GOOD, BAD])))


@given(tries, st.sampled_from([A, B, B_CHANGED, C]))
def test_repeated_rollbacks_end_and_never_come_back(
    history: list[tuple[DesiredState, str]], start: DesiredState
) -> None:
    known, seen = record(*history), [start]
    while True:
        try:
            seen.append(chosen(known, seen[-1]))
        except InputError:
            break
        assert seen[-1].fingerprint in served(known)
        assert seen[-1] not in seen[:-1]
