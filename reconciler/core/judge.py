"""Judge: one document's status from its situation and plan. Two verdicts, in sync and healthy, and a phase."""

from __future__ import annotations

from reconciler.core import names
from reconciler.core.observation import ALIVE, ContainerRow
from reconciler.core.ownership import Claims, find_claims
from reconciler.core.plan import Plan
from reconciler.core.situation import Situation, completed
from reconciler.core.status import DocumentStatus, HealthWord, Phase, Sync

STATES_OF_HEALTH = frozenset({"unhealthy"})


def judge(situation: Situation, plan: Plan, *, since: float = 0.0) -> DocumentStatus:
    """The status of a document whose host was seen. ``since`` is when its sync last changed."""
    desired, record = situation.desired, situation.record
    claims = find_claims(desired.container_name, situation.observation, record)
    running = _running(situation, claims)
    last = record.last
    return DocumentStatus(
        name=desired.name,
        kind=desired.kind,
        target=desired.target or "",
        sync=sync_of(plan),
        health=_health(situation, claims),
        phase=_phase(situation, plan),
        reason=plan.blocked or record.last_error or "; ".join(plan.notes),
        desired_release=desired.release.id,
        desired_digest=desired.digest,
        running_release=running[0],
        running_digest=running[1],
        drift=plan.drift,
        since=since,
        sticker=situation.sticker,
        quarantined=situation.quarantine,
        suspension=situation.suspension,
        last_action=f"{last.kind} generation {last.generation} {last.state}" if last else "",
    )


def sync_of(plan: Plan) -> Sync:
    """In sync when nothing but the container's own health differs."""
    return "OutOfSync" if any(item.kind not in STATES_OF_HEALTH for item in plan.drift) else "Synced"


def unseen(situation: Situation, reason: str) -> DocumentStatus:
    """The status while the engine cannot be asked."""
    desired = situation.desired
    committed = situation.record.committed_revision
    return DocumentStatus(
        name=desired.name,
        kind=desired.kind,
        target=desired.target or "",
        sync="Unknown",
        health="Unknown",
        phase="Blocked",
        reason=reason,
        desired_release=desired.release.id,
        desired_digest=desired.digest,
        running_release=committed.release.id if committed else "",
        running_digest=committed.digest if committed else "",
        quarantined=situation.quarantine,
        suspension=situation.suspension,
    )


def _running(situation: Situation, claims: Claims) -> tuple[str, str]:
    """Release id and digest of what runs, from the live container's image, never from labels alone."""
    current = claims.current
    if current is None or current.status not in ALIVE:
        return "", ""
    for revision in reversed(situation.record.revisions):
        labelled = current.labels.get(names.FINGERPRINT) in {None, revision.fingerprint}
        if revision.image_id == current.image_id and labelled:
            return revision.release.id, revision.image.digest
    return "", current.image_id


def _health(situation: Situation, claims: Claims) -> HealthWord:
    if situation.suspension is not None:
        return "Suspended"
    current = claims.current
    if current is None:
        return "Missing"
    detail = situation.observation.details.get(current.id)
    if detail is not None and completed(situation.desired, detail):
        return "Healthy"
    return _of_row(current)


def _of_row(row: ContainerRow) -> HealthWord:
    if row.status != "running":
        return "Progressing" if row.status == "created" else "Degraded"
    words: dict[str, HealthWord] = {"starting": "Progressing", "unhealthy": "Degraded"}
    return words.get(row.health, "Healthy")


def _phase(situation: Situation, plan: Plan) -> Phase:
    record = situation.record
    if record.open is not None:
        return "Reconciling"
    if situation.quarantine:
        failed = [item for item in record.operations if item.state == "undone" and item.quarantine]
        back = record.committed is not None and bool(failed) and failed[-1].restored
        return "RolledBack" if back else "Failed"
    if plan.held or record.held:
        return "Held"
    if plan.blocked:
        return "Blocked"
    return "Failed" if record.failures else _settled(situation, plan)


def _settled(situation: Situation, plan: Plan) -> Phase:
    if plan.actions or _passes(situation, plan):
        return "Reconciling"
    return "Converged" if sync_of(plan) == "Synced" else "Held"


def _passes(situation: Situation, plan: Plan) -> bool:
    """Whether all that differs is a state that the engine itself leads out of."""
    kinds = {item.kind for item in plan.drift} - STATES_OF_HEALTH
    return situation.desired.drift.mode == "correct" and bool(kinds) and kinds <= {"restarting", "stopped"}
