"""Which revision a rollback goes back to. Pure."""

from __future__ import annotations

from reconciler.core.record import Record, Revision
from reconciler.core.rollback import choose_revision
from reconciler.errors import InputError
from reconciler.protocol.message.payload import RollbackPayload


def revision_for(record: Record, current: str, payload: RollbackPayload) -> Revision:
    """The revision that a rollback goes back to. ``current``: the fingerprint that is wished for now. Raises
    InputError where the history has none.
    """
    if payload.target_digest is None:
        return choose_revision(record, current=current, release=payload.target_release or "")
    served = {item.fingerprint for item in record.operations if item.state == "committed"}
    fitting = [
        item
        for item in record.revisions
        if any(image.digest == payload.target_digest for image in item.desired.images)
        and payload.target_release in {None, item.release.id}
        and item.fingerprint in served - {current}
        and item.fingerprint not in record.quarantined
    ]
    if not fitting:
        raise InputError(
            f"no release of {record.document} with the digest {payload.target_digest[:19]} has served here",
            hint="what is not in the history is deployed, with a deploy task",
        )
    return fitting[-1]
