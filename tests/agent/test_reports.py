"""What a heartbeat tells of a document beside its words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.agent.reports import LONGEST_REASON, reason_of
from reconciler.core.status import DocumentStatus

WELL = DocumentStatus(
    name="web",
    kind="Container",
    target="",
    sync="Synced",
    health="Healthy",
    phase="Converged",
    desired_release="v1",
    running_release="v1",
)
FAILED = replace(WELL, sync="OutOfSync", phase="Failed", desired_release="v2")


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (WELL, None),
        (replace(WELL, running_release="v0", phase="Reconciling"), "wants v1"),
        (replace(FAILED, reason="it ended\n  last log lines:\n    hello"), "wants v2, Failed: it ended"),
    ],
)
def test_why_is_told_without_what_a_container_said(status: DocumentStatus, told: str | None) -> None:
    assert reason_of(status) == told


def test_why_is_bounded() -> None:
    told = reason_of(replace(FAILED, reason="x" * 10_000))
    assert told is not None
    assert told.startswith("wants v2, Failed: xxx")
    assert told.endswith("x…")
    assert len(told) == LONGEST_REASON
