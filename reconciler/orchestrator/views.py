"""Views: what the API tells of agents, tasks and tokens, as JSON. Pure."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

from reconciler.orchestrator.store.agents import Agent
from reconciler.orchestrator.store.invitations import Kept as KeptInvitation
from reconciler.orchestrator.store.logs import Piece
from reconciler.orchestrator.store.tasks import Kept as KeptTask
from reconciler.protocol.presence import presence
from reconciler.protocol.reading import as_value
from reconciler.protocol.wire.codec import to_json
from reconciler.protocol.wire.times import time_text
from reconciler.sealing.boxes import key_id


def agent_view(agent: Agent, *, now: datetime) -> dict[str, Any]:
    """An agent."""
    key = {"sealingKey": agent.sealing_key, "sealingKeyId": key_id(base64.b64decode(agent.sealing_key))}
    return present(
        id=agent.name,
        presence=presence(agent.last_seen, now),
        drained=agent.drained,
        revoked=agent.revoked_at is not None,
        labels=dict(agent.labels),
        agentVersion=agent.agent_version or None,
        taskTypes=list(agent.task_types),
        lastSeenAt=agent.last_seen,
        clockOffsetMs=agent.clock_offset_ms,
        certificateEndsAt=agent.certificate_ends,
        documents=list(agent.documents),
        **key,
    )


def task_view(kept: KeptTask) -> dict[str, Any]:
    """A task, with its result where there is one."""
    task, record = kept.task, kept.record
    return present(
        id=task.id,
        type=task.type,
        targetId=task.target_id,
        document=task.document,
        generation=task.generation,
        priority=task.priority,
        idempotencyKey=task.idempotency_key,
        state=record.state,
        attempt=record.attempt,
        cancel=record.cancel,
        actor=to_json(task.actor),
        createdAt=kept.created_at,
        assignedAt=kept.assigned_at,
        leaseUntil=record.lease_until,
        expiresAt=task.expires_at,
        completedAt=kept.completed_at,
        result=None if record.result is None else as_value(record.result),
    )


def token_view(kept: KeptInvitation) -> dict[str, Any]:
    """A join token, without its secret."""
    return present(
        id=kept.id,
        agent=kept.invitation.target,
        createdAt=kept.created_at,
        expiresAt=kept.invitation.expires,
        usedAt=kept.used_at,
        actor={"type": "user", "id": kept.actor},
    )


def log_view(piece: Piece) -> dict[str, Any]:
    """A part of a task's log."""
    return {
        "text": piece.text,
        "next": piece.next,
        "complete": piece.complete,
        "droppedChunks": piece.dropped,
    }


def present(**values: Any) -> dict[str, Any]:
    """What is not known is left out."""
    return {
        key: time_text(value) if isinstance(value, datetime) else value
        for key, value in values.items()
        if value is not None
    }
