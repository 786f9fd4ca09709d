from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import get_args

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from reconciler.core.drift import Drift, DriftKind
from reconciler.core.observation import StickerState
from reconciler.core.rollout import State
from reconciler.core.status import DocumentStatus, HealthWord, Phase, Sync
from reconciler.metrics import Meters, Snapshot, families, renderer
from reconciler.protocol.message.common import TaskState, TaskType
from tools.reference_metrics import metrics_page

KINDS: tuple[DriftKind, ...] = get_args(DriftKind)
STATUS = DocumentStatus(
    name="web",
    kind="Container",
    target="host-a",
    sync="OutOfSync",
    health="Healthy",
    phase="RolledBack",
    desired_release="rel-2",
    running_release="rel-1",
    drift=(Drift("limits", "config.memoryLimit", "256Mi", "512Mi"), Drift("limits", "config.cpuLimit", "1", "2")),
    since=1_700_000_000.0,
    sticker="current",
    quarantined="unhealthy: <html> sha256:0123",
)


@dataclass(frozen=True)
class Queue:
    depth: int = 3
    unfinished_s: float = 1.5
    longest_running_s: float = 1.25


def _samples(page: bytes) -> list[Sample]:
    return [sample for family in text_string_to_metric_families(page.decode()) for sample in family.samples]


def _values(page: bytes, name: str) -> dict[tuple[str, ...], float]:
    return {tuple(item.labels.values()): item.value for item in _samples(page) if item.name == name}


def _page(snapshot: Snapshot | None = None, meters: Meters | None = None) -> bytes:
    return renderer(meters or Meters(), lambda: snapshot or Snapshot(), version="1.2.3")()


def test_a_document_is_told_in_every_family() -> None:
    page = _page(Snapshot(statuses=(STATUS,), last_success={"web": 1_600_000_000.0, "gone": 5.0}))
    expected: dict[tuple[str, ...], float] = {
        ("reconciler_document_info", "web", "Healthy", "Container", "RolledBack", "OutOfSync", "host-a"): 1,
        ("reconciler_release_info", "rel-2", "web", "rel-1", "host-a"): 1,
        ("reconciler_drift_fields", "web", "host-a"): 2,
        ("reconciler_drift_since_timestamp_seconds", "web", "host-a"): 1_700_000_000.0,
        ("reconciler_last_success_timestamp_seconds", "web", "host-a"): 1_600_000_000.0,
        ("reconciler_sticker_state", "web", "current", "host-a"): 1,
        ("reconciler_quarantined", "web", "host-a"): 1,
    }
    for kind in KINDS:
        if not kind.startswith("compose-"):
            expected["reconciler_drift", "web", kind, "host-a"] = float(kind == "limits")
    found = [item for item in _samples(page) if "document" in item.labels]
    assert {(item.name, *item.labels.values()): item.value for item in found} == expected


def test_a_document_in_sync_has_no_time_of_drift() -> None:
    page = _page(Snapshot(statuses=(replace(STATUS, sync="Synced", drift=(), quarantined=""),)))
    assert b"reconciler_drift_since_timestamp_seconds{" not in page
    assert b"reconciler_last_success_timestamp_seconds{" not in page
    assert _values(page, "reconciler_quarantined") == {("web", "host-a"): 0}


def test_the_controller_and_its_queue_are_told() -> None:
    page = _page(
        Snapshot(
            statuses=(STATUS,),
            engine_up=True,
            event_stream_up=False,
            state_writable=False,
            audit_intact=False,
            invalid_documents=2,
            last_pass=1_700_000_000.5,
            queue=Queue(),
        )
    )
    assert {
        (item.name, *item.labels.values()): item.value for item in _samples(page) if "document" not in item.labels
    } == {
        ("reconciler_build_info", "1.2.3"): 1,
        ("reconciler_documents",): 1,
        ("reconciler_engine_up",): 1,
        ("reconciler_event_stream_up",): 0,
        ("reconciler_invalid_documents",): 2,
        ("reconciler_last_pass_timestamp_seconds",): 1_700_000_000.5,
        ("reconciler_state_writable",): 0,
        ("reconciler_audit_intact",): 0,
        ("workqueue_depth", "documents"): 3,
        ("workqueue_unfinished_work_seconds", "documents"): 1.5,
        ("workqueue_longest_running_processor_seconds", "documents"): 1.25,
    }


