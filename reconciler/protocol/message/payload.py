"""What exactly a task asks for, by its type. How a payload is carried out is the agent's affair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from reconciler.protocol.message.common import Artifact, TaskType

StickerLocation = Literal["host", "volume"]
Inspected = Literal["containers", "drift", "history", "sticker", "logs"]


@dataclass(frozen=True, slots=True)
class ReleaseName:
    """Id and name of what is deployed."""

    id: str
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployPayload:
    """What is to run. ``config``, ``hooks`` and ``spec`` (its other keys) are those of a document and are checked
    as such; they may hold values that nobody should read, so no ``repr`` shows them.
    """

    document_kind: Literal["Container", "ComposeProject"]
    release: ReleaseName
    image: str | None = None
    digest: str | None = None
    config: Mapping[str, Any] | None = field(default=None, repr=False)
    artifacts: tuple[Artifact, ...] = ()
    previous_digest: str | None = None
    hooks: Mapping[str, Any] | None = field(default=None, repr=False)
    labels: Mapping[str, str] | None = None
    spec: Mapping[str, Any] | None = field(default=None, repr=False)

    def document(self, name: str) -> Mapping[str, Any]:
        """The desired-state document that it stands for: what the agent's loop converges."""
        named = {"image": self.image, "digest": self.digest, "config": self.config, "hooks": self.hooks}
        release = {"id": self.release.id, **({"name": self.release.name} if self.release.name else {})}
        given = {key: value for key, value in named.items() if value is not None}
        return {
            "apiVersion": "stella/v1",
            "kind": self.document_kind,
            "metadata": {"name": name, **({"labels": self.labels} if self.labels else {})},
            "spec": {**(self.spec or {}), "release": release, **given},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackPayload:
    """Which committed revision is to run again; the one before the current one where nothing is named."""

    container_name: str | None = None
    target_digest: str | None = None
    target_release: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCheck:
    """A request from the agent to a port of the container."""

    path: str
    port: int
    timeout_seconds: int
    retries: int
    interval_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheckPayload:
    """By the container's own check, or over HTTP."""

    http: HttpCheck | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectPayload:
    """Which parts are told; what runs against what is wanted where none is named."""

    include: tuple[Inspected, ...] = ()
    log_lines: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecuteCommandPayload:
    """A command by its name in the agent's policy. ``service`` of a project: whose container it runs in."""

    command: str
    arguments: tuple[str, ...] = field(default=(), repr=False)
    service: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedFile:
    """One file: a path below the folder, its content by digest, its permissions in octal digits."""

    path: str
    sha256: str
    size_bytes: int
    mode: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadFilesPayload:
    """Files below a folder that the agent's policy allows."""

    directory: str
    files: tuple[UploadedFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteStickerPayload:
    """The sticker is made from what is committed; only its place can be told."""

    sticker_path: str | None = None
    sticker_location: StickerLocation | None = None
    sticker_volume: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadStickerPayload:
    """Which sticker is read; the document's own where nothing is told."""

    sticker_path: str | None = None
    sticker_location: StickerLocation | None = None
    sticker_volume: str | None = None


Payload = (
    DeployPayload
    | RollbackPayload
    | HealthCheckPayload
    | InspectPayload
    | ExecuteCommandPayload
    | UploadFilesPayload
    | WriteStickerPayload
    | ReadStickerPayload
)

PAYLOADS: Final[Mapping[TaskType, type]] = {
    "deploy": DeployPayload,
    "rollback": RollbackPayload,
    "health-check": HealthCheckPayload,
    "inspect": InspectPayload,
    "execute-command": ExecuteCommandPayload,
    "upload-files": UploadFilesPayload,
    "write-sticker": WriteStickerPayload,
    "read-sticker": ReadStickerPayload,
}
