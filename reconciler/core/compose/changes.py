"""Changes: which services Compose is expected to create or recreate, and which it must be told to.

Compose decides by its own hash over a service, which cannot be told beforehand. What is said here is what can be
known: from the two revisions, and from the live containers. Nothing rests on it but what people are told, and
which services are started for certain.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from reconciler.core.compose.claims import Member, ProjectClaims, done
from reconciler.core.compose.drift import as_container, own_drift
from reconciler.core.compose.files import mounting, touched_files
from reconciler.core.drift import Drift
from reconciler.core.observation import ALIVE
from reconciler.core.project import Project, Service, followers
from reconciler.core.repair import IN_PLACE, needs_replacement
from reconciler.core.situation import Situation
from reconciler.core.startable import network_lost, stands_in_its_way

IN_PLACE_HERE = IN_PLACE - {"config.networks"}
"""Networks of a project are Compose's: it knows how to make and label them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Names of services, sorted: ``recreate`` those that Compose must be told of, ``expected`` all that are
    created or recreated, ``restarts`` those of them that run, ``idle`` those that do not run and should.
    """

    recreate: tuple[str, ...] = ()
    expected: tuple[str, ...] = ()
    restarts: tuple[str, ...] = ()
    idle: tuple[str, ...] = ()


def deploy_changes(situation: Situation, claims: ProjectClaims, base: Project | None) -> Changes:
    """What bringing the wanted revision changes. ``base`` is what the containers were made from, if known."""
    project = claims.project
    edited = {item.name for item in project.services if base is not None and _edited(base, project, item)}
    differing = {item.name for item in project.services if _differing(situation, claims, item)}
    unseen = {name for name in differing if _unseen(situation, claims, name)}
    touched = mounting(project, touched_files(situation, situation.desired, project))
    everything = {item.name for item in project.services} if project.force_recreate else set()
    lost = {item.service.name for item in claims.members if _lost(situation, claims, item)}
    recreate = ((unseen | touched | lost) - edited) | everything
    return _changes(situation, claims, recreate=recreate, besides=edited | differing)


def heal_changes(situation: Situation, claims: ProjectClaims, drift: tuple[Drift, ...]) -> Changes:
    """What putting right ``drift`` changes. A revision that has failed is not made anew for a difference."""
    failed_before = situation.desired.fingerprint in situation.record.quarantined
    services = () if failed_before else claims.project.services
    differing = {item.name for item in services if _differing(situation, claims, item)}
    dead = {item.service.name for item in claims.members if _lost(situation, claims, item)}
    unseen = {name for name in differing if _unseen(situation, claims, name)}
    changes = _changes(situation, claims, recreate=unseen | dead, besides=differing)
    missing = {item.path.rpartition(".")[2] for item in drift if item.kind == "compose-service-missing"}
    causes = missing | differing | dead
    causes |= followers(claims.project, causes)
    expected = tuple(name for name in changes.expected if name in causes)
    idle = tuple(name for name in changes.idle if _stopped(situation, claims, name))
    return Changes(recreate=changes.recreate, expected=expected, restarts=changes.restarts, idle=idle)


def _changes(
    situation: Situation, claims: ProjectClaims, *, recreate: Collection[str], besides: Collection[str]
) -> Changes:
    lacking = {item.name for item in claims.project.services if claims.lacks(item)}
    causes = {*recreate, *besides, *lacking}
    expected = causes | followers(claims.project, causes)
    alive = {item.service.name for item in claims.members if item.row.status in ALIVE}
    return Changes(
        recreate=tuple(sorted(recreate)),
        expected=tuple(sorted(expected)),
        restarts=tuple(sorted(expected & alive)),
        idle=tuple(sorted({item.service.name for item in claims.members if _idle(situation, item)})),
    )


def _idle(situation: Situation, member: Member) -> bool:
    detail = situation.observation.details.get(member.row.id)
    return member.row.status in {"created", "exited"} and not done(member.service, detail)


def _stopped(situation: Situation, claims: ProjectClaims, name: str) -> bool:
    """Whether the document lets it count that one of the service's containers does not run."""
    return any(
        item.kind == "stopped"
        for member in claims.members
        if member.service.name == name
        for item in own_drift(situation, claims, member)
    )


def _differing(situation: Situation, claims: ProjectClaims, service: Service) -> bool:
    return any(replacing(situation, claims, member) for member in claims.of(service))


def _unseen(situation: Situation, claims: ProjectClaims, name: str) -> bool:
    """Whether a container differs that Compose takes for what it made: it sees no more than its own hash."""
    found = (replacing(situation, claims, item) for item in claims.members if item.service.name == name)
    return any(drift and all(item.kind != "compose-config-hash" for item in drift) for drift in found)


def replacing(situation: Situation, claims: ProjectClaims, member: Member) -> tuple[Drift, ...]:
    """The differences of a container that only a new one removes."""
    drift = own_drift(situation, claims, member)
    hashes = tuple(item for item in drift if item.kind == "compose-config-hash")
    detail = situation.observation.details.get(member.row.id)
    view = as_container(situation, claims, member)
    return (*needs_replacement(view, detail, drift, in_place=IN_PLACE_HERE), *hashes)


def _lost(situation: Situation, claims: ProjectClaims, member: Member) -> bool:
    """Whether a container cannot be started again."""
    if member.row.status == "dead":
        return True
    if not _idle(situation, member):
        return False
    of_another = "network" in member.service.namespaces
    lost = not of_another and network_lost(as_container(situation, claims, member))
    return lost or stands_in_its_way(situation, member.row)


def _edited(base: Project, project: Project, service: Service) -> bool:
    before = base.service(service.name)
    return before is None or _essence(base, before) != _essence(project, service)


def _essence(project: Project, service: Service) -> tuple[Any, ...]:
    """What of a service is known to make Compose recreate it."""
    paths = {item.name: project.artifact_path(item) for item in project.files}
    files = tuple((item, paths.get(item.artifact)) for item in service.files)
    shared = (service.namespaces, service.security, service.extras)
    return service.image, service.config, service.container_name, files, *shared
