"""Drift: one difference between what is wanted and what is found (placeholder header, filled below)."""

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
    "healthcheck",
    "security",
    "name",
    "release",
    "sticker",
    "orphan",
    "foreign",
    "compose-service-missing",
    "compose-config-hash",
    "compose-lock",
]


@dataclass(frozen=True, slots=True)
class Drift:
    kind: DriftKind
    path: str
    wanted: str
    found: str
