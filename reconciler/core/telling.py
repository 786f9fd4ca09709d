"""Telling: who is to be told what, from what is so now and what was told before. Pure.

Level-triggered, as everything here is: nothing is queued. What a channel was told last stands beside what is so
now, and where the two differ there is one message. So a channel that was away is told how things stand, not what
it missed; a restart tells nothing twice; and all is well again is said to those alone who were told that it was
not.

The laws, which ``tests/core/test_telling.py`` holds: a change that lasts is told once; a resolve comes after a
message, and once; while nothing changes nothing is said, unless reminders are asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from reconciler.core.notice import Condition, Notice, Subject, View

MessageStatus = Literal["firing", "resolved"]

AT_ONCE: frozenset[Condition] = frozenset({"rolled-back", "quarantined", "held", "audit-broken"})
"""What does not pass by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long, in seconds, what may pass by itself must last before it is told (``after_s``, ``drift_after_s``),
    and after how long it is told again (``repeat_s``, 0: never).
    """

    after_s: float = 120.0
    drift_after_s: float = 900.0
    repeat_s: float = 0.0

    def of(self, condition: Condition) -> float:
        if condition in AT_ONCE:
            return 0.0
        return self.drift_after_s if condition == "drift" else self.after_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was last known of a subject: ``notice`` None means well. ``since``: seconds since the epoch."""

    notice: Notice | None
    since: float
    gone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one channel was told last of a subject: ``condition`` "" means that all is well. ``number`` counts its
    messages about this subject.
    """

    subject: Subject
    condition: Condition | Literal[""] = ""
    mark: str = ""
    number: int = 0
    at: float = 0.0
    since: float = 0.0

    def says(self, notice: Notice) -> bool:
        return (self.condition, self.mark) == (notice.condition, notice.mark)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message to one channel. ``notice`` is what is the matter; None: what ``told`` speaks of is over.

    ``id`` is the same whenever this same message is tried again, also after a restart.
    """

    id: str
    told: Told
    notice: Notice | None
    since: float
    gone: bool = False
    repeated: bool = False

    @property
    def subject(self) -> Subject:
        return self.told.subject

    @property
    def status(self) -> MessageStatus:
        return "resolved" if self.notice is None else "firing"

    def delivered(self, at: float) -> Told:
        """What the channel has been told then."""
        notice = self.notice
        return Told(
            subject=self.subject,
            condition=notice.condition if notice else "",
            mark=notice.mark if notice else "",
            number=self.told.number + 1,
            at=at,
            since=self.since,
        )


def follow(
    before: Mapping[Subject, Seen], view: View, now: float, *, told: Collection[Subject] = ()
) -> Mapping[Subject, Seen]:
    """What is known of all subjects now. What cannot be judged now stays as it was; ``told`` are subjects that
    somebody was told of, which may be gone since.
    """
    after = {subject: _seen(before.get(subject), notice, now) for subject, notice in view.known.items()}
    for subject in (*before, *told):
        if subject not in after:
            if view.gone(subject):
                after[subject] = Seen(notice=None, since=now, gone=True)
            elif subject in before:
                known = before[subject]
                after[subject] = replace(known, since=now) if subject in view.suspended else known
    return after


def _seen(before: Seen | None, notice: Notice | None, now: float) -> Seen:
    if before is not None and _kind(before.notice) == _kind(notice):
        return Seen(notice=notice, since=before.since)
    since = (notice.since if notice else 0.0) or now
    return Seen(notice=notice, since=max(since, before.since) if before is not None else since)


def _kind(notice: Notice | None) -> tuple[str, str] | None:
    return (notice.condition, notice.mark) if notice else None


def messages(
    seen: Mapping[Subject, Seen], told: Mapping[Subject, Told], now: float, *, patience: Patience, channel: str
) -> Iterator[Message]:
    """All that a channel is to be told now, in the order of subjects."""
    for subject in sorted(seen):
        said = told.get(subject) or Told(subject=subject)
        message = _message(seen[subject], said, now, patience=patience, channel=channel)
        if message is not None:
            yield message


def _message(seen: Seen, told: Told, now: float, *, patience: Patience, channel: str) -> Message | None:
    notice = seen.notice
    if notice is None:
        if not told.condition:
            return None
        return Message(
            id=_id(told, None, channel=channel), told=told, notice=None, since=told.since, gone=seen.gone
        )
    if told.condition and notice.faint:
        return None
    repeated = told.says(notice)
    if repeated and not (patience.repeat_s and _over(told.at, patience.repeat_s, now)):
        return None
    if not repeated and not _over(seen.since, patience.of(notice.condition), now):
        return None
    since = told.since if repeated else seen.since
    return Message(id=_id(told, notice, channel=channel), told=told, notice=notice, since=since, repeated=repeated)


def _over(since: float, seconds: float, now: float) -> bool:
    """Whether so many seconds have passed; a clock that was set back must not put a message off for as long."""
    return not 0 <= now - since < seconds


def _id(told: Told, notice: Notice | None, *, channel: str) -> str:
    """The same for the same message, whoever works it out and when."""
    subject, kind = told.subject, _kind(notice) or ("", "")
    parts = (channel, subject.kind, subject.name, *kind, str(told.number))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
