"""Notice: what a person must know of a document, a file or the host, and what is known to be well.

Decides which states are worth a message and which are not: what is under way, what a person has suspended, and
what cannot be seen now say nothing new. How long a state must last, and who was told what, is decided in
``telling``. Values are those of the status: secrets are masked already.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from reconciler.core.difference import Drift
from reconciler.core.status import DocumentStatus, Phase

SubjectKind = Literal["document", "file", "engine", "state", "look", "audit"]
Condition = Literal[
    "rolled-back",
    "quarantined",
    "failed",
    "held",
    "blocked",
    "unhealthy",
    "drift",
    "invalid",
    "engine-down",
    "state-unwritable",
    "look-failed",
    "audit-broken",
]

_HOSTS: Final = {
    "engine": "the engine",
    "state": "the state directory",
    "look": "the look",
    "audit": "the audit log",
}


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """What a message is about. ``name`` is "" for what a host has one of."""

    kind: SubjectKind
    name: str = ""

    def __str__(self) -> str:
        return self.name or _HOSTS[self.kind]


ENGINE: Final = Subject("engine")
STATE: Final = Subject("state")
LOOK: Final = Subject("look")
AUDIT: Final = Subject("audit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing that a person must know. The same ``condition`` with another ``mark`` is another thing. ``since``
    is seconds since the epoch, 0.0: since it was first seen. ``faint``: nothing new to who was told of something
    worse.
    """

    subject: Subject
    condition: Condition
    reason: str = ""
    mark: str = ""
    since: float = 0.0
    faint: bool = False
    status: DocumentStatus | None = None

    @property
    def drift(self) -> tuple[Drift, ...]:
        return self.status.drift if self.status else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What can be said now: by subject a Notice, or None where all is well. A subject that is not in it cannot be
    judged now, or is gone: of the kinds in ``listed`` all that there are have been seen (``present``). The time
    of what a person has ``suspended`` does not count.
    """

    known: Mapping[Subject, Notice | None] = field(default_factory=dict)
    present: frozenset[Subject] = frozenset()
    listed: frozenset[SubjectKind] = frozenset()
    suspended: frozenset[Subject] = frozenset()

    def gone(self, subject: Subject) -> bool:
        """Whether there is no such subject any more."""
        return subject.kind in self.listed and subject not in self.present


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the controller knows at one moment. ``seen``: everything was looked at once. Problems are "" where
    there is none, None where that is not known; ``invalid`` are files and what is wrong.
    """

    statuses: tuple[DocumentStatus, ...] = ()
    seen: bool = False
    engine_problem: str | None = ""
    state_problem: str | None = ""
    look_problem: str | None = ""
    audit_problem: str | None = ""
    invalid: Mapping[str, str] = field(default_factory=dict)


def view_of(facts: Facts) -> View:
    """What the facts say of everybody. Before the first look nothing is well, since nothing was seen."""
    return View(
        known=dict(_known(facts)),
        present=frozenset(Subject("document", item.name) for item in facts.statuses)
        | {Subject("file", name) for name in facts.invalid},
        listed=frozenset({"document", "file"}) if facts.seen else frozenset(),
        suspended=frozenset(Subject("document", item.name) for item in facts.statuses if item.suspension),
    )


def _known(facts: Facts) -> Iterator[tuple[Subject, Notice | None]]:
    for status in facts.statuses:
        yield from of_document(status)
    for name, reason in facts.invalid.items():
        subject = Subject("file", name)
        yield subject, Notice(subject=subject, condition="invalid", reason=reason)
    troubles: Iterable[tuple[Subject, Condition, str | None]] = (
        (ENGINE, "engine-down", facts.engine_problem),
        (STATE, "state-unwritable", facts.state_problem),
        (LOOK, "look-failed", facts.look_problem),
        (AUDIT, "audit-broken", facts.audit_problem),
    )
    for subject, condition, problem in troubles:
        if problem:
            yield subject, Notice(subject=subject, condition=condition, reason=problem)
        elif problem is not None and facts.seen:
            yield subject, None


def of_document(status: DocumentStatus) -> Iterator[tuple[Subject, Notice | None]]:
    """What its status says of a document; nothing where it cannot be seen, or a person has suspended it."""
    if status.sync == "Unknown" or status.suspension is not None:
        return
    subject = Subject("document", status.name)
    condition = _condition(status)
    if condition is not None:
        faint = status.phase == "Reconciling"
        yield (
            subject,
            Notice(
                subject=subject,
                condition=condition,
                reason=status.reason,
                mark="" if condition in {"drift", "held", "unhealthy"} else status.fingerprint,
                since=status.since if condition == "drift" else 0.0,
                faint=faint,
                status=status,
            ),
        )
    elif status.phase == "Converged" and status.health == "Healthy":
        yield subject, None


ILL: Final = frozenset({"Degraded", "Missing"})
_TOLD: Final[Mapping[Phase, Condition]] = {"RolledBack": "rolled-back", "Blocked": "blocked"}


def _condition(status: DocumentStatus) -> Condition | None:
    if any(item.kind == "orphan" for item in status.drift):
        return "drift"  # its document is gone on purpose: worth telling only where what it left stays
    match status.phase:
        case "Failed":
            return "quarantined" if status.quarantined else "failed"
        case "Held":
            return "held" if not status.shown_only else "unhealthy" if status.health in ILL else "drift"
        case "Reconciling":
            return "drift" if status.sync == "OutOfSync" else None
        case "Converged":
            return "unhealthy" if status.health in ILL else None
    return _TOLD[status.phase]
