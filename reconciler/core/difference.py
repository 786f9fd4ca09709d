"""Difference: the value that one difference between what is wanted and what is found is told by. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

DriftKind = Literal[
    "missing",
    "stopped",
    "paused",
    "restarting",
    "unhealthy",
    "image",
    "environment",
    "command",
    "user",
    "limits",
    "restart-policy",
    "ports",
    "mounts",
    "networks",
    "labels",
    "files",
    "secret",
    "healthcheck",
    "security",
    "logging",
    "name",
    "release",
    "sticker",
    "orphan",
    "foreign",
    "compose-service-missing",
    "compose-service-extra",
    "compose-config-hash",
    "compose-lock",
]


@dataclass(frozen=True, slots=True)
class Drift:
    """``path`` is the document's path below ``spec`` (``config.memoryLimit``), or a word for the whole."""

    kind: DriftKind
    path: str
    wanted: str
    found: str
