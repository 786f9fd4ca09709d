"""The Actions by which hooks are part of a plan: their images, running them, removing what a kill left. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core import names
from reconciler.core.action import Action, ContainerRef, PullImage, RemoveHook, RunHook, TryHook, VerifyImage
from reconciler.core.hook import NETWORK_OF_CONTAINER, Hook, HookFacts
from reconciler.core.hook_rules import after, before
from reconciler.core.record import OperationKind
from reconciler.core.signing_steps import signature_actions
from reconciler.core.situation import Situation


def hook_image_actions(situation: Situation, kind: OperationKind) -> Iterator[Action]:
    """Have the images that only hooks need, verified, before anything is begun."""
    desired, record = situation.desired, situation.record
    due = (before(desired, record, kind), after(desired, record, kind))
    images = dict.fromkeys(hook.image for hook in due if hook is not None and hook.image not in desired.images)
    for image in images:
        if situation.observation.references.get(str(image)) is None:
            yield PullImage(document=desired.name, cause="a hook runs in it", image=image)
        yield VerifyImage(document=desired.name, cause="a hook runs in it", image=image)
    yield from signature_actions(situation, images)


def before_actions(situation: Situation, kind: OperationKind, generation: int) -> Iterator[RunHook]:
    """``preDeploy`` or ``preRollback``, where there is one to run."""
    hook = before(situation.desired, situation.record, kind)
    if hook is not None:
        yield _run(situation, hook, generation, None)


def after_actions(
    situation: Situation, kind: OperationKind, generation: int, container: ContainerRef | None = None
) -> Iterator[RunHook]:
    """``postDeploy``, where there is one to run. ``container``: the new one, None for a project."""
    hook = after(situation.desired, situation.record, kind)
    if hook is not None:
        beside = container or _of_service(situation, hook)
        yield _run(situation, hook, generation, beside if hook.network == NETWORK_OF_CONTAINER else None)


def leftover_hooks(situation: Situation) -> tuple[RemoveHook, ...]:
    """Containers of hooks that outlived the process that ran them."""
    record, document = situation.record, situation.record.document
    return tuple(
        RemoveHook(
            document=document,
            cause="it is left over from a hook that was interrupted",
            container=ContainerRef(row.name, row.id),
        )
        for row in situation.observation.of_document(document)
        if names.is_hook(row.name, row.labels, document=document, owner=record.owner)
    )


def _run(situation: Situation, hook: Hook, generation: int, beside: ContainerRef | None) -> RunHook:
    desired, former = situation.desired, situation.record.committed_revision
    facts = HookFacts(
        document=desired.name,
        release_id=desired.release.id,
        release_name=desired.release.name,
        digest=desired.digest,
        previous_digest=former.digest if former else "",
        generation=generation,
    )
    make = TryHook if hook.failure_policy == "ignore" else RunHook
    return make(
        document=desired.name,
        cause=_CAUSES[hook.name],
        hook=hook,
        facts=facts,
        beside=beside,
        project=desired.project.name if desired.project and beside else "",
        mounts=tuple(sorted(item.mount(situation.places, desired.name) for item in hook.deliveries)),
        variables=hook.variables,
    )


def _of_service(situation: Situation, hook: Hook) -> ContainerRef | None:
    """The first container of the service that a project's hook is about."""
    project = situation.desired.project
    service = next((item for item in project.services if item.name == hook.service), None) if project else None
    return ContainerRef(project.container_name(service, 1)) if project and service else None


_CAUSES = {
    "preDeploy": "the document has it run before the release serves",
    "preRollback": "the document has it run before an earlier release serves again",
    "postDeploy": "the document has it run once the release is healthy",
}
