"""Board: the latest status of every document, for the metrics, the status page and the readiness check.

Written by the loop, read at scrape time as one immutable value. Sync changes are noted in the history, so that
"since when" survives a restart; nothing is written while nothing changes. A history that cannot be written stops
no look: what it would not take is kept here and offered again.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from reconciler.controller.assess import Assessment
from reconciler.core.excerpt import excerpt
from reconciler.core.status import DocumentStatus, Sync
from reconciler.errors import StateError
from reconciler.history import History


class Board:
    """Safe for use from many threads. ``clock`` is seconds since the epoch; ``monotonic`` and ``silent_s`` (how
    long the loop may look at nothing before it counts as stuck) serve the liveness check. ``changed`` is called,
    from any thread, whenever there is something new to see.
    """

    def __init__(
        self,
        history: History,
        clock: Callable[[], float],
        *,
        monotonic: Callable[[], float],
        silent_s: float,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._history = history
        self._clock = clock
        self._monotonic = monotonic
        self._silent_s = silent_s
        self._lock = threading.Lock()
        self._changed = changed
        self._statuses: Mapping[str, DocumentStatus] = {}
        self._assessments: Mapping[str, Assessment] = {}
        self.last_pass = 0.0
        self.last_success: Mapping[str, float] = {}
        self.engine_up = False
        self.first_pass_done = False
        self.problem = ""
        self.trouble: StateError | None = None
        """Why the history did not take what the last look found; None when it did."""
        self.unwritable: StateError | None = None
        """Why nothing can be recorded, and so nothing is changed; None when all can."""
        self.audit_problem = ""
        """What is wrong with the audit log, as far as it is known; "" for nothing."""
        self._audit_noted: str | None = None
        self._blind = False
        self._unnoted: dict[str, tuple[Sync, float]] = {}
        self._last_turn = monotonic()

    @property
    def statuses(self) -> tuple[DocumentStatus, ...]:
        """All documents, by name."""
        return tuple(status for _, status in sorted(self._statuses.items()))

    def assessment(self, name: str) -> Assessment | None:
        """What the document's status rests on; None while that is not known."""
        return self._assessments.get(name)

    def show(self, found: Iterable[Assessment], *, everything: bool) -> None:
        """Put up what was found; ``everything`` drops the documents that are not among it."""
        found = tuple(found)
        fresh = self._statuses_of(found)
        # Those of one look share one observation; one alone would keep the whole host for itself.
        kept = {item.plan.document: item if everything else _excerpt(item) for item in found}
        with self._lock:
            self._statuses = fresh if everything else {**self._statuses, **fresh}
            self._assessments = kept if everything else {**self._assessments, **kept}
            well = {name: self._clock() for name, status in fresh.items() if status.phase == "Converged"}
            known = {name: at for name, at in self.last_success.items() if name in self._statuses}
            self.last_success = {**known, **well}
        self.engine_up = True
        self.last_pass = self._clock()
        self._last_turn = self._monotonic()
        if everything:
            self.first_pass_done, self._blind, self.problem = True, False, ""
            self._unnoted = {name: noted for name, noted in self._unnoted.items() if name in fresh}
        self._changed()

    def engine_away(self, statuses: Iterable[DocumentStatus], problem: str) -> None:
        """Say of every document that nothing is known, and why."""
        self._last_turn = self._monotonic()
        self.problem, self._blind = problem, False
        with self._lock:
            self._statuses = {status.name: status for status in statuses}
            self._assessments = {}
        self.engine_up = False
        self._changed()

    def look_failed(self, problem: str) -> None:
        """Say that nothing new can be known, and why; what was known stays up."""
        self._last_turn = self._monotonic()
        self.problem = problem
        self._blind = True
        self._changed()

    def note_audit(self, problem: str) -> None:
        """Put up what is wrong with the audit log, and keep it for commands; a history that does not take it now
        is offered it again.
        """
        self.audit_problem = problem
        if problem == self._audit_noted:
            return
        with contextlib.suppress(StateError):  # that nothing can be recorded is told by itself
            self._history.note_audit(problem)
            self._audit_noted = problem
        self._changed()

    @property
    def engine_problem(self) -> str | None:
        """Why the engine cannot be asked; "" when it answers, None while that is not known."""
        if self.engine_up:
            return ""
        return None if self._blind else self.problem or None

    @property
    def look_problem(self) -> str | None:
        """Why the documents cannot be looked at, though the engine may be well; "" when they can."""
        return self.problem if self._blind else ""

    def ready(self) -> tuple[bool, str]:
        """Readiness: the engine answers, everything was looked at once, the last look did not fail, and what is
        done can be recorded.
        """
        if not self.first_pass_done:
            return False, self.problem or "the first look at everything is not done"
        well = self.engine_up and not self._blind
        if well and self.unwritable is not None:
            return False, str(self.unwritable)
        return well, "ready" if well else self.problem

    def healthy(self) -> tuple[bool, str]:
        """Liveness: the loop still turns. An engine that is away is no reason to restart us."""
        silent = self._monotonic() - self._last_turn
        alive = silent < self._silent_s
        return alive, "ok" if alive else f"the loop has not turned for {silent:.0f} s"

    def _statuses_of(self, found: Iterable[Assessment]) -> dict[str, DocumentStatus]:
        trouble: StateError | None = None
        fresh = {}
        for item in found:
            status = item.status(0.0)
            since, trouble = self._noted(status.name, status.sync, trouble)
            fresh[status.name] = item.status(since)
        self.trouble = trouble
        return fresh

    def _noted(self, name: str, sync: Sync, trouble: StateError | None) -> tuple[float, StateError | None]:
        """Since when the document's sync is so, and why that could not be written, now or before in this look."""
        kept, at = self._unnoted.get(name, (sync, self._clock()))
        at = at if kept == sync else self._clock()
        try:
            if trouble is None:  # a history that another process holds is waited for in every try
                self._history.note_sync(name, sync, at)
                self._unnoted.pop(name, None)
                return self._history.drift_since(name), None
        except StateError as error:
            trouble = error
        self._unnoted[name] = (sync, at)
        return at, trouble


def _excerpt(item: Assessment) -> Assessment:
    return replace(item, situation=excerpt(item.situation))
