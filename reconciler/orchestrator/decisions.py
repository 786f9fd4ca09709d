"""Decisions: what is decided about the fleet stands in the audit log before it is done, and what came of it after.

The store's events tell people what happened; the audit log proves what was decided, by whom, in lines that nobody
changes unseen. Where it takes no line, nothing is decided.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from reconciler.audit import AuditLog
from reconciler.core.audit import Account, Actor, ActorType, Deed
from reconciler.core.member import SCHEME
from reconciler.orchestrator.home import Home
from reconciler.orchestrator.store import events
from reconciler.orchestrator.store.database import Connection, Database
from reconciler.orchestrator.store.events import FleetEvent
from reconciler.state_dir import StateDir

AUDIT_KEY: Final = "audit.key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """``actor``: a member's URI, or ``user:NAME`` of this host. ``about``: an agent, document or token."""

    actor: str
    what: str
    about: str
    document: str = ""
    detail: str = ""
    task: str = ""

    def deed(self) -> Deed:
        """As the audit log has it."""
        account = Account(actor=_actor(self.actor), task=self.task)
        return Deed(
            document=self.document, action=self.what, target=self.about, cause=self.detail, account=account
        )


class Decisions:
    """Blocks; safe from many threads."""

    def __init__(self, home: Home, database: Database) -> None:
        state = StateDir(home.path)
        self.audit = AuditLog(home.path, lambda: state.key(AUDIT_KEY))
        self._database = database

    @contextmanager
    def deciding(self, decision: Decision) -> Iterator[Connection]:
        """A transaction in which it is done. Raises StateError where that cannot be recorded; then it is not."""
        deed = decision.deed()
        number = self.audit.intent(deed)
        try:
            with self._database.write() as on:
                yield on
                told = FleetEvent(
                    datetime.now(UTC), decision.actor, decision.what, decision.about, decision.detail
                )
                events.add(on, told)
        except BaseException as error:
            self.audit.outcome(number, deed, outcome="failed", detail=str(error)[:500])
            raise
        self.audit.outcome(number, deed, outcome="done")


def _actor(said: str) -> Actor:
    if said.startswith(f"{SCHEME}agent/"):
        return Actor("agent", said)
    if said.startswith(SCHEME):
        return Actor("user", said)
    kind: ActorType = "file" if said.startswith("file:") else "user"
    return Actor(kind, said.partition(":")[2] or said)
