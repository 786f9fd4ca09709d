"""The history: what was tried, what runs, what is held back; durable before a method returns.

One SQLite file per host, written by one controller and, in small ways, by operators' commands beside it.
Decides nothing about deploys; it remembers. ``History`` implements the ``Journal`` of ``core.interfaces``
and keeps events, accepted documents and sync times beside it, each in a file of this package.

Invariants: generations only grow; an operation's state only goes forward; a call that changes nothing
writes nothing.
"""

from __future__ import annotations

from pathlib import Path

from reconciler.history.accepted import Accepted
from reconciler.history.allowances import Allowances
from reconciler.history.database import Database
from reconciler.history.events import EventLog
from reconciler.history.hook_log import HookLog
from reconciler.history.operations import Operations
from reconciler.history.part import Clock
from reconciler.history.remarks import Remarks
from reconciler.history.rows import Rebuild
from reconciler.history.standing import Standing
from reconciler.history.sync import SyncLog
from reconciler.history.told import ToldLog

__all__ = ["Clock", "History", "Rebuild"]


class History(Operations, HookLog, Standing, Allowances, EventLog, Accepted, SyncLog, ToldLog, Remarks):
    """One open history. Safe for use from many threads."""

    @classmethod
    def open(cls, path: Path, *, clock: Clock, rebuild: Rebuild) -> History:
        """Open or create the database at ``path``, whose folder must exist.

        Raises StateDamaged, StateUnwritable, StateLocked, or StateError for a file of a newer reconciler.
        """
        return cls(Database(path), clock=clock, rebuild=rebuild)

    def forget(self, document: str) -> None:
        """The document was pruned: only its generation counter and its events stay."""
        super().forget(document)
        self._sync.pop(document, None)
