"""Which hooks run for a revision, and which are in doubt. Pure.

A deploy runs ``preDeploy`` and ``postDeploy``, a rollback ``preRollback`` and ``postDeploy``; a heal, an adoption
and an undo run none, so that getting back what served never depends on code of a release. Between two committed
releases a hook does its work once for one revision, unless it says that repeating it does no harm
(``idempotent``): what ended well is not run again, and what began and was not seen to end lets the release wait
for a person.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.desired import DesiredState
from reconciler.core.hook import Hook, HookName
from reconciler.core.record import OperationKind, Record

BEFORE: dict[OperationKind, HookName] = {"deploy": "preDeploy", "rollback": "preRollback"}


def went_before(desired: DesiredState, record: Record) -> bool:
    """Whether this revision was once committed: to deploy it now is to roll back."""
    return any(
        operation.fingerprint == desired.fingerprint and operation.state == "committed"
        for operation in record.operations
    )


def before(desired: DesiredState, record: Record, kind: OperationKind) -> Hook | None:
    """The hook to run before anything that serves is touched."""
    return _due(desired, record, BEFORE[kind]) if kind in BEFORE else None


def after(desired: DesiredState, record: Record, kind: OperationKind) -> Hook | None:
    """The hook to run once the new release is healthy."""
    return _due(desired, record, "postDeploy") if kind in BEFORE else None


def doubt(desired: DesiredState, record: Record) -> str:
    """Why the revision is not tried again by itself: a hook of it was interrupted; "" when it may be."""
    for hook in _wanted(desired, record):
        run = record.hook_run(desired.fingerprint, hook.name)
        lenient = hook.idempotent or hook.failure_policy == "ignore"
        if run is not None and run.state == "begun" and run.wish == hook.wish and not lenient:
            return f"the {hook.name} hook was interrupted; it may have done its work"
    return ""


def spared(desired: DesiredState, record: Record) -> tuple[str, ...]:
    """For people: which hooks are left out this time, and why."""
    return tuple(
        f"the {hook.name} hook has run for this release and is not run again"
        for hook in _wanted(desired, record)
        if _has_run(hook, desired, record)
    )


def _wanted(desired: DesiredState, record: Record) -> Iterator[Hook]:
    first = BEFORE["rollback" if went_before(desired, record) else "deploy"]
    return (hook for hook in desired.hooks if hook.name in {first, "postDeploy"})


def _due(desired: DesiredState, record: Record, name: HookName) -> Hook | None:
    found = next((hook for hook in desired.hooks if hook.name == name), None)
    return None if found is None or _has_run(found, desired, record) else found


def _has_run(hook: Hook, desired: DesiredState, record: Record) -> bool:
    """Whether its work is done, or (where a failure is ignored) may be done."""
    run = record.hook_run(desired.fingerprint, hook.name)
    if run is None or run.wish != hook.wish or hook.idempotent:
        return False
    return run.state == "done" or (run.state == "begun" and hook.failure_policy == "ignore")
