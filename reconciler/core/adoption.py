"""Adoption: taking over a container that somebody else made, on the document's explicit word.

The container is journalled as ours by its id, as it is and without a restart. What differs from the document is
then ordinary drift: a matching container keeps its id for good, another is replaced like any deploy, with the
adopted one as the way back.
"""

from __future__ import annotations

from reconciler.core.action import Action, Commit, RecordIntent
from reconciler.core.observation import ContainerRow
from reconciler.core.situation import Situation
from reconciler.core.swap import image_actions


def adopt_actions(situation: Situation, holder: ContainerRow) -> tuple[Action, ...]:
    """Make ``holder`` the document's container."""
    cause = f"the document adopts container {holder.name} ({holder.id[:12]})"
    generation = situation.record.generation + 1
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
