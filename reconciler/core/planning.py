"""Planning: from what is wanted, seen and remembered to the ordered Actions. Pure.

The rules in their order; the first that applies decides:

1. what was begun and not committed is taken back;
2. a suspended document is left alone;
3. a stranger on our name stops everything, unless the document adopts it;
4. a wanted revision that failed is not tried again; what was committed is kept well meanwhile;
5. a wanted revision that is not the committed one is deployed;
6. what differs on the host is put right, as the drift mode says;
7. what is no longer needed is collected.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.action import EndQuarantine, StartContainer, UnpauseContainer
from reconciler.core.adoption import adopt
from reconciler.core.drift import Drift, find_drift
from reconciler.core.healing import heal
from reconciler.core.observation import ContainerRow
from reconciler.core.ownership import Claims, find_claims
from reconciler.core.plan import Plan, Purpose
from reconciler.core.record import OperationKind
from reconciler.core.situation import Situation
from reconciler.core.swap import Swap, swap_actions
from reconciler.core.tidy import tidy
from reconciler.core.undo import undo_actions

NEWLINE = "\n"


def make_plan(situation: Situation) -> Plan:
    """The plan for one document. Deterministic: equal situations give equal plans."""
    claims = find_claims(situation.desired.container_name, situation.observation, situation.record)
    drift = find_drift(situation, claims)
    plan = Plan(
        document=situation.desired.name,
        fingerprint=situation.desired.fingerprint,
        kind=situation.desired.kind,
        target=situation.desired.target or "",
        drift=drift,
    )
    if situation.record.open is not None:
        actions = undo_actions(situation, claims, situation.record.open)
        return replace(plan, purpose="undo", actions=actions)
    suspension = _suspended(situation)
    if suspension:
        return replace(plan, blocked=suspension, held=True)
    adoptable = situation.desired.adopt and claims.current is None
    if claims.holder is not None and not adoptable:
        return _keep_former(situation, replace(plan, blocked=_foreign(claims.holder)))
    if situation.quarantine:
        return _quarantined(situation, plan)
    if claims.holder is not None:
        adoption = adopt(situation, claims.holder, drift)
        return _waiting(situation, replace(plan, purpose="adopt", actions=adoption.actions, notes=adoption.notes))
    return _forward(situation, claims, plan)


def _forward(situation: Situation, claims: Claims, plan: Plan) -> Plan:
    free = replace(situation, record=replace(situation.record, quarantined={}))
    committed = situation.record.committed
    if committed is None or committed.fingerprint != situation.desired.fingerprint:
        return _after_quarantine(situation, _deploy(free, claims, plan))
    return _after_quarantine(situation, _heal(free, claims, plan))


def _after_quarantine(situation: Situation, plan: Plan) -> Plan:
    """The document no longer wants what failed: that ends the quarantine, whatever else is to be done.

    ``plan`` is made as if it had ended already, so that what was kept for a look is collected in the same pass.
    """
    if not situation.record.quarantined:
        return plan
    end = EndQuarantine(document=situation.desired.name, cause="the document wants something else now")
    purpose: Purpose = "repair" if plan.purpose == "none" else plan.purpose
    return replace(plan, purpose=purpose, actions=(end, *plan.actions))


def _deploy(situation: Situation, claims: Claims, plan: Plan) -> Plan:
    conflict = port_conflict(situation, claims)
    if conflict or situation.unmet:
        reason = conflict or "for " + "; ".join(situation.unmet)
        return _keep_former(situation, replace(plan, blocked=reason, waiting=True))
    if situation.record.failures:
        kept = _keep_former(situation, plan)
        if any(isinstance(action, StartContainer | UnpauseContainer) for action in kept.actions):
            return replace(kept, notes=("the wanted release is tried again once the former one serves",))
    kind: OperationKind = "rollback" if _went_before(situation) else "deploy"
    purpose: Purpose = kind
    swap = Swap(situation=situation, claims=claims, kind=kind, cause=_deploy_cause(situation, kind))
    return replace(plan, purpose=purpose, actions=swap_actions(swap))


def _keep_former(situation: Situation, plan: Plan) -> Plan:
    """While the wanted revision cannot be had, the committed one is kept well; what is shown is what is wanted."""
    former = situation.former
    if former is None or former.fingerprint == situation.desired.fingerprint:
        return plan
    kept = replace(situation, desired=former, wanted=situation.desired, unmet=())
    claims = find_claims(former.container_name, situation.observation, situation.record)
    if claims.holder is not None:
        return plan
    healed = _heal(
        kept, claims, replace(plan, drift=find_drift(kept, claims), blocked="", waiting=False, held=False)
    )
    return replace(
        healed,
        drift=plan.drift,
        blocked=plan.blocked or healed.blocked,
        waiting=plan.waiting,
        held=plan.held or healed.held,
    )


def _heal(situation: Situation, claims: Claims, plan: Plan) -> Plan:
    healing = heal(situation, claims, plan.drift)
    if healing.blocked:
        return replace(plan, purpose="heal", actions=healing.actions, blocked=healing.blocked, held=healing.held)
    if healing.starts and situation.unmet:
        return _waiting(situation, plan)
    mode = situation.desired.drift.mode
    if mode != "correct" and plan.drift:
        plan = replace(plan, notes=(f"drift mode {mode}: what differs is shown, not put right",))
    leftovers = () if healing.replaces else tidy(situation, claims)
    purpose: Purpose = "heal" if healing.actions else "repair" if leftovers else "none"
    return replace(plan, purpose=purpose, actions=(*healing.actions, *leftovers))


def _quarantined(situation: Situation, plan: Plan) -> Plan:
    """The failed revision's differences are only shown."""
    reason = f"release {situation.desired.release.id} failed before: {situation.quarantine.partition(NEWLINE)[0]}"
    held = replace(plan, blocked=reason, held=True)
    former = situation.former
    if former is None or former.fingerprint != situation.desired.fingerprint:
        return _keep_former(situation, held)
    claims = find_claims(former.container_name, situation.observation, situation.record)
    healed = _heal(situation, claims, plan)
    return replace(healed, blocked=reason, held=True)


