"""What a line says, made of what the log is told: members as the schema has them, none empty or secret. Pure."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from reconciler.audit.line import Kind
from reconciler.audit.values import Masker
from reconciler.core.audit import CONTROLLER, Deed

Fields = dict[str, Any]


def of_deed(kind: Kind, deed: Deed, masker: Masker, **more: Any) -> Fields:
    """An intent, an outcome or a late line of a deed; ``more`` are further members."""
    account = deed.account
    told = {
        "document": deed.document,
        "action": deed.action,
        "target": deed.target,
        "cause": deed.cause,
        "actor": asdict(account.actor),
        "source": asdict(account.origin),
        "before": asdict(account.before),
        "after": asdict(account.after),
        "generation": account.generation,
        "operation": account.operation,
        "task": account.task,
        **more,
    }
    masked = {name: _masked(value, masker, account.sensitive) for name, value in told.items()}
    return {"kind": kind, **{name: value for name, value in masked.items() if value}}


def of_log(kind: Kind, action: str, **more: Any) -> Fields:
    """A line that is about the log itself."""
    told = {name: value for name, value in more.items() if value}
    return {"kind": kind, "actor": asdict(CONTROLLER), "action": action, **told}


def moment(seconds: float) -> str:
    """UTC to the microsecond, so that texts sort as times do."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _masked(value: Any, masker: Masker, sensitive: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return {name: _masked(item, masker, sensitive) for name, item in value.items() if item}
    return masker.text(value, sensitive) if isinstance(value, str) else value
