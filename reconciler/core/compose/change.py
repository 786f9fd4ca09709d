"""Change: the Actions that bring a revision of a project, in the order that survives a kill.

Nothing that runs is touched until images are there and Compose has read the files; ``Commit`` is the only point
after which the new revision counts. Whatever ends between ``RecordIntent`` and it is taken back by ``undo``.

A project whose name or directory changed is another project to Compose. The new one is brought up beside the
former, which goes down once the new one is committed; first where both cannot be there at once.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.action import (
    Action,
    ActivateRevision,
    CheckProject,
    Commit,
    ComposeUp,
    RecordIntent,
    VerifyImage,
    WriteRevision,
    WriteSticker,
)
from reconciler.core.compose.changes import Changes, deploy_changes
from reconciler.core.compose.claims import ProjectClaims
from reconciler.core.compose.steps import (
    down_actions,
    free_names,
    leftover_actions,
    proof_actions,
    pull_actions,
    start_actions,
    stop_followers,
    unpause_actions,
)
from reconciler.core.compose.tidy import tidy_after_commit
from reconciler.core.container import PortBinding
from reconciler.core.delivering import deliver_all
from reconciler.core.desired import DesiredState
from reconciler.core.hook_steps import after_actions, before_actions, hook_image_actions
from reconciler.core.ownership import next_generation
from reconciler.core.ports import collide
from reconciler.core.project import Project
from reconciler.core.record import OperationKind
from reconciler.core.signing_steps import signature_actions
from reconciler.core.situation import Situation


def replacement(
    situation: Situation, claims: ProjectClaims, kind: OperationKind, cause: str
) -> tuple[Action, ...]:
    """The whole deploy, from the images to the collection of what is no longer needed."""
    desired, document = situation.desired, situation.desired.name
    generation = next_generation(situation.observation, situation.record)
    check = CheckProject(document=document, cause=cause, desired=desired)
    hook = tuple(before_actions(situation, kind, generation))
    free = not _takes_the_name(situation, claims.project)
    return (
        *_prepare(situation, kind, cause),
        *((check,) if free else ()),
        RecordIntent(document=document, cause=cause, generation=generation, operation=kind, desired=desired),
        *leftover_actions(situation, claims),
        *(hook if free else ()),
        *_make_room(situation, claims.project),
        *(() if free else (check, *hook)),
        ActivateRevision(document=document, cause=cause, desired=desired),
        *up_actions(situation, claims, base_of(situation, claims.project), cause=cause),
        *proof_actions(desired, generation, cause=cause),
        *after_actions(situation, kind, generation),
        Commit(document=document, cause="all services are well", generation=generation),
        WriteSticker(document=document, cause="a new generation is committed", desired=desired),
        *tidy_after_commit(situation, claims, gone=_gives_way(situation, claims.project)),
    )


def _prepare(situation: Situation, kind: OperationKind, cause: str) -> Iterator[Action]:
    desired, document = situation.desired, situation.desired.name
    yield from pull_actions(situation, desired)
    for image in desired.images:
        yield VerifyImage(document=document, cause=cause, image=image)
    yield from signature_actions(situation, desired.images)
    yield from hook_image_actions(situation, kind)
    yield from deliver_all(situation, cause)
    yield WriteRevision(document=document, cause=cause, desired=desired)


def _takes_the_name(situation: Situation, project: Project) -> bool:
    """Whether the former project has this name in another directory. Until it is down its containers are in the
    way of every look at this one.
    """
    former = situation.former.project if situation.former else None
    return former is not None and moved(former, project) and former.name == project.name


def up_actions(
    situation: Situation, claims: ProjectClaims, base: Project | None, *, cause: str
) -> tuple[Action, ...]:
    """Let Compose create, then start every service: what Compose recreated besides what was expected must not stay
    behind.
    """
    desired, project = situation.desired, claims.project
    changes = deploy_changes(situation, claims, base)
    certain = {*changes.expected, *changes.idle}
    everything = [item.name for item in project.services]
    return (
        *unpause_actions(desired.name, claims.members),
        *free_names(desired.name, claims),
        *stop_followers(desired.name, claims, set(changes.idle) - set(changes.expected)),
        up_action(desired, changes, cause),
        *start_actions(desired, project, everything, cause=cause, certain=certain),
    )


def up_action(desired: DesiredState, changes: Changes, cause: str) -> ComposeUp:
    """What Compose is asked for, and what is expected of it."""
    return ComposeUp(
        document=desired.name,
        cause=cause,
        desired=desired,
        recreate=changes.recreate,
        changes=changes.expected,
        restarts=changes.restarts,
    )


def base_of(situation: Situation, project: Project) -> Project | None:
    """The committed revision's project, if the wanted one takes its place rather than standing beside it."""
    former = situation.former
    base = former.project if former else None
    return base if base is not None and not moved(base, project) else None


def moved(former: Project, project: Project) -> bool:
    """Whether Compose takes the two for different projects, or finds them in different places."""
    return (former.name, former.directory) != (project.name, project.directory)


def _gives_way(situation: Situation, project: Project) -> bool:
    """Whether the former project has to go down before this one can come up."""
    former = situation.former.project if situation.former else None
    return former is not None and moved(former, project) and _exclusive(former, project)


def _make_room(situation: Situation, project: Project) -> Iterator[Action]:
    former = situation.former
    if former is None or former.project is None or not _gives_way(situation, project):
        return
    cause = f"project {former.project.name} holds what {project.name} needs"
    yield from down_actions(situation, former, former.project, cause=cause)


def _exclusive(former: Project, project: Project) -> bool:
    """Whether both cannot be there at once: a name, a host port, or data that both write."""
    ports = (_ports(former), _ports(project))
    return (
        former.name == project.name
        or bool(_fixed_names(former) & _fixed_names(project))
        or bool(_written(former) & _written(project))
        or any(collide(one, other) for one in ports[0] for other in ports[1])
    )


def _fixed_names(project: Project) -> set[str]:
    return {item.container_name for item in project.services if item.container_name}


def _written(project: Project) -> set[str]:
    return {mount.source for item in project.services for mount in item.config.mounts or () if not mount.read_only}


def _ports(project: Project) -> tuple[PortBinding, ...]:
    return tuple(port for item in project.services for port in item.config.ports or ())
