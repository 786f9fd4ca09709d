"""Starting a project's services, waiting for them, and making sure that they run what was verified.

Compose creates containers and we start them, by id: so each start is an Action, bounded, with an error of its own,
and a job that is done is not run again. What is good enough is decided in ``project_gate``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from reconciler.core.action import (
    ProjectAction,
    ServiceAction,
    StartService,
    VerifyProject,
    WaitProject,
    WaitService,
)
from reconciler.core.interfaces import Engine, Journal, Progress
from reconciler.core.observation import ALIVE, ContainerDetail, ContainerRow
from reconciler.core.outcome import Outcome
from reconciler.core.project import NeedCondition, Project, Service
from reconciler.errors import ContainerGone, NotFound, ReconcilerError, Unhealthy
from reconciler.executors.compose_check import check_image, check_numbers, config_hashes
from reconciler.executors.compose_containers import ProjectContainers, Rows
from reconciler.executors.discretion import Discretion
from reconciler.executors.health_gate import Ask
from reconciler.executors.project_gate import Member, ProjectGate
from reconciler.executors.read_back import refuse_unpublished


class ServiceActions:
    """Methods raise what the engine and the history raise."""

    def __init__(
        self,
        engine: Engine,
        journal: Journal,
        gate: ProjectGate,
        containers: ProjectContainers,
        discretion: Discretion,
    ) -> None:
        self._discretion = discretion
        self._engine = engine
        self._journal = journal
        self._gate = gate
        self._containers = containers

    def start(self, action: StartService, progress: Progress) -> Outcome:
        """Raises ContainerGone when a container is missing, VerificationFailed when a port was not published, and
        what starting raises.
        """
        service = _service(action)
        started = []
        for row in self._containers.of(action.project, service):
            found = self._engine.inspect_container(row.id)
            if found is None:
                raise ContainerGone(f"container {row.name} of {action.target} is gone")
            change = self._to_run(service, found)
            if change is not None:
                progress(row.name)
                self._bring(f"service {service.name} ({row.name})", row, change)
                started.append(row.name)
        return Outcome(kind="done" if started else "already", action=action, detail=", ".join(started))

    def _bring(self, subject: str, row: ContainerRow, change: Callable[[str], None]) -> None:
        """Make it run; an error of the engine speaks of an id only."""
        try:
            change(row.id)
        except ReconcilerError as error:
            error.about(subject)
            raise
        refuse_unpublished(row.name, self._engine.inspect_container(row.id))

    def _to_run(self, service: Service, found: ContainerDetail) -> Callable[[str], None] | None:
        """What brings a container to run; None when it does, will by itself, or is done."""
        if found.status == "paused":
            return self._engine.unpause
        done = service.completes and found.status == "exited" and found.exit_code == 0 and not found.oom_killed
        return None if found.status in ALIVE or done else self._engine.start

    def wait(self, action: WaitService, progress: Progress) -> Outcome:
        """Raises Unhealthy and EngineUnavailable."""
        own = self._containers.own(action.project)
        members = _members(action.project, (_service(action),), own, until=action.condition)
        return self._pass(action, members, Ask(timeout_ms=action.timeout_ms, min_healthy_ms=0), progress)

    def wait_project(self, action: WaitProject, progress: Progress) -> Outcome:
        """Raises Unhealthy and EngineUnavailable."""
        own = self._containers.own(action.project)
        members = _members(action.project, action.project.services, own)
        ask = Ask(timeout_ms=action.timeout_ms, min_healthy_ms=action.min_healthy_ms)
        return self._pass(action, members, ask, progress)

    def _pass(self, action: ProjectAction, members: Sequence[Member], ask: Ask, progress: Progress) -> Outcome:
        detail = self._gate.wait(
            members, ask=ask, progress=progress, words=lambda: self._discretion.words(action.document)
        )
        return Outcome(kind="done", action=action, detail=detail)

    def verify(self, action: VerifyProject, _progress: Progress) -> Outcome:
        """Raises VerificationFailed and ContainerGone. Notes the hashes of Compose in the history."""
        own = self._containers.own(action.project)
        check_numbers(action.project, own)
        for service in action.project.services:
            image = self._engine.inspect_image(str(service.image))
            for row in own[service.name]:
                found = self._engine.inspect_container(row.id)
                if found is None:
                    raise ContainerGone(f"container {row.name} is gone")
                check_image(service.image, image.id if image else "", found)
        self._journal.hashed(action.document, action.generation, config_hashes(own))
        return Outcome(kind="done", action=action)


def _service(action: ServiceAction) -> Service:
    service = action.project.service(action.service)
    if service is None:
        raise NotFound(f"project {action.project.name} has no service {action.service}")
    return service


def _members(
    project: Project, services: Sequence[Service], own: Mapping[str, Rows], *, until: NeedCondition = "healthy"
) -> tuple[Member, ...]:
    """The containers to wait for. Raises Unhealthy when one of them is not there."""
    for service in services:
        there = len(own.get(service.name, ()))
        if there < service.replicas:
            lack = "it is gone" if service.replicas == 1 else f"{there} of {service.replicas} containers are there"
            raise Unhealthy(
                f"service {service.name} of {project.name} is not healthy: {lack}",
                reason="gone",
                hint="the next pass plans anew",
            )
    return tuple(
        Member(
            service=service.name,
            name=row.name,
            container_id=row.id,
            completes=service.completes,
            until=until,
        )
        for service in services
        for row in own.get(service.name, ())
    )
