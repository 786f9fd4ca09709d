"""What several messages have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal

UNDERSTOOD: Final[frozenset[str]] = frozenset()
"""Extensions that this package knows: none yet."""

TaskType = Literal[
    "deploy",
    "rollback",
    "health-check",
    "inspect",
    "execute-command",
    "upload-files",
    "write-sticker",
    "read-sticker",
]
Priority = Literal["low", "normal", "high", "critical"]
Outcome = Literal[
    "succeeded", "failed", "rolled-back", "rollback-failed", "refused", "expired", "cancelled", "unknown"
]
TaskState = Literal[
    "queued",
    "assigned",
    "accepted",
    "running",
    "succeeded",
    "failed",
    "rolled-back",
    "expired",
    "cancelled",
    "unknown",
]
ActorType = Literal["user", "agent", "system", "file"]
Sync = Literal["synced", "out-of-sync", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """``must_understand`` names extensions without which the message may not be used; other unknown extensions are
    kept and ignored.
    """

    KIND: ClassVar[str]

    must_understand: tuple[str, ...] = ()
    extensions: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asked for it: identity of a certificate, a user's name, or file and commit."""

    type: ActorType
    id: str


@dataclass(frozen=True, slots=True)
class Signature:
    """Over ``wire.canonical.signed_part`` of the object that it stands in. ``value`` is base64."""

    algorithm: str
    key_id: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialsBinding:
    """What sealed credentials are for: this agent, task and generation, until ``expires`` (seconds since 1970)."""

    agent: str
    task: str
    generation: int
    expires: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedCredentials:
    """Opaque here (``sealing.boxes`` seals and opens). ``key``: which key of the agent opens it."""

    version: int
    binding: CredentialsBinding
    key: str
    ciphertext: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A file by its content; the bytes are fetched by digest, never part of a message."""

    type: Literal["compose_lock", "config", "file", "log"]
    name: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class SetPosition:
    """How far an assignment set has come: the number of its last change, in the numbering ``id``."""

    id: str
    sequence: int


NOTHING_HELD: Final = SetPosition("", 0)


@dataclass(frozen=True, slots=True)
class ResultKey:
    """One result, unmistakably: a newer one of the same task has another digest."""

    task_id: str
    result_digest: str
