"""Drift of a project: each container against its service, field by field, and what lies on disk.

A container is compared as if a Container document had asked for it, so that a field means the same in both kinds.
Paths begin with ``services.NAME``. What Compose itself adds (names of container and service among the aliases,
its labels) is no difference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from reconciler.core.compose.claims import Member, ProjectClaims, carries, done
from reconciler.core.compose.files import Touched, reading_of, touched_files
from reconciler.core.container import BUILT_IN_NETWORKS, Mount, NetworkAttachment
from reconciler.core.counterpart import Counterpart
from reconciler.core.delivery import Delivery
from reconciler.core.delivery_drift import state_on_host
from reconciler.core.desired import DesiredState
from reconciler.core.drift import (
    Drift,
    config_drift,
    release_drift,
    state_drift,
    sticker_drift,
    stranger,
    without_ignored,
)
from reconciler.core.image import short_digest
from reconciler.core.observation import ContainerDetail
from reconciler.core.project import CONFIG_HASH_LABEL, Service
from reconciler.core.situation import Situation

OF_SERVICE, OF_CONTAINER = "service:", "container:"
SHORT_ID = 12

_ANONYMOUS = re.compile(r"[0-9a-f]{64}")
"""What the engine calls a volume that nobody named (moby ``pkg/stringid``)."""
"""A network that is another container's: how lock files name it, and how engines do."""


def find_project_drift(situation: Situation, claims: ProjectClaims) -> tuple[Drift, ...]:
    """Every difference between the document and the host, without those it says to ignore.

    ``drift.mode: off`` leaves only what keeps the document from being deployed.
    """
    found = [*_foreign(claims), *_presence(claims), *release_drift(situation)]
    if situation.desired.drift.mode != "off":
        found += [*_extras(claims), *_members(situation, claims), *_disk(situation, claims)]
        found += sticker_drift(situation)
    return without_ignored(situation, dict.fromkeys(found))


def _foreign(claims: ProjectClaims) -> Iterator[Drift]:
    for row in claims.strangers:
        yield Drift("foreign", "config.projectName", "ours", f"also of {stranger(row)}")
    for row in claims.holders:
        yield Drift("foreign", f"containers.{row.name}", "ours", f"held by {stranger(row)}")


def _presence(claims: ProjectClaims) -> Iterator[Drift]:
    for service in claims.project.services:
        there = len(claims.of(service))
        if there < service.replicas:
            found = f"{there} of {service.replicas} containers" if there else "no container"
            wanted = claims.project.container_name(service, 1) if service.replicas == 1 else "all containers"
            yield Drift("compose-service-missing", f"services.{service.name}", wanted, found)


def _extras(claims: ProjectClaims) -> Iterator[Drift]:
    for row in claims.extras:
        yield Drift("compose-service-extra", f"containers.{row.name}", "no container", row.status)
    for left in claims.leftovers:
        yield Drift("compose-service-extra", f"containers.{left.row.name}", "no container", "left half-made")


def _members(situation: Situation, claims: ProjectClaims) -> Iterator[Drift]:
    for member in claims.members:
        for item in member_drift(situation, claims, member):
            yield replace(item, path=f"services.{member.service.name}.{item.path}")


def own_drift(situation: Situation, claims: ProjectClaims, member: Member) -> tuple[Drift, ...]:
    """One container's differences that are not to be ignored, with the paths that a Container's would have."""
    prefix = f"services.{member.service.name}."
    found = (replace(item, path=prefix + item.path) for item in member_drift(situation, claims, member))
    return tuple(replace(item, path=item.path.removeprefix(prefix)) for item in without_ignored(situation, found))


def member_drift(situation: Situation, claims: ProjectClaims, member: Member) -> Iterator[Drift]:
    """One container's differences, with the paths that a Container's would have."""
    row, service = member.row, member.service
    wanted_name = claims.project.container_name(service, member.number)
    if row.name != wanted_name:
        yield Drift("name", "config.containerName", wanted_name, row.name)
    detail = situation.observation.details.get(row.id)
    yield from state_drift(row, detail, done=done(service, detail))
    yield from _config_hash(situation, member)
    if detail is not None and not carries(service.image, detail, situation.observation):
        found = detail.image_reference.rpartition("@")[2] or detail.image_id
        yield Drift("image", "digest", service.image.short, f"image {short_digest(found)}")
    view = counterpart(situation, claims, member)
    if view.detail is not None:
        yield from config_drift(view.situation, view.detail)
        yield from state_on_host(view.situation, view.detail)


def counterpart(situation: Situation, claims: ProjectClaims, member: Member) -> Counterpart:
    """One container beside what is wanted of it."""
    view = as_container(situation, claims, member)
    detail = situation.observation.details.get(member.row.id)
    return Counterpart(
        row=member.row,
        situation=view,
        detail=compared(_by_service(detail, claims), view.desired, member.service.name) if detail else None,
        prefix=f"services.{member.service.name}.",
        done=done(member.service, detail),
    )


