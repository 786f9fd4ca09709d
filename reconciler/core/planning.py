"""Planning: from what is wanted, seen and remembered to the ordered Actions. Pure.

The rules in their order, the same for every kind of document; the first that applies decides:

0. the container that we run in is left alone, whatever it is to the document;
1. what was begun and not committed is taken back;
2. a suspended document is left alone;
3. a stranger on our name stops everything, unless the document adopts it; so does a change of kind;
4. a wanted revision that failed is not tried again; what was committed is kept well meanwhile;
5. a wanted revision that is not the committed one is deployed, unless the host's policy refuses it;
6. what differs on the host is put right, as the drift mode says;
7. what is no longer needed is collected.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.action import ComposeUp, EndQuarantine, StartContainer, StartService, UnpauseContainer
from reconciler.core.adoption import Adoption
from reconciler.core.delivering import hindrance, unavailable
from reconciler.core.delivery_drift import ABSENT
from reconciler.core.desired import DesiredState
from reconciler.core.drift import Drift
from reconciler.core.healing import heal
from reconciler.core.hook_rules import spared, went_before
from reconciler.core.hook_steps import leftover_hooks
from reconciler.core.itself import endangers_us
from reconciler.core.plan import Plan, Purpose
from reconciler.core.record import Operation, OperationKind
from reconciler.core.signing_steps import unsigned_notes
from reconciler.core.situation import Situation
from reconciler.core.view import View
from reconciler.core.views import view_of

STARTS = (StartContainer, UnpauseContainer, ComposeUp, StartService)
"""Actions by which a heal makes something serve again."""

NEWLINE = "\n"


def make_plan(situation: Situation) -> Plan:
    """The plan for one document. Deterministic: equal situations give equal plans.

    A hook that outlived its controller is ended before anything else, whatever the rules say then.
    """
    plan, leftovers = _make_plan(situation), leftover_hooks(situation)
    plan = replace(plan, notes=(*plan.notes, *unsigned_notes(situation)))
    if not leftovers:
        return plan
    purpose: Purpose = "repair" if plan.purpose == "none" else plan.purpose
    return replace(plan, purpose=purpose, actions=(*leftovers, *plan.actions))


def _make_plan(situation: Situation) -> Plan:
    danger = endangers_us(situation)
    if danger:
        return replace(_blank(situation), drift=view_of(situation).drift, blocked=danger)
    if situation.record.open is not None:
        return _undo(situation, situation.record.open)
    view = view_of(situation)
    plan = replace(_blank(situation), drift=view.drift)
    suspension = _suspended(situation)
    if suspension:
        return replace(plan, blocked=suspension, held=True)
    obstacle = _other_kind(situation) or (view.stranger if not view.adoptable else "")
    if obstacle:
        return _keep_former(situation, replace(plan, blocked=obstacle))
    if situation.quarantine:
        return _quarantined(view, plan)
    adoption = view.adoption()
    return _forward(view, plan) if adoption is None else _adopt(situation, adoption, plan)


def _adopt(situation: Situation, adoption: Adoption, plan: Plan) -> Plan:
    if situation.refusals:
        return replace(plan, blocked=situation.refused)
    sealed = unavailable(situation, situation.desired.deliveries, situation.desired.variables)
    if sealed:
        return replace(plan, blocked=sealed)
    return _waiting(situation, replace(plan, purpose="adopt", actions=adoption.actions, notes=adoption.notes))


def _blank(situation: Situation) -> Plan:
    desired = situation.desired
    return Plan(
        document=desired.name,
        fingerprint=desired.fingerprint,
        kind=desired.kind,
        target=desired.target or "",
    )


def _undo(situation: Situation, operation: Operation) -> Plan:
    """What was begun is taken back as the kind of document that it was begun as."""
    plan = replace(_blank(situation), drift=view_of(situation).drift)
    begun = situation.record.revision(operation.fingerprint)
    if begun is not None and _differs_in_kind(begun.desired, situation.desired):
        situation = replace(situation, desired=begun.desired, wanted=situation.desired)
    view = view_of(situation)
    if view.endangered:
        blocked = f"generation {operation.generation} is to be taken back, but {view.endangered}"
        return replace(plan, blocked=blocked)
    return replace(plan, purpose="undo", actions=view.undo(operation))


def _forward(view: View, plan: Plan) -> Plan:
    situation = view.situation
    quarantined = bool(situation.record.quarantined)
    free = view_of(replace(situation, record=replace(situation.record, quarantined={}))) if quarantined else view
    committed = situation.record.committed
    if committed is None or committed.fingerprint != situation.desired.fingerprint:
        return _after_quarantine(situation, _deploy(free, plan))
    return _after_quarantine(situation, _heal(free, plan))


def _after_quarantine(situation: Situation, plan: Plan) -> Plan:
    """The document no longer wants what failed: that ends the quarantine, whatever else is to be done.

    ``plan`` is made as if it had ended already, so that what was kept for a look is collected in the same pass.
    """
    if not situation.record.quarantined:
        return plan
    end = EndQuarantine(document=situation.desired.name, cause="the document wants something else now")
    purpose: Purpose = "repair" if plan.purpose == "none" else plan.purpose
    return replace(plan, purpose=purpose, actions=(end, *plan.actions))


def _deploy(view: View, plan: Plan) -> Plan:
    situation = view.situation
    if situation.refusals:
        return _keep_former(situation, replace(plan, blocked=situation.refused))
    kind: OperationKind = "rollback" if went_before(situation.desired, situation.record) else "deploy"
    actions = view.replacement(kind, _deploy_cause(situation, kind))
    sealed = hindrance(situation, actions)
    if sealed:
        return _keep_former(situation, replace(plan, blocked=sealed))
    conflict = view.conflict()
    if conflict or situation.unmet:
        reason = conflict or "for " + "; ".join(situation.unmet)
        return _keep_former(situation, replace(plan, blocked=reason, waiting=True))
    if situation.record.failures:
        kept = _keep_former(situation, plan)
        if any(isinstance(action, STARTS) for action in kept.actions):
            return replace(kept, notes=("the wanted release is tried again once the former one serves",))
    purpose: Purpose = kind
    notes = (*plan.notes, *spared(situation.desired, situation.record))
    return replace(plan, purpose=purpose, notes=notes, actions=actions)


def _keep_former(situation: Situation, plan: Plan) -> Plan:
    """While the wanted revision cannot be had, the committed one is kept well; what is shown is what is wanted."""
    former = situation.former
    if former is None or former.fingerprint == situation.desired.fingerprint:
        return plan
    view = view_of(replace(situation, desired=former, wanted=situation.desired, unmet=()))
    if view.stranger:
        return plan
    healed = _heal(view, replace(plan, drift=view.drift, blocked="", waiting=False, held=False))
    return replace(
        healed,
        drift=plan.drift,
        blocked=plan.blocked or healed.blocked,
        waiting=plan.waiting,
        held=plan.held or healed.held,
    )


def _heal(view: View, plan: Plan) -> Plan:
    healing = heal(view, plan.drift)
    if healing.blocked:
        return replace(plan, purpose="heal", actions=healing.actions, blocked=healing.blocked, held=healing.held)
    sealed = hindrance(view.situation, healing.actions)
    if healing.starts and sealed:
        return replace(plan, blocked=sealed)
    if healing.starts and view.situation.unmet:
        return _waiting(view.situation, plan)
    mode = view.situation.desired.drift.mode
    if mode != "correct" and plan.drift:
        plan = replace(plan, notes=(f"drift mode {mode}: what differs is shown, not put right",))
    leftovers = () if healing.replaces else view.leftovers()
    purpose: Purpose = "heal" if healing.actions else "repair" if leftovers else "none"
    gone = _out_of_reach(view.situation, plan.drift)
    return replace(plan, purpose=purpose, actions=(*healing.actions, *leftovers), blocked=gone)


def _out_of_reach(situation: Situation, drift: tuple[Drift, ...]) -> str:
    """Why what is gone from under a container that runs is not brought back; it goes on without."""
    if situation.desired.drift.mode != "correct" or not any(item.found == ABSENT for item in drift):
        return ""
    return unavailable(situation, situation.desired.deliveries)


def _quarantined(view: View, plan: Plan) -> Plan:
    """The failed revision's differences are only shown."""
    situation = view.situation
    reason = f"release {situation.desired.release.id} failed before: {situation.quarantine.partition(NEWLINE)[0]}"
    held = replace(plan, blocked=reason, held=True)
    former = situation.former
    if former is None or former.fingerprint != situation.desired.fingerprint:
        return _keep_former(situation, held)
    return replace(_heal(view, plan), blocked=reason, held=True)


