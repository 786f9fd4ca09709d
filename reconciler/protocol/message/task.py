"""AgentTask: one thing that the orchestrator asks of one agent.

A task says what effect is wanted, and how it is delivered. What is only of the delivery (which try, until when, in
what order, under whose seal) is left out of the hash by which a repeated request is known again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Final

from reconciler.protocol.message.common import (
    Actor,
    CredentialsBinding,
    Message,
    Priority,
    SealedCredentials,
    Signature,
    TaskType,
)
from reconciler.protocol.message.payload import PAYLOADS, Payload
from reconciler.protocol.wire.canonical import digest
from reconciler.protocol.wire.codec import chosen_by, to_json

READS: Final[frozenset[TaskType]] = frozenset({"health-check", "inspect", "read-sticker"})
"""Types that change nothing: they wait for nobody, and nobody waits for them."""

FENCED: Final[frozenset[TaskType]] = frozenset({"deploy", "rollback"})
"""Types that change which release runs: each has a generation, and none undoes a later one."""

RESUMED: Final[frozenset[TaskType]] = frozenset({*READS, *FENCED, "upload-files", "write-sticker"})
"""Types whose work is the same however often it is begun; the other ones are never begun twice."""

DELIVERY: Final = frozenset(
    {"id", "assignedAt", "expiresAt", "attempt", "priority", "credentials", "signature", "idempotencyKey"}
)
"""Keys that tell how a request is delivered, not what it asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentTask(Message):
    """``generation`` counts, per document and target, what the orchestrator wished for. ``expected_release`` must
    be running, or nothing is done. ``timeout_seconds`` are counted by the agent's own monotonic clock.
    """

    KIND: ClassVar[str] = "AgentTask"

    id: str
    type: TaskType
    target_id: str
    payload: Payload = field(metadata=chosen_by("type", PAYLOADS))
    timeout_seconds: int
    priority: Priority
    idempotency_key: str
    attempt: int
    assigned_at: datetime
    expires_at: datetime
    actor: Actor
    document: str | None = None
    credentials: SealedCredentials | None = None
    generation: int | None = None
    expected_release: str | None = None
    signature: Signature | None = None

    @property
    def mutates(self) -> bool:
        """Whether carrying it out may change the host."""
        return self.type not in READS

    @property
    def request_hash(self) -> str:
        """Equal for equal requests: whoever asks again with the same key has to ask for the same."""
        said: dict[str, Any] = to_json(self)
        return digest({key: value for key, value in said.items() if key not in DELIVERY})


def binding_of(task: AgentTask) -> CredentialsBinding:
    """What its credentials have to be bound to. Lifted into another task, they are refused, and do not open."""
    return CredentialsBinding(
        agent=task.target_id,
        task=task.id,
        generation=task.generation or 0,
        expires=int(task.expires_at.timestamp()),
    )
