"""What a heartbeat tells of a document beside its words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.agent.reports import LONGEST_REASON, reason_of
from reconciler.core.status import DocumentStatus
from tests.core.test_notice import WELL

FAILED = replace(WELL, sync="OutOfSync", phase="Failed", desired_release="r3")


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (WELL, None),
        (replace(WELL, running_release="r1", phase="Reconciling"), "wants r2"),
        (replace(FAILED, reason="it ended\n  last log lines:\n    hello"), "wants r3, Failed: it ended"),
    ],
)
def test_why_is_told_without_what_a_container_said(status: DocumentStatus, told: str | None) -> None:
    assert reason_of(status) == told


def test_why_is_bounded() -> None:
    told = reason_of(replace(FAILED, reason="x" * 10_000))
    assert told is not None
    assert told.startswith("wants r3, Failed: xxx")
    assert told.endswith("x…")
    assert len(told) == LONGEST_REASON
