"""Board: the latest status of every document, for the metrics and the readiness check.

Written by the loop, read at scrape time as one immutable value. Sync changes are noted in the history, so that
"since when" survives a restart; nothing is written while nothing changes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping

from reconciler.controller.assess import Assessment
from reconciler.core.status import DocumentStatus
from reconciler.history import History


class Board:
    """Safe for use from many threads."""

    def __init__(self, history: History, clock: Callable[[], float]) -> None:
        self._history = history
        self._clock = clock
        self._lock = threading.Lock()
        self._statuses: Mapping[str, DocumentStatus] = {}
        self.last_pass = 0.0
        self.engine_up = False
        self.first_pass_done = False

    @property
    def statuses(self) -> tuple[DocumentStatus, ...]:
        """All documents, by name."""
        return tuple(status for _, status in sorted(self._statuses.items()))

    def show(self, found: Iterable[Assessment], *, everything: bool) -> None:
        """Put up what was found; ``everything`` drops the documents that are not among it."""
        fresh = {item.plan.document: self._status(item) for item in found}
        with self._lock:
            self._statuses = fresh if everything else {**self._statuses, **fresh}
        self.engine_up = True
        self.last_pass = self._clock()
        self.first_pass_done = self.first_pass_done or everything

    def engine_away(self, statuses: Iterable[DocumentStatus]) -> None:
        """Say of every document that nothing is known."""
        with self._lock:
            self._statuses = {status.name: status for status in statuses}
        self.engine_up = False

    def _status(self, item: Assessment) -> DocumentStatus:
        status = item.status(0.0)
        self._history.note_sync(status.name, status.sync, self._clock())
        return item.status(self._history.drift_since(status.name))
