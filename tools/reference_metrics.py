"""The page about metrics, made from a rendered page of the program: names, types, labels, help and buckets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import get_args

from prometheus_client.metrics_core import Metric

from reconciler.core.drift import Drift
from reconciler.core.observation import StickerState
from reconciler.core.rollout import State as RolloutState
from reconciler.core.status import DocumentStatus, HealthWord, Phase, Sync
from reconciler.metrics import Meters, Snapshot
from reconciler.metrics.collect import make_registry
from reconciler.metrics.families import (
    ACTION_KINDS,
    CHANNEL_TYPES,
    CONTAINER_DRIFT_KINDS,
    DEPLOY_RESULTS,
    DRIFT_KINDS,
    FAMILIES,
    KINDS,
    NOTIFICATION_RESULTS,
    OTHER,
    RECONCILE_RESULTS,
    ROLLBACK_REASONS,
    Family,
)
from reconciler.orchestrator.meters import BUCKETS, DURATION, FleetCollector, FleetFigures, OwnCertificate
from reconciler.orchestrator.store.agents import Agent
from reconciler.protocol.message.common import TaskState, TaskType

INTRODUCTION = """\
# Metrics

This page is made from the program (`python -m tools.reference`).

`reconciler run` serves `/metrics` in Prometheus' text format, `/healthz` and `/readyz` on
`--listen` (127.0.0.1:9464 unless told otherwise); all three are read-only.

- `/healthz` answers 200 while the loop turns, whatever the engine does; restart the program when it does not.
- `/readyz` answers 200 when the engine answers, everything was looked at once and what is done can be recorded;
  else 503 and the reason.

State is taken from one snapshot at each scrape: a document that is gone has no series in the next one. Labels hold
names of documents and targets, release ids, and words from the closed lists below; what is not on a list is
`other`.
"""

FLEET = """\
## Of a fleet

`reconciler orchestrator run` serves these, `/healthz` and `/readyz` on `--monitor` (127.0.0.1:9465 unless told
otherwise). Agents that are revoked have no series.
"""

CLOSED: dict[str, tuple[str, ...]] = {
    "kind (of documents)": KINDS,
    "sync": get_args(Sync),
    "health": get_args(HealthWord),
    "phase": get_args(Phase),
    "state (of stickers)": get_args(StickerState),
    "kind (of drift), reason (of heals)": CONTAINER_DRIFT_KINDS,
    "the same, of projects also": tuple(kind for kind in DRIFT_KINDS if kind not in CONTAINER_DRIFT_KINDS),
    "result (of passes)": RECONCILE_RESULTS,
    "result (of deploys)": DEPLOY_RESULTS,
    "reason (of rollbacks)": ROLLBACK_REASONS,
    "type (of channels)": CHANNEL_TYPES,
    "result (of notifications)": NOTIFICATION_RESULTS,
    "action": tuple(sorted(ACTION_KINDS)),
}
CLOSED_OF_FLEET: dict[str, tuple[str, ...]] = {
    "type (of tasks)": get_args(TaskType),
    "state (of tasks)": get_args(TaskState),
    "state (of rollouts)": get_args(RolloutState),
    "of (whose certificate)": ("agent", "orchestrator"),
    "name (of the orchestrator's own certificates; an agent's is its name)": get_args(OwnCertificate),
}


class _Queue:
    """A queue's figures; only their being there counts."""

    depth = 0
    unfinished_s = 0.0
    longest_running_s = 0.0


def metrics_page() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *_state(), *_events(), *_words("## Closed lists", CLOSED), *_fleet()])


def _state() -> Iterator[str]:
    yield "## How things stand\n"
    yield "| gauge | labels | meaning |"
    yield "| --- | --- | --- |"
    counted = {family.name.removesuffix("_total") for family in FAMILIES}
    for metric in make_registry(Meters(), _snapshot, version="0").collect():
        if metric.name not in counted:
            yield f"| `{metric.name}` | {_labels(tuple(metric_labels(metric)))} | {metric.documentation} |"
    yield ""


def metric_labels(metric: Metric) -> Iterator[str]:
    """Names of the labels of a metric's first series, in the order of their making."""
    for sample in metric.samples[:1]:
        yield from sample.labels


def _events() -> Iterator[str]:
    yield "## What happened\n"
    yield "| family | type | labels | meaning |"
    yield "| --- | --- | --- | --- |"
    yield from (_row(family) for family in FAMILIES)
    yield "\nA histogram has series `_bucket`, `_sum` and `_count`; a family has none before its first event.\n"


def _fleet() -> Iterator[str]:
    yield FLEET
    yield "| metric | type | labels | meaning |"
    yield "| --- | --- | --- | --- |"
    soon = datetime(2026, 1, 1, tzinfo=UTC)
    agent = Agent(
        name="host-a",
        enrolled_at=soon,
        told_labels={},
        operator_labels=None,
        drained=False,
        revoked_at=None,
        agent_version="1",
        task_types=(),
        last_seen=soon,
        clock_offset_ms=0,
        certificate_ends=soon,
        sealing_key="",
        documents=(),
    )
    figures = FleetFigures((agent,), {("deploy", "queued"): 1}, ())
    for metric in FleetCollector(lambda: figures).collect():
        yield f"| `{metric.name}` | gauge | {_labels(tuple(metric_labels(metric)))} | {metric.documentation} |"
    name, told, labels = DURATION
    bounds = f"Buckets from {BUCKETS[0]:g} to {BUCKETS[-1]:g} s."
    yield f"| `{name}` | histogram | {_labels(labels)} | {told} {bounds} |"
    yield ""
    yield from _words("### Its closed lists", CLOSED_OF_FLEET)


def _row(family: Family) -> str:
    kind = "histogram" if family.buckets else "counter"
    bounds = f" Buckets from {family.buckets[0]:g} to {family.buckets[-1]:g} s." if family.buckets else ""
    return f"| `{family.name}` | {kind} | {_labels(family.labels)} | {family.help}{bounds} |"


def _words(heading: str, closed: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    yield f"{heading}\n"
    yield "| label | words |"
    yield "| --- | --- |"
    for label, words in closed.items():
        shown = ", ".join(f"`{word}`" for word in words if word != OTHER)
        yield f"| {label} | {shown} |"
    yield ""


def _labels(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _snapshot() -> Snapshot:
    """A host where every gauge has a series."""
    status = DocumentStatus(
        name="web",
        kind="Container",
        target="",
        sync="OutOfSync",
        health="Healthy",
        phase="Converged",
        desired_release="1",
        desired_digest="",
        running_release="1",
        running_digest="",
        drift=(Drift("limits", "config.memoryLimit", "64Mi", "128Mi"),),
        since=1.0,
    )
    return Snapshot(statuses=(status,), last_success={"web": 1.0}, queue=_Queue())
