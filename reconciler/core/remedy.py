"""Remedies for a Container: what is to be done about each of its differences.

In place where the engine can, by a start where the container only stopped, by a swap otherwise. How often, and
whether at all, is decided in ``healing``.
"""

from __future__ import annotations

from reconciler.core.action import (
    Action,
    ContainerRef,
    RecordHeal,
    RenameContainer,
    StartContainer,
    UnpauseContainer,
    WriteSticker,
)
from reconciler.core.delivering import deliver_absent, deliver_missing
from reconciler.core.drift import Drift
from reconciler.core.observation import ContainerRow
from reconciler.core.ownership import Claims
from reconciler.core.repair import needs_replacement, repair_in_place
from reconciler.core.situation import Situation, completed
from reconciler.core.startable import startable
from reconciler.core.swap import Swap, swap_actions, wait_healthy


def restart(situation: Situation, claims: Claims, drift: tuple[Drift, ...]) -> tuple[Action, ...]:
    """The Actions for what cannot be put right without starting something; () when nothing is of that sort."""
    kinds = {item.kind for item in drift}
    current = claims.current
    if current is None:
        return _replace(situation, claims, ()) if "missing" in kinds else ()
    differing = needs_replacement(situation, situation.observation.details.get(current.id), drift)
    if current.status == "removing":
        return ()
    failed_before = situation.desired.fingerprint in situation.record.quarantined
    if current.status == "dead" or (differing and not failed_before):
        return _replace(situation, claims, differing)
    if "stopped" in kinds and not startable(situation, current):
        return _replace(situation, claims, ())
    if kinds & {"stopped", "paused"}:
        return _revive(situation, claims, current, drift)
    return ()


def _replace(situation: Situation, claims: Claims, differing: tuple[Drift, ...]) -> tuple[Action, ...]:
    first = differing[0] if differing else None
    without = "the container is gone" if claims.current is None else "the container cannot be started again"
    cause = f"{first.path} is {first.found}, wanted {first.wanted}" if first else without
    committed = situation.record.committed
    if committed is not None and committed.kind == "adopt" and first:
        # What was adopted is another release in truth: replacing it is a deploy, and may fail as one.
        return swap_actions(Swap(situation=situation, claims=claims, kind="deploy", cause=cause))
    swap = Swap(situation=situation, claims=claims, kind="heal", cause=cause)
    return (RecordHeal(document=situation.desired.name, cause=cause), *swap_actions(swap))


def _revive(
    situation: Situation, claims: Claims, current: ContainerRow, drift: tuple[Drift, ...]
) -> tuple[Action, ...]:
    desired, container = situation.desired, ContainerRef(current.name, current.id)
    cause = f"the container is {current.status}, wanted running"
    begin = UnpauseContainer if current.status == "paused" else StartContainer
    return (
        RecordHeal(document=desired.name, cause=cause),
        *deliver_missing(situation, desired),
        *_repairs(situation, claims, drift),
        begin(document=desired.name, cause=cause, container=container),
        wait_healthy(desired, container, cause),
        *sticker_actions(situation, drift),
    )


def without_restart(situation: Situation, claims: Claims, drift: tuple[Drift, ...]) -> tuple[Action, ...]:
    """What can be put right in place."""
    return (*deliver_absent(situation, drift), *_repairs(situation, claims, drift))


def _repairs(situation: Situation, claims: Claims, drift: tuple[Drift, ...]) -> tuple[Action, ...]:
    current = claims.current
    detail = situation.observation.details.get(current.id) if current else None
    if current is None or detail is None:
        return ()
    actions = repair_in_place(situation, detail, drift)
    free = situation.observation.named(situation.desired.container_name) is None
    if free and any(item.kind == "name" for item in drift):
        rename = RenameContainer(
            document=situation.desired.name,
            cause=f"its name is {current.name}",
            container=ContainerRef(current.name, current.id),
            to=situation.desired.container_name,
        )
        actions = (rename, *actions)
    return actions


def sticker_actions(situation: Situation, drift: tuple[Drift, ...]) -> tuple[Action, ...]:
    """The sticker written anew, where it differs."""
    found = next((item.found for item in drift if item.kind == "sticker"), "")
    if not found:
        return ()
    return (
        WriteSticker(document=situation.desired.name, cause=f"the sticker is {found}", desired=situation.desired),
    )


def stable(situation: Situation, claims: Claims) -> bool:
    """Whether the container serves, or has ended well."""
    current = claims.current
    if current is None:
        return False
    detail = situation.observation.details.get(current.id)
    done = detail is not None and completed(situation.desired, detail)
    return done or (current.running and current.health in {"healthy", "none"})
