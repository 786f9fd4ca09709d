"""Status: which release of a project runs, and how well, from its live containers."""

from __future__ import annotations

from reconciler.core.compose.claims import Member, ProjectClaims, carries, done
from reconciler.core.container_view import health_of
from reconciler.core.observation import ALIVE
from reconciler.core.project import CONFIG_HASH_LABEL
from reconciler.core.record import Revision
from reconciler.core.situation import Situation
from reconciler.core.status import HealthWord


def running_release(situation: Situation, claims: ProjectClaims) -> tuple[str, str]:
    """Release id and digest of the revision whose images all live containers carry. Of several that differ in
    configuration only it is the one whose hashes they have, else the committed one, else the newest.
    """
    alive = [item for item in claims.members if item.row.status in ALIVE]
    fitting = [item for item in situation.record.revisions if alive and _fits(situation, item, alive)]
    if not fitting:
        return "", ""
    best = max(enumerate(fitting), key=lambda item: (*_likeness(situation, item[1], alive), item[0]))[1]
    return best.release.id, best.digest


def _fits(situation: Situation, revision: Revision, alive: list[Member]) -> bool:
    project = revision.desired.project
    if project is None:
        return False
    for member in alive:
        service = project.service(member.service.name)
        detail = situation.observation.details.get(member.row.id)
        if service is None or detail is None or not carries(service.image, detail, situation.observation):
            return False
    return True


def _likeness(situation: Situation, revision: Revision, alive: list[Member]) -> tuple[bool, bool]:
    own = [item for item in situation.record.operations if item.fingerprint == revision.fingerprint]
    seen = {item.service.name: item.row.labels.get(CONFIG_HASH_LABEL, "") for item in alive}
    hashed = any(seen.items() <= item.config_hashes.items() for item in own)
    committed = situation.record.committed
    return hashed, committed is not None and committed.fingerprint == revision.fingerprint


def project_health(situation: Situation, claims: ProjectClaims) -> HealthWord:
    """The worst of the services; Missing when nothing runs that is no job which ended well."""
    well = [item for item in claims.members if _done(situation, item)]
    alive = [item for item in claims.members if item.row.status in ALIVE]
    if not (alive or well):
        return "Missing"
    if any(claims.lacks(service) for service in claims.project.services):
        return "Degraded"
    words = {health_of(item.row) for item in claims.members if item not in well}
    found: list[HealthWord] = [word for word in ("Degraded", "Progressing") if word in words]
    return found[0] if found else "Healthy"


def stable(situation: Situation, claims: ProjectClaims) -> bool:
    """Whether every service runs, or has ended well, and is healthy."""
    if any(claims.lacks(service) for service in claims.project.services):
        return False
    return all(
        _done(situation, item) or (item.row.running and item.row.health in {"healthy", "none"})
        for item in claims.members
    )


def _done(situation: Situation, member: Member) -> bool:
    return done(member.service, situation.observation.details.get(member.row.id))
