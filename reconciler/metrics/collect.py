"""From a snapshot and the meters to Prometheus' text format.

State is exported from one snapshot at scrape time: a document that was removed has no series in the next
scrape. Every registry is its own; nothing is kept in the client library's global one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from reconciler.core.status import DocumentStatus
from reconciler.metrics.families import CONTAINER_DRIFT_KINDS, DRIFT_KINDS, FAMILIES
from reconciler.metrics.meters import QUEUE, Meters, Series
from reconciler.metrics.snapshot import QueueFigures, Snapshot

Rows = Iterable[tuple[tuple[str, ...], float]]


def make_registry(meters: Meters, snapshot: Callable[[], Snapshot], *, version: str) -> CollectorRegistry:
    """A registry that asks for one ``snapshot`` at every scrape."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StateCollector(snapshot, version=version))
    registry.register(MeterCollector(meters))
    return registry


def render(registry: CollectorRegistry) -> bytes:
    """The page in Prometheus' text format, version 0.0.4."""
    return generate_latest(registry)


class StateCollector(Collector):
    """How things stand."""

    def __init__(self, snapshot: Callable[[], Snapshot], *, version: str) -> None:
        self._snapshot = snapshot
        self._version = version

    def collect(self) -> Iterator[Metric]:
        """All gauges, from one snapshot."""
        snapshot = self._snapshot()
        yield _gauge("reconciler_build_info", "The program.", ("version",), [((self._version,), 1)])
        yield from _controller(snapshot)
        yield from _documents(snapshot)
        if snapshot.queue is not None:
            yield from _queue(snapshot.queue)


class MeterCollector(Collector):
    """What happened so far."""

    def __init__(self, meters: Meters) -> None:
        self._meters = meters

    def collect(self) -> Iterator[Metric]:
        """All counters and histograms; a family with nothing counted yet is told with its help alone."""
        found = {
            family: HistogramMetricFamily(family.name, family.help, labels=family.labels)
            if family.buckets
            else CounterMetricFamily(family.name, family.help, labels=family.labels)
            for family in FAMILIES
        }
        for family, labels, series in self._meters.read():
            metric = found[family]
            if isinstance(metric, HistogramMetricFamily):
                metric.add_metric(labels, _buckets(family.buckets, series), sum_value=series.total)
            else:
                metric.add_metric(labels, series.total)
        yield from found.values()


def _buckets(bounds: tuple[float, ...], series: Series) -> list[tuple[str, float]]:
    names = [*map(str, bounds), "+Inf"]
    return list(zip(names, accumulate(series.counts), strict=True))


def _gauge(name: str, text: str, labels: tuple[str, ...], rows: Rows) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in rows:
        family.add_metric(values, value)
    return family


def _controller(snapshot: Snapshot) -> Iterator[Metric]:
    plain = (
        ("reconciler_last_pass_timestamp_seconds", "When the host was last looked at.", snapshot.last_pass),
        ("reconciler_documents", "Documents in force.", len(snapshot.statuses)),
        ("reconciler_invalid_documents", "Documents that are wrong or unreadable.", snapshot.invalid_documents),
        ("reconciler_engine_up", "Whether the Docker engine answers.", snapshot.engine_up),
        ("reconciler_event_stream_up", "Whether the engine's events come in.", snapshot.event_stream_up),
        (
            "reconciler_state_writable",
            "Whether the state directory takes what is to be recorded; nothing is changed while it does not.",
            snapshot.state_writable,
        ),
        (
            "reconciler_audit_intact",
            "Whether the audit log is as it was written; looked at when the controller starts and each day.",
            snapshot.audit_intact,
        ),
    )
    for name, text, value in plain:
        yield GaugeMetricFamily(name, text, value=value)


def _documents(snapshot: Snapshot) -> Iterator[Metric]:
    statuses = snapshot.statuses
    labels = ("target", "document")
    yield _gauge(
        "reconciler_document_info",
        "A document and how it stands.",
        ("target", "kind", "document", "sync", "health", "phase"),
        [((item.target, item.kind, item.name, item.sync, item.health, item.phase), 1) for item in statuses],
    )
    yield _gauge(
        "reconciler_release_info",
        "The release that is wanted and the one that runs.",
        (*labels, "desired", "running"),
        [((*_names(item), item.desired_release, item.running_release), 1) for item in statuses],
    )
    yield _gauge("reconciler_drift", "Whether there is drift of a kind.", (*labels, "kind"), _drift_rows(statuses))
    yield _gauge(
        "reconciler_drift_fields",
        "How many fields differ.",
        labels,
        [(_names(item), len(item.drift)) for item in statuses],
    )
    yield _gauge(
        "reconciler_drift_since_timestamp_seconds",
        "Since when a document has been out of sync.",
        labels,
        [(_names(item), item.since) for item in statuses if item.sync == "OutOfSync" and item.since],
    )
    yield _gauge(
        "reconciler_last_success_timestamp_seconds",
        "When everything was last as wanted.",
        labels,
        [
            (_names(item), snapshot.last_success[item.name])
            for item in statuses
            if item.name in snapshot.last_success
        ],
    )
    yield _gauge(
        "reconciler_sticker_state",
        "What the version sticker is worth.",
        (*labels, "state"),
        [((*_names(item), item.sticker), 1) for item in statuses],
    )
    yield _gauge(
        "reconciler_quarantined",
        "Whether the wanted release failed and is not tried again.",
        labels,
        [(_names(item), bool(item.quarantined)) for item in statuses],
    )


def _drift_rows(statuses: tuple[DocumentStatus, ...]) -> Rows:
    for status in statuses:
        kinds = CONTAINER_DRIFT_KINDS if status.kind == "Container" else DRIFT_KINDS
        found = {item.kind for item in status.drift}
        for kind in kinds:
            yield (*_names(status), kind), kind in found


def _names(status: DocumentStatus) -> tuple[str, str]:
    return status.target, status.name


def _queue(queue: QueueFigures) -> Iterator[Metric]:
    figures = (
        ("workqueue_depth", "Keys that wait.", queue.depth),
        ("workqueue_unfinished_work_seconds", "Work in progress, added up.", queue.unfinished_s),
        ("workqueue_longest_running_processor_seconds", "The longest work in progress.", queue.longest_running_s),
    )
    for name, text, value in figures:
        yield _gauge(name, text, ("name",), [((QUEUE,), value)])
