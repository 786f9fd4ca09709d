"""What the orchestrator knows of a task, and how that goes on. States only go forward:

    queued ─► assigned ─► accepted ─► running ─┬─► unknown ─┐
       │         │            │                └────────────┴─► succeeded, failed, rolled-back, expired, cancelled
       └─────────┴────────────┴─────────────────────────────►

``unknown`` is an honest end (nobody can tell; have it inspected), and the only one that a later, definite result
replaces. A task that an agent may have taken is never called expired or cancelled here: only the agent knows what
it did. Nothing is handed to another agent: a task is for one target, and is assigned again to it, in the same
state, where its lease ran out before it was accepted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from reconciler.protocol.message.common import Outcome, TaskState
from reconciler.protocol.message.result import TaskResult
from reconciler.protocol.message.session import TaskReport

CancelState = Literal["asked", "noted", "too-late"]

RANKS: Final[dict[TaskState, int]] = {
    "queued": 0,
    "assigned": 1,
    "accepted": 2,
    "running": 3,
    "unknown": 4,
    "succeeded": 5,
    "failed": 5,
    "rolled-back": 5,
    "expired": 5,
    "cancelled": 5,
}
"""A state is followed only by one with a higher rank."""

ENDS: Final[dict[Outcome, TaskState]] = {
    "succeeded": "succeeded",
    "failed": "failed",
    "rollback-failed": "failed",
    "refused": "failed",
    "rolled-back": "rolled-back",
    "expired": "expired",
    "cancelled": "cancelled",
    "unknown": "unknown",
}
"""The state that each outcome leads to; the result tells more."""

GRACE: Final = timedelta(minutes=5)
"""How long after its last possible end a task is waited for."""


def is_over(state: TaskState) -> bool:
    """Whether nothing more is awaited."""
    return RANKS[state] >= RANKS["unknown"]


def may_follow(state: TaskState, later: TaskState) -> bool:
    """Whether ``later`` is forward of ``state``."""
    return RANKS[later] > RANKS[state]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRecord:
    """One task at the orchestrator. ``cancel`` is what became of the wish to cancel it, if there was one."""

    task_id: str
    expires_at: datetime
    timeout_seconds: int
    state: TaskState = "queued"
    attempt: int = 0
    lease_until: datetime | None = None
    cancel: CancelState | None = None
    result: TaskResult | None = None

    @property
    def given_up_at(self) -> datetime:
        """When an agent that is still silent will not be heard of any more."""
        return self.expires_at + timedelta(seconds=self.timeout_seconds) + GRACE


def assigned(record: TaskRecord, now: datetime, lease: timedelta) -> TaskRecord:
    """Handed to its agent: for the first time, or once more since nobody took it."""
    if now >= record.expires_at or RANKS[record.state] > RANKS["assigned"]:
        return lapsed(record, now)
    waits = record.lease_until is not None and now < record.lease_until
    if record.state == "assigned" and waits:
        return record
    return replace(record, state="assigned", attempt=record.attempt + 1, lease_until=now + lease)


def reported(record: TaskRecord, report: TaskReport, lease_until: datetime) -> TaskRecord:
    """The agent says how far it is; a report that is late changes nothing. It renews the lease."""
    if report.task_id != record.task_id or is_over(record.state) or is_over(report.state):
        return record
    state = report.state if may_follow(record.state, report.state) else record.state
    cancel = report.cancel if record.cancel and report.cancel else record.cancel
    lease = max(lease_until, record.lease_until or lease_until)
    return replace(record, state=state, cancel=cancel, lease_until=lease)


def finished(record: TaskRecord, result: TaskResult) -> TaskRecord:
    """The agent's result; the first definite one stays."""
    state = ENDS[result.outcome]
    if result.task_id != record.task_id or not may_follow(record.state, state):
        return record
    return replace(record, state=state, result=result, lease_until=None)


def cancelled(record: TaskRecord) -> TaskRecord:
    """Somebody does not want it any more. What is queued ends at once; else the agent is asked."""
    if record.state == "queued":
        return replace(record, state="cancelled", cancel="noted")
    if is_over(record.state):
        return record
    return replace(record, cancel=record.cancel or "asked")


def lapsed(record: TaskRecord, now: datetime) -> TaskRecord:
    """What time alone does: nobody got it before its end, or nobody can tell any more what became of it."""
    if record.state == "queued" and now >= record.expires_at:
        return replace(record, state="expired")
    silent = record.lease_until is None or now >= record.lease_until
    if not is_over(record.state) and record.state != "queued" and silent and now >= record.given_up_at:
        return replace(record, state="unknown", lease_until=None)
    return record
