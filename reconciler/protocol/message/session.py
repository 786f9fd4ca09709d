"""Messages of the session itself, and how assignments travel in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final, Literal

from reconciler.protocol.message.common import Actor, Message, ResultKey, SetPosition, Sync, TaskState, TaskType

CloseReason = Literal[
    "shutdown",
    "superseded",
    "session-unknown",
    "too-many-sessions",
    "overloaded",
    "silent",
    "forbidden",
    "revoked",
    "no-common-version",
    "not-understood",
    "bad-message",
    "too-large",
]


LONGEST_REASON: Final = 1_024
"""Characters of a reason in a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello(Message):
    """An agent begins a session. ``instance`` names its installation: two with one identity are told apart."""

    KIND: ClassVar[str] = "Hello"

    agent: str
    instance: str
    versions: tuple[str, ...]
    understands: tuple[str, ...]
    agent_version: str
    targets: tuple[str, ...]
    labels: Mapping[str, str]
    task_types: tuple[TaskType, ...]
    set: SetPosition
    sent_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome(Message):
    """The orchestrator begins the session, and says how it wants it."""

    KIND: ClassVar[str] = "Welcome"

    session: str
    version: str
    understands: tuple[str, ...]
    server_time: datetime
    set_id: str
    interval_seconds: int
    reconnect_spread_seconds: int
    max_message_bytes: int
    max_log_chunk_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentReport:
    """One document on this host. ``refused``: why an assignment of it is not held; ``generation``: the highest
    that was taken, with a task or a document; ``observed``: the version of which phase, sync and health tell;
    ``reason``: why these are not as they should be.
    """

    id: str
    version: str | None = None
    generation: int | None = None
    phase: str | None = None
    sync: Sync | None = None
    health: str | None = None
    release: str | None = None
    digest: str | None = None
    refused: str | None = None
    observed: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskReport:
    """One task on this host whose end is not acknowledged."""

    task_id: str
    attempt: int
    state: TaskState
    past_no_return: bool
    cancel: Literal["noted", "too-late"] | None = None
    result_digest: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingSet:
    """A full set of which not all parts are there: those that are."""

    id: str
    sequence: int
    parts: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat(Message):
    """An agent is alive, and where it stands. ``set`` is what it holds; ``resync``: it wants all of it anew."""

    KIND: ClassVar[str] = "Heartbeat"

    session: str
    agent: str
    number: int
    sent_at: datetime
    set: SetPosition
    resync: bool
    documents: tuple[DocumentReport, ...]
    tasks: tuple[TaskReport, ...]
    free_places: int
    clock_offset_ms: int | None = None
    clock_error_ms: int | None = None
    pending: PendingSet | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """Asks to end a task before its point of no return."""

    task_id: str
    idempotency_key: str
    reason: str
    actor: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignments(Message):
    """All that is assigned (``full``, perhaps in parts), or what has changed. Documents and tasks are kept as they
    came: each is read, checked and refused on its own, and its signature is over just these values.
    """

    KIND: ClassVar[str] = "Assignments"

    session: str
    set_id: str
    mode: Literal["full", "increment"]
    applies_to: int
    results_in: int
    part: int
    parts: int
    documents: tuple[Mapping[str, Any], ...]
    removed_documents: tuple[str, ...]
    tasks: tuple[Mapping[str, Any], ...]
    removed_tasks: tuple[str, ...]
    cancels: tuple[Cancel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatAnswer(Message):
    """The orchestrator has heard a heartbeat. ``set`` is how far the assignments are; what the agent lacks of them
    is in ``assignments``, in order.
    """

    KIND: ClassVar[str] = "HeartbeatAnswer"

    session: str
    number: int
    server_time: datetime
    interval_seconds: int
    set: SetPosition
    set_digest: str
    assignments: tuple[Assignments, ...]
    acknowledged: tuple[ResultKey, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping(Message):
    """Is anybody there?"""

    KIND: ClassVar[str] = "Ping"

    session: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pong(Message):
    """Answer to a Ping, with its number."""

    KIND: ClassVar[str] = "Pong"

    session: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Close(Message):
    """The session ends, or does not begin. ``retry_after_seconds``: not before this time."""

    KIND: ClassVar[str] = "Close"

    reason: CloseReason
    message: str
    retry_after_seconds: int | None = None
