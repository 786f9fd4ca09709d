"""Claims: what each container on a host is to a project.

Compose finds its containers by labels alone, so that a project's containers are found the same way; what makes
them ours is that directory, owner and document agree as well. Whatever else carries the project's name, or holds a
name that the project needs, is a stranger's and never touched. One-off containers (``compose run``) are of no
service and left alone; a stranger's are a stranger's as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.core import names
from reconciler.core.image import ImageReference
from reconciler.core.observation import ContainerDetail, ContainerRow, Observation
from reconciler.core.project import (
    DIRECTORY_LABEL,
    NUMBER_LABEL,
    ONE_OFF_LABEL,
    PROJECT_LABEL,
    REPLACES_LABEL,
    SERVICE_LABEL,
    Project,
    Service,
)
from reconciler.core.record import Record

_REPLACEMENT = re.compile(r"([0-9a-f]{12})_(.+)", re.DOTALL)
"""What Compose calls a replacement until the container it replaces is gone: that one's short id before the name
(docker/compose ``pkg/compose/convergence.go``, ``recreateContainer``)."""

_DEFAULT_REGISTRY = re.compile(r"^(?:index\.)?docker\.io/(?:library/)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A container of one of the project's services; ``number`` counts the service's containers from 1."""

    service: Service
    number: int
    row: ContainerRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """A replacement that a killed Compose left behind, and the name it was to have."""

    row: ContainerRow
    name: str
    replaced: bool
    """Whether the container that it was to replace is gone already, so that this one is all there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectClaims:
    """``extras`` are in our directory and of no service, or one too many; ``strangers`` carry the project's name,
    ``holders`` a container name that it needs; ``elsewhere`` are ours, of a revision with another name or
    directory.
    """

    project: Project
    members: tuple[Member, ...] = ()
    leftovers: tuple[Leftover, ...] = ()
    extras: tuple[ContainerRow, ...] = ()
    strangers: tuple[ContainerRow, ...] = ()
    holders: tuple[ContainerRow, ...] = ()
    elsewhere: tuple[ContainerRow, ...] = ()

    def of(self, service: Service) -> tuple[Member, ...]:
        """The service's containers, by number."""
        return tuple(item for item in self.members if item.service.name == service.name)

    def lacks(self, service: Service) -> bool:
        """Whether the service has fewer containers than it is to have."""
        return len(self.of(service)) < service.replicas

    @property
    def doubles(self) -> tuple[ContainerRow, ...]:
        """Extras with the service and the number of one of the members. Compose would keep either of the two."""
        taken = {(item.service.name, item.number) for item in self.members}
        return tuple(row for row in self.extras if (row.labels.get(SERVICE_LABEL, ""), _number(row)) in taken)

    @property
    def ours(self) -> tuple[ContainerRow, ...]:
        """All that this document may touch."""
        own = (*(item.row for item in self.members), *(item.row for item in self.leftovers))
        return (*own, *self.extras, *self.elsewhere)


def find_project_claims(project: Project, observation: Observation, record: Record) -> ProjectClaims:
    """Sort the host's containers by what they are to ``project``."""
    known = {(item.name, item.directory) for item in known_projects(record)}
    rows = observation.containers
    inside = [row for row in rows if _place(row) == (project.name, project.directory) and not _others(row, record)]
    elsewhere = [row for row in rows if row not in inside and _place(row) in known and _ours(row, record)]
    strangers = [row for row in rows if _place(row)[0] == project.name and row not in (*inside, *elsewhere)]
    lasting = [row for row in inside if row.labels.get(ONE_OFF_LABEL) != "True"]
    needed = set(_needed_names(project))
    leftovers = _leftovers(lasting, observation)
    left = {item.row.id for item in leftovers}
    members, extras = _members(project, [row for row in lasting if row.id not in left], record)
    return ProjectClaims(
        project=project,
        members=members,
        leftovers=leftovers,
        extras=extras,
        strangers=tuple(strangers),
        holders=tuple(
            row
            for row in observation.containers
            if row.name in needed and row not in (*inside, *elsewhere, *strangers)
        ),
        elsewhere=tuple(row for row in elsewhere if row.labels.get(ONE_OFF_LABEL) != "True"),
    )


def known_projects(record: Record) -> tuple[Project, ...]:
    """The projects of all revisions, newest first."""
    found = (item.desired.project for item in reversed(record.revisions))
    return tuple(project for project in found if project is not None)


