"""Healing: whether what differs from the committed revision is put right, in the manner the drift mode allows.

What is to be done about a difference is the matter of the document's kind (``View``). The restart-storm guard
counts what starts something: after ``HEAL_LIMIT`` heals in ``HEAL_WINDOW_S`` the document is held until what it
runs has been stable for that long, the document changes or a person clears it.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.action import Action, Hold, RecordIntent, ReleaseHold
from reconciler.core.drift import Drift
from reconciler.core.remedy import sticker_actions
from reconciler.core.situation import HEAL_LIMIT, HEAL_WINDOW_S, Situation
from reconciler.core.view import View


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


def heal(view: View, drift: tuple[Drift, ...]) -> Healing:
    """The Actions that remove ``drift``, in the manner its kinds and the document's drift mode allow."""
    situation = view.situation
    sticker = () if any(item.kind == "image" for item in drift) else sticker_actions(situation, drift)
    if situation.desired.drift.mode != "correct":
        return Healing(actions=sticker)
    restarting = view.restart(drift)
    if restarting:
        return _guarded(situation, restarting)
    quiet = view.in_place(drift)
    hold = situation.record.held
    if hold and _calm(situation) and view.stable():
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


def _past(situation: Situation) -> tuple[float, ...]:
    """Times of heals; what lies in the future was written under a clock that has been set back since."""
    return tuple(at for at in situation.record.heals if at <= situation.now)


def _calm(situation: Situation) -> bool:
    """Whether the last heal is long enough ago."""
    return situation.now - max(_past(situation), default=0.0) >= HEAL_WINDOW_S
