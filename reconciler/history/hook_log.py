"""Runs of hooks: which began, and how they ended.

Decides that only the newest run of a hook of a revision is kept: it is what the next plan rests on. A run is
written down before the hook starts: whatever is killed then, it is known that the hook may have done something.
"""

from __future__ import annotations

from reconciler.core.hook import HookName
from reconciler.core.record import HookEnd
from reconciler.errors import StateDamaged
from reconciler.history.part import Part


class HookLog(Part):
    """Begin and end of hooks."""

    def hook_began(self, document: str, generation: int, *, hook: HookName, wish: str) -> None:
        """A hook of the open operation begins."""
        with self._writing(document) as connection:
            begun = connection.execute(
                "INSERT INTO hooks (document, fingerprint, hook, wish, generation, state, began_at)"
                " SELECT document, fingerprint, ?3, ?4, generation, 'begun', ?5 FROM operations"
                " WHERE document = ?1 AND generation = ?2 AND state = 'intent'"
                " ON CONFLICT DO UPDATE"
                " SET wish = ?4, generation = ?2, state = 'begun', began_at = ?5, ended_at = 0",
                (document, generation, hook, wish, self._clock()),
            )
            if not begun.rowcount:
                raise StateDamaged(f"generation {generation} of {document} is not open, no hook can run for it")

    def hook_ended(self, document: str, generation: int, *, hook: HookName, state: HookEnd) -> None:
        """How the hook of that generation ended."""
        with self._writing(document) as connection:
            connection.execute(
                "UPDATE hooks SET state = ?4, ended_at = ?5"
                " WHERE document = ?1 AND generation = ?2 AND hook = ?3 AND state = 'begun'",
                (document, generation, hook, state, self._clock()),
            )
