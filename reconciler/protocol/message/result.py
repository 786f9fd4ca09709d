"""TaskResult: what came of a task; LogChunk: what it said meanwhile; Acknowledgement: what of both is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from reconciler.protocol.message.common import Artifact, Message, Outcome, ResultKey, Sync, TaskType
from reconciler.protocol.wire.canonical import digest
from reconciler.protocol.wire.codec import to_json


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedState:
    """What was seen after the work, as far as it is known."""

    release: str | None = None
    digest: str | None = None
    generation: int | None = None
    phase: str | None = None
    sync: Sync | None = None
    health: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskMetrics:
    """Durations by the monotonic clock: never negative, whatever is done to the other one."""

    pull_duration_ms: int | None = None
    deploy_duration_ms: int | None = None
    health_check_duration_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult(Message):
    """``success`` says whether the outcome is ``succeeded``. ``logs`` is the end of what the work said.
    ``type`` is left out where the task's could not be read.
    """

    KIND: ClassVar[str] = "TaskResult"

    task_id: str
    idempotency_key: str
    attempt: int
    agent: str
    success: bool
    outcome: Outcome
    started_at: datetime
    completed_at: datetime
    logs: str = field(repr=False)
    metrics: TaskMetrics
    type: TaskType | None = None
    document: str | None = None
    generation: int | None = None
    observed: ObservedState | None = None
    outputs: Mapping[str, Any] | None = field(default=None, repr=False)
    artifacts: tuple[Artifact, ...] = ()
    error: str | None = None
    error_type: str | None = None
    retriable: bool | None = None

    @property
    def key(self) -> ResultKey:
        """By which it is acknowledged."""
        return ResultKey(self.task_id, digest(to_json(self)))


@dataclass(frozen=True, slots=True, kw_only=True)
class LogChunk(Message):
    """One numbered piece. ``dropped_chunks`` just before it were lost for want of room."""

    KIND: ClassVar[str] = "LogChunk"

    session: str
    task_id: str
    attempt: int
    number: int
    dropped_chunks: int
    text: str = field(repr=False)
    last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPosition:
    """Which piece of a task's log is wanted next."""

    task_id: str
    attempt: int
    next: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement(Message):
    """What the orchestrator has stored."""

    KIND: ClassVar[str] = "Acknowledgement"

    session: str
    results: tuple[ResultKey, ...]
    logs: tuple[LogPosition, ...]