def _waiting(situation: Situation, plan: Plan) -> Plan:
    """A document whose dependencies are not so yet is not started."""
    if not situation.unmet:
        return plan
    return replace(plan, actions=(), blocked="for " + "; ".join(situation.unmet), waiting=True)


def _suspended(situation: Situation) -> str:
    suspension = situation.suspension
    return f"suspended by {suspension.by}: {suspension.reason}" if suspension else ""


def _other_kind(situation: Situation) -> str:
    """A document becomes no other kind of thing: what would have to go for it has data and users."""
    former = situation.record.committed_revision
    if former is None or not _differs_in_kind(former.desired, situation.desired):
        return ""
    return (
        f"a {former.desired.kind} is deployed under this name, the document is a {situation.desired.kind} now; "
        "give it another name, or delete it and run `reconciler prune` first"
    )


def _differs_in_kind(one: DesiredState, other: DesiredState) -> bool:
    return (one.project is None) != (other.project is None)


def _deploy_cause(situation: Situation, kind: OperationKind) -> str:
    wanted, former = situation.desired.release, situation.record.committed_revision
    if former is None:
        return f"release {wanted.id} is wanted, nothing is deployed"
    if former.release == wanted:
        what = "configuration" if former.images == situation.desired.images else "image"
        return f"the document's {what} of release {wanted.id} changed"
    word = "again wanted" if kind == "rollback" else "wanted"
    return f"release {wanted.id} is {word}, {former.release.id} runs"


def orphan_plan(situation: Situation) -> Plan:
    """A document that is gone from the folder: reported, nothing done (``prune`` decides about removal)."""
    return replace(
        _blank(situation),
        drift=(Drift("orphan", "document", "no container", view_of(situation).remains()),),
        blocked=endangers_us(situation)
        or f"its document is gone; `reconciler prune {situation.desired.name}` removes it",
    )
