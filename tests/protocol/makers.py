"""Tasks, documents and moments for tests, with what does not matter filled in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from reconciler.protocol.message.common import Actor
from reconciler.protocol.message.document import AssignedDocument, version_of
from reconciler.protocol.message.payload import (
    DeployPayload,
    ExecuteCommandPayload,
    HealthCheckPayload,
    InspectPayload,
    Payload,
    ReadStickerPayload,
    ReleaseName,
    RollbackPayload,
    UploadedFile,
    UploadFilesPayload,
    WriteStickerPayload,
)
from reconciler.protocol.message.task import AgentTask
from reconciler.protocol.wire.times import Moment

START = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
NOW = Moment(START, 1_000.0)
ME = "host-a"
ALICE = Actor("user", "alice")
DIGEST = f"sha256:{'a' * 64}"

PAYLOADS: dict[str, Payload] = {
    "deploy": DeployPayload(
        document_kind="Container", release=ReleaseName("1.4.1"), image="registry.example.com/web", digest=DIGEST
    ),
    "rollback": RollbackPayload(),
    "health-check": HealthCheckPayload(),
    "inspect": InspectPayload(),
    "execute-command": ExecuteCommandPayload(command="migrate"),
    "upload-files": UploadFilesPayload(
        directory="/srv/www", files=(UploadedFile(path="a/b", sha256=DIGEST, size_bytes=3, mode="0644"),)
    ),
    "write-sticker": WriteStickerPayload(),
    "read-sticker": ReadStickerPayload(),
}


def uid(number: int) -> str:
    return str(UUID(int=number))


def task(number: int = 1, type: str = "deploy", **changes: Any) -> AgentTask:  # noqa: A002
    fenced = type in {"deploy", "rollback"}
    given: dict[str, Any] = {
        "id": uid(number),
        "type": type,
        "target_id": ME,
        "payload": PAYLOADS[type],
        "timeout_seconds": 60,
        "priority": "normal",
        "idempotency_key": f"key-{number}",
        "attempt": 1,
        "assigned_at": START,
        "expires_at": START + timedelta(hours=1),
        "actor": ALICE,
        "document": "web",
        "generation": number if fenced else None,
    }
    return AgentTask(**{**given, **changes})


def document(
    name: str = "web", generation: int = 1, text: str = "kind: Container", **changes: Any
) -> AssignedDocument:
    given: dict[str, Any] = {
        "id": name,
        "target_id": ME,
        "version": version_of(text),
        "generation": generation,
        "text": text,
        "issued_at": START,
        "actor": ALICE,
    }
    return AssignedDocument(**{**given, **changes})
