"""Carries out Actions on what is delivered into containers: declared files and opened secrets.

Decides nothing. Errors become failed Outcomes here and nowhere else.
"""

from __future__ import annotations

from reconciler.core.action import Action, CollectFiles, DeliverFiles
from reconciler.core.interfaces import Deliveries, Progress
from reconciler.core.outcome import Outcome
from reconciler.errors import ReconcilerError


class DeliveryExecutor:
    """The executor of the ``DeliveryAction`` family."""

    def __init__(self, deliveries: Deliveries) -> None:
        self._deliveries = deliveries

    def handles(self, action: Action) -> bool:
        """True for the Actions on deliveries."""
        return isinstance(action, DeliverFiles | CollectFiles)

    def perform(self, action: Action, *, progress: Progress) -> Outcome:  # noqa: ARG002 (nothing here is long)
        """Carry out one Action that it handles. Never raises a ReconcilerError."""
        try:
            changed = self._changed(action)
        except ReconcilerError as error:
            return Outcome(kind="failed", action=action, error=error)
        return Outcome(kind="done" if changed else "already", action=action)

    def _changed(self, action: Action) -> bool:
        if isinstance(action, DeliverFiles):
            return self._deliveries.write(action.document, action.deliveries)
        if isinstance(action, CollectFiles):
            return self._deliveries.keep(action.document, action.keep)
        raise TypeError(f"not an Action on deliveries: {action.kind}")
