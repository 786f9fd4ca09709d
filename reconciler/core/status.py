"""Status of one document, in the words that every output uses (command line, metrics, status page)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reconciler.core.desired import Suspension
from reconciler.core.drift import Drift
from reconciler.core.observation import StickerState as StickerState  # noqa: PLC0414  (also spoken of here)

Sync = Literal["Synced", "OutOfSync", "Unknown"]
HealthWord = Literal["Healthy", "Progressing", "Degraded", "Missing", "Unknown", "Suspended"]
Phase = Literal["Converged", "Reconciling", "RolledBack", "Held", "Failed", "Blocked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentStatus:
    """``since`` is seconds since the epoch at which sync last changed (0.0: not known). ``shown_only``: what
    differs is not put right, since its drift mode says so. ``fingerprint`` is that of what is wanted.
    """

    name: str
    kind: str
    target: str
    sync: Sync
    health: HealthWord
    phase: Phase
    reason: str = ""
    desired_release: str = ""
    desired_digest: str = ""
    running_release: str = ""
    running_digest: str = ""
    drift: tuple[Drift, ...] = ()
    since: float = 0.0
    sticker: StickerState = "unknown"
    quarantined: str = ""
    suspension: Suspension | None = None
    last_action: str = ""
    shown_only: bool = False
    fingerprint: str = ""
