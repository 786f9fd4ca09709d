"""What a deploy or rollback wants to find on the host before anything is done. Pure."""

from __future__ import annotations

from reconciler.agent.work import Ended, refused
from reconciler.core.desired import DesiredState
from reconciler.core.record import Record
from reconciler.protocol.message.payload import DeployPayload, RollbackPayload


def expect_digest(payload: DeployPayload, record: Record) -> None:
    """Raises Ended where another digest runs than is to be replaced."""
    if payload.previous_digest is None:
        return
    found = record.committed_revision.images if record.committed_revision else ()
    if payload.previous_digest not in {image.digest for image in found}:
        there = ", ".join(image.digest[:19] for image in found) or "nothing"
        told = f"{there} runs, where {payload.previous_digest[:19]} was to be replaced"
        raise Ended(refused("unexpected-digest", told))


def expect_container(payload: RollbackPayload, desired: DesiredState) -> None:
    """Raises Ended where the document has no container of the name that is told."""
    if payload.container_name not in {None, *desired.container_names}:
        told = f"{desired.name} has no container {payload.container_name}"
        raise Ended(refused("unknown-container", f"{told}; it has {', '.join(desired.container_names)}"))
