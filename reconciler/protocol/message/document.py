"""AssignedDocument: a desired-state document for one target, as the orchestrator wishes for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from reconciler.protocol.message.common import Actor, Artifact, Message, Signature
from reconciler.protocol.wire.canonical import digest
from reconciler.protocol.wire.codec import to_json


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentVersion:
    """Which version of a document, in which generation."""

    id: str
    version: str
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignedDocument(Message):
    """``version`` is that of its text and artifacts (``version_of``). ``generation`` grows with each new wish."""

    KIND: ClassVar[str] = "AssignedDocument"

    id: str
    target_id: str
    version: str
    generation: int
    text: str = field(repr=False)
    issued_at: datetime
    actor: Actor
    artifacts: tuple[Artifact, ...] = ()
    signature: Signature | None = None

    @property
    def held(self) -> DocumentVersion:
        """Without its content."""
        return DocumentVersion(id=self.id, version=self.version, generation=self.generation)


def version_of(text: str, artifacts: tuple[Artifact, ...] = ()) -> str:
    """The version that this content has: its digest."""
    return digest({"text": text, "artifacts": to_json(artifacts)})


def set_digest(documents: Iterable[DocumentVersion]) -> str:
    """One digest over which documents are assigned, in whatever order."""
    return digest([to_json(item) for item in sorted(documents, key=lambda item: item.id)])
