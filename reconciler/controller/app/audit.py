"""The audit log of this host, for commands that look at it or sign it: neither engine nor history is needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.audit import AuditLog
from reconciler.audit.checkpoint import Checkpoint
from reconciler.audit.files import LogFiles
from reconciler.audit.signing import public_key
from reconciler.config import Settings
from reconciler.state_dir import StateDir

if TYPE_CHECKING:
    from reconciler.audit.verify import Kept, Verified

AUDIT_KEY = "audit.key"


def audit_of(settings: Settings, state: StateDir) -> AuditLog:
    """The log in the state directory. Nothing is opened or made before the first line."""
    size = settings.audit_file_mib << 20
    return AuditLog(state.path, lambda: state.key(AUDIT_KEY), keep=settings.audit_keep, size=size)


def checkpoint_of(settings: Settings) -> Checkpoint | None:
    """Sign where the log of this host ends; None where there is none. Raises StateError."""
    if not LogFiles(settings.state_dir).names():
        return None
    return audit_of(settings, StateDir(settings.state_dir)).checkpoint()


def verified(state: Path, *, key: str = "", others: Sequence[tuple[str, Kept]] = ()) -> Verified:
    """Look at the whole log below a state directory, or a copy of one. ``key``: the public key that signed,
    by default that of this host, else that of the first checkpoint, elsewhere or here. Raises StateError.
    """
    from reconciler.audit.verify import verify  # noqa: PLC0415  (who only writes the log never verifies it)

    log = LogFiles(state)
    return verify(log, key=key or _own_key(state) or _named(log, others), others=others)


def _own_key(state: Path) -> str:
    if not (state / AUDIT_KEY).exists():
        return ""
    return public_key(StateDir(state).key(AUDIT_KEY))


def _named(log: LogFiles, others: Sequence[tuple[str, Kept]]) -> str:
    kept = [item for _, found in others for item in found] + log.kept_checkpoints()
    return next((item.key for item in kept if item is not None), "")
