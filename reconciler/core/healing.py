"""Healing: putting right what differs on the host from the revision that is committed.

In place where the engine can, by a start where the container only stopped, by a swap otherwise. The
restart-storm guard counts what starts something: after ``HEAL_LIMIT`` heals in ``HEAL_WINDOW_S`` the document is
held until its container has been stable for that long, the document changes or a person clears it.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.action import (
    Action,
    ContainerRef,
    Hold,
    RecordHeal,
    RecordIntent,
    ReleaseHold,
    RenameContainer,
    StartContainer,
    UnpauseContainer,
    WriteSticker,
)
from reconciler.core.drift import Drift
from reconciler.core.observation import ContainerRow
from reconciler.core.ownership import Claims
from reconciler.core.repair import BUILT_IN_NETWORKS, needs_replacement, repair_in_place
from reconciler.core.situation import HEAL_LIMIT, HEAL_WINDOW_S, Situation, completed
from reconciler.core.swap import Swap, swap_actions, wait_healthy


@dataclass(frozen=True, slots=True, kw_only=True)
class Healing:
    """What healing asks for. ``starts``: something is started, so that dependencies count."""

    actions: tuple[Action, ...] = ()
    blocked: str = ""
    held: bool = False
    starts: bool = False

    @property
    def replaces(self) -> bool:
        """Whether a swap is among the Actions: it collects for itself what is left over."""
        return any(isinstance(action, RecordIntent) for action in self.actions)


def heal(situation: Situation, claims: Claims, drift: tuple[Drift, ...]) -> Healing:
    """The Actions that remove ``drift``, in the manner its kinds and the document's drift mode allow."""
    sticker = () if any(item.kind == "image" for item in drift) else _sticker(situation, drift)
    if situation.desired.drift.mode != "correct":
        return Healing(actions=sticker)
    restarting = _restart(situation, claims, drift)
    if restarting:
        return _guarded(situation, restarting)
    quiet = _in_place(situation, claims, drift)
    hold = situation.record.held
    if hold and _stable(situation, claims):
        cause = f"stable for {HEAL_WINDOW_S:.0f} s"
        quiet = (ReleaseHold(document=situation.desired.name, cause=cause), *quiet)
    return Healing(actions=(*quiet, *sticker), blocked=_held(hold) if hold and not quiet else "", held=bool(hold))


def _guarded(situation: Situation, actions: tuple[Action, ...]) -> Healing:
    if situation.record.held:
        return Healing(blocked=_held(situation.record.held), held=True)
    recent = [at for at in _past(situation) if at > situation.now - HEAL_WINDOW_S]
    if len(recent) >= HEAL_LIMIT:
        reason = f"healed {len(recent)} times in {HEAL_WINDOW_S:.0f} s"
        hold = Hold(document=situation.desired.name, cause=reason)
        return Healing(actions=(hold,), blocked=_held(reason), held=True)
    return Healing(actions=actions, starts=True)


def _held(reason: str) -> str:
    return f"{reason}; mend the cause, then `reconciler clear`"


def _restart(situation: Situation, claims: Claims, drift: tuple[Drift, ...]) -> tuple[Action, ...]:
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
    if "stopped" in kinds and _network_lost(situation):
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


def _network_lost(situation: Situation) -> bool:
    """Whether a stopped container names a network that is gone, or that was made anew under another id: the engine
    cannot start it again.
    """
    present, error = situation.observation.networks, situation.record.last_error
    wanted = {item.name for item in situation.desired.config.networks or ()} - BUILT_IN_NETWORKS
    gone = present is not None and bool(wanted - present)
    return gone or (bool(wanted) and "network" in error and "not found" in error)


def _past(situation: Situation) -> tuple[float, ...]:
    """Times of heals; what lies in the future was written under a clock that has been set back since."""
    return tuple(at for at in situation.record.heals if at <= situation.now)


def _revive(
    situation: Situation, claims: Claims, current: ContainerRow, drift: tuple[Drift, ...]
) -> tuple[Action, ...]:
    desired, container = situation.desired, ContainerRef(current.name, current.id)
    cause = f"the container is {current.status}, wanted running"
    begin = UnpauseContainer if current.status == "paused" else StartContainer
    return (
        RecordHeal(document=desired.name, cause=cause),
        *_in_place(situation, claims, drift),
        begin(document=desired.name, cause=cause, container=container),
        wait_healthy(desired, container, cause),
        *_sticker(situation, drift),
    )


def _in_place(situation: Situation, claims: Claims, drift: tuple[Drift, ...]) -> tuple[Action, ...]:
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


def _sticker(situation: Situation, drift: tuple[Drift, ...]) -> tuple[Action, ...]:
    found = next((item.found for item in drift if item.kind == "sticker"), "")
    if not found:
        return ()
    return (
        WriteSticker(document=situation.desired.name, cause=f"the sticker is {found}", desired=situation.desired),
    )


def _stable(situation: Situation, claims: Claims) -> bool:
    current = claims.current
    if current is None or situation.now - max(_past(situation), default=0.0) < HEAL_WINDOW_S:
        return False
    detail = situation.observation.details.get(current.id)
    done = detail is not None and completed(situation.desired, detail)
    return done or (current.running and current.health in {"healthy", "none"})
