"""Remedies for a project: what is to be done about each of its differences.

In place where the engine can, by a start where a container only stopped, by Compose where one has to be made or
removed. No new generation begins: what is put right is what was committed. A mounted file that was touched is
written anew while the containers that see it are stopped: the engine mounts what lies at the path when a container
starts, and until then a container keeps seeing the file that was replaced.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from reconciler.core.action import (
    Action,
    ActivateRevision,
    RecordHeal,
    RenameContainer,
    StopContainer,
    WriteRevision,
)
from reconciler.core.compose.change import up_action
from reconciler.core.compose.changes import heal_changes
from reconciler.core.compose.claims import Member, ProjectClaims
from reconciler.core.compose.drift import as_container, own_drift
from reconciler.core.compose.files import mounting, touched_files
from reconciler.core.compose.steps import (
    leftover_actions,
    proof_actions,
    pull_actions,
    ref,
    start_actions,
    stop_followers,
    unpause_actions,
)
from reconciler.core.delivering import deliver_absent, deliver_missing
from reconciler.core.drift import Drift
from reconciler.core.observation import ALIVE
from reconciler.core.project import followers
from reconciler.core.remedy import sticker_actions
from reconciler.core.repair import repair_in_place
from reconciler.core.signing_steps import signature_actions
from reconciler.core.situation import Situation

ON_DISK = frozenset({"files", "compose-lock"})
QUIET = frozenset({"release", "sticker", "unhealthy", "restarting", "compose-lock", "name"})
"""Kinds of drift for which nothing is started."""


def restart(situation: Situation, claims: ProjectClaims, drift: tuple[Drift, ...]) -> tuple[Action, ...]:
    """The Actions for what cannot be put right without starting something; () when nothing is of that sort."""
    changes = heal_changes(situation, claims, drift)
    paused = [item for item in claims.members if _is(situation, claims, item, "paused")]
    refreshed = _refreshed(situation, claims, drift)
    up = bool(changes.expected) or _superfluous(claims, drift)
    if not (up or changes.idle or paused or refreshed):
        return ()
    cause = _cause(drift)
    desired, committed = situation.desired, situation.record.committed
    assert committed is not None  # noqa: S101  (only what is committed is kept well)
    anew = {*changes.idle, *(item.service.name for item in refreshed)} - set(changes.expected)
    certain = {*changes.expected, *anew, *followers(claims.project, anew)}
    everything = {item.name for item in claims.project.services}
    return (
        RecordHeal(document=desired.name, cause=cause),
        *deliver_missing(situation, desired),
        *(pull_actions(situation, desired) if up else ()),
        *(signature_actions(situation, desired.images) if up else ()),
        *(_stop(desired.name, item) for item in refreshed),
        *stop_followers(desired.name, claims, anew),
        *_repairs(situation, claims, drift, besides=changes.recreate),
        *unpause_actions(desired.name, claims.members if up else paused),
        *((up_action(desired, changes, cause),) if up else ()),
        *start_actions(desired, claims.project, everything if up else certain, cause=cause, certain=certain),
        *proof_actions(desired, committed.generation, cause=cause),
        *sticker_actions(situation, drift),
    )


def without_restart(situation: Situation, claims: ProjectClaims, drift: tuple[Drift, ...]) -> tuple[Action, ...]:
    """What can be put right without starting anything."""
    own = (item for member in claims.members for item in own_drift(situation, claims, member))
    return (*deliver_absent(situation, own), *_repairs(situation, claims, drift, besides=()))


def _superfluous(claims: ProjectClaims, drift: tuple[Drift, ...]) -> bool:
    """Whether there are containers that Compose is to remove."""
    extras = {f"containers.{row.name}" for row in claims.extras}
    return any(item.kind == "compose-service-extra" and item.path in extras for item in drift)


def _refreshed(situation: Situation, claims: ProjectClaims, drift: tuple[Drift, ...]) -> tuple[Member, ...]:
    """Running containers that see a file which was touched."""
    if not any(item.kind == "files" for item in drift):
        return ()
    services = mounting(claims.project, touched_files(situation, situation.desired, claims.project))
    return tuple(item for item in claims.members if item.service.name in services and item.row.status in ALIVE)


def _stop(document: str, member: Member) -> StopContainer:
    return StopContainer(
        document=document,
        cause=f"a file that {member.service.name} mounts was touched",
        container=ref(member),
        timeout_s=member.service.config.stop_timeout_s,
    )


def _cause(drift: tuple[Drift, ...]) -> str:
    """The first difference for which something is started, in words."""
    first = next(item for item in drift if item.kind not in QUIET)
    if first.kind == "compose-service-missing":
        return f"{first.path} has {first.found}"
    if first.kind == "compose-service-extra":
        return f"{first.path} is of no service"
    return f"{first.path} is {first.found}, wanted {first.wanted}"


def _repairs(
    situation: Situation, claims: ProjectClaims, drift: tuple[Drift, ...], *, besides: Collection[str]
) -> Iterator[Action]:
    """On disk, leftovers, and in place; not for the services of ``besides``, which are made anew."""
    yield from _on_disk(situation, drift)
    yield from leftover_actions(situation, claims)
    for member in claims.members:
        if member.service.name not in besides:
            yield from _of_container(situation, claims, member)


def _on_disk(situation: Situation, drift: tuple[Drift, ...]) -> Iterator[Action]:
    item = next((item for item in drift if item.kind in ON_DISK), None)
    if item is None:
        return
    desired, cause = situation.desired, f"{item.path} is {item.found}, wanted {item.wanted}"
    yield WriteRevision(document=desired.name, cause=cause, desired=desired)
    yield ActivateRevision(document=desired.name, cause=cause, desired=desired)


def _of_container(situation: Situation, claims: ProjectClaims, member: Member) -> Iterator[Action]:
    drift = own_drift(situation, claims, member)
    view = as_container(situation, claims, member)
    name = view.desired.container_name
    if any(item.kind == "name" for item in drift) and situation.observation.named(name) is None:
        cause = f"its name is {member.row.name}"
        yield RenameContainer(document=situation.desired.name, cause=cause, container=ref(member), to=name)
    detail = situation.observation.details.get(member.row.id)
    if detail is not None:
        yield from repair_in_place(view, detail, (item for item in drift if item.kind != "networks"))


def _is(situation: Situation, claims: ProjectClaims, member: Member, kind: str) -> bool:
    return any(item.kind == kind for item in own_drift(situation, claims, member))
