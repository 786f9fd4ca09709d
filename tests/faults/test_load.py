"""Many documents on one host: what the metrics page says of them is bounded, and tells no secret."""

from __future__ import annotations

from collections import Counter

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.documents import document
from tests.e2e.oracle import Oracle
from tests.e2e.stage import Stage, eventually

MANY = 500
SERIES_OF_ONE = 50
BYTES_OF_ONE = 8 * 1024
LABELS = {
    *("action", "desired", "document", "health", "kind", "le", "name", "phase", "reason", "result", "running"),
    *("state", "sync", "target", "version"),
}
LONGEST = 64
"""Characters of a label's value: names, words and release ids; no digest with its image, no message, no path."""


@pytest.mark.fault("L3")
def test_a_metrics_page_of_many_documents_is_bounded_and_tells_no_secret(stage: Stage, oracle: Oracle) -> None:
    """One is deployed, one is refused with a long reason, the others wait: so many series each, and no more."""
    stage.deploy_here("v1")
    spec = {"suspend": {"reason": "later", "by": "ana"}, "config": {"environment": {"TOKEN": stage.canary}}}
    waiting = [document(f"{stage.name}-{number}", stage.image("v1"), "v1", **spec) for number in range(MANY - 2)]
    powers = {"config": {"capAdd": ["SYS_ADMIN", "NET_ADMIN"], "ports": None}}
    refused = stage.web("v2", **powers, sticker={"path": str(stage.sticker("refused"))})
    refused["metadata"]["name"] = f"{stage.name}-refused"
    files = [
        stage.write(*documents, file=f"many-{number}.yaml")
        for number, documents in enumerate((waiting[::2], waiting[1::2], [refused]))
    ]
    with stage.controller() as controller:
        eventually("all are told", lambda: controller.metric("reconciler_documents") == MANY, within_s=60)
        eventually("the refused one is told", lambda: controller.phase(f"{stage.name}-refused") == "Blocked")
        page = controller.page("metrics")
        for file in files:
            file.unlink()
        eventually("they are forgotten", lambda: controller.metric("reconciler_documents") == 1, within_s=60)
        after = controller.page("metrics")
    assert stage.canary not in page
    samples = [item for family in text_string_to_metric_families(page) for item in family.samples]
    assert {label for item in samples for label in item.labels} <= LABELS
    assert max(len(value) for item in samples for value in item.labels.values()) <= LONGEST
    series = Counter(item.labels["document"] for item in samples if "document" in item.labels)
    assert len(series) == MANY
    assert max(series.values()) <= SERIES_OF_ONE
    assert len(page) < MANY * BYTES_OF_ONE
    assert f'document="{stage.name}-1"' not in after
    oracle.holds("v1")
