"""Snapshot: the state of the controller at one moment, as the metrics page tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from reconciler.core.status import DocumentStatus


class QueueFigures(Protocol):
    """The work queue at one moment; seconds are since the work began."""

    @property
    def depth(self) -> int:
        """Keys that wait."""

    @property
    def unfinished_s(self) -> float:
        """All work in progress, added up."""

    @property
    def longest_running_s(self) -> float:
        """The longest of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Times are seconds since the epoch, 0.0: never. ``last_success`` by document: when a pass last ended
    with everything as wanted.
    """

    statuses: tuple[DocumentStatus, ...] = ()
    engine_up: bool = False
    event_stream_up: bool = False
    state_writable: bool = True
    audit_intact: bool = True
    invalid_documents: int = 0
    last_pass: float = 0.0
    last_success: Mapping[str, float] = field(default_factory=dict)
    queue: QueueFigures | None = None
