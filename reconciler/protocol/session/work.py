"""WorkReport: what the agent's work tells of a task; it becomes the task's result, with bounds on all of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from reconciler.errors import MessageRefused
from reconciler.protocol.admission import Admission
from reconciler.protocol.logs import tail
from reconciler.protocol.message.common import Artifact, Outcome
from reconciler.protocol.message.result import ObservedState, TaskMetrics, TaskResult
from reconciler.protocol.message.task import AgentTask
from reconciler.protocol.wire.canonical import canonical
from reconciler.protocol.wire.limits import Limits
from reconciler.protocol.wire.rules import COMMON, check

ERROR_BYTES: Final = 4_096
NO_METRICS: Final = TaskMetrics()
MOST_ARTIFACTS: Final = 64
MOST_ATTEMPTS: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkReport:
    """What came of the work. Texts hold no secret: who reports has taken them out."""

    outcome: Outcome
    error: str = ""
    error_type: str = ""
    retriable: bool = False
    observed: ObservedState | None = None
    outputs: Mapping[str, Any] | None = field(default=None, repr=False)
    artifacts: tuple[Artifact, ...] = ()
    logs: str = field(default="", repr=False)
    metrics: TaskMetrics = NO_METRICS


LOST: Final = WorkReport(
    outcome="unknown",
    error="the agent was ended while it was at work on this, and can't tell how far it came; have it inspected",
    error_type="interrupted",
)
"""Of work that was cut off and is not begun twice."""


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, by the host's clock."""

    started_at: datetime
    completed_at: datetime


def report_of(admission: Admission) -> WorkReport:
    """Of a task that was not begun, or not carried on."""
    return WorkReport(
        outcome=admission.outcome,
        error=admission.reason,
        error_type=admission.error_type,
        retriable=admission.retriable,
    )


def result_of(task: AgentTask, agent: str, report: WorkReport, *, span: Span, limits: Limits) -> TaskResult:
    """The result as it is sent: what is too long is cut, and shows it."""
    went_wrong = report.outcome != "succeeded"
    return TaskResult(
        task_id=task.id,
        idempotency_key=task.idempotency_key,
        attempt=task.attempt,
        agent=agent,
        type=task.type,
        document=task.document,
        generation=task.generation,
        success=not went_wrong,
        outcome=report.outcome,
        observed=report.observed,
        started_at=span.started_at,
        completed_at=max(span.started_at, span.completed_at),
        outputs=_bounded(report.outputs, limits.output_bytes),
        artifacts=report.artifacts[:MOST_ARTIFACTS],
        error=tail(report.error, ERROR_BYTES) or None,
        error_type=report.error_type or None,
        retriable=report.retriable if went_wrong else None,
        logs=tail(report.logs, limits.log_bytes),
        metrics=report.metrics,
    )


def unreadable(item: Mapping[str, Any], agent: str, wrong: MessageRefused, at: datetime) -> TaskResult | None:
    """The answer to a task that can't be read, where enough of it can be for an answer to be one."""
    try:
        for key, rule in (("id", "Id"), ("idempotencyKey", "Key")):
            check(f"{COMMON}.{rule}", item.get(key))
    except MessageRefused:
        return None
    attempt = item.get("attempt")
    return TaskResult(
        task_id=item["id"],
        idempotency_key=item["idempotencyKey"],
        attempt=attempt if type(attempt) is int and 0 < attempt <= MOST_ATTEMPTS else 1,
        agent=agent,
        success=False,
        outcome="refused",
        started_at=at,
        completed_at=at,
        error=tail(wrong.message, ERROR_BYTES),
        error_type=wrong.reason,
        retriable=False,
        logs="",
        metrics=NO_METRICS,
    )


def _bounded(outputs: Mapping[str, Any] | None, most: int) -> Mapping[str, Any] | None:
    if outputs is None:
        return None
    size = len(canonical(outputs))
    return outputs if size <= most else {"cut": f"the outputs had {size} bytes; {most} are sent"}
