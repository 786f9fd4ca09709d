"""Carries out Actions on Compose projects: their folders, their containers, their services.

Decides nothing: the plan has decided, and Compose decides what its containers need. Every method looks first, so
that an Action which is already so is success. Right before Compose reads the files on the host, they are compared
with those that were verified, and before it changes anything the project's containers are looked through for
somebody else's: where there are any, nothing is touched. Errors become failed Outcomes here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reconciler.core import action as actions
from reconciler.core.action import Action, ProjectAction
from reconciler.core.delivery import NOWHERE, Places, secret_paths
from reconciler.core.deployment import compose_files, revision_files
from reconciler.core.interfaces import Compose, ComposeProject, Deliveries, Deployments, Engine, Journal, Progress
from reconciler.core.observation import ContainerRow
from reconciler.core.outcome import Outcome
from reconciler.core.project import SERVICE_LABEL
from reconciler.errors import EngineRefused, ReconcilerError
from reconciler.executors.compose_check import check_files, check_model
from reconciler.executors.compose_containers import ProjectContainers
from reconciler.executors.compose_services import ServiceActions
from reconciler.executors.discretion import DeliveredSecrets, Discretion, NoSecrets, hide
from reconciler.executors.project_gate import ProjectGate

Method = Callable[[Any, Progress], Outcome]


class ComposeExecutor:
    """The executor of the ``ProjectAction`` family.

    ``places`` is where secrets of documents lie, ``deliveries`` opens them to mask what containers say.
    ``clock`` is monotonic seconds. ``sleep`` takes seconds; it may raise ``Interrupted``, which ends a wait for
    health. ``engine_breaks`` counts how often the engine may have died: what ends with it is not held against a
    release.
    """

    def __init__(  # noqa: PLR0913  (what it needs of the world, each handed in by name)
        self,
        engine: Engine,
        journal: Journal,
        *,
        compose: Compose,
        deployments: Deployments,
        places: Places = NOWHERE,
        deliveries: Deliveries | None = None,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        engine_breaks: Callable[[], int] = lambda: 0,
    ) -> None:
        self._engine = engine
        self._owner = journal.owner
        self._compose = compose
        self._deployments = deployments
        self._places = places
        self._containers = ProjectContainers(engine, owner=journal.owner)
        self._discretion: Discretion = DeliveredSecrets(deliveries, journal) if deliveries else NoSecrets()
        gate = ProjectGate(engine, clock=clock, sleep=sleep, engine_breaks=engine_breaks)
        self._services = ServiceActions(engine, journal, gate, self._containers, self._discretion)
        self._methods = self._dispatch_table()

    def handles(self, action: Action) -> bool:
        """True for every Action on a project."""
        return action.kind in self._methods

    def perform(self, action: Action, *, progress: Progress) -> Outcome:
        """Carry out one Action that it handles. Never raises a ReconcilerError."""
        try:
            return self._methods[action.kind](action, progress)
        except ReconcilerError as error:
            hide(error, self._discretion, action.document)
            return Outcome(kind="failed", action=action, error=error)

    def _dispatch_table(self) -> Mapping[str, Method]:
        return {
            actions.WriteRevision.kind: self._write,
            actions.CheckProject.kind: self._check,
            actions.ActivateRevision.kind: self._activate,
            actions.ComposeUp.kind: self._up,
            actions.ComposeDown.kind: self._down,
            actions.StartService.kind: self._services.start,
            actions.WaitService.kind: self._services.wait,
            actions.WaitProject.kind: self._services.wait_project,
            actions.VerifyProject.kind: self._services.verify,
            actions.RemoveRevision.kind: self._remove_revision,
            actions.RemoveDeployment.kind: self._remove_deployment,
        }

    def _write(self, action: actions.WriteRevision, _progress: Progress) -> Outcome:
        """Read back what was written: the text on the host is what was verified."""
        changed = self._deployments.write(action.project.directory, self._files(action))
        self._compare_files(action)
        return _outcome(action, changed)

    def _check(self, action: actions.CheckProject, _progress: Progress) -> Outcome:
        self._containers.everything(action.project)
        self._compare_files(action)
        check_model(action.project, self._compose.config(_told(action)), self._secrets(action))
        return Outcome(kind="done", action=action)

    def _activate(self, action: actions.ActivateRevision, _progress: Progress) -> Outcome:
        changed = self._deployments.activate(action.project.directory, action.desired.fingerprint)
        return _outcome(action, changed)

    def _up(self, action: actions.ComposeUp, progress: Progress) -> Outcome:
        before = self._containers.everything(action.project)
        self._compare_files(action)
        self._compose.up(_told(action), recreate=action.recreate, progress=progress)
        detail = changes(before, self._containers.everything(action.project))
        return Outcome(kind="done" if detail else "already", action=action, detail=detail)

    def _down(self, action: actions.ComposeDown, progress: Progress) -> Outcome:
        """Compose finds what is there by its labels: the files may be gone."""
        project = action.project
        before = self._containers.everything(project)
        if not before and not self._engine.list_networks().intersection(project.networks):
            return Outcome(kind="already", action=action)
        self._compose.down(_told(action), progress=progress)
        left = self._containers.left(project)
        if left:
            raise EngineRefused(
                f"took down project {project.name}, but its containers are still there: {', '.join(left)}",
                hint="look at the engine's log",
            )
        return Outcome(kind="done", action=action)

    def _remove_revision(self, action: actions.RemoveRevision, _progress: Progress) -> Outcome:
        removed = self._deployments.remove_revision(action.project.directory, action.desired.fingerprint)
        return _outcome(action, removed)

    def _remove_deployment(self, action: actions.RemoveDeployment, _progress: Progress) -> Outcome:
        return _outcome(action, self._deployments.remove(action.project.directory))

    def _compare_files(self, action: ProjectAction) -> None:
        files = self._files(action)
        check_files(action.project, files, self._deployments.read(action.project.directory, tuple(files)))

    def _files(self, action: ProjectAction) -> Mapping[str, bytes]:
        desired = action.desired
        return revision_files(
            action.project,
            fingerprint=desired.fingerprint,
            document=desired.name,
            owner=self._owner,
            secrets=self._secrets(action),
        )

    def _secrets(self, action: ProjectAction) -> Mapping[str, str]:
        return secret_paths(action.desired.deliveries, self._places, action.desired.name)


def changes(before: tuple[ContainerRow, ...], after: tuple[ContainerRow, ...]) -> str:
    """What became of a project's containers, for people; "" where nothing did."""
    were, are = _by_id(before), _by_id(after)
    gone = [were[key] for key in were.keys() - are.keys()]
    new = [are[key] for key in are.keys() - were.keys()]
    old, now = ({row.labels.get(SERVICE_LABEL, "") for row in rows} for rows in (gone, new))
    altered = {are[key].name for key in are.keys() & were.keys() if _place(are[key]) != _place(were[key])}
    words = {"recreated": now & old, "created": now - old, "removed": old - now, "changed": altered}
    return "; ".join(f"{word} {', '.join(sorted(names))}" for word, names in words.items() if names)


def _by_id(rows: tuple[ContainerRow, ...]) -> Mapping[str, ContainerRow]:
    return {row.id: row for row in rows}


def _place(row: ContainerRow) -> tuple[str, tuple[str, ...]]:
    return row.name, row.networks


def _told(action: ProjectAction) -> ComposeProject:
    project = action.project
    return ComposeProject(
        name=project.name,
        directory=project.directory,
        files=compose_files(project, action.desired.fingerprint),
    )


def _outcome(action: Action, changed: bool) -> Outcome:  # noqa: FBT001  (what the world answered)
    return Outcome(kind="done" if changed else "already", action=action)
