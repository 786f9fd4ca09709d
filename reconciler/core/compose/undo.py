"""Undo: take back a project's operation that is open, from whatever point it was left at.

Works from the containers that are there and from Compose's own comparison, never from a step counter, so that it
may itself be interrupted anywhere and made again. The former revision is brought back whole: active, up, started;
then the operation is closed, and only after that is anything waited for, so that a former revision that cannot
become well does not keep a newer document out. Without a former one the project is taken down.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from reconciler.core.action import (
    Action,
    ActivateRevision,
    RecordUndone,
    WaitService,
    WriteSticker,
)
from reconciler.core.compose.change import moved, up_actions
from reconciler.core.compose.claims import ProjectClaims, find_project_claims
from reconciler.core.compose.files import ensure_files
from reconciler.core.compose.steps import down_actions, leftover_actions, proof_actions, pull_actions
from reconciler.core.delivering import deliver_missing
from reconciler.core.desired import DesiredState
from reconciler.core.project import DIRECTORY_LABEL, PROJECT_LABEL, Project
from reconciler.core.record import Operation
from reconciler.core.situation import Situation


def undo_actions(situation: Situation, operation: Operation) -> tuple[Action, ...]:
    """Everything between the open operation and the state before it."""
    cause = operation.failure or f"generation {operation.generation} was interrupted"
    undone = RecordUndone(document=situation.record.document, cause=cause, generation=operation.generation)
    tried, former = tried_state(situation, operation), situation.former
    if former is None or former.project is None:
        return (*_take_down(situation, tried, cause), undone)
    aside = _set_aside(situation, tried, former.project, cause)
    up = tuple(_bring_back(situation, former, tried, cause))
    first = _before_waiting(up)
    return (*aside, *up[:first], undone, *up[first:], *_prove(situation, former))


def tried_state(situation: Situation, operation: Operation) -> DesiredState:
    """The revision that the open operation was to bring."""
    revision = situation.record.revision(operation.fingerprint)
    return revision.desired if revision is not None else situation.desired


def _take_down(situation: Situation, tried: DesiredState, cause: str) -> Iterator[Action]:
    assert tried.project is not None  # noqa: S101  (what was begun as another kind is taken back as that)
    yield from down_actions(situation, tried, tried.project, cause=cause)


def _set_aside(situation: Situation, tried: DesiredState, former: Project, cause: str) -> Iterator[Action]:
    """What was tried under another name or in another directory is another project, and goes down. Where only the
    directory is another, taking it down takes all of that name down: only where something of it is there.
    """
    project = tried.project
    if project is None or not moved(former, project):
        return
    place = (project.name, project.directory)
    rows = situation.observation.containers
    there = any((row.labels.get(PROJECT_LABEL), row.labels.get(DIRECTORY_LABEL)) == place for row in rows)
    if there or project.name != former.name:
        yield from down_actions(situation, tried, project, cause=cause)


def _bring_back(situation: Situation, former: DesiredState, tried: DesiredState, cause: str) -> Iterator[Action]:
    project = former.project
    assert project is not None  # noqa: S101  (the caller has looked)
    kept, claims = back_at(situation, former, project)
    base = tried.project if tried.project is not None and not moved(tried.project, project) else None
    yield from pull_actions(kept, former, known=True)
    yield from ensure_files(kept, former, project, cause=cause)
    yield from leftover_actions(kept, claims)
    yield from deliver_missing(kept, former)
    yield ActivateRevision(document=former.name, cause=cause, desired=former)
    yield from up_actions(kept, claims, base, cause=cause)


def back_at(situation: Situation, former: DesiredState, project: Project) -> tuple[Situation, ProjectClaims]:
    """The situation with the former revision as what is wanted, and nothing made anew by force."""
    calm = replace(project, force_recreate=False)
    wanted = situation.wanted or situation.desired
    kept = replace(situation, desired=replace(former, project=calm), wanted=wanted)
    return kept, find_project_claims(calm, situation.observation, situation.record)


def _before_waiting(actions: Sequence[Action]) -> int:
    waits = (index for index, action in enumerate(actions) if isinstance(action, WaitService))
    return next(waits, len(actions))


def _prove(situation: Situation, former: DesiredState) -> Iterator[Action]:
    committed = situation.record.committed
    assert committed is not None  # noqa: S101  (there is no former revision without a committed generation)
    yield from proof_actions(former, committed.generation, cause="the former revision serves again")
    yield WriteSticker(
        document=situation.record.document, cause="the former generation serves again", desired=former
    )
