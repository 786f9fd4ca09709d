"""Swap: the Actions that put a new container in the place of an old one, in the order that survives a kill.

Nothing that runs is touched until the replacement exists; ``Commit`` is the only point after which the new one
counts. Whatever ends between ``RecordIntent`` and ``Commit`` is taken back by ``undo``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.core import names
from reconciler.core.action import (
    Action,
    Commit,
    ContainerRef,
    CreateContainer,
    CreateNetwork,
    PullImage,
    RecordIntent,
    RenameContainer,
    SetRestartPolicy,
    StartContainer,
    StopContainer,
    VerifyImage,
    WaitHealthy,
    WriteSticker,
)
from reconciler.core.container import BUILT_IN_NETWORKS, RestartPolicy
from reconciler.core.delivering import deliver_all
from reconciler.core.desired import DesiredState
from reconciler.core.drift import config_drift
from reconciler.core.effective import creation_config
from reconciler.core.hook_steps import after_actions, before_actions, hook_image_actions
from reconciler.core.observation import ALIVE, ContainerRow
from reconciler.core.ownership import Claims, next_generation
from reconciler.core.record import OperationKind
from reconciler.core.signing_steps import signature_actions
from reconciler.core.situation import Situation, completes, restart_policy
from reconciler.core.startable import stands_in_its_way
from reconciler.core.tidy import tidy_after_swap

NO_RESTART = RestartPolicy("no")


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """One replacement: the situation, whose containers there are, what kind of operation and why."""

    situation: Situation
    claims: Claims
    kind: OperationKind
    cause: str

    @property
    def generation(self) -> int:
        return next_generation(self.situation.observation, self.situation.record)

    @property
    def desired(self) -> DesiredState:
        return self.situation.desired

    @property
    def old(self) -> ContainerRow | None:
        return self.claims.current

    @property
    def start_first(self) -> bool:
        """Start-first needs an old container that serves and no host port in common with it."""
        return (
            self.desired.strategy.order == "start-first"
            and self.old is not None
            and self.old.status == "running"
            and not _shared_ports(self.situation, self.old)
        )


def swap_actions(swap: Swap) -> tuple[Action, ...]:
    """The whole replacement, from the image to the collection of what is no longer needed."""
    return (
        *_prepare(swap),
        *(_start_first(swap) if swap.start_first else _stop_first(swap)),
        WriteSticker(document=swap.desired.name, cause="a new generation is committed", desired=swap.desired),
        *tidy_after_swap(swap.situation, swap.claims),
    )


def wait_healthy(desired: DesiredState, container: ContainerRef, cause: str) -> WaitHealthy:
    """The health gate with this document's own times."""
    return WaitHealthy(
        document=desired.name,
        cause=cause,
        container=container,
        timeout_ms=desired.health_timeout_ms,
        min_healthy_ms=desired.strategy.min_healthy_ms,
        completes=completes(desired),
    )


def image_actions(situation: Situation, cause: str) -> Iterator[Action]:
    """Have the wanted image, verified. No pull where the host already resolves the digest."""
    desired = situation.desired
    revision = situation.record.revision(desired.fingerprint)
    if situation.observation.references.get(str(desired.image)) is None:
        yield PullImage(document=desired.name, cause="the host does not have the image", image=desired.image)
    yield VerifyImage(
        document=desired.name,
        cause=cause,
        image=desired.image,
        image_id=revision.image_id if revision else "",
        fingerprint=desired.fingerprint,
    )


def _prepare(swap: Swap) -> Iterator[Action]:
    yield from image_actions(swap.situation, swap.cause)
    yield from signature_actions(swap.situation, swap.desired.images)
    yield from hook_image_actions(swap.situation, swap.kind)
    present = swap.situation.observation.networks or frozenset()
    for attachment in swap.desired.config.networks or ():
        if attachment.name not in present | BUILT_IN_NETWORKS:
            yield CreateNetwork(
                document=swap.desired.name, cause="the network does not exist", network=attachment.name
            )
    kept = _reusable(swap)
    yield RecordIntent(
        document=swap.desired.name,
        cause=swap.cause,
        generation=swap.generation,
        operation=swap.kind,
        desired=swap.desired,
        container_id=kept.id if kept else "",
    )
    yield from deliver_all(swap.situation, swap.cause)
    if kept is None:
        yield _create(swap)
    yield from before_actions(swap.situation, swap.kind, swap.generation)


def _start_new(swap: Swap, container: ContainerRef) -> Iterator[Action]:
    """Start and prove the new one. A kept one rested without a restart policy and gets its own back first."""
    document = swap.desired.name
    if _reusable(swap) is not None:
        yield SetRestartPolicy(
            document=document,
            cause="the kept container of this release serves again",
            container=container,
            policy=restart_policy(swap.desired),
        )
    yield StartContainer(document=document, cause=swap.cause, container=container)
    yield wait_healthy(swap.desired, container, swap.cause)
    yield from after_actions(swap.situation, swap.kind, swap.generation, container)


