"""What channels were told, kept over restarts."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.core.notice import Subject
from reconciler.core.telling import Told
from reconciler.history import History
from reconciler.history.told import KEPT_WELL

WEB = Told(subject=Subject("document", "web"), condition="failed", mark="f1", number=3, at=5.0, since=1.0)


def test_what_a_channel_was_told_last_is_kept(history: History, reopen: Callable[[], History]) -> None:
    before = Told(subject=WEB.subject, condition="blocked", number=2)
    for told in (before, WEB):
        history.note_told("on-call", told)
    history.note_told("chat", before)
    assert reopen().told("on-call") == {WEB.subject: WEB}
    assert reopen().told("chat") == {WEB.subject: before}
    assert reopen().told("another") == {}


def test_of_what_is_well_the_newest_thousand_stay_and_of_the_rest_all(history: History) -> None:
    history.note_told("on-call", WEB)
    for number in range(KEPT_WELL + 5):
        history.note_told("on-call", Told(subject=Subject("file", f"{number}"), at=float(number)))
    kept = history.told("on-call")
    assert len(kept) == KEPT_WELL + 1
    assert WEB.subject in kept
    assert Subject("file", "4") not in kept
