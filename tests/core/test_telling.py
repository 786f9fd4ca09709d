"""Who is told what: the laws of messages, over any sequence of states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from reconciler.core.notice import Condition, Notice, Subject, View
from reconciler.core.telling import Message, Patience, Seen, Told, follow, messages

WEB, DB = Subject("document", "web"), Subject("document", "db")
SUBJECTS = (WEB, DB)
AT_ONCE = Patience(after_s=0, drift_after_s=0)
UNKNOWN, GONE, WELL = "unknown", "gone", None


def notice(condition: Condition = "failed", mark: str = "", *, subject: Subject = WEB, **more: Any) -> Notice:
    return Notice(subject=subject, condition=condition, mark=mark, **more)


def view(states: Mapping[Subject, Any]) -> View:
    """``states``: a Notice, WELL, UNKNOWN or GONE for each subject."""
    return View(
        known={subject: state for subject, state in states.items() if not isinstance(state, str)},
        present=frozenset(subject for subject, state in states.items() if state != GONE),
        listed=frozenset({"document"}),
    )


class Channel:
    """One channel, whose receiver is there or not; the clock goes on by a second with each state."""

    def __init__(self, patience: Patience = AT_ONCE) -> None:
        self.patience = patience
        self.now = 1000.0
        self.seen: Mapping[Subject, Seen] = {}
        self.told: dict[Subject, Told] = {}
        self.heard: list[Message] = []

    def live(self, *states: Any, reached: bool = True) -> list[Message]:
        """Through these states of WEB; what was heard of it."""
        before = len(self.heard)
        for state in states:
            self.moment({WEB: state}, reached=reached)
        return self.heard[before:]

    def moment(self, states: Mapping[Subject, Any], *, reached: bool) -> None:
        self.now += 1
        self.seen = follow(self.seen, view(states), self.now, told=self.told)
        for message in self.pending():
            if reached:
                self.heard.append(message)
                self.told[message.subject] = message.delivered(self.now)

    def pending(self) -> tuple[Message, ...]:
        return tuple(messages(self.seen, self.told, self.now, patience=self.patience, channel="c"))

    def restart(self) -> None:
        """What was seen is in memory; what was told is kept."""
        self.seen = {}


def words(found: Sequence[Message]) -> list[str]:
    return [item.notice.condition if item.notice else "resolved" for item in found]


CONDITIONS: tuple[Condition, ...] = ("failed", "rolled-back", "blocked", "drift")
states = some.one_of(
    some.sampled_from([UNKNOWN, GONE, WELL]),
    some.builds(notice, some.sampled_from(CONDITIONS), some.sampled_from(["", "f1"]), faint=some.booleans()),
)
lives = some.lists(some.tuples(states, some.booleans(), some.booleans()), max_size=30)


@given(lives)
def test_a_resolve_comes_after_a_message_and_once_whoever_is_away_or_restarts(
    life: list[tuple[Any, bool, bool]],
) -> None:
    channel = Channel()
    for state, reached, restarts in life:
        if restarts:
            channel.restart()
        channel.live(state, reached=reached)
    heard = words(channel.heard)
    assert heard[:1] != ["resolved"]
    assert ("resolved", "resolved") not in pairwise(heard)
    channel.live(WELL)
    assert words(channel.heard)[-1:] != ["failed"]
    assert all(not item.condition for item in channel.told.values())


@given(lives)
def test_who_is_always_reached_hears_each_change_once(life: list[tuple[Any, bool, bool]]) -> None:
    """Against the plainest telling there is: say what differs from what was said last."""
    channel = Channel()
    expected: list[str] = []
    said: tuple[str, str] | None = None
    for state, _, restarts in life:
        if restarts:
            channel.restart()
        channel.live(state)
        if isinstance(state, Notice):
            kind = (state.condition, state.mark)
            if kind != said and not (said and state.faint):
                expected.append(state.condition)
                said = kind
        elif state != UNKNOWN and said:
            expected.append("resolved")
            said = None
    assert words(channel.heard) == expected


@given(some.lists(some.tuples(states, states), max_size=20))
def test_subjects_do_not_know_of_each_other(life: list[tuple[Any, Any]]) -> None:
    both, alone = Channel(), Channel()
    for web, db in life:
        both.moment({WEB: web, DB: db}, reached=True)
        alone.moment({WEB: web}, reached=True)
    assert [item.id for item in both.heard if item.subject == WEB] == [item.id for item in alone.heard]


@given(lives)
def test_no_two_messages_have_the_same_id(life: list[tuple[Any, bool, bool]]) -> None:
    channel = Channel()
    for state, reached, _ in life:
        channel.live(state, reached=reached)
    assert len({item.id for item in channel.heard}) == len(channel.heard)


def test_a_message_that_was_not_delivered_keeps_its_id_over_a_restart() -> None:
    channel = Channel()
    channel.live(notice(), reached=False)
    (before,) = channel.pending()
    channel.restart()
    (after,) = channel.live(notice())
    assert after.id == before.id


def test_the_same_message_to_another_channel_is_another_one() -> None:
    seen = {WEB: Seen(notice=notice(), since=0.0)}
    found = [next(messages(seen, {}, 1.0, patience=AT_ONCE, channel=name)).id for name in ("one", "two")]
    assert len(set(found)) == 2


@pytest.mark.parametrize(
    ("condition", "told_after"),
    [("rolled-back", 0), ("quarantined", 0), ("held", 0), ("failed", 3), ("unhealthy", 3), ("drift", 5)],
)
def test_what_may_pass_by_itself_must_last(condition: Condition, told_after: int) -> None:
    channel = Channel(Patience(after_s=3, drift_after_s=5))
    assert channel.live(*[notice(condition)] * told_after) == []
    (told,) = channel.live(notice(condition))
    assert told.since == 1001


def test_what_passed_in_time_is_not_told() -> None:
    channel = Channel(Patience(after_s=3))
    assert channel.live(notice(), notice(), WELL, notice(), notice(), WELL) == []


def test_what_cannot_be_seen_for_a_moment_lasts_all_the_same() -> None:
    channel = Channel(Patience(after_s=3))
    assert words(channel.live(notice(), UNKNOWN, UNKNOWN, notice())) == ["failed"]


def test_drift_lasts_since_it_was_noted_also_before_a_restart() -> None:
    channel = Channel(Patience(drift_after_s=100))
    (told,) = channel.live(notice("drift", since=900.0))
    assert told.since == 900


def test_the_time_of_a_suspension_does_not_count() -> None:
    channel = Channel(Patience(drift_after_s=10))
    channel.live(WELL)
    suspended = View(present=frozenset({WEB}), listed=frozenset({"document"}), suspended=frozenset({WEB}))
    channel.now += 300
    channel.seen = follow(channel.seen, suspended, channel.now)
    assert channel.live(notice("drift", since=1005.0), WELL) == []
    assert len(channel.live(*[notice("drift", since=channel.now)] * 12)) == 1


def test_a_clock_that_was_set_back_puts_nothing_off() -> None:
    channel = Channel(Patience(after_s=10, repeat_s=10))
    channel.live(notice())
    channel.now = 1.0
    assert words(channel.live(notice())) == ["failed"]
    channel.now = -1000.0
    assert [item.repeated for item in channel.live(notice())] == [True]


def test_reminders_come_where_they_are_asked_for_and_end_with_the_trouble() -> None:
    channel = Channel(Patience(after_s=0, repeat_s=3))
    heard = channel.live(*[notice()] * 7)
    assert [item.repeated for item in heard] == [False, True, True]
    assert {item.since for item in heard} == {1001}
    assert len({item.id for item in heard}) == 3
    assert words(channel.live(WELL, WELL)) == ["resolved"]


def test_without_a_setting_nothing_is_repeated() -> None:
    assert len(Channel().live(*[notice()] * 500)) == 1


def test_who_was_told_of_worse_is_not_told_that_it_is_being_worked_on() -> None:
    channel = Channel()
    assert words(channel.live(notice("rolled-back"), notice("drift", faint=True), WELL)) == [
        "rolled-back",
        "resolved",
    ]


def test_a_subject_that_is_gone_is_resolved_as_gone_also_after_a_restart() -> None:
    channel = Channel()
    channel.live(notice())
    channel.restart()
    (told,) = channel.live(GONE)
    assert (told.status, told.gone, told.since) == ("resolved", True, 1001)
    assert channel.live(GONE) == []


def test_a_receiver_that_comes_back_is_told_how_things_stand_and_not_what_it_missed() -> None:
    channel = Channel()
    assert channel.live(notice(), WELL, notice("blocked"), reached=False) == []
    assert words(channel.live(notice("blocked"))) == ["blocked"]
    assert words(channel.live(WELL, notice(), WELL, reached=False)) == []
    assert words(channel.live(WELL)) == ["resolved"]