def _waiting(situation: Situation, plan: Plan) -> Plan:
    """A document whose dependencies are not so yet is not started."""
    if not situation.unmet:
        return plan
    return replace(plan, actions=(), blocked="for " + "; ".join(situation.unmet), waiting=True)


def _suspended(situation: Situation) -> str:
    suspension = situation.suspension
    return f"suspended by {suspension.by}: {suspension.reason}" if suspension else ""


def _foreign(holder: ContainerRow) -> str:
    return (
        f"the name {holder.name} is held by a container that is not ours ({holder.id[:12]}); "
        f"remove or rename it, or set spec.adopt: true"
    )


def _went_before(situation: Situation) -> bool:
    return any(
        operation.fingerprint == situation.desired.fingerprint and operation.state == "committed"
        for operation in situation.record.operations
    )


def _deploy_cause(situation: Situation, kind: OperationKind) -> str:
    wanted, former = situation.desired.release, situation.record.committed_revision
    if former is None:
        return f"release {wanted.id} is wanted, nothing is deployed"
    if former.release == wanted:
        what = "configuration" if former.image == situation.desired.image else "image"
        return f"the document's {what} of release {wanted.id} changed"
    word = "again wanted" if kind == "rollback" else "wanted"
    return f"release {wanted.id} is {word}, {former.release.id} runs"


def port_conflict(situation: Situation, claims: Claims) -> str:
    """A published host port that a container outside this document holds, in words; "" when there is none."""
    ours = {row.id for row in (claims.current, claims.next, *(row for _, row in claims.kept)) if row}
    for port in situation.desired.config.ports or ():
        for row in situation.observation.containers:
            if row.id in ours or not port.host_port:
                continue
            if any(
                _overlap((port.host_ip, item.host_ip))
                and port.host_port == item.host_port
                and port.protocol == item.protocol
                for item in row.ports
            ):
                return f"host port {port.host_port}/{port.protocol} is held by container {row.name}"
    return ""


def _overlap(addresses: tuple[str, str]) -> bool:
    everywhere = {"", "0.0.0.0", "::"}  # noqa: S104  (compared, not bound)
    return addresses[0] == addresses[1] or bool(everywhere & set(addresses))


def orphan_plan(situation: Situation) -> Plan:
    """A document that is gone from the folder: reported, nothing done (``prune`` decides about removal)."""
    found = situation.desired.container_name
    return Plan(
        document=situation.desired.name,
        fingerprint=situation.desired.fingerprint,
        kind=situation.desired.kind,
        target=situation.desired.target or "",
        drift=(Drift("orphan", "document", "no container", found),),
        blocked=f"its document is gone; `reconciler prune {situation.desired.name}` removes it",
    )
