"""What a task's answer says, made of what the loop concluded and of what is seen. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, cast

from reconciler.controller.loop import Pass
from reconciler.core.action import PullImage, WaitHealthy, WaitProject, WaitService
from reconciler.core.outcome import Outcome as Done
from reconciler.core.outcome import failure
from reconciler.core.record import Record
from reconciler.core.status import DocumentStatus
from reconciler.core.status_text import reason_words
from reconciler.errors import Interrupted, TerminalError
from reconciler.protocol.message.common import Outcome, Sync
from reconciler.protocol.message.result import ObservedState, TaskMetrics
from reconciler.protocol.session.work import WorkReport

LONGEST_REASON: Final = 256
"""Characters. Each heartbeat tells of all documents, and a host has thousands of them at most."""


def reason_of(status: DocumentStatus) -> str | None:
    """Why a document is not as it should be, without the lines below the first: they are what a container said."""
    words = " ".join(reason_words(status).partition("\n")[0].split())
    return (words if len(words) <= LONGEST_REASON else f"{words[: LONGEST_REASON - 1]}…") or None


def report_of_pass(done: Pass, fingerprint: str, *, taken: bool) -> WorkReport | None:
    """The end of the work on the document with this fingerprint, None while there is more to come. ``taken``: its
    point of no return is behind it.
    """
    verdict, desired = done.verdict, done.assessment.situation.desired
    if desired.fingerprint != fingerprint:
        return None
    metrics = metrics_of(done.outcomes)
    if verdict.kind == "converged":
        return WorkReport(outcome="succeeded", metrics=metrics)
    if verdict.kind == "failed":
        return _failed(done, metrics)
    without_effect: Outcome = "failed" if taken else "refused"
    ends: dict[str, tuple[Outcome, str]] = {
        "rolled-back": ("rolled-back", "release-failed"),
        "held": (without_effect, "held"),
        "blocked": (without_effect, "blocked"),
    }
    if verdict.kind not in ends:
        return None
    outcome, error_type = ends[verdict.kind]
    return WorkReport(outcome=outcome, error=verdict.reason, error_type=error_type, metrics=metrics)


def _failed(done: Pass, metrics: TaskMetrics) -> WorkReport | None:
    """What is tried again by itself is no end, unless nothing will become of it."""
    verdict, error = done.verdict, failure(done.outcomes)
    undone = done.plan.purpose == "undo"
    if verdict.retry_after == 0 or isinstance(error, Interrupted):
        return None
    if verdict.retry_after is not None and not undone and not isinstance(error, TerminalError):
        return None
    former = done.assessment.situation.record.committed is not None
    outcome: Outcome = "rollback-failed" if undone and error is not None and former else "failed"
    return WorkReport(outcome=outcome, error=verdict.reason, error_type="release-failed", metrics=metrics)


def metrics_of(outcomes: Sequence[Done]) -> TaskMetrics:
    """How long it took, by the loop's monotonic clock."""

    def spent(*kinds: type) -> int | None:
        found = [item.duration_ms for item in outcomes if not kinds or isinstance(item.action, kinds)]
        return sum(found) if found else None

    return TaskMetrics(
        pull_duration_ms=spent(PullImage),
        deploy_duration_ms=spent(),
        health_check_duration_ms=spent(WaitHealthy, WaitProject, WaitService),
    )


def running_release(record: Record) -> str:
    """The release that is committed; "" where none is."""
    return record.committed_revision.release.id if record.committed_revision else ""


def observed(status: DocumentStatus, generation: int | None) -> ObservedState:
    """What is seen of a document."""
    return ObservedState(
        release=status.running_release or None,
        digest=status.running_digest or None,
        generation=generation,
        phase=word(status.phase),
        sync=cast("Sync", word(status.sync)),
        health=word(status.health),
    )


def word(said: str) -> str:
    """A word as messages have it: ``OutOfSync`` is ``out-of-sync``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", said).lower()