@pytest.mark.parametrize(
    "words",
    [
        families.KINDS,
        KINDS,
        get_args(Sync),
        get_args(HealthWord),
        get_args(Phase),
        get_args(StickerState),
        families.ACTION_KINDS,
        get_args(TaskType),
        get_args(TaskState),
        get_args(State),
    ],
)
def test_every_word_of_a_closed_list_is_in_the_reference(words: Collection[str]) -> None:
    told = metrics_page()
    assert [word for word in words if f"`{word}`" not in told] == []


def test_what_is_counted_of_documents_begins_at_zero_and_keeps_what_was_counted() -> None:
    meters = Meters()
    meters.expected("Container", target="host-a")
    meters.deployed("Container", target="host-a", result="converged")
    meters.expected("Container", target="host-a")
    found = {(item.name, *item.labels.values()): item.value for item in _samples(_page(meters=meters))}
    assert found["reconciler_deploys_total", "Container", "converged", "host-a"] == 1
    assert found["reconciler_deploys_total", "Container", "failed", "host-a"] == 0
    assert found["reconciler_rollbacks_total", "Container", "unhealthy", "host-a"] == 0
    assert found["reconciler_heals_total", "Container", "limits", "host-a"] == 0
    assert not any("ComposeProject" in key for key in found)


def test_the_series_of_a_removed_document_are_gone_with_the_next_scrape() -> None:
    shown = [Snapshot(statuses=(STATUS, replace(STATUS, name="db")))]
    render = renderer(Meters(), lambda: shown[0], version="")
    assert b'document="db"' in render()
    shown[0] = Snapshot(statuses=(STATUS,))
    page = render()
    assert b'document="db"' not in page
    assert b'document="web"' in page


def test_a_scrape_reads_one_snapshot() -> None:
    reads: list[Snapshot] = []

    def read() -> Snapshot:
        reads.append(Snapshot(statuses=(STATUS,)))
        return reads[-1]

    renderer(Meters(), read, version="")()
    assert len(reads) == 1


@pytest.mark.parametrize("kind", ["Container", "ComposeProject"])
def test_a_document_has_at_most_fifty_series(kind: str) -> None:
    worst = replace(STATUS, kind=kind, drift=tuple(Drift(item, "x", "a", "b") for item in KINDS))
    page = _page(Snapshot(statuses=(worst,), last_success={"web": 1.0}))
    assert sum(b'document="web"' in line for line in page.splitlines()) <= 50


def test_label_values_come_from_closed_lists_or_documents() -> None:
    meters = Meters()
    calls: tuple[Callable[[], None], ...] = (
        lambda: meters.reconciled("<kind>", "sha256:00", seconds=1),
        lambda: meters.deployed("x", target="host-a", result="connection refused"),
        lambda: meters.rolled_back("x", target="host-a", reason="log line"),
        lambda: meters.healed("x", target="host-a", reason="/path"),
        lambda: meters.action("rm -rf", "done", seconds=1),
        lambda: meters.downtime("x", 1),
        lambda: meters.action("pull-image", "done", seconds=1),
    )
    for call in calls:
        call()
    allowed = {
        "target": {"host-a"},
        "document": {"web"},
        "kind": {*families.KINDS, *KINDS, "other"},
        "sync": set(get_args(Sync)),
        "health": set(get_args(HealthWord)),
        "phase": set(get_args(Phase)),
        "state": set(get_args(StickerState)),
        "desired": {"rel-2"},
        "running": {"rel-1"},
        "version": {"1.2.3"},
        "name": {"documents"},
        "result": {*families.RECONCILE_RESULTS, *families.DEPLOY_RESULTS, "other"},
        "reason": {*families.ROLLBACK_REASONS, *KINDS, "other"},
        "action": {*families.ACTION_KINDS, "other"},
    }
    for sample in _samples(_page(Snapshot(statuses=(STATUS,), queue=Queue()), meters)):
        for label, value in sample.labels.items():
            if label != "le":
                assert value in allowed[label], (sample.name, label)


