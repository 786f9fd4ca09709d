"""Steps: the Actions that several kinds of plans for a project have in common."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from reconciler.core.action import (
    Action,
    ComposeDown,
    ContainerRef,
    PullImage,
    RemoveContainer,
    RenameContainer,
    StartService,
    StopContainer,
    UnpauseContainer,
    VerifyProject,
    WaitProject,
    WaitService,
)
from reconciler.core.compose.claims import Member, ProjectClaims
from reconciler.core.compose.files import ensure_files
from reconciler.core.desired import DesiredState
from reconciler.core.observation import ALIVE
from reconciler.core.project import Need, Project, Service, followers, stages
from reconciler.core.situation import Situation

UNSURE = "Compose may have recreated it"


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
            yield RemoveContainer(document=document, cause=cause, container=container, beside=left.name)
    yield from _without_doubles(document, claims)


def _without_doubles(document: str, claims: ProjectClaims) -> Iterator[Action]:
    """Of several containers with one number Compose keeps the newest, whatever that was made from."""
    for row in claims.doubles:
        cause, container = "its labels are a copy of another container's", ContainerRef(row.name, row.id)
        if row.status in ALIVE:
            yield StopContainer(document=document, cause=cause, container=container)
        yield RemoveContainer(document=document, cause=cause, container=container)


def unpause_actions(document: str, members: Iterable[Member]) -> Iterator[Action]:
    """Have no container paused: Compose fails over one that it leaves as it is."""
    for member in members:
        if member.row.status == "paused":
            cause = f"{member.row.name} is paused, wanted running"
            yield UnpauseContainer(document=document, cause=cause, container=ref(member))


def free_names(document: str, claims: ProjectClaims) -> Iterator[Action]:
    """Take a name from a container that another service is to have: Compose makes its containers in no order that
    would free it in time. It finds them by their labels, whatever they are called.
    """
    project = claims.project
    wanted = {
        project.container_name(service, number): service.name
        for service in project.services
        for number in range(1, service.replicas + 1)
    }
    for member in claims.members:
        name, service = member.row.name, member.service.name
        if wanted.get(name, service) != service:
            cause = f"the name {name} is to be that of service {wanted[name]}"
            to = f"{member.row.id[:12]}-{name}"
            yield RenameContainer(document=document, cause=cause, container=ref(member), to=to)


def stop_followers(document: str, claims: ProjectClaims, started: Collection[str]) -> Iterator[Action]:
    """Stop what lives in the network of a service that is about to be started: it would keep the former one, which
    leads nowhere.
    """
    following = followers(claims.project, started) - set(started)
    for member in claims.members:
        name = member.service.name
        if name in following and "network" in member.service.namespaces and member.row.status in ALIVE:
            cause = f"{name} lives in the network of a service that is started anew"
            timeout_s = member.service.config.stop_timeout_s
            yield StopContainer(document=document, cause=cause, container=ref(member), timeout_s=timeout_s)


def ref(member: Member) -> ContainerRef:
    """The container, as Actions name it."""
    return ContainerRef(member.row.name, member.row.id)


def start_actions(
    desired: DesiredState, project: Project, services: Collection[str], *, cause: str, certain: Collection[str]
) -> Iterator[Action]:
    """Start these services in the order of their needs, waiting where one needs more than that another runs.

    Of others than ``certain`` only Compose knows whether it has recreated them; one that runs, or is a job that
    ended well, is left alone. What needs no waiting comes first, and what is certain: a service that is not well
    keeps none back that does not need it.
    """
    left = [item for stage in stages(project) for item in stage if item.name in services and item.replicas]
    met: set[Need] = set()
    while left:
        service = _next(left, met, certain)
        left.remove(service)
        for need in _waits(service, met):
            met.add(need)
            yield _wait(desired, need, service)
        reason = cause if service.name in certain else UNSURE
        yield StartService(document=desired.name, cause=reason, desired=desired, service=service.name)


def _next(left: Sequence[Service], met: Collection[Need], certain: Collection[str]) -> Service:
    names = {item.name for item in left}
    ready = [item for item in left if not any(need.service in names for need in item.needs)]
    return min(ready or left, key=lambda item: bool(_waits(item, met)) and 1 + (item.name not in certain))


def _waits(service: Service, met: Collection[Need]) -> tuple[Need, ...]:
    return tuple(need for need in service.needs if need.condition != "started" and need not in met)


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