def _place(row: ContainerRow) -> tuple[str, str]:
    return row.labels.get(PROJECT_LABEL, ""), row.labels.get(DIRECTORY_LABEL, "")


def _ours(row: ContainerRow, record: Record) -> bool:
    return row.labels.get(names.OWNER) == record.owner and row.labels.get(names.DOCUMENT) == record.document


def _others(row: ContainerRow, record: Record) -> bool:
    """Whether the labels name another owner or document than this one."""
    return any(
        row.labels.get(key, wanted) != wanted
        for key, wanted in ((names.OWNER, record.owner), (names.DOCUMENT, record.document))
    )


def _needed_names(project: Project) -> Iterable[str]:
    for service in project.services:
        for number in range(1, service.replicas + 1):
            yield project.container_name(service, number)


def _leftovers(rows: Iterable[ContainerRow], observation: Observation) -> tuple[Leftover, ...]:
    taken = {row.name for row in observation.containers}
    found = []
    for row in rows:
        parts = _REPLACEMENT.fullmatch(row.name)
        if parts is None or row.status != "created" or REPLACES_LABEL not in row.labels:
            continue
        there = any(other.id.startswith(parts[1]) for other in observation.containers) or parts[2] in taken
        found.append(Leftover(row=row, name=parts[2], replaced=not there))
        taken.add(parts[2])
    return tuple(found)


def _members(
    project: Project, rows: Iterable[ContainerRow], record: Record
) -> tuple[tuple[Member, ...], tuple[ContainerRow, ...]]:
    """The services' containers; and those of no service, made without our labels, or one too many. Of two with one
    number the one with the right name is the service's: labels are easily copied.
    """
    members: list[Member] = []
    extras: list[ContainerRow] = []
    counts: dict[str, int] = {}
    needed = set(_needed_names(project))
    for row in sorted(rows, key=lambda item: (item.name not in needed, _number(item), item.id)):
        service = project.service(row.labels.get(SERVICE_LABEL, ""))
        if service is None or not _ours(row, record) or counts.get(service.name, 0) >= service.replicas:
            extras.append(row)
            continue
        counts[service.name] = counts.get(service.name, 0) + 1
        members.append(Member(service=service, number=_number(row), row=row))
    return tuple(sorted(members, key=lambda item: (item.service.name, item.number))), tuple(extras)


def _number(row: ContainerRow) -> int:
    text = row.labels.get(NUMBER_LABEL, "")
    return int(text) if text.isascii() and text.isdigit() else 0


def done(service: Service, detail: ContainerDetail | None) -> bool:
    """A job that has ended well; it is not started again."""
    return service.completes and detail is not None and detail.status == "exited" and detail.exit_code == 0


def carries(image: ImageReference, detail: ContainerDetail, observation: Observation) -> bool:
    """Whether a container's image is this one: by the name it was made from, or by what the engine tells of it."""
    facts = observation.images.get(detail.image_id)
    told = (detail.image_reference, *(facts.repo_digests if facts else ()))
    return _familiar(str(image)) in {_familiar(reference) for reference in told}


def _familiar(reference: str) -> str:
    """Without what may be left out of a reference (distribution/reference, ``FamiliarString``)."""
    return _DEFAULT_REGISTRY.sub("", reference)


def project_unmet(condition: str, claims: ProjectClaims, details: Mapping[str, ContainerDetail]) -> str:
    """Why a project is not ``started``, ``healthy`` or ``completed``; "" when it is."""
    for service in claims.project.services:
        if claims.lacks(service):
            return f"{service.name} is not there"
        for member in claims.of(service):
            problem = _unmet(condition, member, details.get(member.row.id))
            if problem:
                return f"{service.name} is {problem}"
    return ""


def _unmet(condition: str, member: Member, detail: ContainerDetail | None) -> str:
    row = member.row
    if done(member.service, detail):
        return ""
    if condition == "completed":
        return f"{row.status}, not ended with 0" if member.service.completes else "no job, it never ends"
    if condition == "started" and member.service.completes:
        return ""
    if row.status != "running" or member.service.completes:
        return f"{row.status}, not ended with 0" if member.service.completes else row.status
    return "" if condition == "started" or row.health in {"healthy", "none"} else row.health
