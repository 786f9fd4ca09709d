"""Rollout: in which order the hosts of a fleet get a new version of a document. Pure.

Looked at again and again, from what is assigned and what hosts tell; nothing is planned ahead, so a kill loses
nothing. What it remembers between two looks is a Course.

    going ──► done            each host has it, and it is good there
      │ more fail than may
      ├──► paused             nobody else gets it, until a person goes on or takes it back
      └──► returning ──► returned    those that have it get their former version again, as many at once as before

Hosts that are away, or held by somebody, are queued: they hold no place, and get it when they are back. One that
went away while it was at work holds none either, and counts as failed.

Invariants: nothing is begun on a host that is at work, and by what is begun never more are at work than may be;
with the same facts the same is decided.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

Strategy = Literal["all-at-once", "rolling", "canary"]
OnBreach = Literal["pause", "rollback"]
State = Literal["going", "paused", "returning", "returned", "done"]
Standing = Literal["good", "going", "failed", "held"]
NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Amount:
    """So many hosts, or so many of a hundred."""

    number: int
    percent: bool = False

    def of(self, total: int) -> int:
        """Of so many hosts; a part of one is none."""
        return total * self.number // 100 if self.percent else self.number


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """``most``: at once; None is all. ``canaries``: those that have it first, for ``soak_s`` alone. ``budget``:
    how many may fail.
    """

    strategy: Strategy = "all-at-once"
    most: Amount | None = None
    canaries: Amount = Amount(1)
    soak_s: float = 600.0
    budget: Amount = Amount(0)
    on_breach: OnBreach = "pause"

    def at_once(self, total: int) -> int:
        """How many hosts may be at work."""
        return total if self.most is None else max(1, self.most.of(total))


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """``assigned``: the version that it is to have now; ``former``: the one to go back to; None: there is none.
    ``standing``: how the assigned version stands there.
    """

    name: str
    reachable: bool = True
    assigned: str | None = None
    former: str | None = None
    standing: Standing = "good"


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """``version``: the one that is rolled out. ``soak_since``: when all canaries were good. ``forgiven``: hosts
    whose failure a person has seen, and gone on.
    """

    version: str
    state: State = "going"
    reason: str = ""
    soak_since: float | None = None
    forgiven: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Wave:
    """What is to be done now: ``start`` get the version, ``back`` their former one. ``course``: from now on."""

    course: Course
    start: tuple[str, ...] = ()
    back: tuple[str, ...] = ()


def decide(pace: Pace, course: Course, hosts: Iterable[HostFacts], *, now: float) -> Wave:
    """``hosts``: all that the document is for. ``now``: seconds of a clock that goes on over restarts."""
    known = sorted(hosts, key=lambda item: item.name)
    if course.state == "going":
        course = _judged(pace, course, known)
    if course.state == "returning":
        return _returning(pace, course, known)
    if course.state in {"paused", "returned"}:
        return Wave(course)
    if course.state == "going" and pace.strategy == "canary":
        course = _soaked(pace, course, known, now)
    start = _queue(course, known)[: _room(pace, course, known, now)]
    if not start and course.state == "going" and all(_settled(course, item) for item in known):
        course = replace(course, state="done", reason="")
    return Wave(course, start=tuple(item.name for item in start))


def paused(course: Course, reason: str) -> Course:
    """Somebody wants it to wait."""
    return replace(course, state="paused", reason=reason)


def resumed(course: Course, hosts: Iterable[HostFacts]) -> Course:
    """Somebody has seen what failed, and wants to go on."""
    seen = frozenset(item.name for item in _failed(replace(course, forgiven=frozenset()), list(hosts)))
    return replace(course, state="going", reason="", forgiven=seen)


def taken_back(course: Course, reason: str) -> Course:
    """Somebody wants the former version everywhere."""
    return replace(course, state="returning", reason=reason)


def failed_of(course: Course, hosts: Iterable[HostFacts]) -> tuple[str, ...]:
    """Hosts on which the version is no good, also those that somebody has seen; in order."""
    return tuple(sorted(item.name for item in hosts if _is_new(course, item) and _no_good(item)))


def _is_new(course: Course, host: HostFacts) -> bool:
    return host.assigned == course.version


def _at_work(host: HostFacts) -> bool:
    return host.standing == "going" and host.reachable


def _no_good(host: HostFacts) -> bool:
    return host.standing == "failed" or (host.standing == "going" and not host.reachable)


def _failed(course: Course, known: Sequence[HostFacts]) -> list[HostFacts]:
    return [
        item for item in known if _is_new(course, item) and _no_good(item) and item.name not in course.forgiven
    ]


def _judged(pace: Pace, course: Course, known: Sequence[HostFacts]) -> Course:
    """Whether more have failed than may."""
    failed, most = _failed(course, known), pace.budget.of(len(known))
    if len(failed) <= most:
        return course
    names = ", ".join(item.name for item in failed[:NAMED]) + (", …" if len(failed) > NAMED else "")
    reason = f"{len(failed)} of {len(known)} hosts failed, and {most} may: {names}"
    return replace(course, state="returning" if pace.on_breach == "rollback" else "paused", reason=reason)


def _queue(course: Course, known: Sequence[HostFacts]) -> list[HostFacts]:
    """Who can be begun with now."""
    return [
        item
        for item in known
        if not _is_new(course, item) and item.reachable and item.standing not in {"going", "held"}
    ]


def _settled(course: Course, host: HostFacts) -> bool:
    return _is_new(course, host) and not _at_work(host) and host.standing != "held"


def _room(pace: Pace, course: Course, known: Sequence[HostFacts], now: float) -> int:
    """For how many more there is room."""
    room = max(0, pace.at_once(len(known)) - sum(map(_at_work, known)))
    if pace.strategy != "canary" or course.state == "done" or _soak_is_over(pace, course, now):
        return room
    canaries = sum(_is_new(course, item) and not _no_good(item) for item in known)
    return min(room, max(0, _wanted(pace, known) - canaries))


def _wanted(pace: Pace, known: Sequence[HostFacts]) -> int:
    """How many canaries."""
    return max(1, pace.canaries.of(len(known)))


def _soak_is_over(pace: Pace, course: Course, now: float) -> bool:
    return course.soak_since is not None and now >= course.soak_since + pace.soak_s


def _soaked(pace: Pace, course: Course, known: Sequence[HostFacts], now: float) -> Course:
    """The soak begins when all canaries are good, anew when one is no longer, and once over it stays so."""
    if _soak_is_over(pace, course, now):
        return course
    good = sum(_is_new(course, item) and item.standing == "good" for item in known)
    if good < _wanted(pace, known):
        return replace(course, soak_since=None)
    return course if course.soak_since is not None else replace(course, soak_since=now)


def _returning(pace: Pace, course: Course, known: Sequence[HostFacts]) -> Wave:
    """Those first on which it failed: they serve nobody. Who has no former version keeps what it has."""
    due = [item for item in known if _is_new(course, item) and item.former not in {None, course.version}]
    ready = [item for item in due if item.reachable and item.standing != "going"]
    room = max(0, pace.at_once(len(known)) - sum(map(_at_work, known)))
    back = sorted(ready, key=lambda item: (item.standing != "failed", item.name))[:room]
    over = not due and not any(map(_at_work, known))
    return Wave(replace(course, state="returned") if over else course, back=tuple(item.name for item in back))
