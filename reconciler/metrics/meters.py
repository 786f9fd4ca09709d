"""Meters: what happened, counted and timed as it happens.

Numbers only: no rendering, and no import of the Prometheus client, whose 85 ms every command would pay.
Safe for use from many threads.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

from reconciler.metrics import families
from reconciler.metrics.families import Family, listed

QUEUE = "documents"
"""The name of the one work queue."""

Labels = tuple[str, ...]


@dataclass(slots=True)
class Series:
    """One counter (``total``) or histogram (``total`` is the sum; ``counts`` per bucket, the last is +Inf)."""

    total: float = 0.0
    counts: list[int] = field(default_factory=list)


class Meters:
    """Told by the loop, the work queue and the performer; read by the collector."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._series: dict[tuple[Family, Labels], Series] = {}

    def expected(self, kind: str, *, target: str) -> None:
        """There are documents of this kind. What is counted of them begins at 0, since Prometheus sees no rise
        where a counter appears with 1 (its documentation: "Avoid missing metrics").
        """
        kind = listed(kind, families.KINDS)
        for family, word in families.counted(kind):
            self._add(family, (target, kind, word), 0)

    def reconciled(self, kind: str, result: str, *, seconds: float) -> None:
        """One pass over a document ended with a Verdict's kind."""
        labels = (listed(kind, families.KINDS), listed(result, families.RECONCILE_RESULTS))
        self._add(families.RECONCILES, labels, 1)
        self._add(families.RECONCILE_TIME, labels, seconds)

    def deployed(self, kind: str, *, target: str, result: str) -> None:
        """A deploy ended: ``converged``, ``rolled-back`` or ``failed``."""
        result = listed(result, families.DEPLOY_RESULTS)
        self._add(families.DEPLOYS, (target, listed(kind, families.KINDS), result), 1)

    def rolled_back(self, kind: str, *, target: str, reason: str) -> None:
        """A document returned to an earlier release.

        ``reason``: an Unhealthy's, ``error`` for every other failure, ``requested`` where the document asked.
        """
        reason = listed(reason, families.ROLLBACK_REASONS)
        self._add(families.ROLLBACKS, (target, listed(kind, families.KINDS), reason), 1)

    def healed(self, kind: str, *, target: str, reason: str) -> None:
        """A difference on the host was put right; ``reason`` is its drift kind."""
        reason = listed(reason, families.DRIFT_KINDS)
        self._add(families.HEALS, (target, listed(kind, families.KINDS), reason), 1)

    def action(self, kind: str, outcome: str, *, seconds: float) -> None:
        """One Action ended as ``outcome`` (an Outcome's kind); what was so already took no time to speak of."""
        if outcome != "already":
            self._add(families.ACTION_TIME, (listed(kind, families.ACTION_KINDS),), seconds)

    def downtime(self, kind: str, seconds: float) -> None:
        """So long was between the stop of the old container and the health of the new one."""
        self._add(families.DOWNTIME, (listed(kind, families.KINDS),), seconds)

    def notifying(self, channel: str) -> None:
        """There is a channel of this type: what is counted of it begins at 0 (see ``expected``)."""
        for result in families.NOTIFICATION_RESULTS:
            self._add(families.NOTIFICATIONS, (listed(channel, families.CHANNEL_TYPES), result), 0)

    def notified(self, channel: str, result: str) -> None:
        """A message to a channel of this type came to this end."""
        labels = (listed(channel, families.CHANNEL_TYPES), listed(result, families.NOTIFICATION_RESULTS))
        self._add(families.NOTIFICATIONS, labels, 1)

    def added(self) -> None:
        """A key was queued."""
        self._add(families.QUEUE_ADDS, (QUEUE,), 1)

    def waited(self, seconds: float) -> None:
        """A key was handed out this long after it was queued."""
        self._add(families.QUEUE_WAIT, (QUEUE,), seconds)

    def worked(self, seconds: float) -> None:
        """A key was worked on for so long."""
        self._add(families.QUEUE_WORK, (QUEUE,), seconds)

    def retried(self) -> None:
        """A key was added for later."""
        self._add(families.QUEUE_RETRIES, (QUEUE,), 1)

    def read(self) -> Iterator[tuple[Family, Labels, Series]]:
        """All series at one moment, copied."""
        with self._lock:
            copies = [(key, Series(item.total, list(item.counts))) for key, item in self._series.items()]
        for (family, labels), series in copies:
            yield family, labels, series

    def _add(self, family: Family, labels: Labels, value: float) -> None:
        with self._lock:
            series = self._series.get((family, labels))
            if series is None:
                empty = [0] * (len(family.buckets) + 1) if family.buckets else []
                series = self._series[family, labels] = Series(counts=empty)
            series.total += value
            if family.buckets:
                # A bucket holds what is less than or equal to its bound.
                series.counts[bisect_left(family.buckets, value)] += 1
