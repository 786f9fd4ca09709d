"""Decisions: what a person decides by a command, in the audit log before it takes effect, and what came of it.

What cannot be noted is not done. Decides nothing itself; what a decision does is in the block that it surrounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from reconciler.core.audit import Account, Actor, Deed, standing
from reconciler.core.desired import DesiredState
from reconciler.core.interfaces import AuditTrail
from reconciler.errors import ReconcilerError

Change = tuple[DesiredState | None, DesiredState | None]
"""What a document asked for, and what it asks for afterwards."""


@dataclass(slots=True)
class Decision:
    """What came of it: ``changed`` is False where it was so before; ``detail`` is more to tell."""

    changed: bool = True
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """Those of one person."""

    audit: AuditTrail
    actor: Actor

    @contextmanager
    def taking(
        self, action: str, document: str, *, cause: str = "", target: str = "", change: Change = (None, None)
    ) -> Iterator[Decision]:
        """Around what the decision does. Raises StateError before it, where it cannot be noted, and after it,
        where what came of it cannot be: then nobody knows, and the log will say so.
        """
        before, after = map(standing, change)
        account = Account(actor=self.actor, before=before, after=after)
        deed = Deed(document=document, action=action, target=target, cause=cause, account=account)
        number, decision = self.audit.intent(deed), Decision()
        try:
            yield decision
        except ReconcilerError as error:
            self.audit.outcome(number, deed, outcome="failed", detail=str(error))
            raise
        outcome = "done" if decision.changed else "already"
        self.audit.outcome(number, deed, outcome=outcome, detail=decision.detail)
