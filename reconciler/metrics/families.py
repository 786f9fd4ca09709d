"""The metric families that count and time: names, help texts, labels, buckets, and the closed lists of labels.

Only names from these lists and names of documents ever become label values; what is not listed becomes
``other``, so that no error text, id or digest can blow up the number of series.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import get_args

from reconciler.core.action import Action
from reconciler.core.drift import DriftKind
from reconciler.core.outcome import VerdictKind
from reconciler.errors import Unhealthy

KINDS = ("Container", "ComposeProject")
DRIFT_KINDS: tuple[str, ...] = get_args(DriftKind)
CONTAINER_DRIFT_KINDS = tuple(kind for kind in DRIFT_KINDS if not kind.startswith("compose-"))
RECONCILE_RESULTS: tuple[str, ...] = get_args(VerdictKind)
DEPLOY_RESULTS = ("converged", "rolled-back", "failed")
ROLLBACK_REASONS = (*Unhealthy.REASONS, "error", "requested")
CHANNEL_TYPES = ("webhook", "apprise")
NOTIFICATION_RESULTS = ("sent", "failed", "dropped")
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Family:
    """One family; with ``buckets`` (upper bounds, rising) it is a histogram, else a counter."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


WORK_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
QUEUE_S = (0.001, 0.01, 0.1, 1.0, 10.0, 60.0, 300.0)
OUTAGE_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)

RECONCILES = Family("reconciler_reconcile_total", "Passes over a document.", ("kind", "result"))
RECONCILE_TIME = Family(
    "reconciler_reconcile_duration_seconds", "How long passes took.", ("kind", "result"), WORK_S
)
DEPLOYS = Family("reconciler_deploys_total", "Deploys that ended.", ("target", "kind", "result"))
ROLLBACKS = Family("reconciler_rollbacks_total", "Returns to an earlier release.", ("target", "kind", "reason"))
HEALS = Family("reconciler_heals_total", "Differences on the host put right.", ("target", "kind", "reason"))
ACTION_TIME = Family("reconciler_action_duration_seconds", "How long Actions took.", ("action",), WORK_S)
DOWNTIME = Family(
    "reconciler_downtime_seconds",
    "From the stop of the old container to the health of the new one.",
    ("kind",),
    OUTAGE_S,
)
NOTIFICATIONS = Family(
    "reconciler_notifications_total",
    "Messages to people: delivered, given up after some tries, or no longer so before they were delivered.",
    ("type", "result"),
)
QUEUE_ADDS = Family("workqueue_adds_total", "Keys queued.", ("name",))
QUEUE_RETRIES = Family("workqueue_retries_total", "Keys added for later.", ("name",))
QUEUE_WAIT = Family("workqueue_queue_duration_seconds", "How long keys waited.", ("name",), QUEUE_S)
QUEUE_WORK = Family("workqueue_work_duration_seconds", "How long keys were worked on.", ("name",), WORK_S)


def counted(kind: str) -> Iterator[tuple[Family, str]]:
    """The counters that there are of each kind of documents on each target: families and their last label."""
    drift = CONTAINER_DRIFT_KINDS if kind == "Container" else DRIFT_KINDS
    for family, words in ((DEPLOYS, DEPLOY_RESULTS), (ROLLBACKS, ROLLBACK_REASONS), (HEALS, drift)):
        for word in words:
            yield family, word


FAMILIES = (
    RECONCILES,
    RECONCILE_TIME,
    DEPLOYS,
    ROLLBACKS,
    HEALS,
    ACTION_TIME,
    DOWNTIME,
    NOTIFICATIONS,
    QUEUE_ADDS,
    QUEUE_RETRIES,
    QUEUE_WAIT,
    QUEUE_WORK,
)


def listed(value: str, allowed: Collection[str]) -> str:
    """The value itself if it is on the list, else ``other``."""
    return value if value in allowed else OTHER


def _kinds_below(family: type[Action]) -> Iterator[str]:
    for below in family.__subclasses__():
        if below.kind:
            yield below.kind
        yield from _kinds_below(below)


ACTION_KINDS = frozenset(_kinds_below(Action))
