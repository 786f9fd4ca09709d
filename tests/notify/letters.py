"""Messages and letters for tests."""

from __future__ import annotations

from typing import Any

from reconciler.core.drift import Drift
from reconciler.core.notice import Condition, Notice, Subject
from reconciler.core.status import DocumentStatus
from reconciler.core.telling import Message, Told
from reconciler.notify.wording import Letter, letter

WEB = Subject("document", "web")
AT = 1_700_000_000.0


def status(**changes: Any) -> DocumentStatus:
    usual: dict[str, Any] = {
        "name": "web",
        "kind": "Container",
        "target": "",
        "sync": "OutOfSync",
        "health": "Healthy",
        "phase": "RolledBack",
        "desired_release": "r3",
        "running_release": "r2",
        "drift": (Drift("environment", "config.environment.APP_TOKEN", "***", "***"),),
    }
    return DocumentStatus(**{**usual, **changes})


def message(
    condition: Condition = "rolled-back",
    *,
    subject: Subject = WEB,
    status: DocumentStatus | None = None,
    **more: Any,
) -> Message:
    notice = Notice(subject=subject, condition=condition, reason=more.pop("reason", ""), status=status)
    return Message(id="0" * 32, told=Told(subject=subject), notice=notice, since=AT, **more)


def resolved(subject: Subject = WEB, **more: Any) -> Message:
    told = Told(subject=subject, condition="failed", number=1)
    return Message(id="1" * 32, told=told, notice=None, since=AT, **more)


def a_letter(**more: Any) -> Letter:
    return letter(message(status=status(), **more), host="host-a", at=AT + 60)