def test_what_happens_is_counted() -> None:
    meters = Meters()
    for _ in range(2):
        meters.deployed("Container", target="host-a", result="rolled-back")
        meters.rolled_back("Container", target="host-a", reason="unhealthy")
    meters.healed("Container", target="host-a", reason="missing")
    meters.added()
    meters.retried()
    page = _page(meters=meters)
    assert _values(page, "reconciler_deploys_total") == {("Container", "rolled-back", "host-a"): 2}
    assert _values(page, "reconciler_rollbacks_total") == {("Container", "unhealthy", "host-a"): 2}
    assert _values(page, "reconciler_heals_total") == {("Container", "missing", "host-a"): 1}
    assert _values(page, "workqueue_adds_total") == {("documents",): 1}
    assert _values(page, "workqueue_retries_total") == {("documents",): 1}
    assert b"_created" not in page


@pytest.mark.parametrize(
    ("time_it", "name"),
    [
        (
            lambda meters, seconds: meters.reconciled("Container", "converged", seconds=seconds),
            "reconciler_reconcile_duration_seconds",
        ),
        (
            lambda meters, seconds: meters.action("start-container", "failed", seconds=seconds),
            "reconciler_action_duration_seconds",
        ),
        (lambda meters, seconds: meters.downtime("Container", seconds), "reconciler_downtime_seconds"),
        (lambda meters, seconds: meters.waited(seconds), "workqueue_queue_duration_seconds"),
        (lambda meters, seconds: meters.worked(seconds), "workqueue_work_duration_seconds"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_takes_time_is_timed_in_buckets(time_it: Callable[[Meters, float], None], name: str) -> None:
    meters = Meters()
    for seconds in (0.0, 0.1, 0.1001, 1000.0):
        time_it(meters, seconds)
    samples = [sample for sample in _samples(_page(meters=meters)) if sample.name.startswith(name)]
    buckets = {sample.labels["le"]: sample.value for sample in samples if sample.name == f"{name}_bucket"}
    assert (buckets["0.1"], buckets["300.0"], buckets["+Inf"]) == (2, 3, 4)
    assert list(buckets.values()) == sorted(buckets.values())
    assert [sample.value for sample in samples if sample.name == f"{name}_count"] == [4]
    assert [round(sample.value, 4) for sample in samples if sample.name == f"{name}_sum"] == [1000.2001]


def test_an_action_that_was_so_already_is_not_timed() -> None:
    meters = Meters()
    meters.action("start-container", "already", seconds=0.001)
    assert list(meters.read()) == []


def test_every_pass_is_counted_once() -> None:
    meters = Meters()
    meters.reconciled("Container", "converged", seconds=0.1)
    assert _values(_page(meters=meters), "reconciler_reconcile_total") == {("Container", "converged"): 1}


def test_counting_from_many_threads_loses_nothing() -> None:
    meters = Meters()

    def wait_often() -> None:
        for _ in range(1000):
            meters.waited(0.5)

    threads = [threading.Thread(target=wait_often) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _values(_page(meters=meters), "workqueue_queue_duration_seconds_count") == {("documents",): 8000}


def test_every_family_says_what_it_is_and_keeps_to_the_naming_rules() -> None:
    page = _page(Snapshot(statuses=(STATUS,), queue=Queue())).decode()
    for family in text_string_to_metric_families(page):
        assert family.documentation.endswith(".")
        assert family.name.startswith(("reconciler_", "workqueue_"))
        # The parser takes the _total off a counter's name.
        assert f"# TYPE {family.name}{'_total' if family.type == 'counter' else ''} {family.type}" in page


def test_a_thousand_documents_are_rendered_in_well_under_a_scrape_interval() -> None:
    statuses = tuple(replace(STATUS, name=f"web-{number}") for number in range(1000))
    render = renderer(Meters(), lambda: Snapshot(statuses=statuses), version="")
    begin = time.process_time()  # other processes of a busy machine do not count
    page = render()
    assert time.process_time() - begin < 5
    assert page.count(b"reconciler_document_info{") == 1000


def test_commands_that_only_count_do_not_import_the_client() -> None:
    code = "import sys; from reconciler.metrics import Meters; Meters().added(); "
    code += "print('prometheus_client' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
