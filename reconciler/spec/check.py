"""Checks across all documents for one target. Pure.

Both sides of a conflict are named, each at its own place; documents that are not involved go on. A document
without a target is for every controller, so it is checked with those of each target.
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from reconciler.core.container import PortBinding
from reconciler.core.desired import DesiredState
from reconciler.core.display import as_duration
from reconciler.spec.circles import circles
from reconciler.spec.problem import Level, Path, choices

OWN_STICKERS: Final = '; a path that ends with "/" is a folder in which each document has a sticker of its own'

START_INTERVAL_MS: Final = 5_000


@dataclass(frozen=True, slots=True)
class Conflict:
    """One thing that is wrong with ``document`` in the company of the others."""

    document: DesiredState
    path: Path
    message: str
    level: Level = "error"


def for_target(documents: Iterable[DesiredState], target: str | None) -> tuple[DesiredState, ...]:
    """The documents that a controller for ``target`` acts upon: its own, and those with none."""
    return tuple(item for item in documents if item.target is None or item.target == target)


def conflicts(documents: Sequence[DesiredState], *, known: Collection[str] = ()) -> tuple[Conflict, ...]:
    """All conflicts among documents of one target, in the order of the documents.

    ``known`` are names of documents that are there, though they cannot be used now.
    """
    found = [
        *_twins(documents, _name, ("metadata", "name"), "the name"),
        *_container_names(documents),
        *_twins(documents, _project, ("spec", "config", "projectName"), "the project name"),
        *_directories(documents),
        *_twins(documents, _sticker, ("spec", "sticker", "path"), "the sticker's path", hint=OWN_STICKERS),
        *_ports(documents),
        *_dependencies(documents, known),
        *_order(documents),
        *_unused(documents),
        *_visible(documents),
        *_hasty(documents),
    ]
    order = {id(document): place for place, document in enumerate(documents)}
    return tuple(sorted(found, key=lambda item: order[id(item.document)]))


def _name(document: DesiredState) -> str:
    return document.name


def _project(document: DesiredState) -> Hashable:
    """None, a key that makes no twins, for a document that is no project."""
    return document.project.name if document.project else None


def _sticker(document: DesiredState) -> Hashable:
    return document.sticker


def _twins(
    documents: Sequence[DesiredState],
    key: Callable[[DesiredState], Hashable],
    path: Path,
    what: str,
    *,
    hint: str = "",
) -> Iterator[Conflict]:
    groups: dict[Hashable, list[DesiredState]] = defaultdict(list)
    for document in documents:
        groups[key(document)].append(document)
    for value, group in groups.items():
        if value is None or (len({document.name for document in group}) == 1 and key is not _name):
            continue
        for document in group:
            others = [_called(other) for other in group if other is not document]
            if others:
                yield Conflict(document, path, f"{what} is also used by {' and '.join(others[:3])}{hint}")


def _container_names(documents: Sequence[DesiredState]) -> Iterator[Conflict]:
    """Names that differ in case only are two to the engine, but one to people. Each pair is told once."""
    holders: dict[str, list[DesiredState]] = defaultdict(list)
    for document in documents:
        for name in {name.lower() for name in document.container_names}:
            holders[name].append(document)
    told: set[tuple[int, int]] = set()
    for name, group in sorted(holders.items()):
        for document in group:
            others = [other for other in group if other.name != document.name]
            if others and (id(document), id(others[0])) not in told:
                told.add((id(document), id(others[0])))
                yield Conflict(document, *_about_container(document, name, others))


def _about_container(document: DesiredState, name: str, others: Sequence[DesiredState]) -> tuple[Path, str]:
    users = " and ".join(map(_called, others[:3]))
    if document.project is None:
        return ("spec", "config", "containerName"), f"the container name is also used by {users}"
    return ("spec", "config", "composeLock"), f'the container name "{name}" is also used by {users}'


def _directories(documents: Sequence[DesiredState]) -> Iterator[Conflict]:
    """One folder inside another would be removed or overwritten along with it."""
    projects = [(item, f"{item.project.directory}/") for item in documents if item.project]
    for document, own in projects:
        rivals = [
            other
            for other, theirs in projects
            if other.name != document.name and (own.startswith(theirs) or theirs.startswith(own))
        ]
        if rivals:
            message = f"the deployment directory is that of {_called(rivals[0])}, or one lies in the other"
            yield Conflict(document, ("spec", "config", "deploymentDirectory"), message)


def _published(document: DesiredState) -> Iterator[PortBinding]:
    """The fixed host ports of all containers."""
    configs = [service.config for service in document.project.services] if document.project else [document.config]
    yield from (port for config in configs for port in config.ports or () if port.host_port)


def _called(document: DesiredState) -> str:
    return f'"{document.name}" ({document.source})' if document.source else f'"{document.name}"'


def _ports(documents: Sequence[DesiredState]) -> Iterator[Conflict]:
    claims: dict[tuple[int, str], list[tuple[DesiredState, PortBinding]]] = defaultdict(list)
    for document in documents:
        for port in _published(document):
            claims[port.host_port, port.protocol].append((document, port))
    for group in claims.values():
        for document, port in group:
            rivals = [
                other
                for other, theirs in group
                if other.name != document.name and overlap(port.host_ip, theirs.host_ip)
            ]
            if rivals:
                message = f"host port {port.host_port}/{port.protocol} is also used by {_called(rivals[0])}"
                key = "composeLock" if document.project else "ports"
                yield Conflict(document, ("spec", "config", key), message)


def overlap(one: str, other: str) -> bool:
    """Whether two listening addresses collide: "" is all addresses, 0.0.0.0 and :: all of their family."""
    if "" in {one, other} or one == other:
        return True
    first, second = ipaddress.ip_address(one), ipaddress.ip_address(other)
    return first.version == second.version and (first.is_unspecified or second.is_unspecified)


def _dependencies(documents: Sequence[DesiredState], known: Collection[str]) -> Iterator[Conflict]:
    named: dict[str, list[DesiredState]] = defaultdict(list)
    for document in documents:
        named[document.name].append(document)
    waits = {name: [item.name for one in group for item in one.depends_on] for name, group in named.items()}
    cycles = circles(waits)
    for document in documents:
        for index, dependency in enumerate(document.depends_on):
            path = ("spec", "dependsOn", index, "name")
            wanted = named.get(dependency.name, [])
            if not wanted and dependency.name not in known:
                meant = choices(dependency.name, tuple(named), limit=0)
                yield Conflict(document, path, f'no document for this target is called "{dependency.name}"{meant}')
            elif dependency.condition == "completed" and not all(map(_can_complete, wanted)):
                why = next(_why_not(item) for item in wanted if not _can_complete(item))
                yield Conflict(document, path, f'"{dependency.name}" never completes: {why}')
        if document.name in cycles:
            circle = " -> ".join(cycles[document.name])
            yield Conflict(document, ("spec", "dependsOn"), f"the documents wait for each other: {circle}")


def _can_complete(document: DesiredState) -> bool:
    if document.project is not None:
        return all(service.completes for service in document.project.services)
    policy = document.config.restart_policy
    return policy is not None and policy.name in {"no", "on-failure"}


def _why_not(document: DesiredState) -> str:
    if document.project is None:
        return 'its restart policy is not "no" or "on-failure"'
    name = next(service.name for service in document.project.services if not service.completes)
    return f'its service "{name}" is no job (restart "no" or "on-failure")'


def _unused(documents: Sequence[DesiredState]) -> Iterator[Conflict]:
    """Files that come with a document for nothing."""
    for document in documents:
        if document.project is None:
            continue
        used = {item.artifact for service in document.project.services for item in service.files}
        for item in document.project.files:
            if item.name not in used:
                message = f'no service has "{item.name}" in its containers; remove it, or name it in the lock file'
                yield Conflict(document, ("spec", "config", "configFiles"), message, "warning")


def _visible(documents: Sequence[DesiredState]) -> Iterator[Conflict]:
    """Secrets that more can read than need to."""
    for document in documents:
        for index, secret in enumerate(document.document.get("spec", {}).get("config", {}).get("secrets", ())):
            if "envName" in secret:
                message = (
                    "whoever may inspect the container can read this variable, and so can every process in it; "
                    "a file (mountPath) is what only those read who open it"
                )
                path = ("spec", "config", "secrets", index, "envName")
                yield Conflict(document, path, message, "warning")


def _hasty(documents: Sequence[DesiredState]) -> Iterator[Conflict]:
    """Deploys whose time is up before the first probe. While a startPeriod lasts, some engines probe every 5 s."""
    for document in documents:
        if (probe := document.config.health) is None:
            continue
        first_ms = min(probe.interval_ms, START_INTERVAL_MS) if probe.start_period_ms else probe.interval_ms
        if first_ms >= document.health_timeout_ms:
            message = (
                f"the first probe comes {as_duration(first_ms)} after the start, when a deploy has waited for "
                f"{as_duration(document.health_timeout_ms)} and failed; healthCheck.timeout is how long a deploy "
                "waits, and probeTimeout how long one probe may take"
            )
            yield Conflict(document, ("spec", "config", "healthCheck", "interval"), message, "warning")


def _order(documents: Sequence[DesiredState]) -> Iterator[Conflict]:
    for document in documents:
        fixed = [port for port in document.config.ports or () if port.host_port]
        if document.strategy.order == "start-first" and fixed:
            message = (
                f"start-first is not possible with the fixed host port {fixed[0]}; replacing will be stop-first"
            )
            yield Conflict(document, ("spec", "strategy", "order"), message, "warning")