def _create(swap: Swap) -> CreateContainer:
    record, desired = swap.situation.record, swap.desired
    return CreateContainer(
        document=desired.name,
        cause=swap.cause,
        container=_new(swap),
        image=desired.image,
        config=creation_config(swap.situation.config),
        labels=names.ownership_labels(desired, owner=record.owner, generation=swap.generation),
        variables=desired.variables,
    )


def _new(swap: Swap) -> ContainerRef:
    kept = _reusable(swap)
    if kept is not None:
        return ContainerRef(kept.name, kept.id, swap.generation)
    return ContainerRef(names.next_name(swap.desired.container_name, swap.generation), "", swap.generation)


def _stop_first(swap: Swap) -> Iterator[Action]:
    new, document = _new(swap), swap.desired.name
    yield from _clear_name(swap)
    yield from _retire(swap)
    yield RenameContainer(document=document, cause=swap.cause, container=new, to=swap.desired.container_name)
    served = ContainerRef(swap.desired.container_name, new.id, new.generation)
    if swap.old is not None and swap.old.status in ALIVE:
        yield _stop_old(swap)
    yield from _start_new(swap, served)
    yield Commit(document=document, cause="it is healthy", generation=swap.generation)


def _start_first(swap: Swap) -> Iterator[Action]:
    new, document = _new(swap), swap.desired.name
    yield from _start_new(swap, new)
    yield from _clear_name(swap)
    yield from _retire(swap)
    yield RenameContainer(document=document, cause=swap.cause, container=new, to=swap.desired.container_name)
    yield Commit(document=document, cause="it is healthy", generation=swap.generation)
    yield _stop_old(swap)


def _clear_name(swap: Swap) -> Iterator[Action]:
    """A container of ours from an earlier generation may have got the service name by hand: it is laid aside."""
    name, document = swap.desired.container_name, swap.desired.name
    for operation, row in swap.claims.kept:
        if row.name != name:
            continue
        container, cause = ContainerRef(row.name, row.id), f"an earlier generation's container has the name {name}"
        yield SetRestartPolicy(document=document, cause=cause, container=container, policy=NO_RESTART)
        if row.status in ALIVE:
            yield StopContainer(document=document, cause=cause, container=container)
        to = names.previous_name(name, operation.generation)
        yield RenameContainer(document=document, cause=cause, container=container, to=to)


def _retire(swap: Swap) -> Iterator[Action]:
    """The old one keeps serving under its new name, and can no longer be revived by the engine."""
    if swap.old is None or swap.situation.record.committed is None:
        return
    old = ContainerRef(swap.old.name, swap.old.id)
    cause = f"{swap.desired.container_name} is being replaced"
    to = names.previous_name(swap.desired.container_name, swap.situation.record.committed.generation)
    yield SetRestartPolicy(document=swap.desired.name, cause=cause, container=old, policy=NO_RESTART)
    yield RenameContainer(document=swap.desired.name, cause=cause, container=old, to=to)


def _stop_old(swap: Swap) -> StopContainer:
    assert swap.old is not None  # noqa: S101  (both callers have looked)
    committed = swap.situation.record.committed
    generation = committed.generation if committed else 0
    name = names.previous_name(swap.desired.container_name, generation)
    former = swap.situation.record.committed_revision
    return StopContainer(
        document=swap.desired.name,
        cause=f"{swap.desired.container_name} is being replaced",
        container=ContainerRef(name, swap.old.id),
        timeout_s=former.desired.config.stop_timeout_s if former else None,
    )


def _reusable(swap: Swap) -> ContainerRow | None:
    """A kept, stopped container of exactly this revision, without differences of its own."""
    for operation, row in swap.claims.kept:
        good = operation.fingerprint == swap.desired.fingerprint and operation.state == "committed"
        detail = swap.situation.observation.details.get(row.id)
        if not good or detail is None or row.status != "exited" or stands_in_its_way(swap.situation, row):
            continue
        differences = [item for item in config_drift(swap.situation, detail) if item.kind != "restart-policy"]
        if not differences and detail.image_id == operation.image_id:
            return row
    return None


def _shared_ports(situation: Situation, old: ContainerRow) -> bool:
    detail = situation.observation.details.get(old.id)
    held = {(port.host_port, port.protocol) for port in (detail.config.ports if detail else old.ports) or ()}
    wanted = {(port.host_port, port.protocol) for port in situation.desired.config.ports or ()}
    return any(port for port, _ in held & wanted)
