"""Judge: one document's status from its situation and plan. Two verdicts, in sync and healthy, and a phase."""

from __future__ import annotations

from reconciler.core.plan import Plan
from reconciler.core.record import Operation
from reconciler.core.situation import Situation
from reconciler.core.status import DocumentStatus, Phase, Sync
from reconciler.core.status_json import timestamp
from reconciler.core.views import view_of

LEFT = "what differs is left as it is"
STATES_OF_HEALTH = frozenset({"unhealthy"})


def judge(situation: Situation, plan: Plan, *, since: float = 0.0) -> DocumentStatus:
    """The status of a document whose host was seen. ``since`` is when its sync last changed; where nobody has
    noted that (0.0), the last operation tells it.
    """
    desired, record = situation.desired, situation.record
    view = view_of(situation)
    running = view.running()
    last = record.last
    phase = _phase(situation, plan)
    return DocumentStatus(
        name=desired.name,
        kind=desired.kind,
        target=desired.target or "",
        sync=sync_of(plan),
        health="Suspended" if situation.suspension is not None else view.health(),
        phase=phase,
        reason=_reason(situation, plan, phase),
        desired_release=desired.release.id,
        desired_digest=desired.digest,
        running_release=running[0],
        running_digest=running[1],
        drift=plan.drift,
        since=since or _since(situation, plan),
        sticker=situation.sticker,
        quarantined=situation.quarantine,
        suspension=situation.suspension,
        last_action=f"{last.kind} generation {last.generation} {last.state}" if last else "",
        shown_only=phase == "Held" and not (plan.held or record.held),
        fingerprint=desired.fingerprint,
    )


def sync_of(plan: Plan) -> Sync:
    """In sync when nothing but the container's own health differs."""
    return "OutOfSync" if any(item.kind not in STATES_OF_HEALTH for item in plan.drift) else "Synced"


def _reason(situation: Situation, plan: Plan, phase: Phase) -> str:
    """Why it is not as it should be; never "" where it is held, since that word alone does not say by what."""
    record = situation.record
    told = _under_way(situation, plan) or plan.blocked or record.last_error or "; ".join(plan.notes)
    held = record.held or LEFT if phase == "Held" else ""
    return told or held or situation.refused


def _under_way(situation: Situation, plan: Plan) -> str:
    """What another process does with the document at this moment; "" for nothing."""
    operation = situation.record.open
    if operation is None or not plan.waiting:
        return ""
    revision = situation.record.revision(operation.fingerprint)
    release = f" of release {revision.release.id}" if revision else ""
    return f"{operation.kind}{release} is under way since {timestamp(operation.started_at)}"


def _since(situation: Situation, plan: Plan) -> float:
    """In sync since it was committed; out of it at least since the release that is wanted was begun."""
    record = situation.record
    if sync_of(plan) == "Synced":
        return record.committed.ended_at if record.committed else 0.0
    last = record.last
    return last.started_at if last and last.fingerprint == situation.desired.fingerprint else 0.0


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


def _phase(situation: Situation, plan: Plan) -> Phase:
    record = situation.record
    if record.open is not None:
        return "Blocked" if plan.blocked and not plan.waiting else "Reconciling"
    if situation.quarantine:
        return "RolledBack" if _is_back(situation) else "Failed"
    if plan.held or record.held:
        return "Held"
    if plan.blocked:
        return "Blocked"
    return "Failed" if record.failures else _settled(situation, plan)


def _is_back(situation: Situation) -> bool:
    """Whether what was committed before serves: it was waited for when the release was taken back, or it is well
    now. Who was killed while waiting for it has written nothing of that down.
    """
    record = situation.record
    failed = [item for item in record.operations if item.state == "undone" and _of_trouble(item, situation)]
    if record.committed is None or not failed:
        return False
    return failed[-1].restored or view_of(situation).health() == "Healthy"


def _of_trouble(operation: Operation, situation: Situation) -> bool:
    """Whether the quarantine is about this operation; one that a hook is in doubt of has no failure of its own."""
    return operation.quarantine or operation.fingerprint == situation.desired.fingerprint


def _settled(situation: Situation, plan: Plan) -> Phase:
    if plan.actions or _passes(situation, plan):
        return "Reconciling"
    return "Converged" if sync_of(plan) == "Synced" else "Held"


def _passes(situation: Situation, plan: Plan) -> bool:
    """Whether all that differs is a state that the engine itself leads out of."""
    kinds = {item.kind for item in plan.drift} - STATES_OF_HEALTH
    return situation.desired.drift.mode == "correct" and bool(kinds) and kinds <= {"restarting", "stopped"}
