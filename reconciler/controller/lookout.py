"""Lookout: one look at everything, and what stands in the way of it, told once as it begins and as it ends.

Reads the folder and the host, shows what it found on the board, and says which documents are known and which of
them may be pruned. Never acts on the host; who works on what is the controller's matter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from reconciler.controller.assess import Assessment, Assessor
from reconciler.controller.board import Board
from reconciler.controller.troubles import Troubles
from reconciler.core.pruning import over_the_cap
from reconciler.errors import StateError
from reconciler.spec.problem import Problem

UNWRITABLE = "nothing can be recorded, so nothing is changed"
FORGETFUL = "the last good documents cannot be kept for a restart"
LAST_POLICY = "the policy is not in force as it is written; the last good one is"
ALTERED = "the audit log is not as it was written"
TIMELESS = "since when a document differs cannot be kept for a restart"

log = structlog.get_logger("reconciler")


@dataclass(slots=True, kw_only=True)
class Lookout:
    """``prune``: whether orphans may be removed without being asked about, up to ``prune_cap_percent`` of all.

    ``known`` are the names of the last look, orphans included; ``pruning`` those that may be removed.
    """

    assessor: Assessor
    board: Board
    prune: bool
    prune_cap_percent: int
    policy_trouble: Callable[[], Exception | None] = lambda: None
    state_trouble: Callable[[], StateError | None] = lambda: None
    audit_trouble: Callable[[], StateError | None] = lambda: None
    troubles: Troubles = field(default_factory=Troubles)
    known: frozenset[str] = frozenset()
    pruning: frozenset[str] = frozenset()
    _problems: set[str] = field(default_factory=set)
    _refusal: str = ""

    def look(self) -> tuple[Assessment, ...]:
        """Read the folder, assess every document, show it. Raises EngineUnavailable, StateError."""
        self._tell_problems(self.assessor.catalogue.reload().problems)
        found = self.assessor.assess()
        self.board.show(found, everything=True)
        unwritable = self.state_trouble()
        self.board.unwritable = unwritable
        self.troubles.stands(UNWRITABLE, unwritable, told="what is done can be recorded again")
        altered = self.audit_trouble()
        self.board.note_audit(str(altered or ""))
        self.troubles.stands(ALTERED, altered, told="the audit log is as it was written")
        kept = self.assessor.catalogue.trouble
        self.troubles.stands(FORGETFUL, kept, told="the last good documents are kept again")
        self.troubles.stands(TIMELESS, self.board.trouble, told="since when a document differs is kept again")
        self.troubles.stands(LAST_POLICY, self.policy_trouble(), told="the policy is in force as it is written")
        self.known = frozenset(item.plan.document for item in found)
        self.pruning = self._prunable() if self.prune else frozenset()
        return found

    def forget(self, name: str) -> None:
        """Drop a document that is gone; the next look finds whatever is left of it."""
        self.known -= {name}

    def _tell_problems(self, problems: Sequence[Problem]) -> None:
        now = {str(problem) for problem in problems}
        for problem in sorted(now - self._problems):
            log.warning("a file is not in force as it is written", problem=problem)
        if self._problems and not now:
            log.info("all files are good again")
        self._problems = now

    def _prunable(self) -> frozenset[str]:
        removals = [item.plan.document for item in self.assessor.prunable()]
        documents = len(self.assessor.catalogue.desired())
        refusal = over_the_cap(removals, documents, cap_percent=self.prune_cap_percent)
        if refusal and refusal != self._refusal:
            log.warning("pruning waits", reason=refusal)
        self._refusal = refusal
        return frozenset() if refusal else frozenset(removals)