def as_container(situation: Situation, claims: ProjectClaims, member: Member) -> Situation:
    """The situation as if a Container document had asked for this container."""
    service, seen = member.service, situation.observation
    name = claims.project.container_name(service, member.number)
    own = (service.name, name)
    networks = tuple(_named(item, own) for item in service.config.networks or ())
    desired = replace(
        situation.desired,
        image=service.image,
        container_name=name,
        config=replace(service.config, networks=networks),
        deliveries=_delivered(situation.desired, service),
        project=None,
    )
    detail = seen.details.get(member.row.id)
    known = {str(service.image): detail.image_id} if detail and carries(service.image, detail, seen) else {}
    return replace(situation, desired=desired, observation=replace(seen, references={**seen.references, **known}))


def _delivered(desired: DesiredState, service: Service) -> tuple[Delivery, ...]:
    """The document's secrets that the service mounts, at their places in its containers."""
    by_name = {item.name: item for item in desired.deliveries}
    return tuple(replace(by_name[file.key], target=file.target) for file in service.files if not file.artifact)


def _named(item: NetworkAttachment, own: tuple[str, ...]) -> NetworkAttachment:
    """With the aliases that Compose adds; a network that is somebody else's, or none, knows no names."""
    if item.name in BUILT_IN_NETWORKS or item.name.startswith(OF_SERVICE):
        return item
    return replace(item, aliases=tuple(sorted({*item.aliases, *own})))


def _by_service(detail: ContainerDetail, claims: ProjectClaims) -> ContainerDetail:
    """A container inside another one's network, as the lock file says it: by the service. One that is no service's
    of the project any more, since it was made anew, is called by its short id.
    """
    owners = {OF_CONTAINER + item.row.id: OF_SERVICE + item.service.name for item in claims.members}
    networks = tuple(
        replace(item, name=owners.get(item.name, item.name[: len(OF_CONTAINER) + SHORT_ID]))
        if item.name.startswith(OF_CONTAINER)
        else item
        for item in detail.config.networks or ()
    )
    return replace(detail, config=replace(detail.config, networks=networks))


def compared(detail: ContainerDetail, desired: DesiredState, service: str) -> ContainerDetail:
    """The container as it is compared. Engines tell what was asked for and what they added in one list of aliases,
    and not all of them in full: one that has the service's name and nothing that is not wanted is as it should be.

    A volume that nobody named (the image's, or a mount without a source) is handed by Compose from a container to
    its replacement, which then has it as a mount by the engine's own name: no difference.
    """
    wanted = {item.name: item for item in desired.config.networks or ()}
    networks = tuple(_alike(item, wanted.get(item.name, item), service) for item in detail.config.networks or ())
    targets = {item.target for item in desired.config.mounts or ()}
    seen = detail.config.mounts or ()
    mounts = tuple(item for item in seen if item.target in targets or not _handed_on(item))
    return replace(detail, config=replace(detail.config, networks=networks, mounts=mounts))


def _handed_on(mount: Mount) -> bool:
    return mount.type == "volume" and _ANONYMOUS.fullmatch(mount.source) is not None


def _alike(found: NetworkAttachment, wanted: NetworkAttachment, service: str) -> NetworkAttachment:
    fine = service in found.aliases and set(found.aliases) <= set(wanted.aliases)
    return wanted if fine else found


def _config_hash(situation: Situation, member: Member) -> Iterator[Drift]:
    """What Compose says the container was made from, against what it said when the generation was verified."""
    committed = situation.record.committed
    if committed is None or committed.fingerprint != situation.desired.fingerprint:
        return
    wanted = committed.config_hashes.get(member.service.name, "")
    found = member.row.labels.get(CONFIG_HASH_LABEL, "")
    if wanted and wanted != found:
        yield Drift("compose-config-hash", "configHash", short_digest(wanted), short_digest(found) or "none")


def _disk(situation: Situation, claims: ProjectClaims) -> Iterator[Drift]:
    """Files on disk, once the revision is the committed one: before that they are not expected to be there."""
    committed, desired = situation.record.committed, situation.desired
    reading = reading_of(situation, claims.project)
    if reading is None or committed is None or committed.fingerprint != desired.fingerprint:
        return
    if reading.problem:
        yield Drift("compose-lock", "config.deploymentDirectory", "readable", reading.problem)
        return
    for item in touched_files(situation, desired, claims.project):
        yield _touched(item)
    if reading.active != desired.fingerprint:
        active = reading.active[:12] or "none"
        yield Drift("compose-lock", "config.deploymentDirectory.current", desired.fingerprint[:12], active)


def _touched(item: Touched) -> Drift:
    name = item.path.rpartition("/")[2]
    found = short_digest(item.found) or "no file"
    if item.path.startswith("files/"):
        return Drift("files", f"config.configFiles.{name}", short_digest(item.wanted), found)
    return Drift("compose-lock", f"config.deploymentDirectory.{name}", short_digest(item.wanted), found)
