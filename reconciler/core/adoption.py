"""Adoption: taking over a container that somebody else made, on the document's explicit word.

The container is journalled as ours by its id, as it is and without a restart. One that matches keeps its id for
good: what can be put right in place is, and it gets its sticker. One that differs more is replaced by the next
pass like any deploy, with the adopted one as the way back.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.action import Action, Commit, RecordIntent, WriteSticker
from reconciler.core.drift import Drift
from reconciler.core.observation import ContainerRow
from reconciler.core.ownership import next_generation
from reconciler.core.repair import needs_replacement, repair_in_place
from reconciler.core.situation import Situation
from reconciler.core.swap import image_actions


@dataclass(frozen=True, slots=True)
class Adoption:
    """What adopting asks for, and what will come after it."""

    actions: tuple[Action, ...]
    notes: tuple[str, ...] = ()


def adopt(situation: Situation, holder: ContainerRow, drift: tuple[Drift, ...]) -> Adoption:
    """Make ``holder`` the document's container; ``drift`` is what differs in it."""
    detail = situation.observation.details.get(holder.id)
    differing = needs_replacement(situation, detail, drift)
    actions = _take_over(situation, holder)
    if differing:
        paths = ", ".join(item.path for item in differing)
        correct = situation.desired.drift.mode == "correct"
        then = (
            "afterwards it is replaced, since it differs" if correct else "it keeps running, although it differs"
        )
        return Adoption(actions, (f"{then} in {paths}",))
    corrects = detail is not None and situation.desired.drift.mode == "correct"
    repairs = repair_in_place(situation, detail, drift) if detail is not None and corrects else ()
    sticker = WriteSticker(
        document=situation.desired.name, cause="a new generation is committed", desired=situation.desired
    )
    return Adoption((*actions, *repairs, sticker))


def _take_over(situation: Situation, holder: ContainerRow) -> tuple[Action, ...]:
    cause = f"the document adopts container {holder.name} ({holder.id[:12]})"
    generation = next_generation(situation.observation, situation.record)
    return (
        *image_actions(situation, cause),
        RecordIntent(
            document=situation.desired.name,
            cause=cause,
            generation=generation,
            operation="adopt",
            desired=situation.desired,
            container_id=holder.id,
        ),
        Commit(document=situation.desired.name, cause=cause, generation=generation),
    )
