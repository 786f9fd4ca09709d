"""Steps: the Actions that several kinds of plans for a project have in common."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from reconciler.core.action import (
    Action,
    ComposeDown,
    ContainerRef,
    PullImage,
    RemoveContainer,
    RenameContainer,
    StartService,
    VerifyProject,
    WaitProject,
    WaitService,
)
from reconciler.core.compose.claims import ProjectClaims
from reconciler.core.compose.files import ensure_files
from reconciler.core.desired import DesiredState
from reconciler.core.project import Need, Project, Service, stages
from reconciler.core.situation import Situation

UNSURE = "Compose may recreate it"


def pull_actions(situation: Situation, desired: DesiredState, *, known: bool = False) -> Iterator[Action]:
    """Images that the host does not have: Compose is never let pull. ``known``: only where that was looked up."""
    references = situation.observation.references
    for image in desired.images:
        absent = references.get(str(image), "" if known else None) is None
        if absent:
            cause = f"the host does not have the image of {', '.join(_users(desired, str(image)))}"
            yield PullImage(document=situation.desired.name, cause=cause, image=image)


def _users(desired: DesiredState, image: str) -> Iterator[str]:
    services = desired.project.services if desired.project else ()
    return (service.name for service in services if str(service.image) == image)


def leftover_actions(situation: Situation, claims: ProjectClaims) -> Iterator[Action]:
    """What a killed Compose left half-made, out of the way of the next one. One whose predecessor is gone already
    takes its name: it has what that one's anonymous volumes held.
    """
    document, cause = situation.desired.name, "Compose was interrupted while it replaced a container"
    for left in claims.leftovers:
        container = ContainerRef(left.row.name, left.row.id)
        if left.replaced:
            yield RenameContainer(document=document, cause=cause, container=container, to=left.name)
        else:
            yield RemoveContainer(document=document, cause=cause, container=container)


def start_actions(
    desired: DesiredState, project: Project, services: Collection[str], *, cause: str, unsure: Collection[str] = ()
) -> Iterator[Action]:
    """Start these services in the order of their needs, waiting where one needs more than that another runs.

    ``unsure`` are those of which only Compose knows whether it has recreated them.
    """
    waited: set[Need] = set()
    for stage in stages(project):
        for service in sorted(stage, key=lambda item: (bool(_waits(item)), item.name)):
            if service.name not in services or not service.replicas:
                continue
            for need in _waits(service):
                if need not in waited:
                    waited.add(need)
                    yield _wait(desired, need, service)
            reason = UNSURE if service.name in unsure else cause
            yield StartService(document=desired.name, cause=reason, desired=desired, service=service.name)


def _waits(service: Service) -> tuple[Need, ...]:
    return tuple(need for need in service.needs if need.condition != "started")


def _wait(desired: DesiredState, need: Need, service: Service) -> WaitService:
    return WaitService(
        document=desired.name,
        cause=f"{service.name} needs {need.service} {need.condition}",
        desired=desired,
        service=need.service,
        condition=need.condition,
        timeout_ms=desired.health_timeout_ms,
    )


def proof_actions(desired: DesiredState, generation: int, *, cause: str) -> tuple[Action, ...]:
    """The health gate over all services, and the comparison of what runs with what was to run."""
    return (
        WaitProject(
            document=desired.name,
            cause=cause,
            desired=desired,
            timeout_ms=desired.health_timeout_ms,
            min_healthy_ms=desired.strategy.min_healthy_ms,
        ),
        VerifyProject(document=desired.name, cause=cause, desired=desired, generation=generation),
    )


def down_actions(situation: Situation, desired: DesiredState, project: Project, *, cause: str) -> Iterator[Action]:
    """Take a project down. Compose reads its files for that, so that they are made sure of first."""
    yield from ensure_files(situation, desired, project, cause=cause)
    yield ComposeDown(document=situation.desired.name, cause=cause, desired=desired)
